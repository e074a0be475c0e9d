//! Mutation testing: the policies are changed one thing at a time and the tests run again. A mutant that no test notices
//! survives: a case is missing.
//!
//! `expressions` and `plan` make mutants, `edit` applies them, this file runs them, `report` shows what came out. Only
//! what a change touches is compiled again, and only the requests that can reach it are decided, until one fails.

mod edit;
mod expressions;
mod plan;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use report::{json, text};

use super::engine::EngineDecider;
use super::parallel::{self, Progress};
use super::results::Verdict;
use super::runner::{Options, ask};
use super::suites::{Question, Suites};
use crate::compile::{CompileOptions, Workshop};
use crate::engine::RuleTable;
use crate::policy::model::{Body, Policy};
use crate::policy::names::sanitize;
use crate::source::{Diagnostic, SourceFile};
use edit::Edit;

/// A name that no action and no role has.
const NOBODY: &str = "toolgate/nobody";

/// One change to a policy set.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// File.
    pub file: String,
    /// Line of the change.
    pub line: u32,
    /// Column of the change.
    pub column: u32,
    /// The rule, derived role, variable or constant that was changed.
    pub rule: String,
    /// What was changed.
    pub change: String,
    /// The case that would notice it.
    pub hint: String,
    policy: usize,
    edit: Edit,
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A test failed.
    Killed,
    /// None did.
    Survived,
    /// It does not compile, so that no test was needed.
    Stillborn,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Mutation {
    /// Mutants there are.
    pub all: usize,
    /// Those that were tried, sorted by place.
    pub tried: Vec<(Mutant, Fate)>,
}

/// Why there was no run.
#[derive(Debug)]
pub enum NoMutation {
    /// The policies do not compile.
    Broken(Vec<Diagnostic>),
    /// The tests fail as it is.
    Failing,
}

/// Tries the mutants of a policy set: all, or `max` of them, always the same.
///
/// # Errors
/// See [`NoMutation`].
pub fn mutate(
    files: &[SourceFile],
    compile: &CompileOptions,
    suites: &Suites,
    options: &Options,
    max: Option<usize>,
    progress: Option<Progress<'_>>,
) -> Result<Mutation, NoMutation> {
    let workshop = Workshop::open(files, compile).map_err(NoMutation::Broken)?;
    let (results, questions) = suites.expand();
    let threads = options.threads();
    let cerbos_compat = compile.cerbos_compat;
    let pass = |table: &RuleTable, question: &Question<'_>| {
        let schemas = compile.schemas;
        let decider = EngineDecider { table, cerbos_compat, schemas, trace: false, why: false, observer: None };
        ask(question, &decider, options).iter().all(|case| case.details.verdict() <= Verdict::Passed)
    };
    let table = workshop.table();
    let sound = parallel::map(&questions, threads, None, |q| pass(table, q));
    if results.iter().any(|r| r.error.is_some()) || sound.contains(&false) {
        return Err(NoMutation::Failing);
    }
    let mutants: Vec<Mutant> = workshop.policies().iter().enumerate().flat_map(|(i, p)| plan::plan(i, p)).collect();
    let all = mutants.len();
    let chosen = sample(mutants, max);
    let reach: Vec<Vec<usize>> = (0..workshop.policies().len()).map(|i| reachable(&workshop, i, &questions)).collect();
    let start = || Worker { workshop: Workshop::open(files, compile).ok(), killers: Vec::new() };
    let fates = parallel::map_with(&chosen, threads, progress, start, |worker, mutant| {
        let reach = reach.get(mutant.policy).map_or(&[][..], Vec::as_slice);
        worker.fate(mutant, reach, |table, i| questions.get(i).is_none_or(|q| pass(table, q)))
    });
    Ok(Mutation { all, tried: chosen.into_iter().zip(fates).collect() })
}

/// What a thread works with.
struct Worker {
    workshop: Option<Workshop>,
    /// Questions that killed, the last one last: they are asked first.
    killers: Vec<usize>,
}

impl Worker {
    const REMEMBERED: usize = 64;

    fn fate(&mut self, mutant: &Mutant, reach: &[usize], passes: impl Fn(&RuleTable, usize) -> bool) -> Fate {
        let Some(workshop) = &mut self.workshop else { return Fate::Stillborn };
        let Some(variant) = workshop.policies().get(mutant.policy).and_then(|p| mutant.edit.apply(p)) else {
            return Fate::Stillborn;
        };
        let first = self.killers.iter().rev().copied().filter(|k| reach.binary_search(k).is_ok());
        let mut order = first.chain(reach.iter().copied());
        let killer = workshop.with(mutant.policy, variant, |table| order.find(|i| !passes(table, *i)));
        match killer {
            None => Fate::Stillborn,
            Some(None) => Fate::Survived,
            Some(Some(killer)) => {
                self.killers.retain(|k| *k != killer);
                self.killers.push(killer);
                if self.killers.len() > Self::REMEMBERED {
                    self.killers.remove(0);
                }
                Fate::Killed
            }
        }
    }
}

/// The questions that a change of this policy can reach, ascending.
fn reachable(workshop: &Workshop, policy: usize, questions: &[Question<'_>]) -> Vec<usize> {
    let changed: Vec<&Policy> =
        workshop.dependents(policy).into_iter().filter_map(|i| workshop.policies().get(i)).collect();
    let everything = changed.iter().any(|p| matches!(p.body, Body::Role(_)));
    let mut kinds = BTreeSet::new();
    let mut principals = BTreeSet::new();
    for policy in changed {
        match &policy.body {
            Body::Resource(p) => drop(kinds.insert(sanitize(&p.resource.value))),
            Body::Principal(p) => drop(principals.insert(p.principal.value.as_str())),
            Body::Role(_) | Body::DerivedRoles(_) | Body::ExportVariables(_) | Body::ExportConstants(_) => {}
        }
    }
    let reached = |q: &Question<'_>| {
        everything || kinds.contains(&sanitize(&q.pair.resource.kind)) || principals.contains(&*q.pair.principal.id)
    };
    questions.iter().enumerate().filter(|(_, q)| reached(q)).map(|(i, _)| i).collect()
}

/// `max` of the mutants, the same in every run, in their order. Each is drawn by a hash of what it is, so that a change of
/// one policy changes the draw of the others little.
fn sample(mutants: Vec<Mutant>, max: Option<usize>) -> Vec<Mutant> {
    let Some(max) = max.filter(|max| *max < mutants.len()) else { return mutants };
    let mut drawn: Vec<(u64, usize)> = mutants.iter().enumerate().map(|(i, m)| (draw(m), i)).collect();
    drawn.sort_unstable();
    let kept: BTreeSet<usize> = drawn.into_iter().take(max).map(|(_, i)| i).collect();
    mutants.into_iter().enumerate().filter(|(i, _)| kept.contains(i)).map(|(_, m)| m).collect()
}

/// FNV-1a, finished with a multiplication so that close names fall far apart.
fn draw(mutant: &Mutant) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let place = mutant.column.to_le_bytes();
    for byte in [mutant.file.as_bytes(), mutant.rule.as_bytes(), mutant.change.as_bytes(), &place].concat() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Mutation {
    /// How many had this fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> usize {
        self.tried.iter().filter(|(_, f)| *f == fate).count()
    }

    /// Killed of those that compile, in hundredths; 100 of none.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let (killed, survived) = (self.count(Fate::Killed), self.count(Fate::Survived));
        if killed + survived == 0 { 100.0 } else { 100.0 * killed as f64 / (killed + survived) as f64 }
    }
}
