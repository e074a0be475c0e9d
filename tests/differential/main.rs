//! Differential suite: generated policy stores and requests, put before the reference and before `toolgate serve
//! --compat cerbos` over HTTP; every difference fails unless `differences.toml` explains it. How to run it:
//! docs/differential.md. Only the two executables are used, nothing of this crate's library.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a test program: it reports to a terminal and may stop at its own faults"
)]

mod attrs;
mod cel;
mod compare;
mod differences;
mod features;
mod http;
mod lab;
mod requests;
mod rng;
mod run;
mod server;
mod settings;
mod shrink;
mod store;
mod tokens;
mod yaml;

use std::process::ExitCode;

fn main() -> ExitCode {
    // `cargo test -- --list` and filters mean nothing here, but must not start a run.
    if std::env::args().any(|a| a == "--list") {
        println!("differential: test");
        return ExitCode::SUCCESS;
    }
    match settings::Settings::from_env().and_then(|settings| run::run(&settings)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("differential: {text}");
            ExitCode::FAILURE
        }
    }
}
