//! Hooks of coding agents: what an agent sends before it runs a tool becomes a tool call, and the verdict becomes the
//! one answer that the agent takes for what it means.
//!
//! | step | here |
//! |---|---|
//! | which agents there are, and how each is blocked | [`Agent`] |
//! | what an agent sends → a tool call | `payload` |
//! | who asks, what policy says | `rest`, by way of [`crate::protocols::gateway`] |
//! | the verdict → the agent's words | `answer` |
//! | what an agent takes for an answer at all | [`accepts`] |
//!
//! The tools of an agent itself have kinds of their own, `agent::<agent>`; its MCP tools have those of their servers.

mod agent;
mod answer;
mod payload;
mod rest;
mod settings;
mod shape;

pub use agent::{Agent, Block};
pub use settings::{NoOpinion, OnAllow, Settings};
pub use shape::{Misfit, accepts};

pub(in crate::protocols) use payload::split;
pub(in crate::protocols) use rest::routes;
pub(in crate::protocols) use settings::NATIVE;
