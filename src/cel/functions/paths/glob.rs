//! Shell patterns over paths: `*` and `?` stay within a segment, `[a-z]` and `[^a]` are classes.

/// What a pattern is made of.
enum Part {
    Star,
    Any,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Part {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => c != '/',
            Self::One(x) => *x == c,
            Self::Class { negated, ranges } => ranges.iter().any(|(lo, hi)| (*lo..=*hi).contains(&c)) != *negated,
        }
    }
}

/// True if `path` matches; `None` if the pattern is malformed.
pub(super) fn matches(pattern: &str, path: &str) -> Option<bool> {
    let parts = parse(pattern)?;
    let path: Vec<char> = path.chars().collect();
    let (mut at, mut i) = (0, 0);
    // where to resume after the last star: the part behind it, and how far the star reached
    let mut resume: Option<(usize, usize)> = None;
    loop {
        match (parts.get(at), path.get(i)) {
            (Some(Part::Star), _) => {
                resume = Some((at + 1, i));
                at += 1;
                continue;
            }
            (Some(part), Some(c)) if part.accepts(*c) => {
                at += 1;
                i += 1;
                continue;
            }
            (None, None) => return Some(true),
            _ => {}
        }
        match resume {
            Some((part, reached)) if path.get(reached).is_some_and(|c| *c != '/') => {
                resume = Some((part, reached + 1));
                at = part;
                i = reached + 1;
            }
            _ => return Some(false),
        }
    }
}

fn parse(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Star,
            '?' => Part::Any,
            '\\' => Part::One(chars.next()?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
                        break;
                    }
                    let lo = class_char(&mut chars)?;
                    let hi = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { lo };
                    ranges.push((lo, hi));
                }
                Part::Class { negated, ranges }
            }
            other => Part::One(other),
        });
    }
    Some(parts)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let c = match chars.next()? {
        '-' | ']' => return None,
        '\\' => chars.next()?,
        c => c,
    };
    // a class has to be closed
    chars.peek().map(|_| c)
}
