//! The schema of a policy file: its six kinds (spec: policy-language §5 to §7).

use serde_json::{Value, json};

use super::{DIALECT, flag, list, map, object, one_of, pattern, reference, set, text};
use crate::policy::API_VERSION;
use crate::policy::names::{RESOURCE_NAME, ROLE_VERSION, RULE_NAME, SCOPE, SET_NAME, VERSION};

/// The schema of policy files.
#[must_use]
pub fn policy() -> Value {
    let kinds =
        ["resourcePolicy", "principalPolicy", "derivedRoles", "rolePolicy", "exportVariables", "exportConstants"];
    let any = map("Values of any kind", json!(true));
    let mut root = object(
        "A policy of one of six kinds",
        &["apiVersion"],
        &[
            ("$schema", text("Where this schema is")),
            ("apiVersion", json!({ "const": API_VERSION, "description": "The version of the policy language" })),
            ("description", text("Free text")),
            ("disabled", flag("The file is checked and otherwise ignored")),
            ("metadata", metadata(&any)),
            ("variables", map("Deprecated: use `variables` of the policy", reference("expression"))),
            ("resourcePolicy", resource_policy()),
            ("principalPolicy", principal_policy()),
            ("derivedRoles", derived_roles()),
            ("rolePolicy", role_policy()),
            ("exportVariables", exported(reference("expression"), "Variables for other policies")),
            ("exportConstants", exported(json!(true), "Constants for other policies")),
        ],
    );
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), DIALECT.into());
        root.insert("title".into(), "Toolgate policy".into());
        let one: Vec<Value> = kinds.iter().map(|k| json!({ "required": [k] })).collect();
        root.insert("oneOf".into(), one.into());
        root.insert("$defs".into(), definitions());
    }
    root
}

fn metadata(any: &Value) -> Value {
    object(
        "For tools",
        &[],
        &[
            ("annotations", map("Notes", json!({ "type": "string" }))),
            ("sourceFile", text("Set by tools")),
            ("hash", json!({ "description": "Set by tools" })),
            ("storeIdentifer", text("Set by tools")),
            ("storeIdentifier", text("Set by tools")),
            ("sourceAttributes", object("Set by tools", &[], &[("attributes", any.clone())])),
        ],
    )
}

fn definitions() -> Value {
    let operands = |what: &str| object(what, &["of"], &[("of", list("Operands", reference("match"), 1))]);
    let mut condition = object(
        "How operands are combined, or one expression",
        &[],
        &[
            ("expr", reference("expression")),
            ("all", operands("Every operand must hold")),
            ("any", operands("One operand must hold")),
            ("none", operands("No operand may hold")),
        ],
    );
    if let Some(map) = condition.as_object_mut() {
        map.insert("minProperties".into(), 1.into());
        map.insert("maxProperties".into(), 1.into());
    }
    let imports = || set("Names of exported sets", pattern("Name", SET_NAME.text), 0);
    let when = object(
        "When to emit what",
        &[],
        &[("ruleActivated", reference("expression")), ("conditionNotMet", reference("expression"))],
    );
    json!({
        "expression": {
            "description": "A CEL expression",
            "type": ["string", "boolean", "number", "null"],
        },
        "match": condition,
        "condition": object("When the rule applies", &[], &[
            ("match", reference("match")),
            ("script", text("No longer supported")),
        ]),
        "output": object("What the decision says besides its effect", &[], &[
            ("when", when),
            ("expr", reference("expression")),
        ]),
        "effect": one_of("What the rule does", &["EFFECT_ALLOW", "EFFECT_DENY"]),
        "variables": object("Named expressions, `V.name`", &[], &[
            ("import", imports()),
            ("local", map("Definitions", reference("expression"))),
        ]),
        "constants": object("Named values, `C.name`", &[], &[
            ("import", imports()),
            ("local", map("Definitions", json!(true))),
        ]),
        "scopePermissions": one_of("What an ALLOW in this scope means", &[
            "SCOPE_PERMISSIONS_UNSPECIFIED",
            "SCOPE_PERMISSIONS_OVERRIDE_PARENT",
            "SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS",
        ]),
        "schemaRef": object("A schema of attributes", &["ref"], &[
            ("ref", text("`cerbos:///file.json` in `_schemas`")),
            ("ignoreWhen", object("When not to validate", &["actions"], &[
                ("actions", set("Action patterns", text("Pattern"), 1)),
            ])),
        ]),
    })
}

fn rule_name() -> Value {
    pattern("Name, unique in the policy", RULE_NAME.text)
}

fn scoped(fields: Vec<(&'static str, Value)>, version: &str) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("version", pattern("Policy version", version)),
        ("scope", pattern("Scope such as `acme.hr`", SCOPE.text)),
        ("scopePermissions", reference("scopePermissions")),
        ("variables", reference("variables")),
        ("constants", reference("constants")),
    ];
    all.extend(fields);
    all
}

fn resource_policy() -> Value {
    let rule = object(
        "Who may do what",
        &["actions", "effect"],
        &[
            ("name", rule_name()),
            ("actions", set("Actions: names, or patterns with `*`", text("Action"), 1)),
            ("effect", reference("effect")),
            ("roles", set("Roles: names, or patterns with `*`", text("Role"), 0)),
            ("derivedRoles", set("Derived roles", pattern("Name", SET_NAME.text), 0)),
            ("condition", reference("condition")),
            ("output", reference("output")),
        ],
    );
    let schemas = object(
        "Schemas of attributes",
        &[],
        &[("principalSchema", reference("schemaRef")), ("resourceSchema", reference("schemaRef"))],
    );
    let fields = scoped(
        vec![
            ("resource", pattern("Resource kind such as `mcp::github`", RESOURCE_NAME.text)),
            ("importDerivedRoles", set("Names of derived-roles sets", pattern("Name", SET_NAME.text), 0)),
            ("schemas", schemas),
            ("rules", list("Rules", rule, 0)),
        ],
        VERSION.text,
    );
    object("Rules for a kind of resource", &["resource", "version"], &fields)
}

fn principal_policy() -> Value {
    let action = object(
        "What the principal may do",
        &["action", "effect"],
        &[
            ("name", rule_name()),
            ("action", text("Action: a name, or a pattern with `*`")),
            ("effect", reference("effect")),
            ("condition", reference("condition")),
            ("output", reference("output")),
        ],
    );
    let rule = object(
        "Rules for a resource",
        &["resource", "actions"],
        &[("resource", text("Resource kind, or a pattern with `*`")), ("actions", list("Rules", action, 1))],
    );
    let fields = scoped(
        vec![("principal", pattern("Principal id", RESOURCE_NAME.text)), ("rules", list("Rules", rule, 0))],
        VERSION.text,
    );
    object("Rules for one principal", &["principal", "version"], &fields)
}

fn role_policy() -> Value {
    let rule = object(
        "What the role may do",
        &["resource", "allowActions"],
        &[
            ("name", rule_name()),
            ("resource", text("Resource kind, or a pattern with `*`")),
            ("allowActions", set("Action patterns", text("Pattern"), 1)),
            ("condition", reference("condition")),
            ("output", reference("output")),
        ],
    );
    let fields = scoped(
        vec![
            ("role", pattern("Role", RESOURCE_NAME.text)),
            ("parentRoles", set("Roles whose permissions it inherits", text("Role"), 0)),
            ("rules", list("Rules", rule, 0)),
        ],
        ROLE_VERSION.text,
    );
    object("The most a role may do", &["role"], &fields)
}

fn derived_roles() -> Value {
    let definition = object(
        "A role that depends on the request",
        &["name", "parentRoles"],
        &[
            ("name", pattern("Name", SET_NAME.text)),
            ("parentRoles", set("Roles, one of which the principal must have", text("Role"), 1)),
            ("condition", reference("condition")),
        ],
    );
    let fields = [
        ("name", pattern("Name of the set", SET_NAME.text)),
        ("definitions", list("Derived roles", definition, 1)),
        ("variables", reference("variables")),
        ("constants", reference("constants")),
    ];
    object("Roles that depend on the request", &["name", "definitions"], &fields)
}

fn exported(values: Value, what: &str) -> Value {
    let fields = [("name", pattern("Name of the set", SET_NAME.text)), ("definitions", map("Definitions", values))];
    object(what, &["name"], &fields)
}
