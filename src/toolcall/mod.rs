//! Our domain: a tool call (who, through which agent, which tool, with which arguments, in which session) becomes one
//! or two questions in the policy language, and their decisions become one verdict with a reason.
//!
//! 1. [`ToolCall::new`] checks a decoded request and reads its arguments.
//! 2. [`View::of`] maps it to engine requests: one for the identity, one more for an agent with roles of its own.
//! 3. [`verdict`] combines their decisions, and reads reasons and obligations out of the policies' outputs.
//!
//! What policy authors need to know of it is in `docs/tool-calls.md`. What may not enter: transports, storage, clocks,
//! the engine's own work. [`Verdict::Allow`] is made in `verdict.rs` and nowhere else (a test counts).

mod canonical;
mod digest;
pub mod explain;
mod map;
mod model;
mod obligation;
mod reason;
pub mod tools;
mod verdict;

#[cfg(test)]
mod tests;

pub use crate::wire::message::{Agent, Identity, Session, SessionCall, Tool};
pub use crate::wire::reply::Verdict;
pub use canonical::canonical;
pub use digest::Digest;
pub use map::{DEFAULT_KIND_PREFIX, NO_CALL_ID, View};
pub use model::{CallError, JudgedArguments, ToolCall};
pub use reason::Reason;
pub use verdict::verdict;
