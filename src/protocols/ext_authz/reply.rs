//! Answers. On the wire a message without any content lets the request through: so there is no default here, an answer
//! that lets through is made of a gate that policy opened or of a message that calls nothing, and every other has a code
//! that is not 0.

use bytes::Bytes;
use prost::Message;

use crate::proto::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use crate::proto::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use crate::proto::envoy::service::auth::v3::check_response::HttpResponse;
use crate::proto::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use crate::proto::envoy::r#type::v3::HttpStatus;
use crate::proto::google::rpc::Status;
use crate::protocols::gateway::Unknown;
use crate::protocols::value::texts;
use crate::service::{Code, Failure};
use crate::wire::encode::Json;
use crate::wire::reply::DecideReply;

/// JSON-RPC's code for a call that may not run.
const DENIED: i32 = -32001;
/// For a message that is none.
const INVALID: i32 = -32600;
/// For headers and body that do not agree, as MCP has it.
const MISMATCH: i32 = -32020;
/// For what went wrong here.
const INTERNAL: i32 = -32603;

/// What upstream servers and logs are told of a decision.
const DECISION: &str = "x-toolgate-decision-id";
const DIGEST: &str = "x-toolgate-arguments-sha256";

/// A `google.rpc.Code` that refuses. There is no `Ok` among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
enum Refused {
    Invalid = 3,
    Denied = 7,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// An answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// Goes through.
    Pass(Passed),
    /// Does not.
    Refuse(Box<Refusal>),
}

/// What goes through: made below and nowhere else.
#[derive(Debug)]
pub(super) struct Passed {
    decision_id: String,
    digest: String,
    revision: String,
    rule: String,
}

/// What does not go through, and what the client is told.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Refused,
    http: u16,
    rpc: i32,
    message: String,
    /// The ids of the requests that this answers, as they were sent.
    ids: Vec<Vec<u8>>,
    batch: bool,
    decision_id: String,
    revision: String,
    rule: String,
}

impl Reply {
    /// A message that calls nothing goes through.
    pub(super) fn no_call() -> Self {
        let (decision_id, digest, revision, rule) = (String::new(), String::new(), String::new(), String::new());
        Self::Pass(Passed { decision_id, digest, revision, rule })
    }

    /// A call that a gate was opened for.
    pub(super) fn open(reply: &DecideReply<'_>) -> Self {
        Self::Pass(Passed {
            decision_id: reply.decision_id.to_owned(),
            digest: reply.arguments_sha256.to_owned(),
            revision: reply.revision.to_owned(),
            rule: reply.rule.to_owned(),
        })
    }

    /// A call that may not run.
    pub(super) fn shut(reply: &DecideReply<'_>, as_http: bool) -> Self {
        let reason = if reply.reason.is_empty() { "denied" } else { reply.reason };
        let refusal = Refusal::new(Refused::Denied, if as_http { 403 } else { 200 }, DENIED, reason);
        Self::Refuse(Box::new(Refusal {
            decision_id: reply.decision_id.to_owned(),
            revision: reply.revision.to_owned(),
            rule: reply.rule.to_owned(),
            ..refusal
        }))
    }

    /// Nobody is asking.
    pub(super) fn unauthenticated(unknown: &Unknown) -> Self {
        Self::Refuse(Box::new(Refusal::new(Refused::Unauthenticated, 401, DENIED, &unknown.to_string())))
    }

    /// A request that cannot be understood.
    pub(super) fn malformed(why: &str) -> Self {
        Self::Refuse(Box::new(Refusal::new(Refused::Invalid, 400, INVALID, why)))
    }

    /// A request whose parts contradict each other.
    pub(super) fn mismatch(why: &str) -> Self {
        Self::Refuse(Box::new(Refusal::new(Refused::Invalid, 400, MISMATCH, why)))
    }

    /// A request that could not be judged.
    pub(super) fn failed(failure: &Failure) -> Self {
        let message = failure.to_string();
        let (code, http, rpc) = match failure.code() {
            Code::InvalidArgument => (Refused::Invalid, 400, INVALID),
            Code::Unauthenticated => (Refused::Unauthenticated, 401, DENIED),
            Code::ResourceExhausted if matches!(failure, Failure::TooLarge { .. }) => (Refused::Invalid, 413, INVALID),
            Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded => {
                (Refused::Unavailable, 503, INTERNAL)
            }
            Code::NotFound | Code::Unimplemented | Code::Internal => (Refused::Internal, 500, INTERNAL),
        };
        Self::Refuse(Box::new(Refusal::new(code, http, rpc, &message)))
    }

    /// The same as an answer to requests of these ids.
    pub(super) fn to(mut self, ids: Vec<Vec<u8>>, batch: bool) -> Self {
        if let Self::Refuse(refusal) = &mut self {
            (refusal.ids, refusal.batch) = (ids, batch);
        }
        self
    }

    /// The same without the digest of the arguments.
    pub(super) fn without_digest(mut self) -> Self {
        if let Self::Pass(passed) = &mut self {
            passed.digest.clear();
        }
        self
    }

    /// As a `CheckResponse`.
    pub(super) fn encode(&self) -> Bytes {
        let response = match self {
            Self::Pass(passed) => passed.response(),
            Self::Refuse(refusal) => refusal.response(),
        };
        Bytes::from(response.encode_to_vec())
    }
}

impl Passed {
    fn response(&self) -> CheckResponse {
        let told = [(DECISION, &self.decision_id), (DIGEST, &self.digest)];
        // What a client pretends we said goes no further.
        let removed = told.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| (*name).to_owned());
        let ok = OkHttpResponse {
            headers: told
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| header(name, value))
                .collect(),
            headers_to_remove: removed.collect(),
        };
        let metadata = texts(&[
            ("verdict", if self.decision_id.is_empty() { "" } else { "allow" }),
            ("decision_id", &self.decision_id),
            ("revision", &self.revision),
            ("rule", &self.rule),
            ("arguments_sha256", &self.digest),
        ]);
        CheckResponse {
            status: Some(Status { code: 0, message: String::new(), details: Vec::new() }),
            http_response: Some(HttpResponse::OkResponse(ok)),
            dynamic_metadata: Some(metadata),
        }
    }
}

impl Refusal {
    fn new(code: Refused, http: u16, rpc: i32, message: &str) -> Self {
        let (decision_id, revision, rule) = (String::new(), String::new(), String::new());
        let message = if message.is_empty() { "refused" } else { message }.to_owned();
        Self { code, http, rpc, message, ids: Vec::new(), batch: false, decision_id, revision, rule }
    }

    fn response(&self) -> CheckResponse {
        let mut headers = vec![header("content-type", "application/json")];
        if self.http == 401 {
            headers.push(header("www-authenticate", "Bearer"));
        }
        let metadata = texts(&[
            ("verdict", "deny"),
            ("reason", &self.message),
            ("decision_id", &self.decision_id),
            ("revision", &self.revision),
            ("rule", &self.rule),
        ]);
        CheckResponse {
            status: Some(Status { code: self.code as i32, message: self.message.clone(), details: Vec::new() }),
            http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
                status: Some(HttpStatus { code: i32::from(self.http) }),
                headers,
                body: String::from_utf8(self.body()).unwrap_or_default(),
            })),
            dynamic_metadata: Some(metadata),
        }
    }

    /// A JSON-RPC error, or one for each request of a batch.
    fn body(&self) -> Vec<u8> {
        let mut json = Json::default();
        match (self.batch, self.ids.first()) {
            (true, Some(_)) => json.array(|json| self.ids.iter().for_each(|id| self.error(id, json))),
            (_, id) => self.error(id.map_or(b"null", Vec::as_slice), &mut json),
        }
        json.finish()
    }

    fn error(&self, id: &[u8], json: &mut Json) {
        json.object(|json| {
            json.text("jsonrpc", "2.0");
            json.key("id");
            json.raw(id);
            json.key("error");
            json.object(|json| {
                json.key("code");
                json.number(f64::from(self.rpc));
                json.text("message", &self.message);
                if !self.decision_id.is_empty() {
                    json.key("data");
                    json.object(|json| {
                        json.text("decisionId", &self.decision_id);
                        json.text("rule", &self.rule);
                        json.text("revision", &self.revision);
                    });
                }
            });
        });
    }
}

/// A header that replaces what is there.
fn header(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
    }
}
