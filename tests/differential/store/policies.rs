//! One function for each kind of policy.

use serde_json::{Map, Value as Json, json};

use super::super::features::Feature;
use super::parts::Writer;

fn document(key: &str, body: Map<String, Json>) -> Json {
    json!({"apiVersion": "api.cerbos.dev/v1", key: body})
}

fn header(writer: &mut Writer<'_>, version: &str, scope: &str) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("version".into(), json!(version));
    if !scope.is_empty() || writer.rng.chance(5) {
        body.insert("scope".into(), json!(scope));
    }
    if let Some(Some(permission)) = writer.world.permissions.get(scope) {
        body.insert("scopePermissions".into(), json!(permission));
    }
    body
}

/// A resource policy for `kind`.
pub fn resource(writer: &mut Writer<'_>, kind: &str, version: &str, scope: &str) -> Json {
    let mut body = Map::new();
    body.insert("resource".into(), json!(kind));
    body.append(&mut header(writer, version, scope));
    let mut derived: Vec<String> = Vec::new();
    if writer.wants(Feature::Derived, 60) && !writer.world.role_sets.is_empty() {
        let count = writer.rng.range(1, writer.world.role_sets.len());
        let sets = writer.rng.sample(&writer.world.role_sets, count);
        derived = sets.iter().flat_map(|s| s.roles.clone()).collect();
        body.insert("importDerivedRoles".into(), sets.iter().map(|s| json!(s.name)).collect());
    }
    if writer.wants(Feature::Schemas, 70) {
        let actions = &writer.world.actions;
        body.insert("schemas".into(), super::schemas::block(writer.rng, actions));
    }
    writer.declarations(&mut body);
    let count = writer.rng.below(8);
    let mut rules: Vec<Json> = (0..count).map(|_| resource_rule(writer, &derived)).collect();
    if !rules.is_empty() && writer.rng.chance(4) {
        let mut clone = writer.rng.pick(&rules).clone();
        if let Some(map) = clone.as_object_mut() {
            map.remove("name");
        }
        rules.push(clone);
    }
    if !rules.is_empty() || writer.rng.chance(70) {
        body.insert("rules".into(), json!(rules));
    }
    document("resourcePolicy", body)
}

/// A resource policy of the root scope with one rule for each action, under a condition that plans can say.
pub fn expressions(writer: &mut Writer<'_>, kind: &str) -> Json {
    let mut body = Map::new();
    body.insert("resource".into(), json!(kind));
    body.insert("version".into(), json!("default"));
    writer.declarations(&mut body);
    let mut rules = Vec::new();
    for action in writer.world.actions.clone() {
        let mut condition = writer.condition();
        for _ in 0..20 {
            if !condition.to_string().contains("cel.bind(") {
                break;
            }
            condition = writer.condition();
        }
        rules.push(json!({"actions": [action], "effect": "EFFECT_ALLOW", "roles": ["*"], "condition": condition}));
    }
    body.insert("rules".into(), json!(rules));
    document("resourcePolicy", body)
}

fn resource_rule(writer: &mut Writer<'_>, derived: &[String]) -> Json {
    let mut rule = Map::new();
    let count = writer.rng.range(1, 3);
    rule.insert("actions".into(), json!(writer.unique(count, Writer::action)));
    let effect = if writer.rng.chance(72) { "EFFECT_ALLOW" } else { "EFFECT_DENY" };
    rule.insert("effect".into(), json!(effect));
    let use_derived = !derived.is_empty() && writer.rng.chance(45);
    if use_derived {
        let count = writer.rng.range(1, 2);
        rule.insert("derivedRoles".into(), json!(writer.rng.sample(derived, count)));
    }
    if !use_derived || writer.rng.chance(40) {
        let count = writer.rng.range(1, 3);
        rule.insert("roles".into(), json!(writer.unique(count, Writer::role)));
    }
    finish(writer, &mut rule, 45, true);
    if writer.rng.chance(25) {
        rule.insert("name".into(), json!(writer.name("r")));
    }
    Json::Object(rule)
}

/// Adds condition and output.
fn finish(writer: &mut Writer<'_>, rule: &mut Map<String, Json>, conditional: u64, outputs: bool) {
    if writer.rng.chance(conditional) {
        rule.insert("condition".into(), writer.condition());
    }
    if outputs && writer.wants(Feature::Outputs, 25) {
        rule.insert("output".into(), writer.output());
    }
}

/// A principal policy for `id`.
pub fn principal(writer: &mut Writer<'_>, id: &str, version: &str, scope: &str) -> Json {
    let mut body = Map::new();
    body.insert("principal".into(), json!(id));
    body.append(&mut header(writer, version, scope));
    writer.declarations(&mut body);
    let count = writer.rng.range(1, 3);
    let resources = writer.unique(count, Writer::resource);
    // The order of rules with different matching resource strings is not defined (spec §17 N6): it shows in the order
    // of outputs and of strict errors.
    let overlap = resources.len() > 1 && resources.iter().any(|r| r.contains(['*', '_']));
    let mut rules = Vec::new();
    for name in resources {
        let mut actions = Vec::new();
        for _ in 0..writer.rng.range(1, 3) {
            let mut rule = Map::new();
            rule.insert("action".into(), json!(writer.action()));
            let effect = if writer.rng.chance(55) { "EFFECT_ALLOW" } else { "EFFECT_DENY" };
            rule.insert("effect".into(), json!(effect));
            finish(writer, &mut rule, if overlap { 0 } else { 60 }, !overlap);
            if writer.rng.chance(25) {
                rule.insert("name".into(), json!(writer.name("p")));
            }
            actions.push(Json::Object(rule));
        }
        rules.push(json!({"resource": name, "actions": actions}));
    }
    if !rules.is_empty() && writer.rng.chance(95) {
        body.insert("rules".into(), json!(rules));
    }
    document("principalPolicy", body)
}

/// A role policy for `role`, whose parents are the same in every version (spec §17 N4).
pub fn role(writer: &mut Writer<'_>, role: &str, version: &str, scope: &str, parents: &[String]) -> Json {
    let mut body = Map::new();
    body.insert("role".into(), json!(role));
    if version != "default" || writer.rng.chance(80) {
        body.insert("version".into(), json!(version));
    }
    if !scope.is_empty() {
        body.insert("scope".into(), json!(scope));
    }
    if !parents.is_empty() {
        body.insert("parentRoles".into(), json!(parents));
    }
    writer.declarations(&mut body);
    let count = writer.rng.range(1, 3);
    let resources = writer.unique(count, Writer::resource);
    // Rules under resource strings that overlap share their conditions' results (spec §17 N1).
    let overlap = resources.len() > 1 && resources.iter().any(|r| r.contains('*'));
    let mut rules = Vec::new();
    for name in resources {
        for _ in 0..writer.rng.range(1, 2) {
            let mut rule = Map::new();
            rule.insert("resource".into(), json!(name));
            let count = writer.rng.range(1, 4);
            rule.insert("allowActions".into(), json!(writer.unique(count, Writer::action)));
            finish(writer, &mut rule, if overlap { 0 } else { 40 }, !overlap);
            if writer.rng.chance(25) {
                rule.insert("name".into(), json!(writer.name("q")));
            }
            rules.push(Json::Object(rule));
        }
    }
    if writer.rng.chance(92) {
        body.insert("rules".into(), json!(rules));
    }
    document("rolePolicy", body)
}

/// The derived-roles set number `index` of the world.
pub fn derived_roles(writer: &mut Writer<'_>, index: usize) -> Json {
    let set = writer.world.role_sets[index].clone();
    let mut body = Map::new();
    body.insert("name".into(), json!(set.name));
    writer.declarations(&mut body);
    let mut definitions = Vec::new();
    for name in set.roles {
        let count = writer.rng.range(1, 2);
        let parents = writer.unique(count, Writer::role);
        let mut definition = Map::new();
        definition.insert("name".into(), json!(name));
        definition.insert("parentRoles".into(), json!(parents));
        if writer.rng.chance(65) {
            let condition = if writer.rng.chance(25) { writer.coin() } else { writer.condition() };
            definition.insert("condition".into(), condition);
        }
        definitions.push(Json::Object(definition));
    }
    body.insert("definitions".into(), json!(definitions));
    document("derivedRoles", body)
}

/// The exported-variables set number `index` of the world. May refer to the set it needs, not to constants: importers
/// do not all import the same.
pub fn variables(writer: &mut Writer<'_>, index: usize) -> Json {
    let set = writer.world.variables[index].clone();
    writer.env.constants.clear();
    writer.env.derived.clear();
    if let Some(needed) = set.needs {
        writer.env.variables.clone_from(&writer.world.variables[needed].items);
    }
    let mut definitions = Map::new();
    for (name, ty) in set.items {
        definitions.insert(name.clone(), json!(writer.variable(ty)));
        writer.env.variables.push((name, ty));
    }
    document(
        "exportVariables",
        Map::from_iter([("name".into(), json!(set.name)), ("definitions".into(), definitions.into())]),
    )
}

/// The exported-constants set number `index` of the world.
pub fn constants(writer: &mut Writer<'_>, index: usize) -> Json {
    let set = writer.world.constants[index].clone();
    let definitions: Map<String, Json> = set.items.into_iter().map(|(name, ty)| (name, writer.constant(ty))).collect();
    document(
        "exportConstants",
        Map::from_iter([("name".into(), json!(set.name)), ("definitions".into(), definitions.into())]),
    )
}
