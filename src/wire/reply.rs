//! Replies before they are bytes: borrowed views of decisions, in the shape of the response messages.

use crate::cel::value::Map;
use crate::engine::decision::{Decision, OutputEntry};
use crate::engine::request::Resource;
use crate::plan::{Filter, Plan};

/// `cerbos.response.v1.CheckResourcesResponse`
#[derive(Clone, Copy, Debug)]
pub struct CheckResourcesReply<'a> {
    /// Echoed.
    pub request_id: &'a str,
    /// One a resource, in request order.
    pub results: &'a [CheckResult<'a>],
    /// The call's id.
    pub call_id: &'a str,
    /// Whether to name policies, scopes and derived roles.
    pub include_meta: bool,
}

/// What was asked about one resource, and the answer.
#[derive(Clone, Copy, Debug)]
pub struct CheckResult<'a> {
    /// The resource as sent: defaults are not filled in.
    pub resource: Resource<'a>,
    /// The answer.
    pub decision: Decision<'a>,
}

/// `cerbos.response.v1.PlanResourcesResponse`
#[derive(Clone, Copy, Debug)]
pub struct PlanResourcesReply<'a> {
    /// Echoed.
    pub request_id: &'a str,
    /// Echoed; empty if the request gave a list.
    pub action: &'a str,
    /// Echoed; empty if the request gave one action.
    pub actions: &'a [&'a str],
    /// The resource as sent: defaults are not filled in.
    pub resource: Resource<'a>,
    /// The answer.
    pub plan: &'a Plan<'a>,
    /// The call's id.
    pub call_id: &'a str,
    /// Whether to show the filter as text, and scopes.
    pub include_meta: bool,
}

/// `toolgate.v1.PlanToolsResponse`
#[derive(Clone, Copy, Debug)]
pub struct PlanToolsReply<'a> {
    /// One a tool, in request order.
    pub tools: &'a [ToolPlan<'a>],
    /// Revision of the policy snapshot.
    pub revision: &'a str,
}

/// Whether a tool may be used, before there are arguments.
#[derive(Clone, Copy, Debug)]
pub struct ToolPlan<'a> {
    /// Server name.
    pub server: &'a str,
    /// Tool name.
    pub name: &'a str,
    /// Whatever the arguments are, or for which; if that cannot be said, why.
    pub filter: Result<Filter<'a>, &'a str>,
}

/// The answer to a tool call. An allow is made by `toolcall::verdict` and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The call may run.
    Allow = 1,
    /// It may not.
    Deny = 2,
    /// It may run once a person approves; who cannot ask must deny.
    Ask = 3,
}

impl Verdict {
    /// The name of its enum value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "VERDICT_ALLOW",
            Self::Deny => "VERDICT_DENY",
            Self::Ask => "VERDICT_ASK",
        }
    }
}

/// `toolgate.v1.DecideResponse`
#[derive(Clone, Copy, Debug)]
pub struct DecideReply<'a> {
    /// Echoed.
    pub call_id: &'a str,
    /// The answer.
    pub verdict: Verdict,
    /// One sentence a person can act on.
    pub reason: &'a str,
    /// Policy key, or `NO_MATCH`.
    pub policy: &'a str,
    /// Rule name; empty if none decided.
    pub rule: &'a str,
    /// `file:line` of the rule.
    pub location: &'a str,
    /// What the enforcement point must do; each has a `type`.
    pub obligations: &'a [Map<'a>],
    /// Other outputs.
    pub outputs: &'a [OutputEntry<'a>],
    /// Revision of the policy snapshot.
    pub revision: &'a str,
    /// The decision's id.
    pub decision_id: &'a str,
    /// Whether it came from the cache.
    pub cached: bool,
    /// Digest of the judged arguments in hex; empty unless asked for.
    pub arguments_sha256: &'a str,
    /// What was considered; empty unless asked for.
    pub trace: &'a [&'a str],
    /// The same taken apart; empty unless asked for.
    pub explanations: &'a [Encoded<'a>],
    /// In streams and batches: the question could not be decided. The verdict is a deny then.
    pub error: Option<CallFailure<'a>>,
}

/// A part of a reply that is off the hot path and comes encoded, in both forms.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    /// The message.
    pub protobuf: &'a [u8],
    /// The same as JSON.
    pub json: &'a str,
}

/// Why a question could not be decided.
#[derive(Clone, Copy, Debug)]
pub struct CallFailure<'a> {
    /// A `google.rpc.Code`.
    pub code: i32,
    /// What is wrong.
    pub message: &'a str,
}

impl<'a> DecideReply<'a> {
    /// A deny without any more said; the start of every reply.
    #[must_use]
    pub fn deny(call_id: &'a str, reason: &'a str) -> Self {
        Self {
            call_id,
            verdict: Verdict::Deny,
            reason,
            policy: "",
            rule: "",
            location: "",
            obligations: &[],
            outputs: &[],
            revision: "",
            decision_id: "",
            cached: false,
            arguments_sha256: "",
            trace: &[],
            explanations: &[],
            error: None,
        }
    }

    /// The reply to a question that could not be decided: a deny, with the error.
    #[must_use]
    pub fn failure(call_id: &'a str, code: i32, message: &'a str) -> Self {
        Self { error: Some(CallFailure { code, message }), ..Self::deny(call_id, message) }
    }
}
