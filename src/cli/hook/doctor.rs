//! `toolgate hook doctor`: whether an installed hook really blocks. It looks at the agent's configuration, and then runs
//! the very command that stands there.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use serde_json::{Value, json};

use super::ask::post;
use super::install::entry::{command, events, switch, timeout, words};
use super::install::merge::ours;
use super::install::{Place, agent, parse, read};
use crate::cli::out;
use crate::config::Address;
use crate::protocols::hooks::{Agent, accepts};

/// A tool that no agent has: no policy allows it.
const TOOL: &str = "ToolgateDoctor";
/// Where no server is.
const NOWHERE: &str = "unix:/nonexistent/toolgate.sock";

/// Arguments of `hook doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The agent [default: every agent that has a configuration with our hook]
    #[arg(value_parser = agent)]
    agent: Option<Agent>,
    #[command(flatten)]
    place: Place,
    /// The tool of the test call, which policy must deny
    #[arg(long, value_name = "NAME", default_value = TOOL)]
    tool: String,
    /// The arguments of the test call
    #[arg(long, value_name = "JSON", default_value = "{}")]
    arguments: String,
}

pub(super) fn run(doctor: &Doctor) -> anyhow::Result<ExitCode> {
    let arguments: Value = serde_json::from_str(&doctor.arguments)?;
    anyhow::ensure!(arguments.is_object(), "`--arguments` is not a JSON object");
    let mut all = Vec::new();
    for agent in Agent::ALL.into_iter().filter(|a| doctor.agent.is_none_or(|one| one == *a)) {
        let file = doctor.place.of(agent)?;
        if doctor.agent.is_some() || has_hook(agent, &file) {
            all.push((agent, file));
        }
    }
    anyhow::ensure!(!all.is_empty(), "no agent has a hook of toolgate: see `toolgate hook install`");
    let mut good = true;
    for (agent, file) in all {
        let mut report = Report { good: true };
        out(&format!("{} ({})", agent.name(), file.display()));
        examine(agent, &file, &doctor.tool, &arguments, &mut report);
        good &= report.good;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn has_hook(agent: Agent, file: &Path) -> bool {
    let Ok(Some(text)) = read(file) else { return false };
    parse(&text, file).is_ok_and(|config| events(agent).iter().any(|e| !ours(&config, agent, e).is_empty()))
}

/// What was found, as it is found.
struct Report {
    good: bool,
}

impl Report {
    fn say(&mut self, good: bool, what: &str) {
        self.good &= good;
        out(&format!("  {} {what}", if good { "ok  " } else { "BAD " }));
    }
}

fn examine(agent: Agent, file: &Path, tool: &str, arguments: &Value, report: &mut Report) {
    let config = match read(file).and_then(|text| text.map(|t| parse(&t, file)).transpose()) {
        Ok(Some(config)) => config,
        Ok(None) => return report.say(false, "there is no such file; `toolgate hook install` writes it"),
        Err(e) => return report.say(false, &format!("{e:#}")),
    };
    let mut hooks: Vec<(&str, &Value)> = Vec::new();
    for event in events(agent) {
        let found = ours(&config, agent, event);
        report.say(!found.is_empty(), &format!("a hook at `{event}`"));
        hooks.extend(found.into_iter().map(|hook| (*event, hook)));
    }
    for (event, hook) in &hooks {
        switches(agent, event, hook, report);
    }
    let mut tried: Vec<&Value> = Vec::new();
    for (event, hook) in hooks {
        let same =
            |other: &&Value| command(agent, other) == command(agent, hook) && other.get("url") == hook.get("url");
        if tried.iter().any(same) {
            continue;
        }
        tried.push(hook);
        let question = question(agent, event, tool, arguments).to_string();
        match hook.get("url").and_then(Value::as_str) {
            Some(url) => try_url(agent, hook, url, &question, report),
            None => try_command(agent, hook, &question, report),
        }
    }
}

fn switches(agent: Agent, event: &str, hook: &Value, report: &mut Report) {
    if let Some((member, value)) = switch(agent) {
        let set = hook.get(member) == Some(&value);
        report.say(set, &format!("`{member}: {value}` at `{event}`, so that a hook that fails blocks"));
    }
    let (member, units) = timeout(agent);
    let client = patience(agent, hook);
    if let (Some(hook), Some(client)) = (hook.get(member).and_then(Value::as_f64), client) {
        let longer = hook / units as f64 > client;
        report.say(longer, &format!("the time-out at `{event}` is longer than the client's {client} s"));
    }
}

/// Seconds the client of a hook waits.
fn patience(agent: Agent, hook: &Value) -> Option<f64> {
    let words = words(&command(agent, hook)?)?;
    let given = option(&words, "--timeout").unwrap_or(super::client::PATIENCE);
    Some(crate::config::parse_duration(given)?.as_secs_f64())
}

fn option<'w>(words: &'w [String], name: &str) -> Option<&'w str> {
    let at = words.iter().position(|w| w == name)?;
    words.get(at + 1).map(String::as_str)
}

/// The payload of a call before it runs, as the agent sends it.
fn question(agent: Agent, event: &str, tool: &str, arguments: &Value) -> Value {
    match (agent, event) {
        (Agent::ClaudeCode | Agent::Codex, _) => json!({
            "session_id": "toolgate-doctor", "cwd": "/", "hook_event_name": event, "tool_name": tool,
            "tool_input": arguments, "tool_use_id": "toolgate-doctor"
        }),
        (Agent::Cursor, _) => json!({
            "conversation_id": "toolgate-doctor", "generation_id": "toolgate-doctor", "hook_event_name": "preToolUse",
            "workspace_roots": [], "tool_name": tool, "tool_input": arguments, "tool_use_id": "toolgate-doctor",
            "cwd": "/"
        }),
        (Agent::Gemini, _) => json!({
            "session_id": "toolgate-doctor", "cwd": "/", "hook_event_name": "BeforeTool", "tool_name": tool,
            "tool_input": arguments
        }),
        (Agent::Copilot, _) => json!({ "timestamp": 0, "cwd": "/", "toolName": tool, "toolArgs": arguments }),
    }
}

fn try_command(agent: Agent, hook: &Value, question: &str, report: &mut Report) {
    let Some(words) = command(agent, hook).and_then(|c| words(&c)) else {
        return report.say(false, "the command of the hook cannot be read");
    };
    let Some((program, arguments)) = words.split_first() else { return report.say(false, "the command is empty") };
    let path = PathBuf::from(program);
    if !path.is_absolute() {
        report.say(false, &format!("`{program}` is looked for on the path, which is not the agent's everywhere"));
    }
    let runs = std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    report.say(runs || !path.is_absolute(), &format!("`{program}` can be run"));
    match told(agent, run_hook(program, arguments, question)) {
        Told::Denied(reason) => report.say(true, &format!("a call that policy denies is denied: {reason}")),
        Told::Blocked(reason) => report.say(false, &format!("the server decides nothing: {reason}")),
        Told::Runs => report.say(
            false,
            "the test call may run: policy allows it, or has no opinion and `hooks.noOpinion` is `pass`; name one \
             that policy denies with --tool and --arguments",
        ),
        Told::Nothing(why) => report.say(false, &why),
    }
    let mut elsewhere: Vec<String> = Vec::new();
    let mut skip = false;
    for word in arguments {
        if skip || word == "--server" {
            skip = !skip;
        } else if !word.starts_with("--server=") {
            elsewhere.push(word.clone());
        }
    }
    elsewhere.extend(["--server".to_owned(), NOWHERE.to_owned()]);
    match told(agent, run_hook(program, &elsewhere, question)) {
        Told::Blocked(_) | Told::Denied(_) => report.say(true, "without a server, the call is blocked"),
        Told::Runs => report.say(false, "without a server, the call RUNS"),
        Told::Nothing(why) => report.say(false, &why),
    }
}

fn try_url(agent: Agent, hook: &Value, url: &str, question: &str, report: &mut Report) {
    let place = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
    let Some((Ok(server), path)) = place.map(|(server, path)| (Address::parse(server), path)) else {
        return report.say(false, &format!("`{url}` is not an address on this machine, and is not tried"));
    };
    let header = hook.get("headers").and_then(|h| h.get("Authorization")).and_then(Value::as_str);
    let name = header.and_then(|h| h.strip_prefix("Bearer $"));
    let token = name.and_then(|name| std::env::var(name).ok());
    if let (Some(name), None) = (name, &token) {
        report.say(false, &format!("the environment variable `{name}` with the token is not set here"));
    }
    match post(&server, &format!("/{path}"), token.as_deref(), question.as_bytes()) {
        Ok(answer) if accepts(agent, &answer).is_err() => report.say(false, "the answer is none the agent accepts"),
        Ok(answer) => match denial(agent, &answer) {
            Some(reason) => report.say(true, &format!("a call that policy denies is denied: {reason}")),
            None => report.say(false, "the test call may run; name one that policy denies with --tool and --arguments"),
        },
        Err(e) => report.say(false, &e.to_string()),
    }
}

/// What a hook told its agent.
enum Told {
    /// The server denied it.
    Denied(String),
    /// The client blocked it, as it does when something fails.
    Blocked(String),
    /// Nothing against it.
    Runs,
    /// It could not be run.
    Nothing(String),
}

struct Ended {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

fn run_hook(program: &str, arguments: &[String], question: &str) -> std::io::Result<Ended> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading says why by itself.
        let _ = stdin.write_all(question.as_bytes());
    }
    let (mut stdout, mut stderr) = (Vec::new(), String::new());
    if let Some(from) = child.stdout.take() {
        from.take(1 << 20).read_to_end(&mut stdout)?;
    }
    if let Some(from) = child.stderr.take() {
        from.take(1 << 20).read_to_string(&mut stderr)?;
    }
    Ok(Ended { code: child.wait()?.code(), stdout, stderr })
}

/// What an agent makes of it.
fn told(agent: Agent, ended: std::io::Result<Ended>) -> Told {
    let ended = match ended {
        Ok(ended) => ended,
        Err(e) => return Told::Nothing(format!("the hook cannot be run: {e}")),
    };
    match ended.code {
        Some(2) if !ended.stderr.trim().is_empty() => Told::Blocked(ended.stderr.trim().to_owned()),
        Some(0) if accepts(agent, &ended.stdout).is_ok() => match denial(agent, &ended.stdout) {
            Some(reason) if reason.starts_with("toolgate: ") && reason.ends_with("; the call is blocked") => {
                Told::Blocked(reason)
            }
            Some(reason) => Told::Denied(reason),
            None => Told::Runs,
        },
        code => Told::Nothing(format!("the hook ended with {code:?}, which lets calls run: {}", ended.stderr.trim())),
    }
}

/// The reason of an answer that keeps a call from running; none if it does not.
fn denial(agent: Agent, answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (decision, reason) = match agent {
        Agent::ClaudeCode | Agent::Codex => {
            let inner = answer.get("hookSpecificOutput")?;
            (text(inner, "permissionDecision"), text(inner, "permissionDecisionReason"))
        }
        Agent::Cursor => (text(&answer, "permission"), text(&answer, "agent_message")),
        Agent::Gemini => (text(&answer, "decision"), text(&answer, "reason")),
        Agent::Copilot => (text(&answer, "permissionDecision"), text(&answer, "permissionDecisionReason")),
    };
    (decision.as_deref() == Some("deny")).then(|| reason.unwrap_or_default())
}
