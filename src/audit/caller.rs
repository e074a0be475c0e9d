//! Who calls: what rows say of the peer, the request's headers and the call itself, put together once for all rows of a
//! call.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use http::{HeaderMap, HeaderName};

use super::queue::{Entry, Kind};
use super::settings::Metadata;
use super::{Audit, Full, rfc3339};
use crate::wire::encode::Json;

/// Headers that no row ever holds: they are credentials, or mean nothing to anybody.
const NEVER: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "grpc-trace-bin", "x-cerbos-set-by-grpc-gateway"];

/// The caller of one call.
#[derive(Debug)]
pub struct Caller {
    id: [u8; 26],
    started: SystemTime,
    method: String,
    peer: Vec<u8>,
    metadata: Option<Vec<u8>>,
    /// The annotations that came with the request.
    context: Mutex<Option<Vec<u8>>>,
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// A `google.rpc.Code`.
    pub code: i32,
    /// What the caller was told, if it was an error.
    pub message: String,
}

impl Caller {
    /// A call that begins now. `over_http` tells that it came in as JSON; `address` is missing on Unix sockets.
    #[must_use]
    pub fn new(
        audit: &Audit,
        id: [u8; 26],
        method: &str,
        headers: &HeaderMap,
        authority: Option<&str>,
        address: Option<SocketAddr>,
        over_http: bool,
    ) -> Self {
        let text = |name: &str| {
            let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
            values.collect::<Vec<_>>().join(", ")
        };
        let mut forwarded = text("x-forwarded-for");
        if let (true, Some(address)) = (over_http, address) {
            // As a gateway does it, because that is what came between caller and service in the reference.
            let own = address.ip().to_string();
            forwarded = if forwarded.is_empty() { own } else { format!("{forwarded}, {own}") };
        }
        let agent =
            Some(text("grpcgateway-user-agent")).filter(|a| !a.is_empty()).unwrap_or_else(|| text("user-agent"));
        let mut peer = Json::default();
        peer.object(|json| {
            json.text("address", &address.map_or_else(|| "@".to_owned(), |a| a.to_string()));
            json.text("userAgent", &agent);
            json.text("forwardedFor", &forwarded);
        });
        let metadata = metadata(&audit.settings().metadata, headers, authority, over_http, &forwarded);
        let (started, method) = (SystemTime::now(), method.to_owned());
        Self { id, started, method, peer: peer.finish(), metadata, context: Mutex::default() }
    }

    /// The call's id.
    #[must_use]
    pub fn id(&self) -> [u8; 26] {
        self.id
    }

    /// Keeps the annotations of the request.
    pub(super) fn set_context(&self, context: Vec<u8>) {
        *self.context.lock().unwrap_or_else(PoisonError::into_inner) = Some(context);
    }

    pub(super) fn write_peer(&self, json: &mut Json) {
        json.key("peer");
        json.raw(&self.peer);
    }

    pub(super) fn write_metadata(&self, json: &mut Json) {
        if let Some(metadata) = &self.metadata {
            json.key("metadata");
            json.raw(metadata);
        }
    }

    /// Queues the row of this call.
    ///
    /// # Errors
    /// If that is not possible, and must be.
    pub fn ended(&self, audit: &Audit, outcome: &Outcome) -> Result<(), Full> {
        if !audit.settings().access {
            return Ok(());
        }
        let mut json = Json::default();
        json.object(|json| {
            json.text("callId", std::str::from_utf8(&self.id).unwrap_or(""));
            json.text("timestamp", &rfc3339(self.started));
            self.write_peer(json);
            self.write_metadata(json);
            json.text("method", &self.method);
            if outcome.code != 0 {
                json.key("statusCode");
                json.number(f64::from(outcome.code));
            }
            json.key("policySource");
            json.raw(&audit.source);
            if let Some(context) = &*self.context.lock().unwrap_or_else(PoisonError::into_inner) {
                json.key("requestContext");
                json.raw(context);
            }
            if !outcome.message.is_empty() {
                json.key("toolgate");
                json.object(|json| json.text("reason", &outcome.message));
            }
        });
        audit.push(Entry { kind: Kind::Access, id: self.id, json: json.finish() })
    }
}

/// The headers that rows hold, with the names under which the reference has them.
fn metadata(
    rule: &Metadata,
    headers: &HeaderMap,
    authority: Option<&str>,
    over_http: bool,
    forwarded: &str,
) -> Option<Vec<u8>> {
    if rule.include.is_empty() && rule.exclude.is_empty() {
        return None;
    }
    let wanted = |name: &str| {
        let named = |list: &[String]| list.iter().any(|n| n.eq_ignore_ascii_case(name));
        let included = rule.include.is_empty() || named(&rule.include);
        included && !named(&rule.exclude) && !NEVER.contains(&name)
    };
    let mut json = Json::default();
    json.object(|json| {
        let mut write = |name: &str, values: &mut dyn Iterator<Item = &str>| {
            if wanted(name) {
                json.key(name);
                json.object(|json| {
                    json.key("values");
                    json.array(|json| values.for_each(|v| json.string(v)));
                });
            }
        };
        let host = headers.get(http::header::HOST).and_then(|h| h.to_str().ok());
        if let Some(authority) = authority.or(host) {
            write(":authority", &mut std::iter::once(authority));
            if over_http {
                write("x-forwarded-host", &mut std::iter::once(authority));
            }
        }
        if over_http && !forwarded.is_empty() {
            write("x-forwarded-for", &mut std::iter::once(forwarded));
        }
        let skipped = |name: &HeaderName| {
            let name = name.as_str();
            name == "host" || over_http && matches!(name, "x-forwarded-for" | "x-forwarded-host" | "content-length")
        };
        for name in headers.keys().filter(|n| !skipped(n)) {
            let texts = || headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
            write(name.as_str(), &mut texts());
            if over_http && name == http::header::USER_AGENT {
                write("grpcgateway-user-agent", &mut texts());
            }
        }
    });
    Some(json.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(include: &[&str], exclude: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-my", "a"),
            ("x-my", "b"),
            ("authorization", "Basic x"),
            ("cookie", "x"),
            ("user-agent", "curl"),
            ("host", "h:1"),
        ] {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let rule = Metadata { include: owned(include), exclude: owned(exclude) };
        metadata(&rule, &headers, None, true, "1.2.3.4").map(|m| String::from_utf8(m).unwrap())
    }

    #[test]
    fn headers_are_chosen_and_credentials_never_are() {
        assert_eq!(rows(&[], &[]), None);
        let mine = r#"{"x-my":{"values":["a","b"]}}"#;
        assert_eq!(rows(&["X-My", "authorization", "cookie"], &[]).as_deref(), Some(mine));
        assert_eq!(rows(&["x-my", "user-agent"], &["user-agent"]).as_deref(), Some(mine));
        let all = rows(&[], &["x-my"]).unwrap();
        let expected = r#"{":authority":{"values":["h:1"]},"x-forwarded-host":{"values":["h:1"]},"x-forwarded-for":{"values":["1.2.3.4"]},"user-agent":{"values":["curl"]},"grpcgateway-user-agent":{"values":["curl"]}}"#;
        assert_eq!(all, expected);
    }
}
