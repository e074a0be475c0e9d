//! Requests for query plans: for a world, and some that must be refused.

use serde_json::{Map, Value as Json, json};

use super::attrs::{self, PRINCIPAL, RESOURCE};
use super::features::Features;
use super::requests::{optional, scope, version};
use super::rng::Rng;
use super::store::world::World;
use super::store::{Body, Store};

/// Makes a world small, so that most requests are about something that policies speak of.
pub fn focus(world: &mut World) {
    world.actions.truncate(3);
    world.kinds.truncate(2);
    let roles = std::mem::take(&mut world.roles);
    world.roles = roles
        .into_iter()
        .enumerate()
        .filter(|(i, r)| *i < 2 || world.policy_roles.contains(r))
        .map(|(_, r)| r)
        .collect();
}

/// Makes a world of one kind and many actions, in which requests find the one policy there is.
pub fn many_actions(world: &mut World) {
    world.kinds.truncate(1);
    world.versions.truncate(1);
    world.scopes.truncate(1);
    world.actions = (0..60).map(|i| format!("a{i}")).collect();
}

/// Keeps out what the reference's plans say otherwise than its decisions (docs/differences.md, D15): that a principal
/// policy denies without a condition, that a resource policy denies where a principal policy allows, that an
/// expression looks at derived roles of which it is not known whether they are active, and that something known that is
/// no boolean is an operand of `&&` or `||`. True if requests may give attributes of the resource; where they may
/// not, these stand to the left of `&&` and `||` as they were written.
pub fn keep_out(rng: &mut Rng, store: &mut Store) -> bool {
    let asks_given = rng.chance(60);
    let all_allow = rng.chance(50);
    let conditional_roles = rng.chance(50);
    let bodies = store.files.iter_mut().filter_map(|file| match &mut file.body {
        Body::Policy(policy, _) => Some(policy),
        Body::Text(_) => None,
    });
    for (n, policy) in bodies.enumerate() {
        in_texts(policy, &|text| with_boolean_operands(text, asks_given));
        if conditional_roles {
            in_texts(policy, &|text| {
                text.replace("runtime.effectiveDerivedRoles", "P.roles")
                    .replace("runtime.effective_derived_roles", "P.roles")
            });
        } else {
            for key in ["derivedRoles", "derived_roles"] {
                let definitions = policy.get_mut(key).and_then(|d| d.get_mut("definitions"));
                for definition in definitions.and_then(Json::as_array_mut).into_iter().flatten() {
                    definition.as_object_mut().map(|d| d.remove("condition"));
                }
            }
        }
        let rules = policy.pointer_mut("/principalPolicy/rules").and_then(Json::as_array_mut);
        let actions = rules.into_iter().flatten().filter_map(|rule| rule["actions"].as_array_mut()).flatten();
        for (i, action) in actions.enumerate() {
            if all_allow {
                action["effect"] = json!("EFFECT_ALLOW");
            } else if action["effect"] == "EFFECT_DENY" {
                let mut all = vec![json!({"expr": format!("R.attr.never{n} == {i}")})];
                all.extend(action.pointer("/condition/match").cloned());
                action["condition"] = json!({"match": {"all": {"of": all}}});
            } else if let Some(action) = action.as_object_mut() {
                action.remove("condition");
            }
        }
        if all_allow {
            // What needs its parent's consent denies where it does not hold.
            for kind in ["resourcePolicy", "principalPolicy"] {
                policy.get_mut(kind).and_then(Json::as_object_mut).map(|body| body.remove("scopePermissions"));
            }
            let rules = policy.pointer_mut("/resourcePolicy/rules").and_then(Json::as_array_mut);
            for rule in rules.into_iter().flatten() {
                rule["effect"] = json!("EFFECT_ALLOW");
            }
        }
    }
    asks_given
}

/// Changes every text of a policy.
fn in_texts(json: &mut Json, change: &dyn Fn(&str) -> String) {
    match json {
        Json::String(text) => *text = change(text),
        Json::Array(all) => all.iter_mut().for_each(|json| in_texts(json, change)),
        Json::Object(map) => map.values_mut().for_each(|json| in_texts(json, change)),
        _ => {}
    }
}

/// An expression in which no name of something known, and no `has`, is an operand of `&&` or `||` by itself.
/// What the resource has is known if requests give it.
fn with_boolean_operands(text: &str, given: bool) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_.`\"[]-?".contains(c);
    let known = ["P.", "request.principal", "request.aux", "V.", "variables.", "C.", "constants.", "G.", "globals."];
    let known = |name: &str| {
        let of_resource = name.starts_with("R.") || name.starts_with("request.resource");
        known.iter().any(|root| name.starts_with(root)) || given && of_resource
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" && ").into_iter().chain(rest.find(" || ")).min() {
        let (operand, after) = rest.split_at(at);
        out.push_str(operand);
        // `has` of something that is given is its value there.
        let has = out.rfind("has(").filter(|at| out.ends_with(')') && closes(&out, *at));
        let (before, name) = out.split_at(has.unwrap_or_else(|| out.trim_end_matches(in_name).len()));
        if before.chars().next_back().is_none_or(|c| c == '(') && (has.is_some() || known(name)) {
            out.push_str(" == true");
        }
        let (operator, after) = after.split_at(4);
        out.push_str(operator);
        let end = match after.strip_prefix("has(").and_then(|has| has.find([')', '('])) {
            Some(end) => end + "has()".len(),
            None => after.find(|c| !in_name(c)).unwrap_or(after.len()),
        };
        let (name, right) = after.split_at(end.min(after.len()));
        rest = after;
        if (known(name) || name.starts_with("has(") && name.ends_with(')'))
            && (right.is_empty() || right.starts_with(')'))
        {
            out.push_str(name);
            out.push_str(" == true");
            rest = right;
        }
    }
    out + rest
}

/// True if the bracket opened by the `has(` there is the one that ends the text.
fn closes(text: &str, at: usize) -> bool {
    text.get(at + 4..text.len() - 1).is_some_and(|inner| !inner.contains(['(', ')']))
}

/// One request: a principal, a kind, if asked some of the resource's attributes, and one action or several.
pub fn generate(rng: &mut Rng, world: &World, features: &Features, asks_given: bool) -> Json {
    // Of what a plan does not know it says nothing, so that most requests know little.
    let known = if asks_given { *rng.pick(&[0, 0, 10, 25, 50, 90]) } else { 0 };
    let (present, ill) = *rng.pick(&[(100, 0), (95, 3), (80, 10)]);
    let mut principal = Map::new();
    let id = if rng.chance(90) { rng.pick(&world.principals).clone() } else { rng.word(&["nobody", "*"]).to_owned() };
    let count = rng.range(1, 3);
    principal.insert("id".into(), json!(id));
    principal.insert("roles".into(), json!(rng.sample(&world.roles, count)));
    principal.insert("attr".into(), Json::Object(attrs::fill(rng, PRINCIPAL, present, ill)));
    optional(&mut principal, "policyVersion", version(rng, world));
    optional(&mut principal, "scope", scope(rng, world, features));

    let mut resource = Map::new();
    let mut kind = rng.pick(&world.kinds).clone();
    match rng.below(40) {
        0 => kind = kind.replace([':', '-', '/'], "_"),
        1 => kind = "unknown".into(),
        _ => {}
    }
    resource.insert("kind".into(), json!(kind));
    if known > 0 {
        resource.insert("attr".into(), Json::Object(attrs::fill(rng, RESOURCE, known, ill)));
    }
    optional(&mut resource, "policyVersion", version(rng, world));
    optional(&mut resource, "scope", scope(rng, world, features));

    let mut request =
        json!({"requestId": format!("r{}", rng.below(1000)), "principal": principal, "resource": resource});
    if rng.chance(75) {
        let odd = rng.chance(3);
        request["action"] =
            if odd { json!(rng.word(&["*", "other", "view:"])) } else { json!(rng.pick(&world.actions)) };
    } else {
        let count = rng.range(1, 4);
        request["actions"] = json!(rng.sample(&world.actions, count));
    }
    if let Some(aux) = world.tokens.aux_data(rng) {
        request["auxData"] = aux;
    }
    if rng.chance(80) {
        request["includeMeta"] = json!(true);
    }
    request
}

/// A body that must be refused, or nearly; made from a good request.
pub fn bad(rng: &mut Rng, good: &Json) -> String {
    let mut request = good.clone();
    let edits: &[(&str, &str, Json)] = &[
        ("/principal", "id", json!("")),
        ("/principal", "roles", json!([])),
        ("/principal", "roles", json!(["a", "a"])),
        ("/principal", "policyVersion", json!("1.0")),
        ("/principal", "scope", json!("a..b")),
        ("/resource", "kind", json!("")),
        ("/resource", "kind", json!(1)),
        ("/resource", "id", json!("r1")),
        ("/resource", "scope", json!("é")),
        ("/resource", "policyVersion", json!("a b")),
        ("/resource", "attr", json!({"": 1})),
        ("/resource", "attr", json!([])),
        ("", "resource", json!(null)),
        ("", "resource", json!({})),
        ("", "principal", json!(null)),
        ("", "action", json!("")),
        ("", "action", json!(1)),
        ("", "action", json!(null)),
        ("", "action", json!("view")),
        ("", "actions", json!([])),
        ("", "actions", json!(["a", "a"])),
        ("", "actions", json!([""])),
        ("", "actions", json!(["view"])),
        ("", "resources", json!([])),
        ("", "includeMeta", json!("true")),
        ("", "include_meta", json!(true)),
        ("", "requestId", json!(5)),
        ("", "auxData", json!({"jwt": {"token": ""}})),
    ];
    if rng.chance(10) {
        let text = request.to_string();
        let cut = rng.below(text.len());
        return String::from_utf8_lossy(&text.as_bytes()[..cut]).into_owned();
    }
    for _ in 0..rng.range(1, 2) {
        let (path, key, value) = rng.pick(edits).clone();
        if let Some(Json::Object(map)) = request.pointer_mut(path) {
            map.insert(key.into(), value);
        }
    }
    request.to_string()
}
