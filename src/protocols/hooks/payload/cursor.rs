//! Cursor: what runs a shell or an MCP tool comes whole at an event of its own, everything else at `preToolUse`.

use bumpalo::Bump;

use super::{Call, Event, arguments, arguments_in, context, fault, maybe, text};
use crate::cel::value::{Map, Value};
use crate::protocols::hooks::Settings;
use crate::service::Failure;
use crate::wire::json::{Field, Record};
use crate::wire::limits::Limits;
use crate::wire::map::sort;
use crate::wire::message::Arguments;

pub(super) const KNOWN: &[&str] = &[
    "conversation_id",
    "generation_id",
    "model",
    "hook_event_name",
    "workspace_roots",
    "tool_name",
    "tool_input",
    "tool_use_id",
    "cwd",
    "command",
    "sandbox",
    "url",
    "file_path",
    "content",
    "attachments",
    "subagent_type",
    "task",
];
/// The text of a file, and what is attached to it, may hold any number.
pub(super) const LOOSE: &[&str] = &["content", "attachments", "workspace_roots"];
const CONTEXT: &[&str] = &["cwd", "model", "workspace_roots"];

pub(super) fn read<'a>(
    record: Record<'a>,
    settings: &'a Settings,
    bump: &'a Bump,
    limits: Limits,
) -> Result<Call<'a>, Failure> {
    let event = text(record, "hook_event_name")?;
    let mut server = None;
    let (name, arguments) = match event {
        "preToolUse" => {
            let name = text(record, "tool_name")?;
            if name.starts_with("MCP:") {
                let what = "`preToolUse` does not tell the server of an MCP tool: use `beforeMCPExecution`, and a \
                            matcher that leaves out `MCP:`";
                return Err(fault(what));
            }
            (name, arguments(record, "tool_input")?)
        }
        "beforeShellExecution" => ("Shell", members(record, &["command", "cwd", "sandbox"], bump)),
        "beforeMCPExecution" => {
            let place = match (maybe(record, "url")?, maybe(record, "command")?) {
                ("", "") => return Err(fault("neither `url` nor `command` tells the MCP server")),
                ("", command) => command,
                (url, "") => url,
                (_, _) => return Err(fault("both `url` and `command` tell an MCP server")),
            };
            let known = settings.servers.iter().find(|(goes_by, _)| goes_by == place);
            let Some((_, name)) = known else {
                return Err(fault(format!("MCP server `{place}` has no name: add it to `hooks.mcpServers`")));
            };
            server = Some(name.as_str());
            let arguments = match record.get("tool_input") {
                Some(Field { value: Value::String(text), .. }) => arguments_in(text, "tool_input", bump, limits)?,
                _ => arguments(record, "tool_input")?,
            };
            let tool = text(record, "tool_name")?;
            (tool.strip_prefix("MCP:").unwrap_or(tool), arguments)
        }
        "beforeReadFile" => ("Read", members(record, &["file_path", "attachments"], bump)),
        "subagentStart" => ("Task", members(record, &["subagent_type", "task"], bump)),
        other => return Err(fault(format!("event `{other}` is not answered"))),
    };
    let asks = matches!(event, "beforeShellExecution" | "beforeMCPExecution");
    Ok(Call {
        event: Event::Before,
        asks,
        changes: event == "preToolUse",
        server,
        name,
        arguments,
        call_id: maybe(record, "tool_use_id")?,
        session: maybe(record, "conversation_id")?,
        context: context(record, CONTEXT),
        response: None,
    })
}

/// Members of the payload as arguments.
fn members<'a>(record: Record<'a>, names: &[&str], bump: &'a Bump) -> Arguments<'a> {
    let there = record.0.iter().filter(|f| names.contains(&f.name) && !matches!(f.value, Value::Null));
    let fields = bumpalo::collections::Vec::from_iter_in(there.map(|f| (f.name, f.value)), bump);
    let fields = fields.into_bump_slice_mut();
    sort(fields);
    Arguments::Struct(Map::Fields(fields))
}
