//! JSON for machines, in the shape of the reference's `compile --test-output=json`.

use serde_json::{Map, Value, json};

use super::value;
use crate::testing::results::{ActualOutput, Case, Details, Report, SuiteResult, Tally, Verdict};

/// The report as indented JSON.
#[must_use]
pub fn json(report: &Report) -> String {
    let mut out = Map::new();
    if !report.suites.is_empty() {
        out.insert("suites".into(), report.suites.iter().map(suite).collect::<Vec<_>>().into());
    }
    out.insert("summary".into(), summary(report.verdict(), report.tally()));
    format!("{:#}\n", Value::Object(out))
}

fn summary(verdict: Option<Verdict>, tally: Tally) -> Value {
    let mut out = Map::new();
    if let Some(verdict) = verdict {
        out.insert("overallResult".into(), verdict.name().into());
    }
    if tally.total() > 0 {
        out.insert("testsCount".into(), tally.total().into());
        let counts = Verdict::ALL.into_iter().filter(|v| tally.of(*v) > 0);
        let counts: Vec<Value> = counts.map(|v| json!({"result": v.name(), "count": tally.of(v)})).collect();
        out.insert("resultCounts".into(), counts.into());
    }
    Value::Object(out)
}

fn suite(suite: &SuiteResult) -> Value {
    let mut out = Map::new();
    out.insert("file".into(), suite.file.as_str().into());
    out.insert("name".into(), suite.name.as_str().into());
    out.insert("summary".into(), summary(Some(suite.verdict()), suite.tally()));
    if !suite.cases.is_empty() {
        let tests = grouped(
            &suite.cases,
            &[("testCases", |c| &c.test), ("principals", |c| &c.principal), ("resources", |c| &c.resource)],
        );
        out.insert("testCases".into(), tests);
    }
    for (key, text) in [("error", suite.error.as_ref()), ("skipReason", suite.skipped.as_ref())] {
        if let Some(text) = text.filter(|t| !t.is_empty()) {
            out.insert(key.into(), text.as_str().into());
        }
    }
    if !suite.description.is_empty() {
        out.insert("description".into(), suite.description.as_str().into());
    }
    Value::Object(out)
}

type Level = (&'static str, fn(&Case) -> &str);

/// Neighbouring cases with the same name on one level go together.
fn grouped(cases: &[Case], levels: &[Level]) -> Value {
    let Some(((_, name), below)) = levels.split_first() else {
        return cases.iter().map(action).collect::<Vec<_>>().into();
    };
    let key = below.first().map_or("actions", |(key, _)| *key);
    let groups = cases.chunk_by(|a, b| name(a) == name(b));
    let groups: Vec<Value> = groups
        .map(|group| json!({"name": group.first().map_or("", |c| name(c)), key: grouped(group, below)}))
        .collect();
    groups.into()
}

fn effect(allow: bool) -> &'static str {
    if allow { "EFFECT_ALLOW" } else { "EFFECT_DENY" }
}

fn action(case: &Case) -> Value {
    let mut details = Map::new();
    details.insert("result".into(), case.details.verdict().name().into());
    match &case.details {
        Details::Skipped { reason, .. } => {
            details.insert("skipReason".into(), reason.as_str().into());
        }
        Details::Errored(error) => {
            details.insert("error".into(), error.as_str().into());
        }
        Details::Passed { allow, outputs } => {
            let mut success = Map::new();
            success.insert("effect".into(), effect(*allow).into());
            let outputs: Vec<Value> = outputs
                .iter()
                .map(|(src, value)| match value {
                    Ok(v) => json!({"src": src, "val": value::json(v), "action": case.action}),
                    Err(e) => json!({"src": src, "action": case.action, "error": e}),
                })
                .collect();
            if !outputs.is_empty() {
                success.insert("outputs".into(), outputs.into());
            }
            details.insert("success".into(), success.into());
        }
        Details::Failed { expected, actual, outputs } => {
            let mut failure = Map::new();
            failure.insert("expected".into(), effect(*expected).into());
            failure.insert("actual".into(), effect(*actual).into());
            let outputs: Vec<Value> = outputs
                .iter()
                .map(|o| {
                    let expected = value::json(&o.expected);
                    match &o.actual {
                        ActualOutput::Missing => json!({"src": o.src, "missing": {"expected": expected}}),
                        ActualOutput::Value(v) => {
                            json!({"src": o.src, "mismatched": {"expected": expected, "actual": value::json(v)}})
                        }
                        ActualOutput::Error(e) => json!({"src": o.src, "errored": {"expected": expected, "error": e}}),
                    }
                })
                .collect();
            if !outputs.is_empty() {
                failure.insert("outputs".into(), outputs.into());
            }
            details.insert("failure".into(), failure.into());
        }
    }
    if !case.trace.is_empty() {
        details.insert("trace".into(), case.trace.clone().into());
    }
    json!({"name": case.action, "details": details})
}
