//! Differential test of the test runner: generated policies and suites through `cerbos compile` and `toolgate test`, whose
//! exit codes and JSON must agree in every result. Only the two executables are used.
//!
//! `SEED` is the first seed (1), `RUNS` the number of sets (12). `TIME=1` times both on one large set instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a test program: it reports to a terminal and may stop at its own faults"
)]

mod generate;
#[expect(dead_code, reason = "the other suite uses the rest")]
#[path = "../differential/rng.rs"]
mod rng;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

const ORACLE: &str = "/opt/oracle/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64";

fn main() -> ExitCode {
    if std::env::args().any(|a| a == "--list") {
        println!("suites: test");
        return ExitCode::SUCCESS;
    }
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |v| v.parse().expect(name));
    if number("TIME", 0) > 0 {
        time(number("SEED", 1));
        return ExitCode::SUCCESS;
    }
    let (seed, runs) = (number("SEED", 1), number("RUNS", 12));
    let (mut cases, mut differ) = (0, 0);
    let mut counts: Map<String, Value> = Map::new();
    for seed in seed..seed + runs {
        let dir = tempfile::tempdir().unwrap();
        generate::write(dir.path(), seed, 6, 8).unwrap();
        let (theirs, ours) = (reference(dir.path()), toolgate(dir.path()));
        let (a, b) = (json(&theirs), json(&ours));
        cases += a["summary"]["testsCount"].as_u64().unwrap_or_default();
        for count in a["summary"]["resultCounts"].as_array().into_iter().flatten() {
            let slot = counts.entry(count["result"].as_str().unwrap_or("?")).or_insert(0.into());
            *slot = (slot.as_u64().unwrap_or_default() + count["count"].as_u64().unwrap_or_default()).into();
        }
        let mut found = Vec::new();
        if theirs.status.code() != ours.status.code() {
            found.push(format!("exit code: {:?}, ours {:?}", theirs.status.code(), ours.status.code()));
        }
        compare("", &a, &b, &mut found);
        if !found.is_empty() {
            differ += 1;
            println!("seed {seed}:\n  {}", found[..found.len().min(10)].join("\n  "));
        }
    }
    let counts = Value::Object(counts);
    println!("{runs} sets, {cases} cases {counts}: {differ} sets differ");
    let meaningful = ["RESULT_PASSED", "RESULT_FAILED", "RESULT_ERRORED"].iter().all(|r| counts[r].as_u64() > Some(0));
    if !meaningful {
        println!("the generator made no cases of some result: {counts}");
    }
    if differ == 0 && meaningful { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn oracle() -> PathBuf {
    let path = std::env::var_os("TOOLGATE_ORACLE").map_or_else(|| ORACLE.into(), PathBuf::from);
    assert!(path.exists(), "no reference binary at {}: see docs/differential.md", path.display());
    path
}

fn reference(dir: &Path) -> Output {
    Command::new(oracle()).args(["compile", "--output=json", "."]).current_dir(dir).output().unwrap()
}

fn toolgate(dir: &Path) -> Output {
    let binary = std::env::var_os("TOOLGATE_BIN").map_or_else(|| env!("CARGO_BIN_EXE_toolgate").into(), PathBuf::from);
    Command::new(binary)
        .args(["test", ".", "--output", "json", "--compat", "cerbos"])
        .current_dir(dir)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{e}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

/// Differences, with their place. Outputs have no order of their own.
fn compare(at: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
            for name in names {
                let null = Value::Null;
                compare(&format!("{at}/{name}"), a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if at.ends_with("/outputs") || at.ends_with("/resultCounts") => {
            let sorted = |list: &[Value]| {
                let mut all: Vec<String> = list.iter().map(Value::to_string).collect();
                all.sort();
                all
            };
            if sorted(a) != sorted(b) {
                found.push(format!("{at}: {theirs}\n    ours {ours}"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let name = a.get("name").or(a.get("file")).and_then(Value::as_str).map_or(i.to_string(), str::to_owned);
                compare(&format!("{at}/{name}"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        // Of several resources without such a principal the reference names one, and another one in the next run.
        (Value::String(a), Value::String(b)) if !a.is_empty() && before_resource(a) == before_resource(b) => {}
        (a, b) => found.push(format!("{at}: {a}\n    ours {b}")),
    }
}

fn before_resource(text: &str) -> &str {
    match text.split_once("\" and resource \"") {
        Some((before, _)) if text.ends_with("is not present in input") => before,
        _ => text,
    }
}

/// Both on one set of some 10,000 cases, in turn, three times.
fn time(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    generate::write(dir.path(), seed, 300, 8).unwrap();
    let timed = |run: &dyn Fn(&Path) -> Output| -> (Duration, Value) {
        let start = Instant::now();
        let output = run(dir.path());
        (start.elapsed(), json(&output))
    };
    for _ in 0..3 {
        let ((theirs, a), (ours, b)) = (timed(&reference), timed(&toolgate));
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        println!(
            "{} and {} cases: cerbos compile {theirs:.2?}, toolgate test {ours:.2?}: {ratio:.1} times",
            a["summary"]["testsCount"], b["summary"]["testsCount"]
        );
    }
}
