//! A tool call whose parts are all there and well-formed.

use bumpalo::Bump;

use super::{Agent, Identity, Session, Tool};
use crate::cel::value::{Map, Value};
use crate::wire::encode::{OutputError, presentable};
use crate::wire::json::{self, JsonError};
use crate::wire::limits::Limits;
use crate::wire::message::{Arguments, Decide, EMPTY};
use crate::wire::validate::{self, Violations};

/// A tool call, checked.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall<'a> {
    /// Chosen by the caller; echoed. May be empty.
    pub call_id: &'a str,
    /// The user on whose behalf.
    pub identity: Identity<'a>,
    /// The program that makes the call.
    pub agent: Option<Agent<'a>>,
    /// The tool.
    pub tool: Tool<'a>,
    /// Its arguments.
    pub arguments: JudgedArguments<'a>,
    /// The session.
    pub session: Session<'a>,
    /// Free context.
    pub context: Map<'a>,
    /// Whether the digest of the arguments is asked for.
    pub include_digest: bool,
    /// Whether the trace is asked for.
    pub include_trace: bool,
}

/// Arguments as policies see them, and as they were sent.
#[derive(Clone, Copy, Debug)]
pub enum JudgedArguments<'a> {
    /// None were sent; judged as `{}`.
    Absent,
    /// Raw JSON and what it says.
    Json(&'a [u8], Map<'a>),
    /// A struct.
    Struct(Map<'a>),
}

impl<'a> JudgedArguments<'a> {
    /// The arguments by name.
    #[must_use]
    pub fn map(self) -> Map<'a> {
        match self {
            Self::Absent => EMPTY,
            Self::Json(_, map) | Self::Struct(map) => map,
        }
    }
}

/// Why a tool call cannot be judged. All are faults of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Fields are missing or malformed.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// `arguments_json` is not one JSON object.
    #[error("arguments_json: {}", .0.located())]
    Arguments(JsonError),
    /// `arguments` holds what JSON cannot say, so that no digest could name it.
    #[error("arguments: {0}")]
    Struct(OutputError),
}

impl<'a> ToolCall<'a> {
    /// Checks a decoded request and reads its arguments, within the same `limits` as the message around them.
    pub fn new(call: &Decide<'a>, bump: &'a Bump, limits: Limits) -> Result<Self, CallError> {
        validate::decide(call)?;
        // The rules just checked say that both are there.
        let (Some(identity), Some(tool)) = (call.identity, call.tool) else {
            return Err(CallError::Arguments(JsonError::NotAnObject));
        };
        let arguments = match call.arguments {
            Arguments::Absent => JudgedArguments::Absent,
            Arguments::Json(raw) => {
                JudgedArguments::Json(raw, json::object(raw, bump, limits).map_err(CallError::Arguments)?)
            }
            Arguments::Parsed { raw, map } => JudgedArguments::Json(raw, map),
            Arguments::Struct(map) => {
                presentable(Value::Map(map)).map_err(CallError::Struct)?;
                JudgedArguments::Struct(map)
            }
        };
        Ok(Self {
            call_id: call.call_id,
            identity,
            agent: call.agent,
            tool,
            arguments,
            session: call.session.unwrap_or_default(),
            context: call.context,
            include_digest: call.include_digest,
            include_trace: call.include_trace,
        })
    }
}
