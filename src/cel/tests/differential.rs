//! Lowered = walker, folding = no folding, over random expressions; `CEL_DIFFERENTIAL` sets how many.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::super::context::Context;
use super::super::error::Eval;
use super::super::value::Value;
use super::super::{Budget, Checked, Env, Frame, Inputs, Truth, UnitBuilder, parse, resolve, time};
use super::generator::Generator;
use super::request::{environment, inputs};
use super::support::{STEPS, same};
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
        let mut builder = UnitBuilder::new(env, Vec::new(), Vec::new());
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
