//! Conditions made to exhaust stack, time or memory: a plan or a clear error, in both semantics.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::reference::{request, table};
use crate::engine::{Params, Semantics};
use crate::plan::plan;

fn policy(expression: &str, variables: &Json) -> Json {
    json!([{ "apiVersion": "api.cerbos.dev/v1", "resourcePolicy": {
        "resource": "k", "version": "default", "variables": { "local": variables },
        "rules": [{ "actions": ["*"], "roles": ["user"], "effect": "EFFECT_ALLOW",
                    "condition": { "match": { "expr": expression } } }],
    }}])
}

#[test]
fn plans_of_hostile_conditions_end() {
    let nest = |open: &str, inner: &str, close: &str, n: usize| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    let none = json!({});
    let chain: serde_json::Map<String, Json> = (0..2000)
        .map(|i| {
            let text = if i == 0 { "R.attr.x + 1.0".to_owned() } else { format!("V.v{:05} + 1.0", i - 1) };
            (format!("v{i:05}"), json!(text))
        })
        .collect();
    let doubling: serde_json::Map<String, Json> = (0..60)
        .map(|i| {
            let before = format!("V.d{:05}", i - 1);
            let text = if i == 0 { "R.attr.x".to_owned() } else { format!("{before} + {before}") };
            (format!("d{i:05}"), json!(text))
        })
        .collect();
    let cases = [
        (nest("!(", "R.attr.x", ")", 110), &none),
        (nest("R.attr.x + (", "1.0", ")", 110) + " == 1.0", &none),
        (nest("R.attr.x && (P.attr.missing || ", "R.attr.y", ")", 60), &none),
        (nest("((P.attr.missing || R.attr.y) ? R.attr.a : ", "R.attr.b", ")", 60), &none),
        (nest("((P.attr.missing || (", "R.attr.y", ")) ? R.attr.a : R.attr.b)", 35), &none),
        (nest("(P.id == \"a\" ? ", "R.attr.y", " : R.attr.b)", 60), &none),
        (nest("(P.id == \"a\" ? ((", "R.attr.y", " && P.id == \"b\") ? R.attr.a : R.attr.b) : R.attr.c)", 28), &none),
        (nest("(true ? type([", "type(P.id)", "]) : R.attr.b)", 35) + " == R.attr.x", &none),
        (nest("R.attr[P.id + ", "\"a\"", "]", 60) + " == 1 || R.attr.x", &none),
        (nest("R.attr.l.exists(t, t == 1 || ", "true", ")", 50), &none),
        (nest("[1, 2, 3, 4, 5, 6, 7, 8, 9].exists(t, t == R.attr.x || ", "false", ")", 30), &none),
        (nest("[", "R.attr.x", "]", 110) + " == []", &none),
        (nest("R.attr.none[", "\"a\"", "]", 100) + " == 1 || R.attr.x", &none),
        (nest("P.attr.none[", "\"a\"", "]", 100) + " == 1 || R.attr.x", &none),
        (nest("size(P.attr.none) + int(\"a\") + (", "1", ")", 100) + " == 1 || R.attr.x", &none),
        (nest("R.attr.l.exists(t, P.attr.none == t || ", "false", ")", 40), &none),
        (nest("[1, 2].exists(t, P.attr.none == t || ", "R.attr.x", ")", 40), &none),
        (vec!["P.attr.none == 1"; 2000].join(" || "), &none),
        (vec!["R.attr.l.exists(t, V.v00100 == t)"; 500].join(" || "), &Json::Object(chain.clone())),
        ("V.v01999 == 1.0".to_owned(), &Json::Object(chain)),
        ("V.d00059 == 1.0".to_owned(), &Json::Object(doubling)),
    ];
    let asked = json!({ "principal": { "id": "a", "roles": ["user"] }, "resource": { "kind": "k" }, "actions": ["x"] });
    for semantics in [Semantics::Safe, Semantics::Cerbos] {
        for (expression, variables) in &cases {
            let table = table(&policy(expression, variables), semantics);
            let bump = Bump::new();
            let params = Params { semantics, ..Params::default() };
            // What it says does not matter, only that it does.
            let _ = plan(&table, &params, &request(&asked, None, &bump), &[], None, true, &bump);
        }
    }
}
