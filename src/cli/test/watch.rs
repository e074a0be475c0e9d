//! `toolgate test --watch`: runs again whenever the content of a file changes, and shows what came out otherwise than the
//! run before. Content is compared, not times: a file that is written unchanged is no change.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use super::{Files, Test, execute};
use crate::cli::{out, print};
use crate::config::Config;
use crate::store::revision;
use crate::testing::report::{Look, Shape, text};
use crate::testing::results::{Case, Report, SuiteResult};
use crate::testing::{self, Suites};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(250);

pub(super) fn run(test: &Test, config: &Config, options: &testing::Options) -> anyhow::Result<ExitCode> {
    let mut last: Option<Report> = None;
    let mut seen: Option<[Box<str>; 2]> = None;
    loop {
        // Somebody may be in the midst of writing: what cannot be read now is read the next time.
        if let Ok(files) = Files::read(test, config) {
            let now = [revision(&files.policies), revision(files.suites())];
            if seen.as_ref() != Some(&now) {
                seen = Some(now);
                if let Some(table) = files.table(config) {
                    let suites = Suites::read(files.suites(), testing::parallel::threads());
                    let report = execute(test, config, options, &table, &suites, None);
                    let look = Look { verbose: test.verbose || last.is_some(), color: test.color.on_stdout() };
                    out(&match &last {
                        None => text(&report, Shape::Tree, look),
                        Some(last) => news(last, &report, look),
                    });
                    last = Some(report);
                } else {
                    print::err("toolgate: error: failed to compile; waiting for a change");
                }
            }
        }
        std::thread::sleep(EVERY);
    }
}

/// The cases that came out otherwise, or one line if there are none.
fn news(last: &Report, report: &Report, look: Look) -> String {
    let changed = changes(last, report);
    let tally = report.tally();
    if changed.suites.is_empty() {
        let state = if report.is_good() { "all as expected" } else { "the same tests fail as before" };
        return format!("nothing came out otherwise: {} tests, {state}", tally.total());
    }
    let state = if report.is_good() { "all as expected now" } else { "some tests fail" };
    format!("{}of {} tests; {state}", text(&changed, Shape::Tree, look), tally.total())
}

fn changes(last: &Report, report: &Report) -> Report {
    let mut known: BTreeMap<(&str, [&str; 4]), String> = BTreeMap::new();
    for suite in &last.suites {
        known.extend(suite.cases.iter().map(|c| ((&*suite.file, name(c)), outcome(c))));
    }
    let errors: BTreeMap<&str, Option<&String>> = last.suites.iter().map(|s| (&*s.file, s.error.as_ref())).collect();
    let suites = report.suites.iter().filter_map(|suite| {
        let changed = |c: &&Case| known.get(&(&*suite.file, name(c))).is_none_or(|was| *was != outcome(c));
        let cases: Vec<Case> = suite.cases.iter().filter(changed).cloned().collect();
        let broke = suite.error.is_some() && errors.get(&*suite.file) != Some(&suite.error.as_ref());
        (broke || !cases.is_empty()).then(|| SuiteResult { cases, ..suite.clone() })
    });
    Report { suites: suites.collect() }
}

fn name(case: &Case) -> [&str; 4] {
    [&case.test, &case.principal, &case.resource, &case.action]
}

fn outcome(case: &Case) -> String {
    format!("{:?}", case.details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::results::Details;

    fn report(cases: &[(&str, bool)]) -> Report {
        let case = |(action, good): &(&str, bool)| Case {
            test: "t".into(),
            principal: "p".into(),
            resource: "r".into(),
            action: (*action).into(),
            details: if *good {
                Details::Passed { allow: true, outputs: Vec::new() }
            } else {
                Details::Failed { expected: true, actual: false, outputs: Vec::new() }
            },
            trace: Vec::new(),
            why: None,
        };
        let cases = cases.iter().map(case).collect();
        Report {
            suites: vec![SuiteResult { file: "a_test.yaml".into(), name: "A".into(), cases, ..Default::default() }],
        }
    }

    #[test]
    fn only_what_changed_is_shown() {
        let before = report(&[("a", true), ("b", true), ("c", false)]);
        let after = report(&[("a", true), ("b", false), ("c", true), ("d", true)]);
        let look = Look { verbose: true, color: false };
        let text = news(&before, &after, look);
        assert!(!text.contains("a [OK]"), "{text}");
        for line in ["b [FAILED]", "c [OK]", "d [OK]", "of 4 tests; some tests fail"] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let same = news(&before, &before.clone(), look);
        assert_eq!(same, "nothing came out otherwise: 3 tests, the same tests fail as before");
    }
}
