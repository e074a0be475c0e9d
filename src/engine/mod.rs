//! The pure decision: request view, rule table, matching, `decide`.
//!
//! What is absent here on purpose: files, YAML, clocks, networks, async, logging. `now` comes in with the call, so a
//! decision can be replayed from its inputs.

mod aside;
mod attributes;
mod call;
pub mod condition;
mod decide;
pub mod decision;
pub mod glob;
mod naming;
pub mod request;
mod role_policies;
pub(crate) mod scope;
pub mod seen;
pub mod table;
#[cfg(test)]
mod tests;
mod walk;

pub use decide::{Params, Semantics, Wants, decide, decide_seen, policies_of};
pub use seen::Seen;
pub use table::RuleTable;

/// Indices of the roots that expressions start from, in [`crate::cel::Inputs`].
pub mod roots {
    /// `request`
    pub const REQUEST: usize = 0;
    /// `P`
    pub const PRINCIPAL: usize = 1;
    /// `R`
    pub const RESOURCE: usize = 2;
    /// `runtime`
    pub const RUNTIME: usize = 3;
    /// `G`, `globals`
    pub const GLOBALS: usize = 4;
    /// How many there are.
    pub const COUNT: usize = 5;
}
