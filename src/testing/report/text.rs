//! Text for people: what failed, erred or was skipped, and how many passed. Spec §16.5.

use std::fmt::Write as _;

use super::outline::{Outline, list, tree};
use super::value::line;
use crate::testing::results::{ActualOutput, Case, Details, OutputFailure, Report, SuiteResult, Tally, Verdict, Why};

/// How lines are set off from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// With branches.
    #[default]
    Tree,
    /// By indentation.
    List,
}

/// What a text shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Passed cases as well, and traces of those that failed.
    pub verbose: bool,
    /// Results in colour.
    pub color: bool,
}

impl Look {
    /// A word in the colour of a result.
    fn paint(self, verdict: Verdict, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match verdict {
            Verdict::Skipped => 33,
            Verdict::Passed => 32,
            Verdict::Failed | Verdict::Errored => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn mark(self, verdict: Verdict) -> String {
        self.paint(verdict, &format!("[{}]", verdict.word()))
    }
}

/// The report as text.
#[must_use]
pub fn text(report: &Report, shape: Shape, look: Look) -> String {
    let suites: Vec<Outline> = report.suites.iter().filter_map(|s| suite(s, look)).collect();
    let mut out = String::from("Test results\n");
    out.push_str(&match shape {
        Shape::Tree => tree(&suites),
        Shape::List => list(&suites),
    });
    if look.verbose {
        traces(report, &mut out);
    }
    let tally = report.tally();
    let _ = writeln!(out, "\n{} tests executed{}", tally.total(), counts(tally, look));
    out
}

fn counts(tally: Tally, look: Look) -> String {
    let shown = Verdict::ALL.into_iter().filter(|v| tally.of(*v) > 0);
    let one = |v: Verdict| look.paint(v, &format!("[{} {}]", tally.of(v), v.word()));
    shown.fold(String::new(), |text, v| format!("{text} {}", one(v)))
}

fn suite(suite: &SuiteResult, look: Look) -> Option<Outline> {
    let title = format!("{} ({})", suite.name, suite.file);
    if let Some(error) = &suite.error {
        return Some(
            Outline::new(format!("{title} {}", look.mark(Verdict::Errored))).with(Outline::new(error.as_str())),
        );
    }
    let tally = suite.tally();
    if tally.total() == 0 {
        return None;
    }
    if suite.verdict() == Verdict::Skipped {
        return Some(Outline::new(format!("{title} {}", look.mark(Verdict::Skipped))));
    }
    let mut out = Outline::new(format!("{title}{}", counts(tally, look)));
    let shown: Vec<&Case> = suite.cases.iter().filter(|c| is_shown(c, look.verbose)).collect();
    for line in grouped(&shown, look, &[|c| &c.test, |c| &c.principal, |c| &c.resource]) {
        out.add(line);
    }
    Some(out)
}

/// Neighbouring cases with the same name on one level go together.
fn grouped(cases: &[&Case], look: Look, levels: &[fn(&Case) -> &str]) -> Vec<Outline> {
    let Some((name, below)) = levels.split_first() else { return cases.iter().map(|c| action(c, look)).collect() };
    let groups = cases.chunk_by(|a, b| name(a) == name(b));
    groups
        .map(|group| {
            let title = Outline::new(group.first().map_or("", |c| name(c)));
            grouped(group, look, below).into_iter().fold(title, Outline::with)
        })
        .collect()
}

fn is_shown(case: &Case, verbose: bool) -> bool {
    match case.details.verdict() {
        Verdict::Skipped => !case.details.is_filtered(),
        Verdict::Passed => verbose,
        Verdict::Failed | Verdict::Errored => true,
    }
}

fn effect(allow: bool) -> &'static str {
    if allow { "EFFECT_ALLOW" } else { "EFFECT_DENY" }
}

fn action(case: &Case, look: Look) -> Outline {
    let mut out = Outline::new(format!("{} {}", case.action, look.mark(case.details.verdict())));
    match &case.details {
        Details::Skipped { .. } => {}
        Details::Errored(error) => out.add(Outline::new(format!("ERROR: {error}"))),
        Details::Passed { allow, outputs } => {
            out.add(Outline::new(format!("RESULT: {}", effect(*allow))));
            if !outputs.is_empty() {
                let mut list = Outline::new("OUTPUTS:");
                for (src, value) in outputs {
                    let value = value.as_ref().map_or_else(|e| format!("ERROR: {e}"), line);
                    list.add(Outline::new(src.as_str()).with(Outline::new(value)));
                }
                out.add(list);
            }
        }
        Details::Failed { outputs, .. } if !outputs.is_empty() => {
            let mut list = Outline::new("OUTCOME: output expectation unsatisfied");
            for failure in outputs {
                list.add(output(failure));
            }
            out.add(list);
        }
        Details::Failed { expected, actual, .. } => {
            let (expected, actual) = (effect(*expected), effect(*actual));
            out.add(Outline::new(format!("OUTCOME: expected: {expected}, actual: {actual}")));
        }
    }
    if let Some(why) = &case.why {
        out.add(decided(why));
    }
    out
}

/// The policy and the rule that decided, and where it stands.
fn decided(why: &Why) -> Outline {
    let mut out = Outline::new(format!("DECIDED BY: {}", why.policy));
    let rule = if why.rule.is_empty() { String::new() } else { format!("{} ({}): ", why.rule, why.place) };
    out.add(Outline::new(format!("{rule}{}", why.text)));
    out
}

fn output(failure: &OutputFailure) -> Outline {
    let actual = match &failure.actual {
        ActualOutput::Missing => "MISSING".to_owned(),
        ActualOutput::Error(error) => format!("ERROR: {error}"),
        ActualOutput::Value(value) => line(value),
    };
    Outline::new(failure.src.as_str())
        .with(Outline::new(format!("EXPECTED: {}", line(&failure.expected))))
        .with(Outline::new(format!("ACTUAL: {actual}")))
}

fn traces(report: &Report, out: &mut String) {
    let all = report.suites.iter().flat_map(|s| s.cases.iter().map(move |c| (s, c)));
    let traced: Vec<_> = all.filter(|(_, c)| !c.trace.is_empty()).collect();
    if traced.is_empty() {
        return;
    }
    out.push_str("\n\nTRACES\n");
    for (suite, case) in traced {
        let _ = writeln!(out, "{} - {}.{}.{}", suite.name, case.principal, case.resource, case.action);
        for line in &case.trace {
            let _ = writeln!(out, "  {line}");
        }
    }
}
