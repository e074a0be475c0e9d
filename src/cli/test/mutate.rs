//! What `toolgate test --mutate` does.

use std::process::ExitCode;

use super::{Files, Format, Test};
use crate::cli::print::Progress;
use crate::cli::{out, print};
use crate::config::Config;
use crate::testing::mutation::{NoMutation, json, mutate, text};
use crate::testing::{self, Suites, exit};

pub(super) fn run(
    test: &Test,
    config: &Config,
    options: &testing::Options,
    files: &Files,
    suites: &Suites,
) -> ExitCode {
    let progress = Progress::new("mutants");
    let tell = |done, all| progress.show(done, all);
    let found = mutate(&files.policies, &config.engine.compile, suites, options, test.max, Some(&tell));
    drop(progress);
    let mutation = match found {
        Ok(mutation) => mutation,
        Err(NoMutation::Broken(diagnostics)) => {
            print::diagnostics(&diagnostics);
            print::err("toolgate: error: failed to compile");
            return ExitCode::from(exit::COMPILE);
        }
        Err(NoMutation::Failing) => {
            print::err("toolgate: error: tests failed: mutants tell nothing until all tests pass");
            return ExitCode::from(exit::TESTS);
        }
    };
    out(match test.output {
        Format::Json => json(&mutation),
        Format::Tree | Format::List | Format::Junit => text(&mutation),
    }
    .trim_end());
    match test.min_killed {
        Some(wanted) if mutation.percent() < wanted => {
            let percent = mutation.percent();
            print::err(&format!("toolgate: error: {percent:.1} % of the mutants are killed, less than {wanted} %"));
            ExitCode::from(exit::TESTS)
        }
        _ => ExitCode::SUCCESS,
    }
}
