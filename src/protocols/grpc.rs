//! What all gRPC methods share: failures as statuses, deadlines, and refusals in the reference's words. Knows no
//! service of ours.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::service::Failure;
use crate::wire::protobuf::DecodeError;
use crate::wire::status;

/// The header with the caller's deadline, in both of our transports.
const TIMEOUT: &str = "grpc-timeout";

/// Metadata with our version that comes with every answer, as the reference's does.
pub(super) const VERSION_KEY: &str = "cerbos-version";

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        let code = failure.code() as i32;
        let message = failure.to_string();
        if failure.violations().is_empty() {
            return Self::new(Code::from_i32(code), message);
        }
        let details = status::to_protobuf(code, &message, failure.violations());
        Self::with_details(Code::from_i32(code), message, Bytes::from(details))
    }
}

/// A failure as the answer to a gRPC method.
pub(super) fn failed(failure: &Failure) -> Status {
    failure.into()
}

/// How long the caller is willing to wait.
///
/// # Errors
/// If the header is there and is no timeout.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    parse_timeout(&text).map(Some).ok_or_else(|| Failure::Timeout(text.into_owned()))
}

/// At most eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

/// True for the content types of gRPC, which gRPC-Web's are not.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    match value.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// Adds our version to the answer of a service that does not do so itself, unless it failed.
pub(super) fn versioned<B>(mut response: Response<B>) -> Response<B> {
    if !response.headers().contains_key("grpc-status") {
        response.headers_mut().insert(VERSION_KEY, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    }
    response
}

/// The answer of the transport to a message beyond its limit, or in an encoding it does not know, in the reference's
/// words.
pub(super) fn reworded(response: Response<Body>, limit: usize) -> Response<Body> {
    // Only an answer without any message has its status among the headers.
    if response.headers().get("grpc-status").is_none_or(|s| !matches!(s.as_bytes(), b"11" | b"12")) {
        return response;
    }
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if let Some(failure) = oversized(&status, limit) {
        return failed(&failure).into_http();
    }
    let encoding = status.message().strip_prefix("Content is compressed with `").and_then(|m| m.split('`').next());
    encoding.map_or(response, |encoding| {
        let message = format!("grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");
        Status::unimplemented(message).into_http()
    })
}

/// The failure behind an answer without any message: what the transport, or what stands before a method, says no to.
pub(super) fn refusal(response: &Response<Body>, limit: usize) -> Option<Failure> {
    let code = response.headers().get("grpc-status").filter(|s| s.as_bytes() != b"0")?;
    let status = Status::from_header_map(response.headers());
    let oversized = status.as_ref().and_then(|s| oversized(s, limit));
    Some(oversized.unwrap_or(match code.as_bytes() {
        b"3" | b"12" | b"13" => Failure::Undecodable(DecodeError::Truncated),
        b"4" => Failure::Deadline,
        _ => Failure::Overloaded,
    }))
}

/// One message as the whole answer to a unary method, without the method having been called.
pub(super) fn message(message: &Bytes) -> Response<Body> {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    // Not compressed, and as long as this.
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// The failure behind a status that the transport gave for a message beyond its limit.
pub(super) fn oversized(status: &Status, max: usize) -> Option<Failure> {
    (status.code() == Code::OutOfRange).then(|| {
        let digits = status.message().split(|c: char| !c.is_ascii_digit()).find(|d| !d.is_empty());
        Failure::TooLarge { len: digits.and_then(|d| d.parse().ok()).unwrap_or(max.saturating_add(1)), max }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read() {
        let cases = [
            ("1H", Some(3_600_000_000_000)),
            ("2M", Some(120_000_000_000)),
            ("3S", Some(3_000_000_000)),
            ("4m", Some(4_000_000)),
            ("5u", Some(5_000)),
            ("99999999n", Some(99_999_999)),
            ("0n", Some(0)),
            ("999999999n", None),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("1s", None),
            ("1é", None),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_timeout(text), nanos.map(Duration::from_nanos), "{text}");
        }
    }

    #[test]
    fn content_types_are_told_apart() {
        for (value, yes) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            assert_eq!(is_grpc(&headers), yes, "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn the_transports_refusal_of_a_large_message_is_reworded() {
        let refused = Status::out_of_range(
            "Error, decoded message length too large: found 5000101 bytes, the limit is: 4194304 bytes",
        );
        let response = reworded(refused.into_http(), 4_194_304);
        let seen = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(seen.code(), Code::ResourceExhausted);
        assert_eq!(seen.message(), "grpc: received message larger than max (5000101 vs. 4194304)");
    }
}
