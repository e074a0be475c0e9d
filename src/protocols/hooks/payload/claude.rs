//! Claude Code, and Codex, which took its form over: `PreToolUse`, `PermissionRequest`, and of Claude Code
//! `PostToolUse`.

use bumpalo::Bump;

use super::{Agent, Call, Event, arguments, context, fault, maybe, split, text};
use crate::cel::value::Value;
use crate::service::Failure;
use crate::wire::json::Record;

pub(super) const KNOWN: &[&str] = &[
    "session_id",
    "turn_id",
    "cwd",
    "permission_mode",
    "model",
    "agent_id",
    "agent_type",
    "hook_event_name",
    "tool_name",
    "tool_input",
    "tool_use_id",
    "mcp_server",
    "tool_response",
];
/// A result may hold any number.
pub(super) const LOOSE: &[&str] = &["tool_response"];
const CONTEXT: &[&str] = &["cwd", "permission_mode", "model", "agent_type"];
const MCP: &str = "mcp__";

pub(super) fn read<'a>(agent: Agent, record: Record<'a>, bump: &'a Bump) -> Result<Call<'a>, Failure> {
    let claude = agent == Agent::ClaudeCode;
    let (event, asks, changes) = match (text(record, "hook_event_name")?, claude) {
        ("PreToolUse", true) => (Event::Before, true, true),
        ("PreToolUse", false) => (Event::Before, false, true),
        // Who is not answered asks the user.
        ("PermissionRequest", true) => (Event::Permission, true, true),
        ("PermissionRequest", false) => (Event::Permission, true, false),
        ("PostToolUse", true) => (Event::After, true, false),
        (other, _) => return Err(fault(format!("event `{other}` is not answered"))),
    };
    let tool = text(record, "tool_name")?;
    let (server, name) = match tool.strip_prefix(MCP) {
        None => (None, tool),
        Some(rest) => {
            let (server, name) = match named_server(record)? {
                Some(server) => (server, of_server(server, rest, bump)?),
                None => split(rest)?,
            };
            (Some(server), name)
        }
    };
    let mut context = context(record, CONTEXT);
    if let Some(Value::Map(server)) = record.get("mcp_server").map(|f| f.value)
        && let Some(source @ Value::String(_)) = server.get_str("source")
    {
        context.push(("mcp_source", source));
    }
    Ok(Call {
        event,
        asks,
        changes,
        server,
        name,
        arguments: arguments(record, "tool_input")?,
        call_id: maybe(record, "tool_use_id")?,
        session: maybe(record, "session_id")?,
        context,
        response: record.get("tool_response").map(|f| f.value).filter(|_| event == Event::After),
    })
}

/// The server that the agent names beside the tool.
fn named_server(record: Record<'_>) -> Result<Option<&str>, Failure> {
    match record.get("mcp_server").map(|f| f.value) {
        None => Ok(None),
        Some(Value::Map(server)) => match server.get_str("name") {
            Some(Value::String(name)) if !name.is_empty() => Ok(Some(name)),
            _ => Err(fault("`mcp_server.name` must be a text that is not empty")),
        },
        Some(_) => Err(fault("`mcp_server` must be an object")),
    }
}

/// The tool, if the name is one of that server's.
fn of_server<'a>(server: &str, rest: &'a str, bump: &'a Bump) -> Result<&'a str, Failure> {
    // Characters that a tool's name cannot have are underscores in it.
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let folded = bumpalo::collections::String::from_iter_in(server.chars().map(plain), bump);
    rest.strip_prefix(folded.as_str())
        .and_then(|rest| rest.strip_prefix("__"))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| fault(format!("`{MCP}{rest}` is not the name of a tool of server `{server}`")))
}
