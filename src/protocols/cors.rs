//! Cross-origin requests of browsers on the HTTP port: which origins may read answers, and the answers to preflights.
//! As the reference has it, but that `maxAge` is sent. Without credentials, always.

use std::time::Duration;

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

const METHODS: &[&str] = &["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"];
const PREFLIGHT_VARIES: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Who may ask from a browser.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Vec<String>,
    headers: Vec<String>,
    max_age: Option<Duration>,
}

/// What became of the request that an answer is for.
#[derive(Clone, Debug)]
pub(super) struct Grant(Option<HeaderValue>);

impl Cors {
    /// Allows some origins (`*` is all, or stands for a part of one) and some headers (`*` is all).
    #[must_use]
    pub fn new(origins: &[String], headers: &[String], max_age: Option<Duration>) -> Self {
        let lower = |all: &[String]| all.iter().map(|s| s.to_ascii_lowercase()).collect();
        Self { origins: lower(origins), headers: lower(headers), max_age }
    }

    /// What is allowed by default: every origin, and the headers of an ordinary request.
    #[must_use]
    pub fn default_headers() -> Vec<String> {
        ["accept", "content-type", "user-agent", "x-requested-with"].map(str::to_owned).to_vec()
    }

    /// The answer, if the request is a preflight.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
        let asked = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| *method == Method::OPTIONS)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(VARY, HeaderValue::from_static(PREFLIGHT_VARIES));
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let method_is_fine = asked.to_str().is_ok_and(|m| METHODS.contains(&m.to_ascii_uppercase().as_str()));
        let Grant(Some(origin)) = self.grant(headers) else { return Some(response) };
        if !method_is_fine || !wanted.is_none_or(|w| self.allows_headers(w)) {
            return Some(response);
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        if let Some(wanted) = wanted.filter(|w| !w.is_empty()) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        if let Some(age) = self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age.as_secs()));
        }
        Some(response)
    }

    /// Whether the sender of a request may read the answer.
    pub(super) fn grant(&self, headers: &HeaderMap) -> Grant {
        let Some(origin) = headers.get(ORIGIN) else { return Grant(None) };
        if self.origins.iter().any(|o| o == "*") {
            return Grant(Some(HeaderValue::from_static("*")));
        }
        let Ok(text) = origin.to_str() else { return Grant(None) };
        let text = text.to_ascii_lowercase();
        Grant(self.origins.iter().any(|o| matches(o, &text)).then(|| origin.clone()))
    }

    fn allows_headers(&self, wanted: &HeaderValue) -> bool {
        if self.headers.iter().any(|h| h == "*") {
            return true;
        }
        let Ok(wanted) = wanted.to_str() else { return false };
        let mut names = wanted.split(',').map(str::trim).filter(|n| !n.is_empty());
        names.all(|name| self.headers.iter().any(|h| h.eq_ignore_ascii_case(name)))
    }
}

/// An origin, or one with a single `*` that stands for at least one character.
fn matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == origin,
        Some((before, after)) => {
            origin.len() > before.len() + after.len() && origin.starts_with(before) && origin.ends_with(after)
        }
    }
}

impl Grant {
    /// Says so in the answer.
    pub(super) fn apply(self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.0 {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_matched_whole() {
        let cases = [
            ("http://a", "http://a", true),
            ("http://a", "http://ab", false),
            ("http://*.a", "http://x.a", true),
            ("http://*.a", "http://.a", false),
            ("http://*.a", "http://x.a.b", false),
            ("https://*", "http://x", false),
        ];
        for (pattern, origin, yes) in cases {
            assert_eq!(matches(pattern, origin), yes, "{pattern} {origin}");
        }
    }
}
