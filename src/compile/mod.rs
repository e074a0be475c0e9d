//! Policies → rule table, or every diagnostic. Three steps: decode each file, `link` the policies (duplicates, imports,
//! scopes), and `lower` each to the engine's form, compiling its expressions. The first and the last are done on all
//! cores, a policy at a time.
//!
//! Reads no files: texts are handed in. Decides nothing. The result depends neither on the order of the files, nor on
//! the number of threads, nor on what was kept of a set before (`reuse`).

mod definitions;
mod expressions;
mod facts;
mod link;
mod lints;
mod lower;
mod reuse;
mod schemas;
mod scopes;
mod sharing;
mod workshop;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use lints::lint;
pub use lower::environment;
pub use reuse::{Digest, Input, Kept};
pub use workshop::Workshop;

use self::facts::{Facts, Kind};
use self::link::{Import, Links};
use crate::cel::value::Constant;
use crate::engine::RuleTable;
use crate::policy::files::{FileClass, classify};
use crate::policy::model::Policy;
use crate::schema::Enforcement;
use crate::source::{Diagnostic, SourceFile};

/// What compilation depends on besides the policies.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Reference semantics (`engine.compatibility: cerbos`) instead of ours.
    pub cerbos_compat: bool,
    /// `engine.globals`.
    pub globals: BTreeMap<String, Constant>,
    /// `schema.enforcement`: unless it is none, a schema that cannot be had is an error.
    pub schemas: Enforcement,
}

/// The result: a table if nothing is wrong at error level, and all diagnostics, sorted.
#[derive(Debug)]
pub struct Compiled {
    /// The table; `None` if any diagnostic is an error.
    pub table: Option<RuleTable>,
    /// Everything found, in all files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a whole policy set. Files are classified by name (spec §2); `files` may come in any order, the result
/// does not depend on it. Names are paths relative to the store's root with `/` separators.
#[must_use]
pub fn compile(files: &[SourceFile], options: &CompileOptions) -> Compiled {
    reuse::compile(files, options)
}

/// The enabled policies among `files` as they are written, in order of file name; files with faults are left out.
#[must_use]
pub fn enabled_policies(files: &[SourceFile]) -> Vec<Policy> {
    decode(files, &mut Vec::new())
}

/// The enabled policies of all policy files, in order of file name.
fn decode(files: &[SourceFile], diagnostics: &mut Vec<Diagnostic>) -> Vec<Policy> {
    let mut sorted: Vec<&SourceFile> = files.iter().filter(|f| classify(f.name()) == FileClass::Policy).collect();
    sorted.sort_by(|a, b| a.name().cmp(b.name()));
    let mut policies = Vec::new();
    for (policy, found) in in_parallel(&sorted, |file| decode_enabled(file)) {
        diagnostics.extend(found);
        policies.extend(policy);
    }
    policies
}

/// The policy of a file, if it is sound and enabled, and what is to be said about it.
fn decode_enabled(file: &SourceFile) -> (Option<Policy>, Vec<Diagnostic>) {
    let (policy, found) = crate::policy::decode_policy(file);
    (policy.filter(|p| !p.disabled), found)
}

/// The derived-roles sets that some of these policies import, in the order of their first import.
fn imported_sets<'p>(policies: impl Iterator<Item = &'p Facts>, links: &Links) -> Vec<usize> {
    let mut sets = indexmap::IndexSet::<usize, foldhash::fast::RandomState>::default();
    for policy in policies.filter(|p| p.kind == Kind::Resource) {
        let roles = policy.imports.iter().filter(|(kind, _)| *kind == Import::DerivedRoles);
        sets.extend(roles.filter_map(|(kind, name)| links.find(*kind, &name.value)));
    }
    sets.into_iter().collect()
}

/// `work` for each item, in order; on all cores if there are enough items to be worth it.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = if items.len() < WORTH_THREADS { 1 } else { crate::parallel::threads() };
    crate::parallel::map(items, threads, None, work)
}

/// Fewer policies than this are compiled sooner than threads are started.
const WORTH_THREADS: usize = 16;
