//! Laying our entries over a configuration: ours are replaced where they stand, everything else stays as it is.

use serde_json::{Map, Value, json};

use super::entry::{Entry, grouped, is_ours, version};
use crate::protocols::hooks::Agent;

/// What keeps a configuration from being changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli::hook) enum Strange {
    /// Not what the agent reads.
    #[error("`{0}` is not {1}")]
    Not(String, &'static str),
    /// Another version of the file.
    #[error("`version` is {0}, and only {1} is known")]
    Version(Value, u64),
}

/// Lays the entries over a configuration.
///
/// # Errors
/// If the configuration is not what the agent reads; it is half changed then, and to be thrown away.
pub(in crate::cli::hook) fn merge(root: &mut Value, agent: Agent, entries: Vec<Entry>) -> Result<(), Strange> {
    let root = object(root, "the configuration")?;
    if let Some(known) = version(agent) {
        let stated = root.entry("version").or_insert_with(|| json!(known));
        if *stated != json!(known) {
            return Err(Strange::Version(stated.clone(), known));
        }
    }
    let hooks = object(root.entry("hooks").or_insert_with(|| json!({})), "hooks")?;
    // Of an earlier installation with more events.
    let stale: Vec<String> = hooks.keys().filter(|k| !entries.iter().any(|e| e.event == k.as_str())).cloned().collect();
    for event in stale {
        let Some(Value::Array(list)) = hooks.get_mut(&event) else { continue };
        let had = list.len();
        clear(agent, list);
        if list.is_empty() && had > 0 {
            hooks.shift_remove(&event);
        }
    }
    for Entry { event, value } in entries {
        let name = format!("hooks.{event}");
        let list = hooks.entry(event).or_insert_with(|| json!([]));
        let Value::Array(list) = list else { return Err(Strange::Not(name, "a list")) };
        let place = list.iter().position(|item| only_ours(agent, item));
        let mut kept: Vec<Value> = Vec::with_capacity(list.len() + 1);
        for (i, item) in std::mem::take(list).into_iter().enumerate() {
            if Some(i) == place {
                kept.push(value.clone());
            } else {
                kept.extend(without_ours(agent, item));
            }
        }
        if place.is_none() {
            kept.push(value);
        }
        *list = kept;
    }
    Ok(())
}

fn object<'v>(value: &'v mut Value, name: &str) -> Result<&'v mut Map<String, Value>, Strange> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Strange::Not(name.to_owned(), "an object")),
    }
}

fn clear(agent: Agent, list: &mut Vec<Value>) {
    *list = std::mem::take(list).into_iter().filter_map(|item| without_ours(agent, item)).collect();
}

fn group(agent: Agent, item: &Value) -> Option<&Vec<Value>> {
    if grouped(agent) { item.get("hooks")?.as_array() } else { None }
}

/// True for an item that holds our hook and no other.
fn only_ours(agent: Agent, item: &Value) -> bool {
    match group(agent, item) {
        Some(hooks) => !hooks.is_empty() && hooks.iter().all(|h| is_ours(agent, h)),
        None => !grouped(agent) && is_ours(agent, item),
    }
}

/// The item without our hooks; none if nothing is left of it.
fn without_ours(agent: Agent, mut item: Value) -> Option<Value> {
    if only_ours(agent, &item) {
        return None;
    }
    if grouped(agent)
        && let Some(Value::Array(hooks)) = item.get_mut("hooks")
    {
        hooks.retain(|h| !is_ours(agent, h));
    }
    Some(item)
}

/// Our hooks of an event in a configuration.
pub(in crate::cli::hook) fn ours<'v>(root: &'v Value, agent: Agent, event: &str) -> Vec<&'v Value> {
    let list = root.get("hooks").and_then(|h| h.get(event)).and_then(Value::as_array);
    let items = list.into_iter().flatten();
    let hooks = items.flat_map(|item| match item.get("hooks").and_then(Value::as_array) {
        Some(hooks) if grouped(agent) => hooks.iter().collect(),
        _ if grouped(agent) => Vec::new(),
        _ => vec![item],
    });
    hooks.filter(|h| is_ours(agent, h)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::entry::{How, Wanted, entries};
    use super::*;

    fn wanted(agent: Agent, approvals: bool) -> Wanted {
        let command = format!("/usr/bin/toolgate hook {}", agent.name());
        let patience = Duration::from_secs(3);
        Wanted { agent, how: How::Command(command), patience, approvals, results: approvals }
    }

    #[test]
    fn twice_is_once_and_the_rest_stays() {
        for agent in Agent::ALL {
            let foreign = json!({"type": "command", "command": "guard", "bash": "guard"});
            let theirs = if grouped(agent) { json!({"matcher": "X", "hooks": [foreign]}) } else { foreign };
            let before = json!({"zeta": 1, "hooks": {"Other": [theirs], "PreToolUse": [theirs], "preToolUse": [theirs],
                "BeforeTool": [theirs]}, "alpha": {"b": [], "a": null}});
            let mut config = before.clone();
            merge(&mut config, agent, entries(&wanted(agent, false))).unwrap();
            let once = config.clone();
            merge(&mut config, agent, entries(&wanted(agent, false))).unwrap();
            assert_eq!(config, once);
            for (member, value) in before.as_object().unwrap() {
                if member != "hooks" {
                    assert_eq!(&config[member], value);
                }
            }
            assert_eq!(config["hooks"]["Other"], before["hooks"]["Other"]);
            for event in super::super::entry::events(agent) {
                assert_eq!(ours(&config, agent, event).len(), 1, "{agent:?} {event}");
                let list = config["hooks"][event].as_array().unwrap();
                assert_eq!(list.len(), 1 + before["hooks"][event].as_array().map_or(0, Vec::len));
            }
            // More events, and fewer again.
            merge(&mut config, agent, entries(&wanted(agent, true))).unwrap();
            merge(&mut config, agent, entries(&wanted(agent, false))).unwrap();
            assert_eq!(config, once);
        }
    }

    #[test]
    fn a_shared_group_loses_our_hook_and_keeps_theirs() {
        let mut config = json!({"hooks": {"PreToolUse": [
            {"matcher": "Bash", "hooks": [{"command": "guard"}, {"command": "toolgate hook codex"}]}, {"hooks": []}]}});
        merge(&mut config, Agent::Codex, entries(&wanted(Agent::Codex, false))).unwrap();
        let list = config["hooks"]["PreToolUse"].as_array().unwrap();
        assert_eq!(list.len(), 3);
        assert_eq!(list[0], json!({"matcher": "Bash", "hooks": [{"command": "guard"}]}));
        assert_eq!(list[2]["hooks"][0]["command"], "/usr/bin/toolgate hook codex");
    }

    #[test]
    fn strange_configurations_are_left_alone() {
        let cases = [
            (json!([]), "`the configuration` is not an object"),
            (json!({"hooks": []}), "`hooks` is not an object"),
            (json!({"hooks": {"preToolUse": {}}}), "`hooks.preToolUse` is not a list"),
            (json!({"version": 2}), "`version` is 2, and only 1 is known"),
        ];
        for (mut config, message) in cases {
            let got = merge(&mut config, Agent::Cursor, entries(&wanted(Agent::Cursor, false)));
            assert_eq!(got.unwrap_err().to_string(), message);
        }
    }
}
