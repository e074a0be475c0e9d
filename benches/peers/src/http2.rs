//! A client that speaks just enough HTTP/2 to load a gRPC server with little work of its own: heads of requests are
//! sent as an ordinary client sends them (put into the dynamic table once, then by index), answers are taken apart into
//! frames, and of their heads only the end of the stream is looked at. One thread, any number of connections, a fixed
//! number of requests in flight.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// What we let the server send ahead, for each stream and for all of them.
const OUR_WINDOW: u32 = (1 << 31) - 1;

/// One answer: which question it is to, and the message; `None` if there was none, which is a failure.
pub struct Answer<'a> {
    pub question: usize,
    pub message: Option<&'a [u8]>,
}

/// A connection.
pub struct Connection {
    socket: TcpStream,
    path: &'static str,
    authority: String,
    /// The head is in the server's table.
    known: bool,
    next_stream: u32,
    out: Vec<u8>,
    input: Vec<u8>,
    /// Streams that wait for an answer: the question, and the message so far.
    waiting: HashMap<u32, (usize, Vec<u8>)>,
    /// What the server lets us send: for all, and for each new stream.
    window: i64,
    stream_window: i64,
    /// Bytes taken since the server was last told.
    taken: u32,
    settled: bool,
    stream: Option<Stream>,
}

/// One stream for many questions: they are answered in order.
struct Stream {
    id: u32,
    window: i64,
    asked: std::collections::VecDeque<usize>,
    input: Vec<u8>,
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A string of HPACK, not compressed.
fn string(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()).ok().filter(|n| *n < 127) {
        Some(n) => out.push(n),
        // Long enough for what is sent here.
        None => out.extend_from_slice(&[127, (text.len() - 127) as u8]),
    }
    out.extend_from_slice(text.as_bytes());
}

impl Connection {
    /// Connects; all requests are for one method.
    pub fn open(address: &str, path: &'static str) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut out = PREFACE.to_vec();
        let mut settings = Vec::new();
        for (id, value) in [(2_u16, 0_u32), (4, OUR_WINDOW)] {
            settings.extend_from_slice(&id.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        frame(&mut out, SETTINGS, 0, 0, &settings);
        frame(&mut out, WINDOW_UPDATE, 0, 0, &(OUR_WINDOW - 65_535).to_be_bytes());
        let mut connection = Self {
            socket,
            path,
            authority: address.into(),
            known: false,
            next_stream: 1,
            out,
            input: Vec::new(),
            waiting: HashMap::new(),
            window: 65_535,
            stream_window: 65_535,
            taken: 0,
            settled: false,
            stream: None,
        };
        // The server's settings are known before anything is asked.
        connection.flush()?;
        while !connection.settled {
            connection.read(&mut |_| {})?;
        }
        Ok(connection)
    }

    fn head(&mut self) -> Vec<u8> {
        // POST, http.
        let mut head = vec![0x83, 0x86];
        if self.known {
            // authority, path, content-type, te, user-agent as they stand in the table now.
            head.extend_from_slice(&[0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]);
            return head;
        }
        head.push(0x40 | 1);
        string(&mut head, &self.authority);
        head.push(0x40 | 4);
        string(&mut head, self.path);
        head.push(0x40 | 31);
        string(&mut head, "application/grpc");
        for (name, value) in [("te", "trailers"), ("user-agent", "peers/1.0")] {
            head.push(0x40);
            string(&mut head, name);
            string(&mut head, value);
        }
        self.known = true;
        head
    }

    /// Asks with a stream of its own. Nothing is sent before [`Connection::flush`]. False if the server's windows are
    /// full.
    pub fn ask(&mut self, question: usize, message: &[u8]) -> bool {
        let len = message.len() as i64 + 5;
        if self.window < len || self.stream_window < len {
            return false;
        }
        self.window -= len;
        let id = self.next_stream;
        self.next_stream += 2;
        let head = self.head();
        frame(&mut self.out, HEADERS, END_HEADERS, id, &head);
        self.data(id, END_STREAM, message);
        self.waiting.insert(id, (question, Vec::new()));
        true
    }

    /// Asks in the one stream of this connection.
    pub fn ask_in_stream(&mut self, question: usize, message: &[u8]) -> bool {
        let len = message.len() as i64 + 5;
        if self.stream.is_none() {
            let id = self.next_stream;
            self.next_stream += 2;
            let head = self.head();
            frame(&mut self.out, HEADERS, END_HEADERS, id, &head);
            self.stream = Some(Stream {
                id,
                window: self.stream_window,
                asked: std::collections::VecDeque::new(),
                input: Vec::new(),
            });
        }
        let Some(stream) = &mut self.stream else { return false };
        if self.window < len || stream.window < len {
            return false;
        }
        self.window -= len;
        stream.window -= len;
        stream.asked.push_back(question);
        let id = stream.id;
        self.data(id, 0, message);
        true
    }

    fn data(&mut self, id: u32, flags: u8, message: &[u8]) {
        self.out.extend_from_slice(&(message.len() as u32 + 5).to_be_bytes()[1..]);
        self.out.extend_from_slice(&[DATA, flags]);
        self.out.extend_from_slice(&id.to_be_bytes());
        self.out.push(0);
        self.out.extend_from_slice(&(message.len() as u32).to_be_bytes());
        self.out.extend_from_slice(message);
    }

    /// Sends what was asked, in one write.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.socket.write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    /// Waits for something to come and hands over what is answered.
    pub fn read(&mut self, answered: &mut dyn FnMut(Answer<'_>)) -> io::Result<()> {
        let mut buffer = [0; 64 << 10];
        let n = self.socket.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut input = std::mem::take(&mut self.input);
        let mut rest: &[u8] = if input.is_empty() {
            &buffer[..n]
        } else {
            input.extend_from_slice(&buffer[..n]);
            &input
        };
        while let Some(len) =
            rest.get(..3).map(|l| usize::from(l[0]) << 16 | usize::from(l[1]) << 8 | usize::from(l[2]))
        {
            let Some(whole) = rest.get(..9 + len) else { break };
            let id = u32::from_be_bytes([whole[5], whole[6], whole[7], whole[8]]) & (u32::MAX >> 1);
            self.take(whole[3], whole[4], id, &whole[9..], answered)?;
            rest = &rest[9 + len..];
        }
        let rest = rest.to_vec();
        input.clear();
        input.extend_from_slice(&rest);
        self.input = input;
        Ok(())
    }

    fn take(
        &mut self,
        kind: u8,
        flags: u8,
        id: u32,
        payload: &[u8],
        answered: &mut dyn FnMut(Answer<'_>),
    ) -> io::Result<()> {
        let number = |at: usize| payload.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        match kind {
            DATA => {
                self.taken += payload.len() as u32;
                if self.taken > 1 << 30 {
                    frame(&mut self.out, WINDOW_UPDATE, 0, 0, &self.taken.to_be_bytes());
                    if let Some(stream) = &self.stream {
                        frame(&mut self.out, WINDOW_UPDATE, 0, stream.id, &self.taken.to_be_bytes());
                    }
                    self.taken = 0;
                }
                match &mut self.stream {
                    Some(stream) if stream.id == id => {
                        stream.input.extend_from_slice(payload);
                        let mut at = 0;
                        while let Some(len) = stream.input.get(at + 1..at + 5) {
                            let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize;
                            let Some(message) = stream.input.get(at + 5..at + 5 + len) else { break };
                            let question = stream.asked.pop_front().ok_or(io::ErrorKind::InvalidData)?;
                            answered(Answer { question, message: Some(message) });
                            at += 5 + len;
                        }
                        stream.input.drain(..at);
                    }
                    _ => {
                        if let Some((_, message)) = self.waiting.get_mut(&id) {
                            message.extend_from_slice(payload);
                        }
                    }
                }
            }
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if setting[..2] == [0, 4] {
                        let value = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                        self.stream_window = i64::from(value);
                    }
                }
                self.settled = true;
                frame(&mut self.out, SETTINGS, ACK, 0, &[]);
            }
            PING if flags & ACK == 0 => frame(&mut self.out, PING, ACK, 0, payload),
            WINDOW_UPDATE if id == 0 => self.window += i64::from(number(0)),
            WINDOW_UPDATE => {
                if let Some(stream) = self.stream.as_mut().filter(|s| s.id == id) {
                    stream.window += i64::from(number(0));
                }
            }
            RST_STREAM | GOAWAY => {
                return Err(io::Error::other(format!(
                    "frame {kind} of stream {id}, code {}",
                    number(payload.len() - 4)
                )));
            }
            _ => {}
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            if self.stream.as_ref().is_some_and(|s| s.id == id) {
                return Err(io::Error::other("the server ended the stream"));
            }
            if let Some((question, message)) = self.waiting.remove(&id) {
                answered(Answer { question, message: message.get(5..) });
            }
        }
        Ok(())
    }
}
