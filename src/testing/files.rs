//! Which files are suites, and which fixture files belong to them: those in `testdata` beside the suite. Reads no files.

use std::collections::BTreeMap;

use super::decode::{FixtureKind, decode_fixtures};
use super::model::Fixtures;
use crate::policy::files::is_suite_name;
use crate::source::{Diagnostic, SourceFile};

/// The fixtures beside a suite, or why there are none.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    pub(super) fixtures: Fixtures,
    /// The reference's words for what is wrong, if something is.
    pub(super) error: Option<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The suites among `files`, sorted by name. Hidden directories count, `testdata` directories do not.
pub(super) fn suites(files: &[SourceFile]) -> Vec<&SourceFile> {
    let mut all: Vec<&SourceFile> = files
        .iter()
        .filter(|f| {
            let (directory, name) = f.name().rsplit_once('/').unwrap_or(("", f.name()));
            is_suite_name(name) && !directory.split('/').any(|d| d == "testdata")
        })
        .collect();
    all.sort_by(|a, b| a.name().cmp(b.name()));
    all
}

/// Fixture files by the directory they lie in.
pub(super) struct FixtureFiles<'f>(BTreeMap<&'f str, Vec<&'f SourceFile>>);

impl<'f> FixtureFiles<'f> {
    pub(super) fn new(files: &'f [SourceFile]) -> Self {
        let mut by_directory: BTreeMap<&str, Vec<&SourceFile>> = BTreeMap::new();
        for file in files {
            if let Some((directory, _)) = file.name().rsplit_once('/')
                && (directory == "testdata" || directory.ends_with("/testdata"))
            {
                by_directory.entry(directory).or_default().push(file);
            }
        }
        for files in by_directory.values_mut() {
            files.sort_by(|a, b| a.name().cmp(b.name()));
        }
        Self(by_directory)
    }

    /// The fixtures of a directory.
    pub(super) fn load(&self, directory: &str) -> Beside {
        load(directory, self.0.get(directory).map_or(&[][..], Vec::as_slice))
    }
}

/// The directory with the fixtures of a suite file.
pub(super) fn fixtures_of(suite: &SourceFile) -> String {
    match suite.name().rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/testdata"),
        None => "testdata".to_owned(),
    }
}

fn load(directory: &str, files: &[&SourceFile]) -> Beside {
    let mut out = Beside::default();
    for (kind, names, what) in [
        (FixtureKind::Principals, &["principals"][..], "principals"),
        (FixtureKind::Resources, &["resources"], "resources"),
        (FixtureKind::Aux, &["auxdata", "auxData", "aux_data"], "aux data"),
    ] {
        let Some(file) = files.iter().find(|f| names.contains(&stem(f))) else { continue };
        let (found, diagnostics) = decode_fixtures(file, kind);
        if let Some(f) = found {
            let faults = missing_members(&f);
            merge(&mut out.fixtures, f);
            if let (Some(fault), None) = (faults, &out.error) {
                out.error =
                    Some(format!("failed to load test fixtures from {directory}: failed to load {what}: {fault}"));
            }
        } else if out.error.is_none() {
            let lines = lines(&diagnostics);
            out.error = Some(format!("failed to load test fixtures from {directory}: failed to load {what}:\n{lines}"));
        }
        out.diagnostics.extend(diagnostics);
    }
    out
}

/// File name without its extension, if that is one of ours.
fn stem(file: &SourceFile) -> &str {
    let name = file.name().rsplit('/').next().unwrap_or("");
    match name.rsplit_once('.') {
        Some((stem, e)) if matches!(e.to_ascii_lowercase().as_str(), "yaml" | "yml" | "json") => stem,
        _ => "",
    }
}

fn merge(into: &mut Fixtures, from: Fixtures) {
    into.principals.extend(from.principals);
    into.principal_groups.extend(from.principal_groups);
    into.resources.extend(from.resources);
    into.resource_groups.extend(from.resource_groups);
    into.aux.extend(from.aux);
}

/// Groups of a fixture file may only name members of the same file.
fn missing_members(f: &Fixtures) -> Option<String> {
    let principals = missing(&f.principal_groups, |m| f.principals.contains_key(m));
    principals.or_else(|| missing(&f.resource_groups, |m| f.resources.contains_key(m)))
}

/// The first member of a group that there is no fixture for, in the reference's words.
pub(super) fn missing(groups: &BTreeMap<String, Vec<String>>, known: impl Fn(&str) -> bool) -> Option<String> {
    groups.iter().find_map(|(group, members)| {
        let member = members.iter().find(|m| !known(m))?;
        Some(format!("missing fixture \"{member}\" referenced in group \"{group}\""))
    })
}

/// Diagnostics as lines `L:C message`, those without a place last.
pub(super) fn lines(diagnostics: &[Diagnostic]) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| d.span.is_none());
    let line = |d: &Diagnostic| match d.position() {
        Some(p) => format!("{}:{} {}", p.line, p.column, d.message),
        None => d.message.clone(),
    };
    sorted.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
