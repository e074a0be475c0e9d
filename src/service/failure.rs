//! The fail-closed table: everything that keeps a request from being decided, and what the caller is told. No row is
//! an allow, and none can become one: a [`Failure`] has an error code and nothing else.
//!
//! What happens within a decision (an expression that errs, a budget spent, no policy) is no failure: the engine
//! answers it with a denial and a reason.

use crate::plan::PlanError;
use crate::wire::json::JsonError;
use crate::wire::protobuf::DecodeError;
use crate::wire::validate::{Violation, Violations};

/// The codes of `google.rpc.Code` that are used. There is no `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// The request is wrong.
    InvalidArgument = 3,
    /// Too late.
    DeadlineExceeded = 4,
    /// No such thing.
    NotFound = 5,
    /// Too much.
    ResourceExhausted = 8,
    /// Not served.
    Unimplemented = 12,
    /// A defect, or a message that cannot be decoded (as the reference has it).
    Internal = 13,
    /// Not now.
    Unavailable = 14,
    /// Who are you?
    Unauthenticated = 16,
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::NotFound => 404,
            Self::ResourceExhausted => 429,
            Self::Internal => 500,
            Self::Unimplemented => 501,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }
}

/// What is wrong with the credentials of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// There are none.
    #[error("authentication required")]
    Missing,
    /// Of another kind.
    #[error("unsupported authentication method")]
    Method,
    /// Not base64.
    #[error("failed to decode credentials")]
    Encoding,
    /// Not a name and a password.
    #[error("invalid credentials")]
    Form,
    /// Not ours.
    #[error("incorrect credentials")]
    Wrong,
}

/// Why a request was not decided. Displays as the message for the caller: nothing of what is inside leaves with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A protobuf message that is none.
    #[error("grpc: error unmarshalling request: {0}")]
    Undecodable(DecodeError),
    /// A JSON text that is none, or does not fit.
    #[error("{0}")]
    Json(JsonError),
    /// Fields that break their rules.
    #[error("{0}")]
    Invalid(Violations),
    /// More resources than a request may have.
    #[error("number of resources in batch ({count}) exceeds configured limit ({limit})")]
    TooManyResources {
        /// Asked about.
        count: usize,
        /// Allowed.
        limit: usize,
    },
    /// More actions than may be asked about one resource.
    #[error("number of actions ({count}) exceeds configured limit ({limit})")]
    TooManyActions {
        /// Asked about.
        count: usize,
        /// Allowed.
        limit: usize,
    },
    /// More calls than a batch may have.
    #[error("number of calls in batch ({count}) exceeds configured limit ({limit})")]
    TooManyCalls {
        /// Asked about.
        count: usize,
        /// Allowed.
        limit: usize,
    },
    /// More evaluations than a batch may have.
    #[error("number of evaluations ({count}) exceeds configured limit ({limit})")]
    TooManyEvaluations {
        /// Asked about.
        count: usize,
        /// Allowed.
        limit: usize,
    },
    /// What the items of a batch share is too large to be copied for each.
    #[error("evaluations have too many elements together")]
    TooManyCopies,
    /// A body that does not say it is JSON, where it must.
    #[error("content type must be application/json")]
    ContentType,
    /// More bytes than a message may have.
    #[error("grpc: received message larger than max ({len} vs. {max})")]
    TooLarge {
        /// Received.
        len: usize,
        /// Allowed.
        max: usize,
    },
    /// More requests on their way in than there is memory for.
    #[error("too many requests in flight")]
    Overloaded,
    /// Tool arguments that are no JSON object.
    #[error("{0}")]
    Arguments(String),
    /// Tokens that could not be verified.
    #[error("invalid auxData")]
    AuxData,
    /// A plan that cannot be made, and why.
    #[error("{0}")]
    NoPlan(PlanError),
    /// The same in the reference's words.
    #[error("Resources query plan request failed")]
    PlanFailed,
    /// A `Grpc-Timeout` header that is none.
    #[error("invalid grpc-timeout: {0}")]
    Timeout(String),
    /// The caller's deadline, or ours for reading the request, has passed.
    #[error("context deadline exceeded")]
    Deadline,
    /// The body of the request broke off.
    #[error("unexpected EOF")]
    BrokenBody,
    /// No such path.
    #[error("Not Found")]
    NoRoute,
    /// The path is served, but not for this method.
    #[error("Method Not Allowed")]
    WrongMethod,
    /// An admin call that does not prove who makes it.
    #[error("{0}")]
    Unauthenticated(Denial),
    /// A query string that does not fit.
    #[error("{0}")]
    Query(String),
    /// No schema of this id.
    #[error("could not get the schema with id {0}")]
    NoSchema(String),
    /// The policies were read again and cannot be used.
    #[error("failed to reload store")]
    ReloadFailed,
    /// A method that exists and is not served.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Health was asked about a service that does not exist.
    #[error("unknown service")]
    UnknownService,
    /// The server is going down.
    #[error("server is shutting down")]
    ShuttingDown,
    /// Decisions must be written down, and cannot be.
    #[error("audit log cannot be written")]
    Unaudited,
    /// A panic was caught. The caller learns that it happened, and not what.
    #[error("Policy check failed")]
    Panicked,
}

impl Failure {
    /// The table.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Undecodable(DecodeError::TooLarge { .. })
            | Self::Json(JsonError::TooLarge { .. })
            | Self::TooLarge { .. }
            | Self::NoPlan(PlanError::Budget | PlanError::TooLarge)
            | Self::Overloaded => Code::ResourceExhausted,
            Self::Undecodable(_) | Self::NoSchema(_) | Self::ReloadFailed | Self::PlanFailed | Self::Panicked => {
                Code::Internal
            }
            Self::Json(_)
            | Self::Invalid(_)
            | Self::TooManyResources { .. }
            | Self::TooManyActions { .. }
            | Self::TooManyCalls { .. }
            | Self::TooManyEvaluations { .. }
            | Self::TooManyCopies
            | Self::ContentType
            | Self::Query(_)
            | Self::Arguments(_)
            | Self::AuxData
            | Self::NoPlan(PlanError::Unsupported(_))
            | Self::Timeout(_)
            | Self::BrokenBody => Code::InvalidArgument,
            Self::Deadline => Code::DeadlineExceeded,
            Self::NoRoute | Self::UnknownService => Code::NotFound,
            Self::WrongMethod | Self::Unsupported(_) => Code::Unimplemented,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::ShuttingDown | Self::Unaudited => Code::Unavailable,
        }
    }

    /// True if a method itself gave up, and false if the request never got to one: it could not be read, breaks rules,
    /// or asks for what is not served.
    #[must_use]
    pub fn is_of_a_method(&self) -> bool {
        match self {
            Self::TooManyResources { .. }
            | Self::TooManyActions { .. }
            | Self::TooManyCalls { .. }
            | Self::TooManyEvaluations { .. }
            | Self::TooManyCopies
            | Self::AuxData
            | Self::NoPlan(_)
            | Self::PlanFailed
            | Self::Unauthenticated(_)
            | Self::NoSchema(_)
            | Self::ReloadFailed
            | Self::Unsupported(_)
            | Self::UnknownService
            | Self::ShuttingDown
            | Self::Unaudited
            | Self::Panicked => true,
            Self::Undecodable(_)
            | Self::Json(_)
            | Self::Invalid(_)
            | Self::ContentType
            | Self::TooLarge { .. }
            | Self::Overloaded
            | Self::Arguments(_)
            | Self::Timeout(_)
            | Self::Deadline
            | Self::BrokenBody
            | Self::NoRoute
            | Self::WrongMethod
            | Self::Query(_) => false,
        }
    }

    /// The rules that were broken, if that is what is wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        if let Self::Invalid(v) = self { v.as_slice() } else { &[] }
    }
}

impl From<DecodeError> for Failure {
    fn from(e: DecodeError) -> Self {
        match e {
            DecodeError::TooLarge { len, max } => Self::TooLarge { len, max },
            other => Self::Undecodable(other),
        }
    }
}

impl From<JsonError> for Failure {
    fn from(e: JsonError) -> Self {
        match e {
            JsonError::TooLarge { len, max } => Self::TooLarge { len, max },
            other => Self::Json(other),
        }
    }
}

impl From<Violations> for Failure {
    fn from(v: Violations) -> Self {
        Self::Invalid(v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of the table, with what goes over the wire.
    #[test]
    fn every_failure_is_an_error_with_its_code_and_words() {
        use crate::wire::json::Position;
        let at = Position { line: 1, column: 1 };
        let rows = [
            (
                Failure::Undecodable(DecodeError::Truncated),
                13,
                500,
                "grpc: error unmarshalling request: unexpected end of message",
            ),
            (DecodeError::TooDeep.into(), 13, 500, "grpc: error unmarshalling request: exceeded max depth"),
            (
                DecodeError::TooLarge { len: 5, max: 4 }.into(),
                8,
                429,
                "grpc: received message larger than max (5 vs. 4)",
            ),
            (JsonError::Eof(at).into(), 3, 400, "unexpected EOF"),
            (JsonError::TooLarge { len: 5, max: 4 }.into(), 8, 429, "grpc: received message larger than max (5 vs. 4)"),
            (
                Failure::TooManyResources { count: 51, limit: 50 },
                3,
                400,
                "number of resources in batch (51) exceeds configured limit (50)",
            ),
            (
                Failure::TooManyActions { count: 51, limit: 50 },
                3,
                400,
                "number of actions (51) exceeds configured limit (50)",
            ),
            (
                Failure::TooManyCalls { count: 51, limit: 50 },
                3,
                400,
                "number of calls in batch (51) exceeds configured limit (50)",
            ),
            (
                Failure::TooManyEvaluations { count: 2501, limit: 2500 },
                3,
                400,
                "number of evaluations (2501) exceeds configured limit (2500)",
            ),
            (Failure::TooManyCopies, 3, 400, "evaluations have too many elements together"),
            (Failure::ContentType, 3, 400, "content type must be application/json"),
            (Failure::TooLarge { len: 5, max: 4 }, 8, 429, "grpc: received message larger than max (5 vs. 4)"),
            (Failure::Overloaded, 8, 429, "too many requests in flight"),
            (Failure::Arguments("arguments: x".into()), 3, 400, "arguments: x"),
            (Failure::AuxData, 3, 400, "invalid auxData"),
            (Failure::NoPlan(PlanError::Budget), 8, 429, "step budget exhausted"),
            (Failure::NoPlan(PlanError::TooLarge), 8, 429, "the plan is too large"),
            (
                Failure::NoPlan(PlanError::Unsupported("an optional")),
                3,
                400,
                "an optional on values that are not known cannot be planned",
            ),
            (Failure::PlanFailed, 13, 500, "Resources query plan request failed"),
            (Failure::Timeout("x".into()), 3, 400, "invalid grpc-timeout: x"),
            (Failure::Deadline, 4, 504, "context deadline exceeded"),
            (Failure::BrokenBody, 3, 400, "unexpected EOF"),
            (Failure::NoRoute, 5, 404, "Not Found"),
            (Failure::WrongMethod, 12, 501, "Method Not Allowed"),
            (Failure::Unauthenticated(Denial::Missing), 16, 401, "authentication required"),
            (Failure::Query("x".into()), 3, 400, "x"),
            (Failure::NoSchema("x".into()), 13, 500, "could not get the schema with id x"),
            (Failure::ReloadFailed, 13, 500, "failed to reload store"),
            (Failure::Unsupported("not here"), 12, 501, "not here"),
            (Failure::UnknownService, 5, 404, "unknown service"),
            (Failure::ShuttingDown, 14, 503, "server is shutting down"),
            (Failure::Unaudited, 14, 503, "audit log cannot be written"),
            (Failure::Panicked, 13, 500, "Policy check failed"),
        ];
        for (failure, code, http, message) in rows {
            let seen = (failure.code() as i32, failure.code().http_status(), failure.to_string());
            assert_eq!(seen, (code, http, message.to_owned()), "{failure:?}");
            assert!(seen.0 != 0 && seen.1 >= 400);
        }
    }
}
