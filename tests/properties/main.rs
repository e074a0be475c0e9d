//! What must hold for every store and request, whatever they say. Stores and requests come from the generator of the
//! differential suite; the decisions are made in process. `CASES=n` sets the number of stores (16 by default), `SEED` the
//! first one.

#![allow(
    missing_docs,
    dead_code,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../differential/attrs.rs"]
mod attrs;
#[path = "../differential/cel/mod.rs"]
mod cel;
#[path = "../differential/features.rs"]
mod features;
#[path = "../differential/requests.rs"]
mod requests;
#[path = "../differential/rng.rs"]
mod rng;
#[path = "../differential/store/mod.rs"]
mod store;
#[path = "../differential/tokens.rs"]
mod tokens;
#[path = "../differential/yaml.rs"]
mod yaml;

mod pdp;

use std::collections::BTreeMap;

use features::Features;
use pdp::{Answers, Asked, Pdp};
use rng::Rng;
use serde_json::{Value as Json, json};
use store::world::World;
use store::{Body, Store};
use toolgate::engine::Semantics;
use toolgate::engine::Semantics::{Cerbos, CerbosStrict, Safe};

const ALL: [Semantics; 3] = [Safe, Cerbos, CerbosStrict];

/// A store that is accepted, and requests for it.
struct Case {
    seed: u64,
    store: Store,
    requests: Vec<Json>,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Calls `check` with one case after the other; `features` as the differential suite writes them.
fn for_each_case(features: &str, mut check: impl FnMut(&Case, &mut Rng)) {
    let features = Features::parse(features).unwrap();
    let (first, count) = (number("SEED", 1), number("CASES", 16));
    let mut accepted = 0;
    for seed in first..first + count {
        let mut rng = Rng::stream(seed, 1);
        let world = World::new(&mut rng, &features, 4);
        let store = store::generate(&mut rng, &world, &features);
        if Pdp::new(&store, Safe).is_none() || Pdp::new(&store, Cerbos).is_none() {
            continue;
        }
        accepted += 1;
        let mut rng = Rng::stream(seed, 2);
        let requests = (0..12).map(|_| requests::generate(&mut rng, &world, &features, 4, 6)).collect();
        check(&Case { seed, store, requests }, &mut rng);
    }
    assert!(accepted * 2 > count, "only {accepted} of {count} stores were accepted");
}

fn answers(store: &Store, semantics: Semantics, requests: &[Json]) -> Vec<Answers> {
    let pdp = Pdp::new(store, semantics).unwrap_or_else(|| panic!("accepted before"));
    requests.iter().map(|request| pdp.ask(request, Asked::default())).collect()
}

/// The policies of a store, changed.
fn with_policies(store: &Store, mut change: impl FnMut(&mut Json)) -> Store {
    let mut store = store.clone();
    for file in &mut store.files {
        if let Body::Policy(policy, _) = &mut file.body {
            change(policy);
        }
    }
    store
}

fn effects(answers: &[Answers]) -> Vec<BTreeMap<(usize, String), bool>> {
    answers.iter().map(|a| a.iter().map(|(k, v)| (k.clone(), v.allowed)).collect()).collect()
}

/// Every allow of `fewer` is one of `more`.
fn assert_subset(fewer: &[Answers], more: &[Answers], what: &str) {
    for (a, b) in fewer.iter().zip(more) {
        for (key, answer) in a {
            assert!(!answer.allowed || b[key].allowed, "{what}: {key:?} is allowed only after");
        }
    }
}

/// Invalid globs, which the generator makes too, are refused by default.
const BASE: &str = "-broken,-bad-requests,-config,-globs,-jwt";

#[test]
fn order_means_nothing() {
    for_each_case(BASE, |case, rng| {
        let mut files = case.store.clone();
        rng.shuffle(&mut files.files);
        let mut shuffle = Rng::new(case.seed);
        let mut turned = with_policies(&case.store, |policy| shuffle_lists(policy, &mut shuffle));
        rng.shuffle(&mut turned.files);
        let mut requests = case.requests.clone();
        for request in &mut requests {
            let roles = request["principal"]["roles"].as_array_mut().unwrap();
            rng.shuffle(roles);
        }
        // Strict evaluation stops at the first error it meets: its answer depends on the order by design.
        for semantics in [Safe, Cerbos] {
            let before = answers(&case.store, semantics, &case.requests);
            assert_eq!(before, answers(&files, semantics, &case.requests), "seed {}: files, {semantics:?}", case.seed);
            let after = answers(&turned, semantics, &case.requests);
            assert_eq!(effects(&before), effects(&after), "seed {}: rules, {semantics:?}", case.seed);
            let after = answers(&case.store, semantics, &requests);
            assert_eq!(effects(&before), effects(&after), "seed {}: roles, {semantics:?}", case.seed);
        }
    });
}

/// Rules, actions and roles in another order.
fn shuffle_lists(value: &mut Json, rng: &mut Rng) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(|v| shuffle_lists(v, rng)),
        Json::Object(map) => {
            for (key, value) in map {
                shuffle_lists(value, rng);
                let list = ["rules", "actions", "roles", "derivedRoles", "derived_roles"].contains(&key.as_str());
                if let (true, Json::Array(items)) = (list, value) {
                    rng.shuffle(items);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn one_action_at_a_time_gives_the_same() {
    for_each_case(&format!("{BASE},-runtime"), |case, _| {
        for semantics in ALL {
            let pdp = Pdp::new(&case.store, semantics).unwrap();
            for request in &case.requests {
                let whole = pdp.ask(request, Asked::default());
                for (i, entry) in request["resources"].as_array().unwrap().iter().enumerate() {
                    for action in entry["actions"].as_array().unwrap() {
                        let mut entry = entry.clone();
                        entry["actions"] = json!([action]);
                        let mut single = request.clone();
                        single["resources"] = json!([entry]);
                        let alone = pdp.ask(&single, Asked::default());
                        let action = action.as_str().unwrap().to_owned();
                        assert_eq!(
                            alone[&(0, action.clone())],
                            whole[&(i, action)],
                            "seed {}: {semantics:?}",
                            case.seed
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn a_new_deny_allows_nothing() {
    for_each_case(BASE, |case, rng| {
        for condition in ["true", "R.attr.level > 2", "P.attr.missing == 1", "R.attr.tags.exists(t, t == 'open')"] {
            let action = rng.word(&["*", "view", "edit"]);
            let role = rng.word(&["*", "user", "admin"]);
            let deny = json!({
                "actions": [action], "effect": "EFFECT_DENY", "roles": [role], "name": "one-more",
                "condition": {"match": {"expr": condition}}
            });
            let more = with_policies(&case.store, |policy| {
                for key in ["resourcePolicy", "resource_policy"] {
                    if let Some(body) = policy.get_mut(key).and_then(Json::as_object_mut) {
                        let rules = body.entry("rules").or_insert_with(|| json!([]));
                        if let Some(rules) = rules.as_array_mut() {
                            rules.push(deny.clone());
                        }
                    }
                }
            });
            for semantics in [Safe, Cerbos] {
                let before = answers(&case.store, semantics, &case.requests);
                let after = answers(&more, semantics, &case.requests);
                assert_subset(&after, &before, &format!("seed {}: {condition}, {semantics:?}", case.seed));
            }
        }
    });
}

#[test]
fn an_attribute_that_nobody_reads_changes_nothing() {
    for_each_case(BASE, |case, rng| {
        let mut requests = case.requests.clone();
        for request in &mut requests {
            request["principal"]["attr"]["zz_unread"] = json!({"a": [rng.below(9)]});
            for entry in request["resources"].as_array_mut().unwrap() {
                entry["resource"]["attr"]["zz_unread"] = json!("x");
            }
        }
        for semantics in ALL {
            let pdp = Pdp::new(&case.store, semantics).unwrap();
            if pdp.reads_whole_attributes() {
                continue;
            }
            for (before, after) in case.requests.iter().zip(&requests) {
                let (before, after) = (pdp.ask(before, Asked::default()), pdp.ask(after, Asked::default()));
                assert_eq!(before, after, "seed {}: {semantics:?}", case.seed);
            }
        }
    });
}

#[test]
fn asking_for_more_changes_no_answer() {
    for_each_case(BASE, |case, _| {
        for semantics in ALL {
            let pdp = Pdp::new(&case.store, semantics).unwrap();
            for request in &case.requests {
                let plain = pdp.ask(request, Asked::default());
                for asked in [Asked { derived_roles: true, trace: false }, Asked { derived_roles: true, trace: true }] {
                    assert_eq!(plain, pdp.ask(request, asked), "seed {}: {semantics:?}", case.seed);
                }
            }
        }
    });
}

#[test]
fn yaml_and_json_say_the_same() {
    for_each_case(BASE, |case, _| {
        let mut json = case.store.clone();
        for file in &mut json.files {
            if matches!(file.body, Body::Policy(..)) && !file.path.ends_with(".json") {
                file.path.push_str(".json");
            }
        }
        for semantics in ALL {
            let pdp = (Pdp::new(&case.store, semantics).unwrap(), Pdp::new(&json, semantics).unwrap());
            for request in &case.requests {
                let effects = |pdp: &Pdp| effects(&[pdp.ask(request, Asked::default())]);
                assert_eq!(effects(&pdp.0), effects(&pdp.1), "seed {}: {semantics:?}", case.seed);
            }
        }
    });
}

#[test]
fn stricter_semantics_allow_less() {
    // What the default semantics treat otherwise than by errors is left out (docs/semantics.md).
    for_each_case(&format!("{BASE},-names,-role,-globs,-runtime"), |case, _| {
        let [safe, cerbos, strict] = ALL.map(|semantics| answers(&case.store, semantics, &case.requests));
        assert_subset(&safe, &cerbos, &format!("seed {}: default", case.seed));
        assert_subset(&strict, &cerbos, &format!("seed {}: strict", case.seed));
    });
}
