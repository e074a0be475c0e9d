//! GitHub Copilot: one event, before a tool runs, whose name it does not send. The SDK sends arguments as an object,
//! the CLI as a text that holds one.

use bumpalo::Bump;

use super::{Call, Event, arguments, arguments_in, context, maybe, text};
use crate::cel::value::Value;
use crate::service::Failure;
use crate::wire::json::{Field, Record};
use crate::wire::limits::Limits;

pub(super) const KNOWN: &[&str] = &["timestamp", "cwd", "toolName", "toolArgs", "sessionId"];
const CONTEXT: &[&str] = &["cwd"];

pub(super) fn read<'a>(record: Record<'a>, bump: &'a Bump, limits: Limits) -> Result<Call<'a>, Failure> {
    let arguments = match record.get("toolArgs") {
        Some(Field { value: Value::String(text), .. }) => arguments_in(text, "toolArgs", bump, limits)?,
        _ => arguments(record, "toolArgs")?,
    };
    Ok(Call {
        event: Event::Before,
        asks: true,
        changes: true,
        server: None,
        name: text(record, "toolName")?,
        arguments,
        call_id: "",
        session: maybe(record, "sessionId")?,
        context: context(record, CONTEXT),
        response: None,
    })
}
