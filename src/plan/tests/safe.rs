//! The default semantics: conditions and what is left of them. Known are the principal (`id` alice, `attr` below),
//! `R.kind`, `R.scope` and `R.attr.known`.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::reference::{request, table};
use crate::engine::{Params, Semantics};
use crate::plan::{Plan, PlanError, debug, plan};

fn asked(action: &str) -> Json {
    let attr = json!({
        "n": 3, "list": ["a", "b"], "one": ["a"], "str": "s", "map": { "x": 1, "y": 2 },
        "deep": { "x": { "on": true }, "y": { "on": false } },
    });
    json!({
        "principal": { "id": "alice", "roles": ["user"], "attr": attr },
        "resource": { "kind": "k", "attr": { "known": 5, "m2": { "a": 1 } } },
        "actions": [action],
    })
}

fn policy(effect: &str, condition: &str) -> Json {
    let always = json!({ "actions": ["*"], "roles": ["user"], "effect": "EFFECT_ALLOW" });
    let rule = json!({
        "actions": ["*"], "roles": ["user"], "effect": effect, "condition": { "match": { "expr": condition } },
    });
    let rules = if effect == "EFFECT_DENY" { json!([always, rule]) } else { json!([rule]) };
    json!([{ "apiVersion": "api.cerbos.dev/v1", "resourcePolicy": {
        "resource": "k", "version": "default", "rules": rules,
        "variables": { "local": { "v": "R.attr.a == 1", "bad": "P.attr.missing" } },
    }}])
}

fn with<T>(effect: &str, condition: &str, explain: bool, show: impl FnOnce(Result<Plan<'_>, PlanError>) -> T) -> T {
    let table = table(&policy(effect, condition), Semantics::Safe);
    let bump = Bump::new();
    let params = Params::default();
    let request = request(&asked("view"), None, &bump);
    show(plan(&table, &params, &request, &[], None, explain, &bump))
}

fn left(effect: &str, condition: &str) -> String {
    with(effect, condition, false, |plan| match plan {
        Ok(plan) => debug(plan.filter).replace("request.resource.attr.", "."),
        Err(e) => e.to_string(),
    })
}

#[test]
fn what_is_left_of_an_allow() {
    let cases = [
        // presence is asked, not assumed
        ("has(R.attr.x)", "(has .x)"),
        ("!has(R.attr.x)", "(not (has .x))"),
        ("has(R.attr.x) && R.attr.x == 1", "(and (has .x) (eq .x 1))"),
        ("has(R.attr.known)", "(true)"),
        ("has(R.attr.m2.b)", "(false)"),
        ("has(R.attr.x.y)", "(has .x.y)"),
        ("has(R.id)", "(ne request.resource.id \"\")"),
        ("has(V.v)", "`has` of a variable on values that are not known cannot be planned"),
        // what is sure to fail is false, and shows nothing of the principal
        ("R.attr.x == 1 && P.attr.missing == 1", "(false)"),
        ("R.attr.x == 1 || P.attr.missing == 1", "(eq .x 1)"),
        ("!(R.attr.x == 1 && P.attr.missing == 1)", "(not (eq .x 1))"),
        ("V.bad == 1 || V.v", "(eq .a 1)"),
        ("R.attr.l.exists(t, t == P.id && P.attr.missing == t)", "(false)"),
        ("R.attr.x + 1.0", "(false)"),
        ("R.attr.a in P.attr.str", "(false)"),
        // what is known is worked out
        ("R.attr.known == 5", "(true)"),
        ("R.attr.m2[R.attr.x] == 1", "(eq .x \"a\")"),
        ("R.attr[P.id] == 1", "(eq (index request.resource.attr \"alice\") 1)"),
        ("P.attr.map[R.attr.k] > 1", "(eq .k \"y\")"),
        ("!(P.attr.map[R.attr.k] > 1)", "(eq .k \"x\")"),
        ("1.0 == P.attr.map[R.attr.k]", "(eq .k \"x\")"),
        ("!P.attr.deep[R.attr.k].on", "(eq .k \"y\")"),
        ("R.attr.a in [\"x\"]", "(eq .a \"x\")"),
        ("!(R.attr.a in [])", "(not (in .a []))"),
        ("R.attr.a in {\"x\": 1, \"y\": 2}", "(in .a [\"x\",\"y\"])"),
        ("P.attr.list.exists(t, t == R.attr.a)", "(or (eq \"a\" .a) (eq \"b\" .a))"),
        // the reference fails here
        ("cel.bind(v, R.attr.x, v == 1 || v == 2)", "(or (eq .x 1) (eq .x 2))"),
        ("R.attr.?x.orValue(1) == 1", "(eq (if (has .x) .x 1) 1)"),
        ("R.attr.?x.hasValue()", "(has .x)"),
        ("R.attr.?known.orValue(1.0) == 5.0", "(true)"),
        (
            "R.attr.?a.optMap(v, v == 1.0).orValue(false)",
            "(and (has .a) (and (or (eq (eq .a 1) (eq .a 1)) (not (eq (eq .a 1) (eq .a 1)))) (eq .a 1)))",
        ),
        ("R.attr.l.exists(t, true)", "(exists .l (lambda true t))"),
        ("R.attr.l.sortBy(t, t.n)[0] == 1", "(eq (index (sortBy .l (lambda t.n t)) 0) 1)"),
        ("R.attr.l.map(t, t.on, t.n) == [1]", "(eq (map .l (lambda t.on t.n t)) [1])"),
        ("R.attr[?R.attr.k].hasValue()", "an optional index on values that are not known cannot be planned"),
        // a name with a dot is not a path
        ("R.attr.`a.b` == 1", "(eq (index request.resource.attr \"a.b\") 1)"),
        ("R.attr.a ? true : false", ".a"),
        ("R.attr.a ? R.attr.b == 1 : false", "(and .a (eq .b 1))"),
    ];
    for (condition, expected) in cases {
        assert_eq!(left("EFFECT_ALLOW", condition), expected, "{condition}");
    }
}

#[test]
fn what_is_left_of_a_deny() {
    let cases = [
        ("R.attr.x == 1 && P.attr.missing == 1", "(not (eq .x 1))"),
        ("R.attr.x == 1 || P.attr.missing == 1", "(false)"),
        ("P.attr.missing == 1", "(false)"),
        ("R.attr.a in []", "(not (in .a []))"),
        ("P.attr.map[R.attr.k] > 1", "(eq .k \"x\")"),
        ("has(R.attr.x)", "(not (has .x))"),
    ];
    for (condition, expected) in cases {
        assert_eq!(left("EFFECT_DENY", condition), expected, "{condition}");
    }
}

#[test]
fn an_explanation_names_rules_and_what_was_worked_out() {
    let condition = "R.attr.x == P.attr.n && P.id != \"bob\"";
    with("EFFECT_ALLOW", condition, true, |plan| {
        let plan = plan.expect("a plan");
        let depends = "depends on (eq request.resource.attr.x 3)";
        assert_eq!(plan.steps, [format!("resource.k.vdefault#rule-001 (p000.json:1): condition {depends}")]);
        let folded: Vec<String> = plan.folded.iter().map(|f| format!("{} = {}", f.expression, f.outcome)).collect();
        assert_eq!(folded, ["P.attr.n = 3", "P.id != \"bob\" = true"]);
    });
}
