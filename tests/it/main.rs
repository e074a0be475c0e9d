//! The whole program from outside: its command line, its protocols over real sockets with real clients, policies that
//! change under load, faults, and hostile peers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests: one that cannot go on fails the test"
)]

mod admin;
mod authzen;
mod cli;
mod cors;
mod direct;
mod failure;
mod hostile;
mod jwt;
mod legacy;
mod plan;
mod policy_tests;
mod protocols;
mod reload;
mod schemas;
mod support;
mod tls;
mod transport;
