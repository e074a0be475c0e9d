//! `--compat cerbos` against answers of the reference that were written down in `tests/data/plan`.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use crate::cel::value::{Constant, Map, Value};
use crate::compile::{CompileOptions, compile};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::engine::{Params, RuleTable, Semantics};
use crate::plan::{Filter, PlanError, Term, debug, plan};
use crate::source::SourceFile;
use crate::wire::limits::Limits;

/// Cases with another answer than the reference's, on purpose.
const DIFFERENT: &[(&str, &str)] = &[
    // The reference puts another attribute of the principal into the condition of a derived role.
    (
        "d5 alice user+admin  view",
        "(in \"owner\" (add (if (eq request.resource.attr.dept \"x\") [\"boss\"] []) (add [\"member\"] (if (eq \
         request.resource.attr.owner \"alice\") [\"owner\"] []))))",
    ),
    (
        "d6 alice user+admin  view",
        "(in \"member\" (add (if (eq request.resource.attr.dept \"x\") [\"boss\"] []) (add [\"member\"] (if (eq \
         request.resource.attr.owner \"alice\") [\"owner\"] []))))",
    ),
    (
        "d15 alice user+admin  view",
        "(hasIntersection [\"owner\",\"boss\"] (add (if (eq request.resource.attr.dept \"x\") [\"boss\"] []) (add \
         [\"member\"] (if (eq request.resource.attr.owner \"alice\") [\"owner\"] []))))",
    ),
    // It confuses a condition with its negation in another policy (rules are told apart by a hash without operators).
    ("s16 alice user p view", "(and (not (eq request.resource.attr.leaf 1)) (eq request.resource.attr.root 1))"),
    (
        "q2 dora user  view",
        "(and (not (eq request.resource.attr.leaf 1)) (or (eq request.resource.attr.root 1) (and (not (eq \
         request.resource.attr.b 1)) (eq request.resource.attr.a 1))))",
    ),
    ("q2 dora other  view", "(and (not (eq request.resource.attr.leaf 1)) (eq request.resource.attr.root 1))"),
    // It forgets an unconditional DENY of a principal policy.
    ("q4 bob user  view", "(false)"),
    // It takes a resource policy that only denies for one that allows everything else.
    ("q6 bob user  view", "(eq request.resource.attr.pp 1)"),
    // It takes null and the empty text for the same operand, and drops one.
    (
        "R.attr.x != null && R.attr.x != \"\"",
        "(and (ne request.resource.attr.x null) (ne request.resource.attr.x \"\"))",
    ),
    // It knows what a container holds that it does not know.
    ("\"a\" in [R.attr.x, \"a\"]", "(in \"a\" (list request.resource.attr.x \"a\"))"),
    ("\"a\" in {\"a\": R.attr.x}", "(in \"a\" (struct (set-field \"a\" request.resource.attr.x)))"),
    (
        "V.m[R.attr.k] == 1",
        "(eq (index (struct (set-field \"a\" request.resource.attr.x) (set-field \"b\" 2)) request.resource.attr.k) 1)",
    ),
    // It leaves out what is no boolean, and with it the failure: always allowed, where decisions deny.
    ("R.attr.x || (P.attr.s && P.attr.t)", "request.resource.attr.x"),
    // It checks the types of a macro that it writes out, values filled in, and ends with an error 500.
    (
        "P.roles.exists(x1, x1 == R.attr.u || \"x\" == P.attr.m.none)",
        "(or (eq \"user\" request.resource.attr.u) (eq \"x\" (get-field (struct (set-field \"k\" 2)) none)))",
    ),
    (
        "P.roles.exists(x1, x1 == R.attr.u && P.attr.m.none)",
        "(and (eq \"user\" request.resource.attr.u) (get-field (struct (set-field \"k\" 2)) none))",
    ),
    (
        "P.roles.exists(x1, x1 == R.attr.u && size(P.attr.m.none) == 1)",
        "(and (eq \"user\" request.resource.attr.u) (eq (size (get-field (struct (set-field \"k\" 2)) none)) 1))",
    ),
    (
        "P.roles.exists(x1, x1 == R.attr.u || R.attr.absent.startsWith(P.attr.m.none))",
        "(or (eq \"user\" request.resource.attr.u) (startsWith request.resource.attr.absent (get-field (struct (set-field \"k\" 2)) none)))",
    ),
    (
        "P.roles.exists(x1, x1 == R.attr.u || P.attr.m.none.startsWith(R.attr.absent))",
        "(or (eq \"user\" request.resource.attr.u) (startsWith (get-field (struct (set-field \"k\" 2)) none) request.resource.attr.absent))",
    ),
    (
        "([\"a\"].all(t, t != R.attr.a && (P.attr.n == 0)))",
        "(and (ne \"a\" request.resource.attr.a) (eq (get-field (struct (set-field \"dept\" \"ops\")) n) 0))",
    ),
    // Not followed: forms that mean the same.
    (
        "hierarchy(\"a:b\", \":\").ancestorOf(hierarchy(R.attr.h))",
        "(ancestorOf (hierarchy \"a.b\") (hierarchy request.resource.attr.h))",
    ),
];

/// Cases of `policies.json` that strict evaluation denies; it changes no other.
const STRICT: &[&str] = &[
    "a13 alice user  view",
    "a14 alice user  view",
    "a15 alice user  view",
    "d11 alice user  view",
    "d11 alice user+admin  view",
    "d13 alice user  view",
    "d13 alice user+admin  view",
];

fn data(name: &str) -> Json {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plan").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON")
}

pub(super) fn table(policies: &Json, semantics: Semantics) -> RuleTable {
    let all = policies.as_array().expect("policies");
    let files: Vec<SourceFile> =
        all.iter().enumerate().map(|(i, p)| SourceFile::new(format!("p{i:03}.json"), p.to_string())).collect();
    let options = CompileOptions { cerbos_compat: semantics != Semantics::Safe, ..CompileOptions::default() };
    let compiled = compile(&files, &options);
    compiled.table.unwrap_or_else(|| panic!("{}", crate::source::render_terminal(&compiled.diagnostics, false)))
}

pub(super) fn map<'a>(json: &Json, bump: &'a Bump) -> Map<'a> {
    let text = if json.is_null() { "{}".to_owned() } else { json.to_string() };
    crate::wire::json::object(bump.alloc_str(&text).as_bytes(), bump, Limits::default()).expect("an object")
}

fn texts<'a>(json: &Json, bump: &'a Bump) -> &'a [&'a str] {
    let all: Vec<&'a str> =
        json.as_array().into_iter().flatten().map(|t| &*bump.alloc_str(t.as_str().unwrap_or(""))).collect();
    bump.alloc_slice_copy(&all)
}

pub(super) fn request<'a>(asked: &Json, action: Option<&str>, bump: &'a Bump) -> Request<'a> {
    let text = |v: &Json| -> &'a str { bump.alloc_str(v.as_str().unwrap_or("")) };
    let (p, r) = (&asked["principal"], &asked["resource"]);
    let single = action.or(asked["action"].as_str());
    let actions = match single {
        Some(action) => bump.alloc_slice_copy(&[&*bump.alloc_str(action)]),
        None => texts(&asked["actions"], bump),
    };
    Request {
        principal: Principal {
            id: text(&p["id"]),
            roles: texts(&p["roles"], bump),
            attr: map(&p["attr"], bump),
            policy_version: text(&p["policyVersion"]),
            scope: text(&p["scope"]),
        },
        resource: Resource {
            kind: text(&r["kind"]),
            id: "",
            attr: map(&r["attr"], bump),
            policy_version: text(&r["policyVersion"]),
            scope: text(&r["scope"]),
        },
        actions,
        aux: AuxData::EMPTY,
    }
}

/// A term as the wire has it.
pub(super) fn operand(term: Term<'_>) -> Json {
    match term {
        Term::Value(v) => json!({ "value": plain(v) }),
        Term::Variable(name) => json!({ "variable": name }),
        Term::Apply(a) if a.operands.is_empty() => json!({ "expression": { "operator": a.operator } }),
        Term::Apply(a) => {
            let operands: Vec<Json> = a.operands.iter().map(|o| operand(*o)).collect();
            json!({ "expression": { "operator": a.operator, "operands": operands } })
        }
        Term::Error | Term::Optional(_) => json!("error"),
    }
}

fn plain(v: Value<'_>) -> Json {
    match v {
        Value::Bool(b) => json!(b),
        Value::Double(d) => json!(d),
        Value::String(s) => json!(s),
        Value::List(l) => l.iter().map(plain).collect(),
        _ => Json::Null,
    }
}

/// Without the order that the reference leaves to chance, numbers as doubles.
fn normal(json: &Json) -> Json {
    match json {
        Json::Object(o) => {
            let mut out: serde_json::Map<String, Json> = o.iter().map(|(k, v)| (k.clone(), normal(v))).collect();
            let operator = out.get("operator").and_then(Json::as_str).unwrap_or("").to_owned();
            if let Some(Json::Array(operands)) = out.get_mut("operands")
                && matches!(&*operator, "and" | "or" | "struct")
            {
                operands.sort_by_key(ToString::to_string);
            }
            Json::Object(out)
        }
        Json::Array(a) => a.iter().map(normal).collect(),
        Json::Number(n) => json!(n.as_f64()),
        other => other.clone(),
    }
}

struct Answer {
    text: String,
    wire: Json,
}

fn ours(table: &RuleTable, semantics: Semantics, asked: &Json, action: Option<&str>) -> Answer {
    let bump = Bump::new();
    let globals = Constant::Map([(Constant::String("g".into()), Constant::Int(7))].into());
    let params = Params { semantics, globals, ..Params::default() };
    let request = request(asked, action, &bump);
    match plan(table, &params, &request, &[], None, false, &bump) {
        Err(PlanError::Unsupported(_)) => Answer { text: "500".to_owned(), wire: json!("500") },
        Err(e) => panic!("{e}"),
        Ok(plan) => {
            let filter = match plan.filter {
                Filter::Always => json!({"kind": "KIND_ALWAYS_ALLOWED"}),
                Filter::Never { .. } => json!({"kind": "KIND_ALWAYS_DENIED"}),
                Filter::If(term) => json!({"kind": "KIND_CONDITIONAL", "condition": operand(term)}),
            };
            let debug = debug(plan.filter);
            let scopes = if request.actions.len() == 1 && asked["actions"].is_null() {
                json!(plan.actions[0].matched_scope)
            } else {
                plan.actions.iter().map(|a| (a.action.to_owned(), json!(a.matched_scope))).collect()
            };
            let shown = matches!(plan.filter, Filter::Never { .. }).then(|| debug.clone());
            Answer { text: debug, wire: json!({"filter": normal(&filter), "scopes": scopes, "debug": shown}) }
        }
    }
}

fn theirs(case: &Json) -> Answer {
    if case["status"] != 200 {
        return Answer { text: "500".to_owned(), wire: json!("500") };
    }
    let (response, meta) = (&case["response"], &case["response"]["meta"]);
    let debug = meta["filterDebug"].as_str().unwrap_or("").to_owned();
    let scopes = match (&meta["matchedScope"], &meta["matchedScopes"]) {
        (Json::Null, Json::Null) => json!(""),
        (Json::Null, scopes) => scopes.clone(),
        (scope, _) => scope.clone(),
    };
    let shown = (response["filter"]["kind"] == "KIND_ALWAYS_DENIED").then(|| debug.clone());
    Answer { text: debug, wire: json!({"filter": normal(&response["filter"]), "scopes": scopes, "debug": shown}) }
}

fn compare(file: &str, semantics: Semantics) {
    let data = data(file);
    let table = table(&data["policies"], semantics);
    let mut wrong = Vec::new();
    for case in data["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let asked = if case["request"].is_null() { &data["request"] } else { &case["request"] };
        let (ours, theirs) = (ours(&table, semantics, asked, case["action"].as_str()), theirs(case));
        if semantics == Semantics::CerbosStrict && STRICT.contains(&name) {
            if ours.text != "(false)" {
                wrong.push(format!("{name}: {}", ours.text));
            }
            continue;
        }
        match DIFFERENT.iter().find(|(n, _)| *n == name) {
            Some((_, expected)) if ours.text == *expected && ours.wire != theirs.wire => {}
            None if ours.wire == theirs.wire => {}
            _ => wrong.push(format!("{name}\n   ours {}\n theirs {}", ours.text, theirs.text)),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn expressions_give_the_references_plans() {
    compare("expressions.json", Semantics::Cerbos);
    compare("more.json", Semantics::Cerbos);
}

#[test]
fn nodes_are_put_together_as_in_the_reference() {
    compare("nodes.json", Semantics::Cerbos);
}

#[test]
fn what_is_not_worked_out_is_shown_as_it_is_written() {
    compare("written.json", Semantics::Cerbos);
    compare("folded.json", Semantics::Cerbos);
    compare("choices.json", Semantics::Cerbos);
    compare("named.json", Semantics::Cerbos);
    compare("bodies.json", Semantics::Cerbos);
}

#[test]
fn policies_give_the_references_plans() {
    compare("policies.json", Semantics::Cerbos);
}

#[test]
fn strict_evaluation_denies_what_fails() {
    compare("policies.json", Semantics::CerbosStrict);
}
