//! `toolgate cel`: evaluates expressions as conditions do, one from the command line, one after the other in a shell, or
//! many from standard input. Exit codes: 0 it has a value, 1 it failed when it ran, 3 it is not a valid expression.

mod batch;
mod data;
mod encoding;
mod repl;
mod session;
mod show;

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use bumpalo::Bump;
use clap::Args;

use super::{BROKEN, Output, err, out};
use crate::cel::budget::DEFAULT_STEPS;
use data::Data;
use session::{Outcome, Session};

/// Arguments of `cel`.
#[derive(Debug, Args)]
pub(super) struct CelArgs {
    /// The expression; `-` reads it from standard input. Without one, a shell starts
    expression: Option<String>,
    /// File with `principal`, `resource`, `auxData`, `runtime`, `globals`, `constants`, `variables`, as YAML or JSON
    #[arg(long, short, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Read a JSON object a line from standard input and answer each with a line:
    /// `{"expr", "bindings"?, "container"?}` with `{"value"}` or `{"error": {"phase", "message"}}`
    #[arg(long, conflicts_with_all = ["expression", "output"])]
    batch: bool,
    /// Steps an evaluation may take
    #[arg(long, value_name = "N", default_value_t = DEFAULT_STEPS)]
    steps: u64,
    /// Where the shell keeps its history [default: `.toolgate_cel_history` in the home directory]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// Runs the verb.
pub(super) fn run(args: CelArgs) -> anyhow::Result<ExitCode> {
    let bump = Bump::new();
    let data = match &args.data {
        Some(file) => Data::read(file)?,
        None => Data::default(),
    };
    if args.batch {
        batch::run(std::io::stdin().lock(), std::io::stdout().lock(), &data, args.steps)?;
        return Ok(ExitCode::SUCCESS);
    }
    let session = Session::new(&bump, &data, args.steps).map_err(|e| anyhow::anyhow!("{e}"))?;
    let Some(expression) = args.expression else {
        return repl::run(session, args.history.or_else(home_history).as_deref());
    };
    let expression = if expression == "-" { from_stdin()? } else { expression };
    let outcome = session.evaluate(&expression);
    match args.output {
        Output::Json => out(&encoding::outcome(&outcome).to_string()),
        Output::Text => match &outcome {
            Outcome::Value(value) => out(&show::value(*value)),
            Outcome::Failed(message) => err(&format!("toolgate: error: {message}")),
            Outcome::Refused(_, faults) => err(&show::faults(&expression, faults)),
        },
    }
    Ok(match outcome {
        Outcome::Value(_) => ExitCode::SUCCESS,
        Outcome::Failed(_) => ExitCode::FAILURE,
        Outcome::Refused(..) => ExitCode::from(BROKEN),
    })
}

fn from_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    // Longer expressions are refused anyway.
    std::io::stdin().lock().take(1 << 20).read_to_end(&mut bytes).context("standard input")?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!("standard input is not UTF-8"),
    }
}

fn home_history() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|h| !h.is_empty())?;
    Some(PathBuf::from(home).join(".toolgate_cel_history"))
}
