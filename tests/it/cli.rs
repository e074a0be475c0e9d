//! The program as people run it: what it prints, where, and with which exit code.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Policies, allowing};

fn toolgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.env_remove("TOOLGATE_CONFIG").env_remove("TOOLGATE_LOG_LEVEL").env("NO_COLOR", "1");
    command
}

fn run(args: &[&str]) -> Output {
    toolgate().args(args).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn policies() -> Policies {
    Policies::new(&[("github.yaml", &allowing("github", "list_issues, get_issue"))])
}

fn broken() -> Policies {
    let bad = allowing("a", "read").replace("EFFECT_ALLOW", "EFFECT_MAYBE");
    Policies::new(&[("a.yaml", &bad), ("sub/b.yaml", "resourcePolcy: {}\n")])
}

/// A server in a process of its own.
struct Serving {
    child: Child,
    http: String,
    grpc: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        #[expect(clippy::zombie_processes, reason = "waited for when dropped; if it never serves the test fails")]
        let mut child = toolgate()
            .arg("serve")
            .args(args)
            .args(["--set", "server.httpListenAddr=127.0.0.1:0,server.grpcListenAddr=127.0.0.1:0"])
            .args(["--log-format", "json"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if entry["message"] == "serving" {
                let text = |key: &str| entry[key].as_str().unwrap().to_owned();
                return Self { child, http: text("http"), grpc: text("grpc"), log };
            }
        }
    }

    /// Sends a signal and gives the exit code and the rest of the log.
    fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        let rest = self.log.by_ref().lines().map_while(Result::ok).collect::<Vec<_>>().join("\n");
        (code, rest)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_check_healthcheck_and_an_orderly_end() {
    let policies = policies();
    let dir = policies.path().to_str().unwrap();
    for signal in ["TERM", "INT"] {
        let pdp = Serving::start(&[dir]);
        for (kind, address) in [("http", &pdp.http), ("grpc", &pdp.grpc), ("grpc", &pdp.http)] {
            let health = run(&["healthcheck", "--kind", kind, "--host-port", address]);
            assert_eq!((health.status.code(), stdout(&health).as_str()), (Some(0), "SERVING\n"), "{}", stderr(&health));
        }
        let call = ["--id", "alice", "--role", "agent", "--server", "github", "--tool"];
        let by_server = |tool: &str| run(&[&["check", "--pdp", &pdp.http][..], &call, &[tool]].concat());
        assert_eq!(by_server("get_issue").status.code(), Some(0));
        assert_eq!(by_server("drop_all").status.code(), Some(2));
        // A server explains as a directory does.
        let here = policies.path().to_str().unwrap();
        let explained = |who: &[&str]| run(&[&["explain"], who, &call, &["drop_all"]].concat());
        let (near, far) = (explained(&[here]), explained(&["--pdp", &pdp.http]));
        assert_eq!((far.status.code(), stdout(&far)), (Some(2), stdout(&near)));
        assert!(stdout(&far).starts_with("DENY for identity `alice` [agent]"), "{}", stdout(&far));
        let (code, log) = pdp.signal(signal);
        assert_eq!(code, Some(0));
        assert!(log.contains("stopped"), "{log}");
    }
    // Nobody there.
    let gone = run(&["healthcheck", "--host-port", "unix:/nowhere/at/all", "--timeout", "1s"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(
        stderr(&gone).starts_with("toolgate: error: cannot ask the server at `unix:/nowhere/at/all`"),
        "{}",
        stderr(&gone)
    );
}

#[test]
fn check_decides_from_a_directory() {
    let policies = policies();
    let dir = policies.path().to_str().unwrap();
    let check = |args: &[&str]| run(&[&["check", dir][..], args].concat());
    let call = ["--id", "alice", "--role", "agent", "--server", "github", "--tool"];

    let allowed = check(&[&call[..], &["get_issue", "--arguments", r#"{"n": 1}"#, "--digest"]].concat());
    assert_eq!(allowed.status.code(), Some(0), "{}", stderr(&allowed));
    let text = stdout(&allowed);
    assert!(text.starts_with("ALLOW: "), "{text}");
    for line in ["policy      resource.mcp::github.vdefault", "rule        reads (github.yaml:6)", "revision    "] {
        assert!(text.contains(line), "{text}");
    }
    // SHA-256 of the arguments as they were typed.
    assert!(text.contains("arguments   e5d5f7c1d225fd6b13623ebb1b5b9d075c705659f81868b1e37005a0923b0346"), "{text}");

    let denied = check(&[&call[..], &["delete_repo", "--output", "json"]].concat());
    assert_eq!(denied.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&denied.stdout).unwrap();
    assert_eq!(json["verdict"], "VERDICT_DENY");

    // A question from a file, and one from standard input.
    let question = r#"{"identity":{"id":"a","roles":["agent"]},"tool":{"server":"github","name":"get_issue"}}"#;
    let file = policies.path().join("question.txt");
    std::fs::write(&file, question).unwrap();
    assert_eq!(check(&["--request", file.to_str().unwrap()]).status.code(), Some(0));
    let mut child =
        toolgate().args(["check", dir, "--request", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(question.as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));

    // What cannot be asked is an error, never an answer.
    for args in [&["--request", "/nowhere"][..], &[&call[..], &["x", "--arguments", "[1]"]].concat()] {
        let failed = check(args);
        assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0), "{}", stderr(&failed));
        assert!(stderr(&failed).starts_with("toolgate: error: "), "{}", stderr(&failed));
    }
    let nobody = check(&["--id", "alice", "--server", "github", "--tool", "x"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("identity.roles: value is required"), "{}", stderr(&nobody));
}

#[test]
fn lint_reports_everything_with_its_place() {
    let good = run(&["lint", policies().path().to_str().unwrap()]);
    assert_eq!(good.status.code(), Some(0));
    assert!(stdout(&good).ends_with("1 files, 1 policies, 1 rules: nothing to report\n"), "{}", stdout(&good));

    let broken = broken();
    let dir = broken.path().to_str().unwrap();
    let bad = run(&["lint", dir]);
    assert_eq!(bad.status.code(), Some(3));
    let text = stdout(&bad);
    for part in ["a.yaml:8:15", "EFFECT_MAYBE", "^", "sub/b.yaml:1:1", "did you mean", "resourcePolicy"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = run(&["lint", dir, "--output", "json"]);
    assert_eq!(json.status.code(), Some(3));
    let all: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
    assert!(all.iter().any(|d| d["file"] == "a.yaml" && d["position"]["line"] == 8), "{all:?}");

    let nowhere = run(&["lint", "/nowhere"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert_eq!(stderr(&nowhere), "toolgate: error: policy directory `/nowhere` does not exist\n");
}

#[test]
fn a_broken_policy_keeps_the_server_from_starting() {
    let broken = broken();
    let failed = run(&["serve", broken.path().to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    let text = stderr(&failed);
    assert!(text.contains("a.yaml:8:15") && text.contains("sub/b.yaml:1:1"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("toolgate: error: the policies in "), "{text}");
}

#[test]
fn a_configuration_is_used_or_refused_whole() {
    let policies = policies();
    let dir = policies.path();
    let config = dir.join("config.txt");
    let write = |text: &str| std::fs::write(&config, text).unwrap();
    let serve = || run(&["serve", "--config", config.to_str().unwrap()]);

    write("server:\n  httpListenAddr: ':0'\n  playgroundEnabled: true\nnope: 1\n");
    let failed = serve();
    assert_eq!(failed.status.code(), Some(1));
    let text = stderr(&failed);
    for part in [
        "config.txt:2:19",
        "`:0` can be reached from other machines",
        "config.txt:3:22",
        "`server.playgroundEnabled` is not supported",
        "unknown key `nope`",
        "the configuration cannot be used: 3 errors",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // A port that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    write(&format!(
        "server: {{httpListenAddr: '{address}'}}\nstorage: {{driver: disk, disk: {{directory: '{}'}}}}\n",
        dir.display()
    ));
    let failed = serve();
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains(&format!("toolgate: error: cannot listen on `{address}`")), "{}", stderr(&failed));
    // One that is right, with a variable in it.
    write("engine: {compatibility: '${SEMANTICS:cerbos}'}\n");
    let pdp = Serving::start(&[dir.to_str().unwrap(), "--config", config.to_str().unwrap()]);
    assert_eq!(pdp.signal("TERM").0, Some(0));
}

#[test]
fn a_protected_server_is_asked_and_takes_up_renewed_certificates_at_sighup() {
    let policies = policies();
    let certificates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    let dir = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        for end in ["crt", "key"] {
            std::fs::copy(certificates.join(format!("{name}.{end}")), dir.path().join(format!("tls.{end}"))).unwrap();
        }
    };
    copy("server");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let ca = certificates.join("ca.crt").display().to_string();
    let files = format!("server.tls.cert={},server.tls.key={}", path("tls.crt"), path("tls.key"));
    let pdp =
        Serving::start(&[policies.path().to_str().unwrap(), "--set", &files, "--set", "server.tls.reloadInterval=1h"]);
    let asking = |more: &[&str]| {
        let at = [["http", &pdp.http], ["grpc", &pdp.grpc]];
        at.map(|[kind, address]| run(&[&["healthcheck", "--kind", kind, "--host-port", address], more].concat()))
    };
    let codes = |more: &[&str]| asking(more).map(|o| o.status.code());
    let trusting = ["--ca-cert", &ca];
    let expecting = ["--set", &files];
    for answer in asking(&trusting).into_iter().chain(asking(&expecting)) {
        assert_eq!((answer.status.code(), stdout(&answer).as_str()), (Some(0), "SERVING\n"), "{}", stderr(&answer));
    }
    assert_eq!(codes(&[]), [Some(1), Some(1)]);
    let call = ["check", "--pdp", &pdp.http, "--id", "alice", "--role", "agent", "--server", "github"];
    assert_eq!(run(&[&call[..], &["--tool", "get_issue"], &trusting].concat()).status.code(), Some(0));

    copy("renewed");
    assert_eq!(codes(&expecting), [Some(1), Some(1)], "the file says another certificate than the server");
    let id = pdp.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "HUP", &id]).status().unwrap().success());
    assert!((0..400).any(|_| codes(&expecting) == [Some(0), Some(0)]), "never taken up");
    assert_eq!(pdp.signal("TERM").0, Some(0));
    // What is missing keeps it from starting.
    let missing = run(&["serve", policies.path().to_str().unwrap(), "--set", "server.tls.cert=c,server.tls.key=k"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("cannot serve TLS: cannot read `c`"), "{}", stderr(&missing));
}

#[test]
fn a_wrong_command_line_is_80() {
    for args in [&["nope"][..], &[], &["serve", "--nope"], &["check", "--id", "x"], &["lint", "--output", "xml"]] {
        let wrong = run(args);
        assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(80), 0), "{args:?}: {}", stderr(&wrong));
    }
    for args in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        let right = run(args);
        assert_eq!((right.status.code(), right.stderr.len()), (Some(0), 0), "{args:?}");
    }
}
