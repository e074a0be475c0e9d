//! Against the reference's recorded results: `tests/data/suites/errors.json` holds odd suites and fixtures with what it
//! says of them, `reports.json` whole runs with its reports in every format. Both are of the policy
//! `tests/data/suites/doc.yaml`: decided by the engine, and by decisions written out below, so that this room is tested
//! by itself as well.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{FixtureAux, FixturePrincipal, FixtureResource, TestOptions};
use super::report::{Look, Shape, json, junit, text};
use super::results::{Report, SuiteResult};
use super::runner::NO_NOW;
use super::{Decider, EngineDecider, Options, Outcome, Output, run};
use crate::cel::value::{Constant, Timestamp};
use crate::compile::{CompileOptions, compile};
use crate::engine::RuleTable;
use crate::schema::Enforcement;
use crate::source::SourceFile;

/// `doc.yaml`, by hand.
struct Doc;

impl Decider for Doc {
    fn decide(
        &self,
        principal: &FixturePrincipal,
        resource: &FixtureResource,
        actions: &[&str],
        _: Option<&FixtureAux>,
        options: &TestOptions,
    ) -> Result<Outcome, String> {
        let has = |role: &str| principal.roles.iter().any(|r| r == role);
        let Constant::Map(attr) = &resource.attr else { panic!() };
        let is = |c: &Constant, want: &str| matches!(c, Constant::String(s) if **s == *want);
        let open = attr.iter().any(|(k, v)| is(k, "open") && matches!(v, Constant::Bool(true)));
        let mut outcome = Outcome::default();
        for action in actions {
            let mut output = |rule: &str, value| {
                let src = format!("resource.doc.vdefault#{rule}");
                outcome.outputs.push(Output { action: (*action).to_owned(), src, value });
            };
            let allow = match *action {
                "view" => has("user") || has("admin"),
                "edit" if has("admin") && open => {
                    let list = Constant::List([Constant::Double(1.0), Constant::Double(2.0)].into());
                    let who = Constant::String(principal.id.as_str().into());
                    let entries = [("who", who), ("n", Constant::Double(1.0)), ("l", list)];
                    output("rule-002", Ok(Constant::string_map(entries.map(|(k, v)| (k.to_owned(), v)))));
                    true
                }
                "edit" if has("admin") => {
                    output("rule-002", Ok(Constant::String("no".into())));
                    false
                }
                "boom" if has("user") => {
                    output("rule-003", Err("no such key: nope".to_owned()));
                    true
                }
                "timed" if has("user") => {
                    options.now.ok_or(NO_NOW)? > Timestamp { seconds: 1_577_836_800, ..Default::default() }
                }
                _ => false,
            };
            outcome.effects.push(((*action).to_owned(), allow));
        }
        Ok(outcome)
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/data/suites/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn recorded(name: &str) -> Vec<Value> {
    serde_json::from_str(&read(name)).unwrap()
}

fn texts(files: &Value) -> impl Iterator<Item = (String, String)> {
    files.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
}

/// The policy, compiled in the reference's semantics.
fn table() -> RuleTable {
    let options = CompileOptions { cerbos_compat: true, ..CompileOptions::default() };
    let compiled = compile(&[SourceFile::new("doc.yaml", read("doc.yaml"))], &options);
    compiled.table.unwrap()
}

fn execute(decider: &dyn Decider, files: BTreeMap<String, String>, args: &[&str]) -> Report {
    let files: Vec<SourceFile> = files.into_iter().map(|(n, t)| SourceFile::new(n, t)).collect();
    let mut options = Options::default();
    for arg in args {
        match arg.split_once('=') {
            Some(("--test-filter", filter)) => options.filter.add(filter).unwrap(),
            _ => options.skip_batching |= *arg == "--skip-batching",
        }
    }
    run(&files, decider, &options)
}

/// What the reference says must be said; more may be, as it stops at the first fault of a file.
fn same_error(want: Option<&str>, got: Option<&str>) -> bool {
    // What is wrong with a timestamp is said in other words.
    let start = |l: &str| match l.split_once("invalid timestamp value") {
        Some((before, _)) => format!("{before}invalid timestamp value"),
        None => l.to_owned(),
    };
    let lines = |s: &str| s.lines().map(start).collect::<Vec<_>>();
    match (want.map(lines), got.map(lines)) {
        (Some(want), Some(got)) => want.iter().all(|l| got.contains(l)) && (want.len() > 1 || want == got),
        (want, got) => want == got,
    }
}

fn compare_suites(case: &Value, suites: &[SuiteResult]) -> Result<(), String> {
    let want = case["suites"].as_array().cloned().unwrap_or_default();
    let report = Report { suites: suites.to_vec() };
    let ours: Value = serde_json::from_str(&json(&report)).unwrap();
    let ours = ours["suites"].as_array().cloned().unwrap_or_default();
    let same = want.len() == ours.len()
        && want.iter().zip(&ours).all(|(w, o)| {
            w["file"] == o["file"]
                && w["name"] == o["name"]
                && w["summary"] == o["summary"]
                && w["skipReason"] == o["skipReason"]
                && same_error(w["error"].as_str(), o["error"].as_str())
        });
    let shown = |suites: &[Value]| -> Vec<String> {
        suites
            .iter()
            .map(|s| {
                format!("{} {} {}\n{}", s["name"], s["summary"], s["skipReason"], s["error"].as_str().unwrap_or(""))
            })
            .collect()
    };
    if same { Ok(()) } else { Err(format!("reference: {:#?}\nours: {:#?}", shown(&want), shown(&ours))) }
}

#[test]
fn odd_suites_end_as_in_the_reference() {
    let mut wrong = Vec::new();
    let cases = recorded("errors.json");
    for case in &cases {
        let mut files: BTreeMap<String, String> =
            ["principals", "resources"].map(|n| format!("testdata/{n}.yaml")).map(|n| (n.clone(), read(&n))).into();
        for gone in case["without"].as_array().into_iter().flatten() {
            files.remove(gone.as_str().unwrap());
        }
        files.extend(texts(&case["files"]));
        let report = execute(&Doc, files, &[]);
        if let Err(e) = compare_suites(case, &report.suites) {
            wrong.push(format!("== {}\n{}\n{e}\n", case["name"].as_str().unwrap(), case["files"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn reports_are_those_of_the_reference() {
    compare_reports(&Doc);
}

#[test]
fn reports_are_those_of_the_reference_with_the_engine() {
    let table = table();
    compare_reports(&EngineDecider {
        table: &table,
        cerbos_compat: true,
        schemas: Enforcement::default(),
        trace: false,
        why: false,
        observer: None,
    });
}

fn compare_reports(decider: &dyn Decider) {
    let mut wrong = Vec::new();
    for case in recorded("reports.json") {
        let args: Vec<&str> = case["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
        let report = execute(decider, texts(&case["files"]).collect(), &args);
        let verbose = args.contains(&"--verbose");
        let mut check = |face: &str, got: String, want: String| {
            if got != want {
                wrong.push(format!("== {} {face}\n{want}\n-- ours:\n{got}", case["name"]));
            }
        };
        check("exit", report.is_good().to_string(), (case["exit"] == 0).to_string());
        for (face, got) in [
            ("tree", text(&report, Shape::Tree, Look { verbose, color: false })),
            ("list", text(&report, Shape::List, Look { verbose, color: false })),
            ("junit", junit(&report)),
        ] {
            check(face, got.trim_end().to_owned(), case[face].as_str().unwrap().trim_end().to_owned());
        }
        if !case["json"].is_null() {
            let ours: Value = serde_json::from_str(&json(&report)).unwrap();
            check("json", format!("{ours:#}"), format!("{:#}", case["json"]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn errors_of_several_lines_stay_under_their_suite() {
    let report = execute(&Doc, [("a_test.yaml".to_owned(), "name: A\ntests: 1\nx: 1\n".to_owned())].into(), &[]);
    let want = "Test results\n\
                └─┬Unknown (a_test.yaml) [ERROR]\n  \
                └──failed to load test suite:\n     \
                2:8 expected sequence got Integer\n     \
                3:1 unknown field \"x\"\n\n\
                0 tests executed\n";
    assert_eq!(text(&report, Shape::Tree, Look::default()), want);
    assert_eq!(report.suites[0].diagnostics.len(), 2);
}
