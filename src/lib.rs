//! Toolgate: a policy decision point for AI tool calls.

pub mod cel;
pub mod compile;
pub mod engine;
pub mod policy;
pub mod source;
