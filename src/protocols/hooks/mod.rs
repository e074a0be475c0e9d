//! Hooks of coding agents: what an agent sends before it runs a tool becomes a tool call, and the verdict becomes the
//! one answer that the agent takes for what it means.

mod agent;
mod shape;

pub use agent::{Agent, Block};
pub use shape::{Misfit, accepts};
