//! JSON → arena: tool arguments and REST bodies. RFC 8259 and nothing looser: a byte order mark, bytes after the value,
//! duplicate members, unpaired surrogates, bad UTF-8, numbers past the range of a double are refused, never repaired or
//! picked from. Numbers are doubles, as everywhere in the policy language: digits beyond 2^53 are rounded.
//!
//! REST bodies follow the JSON mapping of protobuf, with the reference's texts: first the syntax of the whole body,
//! then its meaning in document order.

mod authzen;
mod check;
mod decide;
#[cfg(any(test, fuzzing))]
pub mod differ;
mod error;
mod legacy;
mod mcp;
mod node;
mod parser;
mod plan;
mod record;
mod string;
mod tools;
mod value;
mod walk;

#[cfg(test)]
mod tests;

use std::cell::Cell;

use bumpalo::Bump;

pub use error::{JsonError, Position};
pub use mcp::TOOLS_CALL;
pub use record::{Field, Record};

use self::node::Nodes;
use self::parser::Parser;
use self::value::Values;
use self::walk::Walk;
use super::authzen::{Evaluation, Evaluations};
use super::limits::Limits;
use super::mcp::{Listing, Mcp, Params};
use super::message::{CheckResourceSet, CheckResources, Decide, PlanResources, PlanTools};
use crate::cel::value::{Map, Value};

/// What follows the first value of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailing {
    /// Nothing but white space may.
    Refuse,
    /// Anything may, as the reference has it; kept for `/api`, whose clients may rely on it.
    Ignore,
}

/// One JSON value, strictly.
pub fn value<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Value<'a>, JsonError> {
    limited(text, limits)?;
    let mut parser = Parser::new(text, bump, Values, limits.arena);
    // The outermost value does not count: of a `Struct` its fields are the first level.
    let value = parser.whole(limits.depth.saturating_add(1), Trailing::Refuse)?;
    Ok(value)
}

/// The arguments of a tool call: one JSON object, strictly.
pub fn object<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Map<'a>, JsonError> {
    match value(text, bump, limits)? {
        Value::Map(map) => Ok(map),
        _ => Err(JsonError::NotAnObject),
    }
}

/// A `CheckResourcesRequest` from a REST body. An empty body is an empty request.
pub fn check_resources<'a>(
    text: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
    trailing: Trailing,
) -> Result<CheckResources<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, trailing)?;
    walk.check_resources(node)
}

/// A `CheckResourceSetRequest` from a REST body.
pub fn check_resource_set<'a>(
    text: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
) -> Result<CheckResourceSet<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Ignore)?;
    walk.check_resource_set(node)
}

/// A `CheckResourceBatchRequest` from a REST body.
pub fn check_resource_batch<'a>(
    text: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
) -> Result<CheckResources<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Ignore)?;
    walk.check_resource_batch(node)
}

/// An AuthZEN evaluation.
pub fn evaluation<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Evaluation<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Refuse)?;
    walk.evaluation(node)
}

/// An AuthZEN batch of evaluations.
pub fn evaluations<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Evaluations<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Refuse)?;
    walk.evaluations(node)
}

/// A `PlanResourcesRequest` from a REST body. An empty body is an empty request.
pub fn plan_resources<'a>(
    text: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
    trailing: Trailing,
) -> Result<PlanResources<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, trailing)?;
    walk.plan_resources(node)
}

/// A `DecideRequest` from a REST body. `arguments` is judged, and digested, exactly as its bytes were sent.
pub fn decide<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Decide<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Refuse)?;
    walk.decide(node)
}

/// The calls of a `DecideBatchRequest` from a REST body.
pub fn decide_batch<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<&'a [Decide<'a>], JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Refuse)?;
    walk.decide_batch(node)
}

/// A `PlanToolsRequest` from a REST body.
pub fn plan_tools<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<PlanTools<'a>, JsonError> {
    let (walk, node) = tree(text, bump, limits, Trailing::Refuse)?;
    walk.plan_tools(node)
}

/// An MCP message, or the messages of a batch, strictly; see `json/mcp.rs`. True if it was a batch.
pub fn mcp<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<(&'a [Mcp<'a>], bool), JsonError> {
    let (walk, node) = exact_tree(text, bump, limits)?;
    Ok((walk.mcp(node)?, matches!(node.kind, node::Kind::Array(_))))
}

/// The parameters of an MCP method, as strictly.
pub fn mcp_params<'a>(
    method: &'a str,
    text: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
) -> Result<Params<'a>, JsonError> {
    let (walk, node) = exact_tree(text, bump, limits)?;
    walk.mcp_params(method, node)
}

/// An object of which members are `known`, as strictly as an MCP message; numbers of the `loose` ones may be any.
pub fn record<'a>(
    text: &'a [u8],
    known: &[&str],
    loose: &[&str],
    bump: &'a Bump,
    limits: Limits,
) -> Result<Record<'a>, JsonError> {
    let (walk, node) = exact_tree(text, bump, limits)?;
    walk.record(node, known, loose)
}

/// One value that says the same to every reader.
pub fn exact_value<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Value<'a>, JsonError> {
    let (walk, node) = exact_tree(text, bump, limits)?;
    walk.exact_value(node)
}

/// The result of an MCP method that lists things under `member`, as strictly.
pub fn mcp_list<'a>(member: &str, text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Listing<'a>, JsonError> {
    let (walk, node) = exact_tree(text, bump, limits)?;
    walk.mcp_list(node, member)
}

/// Containers a body may have around a value: `{"resource":{"instances":{"id":{"attr":{`, and one to spare.
const ENVELOPE: u32 = 6;

/// The body as a tree with positions: its syntax is right as a whole before anything in it is looked at.
fn tree<'a>(
    text: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
    trailing: Trailing,
) -> Result<(Walk<'a>, &'a node::Node<'a>), JsonError> {
    limited(text, limits)?;
    let text = text.trim_ascii_start();
    let text = if text.is_empty() { b"{}" } else { text };
    let mut parser = Parser::new(text, bump, Nodes, limits.arena);
    let root = parser.whole(limits.depth.saturating_add(ENVELOPE), trailing)?;
    let budget = Cell::new(parser.budget());
    let walk = Walk { text, end: parser.at(), bump, depth: limits.depth, budget };
    Ok((walk, bump.alloc(root)))
}

/// The same without any leniency: an empty text is no message.
fn exact_tree<'a>(text: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<(Walk<'a>, &'a node::Node<'a>), JsonError> {
    if text.trim_ascii().is_empty() {
        return Err(JsonError::Eof(Position { line: 1, column: 1 }));
    }
    tree(text, bump, limits, Trailing::Refuse)
}

fn limited(text: &[u8], limits: Limits) -> Result<(), JsonError> {
    if text.len() > limits.bytes || u32::try_from(text.len()).is_err() {
        return Err(JsonError::TooLarge { len: text.len(), max: limits.bytes });
    }
    Ok(())
}
