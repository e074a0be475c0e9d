//! The whole program from outside: its command line, its protocols over real sockets with real clients, policies that
//! change under load, faults, and hostile peers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::zombie_processes,
    reason = "helpers of tests: one that cannot go on fails the test"
)]

mod admin;
mod audit;
mod authzen;
mod both_ways;
mod cli;
mod cors;
mod direct;
mod failure;
mod filters;
mod gateways;
mod hooks;
mod hostile;
mod jwt;
mod legacy;
mod peers;
mod plan;
mod policy_tests;
mod protocols;
mod reload;
mod schemas;
mod support;
mod tls;
mod trace;
mod transport;
