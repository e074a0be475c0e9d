//! `toolgate schema`: the JSON Schema of a kind of file, for editors.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::out;
use crate::testing::schemas;

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// The kind of file
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A policy
    Policy,
    /// A test suite
    Test,
    /// Fixtures in `testdata`
    Fixtures,
}

pub(super) fn run(args: &Schema) -> ExitCode {
    let schema = match args.kind {
        Kind::Policy => schemas::policy(),
        Kind::Test => schemas::suite(),
        Kind::Fixtures => schemas::fixtures(),
    };
    out(schemas::file(&schema).trim_end());
    ExitCode::SUCCESS
}
