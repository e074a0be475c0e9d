//! A client for JSON over HTTP/1.1: one request at a time on each of its connections.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection.
pub struct Connection {
    socket: TcpStream,
    head: String,
    out: Vec<u8>,
    input: Vec<u8>,
}

impl Connection {
    /// Connects; all requests are POSTs to one path.
    pub fn open(address: &str, path: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: peers/1.0\r\naccept: application/json\r\ncontent-type: application/json\r\ncontent-length: "
        );
        Ok(Self { socket, head, out: Vec::new(), input: Vec::new() })
    }

    /// Sends a request.
    pub fn ask(&mut self, body: &[u8]) -> io::Result<()> {
        self.out.clear();
        self.out.extend_from_slice(self.head.as_bytes());
        write!(self.out, "{}\r\n\r\n", body.len())?;
        self.out.extend_from_slice(body);
        self.socket.write_all(&self.out)
    }

    /// Waits for the answer: its body, if its status is 200.
    pub fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.input.clear();
        let mut buffer = [0; 16 << 10];
        loop {
            let n = self.socket.read(&mut buffer)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input.extend_from_slice(&buffer[..n]);
            let Some(end) = self.input.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.input[..end]).to_ascii_lowercase();
            let rest = &self.input[end + 4..];
            let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            let body = match length {
                Some(len) => rest.get(..len).map(<[u8]>::to_vec),
                None => chunks(rest),
            };
            if let Some(body) = body {
                return Ok(head.starts_with("http/1.1 200").then_some(body));
            }
        }
    }
}

/// A body in chunks, if it is whole.
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        body.extend_from_slice(rest.get(end + 2..end + 2 + len)?);
        rest = rest.get(end + 2 + len + 2..)?;
        if len == 0 {
            return Some(body);
        }
    }
}
