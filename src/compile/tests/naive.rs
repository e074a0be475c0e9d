//! The real engine against a naive one on random stores and requests, in all three semantics. Stores and requests come
//! from the generator of the differential suite. `NAIVE=n` sets how many decisions are compared, `SEED` the first store.

mod engine;
mod expressions;
#[allow(dead_code, missing_docs, clippy::all, clippy::pedantic, clippy::restriction)]
mod generator;
mod rows;

use bumpalo::Bump;
use serde_json::Value as Json;

use super::super::lower::environment;
use super::{CompileOptions, SourceFile, compile};
use crate::cel::Budget;
use crate::cel::value::{Constant, Map, Message, Timestamp, Value};
use crate::engine::decision::Effect;
use crate::engine::request::{AuxData, Principal, REQUEST, Request, Resource};
use crate::engine::{Params, Semantics, Wants, decide, roots};
use crate::wire::{json, limits::Limits};
use engine::{Answer, Naive};
use expressions::{Expressions, Sight, definitions};
use generator::features::Features;
use generator::rng::Rng;
use generator::store::{self, Store, world::World};

const NOW: Timestamp = Timestamp { seconds: 1_790_000_000, nanos: 0, offset_minutes: 0 };
const STEPS: u64 = 1_000_000_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn params(store: &Store, semantics: Semantics) -> Params {
    let engine = &store.settings["engine"];
    let text = |key: &str, default: String| engine[key].as_str().map_or(default, str::to_owned);
    let defaults = Params::default();
    Params {
        default_policy_version: text("defaultPolicyVersion", defaults.default_policy_version.clone()),
        default_scope: text("defaultScope", defaults.default_scope.clone()),
        lenient_scope_search: engine["lenientScopeSearch"].as_bool().unwrap_or(false),
        semantics,
        globals: if engine["globals"].is_null() { Constant::Map([].into()) } else { constant(&engine["globals"]) },
        step_budget: STEPS,
        ..defaults
    }
}

fn constant(json: &Json) -> Constant {
    match json {
        Json::Null => Constant::Null,
        Json::Bool(b) => Constant::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Constant::Double(n.as_f64().unwrap_or(0.0)), Constant::Int),
        Json::String(s) => Constant::String(s.as_str().into()),
        Json::Array(items) => Constant::List(items.iter().map(constant).collect()),
        Json::Object(map) => Constant::string_map(map.iter().map(|(k, v)| (k.clone(), constant(v)))),
    }
}

/// The requests in a `CheckResources` body, one a resource.
fn requests<'a>(body: &Json, bump: &'a Bump) -> Vec<Request<'a>> {
    let text = |v: &Json| -> &'a str { bump.alloc_str(v.as_str().unwrap_or("")) };
    let list = |v: &Json| -> &'a [&'a str] {
        let items: Vec<&'a str> = v.as_array().into_iter().flatten().map(text).collect();
        bump.alloc_slice_copy(&items)
    };
    let attr = |v: &Json| match json::value(bump.alloc_slice_copy(v.to_string().as_bytes()), bump, Limits::default()) {
        Ok(Value::Map(map)) => map,
        _ => Map::Fields(&[]),
    };
    let p = &body["principal"];
    let principal = Principal {
        id: text(&p["id"]),
        roles: list(&p["roles"]),
        attr: attr(&p["attr"]),
        policy_version: text(&p["policyVersion"]),
        scope: text(&p["scope"]),
    };
    let entries = body["resources"].as_array().into_iter().flatten();
    let request = |entry: &Json| {
        let r = &entry["resource"];
        let resource = Resource {
            kind: text(&r["kind"]),
            id: text(&r["id"]),
            attr: attr(&r["attr"]),
            policy_version: text(&r["policyVersion"]),
            scope: text(&r["scope"]),
        };
        Request { principal, resource, actions: list(&entry["actions"]), aux: AuxData::EMPTY }
    };
    entries.map(request).collect()
}

fn sight<'a>(request: &Request<'a>, params: &'a Params, bump: &'a Bump, budget: &'a Budget) -> Sight<'a> {
    let (p, r) = (Value::Message(request.principal.message(bump)), Value::Message(request.resource.message(bump)));
    let fields: &'a [Value<'a>] = bump.alloc([p, r, Value::Message(request.aux.message(bump))]);
    let mut all = [Value::Null; roots::COUNT];
    all[roots::REQUEST] = Value::Message(Message { ty: &REQUEST, fields });
    all[roots::PRINCIPAL] = p;
    all[roots::RESOURCE] = r;
    all[roots::GLOBALS] = params.globals.view();
    Sight { bump, budget, now: Some(NOW), roots: all, null_failed: false, of_variables: None }
}

/// Compares the engines on one store; how many decisions that were.
fn compare(seed: u64, features: &Features, semantics: Semantics) -> u64 {
    let mut rng = Rng::stream(seed, 1);
    let size = *rng.pick(&[1, 1, 2, 3]);
    let world = World::new(&mut rng, features, size);
    let store = store::generate(&mut rng, &world, features);
    let files: Vec<SourceFile> = store.files.iter().map(|f| SourceFile::new(f.path.clone(), f.text())).collect();
    let options = CompileOptions { cerbos_compat: semantics != Semantics::Safe, ..CompileOptions::default() };
    let Some(table) = compile(&files, &options).table else { return 0 };
    let params = params(&store, semantics);
    let policies = super::super::decode(&files, &mut Vec::new());
    let definitions = definitions(&policies);
    let cel = Expressions::new(&policies, environment(), semantics);
    let naive = Naive::new(&policies, &definitions, &params, &cel);
    let mut count = 0;
    for _ in 0..20 {
        let body = generator::requests::generate(&mut rng, &world, features, 6, 8);
        let bump = Bump::new();
        for request in requests(&body, &bump) {
            let budget = Budget::new(STEPS);
            let expected = naive.decide(&request, &sight(&request, &params, &bump, &budget));
            let real = decide(&table, &params, &request, Some(NOW), Wants::default(), &bump);
            for (result, expected) in real.actions.iter().zip(expected) {
                let answer = Answer {
                    allowed: result.effect == Effect::Allow,
                    policy: result.policy.to_owned(),
                    scope: result.scope.to_owned(),
                };
                assert_eq!(answer, expected, "seed {seed}, {semantics:?}, action `{}` of {request:#?}", result.action);
                count += 1;
            }
        }
    }
    count
}

#[test]
fn the_engine_is_the_naive_one() {
    // Globs that are not valid are refused by default.
    let features = Features::parse("-broken,-bad-requests,-schemas,-outputs,-jwt").unwrap_or_else(|e| panic!("{e}"));
    let plain =
        Features::parse("-broken,-bad-requests,-schemas,-outputs,-jwt,-globs").unwrap_or_else(|e| panic!("{e}"));
    let (wanted, mut seed) = (number("NAIVE", 20_000), number("SEED", 1));
    for semantics in [Semantics::Safe, Semantics::Cerbos, Semantics::CerbosStrict] {
        let mut done = 0;
        while done < wanted / 3 {
            let features = if semantics == Semantics::Safe && seed % 2 == 0 { &plain } else { &features };
            done += compare(seed, features, semantics);
            seed += 1;
        }
        println!("{semantics:?}: {done} decisions, up to seed {seed}");
    }
}
