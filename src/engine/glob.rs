//! Glob patterns over actions, roles and resources: the reference's dialect (gobwas with `:` as separator, spec §9.1),
//! compiled once and matched without recursion or allocation.
//!
//! Braces are expanded when a pattern is compiled, so a compiled pattern is a list of alternatives made of characters,
//! classes and the three wildcards. Matching one alternative backtracks to the last `*`, then to the last `**`: at most
//! pattern × text steps.

use crate::cel::texts::same;

/// The character that `*` and `?` do not cross.
const SEPARATOR: char = ':';

/// Most alternatives that the braces of one pattern may multiply to.
pub const MAX_ALTERNATIVES: usize = 1_024;

/// Deepest nesting of braces.
const MAX_DEPTH: usize = 32;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Matches everything (`*` alone).
    Any,
    /// Equal text, byte for byte.
    Literal(Box<str>),
    /// A glob.
    Glob(Glob),
    /// An invalid pattern: matches nothing, as in the reference.
    Never,
}

/// A valid glob.
#[derive(Clone, Debug, PartialEq)]
pub struct Glob {
    alternatives: Box<[Box<[Token]>]>,
    literal_too: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Char(char),
    AnyOne,
    Star,
    SuperStar,
    List { chars: Box<[char]>, negated: bool },
    Range { low: char, high: char, negated: bool },
}

/// Why a pattern could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Syntax: the reference logs a warning and never matches such a pattern.
    #[error("invalid glob `{0}`: {1}")]
    Invalid(String, &'static str),
    /// Braces that multiply beyond [`MAX_ALTERNATIVES`] or nest too deep.
    #[error("glob `{0}` has too many alternatives")]
    TooLarge(String),
}

impl Glob {
    #[inline(never)]
    fn matches(&self, text: &str) -> bool {
        self.literal_too.as_deref() == Some(text) || self.alternatives.iter().any(|a| matches_tokens(a, text))
    }
}

impl Pattern {
    /// Matcher **G** (spec §9.1): a glob only if the text contains `*`, else a literal.
    ///
    /// # Errors
    /// [`GlobError::Invalid`] for text that is no valid glob (callers that follow the reference use
    /// [`Pattern::Never`]), [`GlobError::TooLarge`].
    pub fn gated(text: &str) -> Result<Self, GlobError> {
        if text == "*" {
            Ok(Self::Any)
        } else if text.contains('*') {
            Ok(Self::Glob(Glob { alternatives: parse(text)?, literal_too: None }))
        } else {
            Ok(Self::Literal(text.into()))
        }
    }

    /// Matcher **A** (spec §9.1): literal equality or glob, whatever the text contains.
    ///
    /// # Errors
    /// As [`Pattern::gated`]; an invalid glob still matches its own text in the reference, so callers fall back to
    /// [`Pattern::Literal`].
    pub fn always(text: &str) -> Result<Self, GlobError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !text.contains(['*', '?', '[', '{', '\\']) {
            return Ok(Self::Literal(text.into()));
        }
        Ok(Self::Glob(Glob { alternatives: parse(text)?, literal_too: Some(text.into()) }))
    }

    /// True if the whole of `text` matches.
    #[inline]
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(l) => same(l, text),
            Self::Glob(g) => g.matches(text),
            Self::Never => false,
        }
    }

    /// The text, if only one text can match.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self {
            Self::Literal(l) => Some(l),
            Self::Any | Self::Glob(_) | Self::Never => None,
        }
    }
}

fn matches_tokens(tokens: &[Token], text: &str) -> bool {
    let (mut ti, mut rest) = (0, text);
    let mut star: Option<(usize, &str)> = None;
    let mut super_star: Option<(usize, &str)> = None;
    loop {
        let next = rest.chars().next();
        match (tokens.get(ti), next) {
            (Some(Token::Star), _) => {
                ti += 1;
                star = Some((ti, rest));
                continue;
            }
            (Some(Token::SuperStar), _) => {
                ti += 1;
                star = None;
                super_star = Some((ti, rest));
                continue;
            }
            (None, None) => return true,
            (Some(token), Some(c)) if token.accepts(c) => {
                ti += 1;
                rest = tail(rest, c);
                continue;
            }
            _ => {}
        }
        // Dead end: let the last `*` take one character more, or else the last `**`.
        if let Some((after, from)) = star
            && let Some(c) = from.chars().next()
            && c != SEPARATOR
        {
            let from = tail(from, c);
            star = Some((after, from));
            (ti, rest) = (after, from);
        } else if let Some((after, from)) = super_star
            && let Some(c) = from.chars().next()
        {
            let from = tail(from, c);
            super_star = Some((after, from));
            star = None;
            (ti, rest) = (after, from);
        } else {
            return false;
        }
    }
}

fn tail(text: &str, first: char) -> &str {
    text.get(first.len_utf8()..).unwrap_or("")
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Char(x) => *x == c,
            Self::AnyOne => c != SEPARATOR,
            Self::List { chars, negated } => chars.contains(&c) != *negated,
            Self::Range { low, high, negated } => (*low <= c && c <= *high) != *negated,
            Self::Star | Self::SuperStar => false,
        }
    }
}

fn parse(text: &str) -> Result<Box<[Box<[Token]>]>, GlobError> {
    let mut parser = Parser { text, rest: text.chars().peekable() };
    let alternatives = parser.sequence(0)?;
    Ok(alternatives.into_iter().map(Vec::into_boxed_slice).collect())
}

struct Parser<'t> {
    text: &'t str,
    rest: std::iter::Peekable<std::str::Chars<'t>>,
}

impl Parser<'_> {
    fn invalid(&self, why: &'static str) -> GlobError {
        GlobError::Invalid(self.text.to_owned(), why)
    }

    /// Everything up to the end, or inside braces to the `,` or `}` that ends this alternative (left unread).
    fn sequence(&mut self, depth: usize) -> Result<Vec<Vec<Token>>, GlobError> {
        let mut all: Vec<Vec<Token>> = vec![Vec::new()];
        while let Some(&c) = self.rest.peek() {
            if depth > 0 && (c == ',' || c == '}') {
                break;
            }
            self.rest.next();
            let token = match c {
                '{' => {
                    let choices = self.braces(depth + 1)?;
                    all = self.multiply(&all, &choices)?;
                    continue;
                }
                '[' => self.class()?,
                '?' => Token::AnyOne,
                '*' => {
                    if self.rest.next_if_eq(&'*').is_some() {
                        while self.rest.next_if_eq(&'*').is_some() {}
                        Token::SuperStar
                    } else {
                        Token::Star
                    }
                }
                '\\' => match self.rest.next() {
                    Some(escaped) => Token::Char(escaped),
                    None => break,
                },
                other => Token::Char(other),
            };
            for alternative in &mut all {
                alternative.push(token.clone());
            }
        }
        Ok(all)
    }

    fn braces(&mut self, depth: usize) -> Result<Vec<Vec<Token>>, GlobError> {
        if depth > MAX_DEPTH {
            return Err(GlobError::TooLarge(self.text.to_owned()));
        }
        let mut choices = Vec::new();
        loop {
            choices.append(&mut self.sequence(depth)?);
            if choices.len() > MAX_ALTERNATIVES {
                return Err(GlobError::TooLarge(self.text.to_owned()));
            }
            // A missing closing brace closes at the end.
            if self.rest.next() != Some(',') {
                return Ok(choices);
            }
        }
    }

    fn multiply(&self, heads: &[Vec<Token>], tails: &[Vec<Token>]) -> Result<Vec<Vec<Token>>, GlobError> {
        if heads.len().saturating_mul(tails.len()) > MAX_ALTERNATIVES {
            return Err(GlobError::TooLarge(self.text.to_owned()));
        }
        Ok(heads.iter().flat_map(|h| tails.iter().map(move |t| [h.as_slice(), t.as_slice()].concat())).collect())
    }

    /// After `[`: an optional `!`, then one range `a-z` or a list of characters, then `]`.
    fn class(&mut self) -> Result<Token, GlobError> {
        let negated = self.rest.next_if_eq(&'!').is_some();
        let Some(first) = self.rest.next() else { return Err(self.invalid("unexpected end of input")) };
        if self.rest.next_if_eq(&'-').is_some() {
            let Some(high) = self.rest.next() else { return Err(self.invalid("unexpected end of input")) };
            if self.rest.next() != Some(']') {
                return Err(self.invalid("expected `]` after a range"));
            }
            if high < first {
                return Err(self.invalid("the end of a range lies before its start"));
            }
            return Ok(Token::Range { low: first, high, negated });
        }
        let mut chars = Vec::new();
        let mut next = Some(first);
        loop {
            match next {
                None => return Err(self.invalid("unexpected end of input")),
                Some(']') => break,
                Some('\\') => match self.rest.next() {
                    Some(escaped) => chars.push(escaped),
                    None => return Err(self.invalid("unexpected end of input")),
                },
                Some(other) => chars.push(other),
            }
            next = self.rest.next();
        }
        if chars.is_empty() {
            return Err(self.invalid("empty character class"));
        }
        Ok(Token::List { chars: chars.into(), negated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_table_holds() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("view:*", &["view:", "view:public"], &["view", "view:a:b"]),
            ("a:*:d", &["a:x:d", "a::d"], &["a:x:y:d", "a:d"]),
            ("vi*", &["vi", "view"], &["view:x", "v"]),
            ("**:x", &[":x", "p:q:x"], &["x", "p:q"]),
            ("*", &["", "a", "a:b"], &[]),
            ("**", &["", "a", "a:b"], &[]),
            ("vi?w", &["vi?w"], &["view"]),
            ("[vw]iew*", &["view", "wiewer"], &["iew", "view:"]),
            ("{view,edit}:*", &["view:", "edit:x"], &["view", "other:x"]),
            ("{a,{b,c}d}*", &["a", "bd", "cdx"], &["b"]),
            ("{a,b*", &["a", "bx"], &["c"]),
            ("[!ab]*", &["c", ":x".get(..1).unwrap_or("")], &["a", "b", ""]),
            ("[a-c]*", &["a", "cz"], &["d"]),
            (r"\**", &["*", "*x"], &["x"]),
            ("a**b*c", &["axbc", "a:b:bzc"], &["a:b:c", "abcd"]),
            ("mcp::*", &["mcp::github", "mcp::"], &["mcp:github", "mcp::a:b"]),
        ];
        for (pattern, yes, no) in cases {
            let p = Pattern::gated(pattern).expect(pattern);
            for text in *yes {
                assert!(p.matches(text), "`{pattern}` should match `{text}`");
            }
            for text in *no {
                assert!(!p.matches(text), "`{pattern}` should not match `{text}`");
            }
        }
    }

    #[test]
    fn always_matches_globs_without_a_star_and_literals() {
        let p = Pattern::always("vi?w").expect("valid");
        assert!(p.matches("view") && p.matches("vi?w") && !p.matches("viw"));
        let p = Pattern::always("{x,y}:z").expect("valid");
        assert!(p.matches("x:z") && p.matches("{x,y}:z") && !p.matches("z"));
    }

    #[test]
    fn bad_patterns_are_errors() {
        for bad in ["[a-cx]*", "[*", "[]*", "[c-a]*", "[a-"] {
            assert!(matches!(parse(bad), Err(GlobError::Invalid(..))), "{bad}");
        }
        let bomb = "{a,b}".repeat(20) + "*";
        assert!(matches!(Pattern::gated(&bomb), Err(GlobError::TooLarge(_))));
        let deep = "{".repeat(10_000) + "*";
        assert!(matches!(Pattern::gated(&deep), Err(GlobError::TooLarge(_))));
    }

    #[test]
    fn many_stars_over_a_long_text_end_quickly() {
        let p = Pattern::gated(&("*a".repeat(50) + "**b")).expect("valid");
        assert!(!p.matches(&"a".repeat(20_000)));
    }
}
