//! `toolgate test`: runs the policy tests of a directory and reports what came out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::settings::Options;
use super::{out, print};
use crate::compile::compile;
use crate::schema::Enforcement;
use crate::source::{Severity, SourceFile};
use crate::store::{Disk, Include, scan};
use crate::testing::{self, EngineDecider, exit, report};

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Policy directory, with its suites unless `--tests` is given [default: the configuration's, or `policies`]
    directory: Option<PathBuf>,
    /// Directory with the suites and their fixtures
    #[arg(long, value_name = "DIR")]
    tests: Option<PathBuf>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Format,
    /// Show cases that passed, too, and how those that did not were decided
    #[arg(long)]
    verbose: bool,
    /// Which cases, such as `suite=git*;action=push,pull`; may be repeated
    #[arg(long, value_name = "DIM=GLOB,…")]
    test_filter: Vec<String>,
    /// Ask for each action by itself
    #[arg(long)]
    skip_batching: bool,
    /// Errors deny, as the reference's strict mode has it; only with `--compat cerbos`
    #[arg(long)]
    strict_evaluation: bool,
    /// Leave schemas out: attributes need not fit
    #[arg(long)]
    ignore_schemas: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// A tree, for people
    #[default]
    Tree,
    /// The same, indented
    List,
    /// The reference's JSON
    Json,
    /// JUnit XML
    Junit,
}

pub(super) fn run(test: Test) -> anyhow::Result<ExitCode> {
    // Nothing is listened on: an address beyond loopback is no fault here.
    let mut config = test.options.load(test.directory, true)?;
    // As in the reference, tests hold attributes against their schemas whatever the server does.
    let schemas = if test.ignore_schemas { Enforcement::None } else { Enforcement::Reject };
    config.engine.compile.schemas = schemas;
    let mut options = testing::Options {
        skip_batching: test.skip_batching,
        strict_evaluation: test.strict_evaluation,
        ..testing::Options::default()
    };
    for filter in &test.test_filter {
        options.filter.add(filter)?;
    }
    let files = read(&config.storage.directory)?;
    let compiled = compile(&files, &config.engine.compile);
    if !compiled.diagnostics.is_empty() {
        print::diagnostics(&compiled.diagnostics);
    }
    let Some(table) = compiled.table else {
        print::err("toolgate: error: failed to compile");
        return Ok(ExitCode::from(exit::COMPILE));
    };
    let suites = match &test.tests {
        Some(directory) => read(directory)?,
        None => files,
    };
    let cerbos_compat = config.engine.compile.cerbos_compat;
    let decider = EngineDecider { table: &table, cerbos_compat, schemas, trace: test.verbose };
    let result = testing::run(&suites, &decider, &options);
    out(&match test.output {
        Format::Tree => report::text(&result, report::Shape::Tree, test.verbose),
        Format::List => report::text(&result, report::Shape::List, test.verbose),
        Format::Json => report::json(&result),
        Format::Junit => report::junit(&result),
    });
    if result.is_good() {
        return Ok(ExitCode::SUCCESS);
    }
    print::err("toolgate: error: tests failed");
    Ok(ExitCode::from(exit::TESTS))
}

fn read(directory: &std::path::Path) -> anyhow::Result<Vec<SourceFile>> {
    let scanned = scan(&Disk, directory, Include::Everything).map_err(|d| anyhow::anyhow!("{}", d.message))?;
    if scanned.diagnostics.iter().any(|d| d.severity == Severity::Error) {
        print::diagnostics(&scanned.diagnostics);
        return Err(anyhow::anyhow!("not everything could be read")).context(directory.display().to_string());
    }
    Ok(scanned.files)
}
