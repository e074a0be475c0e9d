//! Batch mode over the conformance cases and over lines that are none.

use serde_json::{Value as Json, json};

use super::super::data::Data;
use super::run;
use crate::cel::budget::DEFAULT_STEPS;

fn ask(lines: &[Json]) -> Vec<Json> {
    let lines: Vec<String> = lines.iter().map(Json::to_string).collect();
    ask_text(lines.join("\n").as_bytes())
}

fn ask_text(text: &[u8]) -> Vec<Json> {
    let mut out = Vec::new();
    run(text, &mut out, &Data::default(), DEFAULT_STEPS).unwrap();
    String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn answers_keep_kinds() {
    let cases = [
        ("1 + 1", json!({"value": {"int": "2"}})),
        ("2u", json!({"value": {"uint": "2"}})),
        ("-0.0", json!({"value": {"double": "-0.0"}})),
        ("double('NaN')", json!({"value": {"double": "NaN"}})),
        ("b'\\xff'", json!({"value": {"bytes": "/w=="}})),
        ("[null, 'é']", json!({"value": {"list": [{"null": null}, {"string": "é"}]}})),
        ("{1: true}", json!({"value": {"map": [[{"int": "1"}, {"bool": true}]]}})),
        ("type(1)", json!({"value": {"type": "int"}})),
        ("timestamp(-1)", json!({"value": {"timestamp": {"seconds": "-1", "nanos": 0}}})),
        ("duration('-1.5s')", json!({"value": {"duration": {"seconds": "-1", "nanos": -500_000_000}}})),
        ("optional.of(1)", json!({"value": {"optional": {"int": "1"}}})),
        ("1 +", json!("parse")),
        ("1 + 'a'", json!("check")),
        ("duration('x')", json!("check")),
        ("1 / 0", json!({"error": {"phase": "eval", "message": "division by zero"}})),
    ];
    let lines: Vec<Json> = cases.iter().map(|(expr, _)| json!({ "expr": expr })).collect();
    for ((expr, expected), answer) in cases.iter().zip(ask(&lines)) {
        match expected {
            Json::String(phase) => assert_eq!(answer["error"]["phase"], *phase, "{expr}"),
            _ => assert_eq!(answer, *expected, "{expr}"),
        }
    }
}

#[test]
fn every_line_gets_an_answer() {
    let long = format!("{{\"expr\": \"{}\"}}", "x".repeat(5 << 20));
    let text = format!(
        "nonsense\n[1]\n\n{{}}\n{{\"expr\": 1}}\n{long}\n{{\"expr\": \"1\", \"bindings\": {{\"x\": 1}}}}\n{{\"expr\":\"1\"}}"
    );
    let answers = ask_text(text.as_bytes());
    assert_eq!(answers.len(), 7);
    assert!(answers.iter().take(6).all(|a| a["error"]["phase"] == "parse"));
    assert_eq!(answers[6], json!({"value": {"int": "1"}}));
}

#[test]
fn bindings_and_container() {
    let line = json!({"expr": "x + y.z", "container": "a.b", "bindings": {
        "a.x": {"int": "1"}, "y": {"map": [[{"string": "z"}, {"int": "2"}]]}, "x": {"int": "9"}}});
    assert_eq!(ask(&[line]), [json!({"value": {"int": "3"}})]);
}

/// The cases that the reference has answered: the phase of its errors, and the text of errors at run time.
#[test]
fn errors_come_from_the_phase_the_reference_names() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cel");
    let (mut cases, mut faults) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    for file in files {
        let suite: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for case in &suite {
            let Some(reference) = case["cerbos"].as_str() else { continue };
            cases += 1;
            let answer = ask(std::slice::from_ref(case)).remove(0);
            let phase = answer["error"]["phase"].as_str();
            let message = answer["error"]["message"].as_str().unwrap_or("");
            let agrees = match reference.strip_prefix("Error: Failed to process input\n ") {
                Some(text) => phase == Some("eval") && message == text,
                None if reference.starts_with("ERROR:") => matches!(phase, Some("parse" | "check")),
                None => phase.is_none(),
            };
            if !agrees {
                faults.push(format!("{}: {answer}, reference: {reference}", case["expr"]));
            }
        }
    }
    assert!(cases > 900);
    assert!(faults.is_empty(), "{} of {cases} differ:\n{}", faults.len(), faults.join("\n"));
}
