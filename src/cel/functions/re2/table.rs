//! Patterns over short texts: the whole automaton as one table, worked out at load. One look-up a byte and nothing to
//! start, where the `regex` crate first finds out which of its engines is best. Says only whether there is a match.
//!
//! Nothing here reads patterns: the automaton is made by the same library from the same text, and patterns whose
//! automaton is large have no table.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::NEST_LIMIT;

/// The longest text, in bytes: beyond, what the `regex` crate knows to skip is worth its start.
pub(super) const LONGEST: usize = 48;

/// States an automaton may have, and bytes that making it may take.
const MOST_STATES: usize = 1_024;
const MOST_BYTES: usize = 1 << 20;

/// Rows of the states that nothing leads out of.
const NO: usize = 0;
const YES: usize = 1;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Table {
    /// The column of each byte.
    columns: [u8; 256],
    /// Where the row of the next state begins, row by row.
    next: Box<[u16]>,
    start: u16,
    /// Where the row of [`YES`] begins.
    yes: u16,
    /// The column that stands for the end of the text.
    end: u8,
}

impl Table {
    /// The table of a pattern in the syntax of the `regex` crate, if it is worth having.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let config = syntax::Config::new().nest_limit(NEST_LIMIT);
        let parsed = syntax::parse_with(pattern, &config).ok()?;
        let properties = parsed.properties();
        // An empty match inside of a character is none; only tests for words can come to see one there.
        if properties.minimum_len() == Some(0) && properties.look_set().contains_word() {
            return None;
        }
        let limits = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(MOST_BYTES))
            .determinize_size_limit(Some(MOST_BYTES));
        let automaton = dense::Builder::new().configure(limits).syntax(config).build(pattern).ok()?;
        let start = automaton.start_state_forward(&Input::new("").anchored(Anchored::No)).ok()?;
        let mut rows = Rows { automaton, numbers: HashMap::default(), states: Vec::new() };
        let start = rows.number(start)?;
        let mut table: Vec<[usize; 257]> = Vec::new();
        while let Some(state) = rows.states.get(table.len()).copied() {
            let mut row = [NO; 257];
            for (byte, slot) in (0..=u8::MAX).zip(&mut row) {
                let next = rows.automaton.next_state(state, byte);
                *slot = rows.number(next)?;
            }
            let last = rows.automaton.next_eoi_state(state);
            *row.last_mut()? = rows.number(last)?;
            table.push(row);
        }
        Self::packed(start, &table)
    }

    /// Bytes that lead to the same states everywhere share a column.
    fn packed(start: usize, table: &[[usize; 257]]) -> Option<Self> {
        let mut columns = [0; 256];
        let mut distinct: HashMap<Vec<usize>, usize, FixedState> = HashMap::default();
        for (byte, column) in columns.iter_mut().enumerate() {
            let nexts = table.iter().filter_map(|row| row.get(byte).copied()).collect();
            let next = distinct.len();
            *column = u8::try_from(*distinct.entry(nexts).or_insert(next)).ok()?;
        }
        let end = u8::try_from(distinct.len()).ok()?;
        let width = distinct.len() + 1;
        let at = |state: usize| u16::try_from(state * width).ok();
        let mut firsts: Vec<(usize, usize)> =
            (0..=end).filter_map(|c| Some((columns.iter().position(|x| *x == c)?, usize::from(c)))).collect();
        firsts.push((256, usize::from(end)));
        let mut next = vec![0; (table.len() + 2) * width];
        next.iter_mut().skip(YES * width).take(width).try_for_each(|slot| {
            *slot = at(YES)?;
            Some(())
        })?;
        for (row, slots) in table.iter().zip(next.chunks_exact_mut(width).skip(2)) {
            for (byte, column) in &firsts {
                *slots.get_mut(*column)? = at(*row.get(*byte)?)?;
            }
        }
        Some(Self { columns, next: next.into(), start: at(start)?, yes: at(YES)?, end })
    }

    /// True if any part of `text` matches.
    #[inline]
    pub(super) fn is_match(&self, text: &str) -> bool {
        let mut state = self.start;
        for byte in text.bytes() {
            let column = self.columns.get(usize::from(byte)).copied().unwrap_or(0);
            state = self.after(state, column);
        }
        self.after(state, self.end) == self.yes
    }

    #[inline]
    fn after(&self, state: u16, column: u8) -> u16 {
        self.next.get(usize::from(state) + usize::from(column)).copied().unwrap_or(0)
    }
}

/// The states of an automaton in the order in which they are come across, after the two that nothing leads out of.
struct Rows {
    automaton: dense::DFA<Vec<u32>>,
    numbers: HashMap<StateID, usize, FixedState>,
    states: Vec<StateID>,
}

impl Rows {
    fn number(&mut self, state: StateID) -> Option<usize> {
        if self.automaton.is_match_state(state) {
            return Some(YES);
        }
        if self.automaton.is_dead_state(state) {
            return Some(NO);
        }
        if self.automaton.is_quit_state(state) || self.states.len() >= MOST_STATES {
            return None;
        }
        let states = &mut self.states;
        Some(*self.numbers.entry(state).or_insert_with(|| {
            states.push(state);
            states.len() + 1
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Origin, Pattern, parse::translate, table::Table};

    const PATTERNS: [&str; 22] = [
        "",
        "a",
        "^a",
        "a$",
        "^$",
        "^(a|b)*$",
        "(?i)k|s",
        "a.b",
        "(?s)a.b",
        "(?m)^b$",
        r"\ba\b",
        r"\Ba",
        r"\B",
        r"a\b|-",
        "[^a]b?",
        "é+|[à-ü]",
        r"\pL{2}",
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        r"^(/[A-Za-z0-9_@. -]*[A-Za-z0-9_@-])+/?$",
        r"(?i)(^|/)(\.env([._-][^/]*)?|\.git|[^/]*\.(pem|key))(/|$)",
        r"\b(insert|into|for\s+update)\b",
        "a{3,5}b|(ab)+c",
    ];

    #[test]
    fn agrees_with_the_engines() {
        let parts = ["", "a", "b", "ab", "/", ".", "-", "k", "é", "K", "ſ", "\n", ".env", "pem", "into", " ", "c", "0"];
        let mut seed = 7_usize;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut tables = 0;
        for pattern in PATTERNS {
            let compiled = Pattern::compile(pattern, Origin::Request).expect("a pattern");
            let Some(table) = Table::new(&translate(pattern).expect("a pattern")) else { continue };
            tables += 1;
            for _ in 0..2_000 {
                let text: String = (0..next(9)).map(|_| parts[next(parts.len())]).collect();
                assert_eq!(table.is_match(&text), compiled.0.regex.is_match(&text), "{pattern} on {text:?}");
            }
        }
        assert_eq!(tables, PATTERNS.len() - 1, "all but the one that sees the inside of a character");
    }

    #[test]
    fn large_automata_have_none() {
        assert!(Table::new("(a|b)*a(a|b){12}").is_none());
        assert!(Table::new(r"\pL{9}").is_none());
    }
}
