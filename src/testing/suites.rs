//! Suites as they are run: read once with the fixtures beside them, expanded to questions as often as wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decode::decode_suite;
use super::files::{Beside, FixtureFiles, fixtures_of, lines, suites};
use super::matrix::{Expected, Lookup, Pair, expand};
use super::model::{FixtureAux, Suite, Test, TestOptions};
use super::parallel;
use super::results::SuiteResult;
use crate::source::{Diagnostic, SourceFile};

/// The suites of a set of files.
#[derive(Debug)]
pub struct Suites(Vec<Loaded>);

#[derive(Debug)]
struct Loaded {
    file: String,
    suite: Option<Suite>,
    diagnostics: Vec<Diagnostic>,
    beside: Arc<Beside>,
}

/// One request of a test, and what must come out.
pub(super) struct Question<'s> {
    /// Index of the suite.
    pub(super) suite: usize,
    pub(super) suite_name: &'s str,
    pub(super) test: &'s Test,
    pub(super) aux: Option<&'s FixtureAux>,
    pub(super) settings: &'s TestOptions,
    pub(super) pair: Pair<'s>,
}

impl<'s> Question<'s> {
    /// What must come out.
    pub(super) fn expected(&self) -> &Expected<'s> {
        &self.pair.expected
    }
}

/// A file or directory to read.
enum Part<'f> {
    Fixtures(&'f str),
    Suite(&'f SourceFile),
}

/// What was read.
enum Read<'f> {
    Fixtures(String, Beside),
    Suite(&'f SourceFile, Option<Suite>, Vec<Diagnostic>),
}

impl<'f> Part<'f> {
    fn read(&self, fixtures: &FixtureFiles<'_>) -> Read<'f> {
        match self {
            Self::Fixtures(directory) => Read::Fixtures((*directory).to_owned(), fixtures.load(directory)),
            Self::Suite(file) => {
                let (suite, diagnostics) = decode_suite(file);
                Read::Suite(file, suite, diagnostics)
            }
        }
    }
}

impl Suites {
    /// Reads every suite among `files`, whose names are paths relative to the root, with `/`.
    #[must_use]
    pub fn read(files: &[SourceFile], threads: usize) -> Self {
        let found = suites(files);
        let fixtures = FixtureFiles::new(files);
        let directories: BTreeSet<String> = found.iter().map(|file| fixtures_of(file)).collect();
        let parts: Vec<Part<'_>> =
            directories.iter().map(|d| Part::Fixtures(d)).chain(found.iter().map(|f| Part::Suite(f))).collect();
        let mut beside: BTreeMap<String, Arc<Beside>> = BTreeMap::new();
        let mut loaded = Vec::with_capacity(found.len());
        // Directories come first, so that each suite finds its own.
        for read in parallel::map(&parts, threads, None, |part| part.read(&fixtures)) {
            match read {
                Read::Fixtures(directory, fixtures) => _ = beside.insert(directory, Arc::new(fixtures)),
                Read::Suite(file, suite, diagnostics) => {
                    let beside = beside.get(&fixtures_of(file)).cloned().unwrap_or_default();
                    loaded.push(Loaded { file: file.name().to_owned(), suite, diagnostics, beside });
                }
            }
        }
        Self(loaded)
    }

    /// Number of suite files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Results without cases, and all questions in order.
    pub(super) fn expand(&self) -> (Vec<SuiteResult>, Vec<Question<'_>>) {
        let mut questions = Vec::new();
        let results = self.0.iter().enumerate().map(|(i, loaded)| loaded.expand(i, &mut questions)).collect();
        (results, questions)
    }
}

impl Loaded {
    fn expand<'s>(&'s self, index: usize, questions: &mut Vec<Question<'s>>) -> SuiteResult {
        let mut result = SuiteResult {
            file: self.file.clone(),
            name: "Unknown".to_owned(),
            diagnostics: self.diagnostics.clone(),
            ..Default::default()
        };
        let Some(suite) = &self.suite else {
            result.error = Some(format!("failed to load test suite:\n{}", lines(&self.diagnostics)));
            return result;
        };
        result.diagnostics.extend(self.beside.diagnostics.iter().cloned());
        result.name.clone_from(&suite.name);
        result.description.clone_from(&suite.description);
        let lookup = Lookup { suite: &suite.fixtures, beside: &self.beside.fixtures };
        result.error = self.beside.error.clone().or_else(|| lookup.fault());
        if result.error.is_some() {
            return result;
        }
        if suite.skip {
            result.skipped = Some(suite.skip_reason.clone());
            return result;
        }
        match expand(suite, lookup) {
            Ok(tests) => {
                for cases in tests {
                    let settings = cases.test.options.as_ref().unwrap_or(&suite.options);
                    let (test, aux, suite_name) = (cases.test, cases.aux, &*suite.name);
                    let all = cases.pairs.into_iter();
                    questions.extend(all.map(|pair| Question { suite: index, suite_name, test, aux, settings, pair }));
                }
            }
            Err(error) => result.error = Some(error),
        }
        result
    }
}
