//! What `toolgate test --coverage` prints and writes.

use std::path::Path;

use anyhow::Context;

use super::{Format, Test};
use crate::cli::{out, print};
use crate::config::Config;
use crate::testing::coverage::{Coverage, Shares, html_index, html_page, html_page_name, json, lcov, text};

/// Prints the summary and writes the files; false if less is covered than is asked for.
pub(super) fn report(test: &Test, config: &Config, coverage: &Coverage) -> anyhow::Result<bool> {
    let summary = text(coverage);
    match test.output {
        Format::Tree | Format::List => out(summary.trim_end()),
        Format::Json | Format::Junit => print::err(summary.trim_end()),
    }
    if let Some(directory) = &test.coverage_dir {
        write(directory, &config.storage.directory, coverage)
            .with_context(|| format!("cannot write the coverage reports to `{}`", directory.display()))?;
    }
    let Some(wanted) = test.min_coverage else { return Ok(true) };
    let total = Shares::total(coverage);
    for (what, share) in [("rules", total.rules), ("branches", total.branches), ("derived roles", total.derived_roles)]
    {
        if share.percent() < wanted {
            print::err(&format!("coverage of {what} is {:.1} %, less than {wanted} %", share.percent()));
        }
    }
    Ok(total.least() >= wanted)
}

fn write(directory: &Path, policies: &Path, coverage: &Coverage) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("index.html"), html_index(coverage))?;
    for file in coverage.files() {
        std::fs::write(directory.join(html_page_name(file.plan().file.name())), html_page(file))?;
    }
    std::fs::write(directory.join("lcov.info"), lcov(coverage, &policies.to_string_lossy()))?;
    std::fs::write(directory.join("coverage.json"), json(coverage))
}
