//! Answers to agentgateway. There is no default: an answer passes, changes, or refuses with a code and a reason.

use bytes::Bytes;
use prost::Message;

use crate::proto::agentgateway::dev::ext_mcp::authorization_error::Code as Proto;
use crate::proto::agentgateway::dev::ext_mcp::{
    AuthorizationError, McpRequestResult, McpResponseResult, Pass, mcp_request_result, mcp_response_result,
};
use crate::protocols::gateway::Unknown;
use crate::protocols::value::texts;
use crate::service::{Code, Failure};
use crate::wire::encode::Json;
use crate::wire::reply::{DecideReply, Verdict};

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// As it is.
    Pass(Told),
    /// With these bytes instead.
    Change(Vec<u8>, Told),
    /// Not at all.
    Refuse(Refusal),
}

/// What logs are told of a decision.
#[derive(Debug, Default)]
pub(super) struct Told {
    decision_id: String,
    revision: String,
    rule: String,
    digest: String,
}

/// Why not.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Proto,
    reason: String,
    /// JSON for the client.
    data: Vec<u8>,
    told: Told,
}

impl Told {
    pub(super) fn of(reply: &DecideReply<'_>) -> Self {
        Self {
            decision_id: reply.decision_id.to_owned(),
            revision: reply.revision.to_owned(),
            rule: reply.rule.to_owned(),
            digest: reply.arguments_sha256.to_owned(),
        }
    }

    /// The same for arguments that were changed.
    pub(super) fn with_digest(self, digest: String) -> Self {
        Self { digest, ..self }
    }
}

impl Refusal {
    /// A call that may not run; `asked` if a person could have approved.
    pub(super) fn denied(reply: &DecideReply<'_>, asked: bool) -> Self {
        let mut json = Json::default();
        json.object(|json| {
            json.text("verdict", if asked { Verdict::Ask } else { Verdict::Deny }.name());
            json.text("decisionId", reply.decision_id);
            json.text("policy", reply.policy);
            json.text("rule", reply.rule);
            json.text("revision", reply.revision);
        });
        Self { data: json.finish(), told: Told::of(reply), ..Self::new(Proto::PermissionDenied, reply.reason) }
    }

    /// Nobody is asking.
    pub(super) fn unknown(unknown: &Unknown) -> Self {
        Self::new(Proto::PermissionDenied, &unknown.to_string())
    }

    /// A question that cannot be understood.
    pub(super) fn invalid(why: &str) -> Self {
        Self::new(Proto::Invalid, why)
    }

    /// A question that could not be judged.
    pub(super) fn failed(failure: &Failure) -> Self {
        let code = match failure.code() {
            Code::InvalidArgument => Proto::Invalid,
            Code::Unauthenticated => Proto::PermissionDenied,
            Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded => Proto::ResourceExhausted,
            Code::NotFound | Code::Unimplemented | Code::Internal => Proto::Unknown,
        };
        Self::new(code, &failure.to_string())
    }

    fn new(code: Proto, reason: &str) -> Self {
        let reason = if reason.is_empty() { "refused" } else { reason }.to_owned();
        Self { code, reason, data: Vec::new(), told: Told::default() }
    }

    fn error(&self) -> AuthorizationError {
        let mcp_error = (!self.data.is_empty()).then(|| self.data.clone());
        AuthorizationError { code: self.code.into(), reason: self.reason.clone(), mcp_error }
    }
}

impl Answer {
    /// As a `McpRequestResult`.
    pub(super) fn for_request(&self) -> Bytes {
        use mcp_request_result::Result;
        let (result, told, verdict) = match self {
            Self::Pass(told) => (Result::Pass(Pass {}), told, "allow"),
            Self::Change(bytes, told) => (Result::Mutated(bytes.clone()), told, "allow"),
            Self::Refuse(refusal) => (Result::Error(refusal.error()), &refusal.told, "deny"),
        };
        let metadata = texts(&[
            ("verdict", if told.decision_id.is_empty() { "" } else { verdict }),
            ("decision_id", &told.decision_id),
            ("revision", &told.revision),
            ("rule", &told.rule),
            ("arguments_sha256", &told.digest),
        ]);
        let result = McpRequestResult { result: Some(result), header_mutation: None, metadata: Some(metadata) };
        Bytes::from(result.encode_to_vec())
    }

    /// As a `McpResponseResult`.
    pub(super) fn for_response(&self) -> Bytes {
        use mcp_response_result::Result;
        let result = match self {
            Self::Pass(_) => Result::Pass(Pass {}),
            Self::Change(bytes, _) => Result::Mutated(bytes.clone()),
            Self::Refuse(refusal) => Result::Error(refusal.error()),
        };
        Bytes::from(McpResponseResult { result: Some(result) }.encode_to_vec())
    }
}
