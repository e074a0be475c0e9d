//! tests/data/cel-corpus: functions by kinds of arguments, edge values and random expressions, with the answers of the
//! reference's REPL. Values and error texts must be the same.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::super::compile;
use super::conformance::close;
use super::request::{environment, inputs};
use super::support::evaluate;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cel-corpus");

#[test]
fn the_corpus_agrees() {
    let request: Json =
        serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}/request.json")).unwrap()).unwrap();
    let bump = Bump::new();
    let roots = inputs(&bump, &request);
    let env = environment();
    let (mut cases, mut faults) = (0, Vec::new());
    for name in ["kinds", "pairs", "edges", "random"] {
        for line in std::fs::read_to_string(format!("{FOLDER}/{name}.ndjson")).unwrap().lines() {
            cases += 1;
            let case: Json = serde_json::from_str(line).unwrap();
            let expr = case["expr"].as_str().unwrap();
            let ours = compile(expr, &env).map(|checked| evaluate(&checked, &env, roots));
            let fault = match (ours, case.get("value"), case.get("error")) {
                (Ok(Ok(ours)), Some(theirs), _) => (!close(&ours, theirs)).then(|| format!("{ours} ≠ {theirs}")),
                (Ok(Err(ours)), _, Some(theirs)) => {
                    (ours != theirs.as_str().unwrap()).then(|| format!("`{ours}` ≠ `{}`", theirs.as_str().unwrap()))
                }
                (Err(_), None, None) => None,
                (ours, _, _) => Some(format!("{ours:?}, reference: {}", line.split_once(", \"").map_or("", |s| s.1))),
            };
            if let Some(fault) = fault {
                faults.push(format!("{name}: {expr}\n    {fault}"));
            }
        }
    }
    assert!(cases > 5_000);
    assert!(faults.is_empty(), "{} of {cases} cases differ:\n{}", faults.len(), faults.join("\n"));
}
