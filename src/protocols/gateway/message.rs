//! What an MCP message wants of an enforcement point: a tool to be called, another method to be used, or nothing that
//! could be decided. The bytes are read by [`crate::wire::json::mcp`].

use super::ask::Question;
use crate::service::{Failure, Turn};
use crate::wire::json::{self, JsonError, TOOLS_CALL};
use crate::wire::mcp::{Asked, Mcp, Params};
use crate::wire::message::Arguments;

/// What stands before the name of a method that policy is asked about, so that no tool can be named like one.
const METHOD: &str = "mcp:";

/// What a message wants.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocols) enum Wish<'a> {
    /// To be judged.
    Judge(Question<'a>),
    /// To have the tools listed: the answer is to be filtered.
    List,
    /// Part of the protocol: no decision.
    Protocol,
}

/// Methods that are part of the protocol, and lists, which name things and do nothing.
const PROTOCOL: &[&str] = &[
    "initialize",
    "ping",
    "server/discover",
    "logging/setLevel",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
];

/// One message. Batches are refused: MCP gave them up, and what one message of several is denied cannot be said.
///
/// # Errors
/// If it is no MCP message, or one that could be read in two ways.
#[allow(dead_code, reason = "for adapters that get one message at a time")]
pub(in crate::protocols) fn read<'a>(turn: &Turn<'a>, text: &'a [u8]) -> Result<Mcp<'a>, Failure> {
    match json::mcp(text, turn.bump, turn.settings.wire).map_err(unreadable)? {
        ([message], false) => Ok(*message),
        _ => Err(Failure::Arguments("a batch of messages: send one at a time".into())),
    }
}

/// What is wrong with a text, with its place.
pub(in crate::protocols) fn unreadable(error: JsonError) -> Failure {
    match error {
        JsonError::TooLarge { len, max } => Failure::TooLarge { len, max },
        other => Failure::Arguments(other.located()),
    }
}

/// What a message wants.
///
/// # Errors
/// If it calls a tool in a form that cannot be answered, or one whose name is reserved.
pub(in crate::protocols) fn wish<'a>(turn: &Turn<'a>, message: &Mcp<'a>, server: &'a str) -> Result<Wish<'a>, Failure> {
    match message {
        Mcp::Request { id, asked } => {
            let call_id = std::str::from_utf8(id).unwrap_or("").trim_matches('"');
            judge(turn, asked, server, call_id)
        }
        Mcp::Notification { method } if method.starts_with("notifications/") => Ok(Wish::Protocol),
        Mcp::Notification { method } => {
            Err(Failure::Arguments(format!("`{method}` is no notification: `id` is missing")))
        }
        Mcp::Response { .. } => Ok(Wish::Protocol),
    }
}

/// What a request wants.
///
/// # Errors
/// If the name of its tool is reserved.
pub(in crate::protocols) fn judge<'a>(
    turn: &Turn<'a>,
    asked: &Asked<'a>,
    server: &'a str,
    call_id: &'a str,
) -> Result<Wish<'a>, Failure> {
    let question = |name, raw, map| {
        let arguments = if raw == b"".as_slice() { Arguments::Absent } else { Arguments::Parsed { raw, map } };
        Wish::Judge(Question { call_id, server, name, arguments, ..Question::EMPTY })
    };
    match (asked.method, &asked.params) {
        (TOOLS_CALL, Params { call: Some(call), .. }) if call.name.starts_with(METHOD) => {
            let what = format!("tool `{}`: names that begin with `{METHOD}` stand for methods", call.name);
            Err(Failure::Arguments(what))
        }
        (TOOLS_CALL, Params { call: Some(call), .. }) => Ok(question(call.name, call.raw, call.arguments)),
        (TOOLS_CALL, Params { call: None, .. }) => Err(Failure::Arguments("`params` is missing".into())),
        ("tools/list", _) => Ok(Wish::List),
        (method, _) if PROTOCOL.contains(&method) => Ok(Wish::Protocol),
        (method, params) => Ok(question(turn.bump.alloc_str(&format!("{METHOD}{method}")), params.raw, params.map)),
    }
}
