//! Reads RE2 syntax and writes the same pattern for the `regex` crate.

use std::fmt::{self, Write};

use super::class;

/// Why a pattern is refused, in the reference's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    cause: Cause,
    /// The offending part.
    part: Box<str>,
}

/// The causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// `(`
    #[error("missing closing )")]
    MissingParen,
    /// `)`
    #[error("unexpected )")]
    UnexpectedParen,
    /// `[`
    #[error("missing closing ]")]
    MissingBracket,
    /// `*`
    #[error("missing argument to repetition operator")]
    MissingArgument,
    /// `a**`
    #[error("invalid nested repetition operator")]
    NestedRepeat,
    /// `a{1001}`
    #[error("invalid repeat count")]
    RepeatCount,
    /// `(?=`
    #[error("invalid or unsupported Perl syntax")]
    PerlSyntax,
    /// `(?P<n-a>`
    #[error("invalid named capture")]
    NamedCapture,
    /// `\8`
    #[error("invalid escape sequence")]
    Escape,
    /// `\` at the end
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// `[b-a]`, `\p{Foo}`
    #[error("invalid character class range")]
    ClassRange,
    /// Too many levels of groups.
    #[error("expression nests too deeply")]
    NestingDepth,
    /// More than the size limit.
    #[error("expression too large")]
    TooLarge,
}

impl PatternError {
    pub(super) fn new(cause: Cause, part: &str) -> Self {
        Self { cause, part: part.into() }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.cause, self.part)
    }
}

impl std::error::Error for PatternError {}

const MAX_REPEAT: u32 = 1000;

/// One thing of a concatenation.
struct Item {
    text: String,
    /// False for `(?i)`, which is nothing a `*` could repeat.
    repeats: bool,
    /// The product of nested repeat counts inside.
    weight: u32,
}

/// An open group: the branches that are finished, and the one that is being read.
#[derive(Default)]
struct Group {
    open: String,
    branches: Vec<Vec<Item>>,
    current: Vec<Item>,
}

impl Group {
    fn close(self) -> Item {
        let mut text = self.open;
        let mut weight = 0;
        let mut branches = self.branches;
        branches.push(self.current);
        for (i, branch) in branches.iter().enumerate() {
            if i > 0 {
                text.push('|');
            }
            for item in branch {
                text.push_str(&item.text);
                weight = weight.max(item.weight);
            }
        }
        if !text.is_empty() {
            text.push(')');
        }
        Item { text, repeats: true, weight }
    }
}

/// Rewrites RE2 syntax.
pub(super) fn translate(whole: &str) -> Result<String, PatternError> {
    let mut stack: Vec<Group> = Vec::new();
    let mut group = Group { open: "(?:".to_owned(), ..Group::default() };
    let mut rest = whole;
    // what is left from the last repetition on, if that is what was just read
    let mut last_repeat = None;
    while let Some(c) = rest.chars().next() {
        let here = rest;
        let after = here.get(c.len_utf8()..).unwrap_or("");
        let mut repeat = None;
        match c {
            '(' => {
                let (open, next) = open_group(here)?;
                rest = next;
                match open {
                    Open::Group(open) => {
                        if stack.len() + 1 >= super::NEST_LIMIT as usize / 2 {
                            return Err(PatternError::new(Cause::NestingDepth, whole));
                        }
                        stack.push(std::mem::replace(&mut group, Group { open, ..Group::default() }));
                    }
                    Open::Flags(text) => group.current.push(Item { text, repeats: false, weight: 0 }),
                }
            }
            '|' => {
                group.branches.push(std::mem::take(&mut group.current));
                rest = after;
            }
            ')' => {
                let Some(outer) = stack.pop() else { return Err(PatternError::new(Cause::UnexpectedParen, whole)) };
                let inner = std::mem::replace(&mut group, outer);
                group.current.push(inner.close());
                rest = after;
            }
            '^' | '$' | '.' => {
                group.current.push(atom(match c {
                    '^' => "(?:^)",
                    '$' => "(?:$)",
                    _ => ".",
                }));
                rest = after;
            }
            '[' => {
                let (text, next) = class::bracketed(here)?;
                group.current.push(atom(&text));
                rest = next;
            }
            '*' | '+' | '?' => {
                rest = repeated(&mut group, &c.to_string(), None, here, after, last_repeat)?;
                repeat = Some(here);
            }
            '{' => match counts(here) {
                Some((min, max, next)) => {
                    let text = consumed(here, next);
                    let too_many = min.is_none_or(|m| m > MAX_REPEAT)
                        || matches!(max, Max::TooLarge)
                        || matches!((min, max), (Some(min), Max::Count(max)) if max > MAX_REPEAT || min > max);
                    if too_many {
                        return Err(PatternError::new(Cause::RepeatCount, text));
                    }
                    rest = repeated(&mut group, text, Some((min.unwrap_or(0), max)), here, next, last_repeat)?;
                    repeat = Some(here);
                }
                None => {
                    group.current.push(literal('{'));
                    rest = after;
                }
            },
            '\\' => rest = escape(&mut group, here)?,
            _ => {
                group.current.push(literal(c));
                rest = after;
            }
        }
        last_repeat = repeat;
    }
    if !stack.is_empty() {
        return Err(PatternError::new(Cause::MissingParen, whole));
    }
    Ok(group.close().text)
}

fn consumed<'t>(from: &'t str, to: &str) -> &'t str {
    from.get(..from.len() - to.len()).unwrap_or(from)
}

fn atom(text: &str) -> Item {
    Item { text: text.to_owned(), repeats: true, weight: 0 }
}

/// A single character; a surrogate, which `\x{d800}` can name, matches nothing.
fn literal(c: char) -> Item {
    let mut text = String::new();
    class::push_char(&mut text, u32::from(c));
    Item { text, repeats: true, weight: 0 }
}

enum Open {
    Group(String),
    Flags(String),
}

/// Reads `(`, `(?:`, `(?i)`, `(?P<name>` … Group names are dropped: nothing asks for them, and they may repeat.
fn open_group(s: &str) -> Result<(Open, &str), PatternError> {
    let Some(body) = s.strip_prefix("(?") else {
        return Ok((Open::Group("(".to_owned()), s.get(1..).unwrap_or("")));
    };
    let named = match body.strip_prefix("P<") {
        Some(name) if !name.is_empty() => Some(name),
        _ => body.strip_prefix('<').filter(|name| !name.is_empty()),
    };
    if let Some(named) = named {
        let Some((name, rest)) = named.split_once('>') else {
            return Err(PatternError::new(Cause::NamedCapture, s));
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(PatternError::new(Cause::NamedCapture, consumed(s, rest)));
        }
        return Ok((Open::Group("(".to_owned()), rest));
    }
    let (mut negated, mut seen, mut flags) = (false, false, String::new());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            'i' | 'm' | 's' | 'U' => {
                seen = true;
                // a flag may be given twice here, but not in the other syntax; the last one counts
                let (on, off) = flags.split_once('-').unwrap_or((&flags, ""));
                let (on, off) = (on.replace(c, ""), off.replace(c, ""));
                flags = if negated { format!("{on}-{off}{c}") } else { format!("{on}{c}") };
            }
            '-' if !negated => {
                negated = true;
                seen = false;
            }
            ':' | ')' if !negated || seen => {
                let rest = chars.as_str();
                let open = match (c, flags.is_empty()) {
                    (':', _) => Open::Group(format!("(?{flags}:")),
                    (_, true) => Open::Flags(String::new()),
                    (_, false) => Open::Flags(format!("(?{flags})")),
                };
                return Ok((open, rest));
            }
            _ => return Err(PatternError::new(Cause::PerlSyntax, consumed(s, chars.as_str()))),
        }
    }
    Err(PatternError::new(Cause::PerlSyntax, s))
}

#[derive(Clone, Copy)]
enum Max {
    Unbounded,
    Count(u32),
    TooLarge,
}

/// `{2}`, `{2,}`, `{2,3}`; anything else is text. A number too long to be one is `None` inside.
fn counts(s: &str) -> Option<(Option<u32>, Max, &str)> {
    let (min, rest) = count(s.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, min.map_or(Max::TooLarge, Max::Count), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, Max::Unbounded, rest));
    }
    let (max, rest) = count(rest)?;
    Some((min, max.map_or(Max::TooLarge, Max::Count), rest.strip_prefix('}')?))
}

fn count(s: &str) -> Option<(Option<u32>, &str)> {
    let digits = s.bytes().take_while(u8::is_ascii_digit).count();
    let (text, rest) = s.split_at_checked(digits)?;
    if text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    Some((if text.len() < 8 { text.parse().ok() } else { None }, rest))
}

/// Applies a repetition to the last item. `here` is what is left from the operator on, `after` what follows it.
fn repeated<'t>(
    group: &mut Group,
    operator: &str,
    counts: Option<(u32, Max)>,
    here: &'t str,
    after: &'t str,
    last_repeat: Option<&str>,
) -> Result<&'t str, PatternError> {
    let lazy = after.strip_prefix('?');
    let rest = lazy.unwrap_or(after);
    if let Some(last) = last_repeat {
        return Err(PatternError::new(Cause::NestedRepeat, consumed(last, rest)));
    }
    let Some(item) = group.current.iter_mut().rev().find(|i| i.repeats) else {
        return Err(PatternError::new(Cause::MissingArgument, consumed(here, rest)));
    };
    if let Some((min, max)) = counts {
        let times = match max {
            Max::Count(max) => max,
            Max::Unbounded | Max::TooLarge => min,
        };
        let is_zero = matches!(max, Max::Count(0));
        if times > 0 {
            item.weight = times.saturating_mul(item.weight.max(1));
        } else if is_zero {
            item.weight = 0;
        }
        if times >= 2 && item.weight > MAX_REPEAT {
            return Err(PatternError::new(Cause::RepeatCount, consumed(here, rest)));
        }
    }
    // grouped, so that what follows can't become part of the operator, nor what stands before
    let inner = std::mem::take(&mut item.text);
    let _ = write!(item.text, "(?:{inner}){operator}{}", if lazy.is_some() { "?" } else { "" });
    Ok(rest)
}

/// Reads what a backslash starts.
fn escape<'t>(group: &mut Group, s: &'t str) -> Result<&'t str, PatternError> {
    let mut chars = s.chars();
    chars.next();
    let c = chars.next();
    let after = chars.as_str();
    let text = match c {
        Some('A') => r"\A",
        Some('z') => r"\z",
        Some('b') => r"(?-u:\b)",
        Some('B') => r"(?-u:\B)",
        Some('C') => return Err(PatternError::new(Cause::Escape, consumed(s, after))),
        Some('Q') => {
            let (quoted, rest) = after.split_once("\\E").unwrap_or((after, ""));
            group.current.extend(quoted.chars().map(literal));
            return Ok(rest);
        }
        _ => {
            if let Some((text, rest)) = class::named(s)? {
                group.current.push(atom(&format!("[{text}]")));
                return Ok(rest);
            }
            let (code, rest) = class::escaped_char(s)?;
            let mut text = String::new();
            class::push_char(&mut text, code);
            group.current.push(atom(&text));
            return Ok(rest);
        }
    };
    group.current.push(atom(text));
    Ok(after)
}
