//! The schemas of suites (`*_test.yaml`) and of fixture files in `testdata/` (spec: policy-language §16).

use serde_json::{Value, json};

use super::{DIALECT, flag, list, map, object, one_of, pattern, reference, set, text};
use crate::policy::names::{ROLE_VERSION, SCOPE};

/// The schema of suites.
#[must_use]
pub fn suite() -> Value {
    let mut fields = vec![
        ("$schema", text("Where this schema is")),
        ("name", json!({ "type": "string", "description": "Name", "minLength": 1 })),
        ("description", text("Free text")),
        ("skip", flag("Do not run it")),
        ("skipReason", text("Why not")),
        ("options", reference("options")),
        ("tests", list("Tests", reference("test"), 1)),
    ];
    fields.extend(fixture_fields());
    root("Toolgate test suite", object("A suite of policy tests", &["name", "tests"], &fields))
}

/// The schema of fixture files: `principals`, `resources` and `auxdata`.
#[must_use]
pub fn fixtures() -> Value {
    let mut fields = vec![("$schema", text("Where this schema is"))];
    fields.extend(fixture_fields());
    root("Toolgate test fixtures", object("Fixtures for the suites beside `testdata`", &[], &fields))
}

fn root(title: &str, mut schema: Value) -> Value {
    if let Some(map) = schema.as_object_mut() {
        map.insert("$schema".into(), DIALECT.into());
        map.insert("title".into(), title.into());
        map.insert("$defs".into(), definitions());
    }
    schema
}

fn fixture_fields() -> Vec<(&'static str, Value)> {
    let group = |what: &str, field: &str| {
        map(what, object("Members", &[field], &[(field, set("Names of fixtures", text("Name"), 1))]))
    };
    vec![
        ("principals", map("Principals by name", reference("principal"))),
        ("principalGroups", group("Groups of principals by name", "principals")),
        ("resources", map("Resources by name", reference("resource"))),
        ("resourceGroups", group("Groups of resources by name", "resources")),
        ("auxData", map("Claims by name", reference("auxData"))),
    ]
}

fn definitions() -> Value {
    let attributes = map("Attributes", json!(true));
    let names = |what: &str| set(what, text("Name"), 0);
    let effects = map("Expected effect by action", one_of("Effect", &["EFFECT_ALLOW", "EFFECT_DENY"]));
    let claims = object("Claims of a token", &[], &[("claims", map("Claims", json!(true)))]);
    let outputs = object(
        "Outputs of an action",
        &["action", "expected"],
        &[
            ("action", text("Action")),
            (
                "expected",
                list(
                    "Outputs, others are ignored",
                    object(
                        "An output",
                        &[],
                        &[("src", text("`<policy key>#<rule name>`")), ("val", json!({ "description": "Value" }))],
                    ),
                    1,
                ),
            ),
        ],
    );
    json!({
        "options": object("What the tests fix besides their requests", &[], &[
            ("now", json!({ "type": "string", "format": "date-time", "description": "What `now()` gives" })),
            ("lenientScopeSearch", flag("Fall back to parent scopes")),
            ("strictEvaluation", flag("The reference's strict evaluation")),
            ("globals", map("`G`", json!(true))),
            ("defaultPolicyVersion", text("Version of requests that name none")),
            ("defaultScope", pattern("Scope of requests that name none", SCOPE.text)),
        ]),
        "principal": object("A principal", &["id", "roles"], &[
            ("id", text("Id")),
            ("policyVersion", pattern("Policy version", ROLE_VERSION.text)),
            ("roles", set("Roles", text("Role"), 1)),
            ("attr", attributes.clone()),
            ("scope", pattern("Scope", SCOPE.text)),
        ]),
        "resource": object("A resource", &["kind", "id"], &[
            ("kind", text("Kind such as `mcp::github`")),
            ("policyVersion", pattern("Policy version", ROLE_VERSION.text)),
            ("id", text("Id")),
            ("attr", attributes),
            ("scope", pattern("Scope", SCOPE.text)),
        ]),
        "auxData": object("Claims, already verified", &[], &[
            ("jwt", map("Claims of the one token", json!(true))),
            ("jwts", map("Claims by token", claims)),
        ]),
        "test": object("Requests, and what must come out", &["name", "input", "expected"], &[
            ("name", json!({ "type": "string", "description": "Name, unique in the suite", "minLength": 1 })),
            ("description", text("Free text")),
            ("skip", flag("Do not run it")),
            ("skipReason", text("Why not")),
            ("options", reference("options")),
            ("input", reference("input")),
            ("expected", list("Expectations; what is not expected is denied", reference("expectation"), 1)),
        ]),
        "input": object("Every principal with every resource", &["actions"], &[
            ("principals", names("Principals")),
            ("principalGroups", names("Groups of principals")),
            ("resources", names("Resources")),
            ("resourceGroups", names("Groups of resources")),
            ("actions", set("Actions", text("Action"), 1)),
            ("auxData", text("Name of the claims")),
        ]),
        "expectation": object("What must come out for some of the requests", &["actions"], &[
            ("principal", text("For this principal")),
            ("principals", names("For these principals")),
            ("principalGroups", names("For these groups")),
            ("resource", text("With this resource")),
            ("resources", names("With these resources")),
            ("resourceGroups", names("With these groups")),
            ("actions", effects),
            ("outputs", list("Expected outputs", outputs, 0)),
        ]),
    })
}
