//! One compiled policy set under its revision. Immutable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::compile::{CompileOptions, Compiled, Digest, Input, Kept};
use crate::engine::RuleTable;
use crate::source::{Diagnostic, Severity, SourceFile};

/// A compiled policy set.
#[derive(Debug)]
pub struct Snapshot {
    /// What decisions are made from.
    pub table: RuleTable,
    /// Content hash of the files it was made from, see [`revision`].
    pub revision: Box<str>,
    /// Policies that take part in decisions.
    pub policies: usize,
    /// Rules in them.
    pub rules: usize,
    /// When it was built.
    pub loaded_at: SystemTime,
    /// The files it was made from, in order of name; empty unless the store was told to keep the sources.
    pub files: Vec<SourceFile>,
    /// What is worth knowing about the set though it loads.
    pub warnings: Vec<Diagnostic>,
}

impl Snapshot {
    /// Compiles `files`. `found` is what reading them already brought to light; an error in it fails the build, after
    /// all other faults have been collected. The texts are kept.
    ///
    /// # Errors
    /// Every diagnostic of the whole set, sorted.
    pub fn build(
        files: Vec<SourceFile>,
        options: &CompileOptions,
        found: Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let input = |f: SourceFile| Input { name: f.name().into(), digest: digest(f.text()), text: Some(f) };
        let inputs: Vec<Input> = files.into_iter().map(input).collect();
        let made = Self::make(&inputs, options, found, &Kept::default(), true, &mut |_| None);
        made.unwrap_or_else(|| Err(vec![internal_error()])).map(|(snapshot, _)| snapshot)
    }

    /// Compiles a set of files, taking over from `kept` what did not change: the snapshot, and what to keep of it.
    /// Nothing, if `read` could not give a text.
    pub(super) fn make(
        inputs: &[Input],
        options: &CompileOptions,
        found: Vec<Diagnostic>,
        kept: &Kept,
        with_sources: bool,
        read: &mut dyn FnMut(&[usize]) -> Option<Vec<SourceFile>>,
    ) -> Option<Result<(Self, Kept), Vec<Diagnostic>>> {
        let revision = revision_of(inputs);
        // A fault of ours in the compiler must not end the thread that keeps policies fresh.
        let compiled = match catch_unwind(AssertUnwindSafe(|| kept.compile(inputs, options, read))) {
            Ok(None) => return None,
            Ok(Some(compiled)) => compiled,
            Err(_) => (Compiled { table: None, diagnostics: vec![internal_error()] }, Kept::default()),
        };
        let (Compiled { table, mut diagnostics }, kept) = compiled;
        diagnostics.extend(found);
        Diagnostic::sort(&mut diagnostics);
        let broken = diagnostics.iter().any(|d| d.severity == Severity::Error);
        Some(match table {
            Some(table) if !broken => {
                let texts = if with_sources { inputs } else { &[] };
                let mut files: Vec<SourceFile> = texts.iter().filter_map(|input| input.text.clone()).collect();
                files.sort_by(|a, b| a.name().cmp(b.name()));
                let snapshot = Self {
                    policies: table.policy_count(),
                    rules: table.rule_count(),
                    table,
                    files,
                    revision,
                    loaded_at: SystemTime::now(),
                    warnings: diagnostics,
                };
                Ok((snapshot, kept))
            }
            _ => Err(diagnostics),
        })
    }
}

fn internal_error() -> Diagnostic {
    let nowhere = SourceFile::new("<policies>", "");
    Diagnostic::error("TG0890", &nowhere, None, "the compiler failed on this policy set (this is a defect of toolgate)")
}

/// The SHA-256 of a text.
pub(super) fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// The revision of a set of files, see `revision_of`.
#[must_use]
pub fn revision(files: &[SourceFile]) -> Box<str> {
    let input = |f: &SourceFile| Input { name: f.name().into(), digest: digest(f.text()), text: None };
    revision_of(&files.iter().map(input).collect::<Vec<_>>())
}

/// The revision of a set of files: the first 128 bits of a SHA-256 over names and the SHA-256 of contents, in hex. Names
/// are preceded by their length, so that no two sets write the same bytes; the order of `inputs` does not matter.
pub(super) fn revision_of(inputs: &[Input]) -> Box<str> {
    let mut sorted: Vec<&Input> = inputs.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Sha256::new();
    hash.update(b"toolgate policies 2");
    for input in sorted {
        hash.update((input.name.len() as u64).to_be_bytes());
        hash.update(input.name.as_bytes());
        hash.update(input.digest);
    }
    hash.finalize()
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut hex, byte| {
            for nibble in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(nibble), 16));
            }
            hex
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revision_depends_on_names_and_contents_not_on_order() {
        let a = SourceFile::new("a.yaml", "x: 1");
        let b = SourceFile::new("b.yaml", "y: 2");
        let base = revision(&[a.clone(), b.clone()]);
        assert_eq!(base.len(), 32);
        assert_eq!(base, revision(&[b.clone(), a.clone()]));
        let others = [
            vec![],
            vec![a.clone()],
            vec![a.clone(), SourceFile::new("b.yaml", "y: 3")],
            vec![a.clone(), SourceFile::new("c.yaml", "y: 2")],
            // The same bytes, cut elsewhere.
            vec![SourceFile::new("a.yam", "lx: 1"), b],
        ];
        for other in others {
            assert_ne!(base, revision(&other), "{other:?}");
        }
    }
}
