//! Gemini CLI: `BeforeTool`. The server of an MCP tool is told beside its name, which cannot be split.

use super::{Call, Event, arguments, context, fault, maybe, text};
use crate::cel::value::Value;
use crate::service::Failure;
use crate::wire::json::Record;

pub(super) const KNOWN: &[&str] =
    &["session_id", "cwd", "hook_event_name", "tool_name", "tool_input", "mcp_context", "original_request_name"];
pub(super) const LOOSE: &[&str] = &["mcp_context"];
const CONTEXT: &[&str] = &["cwd"];

pub(super) fn read(record: Record<'_>) -> Result<Call<'_>, Failure> {
    match text(record, "hook_event_name")? {
        "BeforeTool" => {}
        other => return Err(fault(format!("event `{other}` is not answered"))),
    }
    let tool = text(record, "tool_name")?;
    let (server, name) = match record.get("mcp_context").map(|f| f.value) {
        None if tool.starts_with("mcp_") => {
            return Err(fault(format!(
                "`{tool}` is the name of an MCP tool, and `mcp_context` does not tell its server"
            )));
        }
        None => (None, tool),
        Some(Value::Map(mcp)) => match (mcp.get_str("server_name"), mcp.get_str("tool_name")) {
            (Some(Value::String(server)), Some(Value::String(name))) if !server.is_empty() && !name.is_empty() => {
                (Some(server), name)
            }
            _ => return Err(fault("`mcp_context` must have `server_name` and `tool_name`")),
        },
        Some(_) => return Err(fault("`mcp_context` must be an object")),
    };
    Ok(Call {
        event: Event::Before,
        asks: false,
        changes: true,
        server,
        name,
        arguments: arguments(record, "tool_input")?,
        call_id: "",
        session: maybe(record, "session_id")?,
        context: context(record, CONTEXT),
        response: None,
    })
}
