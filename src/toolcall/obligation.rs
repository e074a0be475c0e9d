//! The output conventions: what a deciding rule's output means for the verdict.
//!
//! | output | meaning |
//! |---|---|
//! | a string | the reason |
//! | a map with `reason` (string) | the reason |
//! | a map with `obligations` (a list of maps, each with a `type`) | the obligations |
//! | anything else, also the other members of such a map | an output |

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::cel::value::{Map, Value};
use crate::engine::decision::OutputEntry;
use crate::wire::encode::{presentable, value_json};

/// The obligation that turns an allow into a question.
const APPROVAL: &str = "approval";
/// A verdict with more obligations than this is one nobody can keep.
const MAX_OBLIGATIONS: usize = 64;

/// What the outputs of a verdict's decisions say, collected.
pub(super) struct Findings<'a> {
    bump: &'a Bump,
    /// The first reason a deciding rule gave.
    pub(super) reason: Option<&'a str>,
    /// Obligations of deciding rules, equal ones once.
    pub(super) obligations: BumpVec<'a, Map<'a>>,
    /// Everything else, equal ones once.
    pub(super) outputs: BumpVec<'a, OutputEntry<'a>>,
    /// The rule (`src`) whose output cannot be understood, and why: what it obliges to is unknown.
    pub(super) unclear: Option<(&'a str, &'a str)>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(bump: &'a Bump) -> Self {
        Self { bump, reason: None, obligations: BumpVec::new_in(bump), outputs: BumpVec::new_in(bump), unclear: None }
    }

    /// Whether a person must approve.
    pub(super) fn approval(&self) -> bool {
        self.obligations.iter().any(|o| matches!(o.get_str("type"), Some(Value::String(APPROVAL))))
    }

    /// Reads a decision's outputs. What the deciding rule emitted once more, for another role, says nothing new.
    pub(super) fn read(&mut self, outputs: &[OutputEntry<'a>]) {
        for output in outputs {
            if output.deciding || !outputs.iter().any(|other| other.deciding && same(other, output)) {
                self.read_one(output);
            }
        }
    }

    fn read_one(&mut self, output: &OutputEntry<'a>) {
        if !output.deciding {
            return self.keep(*output);
        }
        match output.value {
            Err(error) => {
                self.unclear(output.src, error);
                self.keep(*output);
            }
            Ok(Value::String(reason)) if self.reason.is_none_or(|earlier| earlier == reason) => {
                self.reason = Some(reason);
            }
            Ok(Value::Map(map)) => self.read_map(output, map),
            Ok(_) => self.keep(*output),
        }
    }

    fn read_map(&mut self, output: &OutputEntry<'a>, map: Map<'a>) {
        let mut rest = BumpVec::with_capacity_in(map.len(), self.bump);
        for (key, value) in map.iter() {
            match (key, value) {
                (Value::String("reason"), Value::String(reason))
                    if self.reason.is_none_or(|earlier| earlier == reason) =>
                {
                    self.reason = Some(reason);
                }
                (Value::String("obligations"), list) => self.oblige(output.src, list),
                entry => rest.push(entry),
            }
        }
        if rest.len() == map.len() {
            self.keep(*output);
        } else if !rest.is_empty() {
            let value = Value::Map(Map::Entries(rest.into_bump_slice()));
            self.keep(OutputEntry { value: Ok(value), ..*output });
        }
    }

    fn oblige(&mut self, src: &'a str, list: Value<'a>) {
        let Value::List(list) = list else { return self.unclear(src, "`obligations` is not a list") };
        for item in list.iter() {
            if self.obligations.len() >= MAX_OBLIGATIONS {
                return self.unclear(src, "too many obligations");
            }
            match obligation(item) {
                Ok(map) => {
                    let json = value_json(item);
                    if !self.obligations.iter().any(|o| value_json(Value::Map(*o)) == json) {
                        self.obligations.push(map);
                    }
                }
                Err(why) => self.unclear(src, why),
            }
        }
    }

    fn unclear(&mut self, src: &'a str, why: &'a str) {
        self.unclear.get_or_insert((src, why));
    }

    fn keep(&mut self, output: OutputEntry<'a>) {
        if !self.outputs.iter().any(|kept| same(kept, &output)) {
            self.outputs.push(output);
        }
    }
}

/// Whether two outputs are the same value of the same rule.
fn same(a: &OutputEntry<'_>, b: &OutputEntry<'_>) -> bool {
    a.src == b.src
        && match (a.value, b.value) {
            (Ok(a), Ok(b)) => value_json(a) == value_json(b),
            (Err(a), Err(b)) => a == b,
            _ => false,
        }
}

fn obligation(item: Value<'_>) -> Result<Map<'_>, &'static str> {
    let Value::Map(map) = item else { return Err("an obligation is not a map") };
    match map.get_str("type") {
        Some(Value::String("")) | None => return Err("an obligation has no `type`"),
        Some(Value::String(_)) => {}
        Some(_) => return Err("the `type` of an obligation is not a string"),
    }
    if presentable(item).is_err() {
        return Err("an obligation holds a value that cannot be sent");
    }
    Ok(map)
}
