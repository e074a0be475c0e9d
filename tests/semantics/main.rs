//! Worked examples of the policy language as literate cases (`cases/*.md`): each store is served by `toolgate serve
//! --compat cerbos` and, with the feature `oracle`, by the reference, and must answer as written. New cases go into
//! `cases/`, not into code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program"
)]

mod case;
#[path = "../differential/http.rs"]
mod http;
#[path = "../differential/server.rs"]
#[allow(dead_code, reason = "shared with the differential suite")]
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use case::{Check, Step};
use server::{Flavour, Server, Side, StartError, Starting};

fn side(flavour: Flavour) -> Side {
    let (name, binary) = match flavour {
        Flavour::Toolgate => ("toolgate", PathBuf::from(env!("CARGO_BIN_EXE_toolgate"))),
        Flavour::Cerbos => {
            let path = std::env::var("TOOLGATE_ORACLE")
                .unwrap_or_else(|_| "/opt/oracle/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64".into());
            assert!(Path::new(&path).is_file(), "the reference binary `{path}` is missing: see docs/differential.md");
            ("oracle", PathBuf::from(path))
        }
    };
    Side { name, binary, flavour, strict: false, tcp: false }
}

fn cases() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/semantics/cases");
    let mut list: Vec<(String, String)> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    list.sort();
    list
}

fn write(work: &Path, step: &Step) -> PathBuf {
    let store = work.join("store");
    let _ = fs::remove_dir_all(&store);
    fs::create_dir_all(&store).unwrap();
    for (path, text) in &step.files {
        let path = store.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    store
}

/// The report of the store's test suites, or of its faults.
fn report(side: &Side, work: &Path, step: &Step) -> Json {
    let store = write(work, step);
    let suites = matches!(step.check, Check::Suites(_));
    let mut command = std::process::Command::new(&side.binary);
    match side.flavour {
        Flavour::Toolgate => command
            .arg(if suites { "test" } else { "lint" })
            .arg(store)
            .args(["--compat", "cerbos", "--output", "json"]),
        Flavour::Cerbos => command.arg("compile").arg(store).arg("--output=json").env("CERBOS_NO_TELEMETRY", "1"),
    };
    if suites {
        command.arg("--verbose");
    } else if side.flavour == Flavour::Cerbos {
        command.arg("--skip-tests");
    }
    let done = command.output().unwrap();
    if done.stdout.is_empty() && done.status.success() {
        return Json::Null;
    }
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        panic!("{}: {e}\n{}\n{}", step.place, text(&done.stdout), text(&done.stderr))
    })
}

fn start(side: &Side, work: &Path, step: &Step) -> Result<Server, StartError> {
    let store = write(work, step);
    let mut side = side.clone();
    side.strict = step.settings["engine"]["strictEvaluation"] == Json::Bool(true);
    side.spawn(work, &store, &step.settings).and_then(Starting::ready)
}

fn run(side: &Side, step: &Step, work: &Path, faults: &mut Vec<String>) {
    let place = &step.place;
    let name = if side.flavour == Flavour::Cerbos { "reference" } else { "toolgate" };
    if step.side.as_ref().is_some_and(|only| only != name) {
        return;
    }
    let found = match &step.check {
        Check::Requests(_) | Check::Refused(_) => None,
        Check::Suites(expected) => Some((expected.clone(), case::suites(&report(side, work, step)))),
        Check::Faults(expected) => {
            let (own, other) = if side.flavour == Flavour::Cerbos {
                ("reference: ", "toolgate: ")
            } else {
                ("toolgate: ", "reference: ")
            };
            let lines = expected.iter().filter(|l| !l.starts_with(other));
            let mut lines: Vec<String> = lines.map(|l| l.strip_prefix(own).unwrap_or(l).to_owned()).collect();
            lines.sort();
            let report = report(side, work, step);
            let own = if side.flavour == Flavour::Cerbos { case::their_faults } else { case::our_faults };
            Some((lines, own(&report)))
        }
    };
    if let Some((expected, got)) = found {
        if got != expected {
            faults.push(format!("{place}:\n  expected {expected:?}\n  got      {got:?}"));
        }
        return;
    }
    match (start(side, work, step), &step.check) {
        (Err(StartError::Broken(text)), _) => panic!("{place}: {text}"),
        (Err(StartError::Refused(text)), Check::Requests(_)) => faults.push(format!("{place}: refused: {text}")),
        (_, Check::Suites(_) | Check::Faults(_)) => {}
        (Ok(_), Check::Refused(_)) => faults.push(format!("{place}: accepted, but should be refused")),
        (Err(StartError::Refused(text)), Check::Refused(parts)) => {
            // The words of the reference's log and of our diagnostics differ; what they quote does not.
            for part in parts.iter().filter(|p| !text.contains(p.as_str())) {
                faults.push(format!("{place}: refused without `{part}`: {text}"));
            }
        }
        (Ok(mut server), Check::Requests(requests)) => {
            for (request, expected) in requests {
                let body = request.to_string();
                let reply = server.client.send("POST", "/api/check/resources", body.as_bytes()).unwrap();
                let json: Json = serde_json::from_slice(&reply.body).unwrap_or_default();
                let got = case::answer(&json, expected);
                if reply.status != 200 || got != *expected {
                    let text = String::from_utf8_lossy(&reply.body);
                    faults.push(format!("{place}: {body}\n  expected {expected:?}\n  got      {got:?}\n  {text}"));
                }
            }
        }
    }
}

fn all(flavour: Flavour) {
    let side = side(flavour);
    let work = tempfile::TempDir::with_prefix("tgsem-").unwrap();
    let mut faults = Vec::new();
    for (name, text) in cases() {
        for step in case::read(&name, &text) {
            run(&side, &step, work.path(), &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn toolgate_answers_as_written() {
    all(Flavour::Toolgate);
}

#[cfg(feature = "oracle")]
#[test]
fn the_reference_answers_as_written() {
    all(Flavour::Cerbos);
}

#[test]
fn every_worked_example_of_the_specification_is_a_case() {
    let names: Vec<String> = cases().into_iter().map(|(name, _)| name).collect();
    for number in 1..=30 {
        let prefix = format!("x{number:02}_");
        assert!(names.iter().any(|n| n.starts_with(&prefix)), "no case {prefix}*.md");
    }
}
