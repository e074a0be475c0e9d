//! A reply that outlives the turn it was made in.

use crate::cel::value::{Map, Value};
use crate::wire::encode::value_json;
use crate::wire::reply::{DecideReply, Verdict};

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Echoed.
    pub call_id: String,
    /// Allow, deny, or ask a person. Whoever cannot ask must deny.
    pub verdict: Verdict,
    /// One sentence a person can act on.
    pub reason: String,
    /// Policy key, or `NO_MATCH`.
    pub policy: String,
    /// Rule name; empty if none decided.
    pub rule: String,
    /// `file:line` of the rule.
    pub location: String,
    /// What the enforcement point must do; each is an object with a `type`.
    pub obligations: Vec<serde_json::Value>,
    /// Other outputs of the policy.
    pub outputs: Vec<Output>,
    /// Revision of the policies it was decided under.
    pub revision: String,
    /// The decision's id.
    pub decision_id: String,
    /// Whether it came from the cache.
    pub cached: bool,
    /// SHA-256 of the judged arguments in hex; empty unless asked for.
    pub arguments_sha256: String,
    /// What was considered; empty unless asked for.
    pub trace: Vec<String>,
    /// Of several calls, this one could not be decided. The verdict is a denial then.
    pub error: Option<CallError>,
}

/// An output of a policy's rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// `<policy key>#<rule name>`
    pub src: String,
    /// The value, or why there is none.
    pub value: Result<serde_json::Value, String>,
}

/// Why a call among several could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// A `google.rpc.Code`.
    pub code: i32,
    /// What is wrong.
    pub message: String,
}

impl Answer {
    /// True if the call may run now: it is allowed, and nobody has to be asked. Obligations still hold.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    pub(super) fn own(reply: &DecideReply<'_>) -> Self {
        let output = |o: &crate::engine::decision::OutputEntry<'_>| Output {
            src: o.src.to_owned(),
            value: o.value.map_err(str::to_owned).and_then(json),
        };
        // An obligation is what an output said, and was read before: it has a form outside.
        let obligation = |o: &Map<'_>| json(Value::Map(*o)).unwrap_or_default();
        Self {
            call_id: reply.call_id.to_owned(),
            verdict: reply.verdict,
            reason: reply.reason.to_owned(),
            policy: reply.policy.to_owned(),
            rule: reply.rule.to_owned(),
            location: reply.location.to_owned(),
            obligations: reply.obligations.iter().map(obligation).collect(),
            outputs: reply.outputs.iter().map(output).collect(),
            revision: reply.revision.to_owned(),
            decision_id: reply.decision_id.to_owned(),
            cached: reply.cached,
            arguments_sha256: reply.arguments_sha256.to_owned(),
            trace: reply.trace.iter().map(|line| (*line).to_owned()).collect(),
            error: reply.error.map(|e| CallError { code: e.code, message: e.message.to_owned() }),
        }
    }
}

fn json(value: Value<'_>) -> Result<serde_json::Value, String> {
    let text = value_json(value).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|e| e.to_string())
}
