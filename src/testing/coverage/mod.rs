//! How much of a policy set its tests reach: rules that applied, condition operands seen true and false, derived roles
//! seen active and inactive. An [`Observer`] counts while tests run; `summary` adds up, and the reports show it.
//!
//! Decides nothing and reads no files. Counting is by what the engine says it asked, so that tests without coverage pay
//! nothing.

mod html;
mod inventory;
mod json;
mod lcov;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

pub use html::{index as html_index, page as html_page, page_name as html_page_name};
pub use inventory::{FilePlan, Item, ItemKind, Node, inventory};
pub use json::json;
pub use lcov::lcov;
pub use summary::{Share, Shares, text};

use super::engine::Observer;
use crate::engine::Semantics;
use crate::engine::condition::{Condition, Tri};
use crate::engine::decision::{Cause, Decision};
use crate::engine::seen::{Seen, visit};
use crate::source::SourceFile;

/// Counts for one set of policy files.
#[derive(Debug)]
pub struct Coverage {
    files: BTreeMap<String, Counted>,
}

#[derive(Debug)]
struct Counted {
    plan: FilePlan,
    /// Five counters an item, then three a node, in order.
    counts: Box<[AtomicU64]>,
    /// Where the counters of each item begin.
    starts: Vec<usize>,
}

const PER_ITEM: usize = 5;
const PER_NODE: usize = 3;

/// How often what happened to an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// It was asked: action and roles match.
    pub asked: u64,
    /// It applied, or was active.
    pub met: u64,
    /// It did not.
    pub unmet: u64,
    /// Its condition failed.
    pub failed: u64,
    /// It was the rule a decision names.
    pub decided: u64,
}

/// How often a node of a condition gave what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// True.
    pub met: u64,
    /// False.
    pub unmet: u64,
    /// An error.
    pub failed: u64,
}

impl Coverage {
    /// Nothing has been counted yet.
    #[must_use]
    pub fn new(files: &[SourceFile]) -> Self {
        let counted = |plan: FilePlan| {
            let mut starts = Vec::with_capacity(plan.items.len());
            let mut next = 0;
            for item in &plan.items {
                starts.push(next);
                next += PER_ITEM + PER_NODE * item.nodes.len();
            }
            Counted { plan, counts: (0..next).map(|_| AtomicU64::new(0)).collect(), starts }
        };
        Self { files: inventory(files).into_iter().map(|(name, plan)| (name, counted(plan))).collect() }
    }

    /// By file, sorted by name.
    pub fn files(&self) -> impl Iterator<Item = FileCoverage<'_>> {
        self.files.values().map(|counted| FileCoverage { counted })
    }

    fn note(&self, seen: &Seen<'_>, semantics: Semantics) {
        match seen {
            Seen::Rule { policy, rule, met, frame, .. } => {
                let at = policy.rules.iter().position(|r| std::ptr::eq(r, *rule));
                self.count(&policy.file, at, rule.condition.as_ref(), frame, *met, semantics);
            }
            Seen::RoleRule { policy, rule, met, frame, .. } => {
                let at = policy.rules.iter().position(|r| std::ptr::eq(r, *rule));
                self.count(&policy.file, at, rule.condition.as_ref(), frame, *met, semantics);
            }
            Seen::DerivedRole { set, role, active, frame, .. } => {
                let at = set.roles.iter().position(|r| std::ptr::eq(r, *role));
                self.count(&set.file, at, role.condition.as_ref(), frame, *active, semantics);
            }
            Seen::Unlisted { .. } => {}
        }
    }

    fn count(
        &self,
        file: &str,
        item: Option<usize>,
        condition: Option<&Condition>,
        frame: &crate::cel::Frame<'_>,
        met: Tri<'_>,
        semantics: Semantics,
    ) {
        let Some(counted) = self.files.get(file) else { return };
        let Some(start) = item.and_then(|i| counted.starts.get(i)).copied() else { return };
        counted.add(start);
        counted.add(start + 1 + outcome(&met));
        if let Some(condition) = condition {
            visit(condition, frame, semantics, 0, &mut |node, _, result| {
                counted.add(start + PER_ITEM + PER_NODE * node + outcome(&result));
            });
        }
    }
}

fn outcome(result: &Tri<'_>) -> usize {
    match result {
        Tri::True => 0,
        Tri::False => 1,
        Tri::Error(..) => 2,
    }
}

impl Observer for Coverage {
    fn observe(&self, decision: &Decision<'_>, seen: &[Seen<'_>], semantics: Semantics) {
        for seen in seen {
            self.note(seen, semantics);
        }
        for result in decision.actions {
            if let Cause::Rule(rule) | Cause::Error(rule, _) = &result.cause
                && let Some(counted) = self.files.get(rule.file)
                && let Some(i) = counted.plan.items.iter().position(|i| i.line == rule.line && i.name == rule.name)
                && let Some(start) = counted.starts.get(i)
            {
                counted.add(start + 4);
            }
        }
    }
}

impl Counted {
    fn add(&self, at: usize) {
        if let Some(counter) = self.counts.get(at) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get(&self, at: usize) -> u64 {
        self.counts.get(at).map_or(0, |c| c.load(Ordering::Relaxed))
    }
}

/// What was counted in one file.
#[derive(Clone, Copy, Debug)]
pub struct FileCoverage<'c> {
    counted: &'c Counted,
}

impl<'c> FileCoverage<'c> {
    /// What there is to cover.
    #[must_use]
    pub fn plan(self) -> &'c FilePlan {
        &self.counted.plan
    }

    /// Items with their counts, and those of their nodes.
    pub fn items(self) -> impl Iterator<Item = (&'c Item, Hits, Vec<Branch>)> {
        let counted = self.counted;
        counted.plan.items.iter().zip(&counted.starts).map(move |(item, start)| {
            let at = |i: usize| counted.get(start + i);
            let hits = Hits { asked: at(0), met: at(1), unmet: at(2), failed: at(3), decided: at(4) };
            let branch = |n: usize| {
                let at = |i: usize| counted.get(start + PER_ITEM + PER_NODE * n + i);
                Branch { met: at(0), unmet: at(1), failed: at(2) }
            };
            (item, hits, (0..item.nodes.len()).map(branch).collect())
        })
    }
}
