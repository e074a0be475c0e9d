//! A tool call as a program has it at hand, and the message it becomes. Everything that is free in form is JSON text, read
//! by the same strict parser as on the wire: what is judged is what was sent.

use bumpalo::Bump;

use crate::cel::value::Map;
use crate::service::Failure;
use crate::wire::json;
use crate::wire::limits::Limits;
use crate::wire::message::{self, Arguments, Decide, EMPTY, Session, Tool};

/// May this identity, through this agent, run this tool with these arguments? Borrowed, and checked when it is decided.
///
/// Texts named JSON are one JSON object each; empty means that there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call<'a> {
    /// Chosen by the caller; echoed. May be empty.
    pub call_id: &'a str,
    /// The user on whose behalf. Required.
    pub identity: Identity<'a>,
    /// The program that makes the call. With roles of its own, both it and the user must be allowed.
    pub agent: Option<Agent<'a>>,
    /// Name of the tool's server, such as `github`. Required.
    pub server: &'a str,
    /// Name of the tool. Required.
    pub tool: &'a str,
    /// What the tool says of itself, as JSON; untrusted unless pinned.
    pub annotations: &'a [u8],
    /// The tool was verified against a pinned manifest.
    pub pinned: bool,
    /// The arguments as JSON, byte for byte as they will be sent on.
    pub arguments: &'a [u8],
    /// The session.
    pub session: Option<Session<'a>>,
    /// Free context (model, provider, device, …) as JSON.
    pub context: &'a [u8],
    /// Whether the answer carries the SHA-256 of the arguments.
    pub include_digest: bool,
    /// Whether the answer carries the trace.
    pub include_trace: bool,
}

/// The user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity<'a> {
    /// Required.
    pub id: &'a str,
    /// At least one.
    pub roles: &'a [&'a str],
    /// Attributes as JSON.
    pub attr: &'a [u8],
    /// Dotted scope; empty for the default.
    pub scope: &'a str,
    /// Policy version; empty for the default.
    pub policy_version: &'a str,
}

/// The program that makes the call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agent<'a> {
    /// Required.
    pub id: &'a str,
    /// Roles of its own, if it is a principal of its own.
    pub roles: &'a [&'a str],
    /// Attributes as JSON.
    pub attr: &'a [u8],
    /// Ids it was delegated through, outermost first.
    pub chain: &'a [&'a str],
}

impl Call<'_> {
    /// The message.
    pub(super) fn read<'b>(&'b self, bump: &'b Bump, limits: Limits) -> Result<Decide<'b>, Failure> {
        let object = |text: &'b [u8]| -> Result<Map<'b>, Failure> {
            if text.is_empty() { Ok(EMPTY) } else { Ok(json::object(text, bump, limits)?) }
        };
        let agent = match &self.agent {
            None => None,
            Some(agent) => {
                Some(message::Agent { id: agent.id, roles: agent.roles, attr: object(agent.attr)?, chain: agent.chain })
            }
        };
        Ok(Decide {
            call_id: self.call_id,
            identity: Some(message::Identity {
                id: self.identity.id,
                roles: self.identity.roles,
                attr: object(self.identity.attr)?,
                scope: self.identity.scope,
                policy_version: self.identity.policy_version,
            }),
            agent,
            tool: Some(Tool {
                server: self.server,
                name: self.tool,
                annotations: object(self.annotations)?,
                pinned: self.pinned,
            }),
            arguments: if self.arguments.is_empty() { Arguments::Absent } else { Arguments::Json(self.arguments) },
            session: self.session,
            context: object(self.context)?,
            include_digest: self.include_digest,
            include_trace: self.include_trace,
        })
    }
}
