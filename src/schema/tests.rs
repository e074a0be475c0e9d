//! Schemas against what the reference was seen to answer, and what may not happen whatever a schema or a request says.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::{Library, Violation};
use crate::cel::budget::Budget;
use crate::cel::value::Value;
use crate::source::SourceFile;
use crate::wire::json;
use crate::wire::limits::Limits;

fn library(files: &[(&str, &str)]) -> Library {
    let files: Vec<SourceFile> = files.iter().map(|(n, t)| SourceFile::new(format!("_schemas/{n}"), *t)).collect();
    Library::new(&files)
}

fn validate(library: &Library, reference: &str, attributes: &Json) -> Result<Vec<Violation>, String> {
    let schema = library.schema(reference)?;
    let bump = Bump::new();
    let text = attributes.to_string();
    let Ok(Value::Map(map)) = json::value(text.as_bytes(), &bump, Limits::default()) else { panic!("{text}") };
    let budget = Budget::new(100_000);
    let violations = schema.validate(map, &budget);
    assert!(!budget.is_exhausted());
    Ok(violations)
}

/// Every case of `tests/data/schemas/observed.json`, except where `different` says what is answered instead.
#[test]
fn answers_are_the_reference_s() {
    let data: Json = serde_json::from_str(include_str!("../../tests/data/schemas/observed.json")).unwrap();
    let files: Vec<SourceFile> = data["files"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, text)| SourceFile::new(name.as_str(), text.as_str().unwrap()))
        .collect();
    let library = Library::new(&files);
    let mut wrong = Vec::new();
    for case in data["cases"].as_array().unwrap() {
        let reference = case["ref"].as_str().unwrap();
        let expected: Vec<(String, String)> = serde_json::from_value(case["errors"].clone()).unwrap();
        let got = match validate(&library, reference, &case["attr"]) {
            Ok(violations) => {
                let mut all: Vec<_> = violations.into_iter().map(|v| (v.path, v.message)).collect();
                all.sort();
                all
            }
            Err(reason) => vec![(String::new(), format!("Failed to load resource schema \"{reference}\": {reason}"))],
        };
        if got != expected {
            wrong.push(format!("{reference} {}\n", case["attr"]));
            expected.iter().filter(|e| !got.contains(e)).for_each(|e| wrong.push(format!("  - {e:?}\n")));
            got.iter().filter(|e| !expected.contains(e)).for_each(|e| wrong.push(format!("  + {e:?}\n")));
        }
    }
    expect_test::expect_file!["../../tests/data/schemas/different.txt"].assert_eq(&wrong.concat());
}

fn faults(files: &[(&str, &str)], reference: &str, attributes: &Json) -> String {
    match validate(&library(files), reference, attributes) {
        Ok(all) => all.iter().map(|v| format!("{} {}", v.path, v.message)).collect::<Vec<_>>().join("; "),
        Err(reason) => format!("! {reason}"),
    }
}

#[test]
fn patterns_are_re2_wherever_they_stand() {
    for (schema, attributes, expected) in [
        (r#"{"properties":{"a":{"pattern":"(?i)^ab\\z"}}}"#, r#"{"a":"AB"}"#, ""),
        (r#"{"properties":{"a":{"pattern":"^\\d$"}}}"#, r#"{"a":"\u0663"}"#, "/a does not match pattern '^\\\\d$'"),
        (
            r#"{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"pattern":"(?i)^ab$"}}}"#,
            r#"{"a":"AB"}"#,
            "",
        ),
        (r#"{"patternProperties":{"(?i)^x":{"type":"string"}},"additionalProperties":false}"#, r#"{"X":"1"}"#, ""),
        (
            r#"{"patternProperties":{"^\\d$":{}},"additionalProperties":false}"#,
            r#"{"\u0663":1}"#,
            "/ additionalProperties '\u{663}' not allowed",
        ),
        // Names are matched by the validator's own engine: what it reads otherwise is refused.
        (
            r#"{"patternProperties":{"^\\Qa.b\\E$":{}}}"#,
            "{}",
            r"! jsonschema cerbos:///a.json compilation failed: '^\\Qa.b\\E$' is not supported in patternProperties",
        ),
        (
            r#"{"patternProperties":{"^[[:alpha:]]$":{}}}"#,
            "{}",
            "! jsonschema cerbos:///a.json compilation failed: '^[[:alpha:]]$' is not supported in patternProperties",
        ),
        (
            r#"{"patternProperties":{"^\\s$":{}}}"#,
            "{}",
            r"! jsonschema cerbos:///a.json compilation failed: '^\\s$' is not supported in patternProperties",
        ),
    ] {
        assert_eq!(
            faults(&[("a.json", schema)], "cerbos:///a.json", &serde_json::from_str(attributes).unwrap()),
            expected,
            "{schema}"
        );
    }
}

/// A schema whose cost doubles with every level of the value ends when the budget does.
#[test]
fn a_schema_that_explodes_spends_its_budget_and_no_more() {
    let schema = r##"{"anyOf":[{"properties":{"c":{"$ref":"#"}},"required":["x"]},{"properties":{"c":{"$ref":"#"}},"required":["y"]}]}"##;
    let library = library(&[("a.json", schema)]);
    let compiled = library.schema("cerbos:///a.json").unwrap();
    let mut text = "{}".to_owned();
    for _ in 0..60 {
        text = format!("{{\"c\":{text}}}");
    }
    let bump = Bump::new();
    let Ok(Value::Map(map)) = json::value(text.as_bytes(), &bump, Limits::default()) else { panic!() };
    let budget = Budget::new(100_000);
    let _ = compiled.validate(map, &budget);
    assert!(budget.is_exhausted());
}

/// As deep as a request can be, with a schema that follows it all the way, on a small stack.
#[test]
fn depth_does_not_overflow() {
    let run = || {
        let schema = r##"{"additionalProperties":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"maxProperties":1}"##;
        let library = library(&[("a.json", schema)]);
        let depth = Limits::default().depth as usize;
        let mut attributes = Json::Null;
        for _ in 0..depth - 1 {
            attributes = serde_json::json!({ "c": attributes });
        }
        assert_eq!(validate(&library, "cerbos:///a.json", &attributes), Ok(Vec::new()));
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn hostile_schemas_are_refused_or_harmless() {
    let deep = "{\"not\":".repeat(200) + "{}" + &"}".repeat(200);
    let long: String = (0..20_000).map(|i| format!("\"d{i}\":{{\"$ref\":\"#/$defs/d{}\"}},", i + 1)).collect();
    let chain = format!("{{\"$ref\":\"#/$defs/d0\",\"$defs\":{{{long}\"d20000\":{{\"type\":\"string\"}}}}}}");
    for text in
        [&*deep, &*chain, "{\"pattern\":\"(a{1000}){1000}\"}", "{\"$ref\":\"a.json\"}", "\u{0}", "{\"$id\":\"%%\"}"]
    {
        let outcome = faults(&[("a.json", text)], "cerbos:///a.json", &serde_json::json!({}));
        assert!(outcome.starts_with('!'), "{outcome}");
    }
    let mutual = [("a.json", r#"{"allOf":[{"$ref":"b.json"}]}"#), ("b.json", r#"{"if":{"$ref":"a.json"}}"#)];
    assert!(faults(&mutual, "cerbos:///a.json", &serde_json::json!({})).contains("infinite loop"));
}
