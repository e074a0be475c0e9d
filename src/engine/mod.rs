//! The pure decision: request view, rule table, matching, `decide`.
//!
//! What is absent here on purpose: files, YAML, clocks, networks, async, logging. `now` comes in with the call, so a
//! decision can be replayed from its inputs.

mod decide;
pub mod decision;
pub mod request;
pub mod table;

pub use decide::{Params, Semantics, decide};
pub use table::RuleTable;
