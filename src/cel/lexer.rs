//! Source text → tokens, by the lexical grammar of CEL: longest match, hidden white space and comments, and the
//! reference's "token recognition error" texts. Knows characters, not meaning: literals are decoded in `literal`.

use super::fault::CelError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `==`
    EqualsEquals,
    /// `!=`
    NotEquals,
    /// `in`
    In,
    /// `<`
    Less,
    /// `<=`
    LessEquals,
    /// `>=`
    GreaterEquals,
    /// `>`
    Greater,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// `{`
    LeftBrace,
    /// `}`
    RightBrace,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `-`
    Minus,
    /// `!`
    Exclam,
    /// `?`
    Question,
    /// `:`
    Colon,
    /// `+`
    Plus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
    /// `1.5`
    Float,
    /// `1`, `0x1F`
    Int,
    /// `1u`
    Uint,
    /// `"a"`, `r'a'`, `"""a"""`
    String,
    /// `b"a"`
    Bytes,
    /// `a`
    Ident,
    /// `` `a-b` ``
    EscapedIdent,
    /// End of the text.
    End,
}

/// A token: its kind and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Outcome of matching one token at a place.
enum Match {
    /// A token of this length.
    Token(TokenKind, usize),
    /// White space or a comment of this length.
    Hidden(usize),
    /// No token: everything up to (not including) this offset could still have become one.
    Fail(usize),
}

/// Splits `source` into tokens, the last being [`TokenKind::End`]. Bytes that start no token are skipped and reported.
#[must_use]
pub fn tokenize(source: &str) -> (Vec<Token>, Vec<CelError>) {
    let bytes = source.as_bytes();
    let mut tokens = Vec::with_capacity(bytes.len() / 3 + 2);
    let mut errors = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or(&[]);
        match scan(rest) {
            Match::Token(kind, len) => {
                tokens.push(Token { kind, start: offset(at), end: offset(at + len) });
                at += len;
            }
            Match::Hidden(len) => at += len,
            Match::Fail(len) => {
                // The reference reports and skips everything up to and including the character that fits nowhere.
                let mut end = (at + len + 1).min(bytes.len());
                while !source.is_char_boundary(end) {
                    end += 1;
                }
                let text = source.get(at..end).unwrap_or("");
                errors.push(CelError::new(offset(at), format!("Syntax error: token recognition error at: '{text}'")));
                at = end;
            }
        }
    }
    let end = offset(bytes.len());
    tokens.push(Token { kind: TokenKind::End, start: end, end });
    (tokens, errors)
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn scan(rest: &[u8]) -> Match {
    use TokenKind as K;
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    let one = |k| Match::Token(k, 1);
    match at(0) {
        b' ' | b'\t' | b'\r' | b'\n' | 0x0C => {
            Match::Hidden(run(rest, 0, |b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0x0C)))
        }
        b'/' if at(1) == b'/' => Match::Hidden(run(rest, 2, |b| b != b'\n')),
        b'/' => one(K::Slash),
        b'=' if at(1) == b'=' => Match::Token(K::EqualsEquals, 2),
        b'!' if at(1) == b'=' => Match::Token(K::NotEquals, 2),
        b'!' => one(K::Exclam),
        b'<' if at(1) == b'=' => Match::Token(K::LessEquals, 2),
        b'<' => one(K::Less),
        b'>' if at(1) == b'=' => Match::Token(K::GreaterEquals, 2),
        b'>' => one(K::Greater),
        b'&' if at(1) == b'&' => Match::Token(K::And, 2),
        b'|' if at(1) == b'|' => Match::Token(K::Or, 2),
        b'=' | b'&' | b'|' => Match::Fail(1),
        b'[' => one(K::LeftBracket),
        b']' => one(K::RightBracket),
        b'{' => one(K::LeftBrace),
        b'}' => one(K::RightBrace),
        b'(' => one(K::LeftParen),
        b')' => one(K::RightParen),
        b'.' if at(1).is_ascii_digit() => number(rest),
        b'.' => one(K::Dot),
        b',' => one(K::Comma),
        b'-' => one(K::Minus),
        b'?' => one(K::Question),
        b':' => one(K::Colon),
        b'+' => one(K::Plus),
        b'*' => one(K::Star),
        b'%' => one(K::Percent),
        b'0'..=b'9' => number(rest),
        b'"' | b'\'' => string(rest, 0),
        b'`' => escaped_identifier(rest),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(rest),
        _ => Match::Fail(0),
    }
}

/// First index from `from` on where `keep` fails.
fn run(rest: &[u8], from: usize, keep: impl Fn(u8) -> bool) -> usize {
    let tail = rest.get(from..).unwrap_or(&[]);
    from + tail.iter().position(|b| !keep(*b)).unwrap_or(tail.len())
}

fn number(rest: &[u8]) -> Match {
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    let digits = |from| run(rest, from, |b| b.is_ascii_digit());
    if at(0) == b'0' && at(1) == b'x' && at(2).is_ascii_hexdigit() {
        let end = run(rest, 2, |b| b.is_ascii_hexdigit());
        return match at(end) {
            b'u' | b'U' => Match::Token(TokenKind::Uint, end + 1),
            _ => Match::Token(TokenKind::Int, end),
        };
    }
    let whole = digits(0);
    let mut end = whole;
    let mut float = false;
    if at(end) == b'.' && at(end + 1).is_ascii_digit() {
        end = digits(end + 1);
        float = true;
    }
    if matches!(at(end), b'e' | b'E') {
        let sign = usize::from(matches!(at(end + 1), b'+' | b'-'));
        if at(end + 1 + sign).is_ascii_digit() {
            end = digits(end + 1 + sign);
            float = true;
        }
    }
    match at(end) {
        _ if float => Match::Token(TokenKind::Float, end),
        b'u' | b'U' => Match::Token(TokenKind::Uint, end + 1),
        _ => Match::Token(TokenKind::Int, end),
    }
}

fn escaped_identifier(rest: &[u8]) -> Match {
    let end = run(rest, 1, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b' '));
    if end > 1 && rest.get(end) == Some(&b'`') {
        Match::Token(TokenKind::EscapedIdent, end + 1)
    } else {
        Match::Fail(end)
    }
}

/// A name, a keyword, or the prefix of a raw or byte string.
fn word(rest: &[u8]) -> Match {
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    let quote = |i: usize| matches!(at(i), b'"' | b'\'');
    let raw = |i: usize| matches!(at(i), b'r' | b'R');
    let literal = match at(0) {
        b'r' | b'R' if quote(1) => Some((raw_string(rest, 1), TokenKind::String)),
        b'b' | b'B' if quote(1) => Some((string(rest, 1), TokenKind::Bytes)),
        b'b' | b'B' if raw(1) && quote(2) => Some((raw_string(rest, 2), TokenKind::Bytes)),
        _ => None,
    };
    if let Some((Match::Token(_, len), kind)) = literal {
        return Match::Token(kind, len);
    }
    let len = run(rest, 0, |b| b.is_ascii_alphanumeric() || b == b'_');
    let kind = match rest.get(..len).unwrap_or(&[]) {
        b"in" => TokenKind::In,
        b"true" => TokenKind::True,
        b"false" => TokenKind::False,
        b"null" => TokenKind::Null,
        _ => TokenKind::Ident,
    };
    Match::Token(kind, len)
}

/// A quoted string whose opening quote stands at `from`.
fn string(rest: &[u8], from: usize) -> Match {
    let at = |i: usize| rest.get(i).copied();
    let quote = at(from).unwrap_or(b'"');
    let triple = at(from + 1) == Some(quote) && at(from + 2) == Some(quote);
    let mut i = from + if triple { 3 } else { 1 };
    loop {
        match at(i) {
            Some(b) if b == quote && !triple => return Match::Token(TokenKind::String, i + 1),
            Some(b) if b == quote && at(i + 1) == Some(quote) && at(i + 2) == Some(quote) => {
                return Match::Token(TokenKind::String, i + 3);
            }
            Some(b'\\') => match escape(rest, i) {
                Ok(end) => i = end,
                Err(end) => return unclosed(from, triple, end),
            },
            Some(b'\n' | b'\r') if !triple => return Match::Fail(i),
            Some(_) => i += 1,
            None => return unclosed(from, triple, i),
        }
    }
}

/// A raw string whose opening quote stands at `from`.
fn raw_string(rest: &[u8], from: usize) -> Match {
    let at = |i: usize| rest.get(i).copied();
    let quote = at(from).unwrap_or(b'"');
    let triple = at(from + 1) == Some(quote) && at(from + 2) == Some(quote);
    let mut i = from + if triple { 3 } else { 1 };
    loop {
        match at(i) {
            Some(b) if b == quote && !triple => return Match::Token(TokenKind::String, i + 1),
            Some(b) if b == quote && at(i + 1) == Some(quote) && at(i + 2) == Some(quote) => {
                return Match::Token(TokenKind::String, i + 3);
            }
            Some(b'\n' | b'\r') if !triple => return Match::Fail(i),
            Some(_) => i += 1,
            None => return unclosed(from, triple, i),
        }
    }
}

/// A triple-quoted string that never closes still starts with an empty string; any other string is no token at all.
fn unclosed(from: usize, triple: bool, failed_at: usize) -> Match {
    if triple { Match::Token(TokenKind::String, from + 2) } else { Match::Fail(failed_at) }
}

/// End of the escape sequence whose backslash stands at `i`, or where it stops being one.
fn escape(rest: &[u8], i: usize) -> Result<usize, usize> {
    let at = |i: usize| rest.get(i).copied().unwrap_or(0);
    let expect = |from: usize, n: usize, ok: fn(u8) -> bool| {
        for j in from..from + n {
            if !ok(at(j)) {
                return Err(j);
            }
        }
        Ok(from + n)
    };
    let hex = |b: u8| b.is_ascii_hexdigit();
    match at(i + 1) {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`' => Ok(i + 2),
        b'x' | b'X' => expect(i + 2, 2, hex),
        b'u' => expect(i + 2, 4, hex),
        b'U' => expect(i + 2, 8, hex),
        b'0'..=b'3' => expect(i + 2, 2, |b| matches!(b, b'0'..=b'7')),
        _ => Err(i + 1),
    }
}
