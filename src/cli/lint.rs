//! `toolgate lint`: everything that is wrong with a policy directory, and what is right but probably not meant, in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::print::ColorChoice;
use super::settings::Options;
use super::{BROKEN, out, print};
use crate::compile::{compile, lint};
use crate::schema::Enforcement;
use crate::source::{Diagnostic, Severity, render_annotations, render_json, render_sarif, render_terminal};
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
    output: Format,
    /// Colours in text
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
    /// Show remarks as well: where the two semantics differ, what is costly
    #[arg(long)]
    all: bool,
    /// Severity of a code: `TG0608=error`, `warning`, `info` or `off`; errors of the compiler stay errors; may be repeated
    #[arg(long, value_name = "CODE=SEVERITY", value_parser = level)]
    severity: Vec<Level>,
    /// Warnings fail, too
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotation lines of CI workflows
    Annotations,
}

/// What becomes of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Level {
    code: String,
    severity: Option<Severity>,
}

fn level(typed: &str) -> Result<Level, String> {
    let (code, severity) = typed.split_once('=').ok_or("expected `CODE=SEVERITY`")?;
    let severity = match severity {
        "error" => Some(Severity::Error),
        "warning" => Some(Severity::Warning),
        "info" => Some(Severity::Info),
        "off" => None,
        _ => return Err("expected `error`, `warning`, `info` or `off`".to_owned()),
    };
    let known = code.strip_prefix("TG").is_some_and(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()));
    if known { Ok(Level { code: code.to_owned(), severity }) } else { Err(format!("`{code}` is no code")) }
}

pub(super) fn run(args: Lint) -> anyhow::Result<ExitCode> {
    // Nothing is listened on: an address beyond loopback is no fault here.
    let mut config = args.options.load(args.directory, true)?;
    config.engine.compile.schemas = Enforcement::Reject;
    let directory = &config.storage.directory;
    let scanned = scan(&Disk, directory, Include::Policies).map_err(|d| anyhow::anyhow!("{}", d.message))?;
    let files = scanned.files.len();
    let compiled = compile(&scanned.files, &config.engine.compile);
    let mut all = compiled.diagnostics;
    all.extend(scanned.diagnostics);
    if !all.iter().any(|d| d.severity == Severity::Error) {
        all.extend(lint(&scanned.files, &config.engine.compile));
    }
    let mut all = leveled(all, &args.severity);
    all.retain(|d| args.all || d.severity != Severity::Info);
    Diagnostic::sort(&mut all);
    let root = directory.to_string_lossy();
    match args.output {
        Format::Json => out(&render_json(&all)),
        Format::Sarif => out(&render_sarif(&all, &root)),
        Format::Annotations => {
            if !all.is_empty() {
                out(&render_annotations(&all, &root));
            }
        }
        Format::Text => {
            if !all.is_empty() {
                out(&render_terminal(&all, args.color.on_stdout()));
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
    let fails = |d: &Diagnostic| match d.severity {
        Severity::Error => true,
        Severity::Warning => args.deny_warnings,
        Severity::Info => false,
    };
    Ok(if all.iter().any(fails) { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

/// Diagnostics under the severities asked for; the last word on a code counts. What keeps a set from loading stays an error.
fn leveled(all: Vec<Diagnostic>, levels: &[Level]) -> Vec<Diagnostic> {
    all.into_iter()
        .filter_map(|d| match levels.iter().rfind(|l| l.code == d.code) {
            Some(level) if d.severity != Severity::Error => level.severity.map(|severity| Diagnostic { severity, ..d }),
            _ => Some(d),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn severities_are_set_by_code_and_errors_stay() {
        let file = SourceFile::new("a.yaml", "");
        let all =
            || vec![Diagnostic::error("TG0101", &file, None, "e"), Diagnostic::warning("TG0608", &file, None, "w")];
        let shown = |typed: &[&str]| {
            let levels: Vec<Level> = typed.iter().map(|t| level(t).unwrap()).collect();
            leveled(all(), &levels).iter().map(|d| (d.code, d.severity.as_str())).collect::<Vec<_>>()
        };
        assert_eq!(shown(&["TG0608=error"]), [("TG0101", "error"), ("TG0608", "error")]);
        assert_eq!(shown(&["TG0608=off", "TG0101=off"]), [("TG0101", "error")]);
        assert_eq!(shown(&["TG0608=off", "TG0608=info"]), [("TG0101", "error"), ("TG0608", "info")]);
        for bad in ["TG0608", "TG0608=loud", "0608=off", "TG060x=off"] {
            assert!(level(bad).is_err(), "{bad}");
        }
    }
}
