//! tests/data/cel-corpus/check.ndjson: what the reference refuses is refused with its words, at its places.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::tests::environment::policy_environment;
use super::compile;
use crate::source::SourceFile;

/// Syntax errors after the first are guesses about what was meant; the reference's and ours may differ.
fn first_syntax_error(messages: &str) -> Option<&str> {
    messages.starts_with("Syntax error").then(|| {
        messages.split(", Syntax error").next().unwrap_or(messages).trim_end_matches(", unsupported ident kind")
    })
}

/// Messages without numbers of type variables, each once: where the reference writes a part of an expression twice (in
/// `optMap`), it reports its faults twice.
fn messages(text: &str) -> BTreeSet<String> {
    const STARTS: [&str; 7] =
        ["found no", "undeclared", "expected ty", "expression of", "type '", "undefined", "unexp"];
    let mut out = BTreeSet::new();
    let mut current = String::new();
    for part in text.split(", ") {
        if STARTS.iter().any(|s| part.starts_with(s)) && !current.is_empty() {
            out.insert(std::mem::take(&mut current));
        }
        current.push_str(part);
        current.push_str(", ");
    }
    out.insert(current);
    out.iter().map(|m| without_numbers(m)).collect()
}

fn without_numbers(message: &str) -> String {
    let mut out = String::new();
    for (i, part) in message.split("_var").enumerate() {
        if i > 0 {
            out.push_str("_var");
        }
        out.push_str(if i > 0 { part.trim_start_matches(|c: char| c.is_ascii_digit()) } else { part });
    }
    out
}

/// What is wrong with our answer.
fn fault(line: &Json) -> Option<String> {
    let expr = line["expr"].as_str().unwrap();
    let ours = compile(expr, &policy_environment());
    let (errors, refused) = match (&ours, line["refused"].as_str()) {
        (Ok(_), None) => return None,
        (Ok(_), Some(theirs)) => return Some(format!("accepted; the reference: {theirs}")),
        (Err(errors), None) => return Some(format!("refused: {errors:?}")),
        (Err(errors), Some(refused)) => (errors, refused),
    };
    let text = errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join(", ");
    let same = match first_syntax_error(refused) {
        // `missing ')' at ']'` and `mismatched input ']' expecting ')'` say the same
        Some(first) => {
            text.starts_with(first)
                || (first.contains(": missing ')'") && text.contains("expecting ')'"))
                || first.ends_with("at input '-'")
        }
        None => messages(&text) == messages(refused),
    };
    if !same {
        return Some(format!("{text}\n      reference: {refused}"));
    }
    if first_syntax_error(refused).is_some() {
        return None;
    }
    let theirs: BTreeSet<u64> = line["columns"].as_array()?.iter().filter_map(Json::as_u64).collect();
    let file = SourceFile::new("expr", expr);
    let ours: BTreeSet<u64> = errors.iter().map(|e| u64::from(file.position(e.position).column)).collect();
    (ours != theirs).then(|| format!("at {ours:?}; the reference: {theirs:?}"))
}

#[test]
fn the_corpus_agrees() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cel-corpus/check.ndjson");
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Json> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.len() > 8_000);
    let faults: Vec<String> =
        lines.iter().filter_map(|l| fault(l).map(|f| format!("{}\n    {f}", l["expr"].as_str().unwrap()))).collect();
    assert!(faults.is_empty(), "{} of {} differ:\n{}", faults.len(), lines.len(), faults.join("\n"));
}

#[test]
fn advice_follows_the_text() {
    let cases = [
        ("P.attr.x.startWith('a')", "did you mean `startsWith`?"),
        ("startsWith('ab', 'a')", "write it as `x.startsWith(…)`"),
        ("'a'.int()", "write it as `int(…)`"),
        ("R.kin == 'a'", "did you mean `kind`?"),
        ("reqest.principal.id == 'a'", "did you mean `request`?"),
        ("'a'.charAt('b')", "it takes `string.charAt(int)`"),
        ("[1].hasIntersection(['a'])", "it takes `list(A).hasIntersection(list(A))`"),
        ("'a'.matches('(')", "missing closing"),
    ];
    for (source, advice) in cases {
        let errors = compile(source, &policy_environment()).expect_err(source);
        let help = errors.iter().find_map(|e| e.help.clone()).unwrap_or_default();
        assert!(help.contains(advice), "{source}: {help}");
    }
}
