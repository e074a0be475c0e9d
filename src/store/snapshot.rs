//! One compiled policy set under its revision. Immutable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::compile::{CompileOptions, compile};
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
    /// The files it was made from, in order of name.
    pub files: Vec<SourceFile>,
    /// What is worth knowing about the set though it loads.
    pub warnings: Vec<Diagnostic>,
}

impl Snapshot {
    /// Compiles `files`. `found` is what reading them already brought to light; an error in it fails the build, after
    /// all other faults have been collected.
    ///
    /// # Errors
    /// Every diagnostic of the whole set, sorted.
    pub fn build(
        mut files: Vec<SourceFile>,
        options: &CompileOptions,
        found: Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        files.sort_by(|a, b| a.name().cmp(b.name()));
        let revision = revision(&files);
        // A fault of ours in the compiler must not end the thread that keeps policies fresh.
        let compiled = catch_unwind(AssertUnwindSafe(|| compile(&files, options)));
        let (table, mut diagnostics) = match compiled {
            Ok(c) => (c.table, c.diagnostics),
            Err(_) => (None, vec![internal_error()]),
        };
        diagnostics.extend(found);
        Diagnostic::sort(&mut diagnostics);
        let broken = diagnostics.iter().any(|d| d.severity == Severity::Error);
        match table {
            Some(table) if !broken => Ok(Self {
                policies: table.policy_count(),
                rules: table.rule_count(),
                table,
                files,
                revision,
                loaded_at: SystemTime::now(),
                warnings: diagnostics,
            }),
            _ => Err(diagnostics),
        }
    }
}

fn internal_error() -> Diagnostic {
    let nowhere = SourceFile::new("<policies>", "");
    Diagnostic::error("TG0890", &nowhere, None, "the compiler failed on this policy set (this is a defect of toolgate)")
}

/// The revision of a set of files: the first 128 bits of a SHA-256 over names and contents, in hex. Each part is
/// preceded by its length, so that no two sets write the same bytes; the order of `files` does not matter.
#[must_use]
pub fn revision(files: &[SourceFile]) -> Box<str> {
    let mut sorted: Vec<&SourceFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.name().cmp(b.name()));
    let mut hash = Sha256::new();
    hash.update(b"toolgate policies 1");
    for file in sorted {
        for part in [file.name(), file.text()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
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
