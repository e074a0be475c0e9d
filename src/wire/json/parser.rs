//! The grammar: one pass over the text, handing what it finds to a builder. Depth and memory are bounded.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::Trailing;
use super::error::{JsonError, Position};
use super::string::{self, StringFault};
use crate::wire::quote;

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A member's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) name: Result<&'a str, StringFault>,
    pub(super) span: Span,
}

/// Makes something of what the parser finds.
pub(super) trait Build<'a>: Sized {
    type Out: Copy;

    fn null(span: Span) -> Self::Out;
    fn bool(value: bool, span: Span) -> Self::Out;
    fn number(value: f64, span: Span, parser: &Parser<'a, Self>) -> Result<Self::Out, JsonError>;
    fn string(
        text: Result<&'a str, StringFault>,
        span: Span,
        parser: &Parser<'a, Self>,
    ) -> Result<Self::Out, JsonError>;
    fn array(items: &[Self::Out], span: Span, parser: &mut Parser<'a, Self>) -> Result<Self::Out, JsonError>;
    fn object(
        members: &[(Key<'a>, Self::Out)],
        span: Span,
        parser: &mut Parser<'a, Self>,
    ) -> Result<Self::Out, JsonError>;
}

/// A parser over one text.
pub(super) struct Parser<'a, B: Build<'a>> {
    pub(super) text: &'a [u8],
    /// The same, if it is UTF-8 as a whole: then its strings need no check each.
    valid: Option<&'a str>,
    pub(super) bump: &'a Bump,
    at: usize,
    budget: usize,
    /// Items of the arrays that are open, innermost last; likewise members.
    items: BumpVec<'a, B::Out>,
    members: BumpVec<'a, (Key<'a>, B::Out)>,
    _build: B,
}

impl<'a, B: Build<'a>> Parser<'a, B> {
    pub(super) fn new(text: &'a [u8], bump: &'a Bump, build: B, budget: usize) -> Self {
        let items = BumpVec::new_in(bump);
        let members = BumpVec::with_capacity_in(16, bump);
        Self { text, valid: str::from_utf8(text).ok(), bump, at: 0, budget, items, members, _build: build }
    }

    /// The offset behind what was read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bytes of arena that are left to take.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    /// The value the text holds, of at most `depth` nested values.
    pub(super) fn whole(&mut self, depth: u32, trailing: Trailing) -> Result<B::Out, JsonError> {
        self.space();
        let value = self.value(depth)?;
        if trailing == Trailing::Refuse {
            let end = self.at;
            self.space();
            if self.peek().is_some() {
                return Err(self.unexpected("after top-level value"));
            }
            self.at = end;
        }
        Ok(value)
    }

    fn value(&mut self, depth: u32) -> Result<B::Out, JsonError> {
        let start = self.at;
        let Some(depth) = depth.checked_sub(1) else { return Err(self.unexpected("exceeded max depth")) };
        match self.peek() {
            Some(b'"') => {
                let (text, span) = self.string()?;
                B::string(text, span, self)
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.literal(b"true").map(|()| B::bool(true, self.span(start))),
            Some(b'f') => self.literal(b"false").map(|()| B::bool(false, self.span(start))),
            Some(b'n') => self.literal(b"null").map(|()| B::null(self.span(start))),
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                B::number(number, self.span(start), self)
            }
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn array(&mut self, depth: u32) -> Result<B::Out, JsonError> {
        let (start, first) = (self.at, self.items.len());
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return B::array(&[], self.span(start), self);
        }
        loop {
            let item = self.value(depth)?;
            self.charge(size_of::<B::Out>())?;
            self.items.push(item);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("after array element")),
            }
            self.space();
        }
        self.at += 1;
        let items = std::mem::replace(&mut self.items, BumpVec::new_in(self.bump));
        let array = B::array(items.get(first..).unwrap_or_default(), self.span(start), self);
        self.items = items;
        self.items.truncate(first);
        array
    }

    fn object(&mut self, depth: u32) -> Result<B::Out, JsonError> {
        let (start, first) = (self.at, self.members.len());
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return B::object(&[], self.span(start), self);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let (name, span) = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.space();
            let value = self.value(depth)?;
            self.charge(size_of::<(Key<'a>, B::Out)>())?;
            self.members.push((Key { name, span }, value));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("after object key:value pair")),
            }
            self.space();
        }
        self.at += 1;
        let members = std::mem::replace(&mut self.members, BumpVec::new_in(self.bump));
        let object = B::object(members.get(first..).unwrap_or_default(), self.span(start), self);
        self.members = members;
        self.members.truncate(first);
        object
    }

    /// A string without escapes takes the short way.
    #[inline]
    fn string(&mut self) -> Result<(Result<&'a str, StringFault>, Span), JsonError> {
        let (start, text) = (self.at, self.text);
        let inside = start + 1;
        let end = inside + string::plain(text.get(inside..).unwrap_or_default());
        if text.get(end) == Some(&b'"')
            && let Some(valid) = self.valid.and_then(|valid| valid.get(inside..end))
        {
            self.at = end + 1;
            return Ok((Ok(valid), self.span(start)));
        }
        self.at = end;
        self.any_string(start)
    }

    /// Goes on with a string that begins at `start`.
    #[inline(never)]
    fn any_string(&mut self, start: usize) -> Result<(Result<&'a str, StringFault>, Span), JsonError> {
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.unexpected("in string literal")),
            }
            self.at += string::plain(self.text.get(self.at..).unwrap_or_default());
        }
        let raw = self.text.get(start + 1..self.at).unwrap_or_default();
        self.at += 1;
        let span = self.span(start);
        if escaped {
            self.charge(raw.len())?;
        }
        Ok((string::text(raw, escaped, span.start + 1, self.bump), span))
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        return Err(self.unexpected("in \\u hexadecimal character escape"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected("in string escape code")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<f64, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("in numeric literal")),
        }
        let whole = self.text.get(start..self.at).unwrap_or_default();
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        if integer && whole.len() <= 15 && whole.first() != Some(&b'-') {
            // Exact: below 2^53.
            return Ok(whole.iter().fold(0_u64, |n, b| n * 10 + u64::from(b - b'0')) as f64);
        }
        let text = str::from_utf8(self.text.get(start..self.at).unwrap_or_default()).unwrap_or_default();
        // The grammar of JSON numbers is within that of `f64`; too large a number is infinite.
        Ok(text.parse().unwrap_or(f64::NAN))
    }

    fn some_digits(&mut self, context: &str) -> Result<(), JsonError> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.unexpected(context));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        for &expected in word {
            if self.peek() != Some(expected) {
                let word = String::from_utf8_lossy(word);
                return Err(self.unexpected(&format!("in literal {word} (expecting '{}')", char::from(expected))));
            }
            self.at += 1;
        }
        Ok(())
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn span(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32 }
    }

    /// Charges for memory: what is held here grows by doubling, and a builder keeps as much again.
    fn charge(&mut self, bytes: usize) -> Result<(), JsonError> {
        self.budget = self.budget.checked_sub(bytes.saturating_mul(4)).ok_or(JsonError::TooMany)?;
        Ok(())
    }

    /// The error for what stands here.
    #[cold]
    fn unexpected(&self, context: &str) -> JsonError {
        let at = Position::of(self.text, self.at);
        match self.peek() {
            Some(byte) => JsonError::Character { quoted: quote::byte(byte), context: context.to_owned(), at },
            None => JsonError::Eof(at),
        }
    }
}

/// The raw text of a token as messages quote it: of a container only its first character.
pub(super) fn raw(text: &[u8], span: Span) -> String {
    let raw = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    let shown = match raw.first() {
        Some(b'{' | b'[') => raw.get(..1).unwrap_or_default(),
        _ => raw,
    };
    String::from_utf8_lossy(shown).into_owned()
}

/// The error for a string that holds no text, in a text of which `end` bytes were read.
#[cold]
pub(super) fn string_error(text: &[u8], end: usize, span: Span, fault: StringFault) -> JsonError {
    let at = Position::of(text, span.start as usize);
    let what = match fault {
        StringFault::Utf8 => "invalid UTF-8 in string".to_owned(),
        StringFault::Surrogate(after) => {
            let follows = text.get(after as usize..end).unwrap_or_default();
            match follows.get(..6) {
                Some(follows) => format!("invalid escape code {} in string", quote::text(follows)),
                None => return JsonError::SurrogateEof(at),
            }
        }
    };
    JsonError::Token { what, at }
}
