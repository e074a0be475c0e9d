//! tests/data/cel: every case must agree with what the reference answered.

use serde_json::Value as Json;

use super::super::value::{Constant, Value};
use super::super::{Env, Root, RootType, compile, parse, resolve};
use super::support::{decode, evaluate, repl, same, with_value};

fn environment(case: &Json) -> (Env, Vec<Constant>) {
    let mut roots = Vec::new();
    let mut values = Vec::new();
    if let Some(bindings) = case.get("bindings").and_then(Json::as_object) {
        for (index, (name, value)) in bindings.iter().enumerate() {
            roots.push(Root { name: name.clone(), ty: RootType::Dyn, index });
            values.push(decode(value));
        }
    }
    let mut env = Env::new(roots);
    env.container = case.get("container").and_then(Json::as_str).unwrap_or("").to_owned();
    (env, values)
}

/// Cases we do not follow, by expression.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("'tacocat'.indexOf('')", "the recorded answer belongs to a comparison with 0; the reference gives 0, as we do"),
    ("x.getMilliseconds()", "the reference counts the whole duration; the case has no answer of the reference"),
    ("cel.iterVar", "a macro of the optimizer's tests that the reference does not have"),
    ("cel.block", "a macro of the optimizer's tests that the reference does not have"),
];

fn is_exception(case: &Json) -> bool {
    let expr = case["expr"].as_str().unwrap();
    EXCEPTIONS.iter().any(|(name, _)| expr == *name || (name.starts_with("cel.") && expr.contains(name)))
}

/// What is wrong with our answer; `None` if nothing.
fn fault(case: &Json) -> Option<String> {
    let expr = case["expr"].as_str().unwrap();
    let (env, constants) = environment(case);
    let roots: Vec<Value<'_>> = constants.iter().map(Constant::view).collect();
    let unchecked = case["disable_check"] == true && case.get("cerbos").is_none();
    let checked = if unchecked { parse(expr).map(|ast| resolve(ast, &env)) } else { compile(expr, &env) };
    if let Some(reference) = case.get("cerbos").and_then(Json::as_str) {
        let ours = match &checked {
            Err(_) => return (!reference.starts_with("ERROR:")).then(|| format!("refused, reference: {reference}")),
            Ok(checked) => evaluate(checked, &env, &roots),
        };
        if reference.starts_with("ERROR:") {
            return Some(format!("accepted ({ours:?}), reference: {reference}"));
        }
        if let Some(text) = reference.strip_prefix("Error: Failed to process input\n ") {
            return (ours != Err(text.to_owned())).then(|| format!("{ours:?}, reference fails: {text}"));
        }
        let printed = reference.strip_prefix("_ = ").unwrap();
        let ours = match ours {
            Ok(ours) => ours,
            Err(e) => return Some(format!("fails: {e}, reference: {printed}")),
        };
        // `<...>` is what the REPL prints of what it can't print
        let Ok(theirs) = serde_json::from_str::<Json>(printed) else { return None };
        return (ours.to_string() != theirs.to_string() && !close(&ours, &theirs))
            .then(|| format!("{ours}, reference: {theirs}"));
    }
    let expect = &case["expect"];
    if case["check_only"] == true {
        return None;
    }
    let checked = match checked {
        Ok(checked) => checked,
        Err(e) => return expect.get("error").is_none().then(|| format!("refused: {e:?}")),
    };
    with_value(&checked, &env, &roots, |ours| match (ours, expect.get("value")) {
        (Ok(v), Some(expected)) => {
            let expected = decode(expected);
            (!same(v, expected.view())).then(|| format!("{}, expected {}", repl(v), repl(expected.view())))
        }
        (Ok(v), None) if expect.is_null() => (!matches!(v, Value::Bool(true))).then(|| repl(v).to_string()),
        (Ok(v), None) => Some(format!("{}, expected an error", repl(v))),
        (Err(e), Some(_)) => Some(format!("fails: {e}")),
        (Err(_), None) => None,
    })
}

/// Equal but for how a double was printed.
pub fn close(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => match (x.as_f64(), y.as_f64()) {
            // the JSON reader of the tests is not exact in the last digit
            (Some(x), Some(y)) => x == y || (x - y).abs() <= x.abs() * 1e-15,
            _ => false,
        },
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| close(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| close(v, w)))
        }
        _ => a == b,
    }
}

#[test]
fn the_suites_agree() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cel");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    let (mut cases, mut faults) = (0, Vec::new());
    for file in files {
        let suite: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for case in suite {
            cases += 1;
            if is_exception(&case) {
                continue;
            }
            if let Some(fault) = fault(&case) {
                let suite = file.file_stem().unwrap().to_string_lossy().into_owned();
                faults.push(format!("{suite}: {}\n    {fault}", case["expr"]));
            }
        }
    }
    assert!(cases > 1_000);
    assert!(faults.is_empty(), "{} of {cases} cases differ:\n{}", faults.len(), faults.join("\n"));
}
