//! Tailnets, Tailscale Aperture, the Docker MCP gateway and LiteLLM: what they send, what they get, and what a wrong key,
//! a broken payload or a daemon that is gone leads to.

use std::path::Path;

use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::UnixListener;

use crate::support::{Answer, Pdp, Policies, allowing, send_with};

const KEY: &str = "a-key-of-forty-characters-or-thereabouts";

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// `github`: everybody of the group may read, and write what is not `secret`. `agent::aperture` and `agent::litellm`:
/// `Read` only.
fn policies() -> Policies {
    let github = "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: mcp::github\n  version: default\n  rules:\n    \
         - name: reads\n      actions: [get_issue]\n      effect: EFFECT_ALLOW\n      roles: ['group:eng', 'tag:ci', 'team:eng', payer, agent]\n    \
         - name: writes\n      actions: [create_issue]\n      effect: EFFECT_ALLOW\n      roles: ['group:eng', 'team:eng', agent]\n      \
         condition: {match: {expr: R.attr.arguments.title != 'secret'}}\n    \
         - name: who\n      actions: [who]\n      effect: EFFECT_DENY\n      roles: ['*']\n      \
         output: {when: {ruleActivated: 'P.id + \" \" + P.roles.join(\",\") + \" \" + string(P.attr.?grants.orValue([]).size()) + \" \" + P.attr.?node_id.orValue(\"-\")'}}\n    \
         - name: merges\n      actions: [merge]\n      effect: EFFECT_ALLOW\n      roles: ['group:eng', 'team:eng', agent]\n      \
         output: {when: {ruleActivated: '{\"obligations\": [{\"type\": \"approval\"}]}'}}\n";
    let native = |agent: &str| {
        allowing(agent, "Read").replace("mcp::", "agent::").replace("[agent]", "['group:eng', 'team:eng', payer]")
    };
    Policies::new(&[("github.yaml", github), ("a.yaml", &native("aperture")), ("l.yaml", &native("litellm"))])
}

const POLICY_FILE: &str = "{\n  // people\n  \"groups\": {\"group:eng\": [\"alice@example.com\",],},\n  \"tagOwners\": {\"tag:ci\": [\"group:eng\"]},\n}\n";

/// A configuration with a tailnet whose files are in a directory.
fn tailnet(directory: &Path, more: &str) -> String {
    std::fs::write(directory.join("policy.hujson"), POLICY_FILE).unwrap();
    format!(
        "tailnet:\n  socket: {0}/daemon.sock\n  policyFile: {0}/policy.hujson\n  capability: example.com/cap/policy\n  \
         proxies: [127.0.0.1]\n{more}",
        directory.display()
    )
}

async fn post(pdp: &Pdp, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    send_with(&pdp.http, Method::POST, path, headers, body.to_string().into()).await
}

/// Asks, as Claude Code does, for a tool of `github`.
async fn hook(pdp: &Pdp, headers: &[(&str, &str)], tool: &str) -> (String, String) {
    let body = json!({"hook_event_name": "PreToolUse", "tool_name": format!("mcp__github__{tool}"), "tool_input": {}});
    let answer = post(pdp, "/v1/hooks/claude-code", headers, &body).await.json();
    let text = |name: &str| answer["hookSpecificOutput"][name].as_str().unwrap().to_owned();
    (text("permissionDecision"), text("permissionDecisionReason"))
}

#[tokio::test]
async fn a_proxy_of_the_tailnet_tells_its_users() {
    let (policies, dir) = (policies(), tempfile::tempdir().unwrap());
    let config = tailnet(dir.path(), "adapters: {identity: [{tailnet: {by: headers}}]}\n");
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let login = ("tailscale-user-login", "alice@example.com");
    let grants = r#"{"example.com/cap/policy": [{"roles": ["payer"]}, {"team": "x"}]}"#;
    let cases: &[(&[(&str, &str)], &str, &str)] = &[
        (&[login], "get_issue", "allow"),
        (
            &[("tailscale-user-login", "bob@example.com")],
            "get_issue",
            "deny: nobody is known to ask: the identity has no roles",
        ),
        (&[("tailscale-user-login", "bob@example.com"), ("tailscale-app-capabilities", grants)], "get_issue", "allow"),
        (
            &[("tailscale-user-login", "bob@example.com"), ("tailscale-app-capabilities", grants)],
            "who",
            "deny: bob@example.com payer 2 -",
        ),
        (&[], "get_issue", "deny: nobody is known to ask: the request comes without an identity"),
        (&[login, login], "get_issue", "deny: nobody is known to ask: header `tailscale-user-login`"),
        (&[login, ("tailscale-app-capabilities", "{")], "get_issue", "deny: nobody is known to ask: header"),
        (
            &[login, ("tailscale-app-capabilities", r#"{"example.com/cap/policy": [{"roles": "payer"}]}"#)],
            "get_issue",
            "deny: nobody is known",
        ),
        (&[login, ("tailscale-app-capabilities", r#"{"a": [], "a": []}"#)], "get_issue", "deny: nobody is known"),
        // A tagged device has capabilities and no name.
        (&[("tailscale-app-capabilities", grants)], "get_issue", "deny: nobody is known"),
    ];
    for (headers, tool, expected) in cases {
        let (decision, reason) = hook(&pdp, headers, tool).await;
        assert!(format!("{decision}: {reason}").starts_with(expected), "{headers:?}: {decision}: {reason}");
    }
    // From anybody else, headers are no evidence.
    let config =
        tailnet(dir.path(), "adapters: {identity: [{tailnet: {by: headers}}]}\n").replace("127.0.0.1", "192.0.2.1");
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let (decision, reason) = hook(&pdp, &[login], "get_issue").await;
    assert!(decision == "deny" && reason.contains("does not come from a trusted proxy"), "{reason}");
}

/// A daemon as the tailnet's client has it, which knows two addresses.
fn daemon(path: &Path) -> tokio::task::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    let whois = async |headers: HeaderMap, RawQuery(query): RawQuery| {
        assert_eq!(headers["host"], "local-tailscaled.sock");
        let query = query.unwrap_or_default();
        let address = query.strip_prefix("addr=").unwrap();
        let (status, body) = match address.rsplit_once(':').unwrap().0 {
            "100.64.0.1" => (
                200,
                json!({
                "Node": {"Name": "laptop.example.ts.net.", "StableID": "nA1"},
                "UserProfile": {"LoginName": "alice@example.com", "DisplayName": "Alice"},
                "CapMap": {"example.com/cap/policy": [{"roles": ["payer"]}]}}),
            ),
            "100.64.0.2" => (
                200,
                json!({
                "Node": {"Name": "ci.example.ts.net.", "StableID": "nB2", "Tags": ["tag:ci", "tag:undeclared"]},
                "UserProfile": {"LoginName": "tagged-devices"}}),
            ),
            "100.64.0.3" => (200, json!({"Node": {}})),
            _ => (404, json!({})),
        };
        (http::StatusCode::from_u16(status).unwrap(), body.to_string())
    };
    let app = Router::new().route("/localapi/v0/whois", get(whois));
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let app = app.clone();
            tokio::spawn(async move {
                let service = hyper_util::service::TowerToHyperService::new(app);
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
            });
        }
    })
}

#[tokio::test]
async fn the_daemon_says_who_has_an_address() {
    use toolgate::identity::tailnet::{Daemon, WhoisError};
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("daemon.sock");
    let task = daemon(&socket);
    let known = Daemon::new(socket.clone(), std::time::Duration::from_secs(3600));
    let at = |text: &str| format!("{text}:4711").parse().unwrap();
    let alice = known.whois(at("100.64.0.1")).await.unwrap();
    assert_eq!(
        (alice.login.as_str(), alice.node.as_str(), alice.tags.len()),
        ("alice@example.com", "laptop.example.ts.net", 0)
    );
    let ci = known.whois(at("100.64.0.2")).await.unwrap();
    assert_eq!((ci.login.as_str(), ci.tags.len()), ("", 2));
    assert_eq!(known.whois(at("100.64.0.3")).await, Err(WhoisError::Strange));
    assert_eq!(known.whois(at("100.64.0.9")).await, Err(WhoisError::Nobody));
    task.abort();
    let _ = task.await;
    std::fs::remove_file(&socket).unwrap();
    // What was said is remembered, and nothing else.
    assert!(known.whois(at("100.64.0.1")).await.is_ok());
    assert!(matches!(known.whois(at("100.64.0.9")).await, Err(WhoisError::Daemon(_))));
    assert!(matches!(
        Daemon::new(socket, std::time::Duration::ZERO).whois(at("100.64.0.1")).await,
        Err(WhoisError::Daemon(_))
    ));
}

#[tokio::test]
async fn holders_of_tokens_and_users_of_this_machine_are_known() {
    let policies = policies();
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "adapters:\n  identity:\n    - token: {{sha256: {}, id: carol, roles: [agent]}}\n    - osUser: {{giveRoles: [agent]}}\n\
         hooks: {{listenAddr: 'unix:{}/h.sock'}}\n",
        hash(KEY),
        dir.path().display()
    );
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let bearer = format!("Bearer {KEY}");
    assert_eq!(hook(&pdp, &[("authorization", &bearer)], "who").await.1, "carol agent 0 -");
    for wrong in ["Bearer x", "Bearer ", "Basic x", &format!("bearer {KEY}x")] {
        let (decision, reason) = hook(&pdp, &[("authorization", wrong)], "get_issue").await;
        assert!(decision == "deny" && reason.contains("nobody is known"), "{wrong}: {reason}");
    }
    // Whoever runs this test, on the socket.
    let body = json!({"hook_event_name": "PreToolUse", "tool_name": "mcp__github__who", "tool_input": {}}).to_string();
    let answer = send_with(&pdp.hooks.clone().unwrap(), Method::POST, "/v1/hooks/claude-code", &[], body.into()).await;
    let uid = {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(dir.path()).unwrap().uid()
    };
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|l| l.split(':').nth(2) == Some(&uid.to_string())).unwrap();
    let name = line.split(':').next().unwrap();
    assert!(answer.text().contains(&format!("\"{name} agent 0 -\"")), "{answer:?}");
}

fn metadata(login: &str) -> Value {
    json!({"login_name": login, "stable_node_id": "nXYZ", "user_agent": "claude-code/1.0", "model": "m",
        "provider": "anthropic", "request_id": "req_1", "session_id": "sess_1",
        "grants": {"example.com/cap/policy": [{"team": "payments", "tier": 2}]}})
}

#[tokio::test]
async fn aperture_gets_requests_without_denied_tools() {
    let (policies, dir) = (policies(), tempfile::tempdir().unwrap());
    let config = tailnet(dir.path(), &format!("aperture: {{apiKeySha256: {}}}\n", hash(KEY)));
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let ask = async |login: &str, body: Value| {
        let bearer = format!("Bearer {KEY}");
        let payload = json!({"metadata": metadata(login), "request_body": body});
        let answer = post(&pdp, "/aperture", &[("authorization", &bearer)], &payload).await;
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let tool = |name: &str| json!({"name": name, "input_schema": {}});
    let allow = json!({"action": "allow"});
    let (alice, bob) = ("alice@example.com", "bob@example.com");

    assert_eq!(ask(alice, json!({"model": "m", "messages": []})).await, allow);
    // Declared: what could be allowed with some arguments stays.
    let body = json!({"model": "m", "tools": [tool("Read"), tool("Bash"), tool("mcp__github__create_issue"),
        tool("mcp__github__delete"), tool("mcp__other__x"), tool("mcp__a__b__c")], "tool_choice": {"type": "auto"}});
    assert_eq!(
        ask(alice, body).await,
        json!({"action": "modify", "request_body": {"model": "m", "tools": [tool("Read"), tool("mcp__github__create_issue")],
            "tool_choice": {"type": "auto"}}})
    );
    let allowed = json!({"tools": [tool("Read"), tool("mcp__github__get_issue")]});
    assert_eq!(ask(alice, allowed).await, allow);
    let forced = json!({"tools": [tool("Read"), tool("Bash")], "tool_choice": {"type": "tool", "name": "Bash"}});
    assert_eq!(ask(alice, forced).await["action"], "block");

    // History: judged with its arguments, whoever's form it has.
    for (title, action) in [("bug", "allow"), ("secret", "block")] {
        let arguments = json!({"title": title});
        let name = "mcp__github__create_issue";
        for body in [
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": name, "input": arguments}]}]}),
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": name, "arguments": arguments.to_string()}}]}]}),
            json!({"input": [{"type": "function_call", "name": name, "arguments": arguments.to_string()}]}),
            json!({"contents": [{"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]}]}),
        ] {
            let answer = ask(alice, body.clone()).await;
            assert_eq!(answer["action"], action, "{body}: {answer}");
            if action == "block" {
                assert_eq!(answer["status_code"], 403);
                assert!(answer["message"].as_str().unwrap().contains("`github/create_issue`"), "{answer}");
            }
        }
    }
    let broken = json!({"input": [{"type": "function_call", "name": "mcp__github__get_issue", "arguments": "{\"a\":1,\"a\":2}"}]});
    assert_eq!(ask(alice, broken).await["action"], "block");
    // A call that a person approved is no denied call.
    let approved =
        json!({"messages": [{"content": [{"type": "tool_use", "name": "mcp__github__merge", "input": {}}]}]});
    assert_eq!(ask(alice, approved).await, allow);
    let who = json!({"messages": [{"content": [{"type": "tool_use", "name": "mcp__github__who", "input": {}}]}]});
    let answer = ask(alice, who).await;
    assert!(answer["message"].as_str().unwrap().ends_with("alice@example.com group:eng 1 nXYZ"), "{answer}");

    // Who has no roles may do nothing, whatever is asked.
    assert_eq!(ask(bob, json!({"model": "m"})).await["action"], "block");
    assert_eq!(ask("", json!({"model": "m"})).await["action"], "block");
}

#[tokio::test]
async fn aperture_is_blocked_by_every_failure() {
    let (policies, dir) = (policies(), tempfile::tempdir().unwrap());
    let config = tailnet(
        dir.path(),
        &format!(
            "aperture: {{apiKeySha256: {}}}\nserver: {{advanced: {{grpc: {{maxRecvMsgSizeBytes: 65536}}}}}}\n",
            hash(KEY)
        ),
    );
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let bearer = format!("Bearer {KEY}");
    let good = json!({"metadata": metadata("alice@example.com"), "request_body": {"model": "m"}}).to_string();
    let send = async |headers: &[(&str, &str)], body: &str| {
        let answer = send_with(&pdp.http, Method::POST, "/aperture", headers, body.to_owned().into()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    for headers in [&[("authorization", bearer.as_str())][..], &[("x-api-key", KEY)], &[("x-goog-api-key", KEY)]] {
        assert_eq!(send(headers, &good).await, json!({"action": "allow"}));
    }
    for headers in [
        &[][..],
        &[("authorization", "Bearer x")],
        &[("authorization", KEY)],
        &[("x-api-key", KEY), ("authorization", "Bearer x")],
    ] {
        assert_eq!(send(headers, &good).await["action"], "block", "{headers:?}");
    }
    let big = json!({"metadata": metadata("alice@example.com"), "request_body": {"x": "x".repeat(70_000)}}).to_string();
    let twice = good.replacen('{', "{\"metadata\":{},", 1);
    let no_body = json!({"metadata": metadata("alice@example.com")}).to_string();
    let odd_grants = good.replace("[{\"team\"", "[1,{\"team\"");
    for body in [
        "",
        "{",
        "[]",
        "{}",
        "{\"metadata\":[]}",
        &good[..good.len() - 2],
        &big,
        &twice,
        &no_body,
        &odd_grants,
        &"[".repeat(9000),
    ] {
        let answer = send(&[("authorization", &bearer)], body).await;
        assert_eq!(answer["action"], "block", "{body:.80}");
        assert!(!answer["message"].as_str().unwrap().is_empty());
    }
    // After the fact nothing can be blocked: what was made is told in the log.
    let after = json!({"metadata": metadata("alice@example.com"), "tool_calls": [{"name": "Bash", "params": {"command": "x"}}]});
    assert_eq!(send(&[("authorization", &bearer)], &after.to_string()).await, json!({"action": "allow"}));
    assert!(pdp.get("/_cerbos/metrics").await.text().contains("deny"));
}

#[tokio::test]
async fn the_docker_gateway_gets_results_instead_of_denied_calls() {
    let policies = policies();
    let config = format!("adapters: {{identity: [{{token: {{sha256: {}, id: carol, roles: [agent]}}}}]}}\n", hash(KEY));
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let call = |name: &str, arguments: Value| {
        json!({"params": {"name": name, "arguments": arguments}, "Extra": {}}).to_string()
    };
    let basic = {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("carol:{KEY}")))
    };
    let send = async |path: &str, headers: &[(&str, &str)], body: &str| {
        send_with(&pdp.http, Method::POST, path, headers, body.to_owned().into()).await
    };
    let (url, carol) = ("/docker/before?server=github", [("authorization", basic.as_str())]);
    let answer = send(url, &carol, &call("create_issue", json!({"title": "bug"}))).await;
    assert!(answer.status == 200 && answer.body.is_empty(), "{answer:?}");
    let good = call("create_issue", json!({"title": "bug"}));
    let refused: &[(&str, &[(&str, &str)], &str)] = &[
        (url, &carol, &call("create_issue", json!({"title": "secret"}))),
        (url, &carol, &call("merge", json!({}))),
        (url, &carol, &call("create_issue", json!({}))),
        ("/docker/before", &carol, &good),
        ("/docker/before?server=a&server=github", &carol, &good),
        (url, &[], &good),
        (url, &[("authorization", "Basic x")], &good),
        (url, &carol, ""),
        (url, &carol, "{"),
        (url, &carol, "{}"),
        (url, &carol, &good.replace("\"params\"", "\"Params\"")),
        (url, &carol, &good.replacen('{', "{\"params\":{\"name\":\"get_issue\"},", 1)),
        (url, &carol, &good.replace("\"name\"", "\"Name\":\"x\",\"name\"")),
        (url, &carol, &good.replacen('{', "{\"method\":\"tools/list\",", 1)),
        (url, &carol, &good.replace("\"bug\"", "1e999")),
    ];
    for (path, headers, body) in refused {
        let answer = send(path, headers, body).await;
        let value = answer.json();
        assert_eq!((answer.status.as_u16(), &value["isError"]), (200, &json!(true)), "{path} {body}: {answer:?}");
        assert!(value["content"][0]["text"].as_str().unwrap().starts_with("denied: "), "{answer:?}");
    }
    let got = pdp.get("/docker/before").await;
    assert_eq!(got.json()["isError"], true);
}

#[tokio::test]
async fn litellm_is_told_what_is_denied() {
    let policies = policies();
    let config = format!("litellm: {{apiKeySha256: {}, servers: [github]}}\n", hash(KEY));
    let pdp = Pdp::start_from(policies.path(), &config).await;
    let data = json!({"user_api_key_user_id": "alice", "user_api_key_team_alias": "eng", "user_api_key_hash": "h"});
    let send = async |key: &str, body: &str| {
        let headers: &[(&str, &str)] = if key.is_empty() { &[] } else { &[("x-api-key", key)] };
        let answer =
            send_with(&pdp.http, Method::POST, "/beta/litellm_basic_guardrail_api", headers, body.to_owned().into())
                .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let function = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {}}});
    let asked = |more: Value| {
        let mut body = json!({"input_type": "request", "litellm_call_id": "c", "texts": ["x"], "request_data": data,
            "structured_messages": [{"role": "user", "content": "x"}], "model": "m"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let none = json!({"action": "NONE"});
    assert_eq!(send(KEY, &asked(json!({}))).await, none);
    assert_eq!(send(KEY, &asked(json!({"tools": [function("Read"), function("github-create_issue")]}))).await, none);
    assert_eq!(
        send(KEY, &asked(json!({"tools": [function("Read"), function("Bash"), function("mcp__github__get_issue")]})))
            .await,
        json!({"action": "GUARDRAIL_INTERVENED", "tools": [function("Read"), function("mcp__github__get_issue")]})
    );
    assert_eq!(send(KEY, &asked(json!({"tools": [function("Bash")]}))).await["action"], "BLOCKED");
    // What a model calls, with its arguments.
    let called = |name: &str, arguments: &str| {
        let call = json!({"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}});
        asked(json!({"input_type": "response", "tool_calls": [call]}))
    };
    assert_eq!(send(KEY, &called("github-create_issue", "{\"title\": \"bug\"}")).await, none);
    for (name, arguments) in [
        ("github-create_issue", "{\"title\": \"secret\"}"),
        ("github-merge", "{}"),
        ("Bash", "{}"),
        ("github-create_issue", "{"),
        ("", "{}"),
    ] {
        let answer = send(KEY, &called(name, arguments)).await;
        assert_eq!(answer["action"], "BLOCKED", "{name}");
        assert!(!answer["blocked_reason"].as_str().unwrap().is_empty());
    }
    // An MCP call has no arguments here: what policy decides on them cannot run.
    let mcp = |name: &str| asked(json!({"tools": [function(name)], "structured_messages": null, "model": null}));
    assert_eq!(send(KEY, &mcp("github-get_issue")).await, none);
    for name in ["github-create_issue", "github-merge", "github-delete", "other-x", ""] {
        assert_eq!(send(KEY, &mcp(name)).await["action"], "BLOCKED", "{name}");
    }
    let good = asked(json!({}));
    for key in ["", "x"] {
        assert_eq!(send(key, &good).await["action"], "BLOCKED");
    }
    let nobody = good.replace("\"user_api_key_user_id\":\"alice\",", "");
    let twice = good.replacen('{', "{\"tools\":[],\"tools\":[],", 1);
    for body in
        ["", "{", "[]", "{}", &good[..good.len() - 1], &nobody, &twice, &good.replace("\"request\"", "\"other\"")]
    {
        assert_eq!(send(KEY, body).await["action"], "BLOCKED", "{body:.60}");
    }
    // Not configured, none of them is there.
    let pdp = Pdp::start(policies.path()).await;
    assert_eq!(post(&pdp, "/aperture", &[], &json!({})).await.status, 404);
    assert_eq!(post(&pdp, "/beta/litellm_basic_guardrail_api", &[], &json!({})).await.status, 404);
}

#[test]
fn what_would_let_anybody_in_is_refused() {
    use toolgate::config::{Config, Typed};
    for (text, wanted) in [
        ("aperture: {}", "needs `apiKeySha256`"),
        ("aperture: {apiKeySha256: secret}", "expected the SHA-256"),
        ("litellm: {}", "needs `apiKeySha256`"),
        ("adapters: {identity: [{tailnet: {by: whois}}]}", "needs the section `tailnet`"),
        ("tailnet: {}\nadapters: {identity: [{tailnet: {}}]}", "needs `by`"),
        ("adapters: {identity: [{token: {sha256: x, id: a, roles: [b]}}]}", "expected the SHA-256"),
        ("adapters: {identity: [{token: {id: a, roles: [b]}}]}", "needs `sha256`"),
        ("adapters: {identity: [{osUser: {}}]}", "needs `giveRoles` or `groupRoles`"),
    ] {
        let file = Some(toolgate::source::SourceFile::new("c.yaml", text));
        let faults = Config::load(&Typed { file, ..Typed::default() }, &|_| None).unwrap_err();
        assert!(faults.iter().any(|f| f.to_string().contains(wanted)), "{text}: {faults:?}");
    }
}
