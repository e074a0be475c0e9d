//! What came out: cases with their results, tallies, and the equality of values that expectations are compared by.

use crate::cel::value::Constant;
use crate::source::Diagnostic;

/// The results of all suites, sorted by file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By suite.
    pub suites: Vec<SuiteResult>,
}

/// The results of one suite.
#[derive(Clone, Debug, Default)]
pub struct SuiteResult {
    /// File name relative to the root.
    pub file: String,
    /// Suite name; `Unknown` if the file could not be read.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Why the suite could not be run at all.
    pub error: Option<String>,
    /// Skipped as a whole (`skip: true`), with the reason given, perhaps empty.
    pub skipped: Option<String>,
    /// Cases in order of test, principal, resource, action.
    pub cases: Vec<Case>,
    /// Faults of the suite file and of the fixtures beside it.
    pub diagnostics: Vec<Diagnostic>,
}

/// One action of one principal on one resource in one test.
#[derive(Clone, Debug)]
pub struct Case {
    /// Test name.
    pub test: String,
    /// The principal's name in the fixtures.
    pub principal: String,
    /// The resource's name in the fixtures.
    pub resource: String,
    /// The action.
    pub action: String,
    /// What came out.
    pub details: Details,
    /// What was considered, a line each, if asked for.
    pub trace: Vec<String>,
    /// What decided a case that failed, if the decider says so.
    pub why: Option<Why>,
}

/// What decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// Matched policy, or `NO_MATCH`.
    pub policy: String,
    /// The rule, if one decided or came nearest.
    pub rule: String,
    /// `file:line` of that rule.
    pub place: String,
    /// In a few words.
    pub text: String,
}

/// What came out of a case.
#[derive(Clone, Debug)]
pub enum Details {
    /// Not run.
    Skipped {
        /// The reason given, perhaps empty.
        reason: String,
        /// Left out by the filter: shown in machine-readable reports alone, and not counted.
        filtered: bool,
    },
    /// As expected.
    Passed {
        /// True for allow.
        allow: bool,
        /// Outputs that came out: source and value, or error text.
        outputs: Vec<(String, Result<Constant, String>)>,
    },
    /// Not as expected.
    Failed {
        /// Expected effect, true for allow.
        expected: bool,
        /// Actual effect.
        actual: bool,
        /// Outputs that are not as expected; only if the effect is.
        outputs: Vec<OutputFailure>,
    },
    /// Could not be decided.
    Errored(String),
}

/// An output that is not as expected.
#[derive(Clone, Debug)]
pub struct OutputFailure {
    /// Source.
    pub src: String,
    /// Expected value.
    pub expected: Constant,
    /// What came out.
    pub actual: ActualOutput,
}

/// What came out instead of an expected output.
#[derive(Clone, Debug)]
pub enum ActualOutput {
    /// Nothing.
    Missing,
    /// Another value.
    Value(Constant),
    /// An error.
    Error(String),
}

/// The result of a case, a suite or a run, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Not run.
    Skipped,
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// Could not be run.
    Errored,
}

impl Verdict {
    /// All, from best to worst.
    pub const ALL: [Self; 4] = [Self::Skipped, Self::Passed, Self::Failed, Self::Errored];

    /// The reference's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Skipped => "RESULT_SKIPPED",
            Self::Passed => "RESULT_PASSED",
            Self::Failed => "RESULT_FAILED",
            Self::Errored => "RESULT_ERRORED",
        }
    }

    /// The short word of text reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Skipped => "SKIPPED",
            Self::Passed => "OK",
            Self::Failed => "FAILED",
            Self::Errored => "ERROR",
        }
    }
}

impl Details {
    /// The result.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Skipped { .. } => Verdict::Skipped,
            Self::Passed { .. } => Verdict::Passed,
            Self::Failed { .. } => Verdict::Failed,
            Self::Errored(_) => Verdict::Errored,
        }
    }

    /// True if the case was left out by the filter.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        matches!(self, Self::Skipped { filtered: true, .. })
    }
}

/// How many cases had which result. Cases that the filter left out do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([usize; 4]);

impl Tally {
    /// How many had this result.
    #[must_use]
    pub fn of(self, verdict: Verdict) -> usize {
        let [skipped, passed, failed, errored] = self.0;
        match verdict {
            Verdict::Skipped => skipped,
            Verdict::Passed => passed,
            Verdict::Failed => failed,
            Verdict::Errored => errored,
        }
    }

    /// How many there were.
    #[must_use]
    pub fn total(self) -> usize {
        self.0.iter().sum()
    }

    fn add(&mut self, other: Self) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            *mine += more;
        }
    }

    fn count(&mut self, verdict: Verdict) {
        if let Some(slot) = self.0.get_mut(verdict as usize) {
            *slot += 1;
        }
    }
}

impl SuiteResult {
    /// Its cases by result.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for case in self.cases.iter().filter(|c| !c.details.is_filtered()) {
            tally.count(case.details.verdict());
        }
        tally
    }

    /// The worst of its cases.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.error.is_some() {
            return Verdict::Errored;
        }
        self.cases.iter().map(|c| c.details.verdict()).max().unwrap_or(Verdict::Skipped)
    }
}

impl Report {
    /// All cases by result.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for suite in &self.suites {
            tally.add(suite.tally());
        }
        tally
    }

    /// The worst of its suites; `None` if there are none.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.suites.iter().map(SuiteResult::verdict).max()
    }

    /// True if nothing failed or erred.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdict().is_none_or(|v| v <= Verdict::Passed)
    }
}

/// True if two values are the same as `google.protobuf.Value`s: all numbers are doubles.
#[must_use]
pub fn equal(a: &Constant, b: &Constant) -> bool {
    match (a, b) {
        (Constant::Null, Constant::Null) => true,
        (Constant::Bool(a), Constant::Bool(b)) => a == b,
        (Constant::String(a), Constant::String(b)) => a == b,
        (Constant::List(a), Constant::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        // Entries are in a stable order: sorted by key.
        (Constant::Map(a), Constant::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((ka, va), (kb, vb))| equal(ka, kb) && equal(va, vb))
        }
        (Constant::Bytes(a), Constant::Bytes(b)) => a == b,
        (a, b) => matches!((number(a), number(b)), (Some(a), Some(b)) if a == b || (a.is_nan() && b.is_nan())),
    }
}

/// The value as a double, if it is a number.
#[must_use]
pub fn number(value: &Constant) -> Option<f64> {
    match value {
        Constant::Double(d) => Some(*d),
        Constant::Int(i) => Some(*i as f64),
        Constant::Uint(u) => Some(*u as f64),
        _ => None,
    }
}
