//! A compiled policy set whose policies can be replaced one at a time, for a moment: only what depends on the
//! replacement is compiled again. For tools that try variants; a server compiles whole sets.

use super::link::{Import, Links, link};
use super::lower::{State, lower_some};
use super::{CompileOptions, decode};
use crate::engine::RuleTable;
use crate::policy::model::{Body, Policy, Text};
use crate::schema::Library;
use crate::source::{Diagnostic, Severity, SourceFile};

/// A policy set to try variants of. Belongs to one thread.
pub struct Workshop {
    policies: Vec<Policy>,
    links: Links,
    options: CompileOptions,
    state: State,
}

impl Workshop {
    /// Compiles the whole set.
    ///
    /// # Errors
    /// Every diagnostic, if one of them is an error.
    pub fn open(files: &[SourceFile], options: &CompileOptions) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let policies = decode(files, &mut diagnostics);
        let links = link(&policies, options, &mut diagnostics);
        let all = 0..policies.len();
        let state =
            lower_some(&policies, all, &links, options, State::new(options, Library::new(files)), &mut diagnostics);
        if is_broken(&diagnostics) {
            return Err(diagnostics);
        }
        Ok(Self { policies, links, options: options.clone(), state })
    }

    /// The policies as written, in order of file name.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The compiled set.
    #[must_use]
    pub fn table(&self) -> &RuleTable {
        &self.state.table
    }

    /// Indices of the policies that change when this one does: itself if it takes part in decisions, or those that import
    /// it, directly or by way of derived roles.
    #[must_use]
    pub fn dependents(&self, index: usize) -> Vec<usize> {
        let mut found = vec![index];
        let mut next = 0;
        while let Some(changed) = found.get(next).copied() {
            next += 1;
            for (i, policy) in self.policies.iter().enumerate() {
                if !found.contains(&i) && self.imports(policy, changed) {
                    found.push(i);
                }
            }
        }
        found.sort_unstable();
        found
    }

    fn imports(&self, policy: &Policy, library: usize) -> bool {
        let none: &[Text] = &[];
        let (roles, variables, constants) = match &policy.body {
            Body::Resource(p) => (&p.import_derived_roles[..], &p.variables.import, &p.constants.import),
            Body::Principal(p) => (none, &p.variables.import, &p.constants.import),
            Body::Role(p) => (none, &p.variables.import, &p.constants.import),
            Body::DerivedRoles(p) => (none, &p.variables.import, &p.constants.import),
            Body::ExportVariables(_) | Body::ExportConstants(_) => return false,
        };
        let names = |kind, list: &[Text]| list.iter().any(|t| self.links.find(kind, &t.value) == Some(library));
        names(Import::DerivedRoles, roles) || names(Import::Variables, variables) || names(Import::Constants, constants)
    }

    /// Runs `work` with a policy replaced by a variant that has the same name, version and scope. `None` if the variant does
    /// not compile.
    pub fn with<T>(&mut self, index: usize, variant: Policy, work: impl FnOnce(&RuleTable) -> T) -> Option<T> {
        let original = std::mem::replace(self.policies.get_mut(index)?, variant);
        let dependents = self.dependents(index);
        // Sets that change are made anew behind those that are there; what is not touched keeps its number.
        let sets = self.state.sets.clone();
        self.state.sets.retain(|i, _| !dependents.contains(i));
        let known = self.state.table.derived_sets.len();
        let mut diagnostics = Vec::new();
        let empty = State::new(&self.options, Library::new(&[]));
        let State { expressions, sets: kept, table: mut whole, library } = std::mem::replace(&mut self.state, empty);
        let mut part = RuleTable { folded_names: whole.folded_names, ..RuleTable::default() };
        part.derived_sets = std::mem::take(&mut whole.derived_sets);
        let state = State { expressions, sets: kept, table: part, library };
        let state = lower_some(&self.policies, dependents, &self.links, &self.options, state, &mut diagnostics);
        let mut part = state.table;
        self.state.expressions = state.expressions;
        self.state.library = state.library;
        whole.derived_sets = std::mem::take(&mut part.derived_sets);
        let result = if is_broken(&diagnostics) {
            None
        } else {
            exchange(&mut whole, &mut part);
            let result = work(&whole);
            exchange(&mut whole, &mut part);
            Some(result)
        };
        whole.derived_sets.truncate(known);
        self.state.table = whole;
        self.state.sets = sets;
        if let Some(slot) = self.policies.get_mut(index) {
            *slot = original;
        }
        result
    }
}

/// Exchanges the policies of `part` with those of the same names in `whole`.
fn exchange(whole: &mut RuleTable, part: &mut RuleTable) {
    for (name, policy) in &mut part.resources {
        if let Some(other) = whole.resources.get_mut(name) {
            std::mem::swap(other, policy);
        }
    }
    for (name, policy) in &mut part.principals {
        if let Some(other) = whole.principals.get_mut(name) {
            std::mem::swap(other, policy);
        }
    }
    for (name, policy) in &mut part.roles {
        if let Some(other) = whole.roles.get_mut(name) {
            std::mem::swap(other, policy);
        }
    }
}

fn is_broken(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
