//! One HTTP/1.1 request over a blocking socket, and its answer. A runtime and a client library would cost more than the
//! request: see docs/benchmarks.md.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use crate::cli::client::here;
use crate::config::Address;

/// Largest head of an answer.
const HEAD: usize = 64 << 10;
/// Largest answer.
const ANSWER: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum AskError {
    /// Nobody listens.
    #[error("no server at `{0}`: {1}")]
    Connect(Address, io::Error),
    /// The connection broke.
    #[error("the server at `{0}` broke off: {1}")]
    Broken(Address, io::Error),
    /// Not HTTP as this server speaks it.
    #[error("the server at `{0}` does not answer as toolgate does")]
    Foreign(Address),
    /// A status other than 200.
    #[error("the server refused with {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
}

/// Posts `body` and gives the body of a 200.
pub(in crate::cli) fn post(
    server: &Address,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> Result<Vec<u8>, AskError> {
    let mut request = Vec::with_capacity(body.len() + 512);
    let authorization = token.map(|t| format!("authorization: Bearer {t}\r\n")).unwrap_or_default();
    let length = body.len();
    // Writing to a vector cannot fail.
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: toolgate\r\ncontent-type: application/json\r\n{authorization}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    request.extend_from_slice(body);
    let failed = |e| AskError::Connect(server.clone(), e);
    match server {
        Address::Unix(path) => exchange(server, UnixStream::connect(path).map_err(failed)?, &request),
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((here(host), *port)).map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            exchange(server, stream, &request)
        }
    }
}

fn exchange(server: &Address, mut stream: impl Read + Write, request: &[u8]) -> Result<Vec<u8>, AskError> {
    let broken = |e| AskError::Broken(server.clone(), e);
    // A server that refuses a request before it has read it all answers, and closes: what it said counts.
    let sent = stream.write_all(request);
    let mut received = Vec::with_capacity(4096);
    let mut chunk = [0_u8; 8192];
    let (mut expected, mut seen) = (None, 0);
    loop {
        if let Some(total) = expected
            && received.len() >= total
        {
            break;
        }
        let n = match stream.read(&mut chunk) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(broken(sent.err().unwrap_or(e))),
        };
        if n == 0 {
            return Err(broken(sent.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())));
        }
        received.extend_from_slice(chunk.get(..n).unwrap_or_default());
        if expected.is_none()
            && let Some(end) = head_end(received.get(seen..).unwrap_or_default()).map(|end| seen + end)
        {
            let length =
                length(received.get(..end).unwrap_or_default()).ok_or_else(|| AskError::Foreign(server.clone()))?;
            expected = Some(end + length);
        }
        // The end of a head may stand across two pieces.
        seen = received.len().saturating_sub(3);
        if expected.is_none() && received.len() > HEAD {
            return Err(AskError::Foreign(server.clone()));
        }
    }
    read(&received).ok_or_else(|| AskError::Foreign(server.clone()))?
}

fn head_end(text: &[u8]) -> Option<usize> {
    text.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

/// The one `content-length` of a head, if it says how long the body is and nothing else does.
fn length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let mut found = None;
    for line in head.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return None;
        }
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim();
            if found.is_some() || !value.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            found = Some(value.parse::<usize>().ok().filter(|n| *n <= ANSWER)?);
        }
    }
    found
}

/// The body of a whole answer; none if it is no HTTP.
fn read(answer: &[u8]) -> Option<Result<Vec<u8>, AskError>> {
    let end = head_end(answer)?;
    let (head, body) = answer.split_at_checked(end)?;
    let body = body.get(..length(head)?)?;
    let line = std::str::from_utf8(head).ok()?.split("\r\n").next()?;
    let mut words = line.split(' ');
    if words.next()? != "HTTP/1.1" {
        return None;
    }
    let status: u16 = words.next().filter(|s| s.len() == 3)?.parse().ok()?;
    if status == 200 {
        return Some(Ok(body.to_vec()));
    }
    let said = serde_json::from_slice::<serde_json::Value>(body).ok();
    let message = said.as_ref().and_then(|v| v.get("message")?.as_str()).unwrap_or("no reason").to_owned();
    Some(Err(AskError::Status { status, message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer with an answer ready.
    struct Peer<'a>(&'a [u8], Vec<u8>);

    impl Read for Peer<'_> {
        /// Byte by byte: answers come in any pieces.
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    impl Write for Peer<'_> {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(from);
            Ok(from.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let cases: &[(&str, Result<&str, &str>)] = &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Ok("{}")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}more", Ok("{}")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ok("")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", Err("broke off")),
            ("HTTP/1.1 200 OK\r\n\r\n{}", Err("does not answer as toolgate does")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}", Err("does not answer")),
            ("HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}", Err("does not answer")),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{}", Err("does not answer")),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Err("does not answer")),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", Err("does not answer")),
            ("HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}", Err("does not answer")),
            ("SSH-2.0-x\r\n", Err("broke off")),
            ("", Err("broke off")),
            (
                "HTTP/1.1 401 No\r\ncontent-length: 18\r\n\r\n{\"message\":\"who?\"}",
                Err("the server refused with 401: who?"),
            ),
            ("HTTP/1.1 500 No\r\ncontent-length: 1\r\n\r\nx", Err("the server refused with 500: no reason")),
        ];
        let server = Address::Tcp { host: "127.0.0.1".into(), port: 1 };
        for (answer, expected) in cases {
            let got = exchange(&server, Peer(answer.as_bytes(), Vec::new()), b"question").map_err(|e| e.to_string());
            match (got, expected) {
                (Ok(body), Ok(text)) => assert_eq!(body, text.as_bytes(), "{answer}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{answer}: {message}"),
                (got, _) => panic!("{answer}: {got:?}"),
            }
        }
        let endless = "x".repeat(HEAD + 10);
        assert!(exchange(&server, Peer(endless.as_bytes(), Vec::new()), b"").is_err());
    }
}
