//! Runs the cases: asks the decider, compares effect and outputs, keeps the results. Spec §16.3.

use regex::Regex;

use super::filter::Filter;
use super::matrix::Expected;
use super::model::{FixtureAux, FixturePrincipal, FixtureResource, TestOptions};
use super::parallel::{self, Progress};
use super::results::{ActualOutput, Case, Details, OutputFailure, Report, Verdict, Why, equal};
use super::suites::{Question, Suites};
use crate::cel::value::Constant;
use crate::source::SourceFile;

/// Whoever makes decisions: the engine, or a server.
pub trait Decider: Sync {
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
    /// What decided, by action, if the decider says so.
    pub why: Vec<(String, Why)>,
    /// The first expression that failed, with its error, even if that did not matter.
    pub failure: Option<String>,
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
    /// Only tests whose `<suite>/<test>` matches; the others are skipped, and counted as such.
    pub run: Option<Regex>,
    /// A request on the way of which an expression fails is an error, whatever is decided.
    pub no_failures: bool,
    /// Threads to use; 0 for as many as there are cores.
    pub threads: usize,
}

impl Options {
    pub(super) fn threads(&self) -> usize {
        if self.threads == 0 { parallel::threads() } else { self.threads }
    }
}

/// Runs every suite among `files`, whose names are paths relative to the root, with `/`.
#[must_use]
pub fn run(files: &[SourceFile], decider: &dyn Decider, options: &Options) -> Report {
    run_suites(&Suites::read(files, options.threads()), decider, options, None)
}

/// Runs suites that have been read, on several threads. The report does not depend on how many.
#[must_use]
pub fn run_suites(suites: &Suites, decider: &dyn Decider, options: &Options, progress: Option<Progress<'_>>) -> Report {
    let (mut results, questions) = suites.expand();
    // some at a time: one is too little work to hand over
    let some: Vec<&[Question<'_>]> = questions.chunks(16).collect();
    let answers = parallel::map(&some, options.threads(), progress, |some| {
        some.iter().map(|question| (question.suite, ask(question, decider, options))).collect::<Vec<_>>()
    });
    for (suite, cases) in answers.into_iter().flatten() {
        if let Some(result) = results.get_mut(suite) {
            result.cases.extend(cases);
        }
    }
    Report { suites: results }
}

/// All actions of one request.
pub(super) fn ask(question: &Question<'_>, decider: &dyn Decider, options: &Options) -> Vec<Case> {
    let mut settings = question.settings.clone();
    settings.strict_evaluation |= options.strict_evaluation;
    let (pair, actions) = (&question.pair, &question.test.input.actions);
    let whole = left_out(question, options);
    let skipped = |action: &str| {
        let own = || options.filter.excludes_action(action).map(|reason| (reason, true));
        whole.or_else(own).map(|(reason, filtered)| Details::Skipped { reason: reason.to_owned(), filtered })
    };
    let asked: Vec<&str> = actions.iter().map(String::as_str).filter(|a| skipped(a).is_none()).collect();
    let size = if options.skip_batching { 1 } else { asked.len().max(1) };
    let mut answers = asked.chunks(size).flat_map(|actions| {
        let mut outcome = decider.decide(pair.principal, pair.resource, actions, question.aux, &settings);
        if let (true, Ok(Outcome { failure: Some(failure), .. })) = (options.no_failures, &mut outcome) {
            outcome = Err(std::mem::take(failure));
        }
        judge(actions, &outcome, question.expected())
    });
    let case = |action: &String| {
        let answer = match skipped(action) {
            Some(details) => Answer { details, ..Answer::none() },
            None => answers.next().unwrap_or_else(Answer::none),
        };
        Case {
            test: question.test.name.clone(),
            principal: pair.principal_name.to_owned(),
            resource: pair.resource_name.to_owned(),
            action: action.clone(),
            details: answer.details,
            trace: answer.trace,
            why: answer.why,
        }
    };
    actions.iter().map(case).collect()
}

/// Why a request is not made at all, and whether a filter of globs is the reason: such cases do not count.
fn left_out<'s>(question: &Question<'s>, options: &Options) -> Option<(&'s str, bool)> {
    let (test, pair, filter) = (question.test, &question.pair, &options.filter);
    let named = options.run.as_ref().is_none_or(|run| run.is_match(&format!("{}/{}", question.suite_name, test.name)));
    let filtered =
        filter.excludes(question.suite_name, &test.name, pair.principal_name, pair.resource_name).or_else(|| {
            let reasons: Option<Vec<&str>> = test.input.actions.iter().map(|a| filter.excludes_action(a)).collect();
            reasons.and_then(|r| r.first().copied())
        });
    filtered
        .map(|reason| (reason, true))
        .or_else(|| (!named).then_some(("Test name did not match the provided pattern", false)))
        .or_else(|| test.skip.then_some((&*test.skip_reason, false)))
}

/// What came of one action.
struct Answer {
    details: Details,
    trace: Vec<String>,
    why: Option<Why>,
}

impl Answer {
    fn none() -> Self {
        Self { details: Details::Errored("no decision was made".to_owned()), trace: Vec::new(), why: None }
    }
}

fn judge(actions: &[&str], outcome: &Result<Outcome, String>, expected: &Expected<'_>) -> Vec<Answer> {
    let one = |action: &&str| match outcome {
        Err(error) => Answer { details: Details::Errored(error.clone()), ..Answer::none() },
        Ok(outcome) => {
            let details = compare(action, outcome, expected);
            let bad = details.verdict() > Verdict::Passed;
            let why = outcome.why.iter().find(|(a, _)| bad && a == action).map(|(_, why)| why.clone());
            Answer { details, trace: if bad { outcome.trace.clone() } else { Vec::new() }, why }
        }
    };
    actions.iter().map(one).collect()
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
