//! Lowered = walker, folding = no folding, over random expressions; `CEL_DIFFERENTIAL` sets how many.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::super::context::Context;
use super::super::error::Eval;
use super::super::value::Value;
use super::super::{Budget, Checked, Env, Frame, Inputs, Truth, UnitBuilder, parse, resolve, time};
use super::request::{environment, inputs};
use super::support::{STEPS, same};
use super::typed::Generator;
use super::walker::Walker;

fn agree(a: Eval<'_>, b: Eval<'_>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => same(a, b),
        (Err(a), Err(b)) => a.to_string() == b.to_string(),
        _ => false,
    }
}

/// Evaluates some expressions in one unit, in the walker, and in a unit that folds nothing.
fn check(sources: &[String], env: &Env, request: &Json) {
    let all: Vec<Checked> = sources.iter().map(|s| resolve(parse(s).unwrap(), env)).collect();
    let bump = Bump::new();
    let roots = inputs(&bump, request);
    let budget = Budget::new(STEPS);
    let now = time::parse_timestamp("2025-01-02T03:04:05.678Z").ok();
    let given = Inputs { roots, now, bump: &bump, budget: &budget };
    let build = |folding| {
        let mut builder = UnitBuilder::bare(env);
        builder.set_folding(folding);
        let ids: Vec<_> = all.iter().map(|c| builder.add(c)).collect();
        (builder.build(), ids)
    };
    let (unit, ids) = build(true);
    let (plain, plain_ids) = build(false);
    let (frame, plain_frame) = (Frame::new(&unit, given), Frame::new(&plain, given));
    for (i, checked) in all.iter().enumerate() {
        let source = &sources[i];
        let cx = Context { bump: &bump, budget: &budget, now };
        let walked = Walker { checked, env, roots, cx }.run();
        let truth = frame.truth(ids[i]);
        let lowered = frame.value(ids[i]);
        assert!(agree(lowered, walked), "{source}\n lowered {lowered:?}\n walked  {walked:?}");
        let unfolded = plain_frame.value(plain_ids[i]);
        assert!(agree(lowered, unfolded), "{source}\n folded   {lowered:?}\n unfolded {unfolded:?}");
        let expected = match unwrapped(walked) {
            Ok(Value::Bool(true)) => truth == Truth::True,
            Ok(Value::Bool(false)) => truth == Truth::False,
            Ok(_) => truth == Truth::NotBool,
            Err(e) => matches!(truth, Truth::Error(f) if f.to_string() == e.to_string()),
        };
        assert!(expected, "{source}\n as condition {truth:?}\n walked {walked:?}");
    }
}

fn unwrapped(value: Eval<'_>) -> Eval<'_> {
    match value {
        Ok(Value::Optional(Some(v))) => unwrapped(Ok(*v)),
        other => other,
    }
}

#[test]
fn lowered_is_walked() {
    let count: u64 = std::env::var("CEL_DIFFERENTIAL").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let env = environment();
    let request: Json = serde_json::from_str(include_str!("../../../tests/data/cel-corpus/request.json")).unwrap();
    let mut made = Vec::new();
    for seed in 0..count {
        made.push(Generator::new(seed).expression());
        if made.len() == 8 || seed + 1 == count {
            check(&made, &env, &request);
            made.clear();
        }
    }
}

/// Shapes that lowering has ways of its own for: alone, and together, where they share what is remembered.
#[test]
fn special_shapes_are_walked() {
    let mut shapes: Vec<String> = [
        r#"["a", "b"].exists(r, P.id == r || P.id.startsWith(r + "/"))"#,
        r#"["a", P.id].exists(r, P.id == r)"#,
        r#"["a", 1, null].exists(r, P.id.startsWith(r))"#,
        r#"["a", 1].all(r, P.id.startsWith(r))"#,
        r#"["a", 1].all(r, P.attr.missing == r)"#,
        "[1, 0].exists(x, 1 / x > 5)",
        "[0, 1].all(x, 1 / x > 0) || [0, 1].exists(x, 1 / x > 0)",
        "[1, 2, 3].all(x, [4, 5].exists(y, x < y)) && [1, 2].exists(x, [x].all(x, x == 2))",
        "[1, 2].exists(x, x)",
        "[true, false].all(x, x)",
        "[[1], [2]].exists(x, 1 in x)",
        "[1, 2].exists_one(x, x == 1)",
        "['a', 1, 'b'].map(x, type(x) == string && x.matches('^a$'))",
        "['a', 1, 'b'].exists(x, type(x) == string && x.matches('b'))",
        "P.attr.all(k, type(k) == string && k.matches('.'))",
        "P.attr.all(k, v, type(v) == string && v.matches('['))",
        "P.attr.missing.all(x, type(x) == string && x.matches('a'))",
        "P.attr.exists(k, k in ['department', 'x']) && P.roles.exists(r, r in ['nobody']) || P.roles.all(r, r == 'x')",
        "has(P.attr.a) && type(P.attr.a) == string && has(P.attr.b) && type(P.attr.b) == map",
        "has(R.attr.owner) && type(R.attr.owner) == string && has(R.attr.owner.x) && type(R.attr.owner.x) == map",
        "has(R.attr.none.x) && type(R.attr.none.x) == map && has(R.attr.owner) && type(R.attr.owner) == int",
        "has(R.attr.none.x) && type(R.attr.none.x) == map && has(R.attr.owner) && type(R.attr.owner) == string",
        "R.id < 5.0 || P.id >= 1",
        "size(P.roles) > 0 && size(P.roles) <= 3.5 && size(P.roles) < 9u && size(P.id) >= 0.0 / 0.0",
        "timestamp('2024-02-29T10:00:00Z') < timestamp('2024-02-30T10:00:00Z')",
        "timestamp(P.id) < timestamp('2024-02-29T10:00:00Z')",
        "P.attr.transformList(k, v, k in ['department', 'x', 1], v)",
        "['a', 'b'].transformList(i, v, i in [0, 'a'], v) + ['a', 'b'].transformList(i, v, i in [1], i)",
        "P.attr.missing.transformList(k, v, k in ['a'], v)",
        "P.roles.exists(r, r in ['admin', 'employee', 'user']) && P.roles.all(r, r in ['x'])",
        "P.roles.exists(r, r == 'admin') || P.roles.all(r, r == 'x') || 'a b'.split(' ').all(t, t in ['a', 'b'])",
        "P.roles.exists(r, type(r) == string && r.matches('^[a-z]+$'))",
        "P.roles.all(r, type(r) == string && r.matches('['))",
        "[{'f': 'a'}, {'f': 1}, {}].map(m, has(m.f) && type(m.f) == string ? m.f : 'none')",
        "[P.attr, {'department': 2}].map(m, has(m.department) && type(m.department) == string ? m.department : '-')",
        "[optional.of({'f': 'b'})].map(m, has(m.f) && type(m.f) == string ? m.f : 'none')",
        "[P, R].map(m, has(m.id) && type(m.id) == string ? m.id : 'none')",
        "[[1]].map(m, has(m.f) && type(m.f) == string ? m.f : 'none')",
        "[5].map(m, has(m.f) && type(m.f) == string ? m.f : 1 / 0)",
        "P.id == R.id || R.kind != P.id || P.id == 'a-text-that-is-longer-than-thirty-two-bytes'",
    ]
    .map(str::to_owned)
    .into();
    let texts = "'2024-02-28T10:00:00Z', '2024-02-29T23:59:59Z', '2024-03-01T00:00:00+01:00', '2024-02-29T10:00:00Z', \
                 '2024-02-29T10:00:00.5Z', '2024-02-29T10:00:01Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'";
    for relation in ["<", "<=", ">", ">="] {
        for literal in ["2024-02-29T10:00:00Z", "2024-02-29T10:00:00.25Z", "2024-02-29T12:00:00+02:00"] {
            let compare = format!("timestamp(t) {relation} timestamp('{literal}')");
            shapes.push(format!("(P.roles == [] ? [] : [{texts}]).map(t, {compare})"));
            shapes.push(format!(
                "(P.roles == [] ? [] : [{texts}, '2023-02-29T00:00:00Z', 'x', 1, null]).all(t, {compare})"
            ));
            shapes.push(format!("(P.roles == [] ? [] : ['0000-01-01T00:00:00Z', {texts}]).exists(t, {compare})"));
        }
    }
    let env = environment();
    let request: Json = serde_json::from_str(include_str!("../../../tests/data/cel-corpus/request.json")).unwrap();
    for shape in &shapes {
        check(std::slice::from_ref(shape), &env, &request);
    }
    check(&shapes, &env, &request);
}
