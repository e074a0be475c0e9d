//! Runs the cases: asks the decider, compares effect and outputs, keeps the results. Spec §16.3.

use super::decode::decode_suite;
use super::files::{FixtureFiles, lines, suites};
use super::filter::Filter;
use super::matrix::{Cases, Expected, Lookup, Pair, expand};
use super::model::{FixtureAux, FixturePrincipal, FixtureResource, Suite, TestOptions};
use super::results::{ActualOutput, Case, Details, OutputFailure, Report, SuiteResult, equal};
use crate::cel::value::Constant;
use crate::source::SourceFile;

/// Whoever makes decisions: the engine, or a server.
pub trait Decider {
    /// Decides all actions of a request.
    ///
    /// # Errors
    /// Words for why no decision could be made: every action of the request is then an error.
    fn decide(
        &self,
        principal: &FixturePrincipal,
        resource: &FixtureResource,
        actions: &[&str],
        aux: Option<&FixtureAux>,
        options: &TestOptions,
    ) -> Result<Outcome, String>;
}

/// What a decider says.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// True for allow, by action; an action that is missing was denied.
    pub effects: Vec<(String, bool)>,
    /// Outputs in evaluation order.
    pub outputs: Vec<Output>,
    /// What was considered, a line each, if the decider keeps a trace.
    pub trace: Vec<String>,
}

/// One output of one rule for one action.
#[derive(Clone, Debug)]
pub struct Output {
    /// The action.
    pub action: String,
    /// `<policy key>#<rule name>`
    pub src: String,
    /// The value with all numbers as doubles, or the text of the error.
    pub value: Result<Constant, String>,
}

/// The words for `now()` without `options.now`.
pub const NO_NOW: &str = "a policy used a time-based condition, but `now` was not provided in the test options";

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which cases.
    pub filter: Filter,
    /// Ask for each action by itself.
    pub skip_batching: bool,
    /// Strict evaluation in all tests, also those that do not ask for it.
    pub strict_evaluation: bool,
}

/// Runs every suite among `files`, whose names are paths relative to the root, with `/`.
#[must_use]
pub fn run(files: &[SourceFile], decider: &dyn Decider, options: &Options) -> Report {
    let mut fixtures = FixtureFiles::new(files);
    let suites = suites(files).into_iter().map(|file| {
        let (suite, mut diagnostics) = decode_suite(file);
        let mut result = SuiteResult { file: file.name().to_owned(), name: "Unknown".to_owned(), ..Default::default() };
        match suite {
            None => result.error = Some(format!("failed to load test suite:\n{}", lines(&diagnostics))),
            Some(suite) => {
                let beside = fixtures.beside(file);
                diagnostics.extend(beside.diagnostics.iter().cloned());
                result.name.clone_from(&suite.name);
                result.description.clone_from(&suite.description);
                let lookup = Lookup { suite: &suite.fixtures, beside: &beside.fixtures };
                result.error = beside.error.clone().or_else(|| lookup.fault(&suite));
                if result.error.is_none() {
                    run_suite(&suite, lookup, decider, options, &mut result);
                }
            }
        }
        result.diagnostics = diagnostics;
        result
    });
    Report { suites: suites.collect() }
}

fn run_suite(suite: &Suite, lookup: Lookup<'_>, decider: &dyn Decider, options: &Options, result: &mut SuiteResult) {
    if suite.skip {
        result.skipped = Some(suite.skip_reason.clone());
        return;
    }
    match expand(suite, lookup) {
        Ok(tests) => {
            for cases in &tests {
                run_test(suite, cases, decider, options, &mut result.cases);
            }
        }
        Err(error) => result.error = Some(error),
    }
}

fn run_test(suite: &Suite, cases: &Cases<'_>, decider: &dyn Decider, options: &Options, out: &mut Vec<Case>) {
    let mut settings = cases.test.options.as_ref().unwrap_or(&suite.options).clone();
    settings.strict_evaluation |= options.strict_evaluation;
    let actions = &cases.test.input.actions;
    for pair in &cases.pairs {
        let whole = left_out(&suite.name, cases, pair, &options.filter);
        let skipped = |action: &str| {
            let own = || options.filter.excludes_action(action).map(|reason| (reason, true));
            whole.or_else(own).map(|(reason, filtered)| Details::Skipped { reason: reason.to_owned(), filtered })
        };
        let asked: Vec<&str> = actions.iter().map(String::as_str).filter(|a| skipped(a).is_none()).collect();
        let size = if options.skip_batching { 1 } else { asked.len().max(1) };
        let mut answers = asked.chunks(size).flat_map(|actions| {
            let outcome = decider.decide(pair.principal, pair.resource, actions, cases.aux, &settings);
            judge(actions, &outcome, &pair.expected)
        });
        for action in actions {
            let (details, trace) = match skipped(action) {
                Some(details) => (details, Vec::new()),
                None => {
                    answers.next().unwrap_or_else(|| (Details::Errored("no decision was made".to_owned()), Vec::new()))
                }
            };
            out.push(Case {
                test: cases.test.name.clone(),
                principal: pair.principal_name.to_owned(),
                resource: pair.resource_name.to_owned(),
                action: action.clone(),
                details,
                trace,
            });
        }
    }
}

/// Why a pair is not asked about at all, and whether the filter is the reason.
fn left_out<'s>(suite: &str, cases: &Cases<'s>, pair: &Pair<'_>, filter: &Filter) -> Option<(&'s str, bool)> {
    let test = cases.test;
    let filtered = filter.excludes(suite, &test.name, pair.principal_name, pair.resource_name).or_else(|| {
        let reasons: Option<Vec<&str>> = test.input.actions.iter().map(|a| filter.excludes_action(a)).collect();
        reasons.and_then(|r| r.first().copied())
    });
    filtered.map(|reason| (reason, true)).or_else(|| test.skip.then_some((&*test.skip_reason, false)))
}

fn judge(actions: &[&str], outcome: &Result<Outcome, String>, expected: &Expected<'_>) -> Vec<(Details, Vec<String>)> {
    match outcome {
        Err(error) => actions.iter().map(|_| (Details::Errored(error.clone()), Vec::new())).collect(),
        Ok(outcome) => actions
            .iter()
            .map(|action| {
                let details = compare(action, outcome, expected);
                let keep = matches!(details, Details::Failed { .. } | Details::Errored(_));
                (details, if keep { outcome.trace.clone() } else { Vec::new() })
            })
            .collect(),
    }
}

fn compare(action: &str, outcome: &Outcome, expected: &Expected<'_>) -> Details {
    let want = expected.effects.get(action).copied().unwrap_or(false);
    let allow = outcome.effects.iter().any(|(a, allow)| a == action && *allow);
    if want != allow {
        return Details::Failed { expected: want, actual: allow, outputs: Vec::new() };
    }
    let mut failures = Vec::new();
    for (src, value) in expected.outputs.get(action).into_iter().flatten() {
        // Of several outputs from one source the last counts.
        let actual = match outcome.outputs.iter().rfind(|o| o.action == action && o.src == *src).map(|o| &o.value) {
            None => ActualOutput::Missing,
            Some(Err(error)) => ActualOutput::Error(error.clone()),
            Some(Ok(v)) if equal(v, value) => continue,
            Some(Ok(v)) => ActualOutput::Value(v.clone()),
        };
        failures.push(OutputFailure { src: (*src).to_owned(), expected: (*value).clone(), actual });
    }
    if !failures.is_empty() {
        return Details::Failed { expected: want, actual: allow, outputs: failures };
    }
    let outputs = outcome.outputs.iter().filter(|o| o.action == action);
    Details::Passed { allow, outputs: outputs.map(|o| (o.src.clone(), o.value.clone())).collect() }
}
