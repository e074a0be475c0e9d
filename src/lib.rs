//! Toolgate: a policy decision point for AI tool calls.

pub mod cel;
pub mod compile;
pub mod config;
pub mod engine;
pub mod policy;
pub mod proto;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod wire;
pub mod yaml;
