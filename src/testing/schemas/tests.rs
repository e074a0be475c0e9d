//! Schemas against the decoders, and against the files that are shipped.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{file, fixtures, policy, suite};
use crate::policy::value::constant;
use crate::source::SourceFile;
use crate::wire::encode::value_json;
use crate::yaml::{self, Decoder};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn parsed(name: &str, text: &str) -> Value {
    let source = SourceFile::new(name, text);
    let (node, faults) = yaml::parse(&source, yaml::LIMITS);
    assert!(faults.is_empty(), "{name}: {faults:#?}");
    let mut d = Decoder::new(&source);
    let value = constant(&mut d, &node.unwrap());
    serde_json::from_slice(&value_json(value.view()).unwrap()).unwrap()
}

fn faults(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn what_is_kept_is_what_is_made() {
    for (name, schema) in [("policy", policy()), ("test", suite()), ("fixtures", fixtures())] {
        let path = root().join(format!("docs/schemas/{name}.schema.json"));
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == file(&schema), "run `toolgate schema {name} > docs/schemas/{name}.schema.json`");
    }
}

#[test]
fn shipped_files_are_valid() {
    let mut seen = 0;
    for (directory, schema) in
        [("policies", policy()), ("policy-tests", suite()), ("policy-tests/testdata", fixtures())]
    {
        for entry in std::fs::read_dir(root().join(directory)).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "yaml") {
                let name = path.display().to_string();
                let found = faults(&schema, &parsed(&name, &std::fs::read_to_string(&path).unwrap()));
                assert!(found.is_empty(), "{name}: {found:#?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn faults_are_found() {
    let good = "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: a\n  version: v1\n  rules:\n    - actions: [x]\n      \
                effect: EFFECT_ALLOW\n      roles: [r]\n      condition: {match: {all: {of: [{expr: 'true'}]}}}\n";
    assert!(faults(&policy(), &parsed("good", good)).is_empty());
    for (from, to) in [
        ("effect:", "efect:"),
        ("EFFECT_ALLOW", "ALLOW"),
        ("version: v1", "version: v-1"),
        ("actions: [x]", "actions: []"),
        ("of: [{expr: 'true'}]", "of: []"),
        ("{all: {of: [{expr: 'true'}]}}", "{expr: a, all: {of: [{expr: b}]}}"),
        ("resourcePolicy:", "rolePolicy:"),
        ("api.cerbos.dev/v1", "api.cerbos.dev/v2"),
    ] {
        let bad = good.replace(from, to);
        assert!(bad != good && !faults(&policy(), &parsed("bad", &bad)).is_empty(), "{to}");
    }
    let test = "name: s\ntests:\n  - name: t\n    input: {principals: [p], resources: [r], actions: [a]}\n    expected:\n      \
                - {principal: p, resource: r, actions: {a: EFFECT_ALLOW}}\n";
    assert!(faults(&suite(), &parsed("good", test)).is_empty());
    for (from, to) in [("EFFECT_ALLOW", "EFFECT_MAYBE"), ("actions: [a]", "action: [a]"), ("name: s\n", "")] {
        assert!(!faults(&suite(), &parsed("bad", &test.replace(from, to))).is_empty(), "{to}");
    }
}

/// Names of all properties a schema has, wherever.
fn properties(schema: &Value, out: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, inner) in map {
                if let ("properties", Value::Object(fields)) = (key.as_str(), inner) {
                    out.extend(fields.keys().cloned());
                }
                properties(inner, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|v| properties(v, out)),
        _ => {}
    }
}

/// Names of the fields that a decoder's lists of fields hold.
fn fields(source: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for list in source.split("&[").skip(1).filter_map(|part| part.split(']').next()) {
        let words = list.split('"').skip(1).step_by(2);
        out.extend(words.filter(|w| w.chars().all(|c| c.is_ascii_alphabetic() || c == '$')).map(str::to_owned));
    }
    out.retain(|word| {
        !word.contains(|c: char| c.is_ascii_uppercase()) || !word.starts_with(|c: char| c.is_uppercase())
    });
    out
}

#[test]
fn every_field_of_the_decoders_is_known_and_no_other() {
    let decoders = [
        include_str!("../../policy/decode.rs"),
        include_str!("../../policy/decode_kinds.rs"),
        include_str!("../../policy/decode_parts.rs"),
        include_str!("../decode.rs"),
        include_str!("../decode_fixtures.rs"),
    ];
    let known: BTreeSet<String> = decoders.iter().flat_map(|source| fields(source)).collect();
    let mut schema = BTreeSet::new();
    for made in [policy(), suite(), fixtures()] {
        properties(&made, &mut schema);
    }
    let missing: Vec<_> = known.difference(&schema).collect();
    let extra: Vec<_> = schema.difference(&known).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:?}, not in a decoder: {extra:?}");
}
