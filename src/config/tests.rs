//! Configurations as people write them.

use super::*;
use crate::engine::Semantics;

fn load(yaml: &str, change: impl FnOnce(&mut Typed)) -> Loaded {
    let mut typed = Typed { file: Some(SourceFile::new("c.yaml", yaml)), ..Typed::default() };
    change(&mut typed);
    Config::load(&typed, &|name| (name == "HERE").then(|| "127.0.0.1".to_owned()))
}

fn faults(yaml: &str) -> Vec<String> {
    match load(yaml, |_| {}) {
        Ok(_) => Vec::new(),
        Err(all) => all.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn nothing_typed_is_loopback_and_watched() {
    let (c, warnings) = Config::load(&Typed::default(), &|_| None).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(c.server.http.to_string(), "127.0.0.1:3592");
    assert_eq!(c.server.grpc.to_string(), "127.0.0.1:3593");
    assert_eq!(c.storage.directory, PathBuf::from("policies"));
    assert!(c.storage.watch);
    assert_eq!(c.engine.params.semantics, Semantics::Safe);
    assert_eq!(c.tool_calls.kind_prefix, "mcp::");
    assert_eq!(c.server.transport.message_bytes, 4 << 20);
}

#[test]
fn the_audit_log_is_configured_as_the_references() {
    use crate::audit::settings::{Backend, Output, Rotation};
    use crate::audit::{OnFailure, redact};
    let yaml = r"
audit:
  enabled: true
  backend: file
  accessLogsEnabled: false
  includeMetadataKeys: [a]
  decisionLogFilters: {checkResources: {ignoreAllowAll: true}, planResources: {ignoreAll: true, ignoreAlwaysAllow: true}}
  file: {path: /a.log, additionalPaths: [stdout, /a.log], logRotation: {maxFileSizeMB: 2, maxFileAgeDays: 3, maxFileCount: 0}}
  local: {advanced: {bufferSize: 16, maxBatchSize: 32, flushInterval: 10s}}
  onFailure: evidence
";
    let audit = load(yaml, |_| {}).unwrap().0.audit.unwrap();
    assert!(!audit.access && audit.decisions && audit.filters.checks_all_allowed && audit.filters.plans);
    assert_eq!((audit.on_failure, audit.queue.entries), (OnFailure::Evidence, 16));
    assert_eq!(audit.redaction.keys, redact::SECRET_KEYS);
    let Backend::Lines { outputs, rotation } = audit.backend else { panic!() };
    assert_eq!(outputs, [Output::File("/a.log".into()), Output::Stdout]);
    let keep_for = Some(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(rotation, Some(Rotation { bytes: 2 << 20, keep_for, keep: None }));

    let yaml = "audit: {enabled: true, backend: local, local: {storagePath: /d, retentionPeriod: 2h}}";
    let audit = load(yaml, |typed| typed.cerbos_compat = true).unwrap().0.audit.unwrap();
    assert!(audit.redaction.keys.is_empty());
    let Backend::Local(local) = audit.backend else { panic!() };
    assert_eq!((local.directory, local.retention), (PathBuf::from("/d"), Duration::from_secs(7200)));

    let (config, warnings) = load("audit: {backend: file, kafka: {topic: x}}", |_| {}).unwrap();
    assert!(config.audit.is_none());
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["c.yaml:1:31: warning[TG0907]: `audit.kafka` has no effect: the backend is `file` or `local`"]
    );
}

#[test]
fn a_reference_configuration_starts() {
    let yaml = r#"
server:
  httpListenAddr: "${HERE}:1000"
  grpcListenAddr: "unix:/run/t.sock" # ${NOT_READ}
  udsFileMode: 0o660
  metricsEnabled: ${METRICS:false}
  playgroundEnabled: false
  adminAPI: {enabled: false, adminCredentials: {username: x, passwordHash: y}}
  requestLimits: {maxActionsPerResource: 100}
  advanced:
    http: {readTimeout: 1m30s}
    grpc: {maxConcurrentStreams: 2}
engine:
  defaultPolicyVersion: "20210210"
  lenientScopeSearch: true
  globals: {environment: staging, levels: [1, two], price: $$5}
  compatibility: cerbos
  strictEvaluation: true
schema: {enforcement: none}
audit: {enabled: false, backend: local}
telemetry: {disabled: true}
storage:
  driver: disk
  disk: {directory: /p, debounce: 1s}
  git: {protocol: https}
"#;
    let (c, warnings) = load(yaml, |_| {}).unwrap();
    assert_eq!(c.server.http.to_string(), "127.0.0.1:1000");
    assert_eq!(c.server.grpc.to_string(), "unix:/run/t.sock");
    assert_eq!(c.server.uds_file_mode, 0o660);
    assert!(!c.server.metrics);
    assert_eq!((c.server.limits.actions, c.server.limits.resources), (100, 50));
    assert_eq!(c.server.http_timeouts.read, Duration::from_secs(90));
    assert_eq!(c.server.transport.streams, 2);
    assert_eq!(c.engine.params.default_policy_version, "20210210");
    assert_eq!(c.engine.params.semantics, Semantics::CerbosStrict);
    assert!(c.engine.compile.cerbos_compat);
    assert_eq!(c.engine.compile.globals.len(), 3);
    let levels = format!("{:?}", c.engine.compile.globals["levels"]);
    assert!(levels.starts_with("List([Int(1)"), "whole numbers of the configuration are ints: {levels}");
    assert_eq!(format!("{:?}", c.engine.compile.globals["price"]), "String(\"$5\")");
    assert_eq!(c.storage.directory, PathBuf::from("/p"));
    assert!(!c.storage.watch, "as the reference: a directory in a file is watched if the file says so");
    let warned: Vec<&str> = warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        warned,
        [
            "`telemetry` has no effect: nothing is ever sent anywhere",
            "`storage.git` has no effect: the driver is `disk`"
        ]
    );
}

#[test]
fn every_fault_has_its_place() {
    let cases: &[(&str, &[&str])] = &[
        ("server: {httpListenAdr: x}", &["c.yaml:1:10: error[TG0901]: unknown key `server.httpListenAdr`"]),
        ("sever: {}", &["c.yaml:1:1: error[TG0901]: unknown key `sever`"]),
        ("server:\n  tls: {cert: a}", &["c.yaml:2:15: error[TG0902]: `server.tls` needs both `cert` and `key`"]),
        ("server: {tls: {caCert: a}}", &["c.yaml:1:24: error[TG0902]: `server.tls` needs both `cert` and `key`"]),
        ("server: {tls: {}}", &[]),
        ("server: {tls: {cert: null}}", &[]),
        (
            "server:\n  adminAPI: {enabled: true}",
            &["c.yaml:2:13: error[TG0906]: `server.adminAPI` needs `adminCredentials.passwordHash`"],
        ),
        (
            "server: {adminAPI: {enabled: true, adminCredentials: {passwordHash: c2VjcmV0}}}",
            &[
                "c.yaml:1:20: error[TG0902]: `server.adminAPI.adminCredentials.passwordHash` is not the base64 of a bcrypt hash",
            ],
        ),
        (
            "server: {cors: {allowedOrigins: a}}",
            &["c.yaml:1:33: error[TG0902]: `server.cors.allowedOrigins` must be a list of texts"],
        ),
        (
            "server: {publicURL: pdp.example/x}",
            &[
                "c.yaml:1:21: error[TG0902]: `pdp.example/x` is not a public URL: expected something like `https://pdp.example`",
            ],
        ),
        (
            "server: {playgroundEnabled: true, logRequestPayloads: true, apiExplorerEnabled: true}",
            &[
                "c.yaml:1:29: error[TG0903]: `server.playgroundEnabled` is not supported: the playground is not served",
                "c.yaml:1:55: error[TG0903]: `server.logRequestPayloads` is not supported: what is asked about does not belong in a log",
                "c.yaml:1:81: error[TG0903]: `server.apiExplorerEnabled` is not supported: there is no API explorer",
            ],
        ),
        (
            "hub: {credentials: {clientID: a}}",
            &["c.yaml:1:6: error[TG0903]: `hub` is not supported: the hosted service of Cerbos is not supported"],
        ),
        ("audit: {enabled: true}", &["c.yaml:1:18: error[TG0902]: `audit.enabled` needs `audit.backend`"]),
        (
            "audit: {backend: kafka}",
            &["c.yaml:1:18: error[TG0903]: `audit.backend` must be `file` or `local`: nothing is ever sent anywhere"],
        ),
        (
            "audit: {enabled: true, backend: local, local: {retentionPeriod: 721h}}",
            &[
                "c.yaml:1:48: error[TG0902]: `audit.local.storagePath` is missing: a directory for the rows",
                "c.yaml:1:65: error[TG0902]: `audit.local.retentionPeriod` must be at most `720h`",
            ],
        ),
        (
            "audit: {redact: {keys: ['a*b']}}",
            &[
                "c.yaml:1:24: error[TG0902]: `audit.redact.keys`: `a*b` is not a pattern of keys: expected a word such as \
               `password`, `*password`, `password*` or `*password*`",
            ],
        ),
        ("audit: {file: {pth: x}}", &["c.yaml:1:16: error[TG0901]: unknown key `audit.file.pth`"]),
        ("schema: {enforcement: reject}", &[]),
        (
            "schema: {enforcement: maybe}",
            &["c.yaml:1:23: error[TG0902]: `schema.enforcement` must be one of `none`, `warn`, `reject`"],
        ),
        ("auxData: {jwt: {acceptableTimeSkew: 5s, disableVerification: false, keySets: []}}", &[]),
        ("auxData: {jwt: {keySets: {}}}", &["c.yaml:1:26: error[TG0902]: `auxData.jwt.keySets` must be a list"]),
        ("auxData: {jwt: {keySets: [{local: {file: x}}]}}", &["c.yaml:1:27: error[TG0902]: a key set needs an `id`"]),
        (
            "auxData: {jwt: {keySets: [{id: a}]}}",
            &["c.yaml:1:27: error[TG0902]: key set `a` must have exactly one of `local` and `remote`"],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, local: {file: x}, remote: {url: 'http://x/'}}]}}",
            &["c.yaml:1:27: error[TG0902]: key set `a` must have exactly one of `local` and `remote`"],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, local: {file: x, data: e30=}}]}}",
            &["c.yaml:1:27: error[TG0902]: key set `a` must have exactly one of `local.file` and `local.data`"],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, local: {data: '!'}}]}}",
            &[
                "c.yaml:1:27: error[TG0902]: key set `a` must have exactly one of `local.file` and `local.data`",
                "c.yaml:1:49: error[TG0902]: the key data is not base64",
            ],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, remote: {url: 'file:///x'}}]}}",
            &[
                "c.yaml:1:27: error[TG0902]: key set `a` needs `remote.url`",
                "c.yaml:1:49: error[TG0902]: expected a URL such as `https://example.com/.well-known/jwks.json`",
            ],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, local: {file: x}}, {id: a, local: {file: y}}]}}",
            &["c.yaml:1:54: error[TG0902]: key set `a` is defined twice"],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, local: {file: x}, insecure: {optionalKey: true}}]}}",
            &["c.yaml:1:64: error[TG0901]: unknown key `auxData.jwt.keySets[0].insecure.optionalKey`"],
        ),
        (
            "auxData: {jwt: {keySets: [{id: a, local: {file: x, pem: true}, insecure: {optionalKid: true}}]}}",
            &["c.yaml:1:27: error[TG0902]: key set `a` is PEM, whose keys name neither themselves nor their \
               algorithm: it needs `insecure.optionalAlg` and `insecure.optionalKid`"],
        ),
        (
            "storage: {driver: git}",
            &[
                "c.yaml:1:19: error[TG0903]: storage driver `git` is not supported: have something else keep a directory in step, and watch that",
            ],
        ),
        ("storage: {driver: x}", &["c.yaml:1:19: error[TG0903]: storage driver `x` is unknown"]),
        ("storage: {driver: disk}", &["c.yaml:1:19: error[TG0902]: `storage.disk.directory` is missing"]),
        ("server: 1", &["c.yaml:1:9: error[TG0902]: `server` must be a map of settings"]),
        (
            "server: {metricsEnabled: 'true'}",
            &["c.yaml:1:26: error[TG0902]: `server.metricsEnabled` must be `true` or `false`"],
        ),
        (
            "server: {requestLimits: {maxActionsPerResource: 501}}",
            &[
                "c.yaml:1:49: error[TG0902]: `server.requestLimits.maxActionsPerResource` must be a whole number from 1 to 500",
            ],
        ),
        (
            "server: {httpListenAddr: 5}",
            &["c.yaml:1:26: error[TG0902]: `5` is not an address: expected `host:port`, `:port` or `unix:/path`"],
        ),
        (
            "server: {udsFileMode: 0o9}",
            &["c.yaml:1:23: error[TG0902]: `0o9` is not a file mode: expected something like `0o660`"],
        ),
        (
            "server: {httpListenAddr: '${NO}:1'}",
            &["c.yaml:1:26: error[TG0904]: environment variable `NO` is not set and has no default"],
        ),
        (
            "engine: {compatibility: opa}",
            &["c.yaml:1:25: error[TG0902]: `engine.compatibility` must be one of `toolgate`, `cerbos`"],
        ),
        (
            "engine: {strictEvaluation: true}",
            &["c.yaml:1:28: error[TG0903]: `engine.strictEvaluation` belongs to `engine.compatibility: cerbos`"],
        ),
        (
            "engine: {defaultPolicyVersion: ''}",
            &["c.yaml:1:32: error[TG0902]: `engine.defaultPolicyVersion` must not be blank"],
        ),
        (
            "engine: {globals: {a-b: 1}}",
            &["c.yaml:1:20: error[TG0902]: `a-b` cannot be the name of a global: it is not an identifier"],
        ),
        (
            "storage: {disk: {debounce: 5}}",
            &[
                "c.yaml:1:28: error[TG0902]: `storage.disk.debounce` must be a duration such as `500ms`, `2s` or `1h30m`, at least 1ms",
            ],
        ),
    ];
    for (yaml, expected) in cases {
        assert_eq!(faults(yaml), *expected, "{yaml}");
    }
    // All of them, in one go.
    assert_eq!(faults("a: 1\nb: 2\nserver: {c: 3}\n").len(), 3);
}

#[test]
fn beyond_loopback_only_when_told_so() {
    for address in ["':3592'", "0.0.0.0:3592", "'[::]:1'", "example.com:1"] {
        let yaml = format!("server: {{grpcListenAddr: {address}}}");
        let refused = faults(&yaml);
        assert!(refused.len() == 1 && refused[0].contains("TG0906"), "{refused:?}");
        assert!(load(&yaml, |t| t.insecure_listen = true).is_ok(), "{address}");
        let protected = format!("server: {{grpcListenAddr: {address}, tls: {{cert: c, key: k}}}}");
        assert_eq!(faults(&protected), [""; 0], "{address}");
    }
}

#[test]
fn the_command_line_goes_over_the_file() {
    let yaml = "engine: {compatibility: toolgate}\nstorage: {driver: disk, disk: {directory: a}}\n";
    let (c, _) = load(yaml, |t| {
        t.set = vec!["server.httpListenAddr=127.0.0.1:0,server.metricsEnabled=false".into()];
        t.directory = Some("b".into());
        t.cerbos_compat = true;
    })
    .unwrap();
    assert_eq!(c.server.http.to_string(), "127.0.0.1:0");
    assert!(!c.server.metrics);
    assert_eq!(c.storage.directory, PathBuf::from("b"));
    assert!(c.storage.watch);
    assert_eq!(c.engine.params.semantics, Semantics::Cerbos);
    let refused = load("", |t| t.set = vec!["server.x=1".into()]).unwrap_err();
    assert_eq!(refused[0].to_string(), "--set:1:1: error[TG0901]: unknown key `server.x`");
}

#[test]
fn what_is_open_by_default_depends_on_who_can_reach_it() {
    let load =
        |yaml: &str, compat: bool| load(yaml, |t| (t.cerbos_compat, t.insecure_listen) = (compat, true)).unwrap();
    let (c, _) = load("server: {}", false);
    assert_eq!((c.server.reflection, c.server.cors.is_some(), c.server.admin.is_some()), (true, false, false));
    let (c, _) = load("server: {grpcListenAddr: ':1'}", false);
    assert!(!c.server.reflection);
    let (c, warnings) = load("server: {grpcListenAddr: ':1', adminAPI: {enabled: true}}", true);
    assert_eq!((c.server.reflection, c.server.cors.is_some(), c.server.admin.is_some()), (true, true, true));
    assert!(warnings[0].message.contains("default password"), "{warnings:?}");
    let (c, _) =
        load("server: {cors: {allowedOrigins: [http://a]}, advanced: {grpc: {maxConcurrentStreams: 0}}}", false);
    assert_eq!((c.server.cors.is_some(), c.server.transport.streams), (true, u32::MAX));
}

#[test]
fn sources_of_identities_are_whole_or_refused() {
    let whole = "adapters:\n  identity:\n    - jwt: {audience: [mcp], roles: [groups], attr: {team: org.team}}\n    \
                 - claims: {namespace: n, giveRoles: [user]}\n    - spiffe: {trustDomains: [d], giveRoles: [w]}\n    \
                 - headers: {from: [127.0.0.1, 10.0.0.0/8, unix, gateway], id: X-User, roles: X-Roles}\n    \
                 - static: {id: me, roles: [user], uids: [1000]}\n  deadline: 90ms\n  envoy: {server: s, batches: judge, \
                 withoutArguments: judge, denials: http}\n  agentgateway: {results: true}\n  authzen: {server: t}\n";
    let (c, _) = load(whole, |_| {}).unwrap();
    let adapters = c.server.adapters;
    assert_eq!((adapters.identity.len(), adapters.deadline), (5, Duration::from_millis(90)));
    assert!(adapters.envoy.batches && adapters.envoy.without_arguments && adapters.envoy.http_denials);
    assert_eq!((adapters.envoy.server.as_deref(), adapters.authzen_server.as_deref()), (Some("s"), Some("t")));
    assert!(adapters.agentgateway.results);

    for (source, expected) in [
        ("{}", "exactly one of `jwt`, `claims`"),
        ("{spiffe: {trustDomains: [d], giveRoles: [w]}, static: {id: a, roles: [r]}}", "exactly one of"),
        ("{jwt: {roles: [groups]}}", "needs `audience`"),
        ("{jwt: {audience: [a], anyAudience: true, roles: [groups]}}", "needs `audience`"),
        ("{jwt: {audience: [a]}}", "needs `roles` or `giveRoles`"),
        ("{jwt: {audience: [a], giveRoles: [u], attr: {agent: x}}}", "is reserved for the agent"),
        ("{jwt: {audience: [a], giveRoles: [u], agentRoles: [x]}}", "has `agentRoles` and no `agent`"),
        ("{jwt: {audience: [a], giveRoles: [u], extra: 1}}", "unknown key `adapters.identity[0].jwt.extra`"),
        ("{claims: {giveRoles: [u]}}", "needs `namespace`"),
        ("{spiffe: {giveRoles: [u]}}", "needs `trustDomains`"),
        ("{headers: {id: x-user, giveRoles: [u]}}", "needs `from`"),
        ("{headers: {from: [everywhere], id: x-user, giveRoles: [u]}}", "`everywhere` is no sender"),
        ("{headers: {from: [10.0.0.0/40], id: x-user, giveRoles: [u]}}", "is no sender"),
        ("{headers: {from: [unix], giveRoles: [u]}}", "needs `id`"),
        ("{headers: {from: [unix], id: x-user}}", "needs `roles` or `giveRoles`"),
        ("{static: {id: me}}", "needs `roles`"),
        ("{static: {id: me, roles: [u], uids: [root]}}", "`uids` must be numbers of users"),
    ] {
        let found = faults(&format!("adapters: {{identity: [{source}]}}\n"));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{source}: {found:?}");
    }
}
