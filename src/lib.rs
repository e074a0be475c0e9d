//! Toolgate: a policy decision point (PDP) for AI tool calls.
//!
//! # Life of a policy
//! [`store`] scans a directory and hands file texts to [`compile`]. There [`yaml`] turns each text into nodes with
//! places, [`policy`] turns nodes into plain data, the linker checks what policies say about each other, and [`cel`]
//! parses, checks and lowers every expression. Out comes a [`engine::RuleTable`], or every diagnostic; a table becomes
//! part of an immutable snapshot, which is swapped in only when it is whole.
//!
//! # Life of a request
//! [`protocols`] receive bytes, [`wire`] decodes them into an arena as an [`engine::request::Request`] (a tool call by
//! way of [`toolcall`]), [`service`] takes one snapshot and one clock reading, has [`identity`] verify the tokens that
//! came along, and asks [`engine::decide`], a pure function, which holds attributes against their [`schema`] first.
//! The decision becomes a response, and nothing between decode and encode locks, waits, writes or logs. On the gRPC
//! port, small `Decide` and `CheckResources` requests are answered on the connection's own task (`server::http2`,
//! `protocols::direct`); everything else goes by way of the gRPC library. Both begin and end a call in the same place.
//!
//! # In a program of your own
//! [`Pdp::open`] a directory and [`Pdp::decide`] a [`Call`]: the server without the server (docs/embedding.md).
//!
//! # The map
//! | layer | rooms |
//! |---|---|
//! | 0 | [`source`]: text, places, diagnostics · [`proto`]: generated message types · [`parallel`]: work on all cores |
//! | 1 | [`yaml`] · [`cel`] |
//! | 2 | [`policy`] · [`schema`] |
//! | 3 | [`engine`] · [`plan`] |
//! | 4 | [`compile`] · [`wire`] |
//! | 5 | [`store`] · [`toolcall`] · [`identity`] · [`audit`] · [`telemetry`] |
//! | 6 | [`service`] |
//! | 7 | [`protocols`] · [`testing`] |
//! | 8 | [`server`] · [`config`] · [`cli`] · [`embed`]: the PDP in a program of one's own |
//!
//! Imports point to a lower layer, or to a sibling of the same layer named in the test below.
//!
//! # Invariants
//! 1. [`engine`] sees no YAML, clock, network or async; `now` comes in with the request, so a decision can be replayed.
//! 2. Whatever can fail on policy text returns its result *and* all diagnostics, each with a place and a stable code.
//! 3. A snapshot is immutable; one request uses exactly one; its revision is in the reply.
//! 4. Protocols never build a verdict: an allow is made in the engine and nowhere else (a test counts).
//! 5. No error, overload, budget or parse failure becomes an allow: one table maps each to a reply.
//! 6. Third-party parser and transport types are each named in one file or layer.
//! 7. Every loop or recursion over input is charged to a budget.

pub mod audit;
pub mod cel;
pub mod cli;
pub mod compile;
pub mod config;
pub mod embed;
pub mod engine;
pub mod identity;
pub mod parallel;
pub mod plan;
pub mod policy;
pub mod proto;
pub mod protocols;
pub mod schema;
pub mod server;
pub mod service;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod testing;
pub mod toolcall;
pub mod wire;
pub mod yaml;

pub use embed::{Agent, Answer, Call, Identity, Pdp};
pub use wire::message::{Session, SessionCall};
pub use wire::reply::Verdict;

#[cfg(test)]
mod house_rules;
