//! The same store with its rules in another order. Strict evaluation in the reference stops at the first error it
//! meets: its answer is compared only where it is the same for every order (docs/differential.md).

use serde_json::{Value as Json, json};

use super::super::rng::Rng;
use super::{Body, Store};

/// Lists whose order means nothing but where an error is met first.
const FREE: &[&str] = &["rules", "actions", "roles", "derivedRoles", "parentRoles", "definitions", "allowActions"];

/// Gives every rule a name of its own, so that outputs name the same rule in every order.
pub fn name_rules(store: &mut Store) {
    for file in &mut store.files {
        let Body::Policy(policy, _) = &mut file.body else { continue };
        for kind in ["resourcePolicy", "principalPolicy", "rolePolicy"] {
            let rules = policy.pointer_mut(&format!("/{kind}/rules")).and_then(Json::as_array_mut);
            for (i, rule) in rules.into_iter().flatten().enumerate() {
                if kind == "principalPolicy" {
                    let actions = rule.get_mut("actions").and_then(Json::as_array_mut);
                    for (j, action) in actions.into_iter().flatten().enumerate() {
                        name(action, &format!("s.{i}.{j}"));
                    }
                } else {
                    name(rule, &format!("s.{i}"));
                }
            }
        }
    }
}

fn name(rule: &mut Json, name: &str) {
    if rule.is_object() && rule.get("name").is_none() {
        rule["name"] = json!(name);
    }
}

/// The store with the lists of its policies reversed, or shuffled by `seed`.
pub fn permuted(store: &Store, seed: Option<u64>) -> Store {
    let mut store = store.clone();
    let mut rng = seed.map(Rng::new);
    for file in &mut store.files {
        if let Body::Policy(policy, _) = &mut file.body {
            turn(policy, rng.as_mut());
        }
    }
    store
}

/// A request with its roles reversed, or shuffled by `seed`.
pub fn permuted_request(body: &str, seed: Option<u64>) -> String {
    let Ok(mut request) = serde_json::from_str::<Json>(body) else { return body.to_owned() };
    if let Some(Json::Array(roles)) = request.pointer_mut("/principal/roles") {
        match seed {
            None => roles.reverse(),
            Some(seed) => Rng::new(seed).shuffle(roles),
        }
    }
    request.to_string()
}

fn turn(value: &mut Json, mut rng: Option<&mut Rng>) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(|v| turn(v, rng.as_deref_mut())),
        Json::Object(map) => {
            for (key, value) in map {
                turn(value, rng.as_deref_mut());
                if let (true, Json::Array(items)) = (FREE.contains(&key.as_str()), value) {
                    match rng.as_deref_mut() {
                        None => items.reverse(),
                        Some(rng) => rng.shuffle(items),
                    }
                }
            }
        }
        _ => {}
    }
}
