//! The compiled policy set the engine decides from. Immutable once built.

/// Compiled policies with their index.
#[derive(Debug, Default)]
pub struct RuleTable {}

impl RuleTable {
    /// Number of policies that take part in decisions.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        0
    }

    /// Number of rules in them.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        0
    }
}
