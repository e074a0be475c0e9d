//! Policy tests (spec: policy-language §16): suites and fixtures are read, expanded to cases, decided and compared.
//!
//! Reads no files and prints nothing: texts are handed in, reports are handed back as strings. Cases are decided by a
//! [`Decider`], so that nothing here depends on how a decision is made.
//!
//! In order: `files` finds suites and their fixtures, `decode` reads them into `model`, `matrix` expands a test to cases,
//! `filter` leaves some out, `runner` decides and compares, `report` shows the results.

mod check;
pub mod coverage;
mod decode;
mod decode_fixtures;
mod engine;
mod files;
pub mod filter;
mod matrix;
pub mod model;
pub mod mutation;
pub mod report;
pub mod results;
mod runner;
pub mod schemas;
mod suites;
#[cfg(test)]
mod tests;
mod timestamp;

pub use crate::parallel;
pub use engine::{EngineDecider, Observer};
pub use runner::{Decider, NO_NOW, Options, Outcome, Output, run, run_suites};
pub use suites::Suites;

/// Exit codes of the test command (spec §16.5), the reference's.
pub mod exit {
    /// Compiled; tests passed, were skipped, or there are none.
    pub const OK: u8 = 0;
    /// Anything else: no such directory, bad filter.
    pub const ERROR: u8 = 1;
    /// Policies do not compile.
    pub const COMPILE: u8 = 3;
    /// At least one test failed or erred.
    pub const TESTS: u8 = 4;
    /// Bad command line.
    pub const USAGE: u8 = 80;
}
