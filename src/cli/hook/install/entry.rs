//! What is written into an agent's configuration: for each event one entry that runs this program, with every switch
//! the agent has against failing open. Knows no file.

use std::time::Duration;

use serde_json::{Value, json};

use crate::protocols::hooks::Agent;

/// What the hook of an agent is to be.
#[derive(Clone, Debug)]
pub(in crate::cli::hook) struct Wanted {
    pub(in crate::cli::hook) agent: Agent,
    pub(in crate::cli::hook) how: How,
    /// How long the client waits; the hook waits longer.
    pub(in crate::cli::hook) patience: Duration,
    /// Permission prompts are answered too.
    pub(in crate::cli::hook) approvals: bool,
    /// Results are looked at too.
    pub(in crate::cli::hook) results: bool,
}

/// How the agent asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::hook) enum How {
    /// It runs this command.
    Command(String),
    /// It posts to this URL, with the token in this variable.
    Http { url: String, token: Option<String> },
}

/// One event and its entry.
pub(in crate::cli::hook) struct Entry {
    pub(in crate::cli::hook) event: &'static str,
    pub(in crate::cli::hook) value: Value,
}

/// How an agent lays its hooks out: `hooks.<event>` is a list, of groups with a list of hooks each, or of hooks.
pub(in crate::cli::hook) fn grouped(agent: Agent) -> bool {
    match agent {
        Agent::ClaudeCode | Agent::Codex | Agent::Gemini => true,
        Agent::Cursor | Agent::Copilot => false,
    }
}

/// The `version` an agent wants its file to state.
pub(in crate::cli::hook) fn version(agent: Agent) -> Option<u64> {
    matches!(agent, Agent::Cursor | Agent::Copilot).then_some(1)
}

/// What keeps a failing hook from letting a call run: the member and its value, where the agent has such a switch.
pub(in crate::cli::hook) fn switch(agent: Agent) -> Option<(&'static str, Value)> {
    match agent {
        Agent::ClaudeCode => Some(("onFailure", json!("block"))),
        Agent::Cursor => Some(("failClosed", json!(true))),
        Agent::Codex | Agent::Gemini | Agent::Copilot => None,
    }
}

/// The member that holds the hook's time-out, and how many of its units a second has.
pub(in crate::cli::hook) fn timeout(agent: Agent) -> (&'static str, u64) {
    match agent {
        Agent::ClaudeCode | Agent::Codex | Agent::Cursor => ("timeout", 1),
        Agent::Gemini => ("timeout", 1000),
        Agent::Copilot => ("timeoutSec", 1),
    }
}

/// The events whose hooks are needed for every call to be seen.
pub(in crate::cli::hook) fn events(agent: Agent) -> &'static [&'static str] {
    match agent {
        Agent::ClaudeCode | Agent::Codex => &["PreToolUse"],
        // What runs a shell or an MCP tool is seen whole at its own event only.
        Agent::Cursor => &["preToolUse", "beforeShellExecution", "beforeMCPExecution", "beforeReadFile"],
        Agent::Gemini => &["BeforeTool"],
        Agent::Copilot => &["preToolUse"],
    }
}

/// All entries of a hook.
pub(in crate::cli::hook) fn entries(wanted: &Wanted) -> Vec<Entry> {
    let mut all: Vec<&'static str> = events(wanted.agent).to_vec();
    if wanted.approvals && matches!(wanted.agent, Agent::ClaudeCode | Agent::Codex) {
        all.push("PermissionRequest");
    }
    if wanted.results && wanted.agent == Agent::ClaudeCode {
        all.push("PostToolUse");
    }
    all.into_iter().map(|event| Entry { event, value: entry(wanted, event) }).collect()
}

fn entry(wanted: &Wanted, event: &str) -> Value {
    let agent = wanted.agent;
    let mut hook = match (&wanted.how, agent) {
        (How::Command(command), Agent::Cursor) => json!({ "command": command }),
        (How::Command(command), Agent::Copilot) => json!({ "type": "command", "bash": command }),
        (How::Command(command), _) => json!({ "type": "command", "command": command }),
        (How::Http { url, token }, _) => {
            let mut hook = json!({ "type": "http", "url": url });
            if let Some(name) = token {
                set(&mut hook, "headers", json!({ "Authorization": format!("Bearer ${name}") }));
                set(&mut hook, "allowedEnvVars", json!([name]));
            }
            hook
        }
    };
    let (member, units) = timeout(agent);
    set(&mut hook, member, json!(hook_seconds(wanted.patience).saturating_mul(units)));
    if let Some((member, value)) = switch(agent) {
        set(&mut hook, member, value);
    }
    match agent {
        Agent::ClaudeCode => json!({ "matcher": "*", "hooks": [hook] }),
        // No matcher is every tool.
        Agent::Codex | Agent::Gemini => json!({ "hooks": [hook] }),
        Agent::Cursor if event == "preToolUse" => {
            set(&mut hook, "matcher", json!("^(?!MCP:|Shell$|Read$).*$"));
            hook
        }
        Agent::Cursor | Agent::Copilot => hook,
    }
}

/// The hook waits two seconds longer than the client, which answers before it is given up.
pub(in crate::cli::hook) fn hook_seconds(patience: Duration) -> u64 {
    patience.as_secs().saturating_add(u64::from(patience.subsec_nanos() > 0)).saturating_add(2)
}

fn set(value: &mut Value, member: &str, to: Value) {
    if let Value::Object(members) = value {
        members.insert(member.to_owned(), to);
    }
}

/// Whether a hook of a configuration is ours: it runs `toolgate hook <agent>`, or posts to our path.
pub(in crate::cli::hook) fn is_ours(agent: Agent, hook: &Value) -> bool {
    let text = |member: &str| hook.get(member).and_then(Value::as_str);
    if let Some(url) = text("url") {
        return url.split(['?', '#']).next().is_some_and(|u| u.ends_with(agent.path()));
    }
    let Some(words) = command(agent, hook).and_then(|c| words(&c)) else { return false };
    let program = words.first().and_then(|w| w.rsplit('/').next());
    program.is_some_and(|p| p.starts_with("toolgate"))
        && words.get(1).is_some_and(|w| w == "hook")
        && words.get(2).is_some_and(|w| w == agent.name())
}

/// The command of a hook, if it has one.
pub(in crate::cli::hook) fn command(agent: Agent, hook: &Value) -> Option<String> {
    let member = if agent == Agent::Copilot { "bash" } else { "command" };
    hook.get(member).and_then(Value::as_str).map(str::to_owned)
}

/// A word as a POSIX shell reads it back.
pub(in crate::cli::hook) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=+@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The words of a command in the notation of [`quoted`], and double quotes; none if it needs a shell.
pub(in crate::cli::hook) fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let open = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '$' | '`' | '\\' if c == '"' => return None,
                        other => open.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '\n' | '*' | '?' | '#' | '~' | '{' | '[' => {
                return None;
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were_quoted() {
        for word in ["/usr/bin/toolgate", "a b", "it's", "", "$HOME", "a\"b", "ünïcode", "a\\b", "unix:/run/x.sock"] {
            assert_eq!(words(&quoted(word)), Some(vec![word.to_owned()]), "{word}");
        }
        assert_eq!(words("a  b\t'c d'\"e f\""), Some(vec!["a".into(), "b".into(), "c de f".into()]));
        for shell in ["a | b", "a; b", "$(a)", "a \"$b\"", "a 'b", "a\\"] {
            assert_eq!(words(shell), None, "{shell}");
        }
    }

    #[test]
    fn hooks_of_others_are_not_ours() {
        let cases = [
            (json!({"type":"command","command":"/opt/toolgate hook codex --server unix:/s"}), true),
            (json!({"command":"'/my tools/toolgate' hook codex"}), true),
            (json!({"command":"toolgate hook claude-code"}), false),
            (json!({"command":"guard hook codex"}), false),
            (json!({"command":"toolgate check"}), false),
            (json!({"type":"http","url":"http://127.0.0.1:3592/v1/hooks/codex"}), true),
            (json!({"type":"http","url":"http://127.0.0.1:3592/v1/hooks/codex-other"}), false),
            (json!({}), false),
            (json!(7), false),
        ];
        for (hook, ours) in cases {
            assert_eq!(is_ours(Agent::Codex, &hook), ours, "{hook}");
        }
    }

    #[test]
    fn a_hook_waits_longer_than_its_client() {
        for (millis, seconds) in [(500, 3), (1000, 3), (3000, 5), (3001, 6)] {
            assert_eq!(hook_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
