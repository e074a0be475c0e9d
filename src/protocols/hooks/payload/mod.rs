//! What an agent sends → one tool call. Members that are not known are skipped, since agents add some with every
//! version; a known one under another case, twice, or of another type is refused, and so is an event that is not known.

mod claude;
mod copilot;
mod cursor;
mod gemini;

use bumpalo::Bump;

use super::{Agent, Settings};
use crate::cel::value::{Map, Value};
use crate::service::Failure;
use crate::wire::json::{self, Field, Record};
use crate::wire::limits::Limits;
use crate::wire::message::Arguments;

/// When an agent asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Before the tool runs.
    Before,
    /// When it would ask its user.
    Permission,
    /// With the result.
    After,
}

/// A tool call as an agent told it.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    /// When it is asked about.
    pub(super) event: Event,
    /// The agent can ask a person at this event.
    pub(super) asks: bool,
    /// The agent can make the call with other arguments.
    pub(super) changes: bool,
    /// The MCP server; none if the tool is the agent's own.
    pub(super) server: Option<&'a str>,
    /// The tool.
    pub(super) name: &'a str,
    /// Its arguments.
    pub(super) arguments: Arguments<'a>,
    /// The call's id; may be empty.
    pub(super) call_id: &'a str,
    /// The agent's session; may be empty.
    pub(super) session: &'a str,
    /// What else policies may want to know.
    pub(super) context: Vec<(&'a str, Value<'a>)>,
    /// The result, after the call.
    pub(super) response: Option<Value<'a>>,
}

impl<'a> Call<'a> {
    /// The arguments by name.
    pub(super) fn arguments(&self) -> Map<'a> {
        match self.arguments {
            Arguments::Parsed { map, .. } | Arguments::Struct(map) => map,
            Arguments::Absent | Arguments::Json(_) => crate::wire::message::EMPTY,
        }
    }
}

/// Reads what an agent sent.
///
/// # Errors
/// If it is none of its events, or could be read in two ways.
pub(super) fn read<'a>(
    agent: Agent,
    text: &'a [u8],
    settings: &'a Settings,
    bump: &'a Bump,
    limits: Limits,
) -> Result<Call<'a>, Failure> {
    let record = |known: &[&str], loose: &[&str]| json::record(text, known, loose, bump, limits);
    match agent {
        Agent::ClaudeCode | Agent::Codex => claude::read(agent, record(claude::KNOWN, claude::LOOSE)?, bump),
        Agent::Cursor => cursor::read(record(cursor::KNOWN, cursor::LOOSE)?, settings, bump, limits),
        Agent::Gemini => gemini::read(record(gemini::KNOWN, gemini::LOOSE)?),
        Agent::Copilot => copilot::read(record(copilot::KNOWN, &[])?, bump, limits),
    }
}

fn fault(what: impl Into<String>) -> Failure {
    Failure::Arguments(what.into())
}

/// A text that must be there, and not be empty.
fn text<'a>(record: Record<'a>, name: &str) -> Result<&'a str, Failure> {
    match record.get(name).map(|f| f.value) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(fault(format!("`{name}` must be a text that is not empty"))),
        None => Err(fault(format!("`{name}` is missing"))),
    }
}

/// A text that may be absent.
fn maybe<'a>(record: Record<'a>, name: &str) -> Result<&'a str, Failure> {
    match record.get(name).map(|f| f.value) {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(fault(format!("`{name}` must be a text"))),
    }
}

/// Arguments, which are an object if they are there.
fn arguments<'a>(record: Record<'a>, name: &str) -> Result<Arguments<'a>, Failure> {
    match record.get(name) {
        None => Ok(Arguments::Absent),
        Some(Field { raw, value: Value::Map(map), .. }) => Ok(Arguments::Parsed { raw, map }),
        Some(_) => Err(fault(format!("`{name}` must be an object"))),
    }
}

/// Arguments that come as a text with an object in it: judged as that object, by the text's own bytes.
fn arguments_in<'a>(text: &'a str, name: &str, bump: &'a Bump, limits: Limits) -> Result<Arguments<'a>, Failure> {
    if text.trim().is_empty() {
        return Ok(Arguments::Absent);
    }
    match json::exact_value(text.as_bytes(), bump, limits) {
        Ok(Value::Map(map)) => Ok(Arguments::Parsed { raw: text.as_bytes(), map }),
        Ok(_) => Err(fault(format!("`{name}` must hold an object"))),
        Err(e) => Err(fault(format!("`{name}`: {e}"))),
    }
}

/// The members that are there, as context: those of `names`.
fn context<'a>(record: Record<'a>, names: &[&str]) -> Vec<(&'a str, Value<'a>)> {
    let there = record.0.iter().filter(|f| !matches!(f.value, Value::Null) && names.contains(&f.name));
    there.map(|f| (f.name, f.value)).collect()
}

/// `<server>__<tool>`, where that can be told in one way.
///
/// # Errors
/// If it cannot.
pub(in crate::protocols) fn split(rest: &str) -> Result<(&str, &str), Failure> {
    let (server, tool) = rest.split_once("__").unwrap_or((rest, ""));
    if server.is_empty() || tool.is_empty() {
        return Err(fault("the tool's name has the form `mcp__<server>__<tool>` and lacks one of the two"));
    }
    // `a__b__c` and `a___b` are a tool of more than one server.
    if tool.contains("__") || tool.starts_with('_') {
        return Err(fault(format!("`mcp__{rest}` can be read as a tool of more than one server")));
    }
    Ok((server, tool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_in_one_way_or_not_at_all() {
        assert_eq!(split("github__create_issue").unwrap(), ("github", "create_issue"));
        assert_eq!(split("my_server__tool").unwrap(), ("my_server", "tool"));
        for bad in ["github", "__x", "github__", "a__b__c", "a___b", ""] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
