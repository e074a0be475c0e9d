//! Decoding against the reference's recorded answers: `tests/data/yaml/*.json` holds odd files, each with the faults that
//! the reference reports for it. It stops at the first fault of parsing and at the first stage that has faults; here all
//! are reported, so its answer must be found among ours, and both must accept or both refuse.
//!
//! A case may have `ours`, what Toolgate says instead, and then has `why`.

use std::collections::BTreeSet;

use super::decode_policy;
use crate::source::{Diagnostic, SourceFile};

fn cases() -> Vec<(String, serde_json::Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/yaml");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut out = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        let group = file.file_stem().unwrap().to_string_lossy().into_owned();
        let cases: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        out.extend(cases.into_iter().map(|c| (format!("{group}: {}", c["name"].as_str().unwrap()), c)));
    }
    out
}

fn shown(d: &Diagnostic) -> String {
    let at = d.position().map_or_else(|| "-".to_owned(), |p| format!("{}:{}", p.line, p.column));
    format!("{at} {}", d.message)
}

fn recorded(fault: &serde_json::Value) -> String {
    format!("{} {}", fault["at"].as_str().unwrap_or("-"), fault["message"].as_str().unwrap())
}

/// The faults of the stage at which the reference stops.
fn compare(case: &serde_json::Value, found: &[Diagnostic]) -> Result<(), String> {
    let all: BTreeSet<String> = found.iter().map(shown).collect();
    let list = |key: &str| case[key].as_array().cloned().unwrap_or_default();
    if let Some(ours) = case["ours"].as_array() {
        let want: BTreeSet<String> = ours.iter().map(|o| o.as_str().unwrap().to_owned()).collect();
        return if want == all { Ok(()) } else { Err(format!("want {want:#?}\ngot {all:#?}")) };
    }
    let faults = list("faults");
    let want: BTreeSet<String> = faults.iter().map(recorded).collect();
    if want.is_empty() != all.is_empty() {
        return Err(format!("reference: {want:#?}\nours: {all:#?}"));
    }
    if faults.iter().any(|f| f["kind"] == "parse") {
        return if want.is_subset(&all) { Ok(()) } else { Err(format!("reference: {want:#?}\nours: {all:#?}")) };
    }
    let stage = if faults.iter().any(|f| f["kind"] == "field") { "TG02" } else { "TG03" };
    let of_stage: BTreeSet<String> =
        found.iter().filter(|d| d.code.starts_with(stage) || d.code == "TG0108").map(shown).collect();
    if want == of_stage { Ok(()) } else { Err(format!("reference: {want:#?}\nours: {all:#?}")) }
}

#[test]
fn faults_are_those_of_the_reference() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() > 400);
    for (name, case) in &cases {
        let file = SourceFile::new("a.yaml", case["text"].as_str().unwrap());
        let (policy, found) = decode_policy(&file);
        assert!(policy.is_none() || found.is_empty(), "{name}");
        if let Err(e) = compare(case, &found) {
            wrong.push(format!("== {name}\n{}\n{e}\n", case["text"].as_str().unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
