//! `toolgate test`: runs the policy tests of a directory and reports what came out.

mod coverage;
mod mutate;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use regex::Regex;

use super::print::{ColorChoice, Progress};
use super::settings::Options;
use super::{out, print};
use crate::compile::compile;
use crate::config::Config;
use crate::engine::RuleTable;
use crate::schema::Enforcement;
use crate::source::{Severity, SourceFile};
use crate::store::{Disk, Include, scan};
use crate::testing::coverage::Coverage;
use crate::testing::results::Report;
use crate::testing::{self, EngineDecider, Observer, Suites, exit, report};

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
    /// Colours in text
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
    /// Only tests whose `<suite>/<test>` matches this regular expression; the others are skipped
    #[arg(long, value_name = "REGEX")]
    run: Option<Regex>,
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
    /// An expression that fails on the way to a decision is an error of the test, even if the decision is as expected
    #[arg(long)]
    no_failures: bool,
    /// Threads to use [default: as many as there are cores, 2 at least]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Run again whenever a file changes, and show only what came out otherwise than before
    #[arg(long)]
    watch: bool,
    /// Count which rules, condition operands and derived roles the tests reach; the summary goes to standard error when
    /// standard output is for machines
    #[arg(long)]
    coverage: bool,
    /// Directory to write the coverage reports to: `index.html` and a page a policy, `lcov.info`, `coverage.json`
    #[arg(long, value_name = "DIR", requires = "coverage")]
    coverage_dir: Option<PathBuf>,
    /// Fail if less than this share of rules, of condition branches or of derived roles is covered
    #[arg(long, value_name = "PERCENT", requires = "coverage", value_parser = percent)]
    min_coverage: Option<f64>,
    /// Change the policies one thing at a time and list the changes that no test notices
    #[arg(long, conflicts_with_all = ["coverage", "watch"])]
    mutate: bool,
    /// Try only so many mutants, always the same
    #[arg(long, value_name = "N", requires = "mutate")]
    max: Option<usize>,
    /// Fail if the tests notice less than this share of the mutants
    #[arg(long, value_name = "PERCENT", requires = "mutate", value_parser = percent)]
    min_killed: Option<f64>,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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

pub(super) fn run(mut test: Test) -> anyhow::Result<ExitCode> {
    // Nothing is listened on: an address beyond loopback is no fault here.
    let mut config = test.options.load(test.directory.take(), true)?;
    // As in the reference, tests hold attributes against their schemas whatever the server does.
    config.engine.compile.schemas = if test.ignore_schemas { Enforcement::None } else { Enforcement::Reject };
    let mut options = testing::Options {
        skip_batching: test.skip_batching,
        strict_evaluation: test.strict_evaluation,
        run: test.run.clone(),
        no_failures: test.no_failures,
        threads: test.threads,
        ..testing::Options::default()
    };
    for filter in &test.test_filter {
        options.filter.add(filter)?;
    }
    if test.watch {
        return watch::run(&test, &config, &options);
    }
    let files = Files::read(&test, &config)?;
    // Neither needs the other.
    let (table, suites) = std::thread::scope(|scope| {
        let suites = scope.spawn(|| Suites::read(files.suites(), testing::parallel::threads()));
        (files.table(&config), suites.join())
    });
    let suites = suites.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let Some(table) = table else {
        print::err("toolgate: error: failed to compile");
        return Ok(ExitCode::from(exit::COMPILE));
    };
    if test.mutate {
        return Ok(mutate::run(&test, &config, &options, &files, &suites));
    }
    let counts = test.coverage.then(|| Coverage::new(&files.policies));
    let result = execute(&test, &config, &options, &table, &suites, counts.as_ref());
    out(&face(&test, &result));
    let covered = counts.map_or(Ok(true), |counts| coverage::report(&test, &config, &counts))?;
    if result.is_good() && covered {
        return Ok(ExitCode::SUCCESS);
    }
    print::err(if covered { "toolgate: error: tests failed" } else { "toolgate: error: coverage is too low" });
    Ok(ExitCode::from(exit::TESTS))
}

/// Policies and suites as they are on disk.
struct Files {
    policies: Vec<SourceFile>,
    /// If they lie elsewhere.
    tests: Option<Vec<SourceFile>>,
}

impl Files {
    fn read(test: &Test, config: &Config) -> anyhow::Result<Self> {
        let policies = read(&config.storage.directory)?;
        let tests = test.tests.as_deref().map(read).transpose()?;
        Ok(Self { policies, tests })
    }

    fn suites(&self) -> &[SourceFile] {
        self.tests.as_deref().unwrap_or(&self.policies)
    }

    /// The compiled policies; what is wrong with them is printed.
    fn table(&self, config: &Config) -> Option<RuleTable> {
        let compiled = compile(&self.policies, &config.engine.compile);
        if !compiled.diagnostics.is_empty() {
            print::diagnostics(&compiled.diagnostics);
        }
        compiled.table
    }
}

fn execute(
    test: &Test,
    config: &Config,
    options: &testing::Options,
    table: &RuleTable,
    suites: &Suites,
    coverage: Option<&Coverage>,
) -> Report {
    let cerbos_compat = config.engine.compile.cerbos_compat;
    let observer = coverage.map(|c| c as &dyn Observer);
    let schemas = config.engine.compile.schemas;
    let decider = EngineDecider { table, cerbos_compat, schemas, trace: test.verbose, why: true, observer };
    let progress = Progress::new("tests");
    testing::run_suites(suites, &decider, options, Some(&|done, all| progress.show(done, all)))
}

fn face(test: &Test, result: &Report) -> String {
    let look = report::Look { verbose: test.verbose, color: test.color.on_stdout() };
    match test.output {
        Format::Tree => report::text(result, report::Shape::Tree, look),
        Format::List => report::text(result, report::Shape::List, look),
        Format::Json => report::json(result),
        Format::Junit => report::junit(result),
    }
}

fn read(directory: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let scanned = scan(&Disk, directory, Include::Everything).map_err(|d| anyhow::anyhow!("{}", d.message))?;
    if scanned.diagnostics.iter().any(|d| d.severity == Severity::Error) {
        print::diagnostics(&scanned.diagnostics);
        return Err(anyhow::anyhow!("not everything could be read")).context(directory.display().to_string());
    }
    Ok(scanned.files)
}

fn percent(typed: &str) -> Result<f64, String> {
    let number = typed.trim_end_matches('%').trim().parse::<f64>().ok().filter(|n| (0.0..=100.0).contains(n));
    number.ok_or_else(|| "expected a number from 0 to 100".to_owned())
}
