//! RE2 patterns. The pattern text is read by RE2's rules (ASCII classes, `\Q…\E`, repeat counts up to 1000, no look
//! around, no back references) and refused with the reference's words; what is accepted is written anew in the syntax
//! of the `regex` crate, which matches in linear time. The `regex` crate is named here and nowhere else, and
//! `regex-automata` in `table` alone.

mod class;
mod names;
mod parse;
mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use foldhash::fast::RandomState;

pub use parse::{Cause, PatternError};
use table::Table;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    regex: regex::Regex,
    /// For short texts.
    table: Option<Table>,
}

/// The patterns of policies that are in use, by text. Policies of a set repeat each other's patterns, and a reload those
/// of the set before; compiling one costs more than the rest of a policy, and keeping one more memory. A pattern is
/// nothing but its text compiled, so it does not matter who shares it.
static IN_USE: Mutex<InUse> = Mutex::new(InUse { by_text: None, sweep_at: 0 });

struct InUse {
    by_text: Option<HashMap<Box<str>, Weak<Compiled>, RandomState>>,
    /// So many entries, and those that nobody uses any more are thrown out.
    sweep_at: usize,
}

/// Entries that are not worth sweeping.
const FEW: usize = 64;

/// With more patterns than these in use new ones get no table: making one takes up to some milliseconds, and room.
const MOST_TABLES: usize = 512;

impl InUse {
    fn has_room_for_tables(&self) -> bool {
        self.by_text.as_ref().is_none_or(|all| all.len() < MOST_TABLES)
    }

    fn find(&self, text: &str) -> Option<Arc<Compiled>> {
        self.by_text.as_ref()?.get(text)?.upgrade()
    }

    fn add(&mut self, text: &str, compiled: &Arc<Compiled>) {
        let all = self.by_text.get_or_insert_with(HashMap::default);
        if all.len() >= self.sweep_at.max(FEW) {
            all.retain(|_, compiled| compiled.strong_count() > 0);
            self.sweep_at = all.len() * 2;
        }
        all.insert(text.into(), Arc::downgrade(compiled));
    }
}

/// How large a compiled pattern may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written in a policy: compiled once, at load.
    Policy,
    /// Made while a request is decided: compiled for one use.
    Request,
}

impl Origin {
    fn size_limit(self) -> usize {
        match self {
            Self::Policy => 16 << 20,
            Self::Request => 512 << 10,
        }
    }
}

impl Pattern {
    /// Compiles RE2 text.
    pub fn compile(text: &str, origin: Origin) -> Result<Self, PatternError> {
        let in_use = || IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        if origin == Origin::Policy
            && let Some(compiled) = in_use().find(text)
        {
            return Ok(Self(compiled));
        }
        let translated = parse::translate(text)?;
        let built = regex::RegexBuilder::new(&translated)
            .size_limit(origin.size_limit())
            .dfa_size_limit(origin.size_limit())
            .nest_limit(NEST_LIMIT)
            .build();
        match built {
            Ok(regex) => {
                if origin == Origin::Request {
                    return Ok(Self(Arc::new(Compiled { regex, table: None })));
                }
                let has_room = in_use().has_room_for_tables();
                let table = if has_room { Table::new(&translated) } else { None };
                let compiled = Arc::new(Compiled { regex, table });
                in_use().add(text, &compiled);
                Ok(Self(compiled))
            }
            Err(_) => Err(PatternError::new(Cause::TooLarge, text)),
        }
    }

    /// True if any part of `text` matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0.table {
            Some(table) if text.len() <= table::LONGEST => table.is_match(text),
            _ => self.0.regex.is_match(text),
        }
    }

    /// Number of capturing groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.0.regex.captures_len().saturating_sub(1)
    }

    /// The first match: byte ranges of the whole and of each group.
    pub fn find<'t>(&self, text: &'t str) -> Option<Vec<Option<&'t str>>> {
        let captures = self.0.regex.captures(text)?;
        Some(captures.iter().map(|m| m.map(|m| m.as_str())).collect())
    }

    /// All matches without overlap: where the whole match lies, and the whole and each group.
    pub fn find_all<'t>(&self, text: &'t str) -> impl Iterator<Item = (std::ops::Range<usize>, Vec<Option<&'t str>>)> {
        self.0.regex.captures_iter(text).map(|captures| {
            let range = captures.get(0).map_or(0..0, |m| m.range());
            (range, captures.iter().map(|m| m.map(|m| m.as_str())).collect())
        })
    }
}

/// Deepest nesting of groups. The reference goes to 1,000; no pattern a person writes comes near either.
const NEST_LIMIT: u32 = 250;

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.regex.as_str())
    }
}

#[cfg(test)]
mod tests;
