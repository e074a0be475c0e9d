//! Policies → rule table, or every diagnostic. Three steps: decode each file, `link` the policies (duplicates, imports,
//! scopes), and `lower` each to the engine's form, compiling its expressions.
//!
//! Reads no files: texts are handed in. Decides nothing. The result does not depend on the order of the files.

mod definitions;
mod expressions;
mod link;
mod lints;
mod lower;
mod schemas;
mod scopes;
mod sharing;
mod workshop;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use lints::lint;
pub use lower::environment;
pub use workshop::Workshop;

use crate::cel::value::Constant;
use crate::engine::RuleTable;
use crate::policy::files::{FileClass, classify};
use crate::policy::model::Policy;
use crate::schema::{Enforcement, Library};
use crate::source::{Diagnostic, Severity, SourceFile};

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
    let mut diagnostics = Vec::new();
    let policies = decode(files, &mut diagnostics);
    let links = link::link(&policies, options, &mut diagnostics);
    let table = lower::lower(&policies, Library::new(files), &links, options, &mut diagnostics);
    Diagnostic::sort(&mut diagnostics);
    diagnostics.dedup();
    let broken = diagnostics.iter().any(|d| d.severity == Severity::Error);
    Compiled { table: (!broken).then_some(table), diagnostics }
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
    for file in sorted {
        let (policy, mut found) = crate::policy::decode_policy(file);
        diagnostics.append(&mut found);
        policies.extend(policy.filter(|p| !p.disabled));
    }
    policies
}
