//! JSON for machines, in the shape of the reference's `compile --test-output=json`. Written as it is read: no tree of
//! values stands between the report and the text.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, Serializer};

use super::value::Json;
use crate::testing::results::{ActualOutput, Case, Details, OutputFailure, Report, SuiteResult, Tally, Verdict};

/// The report as indented JSON.
#[must_use]
pub fn json(report: &Report) -> String {
    let whole =
        Whole { suites: report.suites.iter().map(suite).collect(), summary: summary(report.verdict(), report.tally()) };
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_else(|e| e.to_string());
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Whole<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suites: Vec<Suite<'r>>,
    summary: Summary,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    overall_result: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tests_count: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    result_counts: Vec<Count>,
}

#[derive(Serialize)]
struct Count {
    result: &'static str,
    count: usize,
}

fn summary(verdict: Option<Verdict>, tally: Tally) -> Summary {
    let counts = Verdict::ALL.into_iter().map(|v| Count { result: v.name(), count: tally.of(v) });
    Summary {
        overall_result: verdict.map(Verdict::name),
        tests_count: Some(tally.total()).filter(|n| *n > 0),
        result_counts: counts.filter(|c| c.count > 0).collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Suite<'r> {
    file: &'r str,
    name: &'r str,
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_cases: Option<Groups<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_reason: Option<&'r str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'r str,
}

fn suite(suite: &SuiteResult) -> Suite<'_> {
    Suite {
        file: &suite.file,
        name: &suite.name,
        summary: summary(Some(suite.verdict()), suite.tally()),
        test_cases: (!suite.cases.is_empty()).then_some(Groups { cases: &suite.cases, levels: LEVELS }),
        error: suite.error.as_deref().filter(|t| !t.is_empty()),
        skip_reason: suite.skipped.as_deref().filter(|t| !t.is_empty()),
        description: &suite.description,
    }
}

/// What cases are grouped by, and the key of what lies below.
type Level = (fn(&Case) -> &str, &'static str);

const LEVELS: &[Level] = &[(|c| &c.test, "principals"), (|c| &c.principal, "resources"), (|c| &c.resource, "actions")];

/// Neighbouring cases with the same name on one level go together.
#[derive(Clone, Copy)]
struct Groups<'r> {
    cases: &'r [Case],
    levels: &'static [Level],
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(((name, below), levels)) = self.levels.split_first() else {
            return to.collect_seq(self.cases.iter().map(Action));
        };
        let groups = self.cases.chunk_by(|a, b| name(a) == name(b));
        to.collect_seq(groups.map(|cases| Group {
            name: cases.first().map_or("", |c| name(c)),
            key: below,
            below: Groups { cases, levels },
        }))
    }
}

struct Group<'r> {
    name: &'r str,
    key: &'static str,
    below: Groups<'r>,
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Group", 2)?;
        out.serialize_field("name", self.name)?;
        out.serialize_field(self.key, &self.below)?;
        out.end()
    }
}

struct Action<'r>(&'r Case);

impl Serialize for Action<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_struct("Action", 2)?;
        out.serialize_field("name", &self.0.action)?;
        out.serialize_field("details", &Shown(self.0))?;
        out.end()
    }
}

/// What came out of a case.
struct Shown<'r>(&'r Case);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(case) = self;
        let mut out = to.serialize_map(None)?;
        out.serialize_entry("result", case.details.verdict().name())?;
        match &case.details {
            Details::Skipped { reason, .. } => out.serialize_entry("skipReason", reason)?,
            Details::Errored(error) => out.serialize_entry("error", error)?,
            Details::Passed { allow, outputs } => {
                let entries = outputs.iter().map(|(src, value)| Output {
                    src,
                    val: value.as_ref().ok().map(Json),
                    action: &case.action,
                    error: value.as_ref().err().map(String::as_str),
                });
                out.serialize_entry("success", &Success { effect: effect(*allow), outputs: entries.collect() })?;
            }
            Details::Failed { expected, actual, outputs } => {
                let outputs = outputs.iter().map(failed).collect();
                let failure = Failure { expected: effect(*expected), actual: effect(*actual), outputs };
                out.serialize_entry("failure", &failure)?;
            }
        }
        if !case.trace.is_empty() {
            out.serialize_entry("trace", &case.trace)?;
        }
        out.end()
    }
}

fn effect(allow: bool) -> &'static str {
    if allow { "EFFECT_ALLOW" } else { "EFFECT_DENY" }
}

#[derive(Serialize)]
struct Success<'r> {
    effect: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<Output<'r>>,
}

#[derive(Serialize)]
struct Output<'r> {
    src: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    val: Option<Json<'r>>,
    action: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'r str>,
}

#[derive(Serialize)]
struct Failure<'r> {
    expected: &'static str,
    actual: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<FailedOutput<'r>>,
}

#[derive(Serialize)]
struct FailedOutput<'r> {
    src: &'r str,
    #[serde(flatten)]
    what: What<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum What<'r> {
    Missing { expected: Json<'r> },
    Mismatched { expected: Json<'r>, actual: Json<'r> },
    Errored { expected: Json<'r>, error: &'r str },
}

fn failed(output: &OutputFailure) -> FailedOutput<'_> {
    let expected = Json(&output.expected);
    let what = match &output.actual {
        ActualOutput::Missing => What::Missing { expected },
        ActualOutput::Value(v) => What::Mismatched { expected, actual: Json(v) },
        ActualOutput::Error(error) => What::Errored { expected, error },
    };
    FailedOutput { src: &output.src, what }
}
