//! `toolgate lint`: everything that is wrong with a policy directory, in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::settings::Options;
use super::{BROKEN, Output, out, print};
use crate::compile::compile;
use crate::schema::Enforcement;
use crate::source::{Diagnostic, Severity, render_json, render_terminal};
use crate::store::{Disk, Include, scan};

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub(super) struct Lint {
    /// Policy directory [default: the configuration's, or `policies`]
    directory: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(lint: Lint) -> anyhow::Result<ExitCode> {
    // Nothing is listened on: an address beyond loopback is no fault here.
    let mut config = lint.options.load(lint.directory, true)?;
    config.engine.compile.schemas = Enforcement::Reject;
    let directory = &config.storage.directory;
    let scanned = scan(&Disk, directory, Include::Policies).map_err(|d| anyhow::anyhow!("{}", d.message))?;
    let files = scanned.files.len();
    let compiled = compile(&scanned.files, &config.engine.compile);
    let mut all = compiled.diagnostics;
    all.extend(scanned.diagnostics);
    Diagnostic::sort(&mut all);
    let broken = all.iter().any(|d| d.severity == Severity::Error);
    match lint.output {
        Output::Json => out(&render_json(&all)),
        Output::Text => {
            if !all.is_empty() {
                out(&render_terminal(&all, print::colored()));
            }
            let found = match print::counts(&all) {
                none if none.is_empty() => "nothing to report".to_owned(),
                some => some,
            };
            let what = compiled
                .table
                .map(|t| format!(", {} policies, {} rules", t.policy_count(), t.rule_count()))
                .unwrap_or_default();
            out(&format!("{}: {files} files{what}: {found}", directory.display()));
        }
    }
    Ok(if broken { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}
