//! Hooks of coding agents: golden files of what each agent sends and gets, over HTTP and by way of `toolgate hook`; and
//! everything that can go wrong, which must block the call each time.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use http::Method;
use serde_json::{Value, json};
use toolgate::config::{Config, Typed};
use toolgate::protocols::hooks::{Agent, Block, accepts};

use crate::support::{Answer, Pdp, Policies, eventually, send_with};

/// Servers whose calls the policy of the golden files is about.
const KINDS: [&str; 6] =
    ["mcp::github", "agent::claude-code", "agent::codex", "agent::cursor", "agent::gemini", "agent::copilot"];

fn policies() -> Policies {
    let text = std::fs::read_to_string(data("policy.yaml")).unwrap();
    let files: Vec<(String, String)> =
        KINDS.iter().map(|k| (format!("{}.yaml", k.replace("::", "_")), text.replace("KIND", k))).collect();
    Policies::new(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
}

fn data(name: &str) -> String {
    format!("{}/tests/data/hooks/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn socket(directory: &Path) -> String {
    format!("unix:{}", directory.join("hooks.sock").display())
}

/// A server with a socket for hooks, and what else `hooks` says.
async fn serve(policies: &Policies, sockets: &Path, hooks: &str) -> Pdp {
    let file = format!(
        "adapters:\n  identity:\n    - static: {{id: dev, roles: [user]}}\n\
         hooks:\n  listenAddr: {}\n  mcpServers: {{'https://mcp.example/github': github, npx github-mcp: github}}\n{hooks}",
        socket(sockets)
    );
    Pdp::start_from(policies.path(), &file).await
}

async fn post(pdp: &Pdp, agent: Agent, body: &str) -> Answer {
    let address = pdp.hooks.clone().unwrap();
    send_with(&address, Method::POST, agent.path(), &[], bytes::Bytes::copy_from_slice(body.as_bytes())).await
}

/// Runs the client as an agent does.
fn client(agent: Agent, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(["hook", agent.name()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A client that blocks before it reads closes its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// True for an answer of the agent's that keeps the call from running.
fn denies(agent: Agent, answer: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(answer) else { return false };
    let decision = match agent {
        Agent::ClaudeCode | Agent::Codex => &value["hookSpecificOutput"]["permissionDecision"],
        Agent::Cursor => &value["permission"],
        Agent::Gemini => &value["decision"],
        Agent::Copilot => &value["permissionDecision"],
    };
    accepts(agent, answer).is_ok() && decision == "deny"
}

/// The call does not run: in the agent's own words, or by exit code 2 and a reason on standard error.
fn assert_blocked(agent: Agent, output: &Output, what: &str) {
    let blocked = match (agent.block(), output.status.code()) {
        (_, Some(2)) => !output.stderr.trim_ascii().is_empty(),
        (Block::Answer, Some(0)) => denies(agent, &output.stdout),
        _ => false,
    };
    assert!(blocked, "{agent:?}, {what}: {output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn golden_files() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    let pdp = serve(&policies, sockets.path(), "").await;
    let server = socket(sockets.path());
    for agent in Agent::ALL {
        let text = std::fs::read_to_string(data(&format!("{}.json", agent.name()))).unwrap();
        let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let (name, input, expected) = (&case["case"], case["in"].to_string(), &case["out"]);
            let answer = post(&pdp, agent, &input).await;
            let output = {
                let (server, input) = (server.clone(), input.clone());
                let run = move || client(agent, &["--server", &server, "--timeout", "60s"], input.as_bytes());
                tokio::task::spawn_blocking(run).await.unwrap()
            };
            if expected.is_null() {
                // Claude Code takes any status but 200 for no answer.
                let denied =
                    if agent == Agent::ClaudeCode { denies(agent, &answer.body) } else { answer.status != 200 };
                assert!(denied, "{agent:?}, {name}: {answer:?}");
                if output.status.code() == Some(0) {
                    assert!(denies(agent, &output.stdout), "{agent:?}, {name}: {output:?}");
                } else {
                    assert_blocked(agent, &output, &name.to_string());
                }
                continue;
            }
            assert_eq!(answer.status, 200, "{agent:?}, {name}: {answer:?}");
            similar_asserts::assert_eq!(&answer.json(), expected, "{:?}, {}", agent, name);
            assert_eq!(accepts(agent, &answer.body), Ok(()), "{agent:?}, {name}");
            assert_eq!(output.status.code(), Some(0), "{agent:?}, {name}: {output:?}");
            assert!(output.stderr.is_empty(), "{agent:?}, {name}: {output:?}");
            let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
            similar_asserts::assert_eq!(&printed, expected, "{:?}, {}", agent, name);
        }
    }
}

/// The payload of a call before it runs, whose verdict is what `word` says.
fn question(agent: Agent, word: &str) -> String {
    match agent {
        Agent::ClaudeCode | Agent::Codex => {
            json!({"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": word}})
        }
        Agent::Cursor => json!({"hook_event_name": "beforeShellExecution", "command": word, "cwd": "/"}),
        Agent::Gemini => {
            json!({"hook_event_name": "BeforeTool", "tool_name": "run_shell_command", "tool_input": {"command": word}})
        }
        Agent::Copilot => json!({"toolName": "bash", "toolArgs": {"command": word}}),
    }
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_policy_is_about_and_what_is_allowed_can_be_left_to_the_agent() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    let pdp = serve(&policies, sockets.path(), "  noOpinion: pass\n  onAllow: pass\n").await;
    for agent in Agent::ALL {
        let nothing = if agent == Agent::Cursor { json!({"permission": "allow"}) } else { json!({}) };
        assert_eq!(post(&pdp, agent, &question(agent, "allow")).await.json(), nothing, "{agent:?}");
        // A policy is about it, and allows it nowhere.
        for word in ["deny", "no rule is about this"] {
            let answer = post(&pdp, agent, &question(agent, word)).await;
            assert!(denies(agent, &answer.body), "{agent:?}: {answer:?}");
        }
    }
    let other = r#"{"hook_event_name":"PreToolUse","tool_name":"mcp__other__x","tool_input":{}}"#;
    for agent in [Agent::ClaudeCode, Agent::Codex] {
        assert_eq!(post(&pdp, agent, other).await.json(), json!({}), "{agent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_redacted_where_results_are_seen() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    let pdp = serve(&policies, sockets.path(), "  results: true\n").await;
    let answer = post(&pdp, Agent::ClaudeCode, &question(Agent::ClaudeCode, "redact")).await.json();
    assert_eq!(answer["hookSpecificOutput"]["permissionDecision"], "allow");
    // No other agent shows results.
    let answer = post(&pdp, Agent::Codex, &question(Agent::Codex, "redact")).await;
    assert!(denies(Agent::Codex, &answer.body), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_taken_for_somebody() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    // By TCP nobody is identified, and of the users on the socket only one that does not exist.
    let file = format!(
        "adapters:\n  identity:\n    - static: {{id: dev, roles: [user], uids: ['4294967294']}}\nhooks:\n  listenAddr: {}\n",
        socket(sockets.path())
    );
    let pdp = Pdp::start_from(policies.path(), &file).await;
    for agent in Agent::ALL {
        // What a payload says of its user counts for nothing.
        let mut payload: Value = serde_json::from_str(&question(agent, "allow")).unwrap();
        payload["user_email"] = json!("dev");
        payload["identity"] = json!({"id": "dev", "roles": ["user"]});
        for answer in [
            post(&pdp, agent, &payload.to_string()).await,
            send_with(&pdp.http, Method::POST, agent.path(), &[("x-user", "dev")], payload.to_string().into()).await,
        ] {
            assert_eq!(answer.status, 200);
            assert!(denies(agent, &answer.body), "{agent:?}: {answer:?}");
            assert!(answer.text().contains("nobody is known to ask"), "{agent:?}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_reload_changes_no_denial() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    let pdp = serve(&policies, sockets.path(), "").await;
    for kind in KINDS {
        policies.write(&format!("{}.yaml", kind.replace("::", "_")), "resourcePolicy: {rules: [");
    }
    eventually("the fault is seen", async || pdp.get("/v1/status").await.text().contains("failure").then_some(()))
        .await;
    for agent in Agent::ALL {
        let answer = post(&pdp, agent, &question(agent, "deny")).await;
        assert!(denies(agent, &answer.body), "{agent:?}: {answer:?}");
    }
}

/// Servers that are not what they should be: each takes one connection after the other and does this.
fn odd_server(path: &Path, answer: Option<&'static [u8]>) -> String {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            match answer {
                // It never answers, and never hangs up.
                None => kept.push(stream),
                Some(answer) => {
                    let mut asked = [0; 4096];
                    let _ = stream.read(&mut asked);
                    let _ = stream.write_all(answer);
                }
            }
        }
    });
    format!("unix:{}", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_blocks() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    let _pdp = serve(&policies, sockets.path(), "").await;
    let at = |name: &str| sockets.path().join(name);
    let good = socket(sockets.path());
    let odd: Vec<(&str, String)> = [
        ("garbage", Some(b"220 smtp\r\n".as_slice())),
        ("empty", Some(b"")),
        ("status", Some(b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}")),
        ("redirect", Some(b"HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 2\r\n\r\n{}")),
        ("no-content", Some(b"HTTP/1.1 204 X\r\n\r\n")),
        ("cut", Some(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}")),
        ("no-json", Some(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nallow")),
        ("no-body", Some(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")),
        ("unknown-member", Some(b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"continue\":false}")),
        ("flat", Some(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"decision\":\"defer\"}")),
    ]
    .into_iter()
    .map(|(name, answer)| (name, odd_server(&at(name), answer)))
    .collect();
    let silent = odd_server(&at("silent"), None);
    std::fs::write(at("no-token"), " \n").unwrap();
    std::fs::write(at("bad-token"), "a b\r\nx: y").unwrap();
    let big = format!("{{\"pad\":\"{}\"}}", "x".repeat(5 << 20));
    let path = |name: &str| at(name).display().to_string();
    let (no_token, bad_token, no_file) = (path("no-token"), path("bad-token"), path("nothing"));
    let nowhere = format!("unix:{}", path("nobody"));
    let long = tokio::task::spawn_blocking(move || {
        for agent in Agent::ALL {
            let asked = question(agent, "allow");
            let with = |arguments: &[&str], input: &str| client(agent, arguments, input.as_bytes());
            // It is the failure that blocks: without one, the call runs.
            let fine = with(&["--server", &good, "--timeout", "60s"], &asked);
            assert_eq!((fine.status.code(), denies(agent, &fine.stdout)), (Some(0), false), "{agent:?}: {fine:?}");

            for (name, server) in &odd {
                assert_blocked(agent, &with(&["--server", server], &asked), name);
            }
            let wrong: &[(&str, &[&str])] = &[
                ("no server", &["--server", &nowhere]),
                ("nobody at the port", &["--server", "127.0.0.1:1"]),
                ("a server that never answers", &["--server", &silent, "--timeout", "200ms"]),
                ("no token in the file", &["--server", &good, "--token-file", &no_token]),
                ("no token but more than that", &["--server", &good, "--token-file", &bad_token]),
                ("no file with a token", &["--server", &good, "--token-file", &no_file]),
                ("an unknown option", &["--server", &good, "--unknown"]),
                ("no address", &["--server"]),
                ("a server elsewhere", &["--server", "192.0.2.1:3592"]),
                ("a time-out of nothing", &["--server", &good, "--timeout", "0s"]),
                ("an argument too many", &["--server", &good, "more"]),
            ];
            for (name, arguments) in wrong {
                assert_blocked(agent, &with(arguments, &asked), name);
            }
            let twice =
                asked.replacen('{', "{\"hook_event_name\":\"x\",\"hook_event_name\":\"x\",\"toolName\":\"x\",", 1);
            let cased = asked.replacen('{', "{\"TOOL_INPUT\":{},\"toolargs\":{},\"Command\":\"x\",", 1);
            for (name, input) in [
                ("nothing", ""),
                ("not JSON", "run it"),
                ("half of it", &asked[..asked.len() / 2]),
                ("a list", "[]"),
                ("an empty object", "{}"),
                ("two values", &format!("{asked}{asked}")),
                ("a member twice", &twice),
                ("a member under another case", &cased),
                ("more than may be", &big),
                ("a nest", &"[".repeat(100_000)),
                ("a number no double holds", &asked.replace("\"allow\"", "12345678901234567891")),
            ] {
                let output = with(&["--server", &good, "--timeout", "60s"], input);
                if agent == Agent::ClaudeCode && output.status.code() == Some(0) {
                    // The server's own denial.
                    assert!(denies(agent, &output.stdout), "{name}: {output:?}");
                } else {
                    assert_blocked(agent, &output, name);
                }
            }
        }
    });
    long.await.unwrap();
}

#[test]
fn a_wrong_command_line_blocks_whatever_is_wrong() {
    for arguments in [&["hook"][..], &["hook", "codx"], &["hook", "codex", "--x"], &["--x", "hook", "codex"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_toolgate")).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn an_agent_that_takes_no_answer_gets_an_exit_code() {
    // Standard output is closed: what would be said cannot be.
    let mut command = Command::new("/bin/sh");
    let program = env!("CARGO_BIN_EXE_toolgate");
    command.args(["-c", "exec \"$0\" hook cursor --server unix:/nonexistent/x >/dev/full", program]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!output.stderr.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installed_hook_passes_its_examination_and_a_weakened_one_does_not() {
    let (policies, sockets) = (policies(), tempfile::tempdir().unwrap());
    let pdp = serve(&policies, sockets.path(), "").await;
    let server = socket(sockets.path());
    let http = pdp.http.to_string();
    let home = tempfile::tempdir().unwrap();
    let long = tokio::task::spawn_blocking(move || {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
            command.arg("hook").args(arguments).env("HOME", home.path()).stdin(Stdio::null()).output().unwrap()
        };
        let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
        for agent in Agent::ALL {
            let file = home.path().join(format!("{}.json", agent.name()));
            let place = file.to_str().unwrap();
            let install = ["install", agent.name(), "--server", &server, "--timeout", "60s", "--file", place];
            let dry = run(&[&install[..], &["--dry-run"]].concat());
            assert!(dry.status.success() && text(&dry).contains("+ ") && !file.exists(), "{dry:?}");
            std::fs::write(&file, "{\"model\": \"mine\"}").unwrap();
            assert!(run(&install).status.success());
            let written = std::fs::read_to_string(&file).unwrap();
            assert!(written.contains("\"model\": \"mine\""));
            let again = run(&install);
            assert!(text(&again).contains("nothing to change"), "{again:?}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), written);

            let doctor = run(&["doctor", agent.name(), "--file", place]);
            let report = text(&doctor);
            assert!(doctor.status.success() && !report.contains("BAD"), "{agent:?}: {doctor:?}");
            assert!(report.contains("a call that policy denies is denied"), "{report}");
            assert!(report.contains("without a server, the call is blocked"), "{report}");

            // Each weakening is found.
            for (strong, weak) in [
                ("\"onFailure\": \"block\"", "\"onFailure\": \"allow\""),
                ("\"failClosed\": true", "\"failClosed\": false"),
                ("hooks.sock", "nobody.sock"),
                ("toolgate hook", "toolgate-is-gone hook"),
                ("\"timeout\": 62", "\"timeout\": 1"),
                ("\"timeout\": 62000", "\"timeout\": 1000"),
                ("\"timeoutSec\": 62", "\"timeoutSec\": 1"),
            ] {
                if !written.contains(strong) {
                    continue;
                }
                std::fs::write(&file, written.replace(strong, weak)).unwrap();
                let doctor = run(&["doctor", agent.name(), "--file", place]);
                assert!(!doctor.status.success() && text(&doctor).contains("BAD"), "{agent:?} {weak}: {doctor:?}");
            }
            // A call that policy allows shows that the test is one.
            std::fs::write(&file, &written).unwrap();
            let argument = if agent == Agent::Cursor { "{\"word\": \"allow\"}" } else { "{\"command\": \"allow\"}" };
            let doctor = run(&["doctor", agent.name(), "--file", place, "--arguments", argument]);
            assert!(!doctor.status.success() && text(&doctor).contains("may run"), "{agent:?}: {doctor:?}");
        }
        // By HTTP there is nobody to be taken for: that is a denial too.
        let file = home.path().join("http.json");
        let place = file.to_str().unwrap();
        let install = ["install", "claude-code", "--http", "--server", &http, "--file", place];
        assert!(run(&install).status.success());
        let doctor = run(&["doctor", "claude-code", "--file", place]);
        assert!(doctor.status.success() && text(&doctor).contains("nobody is known to ask"), "{doctor:?}");
        // A file that is no JSON stays as it is.
        std::fs::write(&file, "// mine\n{}").unwrap();
        assert!(!run(&install).status.success());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "// mine\n{}");
        // In the user's own place.
        assert!(run(&["install", "codex", "--server", &server, "--timeout", "60s"]).status.success());
        assert!(home.path().join(".codex/hooks.json").is_file());
        assert!(run(&["doctor"]).status.success());
    });
    long.await.unwrap();
}

#[test]
fn an_address_elsewhere_is_no_place_for_hooks() {
    for (text, wanted) in [
        ("hooks: {listenAddr: '0.0.0.0:1'}", "can be reached from other machines"),
        ("hooks: {noOpinion: allow}", "must be one of `deny`, `pass`"),
        ("hooks: {mcpServers: {a: ''}}", "has a server without a name"),
        ("hooks: {onAlow: pass}", "unknown key `hooks.onAlow`"),
    ] {
        let file = Some(toolgate::source::SourceFile::new("c.yaml", text));
        let faults = Config::load(&Typed { file, ..Typed::default() }, &|_| None).unwrap_err();
        assert!(faults.iter().any(|f| f.to_string().contains(wanted)), "{text}: {faults:?}");
    }
}
