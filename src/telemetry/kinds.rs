//! Decisions by the kind of their resource. Only kinds that policies speak of are told apart: what callers may name is
//! unbounded, what is counted is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use indexmap::IndexMap;

use crate::engine::RuleTable;
use crate::engine::decision::{Decision, Effect};

/// Kinds told apart, at most.
const MOST: usize = 1000;
/// Stands for all others.
pub(super) const OTHER: &str = "";

/// One kind's counters: allowed and denied.
type Counters = Arc<[AtomicU64; 2]>;

/// The counters of all kinds.
#[derive(Debug, Default)]
pub(super) struct Kinds(ArcSwap<Table>);

/// The kinds of one policy set, and the counters of those before it.
#[derive(Debug, Default)]
struct Table {
    revision: Box<str>,
    kinds: IndexMap<Box<str>, Counters, RandomState>,
}

impl Kinds {
    pub(super) fn count(&self, policies: &RuleTable, revision: &str, kind: &str, decision: &Decision<'_>) {
        let mut table = self.0.load();
        if *table.revision != *revision {
            self.0.rcu(|old| Arc::new(old.with(policies, revision)));
            table = self.0.load();
        }
        let Some(counters) = table.kinds.get(kind).or_else(|| table.kinds.get(OTHER)) else { return };
        let [allowed, denied] = &**counters;
        for action in decision.actions {
            let counter = if action.effect == Effect::Allow { allowed } else { denied };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Kinds with what was allowed and denied, in order of appearance.
    pub(super) fn totals(&self) -> Vec<(Box<str>, [u64; 2])> {
        let table = self.0.load();
        let load = |counters: &Counters| counters.each_ref().map(|n| n.load(Ordering::Relaxed));
        table.kinds.iter().map(|(kind, counters)| (kind.clone(), load(counters))).collect()
    }
}

impl Table {
    /// What was counted stays; kinds that are new begin at none.
    fn with(&self, policies: &RuleTable, revision: &str) -> Self {
        let mut kinds = self.kinds.clone();
        for kind in std::iter::once(OTHER).chain(policies.resources.keys().map(|name| &*name.name)) {
            if kinds.len() < MOST && !kinds.contains_key(kind) {
                kinds.insert(kind.into(), Counters::default());
            }
        }
        Self { revision: revision.into(), kinds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::decision::{ActionResult, Cause};

    #[test]
    fn only_known_kinds_are_told_apart_and_counts_outlive_a_reload() {
        let kinds = Kinds::default();
        let result = |effect| ActionResult { action: "a", effect, policy: "", scope: "", cause: Cause::NoPolicy };
        let actions = [result(Effect::Deny), result(Effect::Deny), result(Effect::Deny)];
        let decision = Decision {
            actions: &actions,
            effective_derived_roles: &[],
            outputs: &[],
            errors: &[],
            validation_errors: &[],
            trace: &[],
            policies: &[],
        };
        let policies = RuleTable::default();
        kinds.count(&policies, "1", "x", &decision);
        kinds.count(&policies, "2", "y", &decision);
        assert_eq!(kinds.totals(), [(OTHER.into(), [0, 6])]);
    }
}
