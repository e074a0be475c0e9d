//! A blocking HTTP/1.1 client of a page, for one keep-alive connection over a Unix socket or loopback TCP. Knows no
//! redirects, no TLS, no other hosts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Longest body that is read.
const MAX_BODY: usize = 64 << 20;
/// Longest wait for a reply.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// A socket file.
    Unix(PathBuf),
    /// A port on 127.0.0.1.
    Tcp(u16),
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// One connection, opened again when the server closed it.
pub struct Client {
    address: Address,
    stream: Option<BufReader<Box<dyn Stream>>>,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(address: Address) -> Self {
        Self { address, stream: None }
    }

    fn connect(&self) -> io::Result<BufReader<Box<dyn Stream>>> {
        let stream: Box<dyn Stream> = match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                Box::new(stream)
            }
            Address::Tcp(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                Box::new(stream)
            }
        };
        Ok(BufReader::new(stream))
    }

    /// Sends one request and reads the reply; tries once more on a fresh connection if the old one was closed.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
        if self.stream.is_some()
            && let Ok(reply) = self.exchange(method, path, body)
        {
            return Ok(reply);
        }
        self.stream = Some(self.connect()?);
        let reply = self.exchange(method, path, body);
        if reply.is_err() {
            self.stream = None;
        }
        reply
    }

    fn exchange(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut message = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        message.extend_from_slice(body);
        stream.get_mut().write_all(&message)?;
        let reply = read_reply(stream);
        if !matches!(&reply, Ok((_, true))) {
            self.stream = None;
        }
        reply.map(|(reply, _)| reply)
    }
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    let count = stream.take(64 << 10).read_line(&mut line)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

/// The reply, and whether the connection stays open.
fn read_reply(stream: &mut impl BufRead) -> io::Result<(Reply, bool)> {
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad(&status_line))?;
    let (mut length, mut chunked, mut keep) = (None, false, true);
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { return Err(bad(&line)) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse::<usize>().ok(),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => keep = !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = usize::from_str_radix(&read_line(stream)?, 16).map_err(|e| bad(&e.to_string()))?;
            if size + body.len() > MAX_BODY {
                return Err(bad("body too long"));
            }
            stream.take(size as u64).read_to_end(&mut body)?;
            read_line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else {
        let size = length.ok_or_else(|| bad("no content length"))?;
        if size > MAX_BODY {
            return Err(bad("body too long"));
        }
        body.resize(size, 0);
        stream.read_exact(&mut body)?;
    }
    Ok((Reply { status, body }, keep))
}
