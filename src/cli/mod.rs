//! The command line: one file a verb. Turns what was typed into calls of the other rooms, prints what they answer, and
//! decides the exit code; it knows nothing else.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; for `check` and `explain`: the call is allowed |
//! | 1 | something else went wrong, such as a missing directory or a server that does not answer |
//! | 2 | `check` and `explain`: the call is denied, or needs approval |
//! | 3 | the policies have errors |
//! | 4 | tests failed |
//! | 80 | the command line is wrong; for `hook` that is 2, which blocks |

mod cel;
mod check;
mod client;
mod explain;
mod healthcheck;
mod hook;
mod lint;
mod plan;
mod print;
mod schema;
mod serve;
mod settings;
mod test;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use print::{err, out};

/// The policies have errors.
const BROKEN: u8 = 3;
/// The command line is wrong, as the reference has it.
const USAGE: u8 = 80;

/// A policy decision point for AI tool calls.
#[derive(Debug, Parser)]
#[command(name = "toolgate", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve decisions over gRPC and HTTP
    #[command(alias = "server")]
    Serve(serve::Serve),
    /// Decide one tool call, from a policy directory or by a running server
    Check(Box<check::Check>),
    /// Tell what an identity may do with the resources of a kind, as a condition
    Plan(Box<plan::PlanArgs>),
    /// Say why a tool call is allowed or denied: every rule that was asked, with the values its conditions read
    Explain(Box<explain::Explain>),
    /// Report everything that is wrong with a policy directory
    Lint(lint::Lint),
    /// Run the policy tests of a directory
    Test(Box<test::Test>),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::Schema),
    /// Evaluate expressions: one, a shell, or a batch
    Cel(cel::CelArgs),
    /// Ask a running server for its health
    #[command(alias = "hc")]
    Healthcheck(healthcheck::Healthcheck),
    /// Answer the hooks of a coding agent
    Hook(Box<hook::Hook>),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Where clap says it belongs; nothing is left to do if that is closed.
            let printed = e.print();
            let hook = std::env::args_os().any(|a| a == "hook");
            return ExitCode::from(match (e.use_stderr() || hook && printed.is_err(), hook) {
                (false, _) => 0,
                // An agent that runs this with a wrong command line must not take it for a yes.
                (true, true) => hook::BLOCKED,
                (true, false) => USAGE,
            });
        }
    };
    let done = match cli.verb {
        Verb::Serve(v) => serve::run(v),
        Verb::Check(v) => check::run(*v),
        Verb::Plan(v) => plan::run(*v),
        Verb::Explain(v) => explain::run(*v),
        Verb::Lint(v) => lint::run(v),
        Verb::Test(v) => test::run(*v),
        Verb::Schema(v) => Ok(schema::run(&v)),
        Verb::Cel(v) => cel::run(v),
        Verb::Healthcheck(v) => healthcheck::run(&v),
        Verb::Hook(v) => hook::run(*v),
    };
    done.unwrap_or_else(|e| {
        err(&format!("toolgate: error: {e:#}"));
        ExitCode::FAILURE
    })
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
}
