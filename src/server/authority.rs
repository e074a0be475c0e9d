//! Names that gRPC clients send for what has no name, made into names that HTTP/2 here takes. Clients on gRPC's C core
//! (Python, C++, C#, Ruby, PHP) put the percent-encoded path of a Unix socket, or a list of addresses, into
//! `:authority`; the HTTP library refuses such a request before anybody sees it. The bytes that it would refuse are
//! replaced as they are received, one for one, so that lengths and the peer's compression stay as they are. Nothing
//! else of what is received is changed, and no meaning is read out of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Octets of a frame's head: length, type, flags and stream.
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Octets of a priority, which stand before the fields.
const PRIORITY_BYTES: usize = 5;
/// The field, spelled out, as the C core does it.
const NAME: &[u8] = b":authority";
/// The place of `:authority` among the names that both sides know (RFC 7541, appendix A).
const AUTHORITY: u8 = 1;

/// A stream whose received bytes go through a [`Renaming`].
pub(super) struct Renamed<S> {
    stream: S,
    renaming: Renaming,
}

impl<S> Renamed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, renaming: Renaming::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Renamed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(fresh) = buf.filled_mut().get_mut(before..) {
            self.renaming.receive(fresh);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Renamed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in an HTTP/2 connection the next byte stands.
#[derive(Debug)]
struct Renaming {
    place: Place,
    /// Of the head of the current frame: what was received of it.
    head: [u8; HEAD],
    /// Where in the fields of a request the next byte of a block stands; blocks may go over several frames.
    field: Field,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// So many octets of the preface were received.
    Preface(usize),
    /// So many octets of a frame's head were received.
    Head(usize),
    /// In a frame: octets that are let by, then octets of fields.
    Frame { by: usize, fields: usize },
    /// Not HTTP/2, or nothing that we understand: all is let by.
    Off,
}

/// Where in a header block (RFC 7541, section 6) the next byte stands.
#[derive(Clone, Copy, Debug)]
enum Field {
    /// At a field's first octet.
    Start,
    /// In a number that goes on, before what stands here.
    Number(After),
    /// At the length of a text.
    Length(Text),
    /// In the length of a text, which goes on.
    LongLength { text: Text, length: usize, shift: u32 },
    /// In a text.
    Text { text: Text, left: usize },
}

#[derive(Clone, Copy, Debug)]
enum After {
    Start,
    Value,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    /// A name that is spelled out; how much of it is [`NAME`] so far, if all of it is.
    Name(Option<usize>),
    Value,
    /// A value of `:authority`; true if something of it was replaced.
    Authority(bool),
}

impl Default for Renaming {
    fn default() -> Self {
        Self { place: Place::Preface(0), head: [0; HEAD], field: Field::Start }
    }
}

impl Renaming {
    /// Takes the next bytes of a connection, and replaces what must be.
    fn receive(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match self.place {
                Place::Off => return,
                Place::Preface(seen) => {
                    let expected = PREFACE.get(seen..).unwrap_or_default();
                    let n = expected.len().min(bytes.len());
                    let same = bytes.iter().zip(expected).all(|(a, b)| a == b);
                    self.place = match (same, n == expected.len()) {
                        (false, _) => Place::Off,
                        (true, true) => Place::Head(0),
                        (true, false) => Place::Preface(seen + n),
                    };
                    n
                }
                Place::Head(seen) => {
                    let missing = self.head.get_mut(seen..).unwrap_or_default();
                    let n = missing.len().min(bytes.len());
                    missing.iter_mut().zip(bytes.iter()).for_each(|(to, from)| *to = *from);
                    self.place = if seen + n == HEAD { self.frame() } else { Place::Head(seen + n) };
                    n
                }
                Place::Frame { by: 0, fields: 0 } => {
                    self.place = Place::Head(0);
                    0
                }
                Place::Frame { by: 0, fields } => {
                    let n = fields.min(bytes.len());
                    self.place = Place::Frame { by: 0, fields: fields - n };
                    for byte in bytes.iter_mut().take(n) {
                        match self.field.next(byte) {
                            Some(field) => self.field = field,
                            None => self.place = Place::Off,
                        }
                    }
                    n
                }
                Place::Frame { by, fields } => {
                    let n = by.min(bytes.len());
                    self.place = Place::Frame { by: by - n, fields };
                    n
                }
            };
            bytes = bytes.get_mut(taken..).unwrap_or_default();
        }
    }

    /// What follows the head of a frame.
    fn frame(&mut self) -> Place {
        let [a, b, c, kind, flags, ..] = self.head;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let before = if flags & PRIORITY == 0 || kind != HEADERS { 0 } else { PRIORITY_BYTES };
        match kind {
            // No client that needs us pads; and where one block is not read, the next could not be either.
            HEADERS if flags & PADDED != 0 || length < before => Place::Off,
            HEADERS | CONTINUATION => {
                if kind == HEADERS {
                    self.field = Field::Start;
                }
                Place::Frame { by: before, fields: length - before }
            }
            _ => Place::Frame { by: length, fields: 0 },
        }
    }
}

impl Field {
    /// Goes past one byte, and replaces it if it must be; none if this cannot be a header block.
    fn next(self, byte: &mut u8) -> Option<Self> {
        let b = *byte;
        Some(match self {
            Self::Start => match b {
                0x80.. => Self::number(b, 0x7f, Self::Start, After::Start),
                0x40.. => Self::literal(b, 0x3f),
                0x20.. => Self::number(b, 0x1f, Self::Start, After::Start),
                _ => Self::literal(b, 0x0f),
            },
            Self::Number(_) if b & 0x80 != 0 => self,
            Self::Number(After::Start) => Self::Start,
            Self::Number(After::Value) => Self::Length(Text::Value),
            Self::Length(text) => {
                // What is compressed once more comes from clients that send names.
                let text = match text {
                    Text::Name(_) if b & 0x80 != 0 => Text::Name(None),
                    Text::Authority(_) if b & 0x80 != 0 => Text::Value,
                    plain => plain,
                };
                match b & 0x7f {
                    0x7f => Self::LongLength { text, length: 0x7f, shift: 0 },
                    n => Self::of_text(text, n.into()),
                }
            }
            Self::LongLength { text, length, shift } => {
                let length = length + (usize::from(b & 0x7f) << shift);
                match (b & 0x80 != 0, shift) {
                    (false, _) => Self::of_text(text, length),
                    (true, 0..=14) => Self::LongLength { text, length, shift: shift + 7 },
                    (true, _) => return None,
                }
            }
            Self::Text { text: Text::Authority(replaced), left } => {
                let refused = !matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']');
                // A second colon would be refused, too.
                let replace = refused || (replaced && b == b':');
                if replace {
                    *byte = b'-';
                }
                Self::of_text(Text::Authority(replaced || replace), left.checked_sub(1)?)
            }
            Self::Text { text: Text::Name(seen), left } => {
                let seen = seen.filter(|n| NAME.get(*n) == Some(&b)).map(|n| n + 1);
                Self::of_text(Text::Name(seen), left.checked_sub(1)?)
            }
            Self::Text { text, left } => Self::of_text(text, left.checked_sub(1)?),
        })
    }

    /// After the first octet of a number in its low bits.
    fn number(b: u8, mask: u8, whole: Self, after: After) -> Self {
        if b & mask == mask { Self::Number(after) } else { whole }
    }

    /// After the first octet of a field that is spelled out.
    fn literal(b: u8, mask: u8) -> Self {
        match b & mask {
            0 => Self::Length(Text::Name(Some(0))),
            AUTHORITY => Self::Length(Text::Authority(false)),
            _ => Self::number(b, mask, Self::Length(Text::Value), After::Value),
        }
    }

    /// With so much of a text to come.
    fn of_text(text: Text, left: usize) -> Self {
        match (text, left) {
            (Text::Name(Some(n)), 0) if n == NAME.len() => Self::Length(Text::Authority(false)),
            (Text::Name(_), 0) => Self::Length(Text::Value),
            (_, 0) => Self::Start,
            _ => Self::Text { text, left },
        }
    }
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
