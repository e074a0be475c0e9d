//! The methods of the hot path without a library between them and the connection: a whole message in, a whole message
//! out, on the spot. Whatever is not plain (compressed, in pieces, too large, with a deadline that has passed) is not
//! for here: it takes the ordinary way, so that there is one set of answers to it. Knows no connection.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};

use super::access::{Call, Head};
use super::{App, Peer, cerbos, grpc, toolcall};
use crate::audit::Outcome;
use crate::service::{Failure, Service};

/// What stands before each message: one byte for compression, four for the length.
const PREFIX: usize = 5;

/// A method that is answered on the spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `toolgate.v1.ToolCallService/Decide`
    Decide,
    /// `cerbos.svc.v1.CerbosService/CheckResources`
    CheckResources,
}

/// An answer: head, message with what stands before it, and the end.
#[derive(Debug)]
pub struct Answer {
    /// The response's headers.
    pub head: HeaderMap,
    /// What is sent; nothing if there is a failure.
    pub body: Bytes,
}

impl App {
    /// The method to answer a request by at once, if it is one of those and the request is plain.
    #[must_use]
    pub fn unary(&self, head: &Parts) -> Option<Unary> {
        let method = match head.uri.path() {
            "/toolgate.v1.ToolCallService/Decide" => Unary::Decide,
            "/cerbos.svc.v1.CerbosService/CheckResources" => Unary::CheckResources,
            _ => return None,
        };
        is_plain(head).then_some(method)
    }

    /// The answer to what was received, if it is one whole message of ordinary size; else it is not for here.
    #[must_use]
    pub fn answer(&self, method: Unary, head: &Parts, peer: Peer, received: &[u8]) -> Option<Answer> {
        let shared = &*self.0.shared;
        let message = whole(received, shared.max_bytes)?;
        let call = Call::begin(&shared.service, of(head), peer);
        let answer = if shared.intake.has_room(received.len()) {
            call.enter(|| method.answer(&shared.service, message))
        } else {
            Err(Failure::Overloaded)
        };
        let ended = call.end(|| Some(answer.as_ref().err().map(outcome).unwrap_or_default()));
        Some(match ended.and(answer) {
            Ok(message) => Answer { head: method.head(), body: framed(&message) },
            Err(failure) => Answer { head: refusal(&failure), body: Bytes::new() },
        })
    }
}

impl Unary {
    fn answer(self, service: &Service, message: &[u8]) -> Result<Bytes, Failure> {
        match self {
            Self::Decide => toolcall::decide_message(service, message),
            Self::CheckResources => cerbos::check_message(service, message),
        }
    }

    /// The headers of an answer that is none of a failure.
    fn head(self) -> HeaderMap {
        let mut head = HeaderMap::with_capacity(2);
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        if self == Self::CheckResources {
            head.insert(grpc::VERSION_KEY, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        }
        head
    }
}

fn of(head: &Parts) -> Head<'_> {
    Head { verb: &head.method, uri: &head.uri, headers: &head.headers, over_grpc: true }
}

/// The head of an answer that is a failure and nothing else.
fn refusal(failure: &Failure) -> HeaderMap {
    grpc::failed(failure).into_http::<()>().into_parts().0.headers
}

fn outcome(failure: &Failure) -> Outcome {
    Outcome { code: failure.code() as i32, message: failure.to_string() }
}

/// Nothing in the head asks for more than an answer.
fn is_plain(head: &Parts) -> bool {
    let identity = |v: &HeaderValue| v.as_bytes() == b"identity";
    head.method == Method::POST
        && grpc::is_grpc(&head.headers)
        && head.headers.get("grpc-encoding").is_none_or(identity)
        && matches!(grpc::timeout(&head.headers), Ok(t) if t.is_none_or(|t| !t.is_zero()))
}

/// The message, if what was received is one that is whole, as it is, and not too large.
fn whole(received: &[u8], max: usize) -> Option<&[u8]> {
    let (&[flag, a, b, c, d], message) = received.split_first_chunk::<PREFIX>()?;
    let len = u32::from_be_bytes([a, b, c, d]) as usize;
    (flag == 0 && len == message.len() && len <= max).then_some(message)
}

/// A message with what stands before it.
fn framed(message: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(PREFIX + message.len());
    // A message of more than 4 GiB is none that we write; a client would refuse it.
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    out.push(0);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(message);
    out.into()
}
