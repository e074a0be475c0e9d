//! A compiled policy set whose policies can be replaced one at a time, for a moment: only what depends on the
//! replacement is compiled again. For tools that try variants; a server compiles whole sets.

use std::sync::Arc;

use super::expressions::Expressions;
use super::facts::Facts;
use super::link::{Links, link};
use super::lower::{self, Context, Sets, environment};
use super::{CompileOptions, decode};
use crate::engine::RuleTable;
use crate::policy::model::Policy;
use crate::schema::Library;
use crate::source::{Diagnostic, Severity, SourceFile};

/// A policy set to try variants of. Belongs to one thread.
pub struct Workshop {
    policies: Vec<Policy>,
    facts: Vec<Facts>,
    links: Links,
    options: CompileOptions,
    expressions: Expressions,
    library: Library,
    sets: Sets,
    table: RuleTable,
}

impl Workshop {
    /// Compiles the whole set.
    ///
    /// # Errors
    /// Every diagnostic, if one of them is an error.
    pub fn open(files: &[SourceFile], options: &CompileOptions) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let policies = decode(files, &mut diagnostics);
        let facts: Vec<Facts> = policies.iter().map(Facts::of).collect();
        let links = link(&facts.iter().collect::<Vec<_>>(), options, &mut diagnostics);
        let mut shop = Self {
            policies,
            facts,
            links,
            options: options.clone(),
            expressions: Expressions::new(environment()),
            library: Library::new(files),
            sets: Sets::new(),
            table: RuleTable::default(),
        };
        let all: Vec<usize> = (0..shop.policies.len()).collect();
        let (table, sets) = shop.lower(&all, Sets::new(), &mut diagnostics);
        (shop.table, shop.sets) = (table, sets);
        if is_broken(&diagnostics) { Err(diagnostics) } else { Ok(shop) }
    }

    /// The policies as written, in order of file name.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The compiled set.
    #[must_use]
    pub fn table(&self) -> &RuleTable {
        &self.table
    }

    /// Indices of the policies that change when this one does: itself if it takes part in decisions, or those that import
    /// it, directly or by way of derived roles.
    #[must_use]
    pub fn dependents(&self, index: usize) -> Vec<usize> {
        let mut found = vec![index];
        let mut next = 0;
        while let Some(changed) = found.get(next).copied() {
            next += 1;
            for (i, policy) in self.facts.iter().enumerate() {
                let mut imports = policy.imports.iter().map(|(kind, name)| self.links.find(*kind, &name.value));
                if !found.contains(&i) && imports.any(|library| library == Some(changed)) {
                    found.push(i);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// Runs `work` with a policy replaced by a variant that has the same name, version and scope. `None` if the variant does
    /// not compile.
    pub fn with<T>(&mut self, index: usize, variant: Policy, work: impl FnOnce(&RuleTable) -> T) -> Option<T> {
        let dependents = self.dependents(index);
        let original = std::mem::replace(self.policies.get_mut(index)?, variant);
        let mut diagnostics = Vec::new();
        let kept = self.sets.iter().filter(|(i, _)| !dependents.contains(i));
        let kept = kept.map(|(i, set)| (*i, Arc::clone(set))).collect();
        let (mut part, _) = self.lower(&dependents, kept, &mut diagnostics);
        if let Some(slot) = self.policies.get_mut(index) {
            *slot = original;
        }
        if is_broken(&diagnostics) {
            return None;
        }
        self.exchange(&mut part);
        let result = work(&self.table);
        self.exchange(&mut part);
        Some(result)
    }

    /// Lowers some policies, and the sets they import that are not in `sets` yet.
    fn lower(&self, which: &[usize], mut sets: Sets, diagnostics: &mut Vec<Diagnostic>) -> (RuleTable, Sets) {
        let context = Context {
            policies: self.policies.iter().map(Some).collect(),
            links: &self.links,
            options: &self.options,
            expressions: &self.expressions,
            library: &self.library,
        };
        let chosen = || which.iter().filter_map(|i| self.facts.get(*i).map(|facts| (*i, facts)));
        let mut table = RuleTable { folded_names: self.options.cerbos_compat, ..RuleTable::default() };
        for set in super::imported_sets(chosen().map(|(_, facts)| facts), &self.links) {
            if let std::collections::btree_map::Entry::Vacant(slot) = sets.entry(set)
                && let Some((set, found)) = lower::lower_set(&context, set, None)
            {
                table.derived_sets.push(Arc::clone(&set.compiled));
                slot.insert(set);
                diagnostics.extend(found);
            }
        }
        for (i, facts) in chosen() {
            if let Some((lowered, found)) = lower::lower_policy(&context, &sets, i) {
                lower::add(&mut table, facts, &lowered);
                diagnostics.extend(found);
            }
        }
        table.index(chosen().filter(|(_, facts)| facts.needs_consent()).map(|(_, facts)| facts.scope.clone()));
        (table, sets)
    }

    /// Exchanges the policies of `part` with those of the same names in the table.
    fn exchange(&mut self, part: &mut RuleTable) {
        self.table.resources.exchange(&mut part.resources);
        self.table.principals.exchange(&mut part.principals);
        self.table.roles.exchange(&mut part.roles);
    }
}

fn is_broken(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
