//! What every adapter for a gateway or a coding agent works with. An adapter translates its protocol to the one tool
//! call and back; it never decides, and it answers explicitly whatever happens.
//!
//! | step | here |
//! |---|---|
//! | who is connected, and what came with the request | [`Caller`], `Evidence` |
//! | who asks: from the transport, never from arguments or a model's text | `identify` → `Who` |
//! | what an MCP message wants, read strictly | `read` → `Wish` |
//! | may it? the same path as `/v1/decide` | `ask` → `Outcome` |
//! | what the enforcement point must be able to do | `Outcome::within` → `Gate` |
//! | changing arguments and results as policy obliges to | `Duties` |
//! | what of a list of tools may be called | `filter` |
//!
//! No wire protocol may enter: each has a room of its own beside this one.

mod ask;
mod caller;
mod claims;
mod identity;
mod list;
mod local;
mod message;
mod obligations;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use caller::Caller;
pub use claims::Mapping;
pub use identity::{Headers as HeaderSource, Network, Source};
pub use local::{By, Tailnet, TailnetSettings, TokenHash};

pub(in crate::protocols) use ask::{Able, Gate, Outcome, Question, ask, ask_without_arguments};
pub(in crate::protocols) use caller::{Evidence, Headers, Sender};
pub(in crate::protocols) use identity::{Unknown, Who, identify, identify_in};
pub(in crate::protocols) use list::{filter, filter_in, listed_always};
pub(in crate::protocols) use local::resolved;
#[allow(unused_imports, reason = "for adapters that get one message at a time")]
pub(in crate::protocols) use message::{Wish, judge, read, unreadable, wish};
pub(in crate::protocols) use obligations::Duties;

/// How long a caller's question may take to arrive, if nothing else is said: below the 200 ms for which Envoy waits.
pub const DEADLINE: Duration = Duration::from_millis(150);

/// Settings of all adapters.
#[derive(Clone, Debug)]
pub struct Adapters {
    /// Where identities come from, in order: the first whose evidence is there decides.
    pub identity: Vec<Source>,
    /// How long a question may take to arrive: below the caller's own patience, so that it always gets an answer.
    pub deadline: Duration,
    /// Settings of Envoy's external authorization.
    pub envoy: Envoy,
    /// Settings of agentgateway's MCP guardrail.
    pub agentgateway: AgentGateway,
    /// The server that AuthZEN evaluations of tools are about, where they do not say so.
    pub authzen_server: Option<String>,
}

/// Settings of Envoy's external authorization. The default is the strict one.
#[derive(Clone, Debug, Default)]
pub struct Envoy {
    /// The server that calls are for, where the route does not say so (`context_extensions`).
    pub server: Option<String>,
    /// Batches are judged, each message of them, instead of being refused.
    pub batches: bool,
    /// Calls whose arguments Envoy does not send are judged by name, instead of being refused.
    pub without_arguments: bool,
    /// Denials are plain HTTP 403, instead of JSON-RPC errors under 200.
    pub http_denials: bool,
}

/// Settings of agentgateway's MCP guardrail.
#[derive(Clone, Debug, Default)]
pub struct AgentGateway {
    /// The gateway asks about results of `tools/call` too, so that it can be obliged to redact them.
    pub results: bool,
}

impl Default for Adapters {
    /// No source of identities: every call is refused.
    fn default() -> Self {
        let (envoy, agentgateway) = (Envoy::default(), AgentGateway::default());
        Self { identity: Vec::new(), deadline: DEADLINE, envoy, agentgateway, authzen_server: None }
    }
}
