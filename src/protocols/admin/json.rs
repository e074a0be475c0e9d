//! Policies as `cerbos.policy.v1.Policy` in protobuf's JSON mapping: members in the order of the fields, defaults
//! left out.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::cel::value::Constant;
use crate::policy::API_VERSION;
use crate::policy::model::{
    Body, Condition, Constants, ExprText, Match, Output, Policy, RuleEffect, SchemaRef, Schemas, ScopePermissions,
    Text, Variables,
};

/// An object whose empty members are left out.
#[derive(Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    /// With a member, unless it is empty, false or null.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::Bool(b) => !b,
            Value::String(s) => s.is_empty(),
            Value::Array(a) => a.is_empty(),
            Value::Object(o) => o.is_empty(),
            Value::Number(_) => false,
        };
        if !empty {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// With a member, whatever its value.
    pub(super) fn with_any(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// A policy as it stands in its file.
pub(super) fn policy(policy: &Policy) -> Value {
    let file = policy.file.name();
    let digest = Sha256::digest(policy.file.text());
    let hash = digest.iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    let annotations = policy.annotations.iter().map(|(k, v)| (k.clone(), v.as_str().into()));
    let metadata = Object::default()
        .with("sourceFile", file)
        .with("annotations", annotations.collect::<Map<_, _>>())
        .with("hash", hash.to_string())
        .with("storeIdentifer", file)
        .with("storeIdentifier", file)
        .with("sourceAttributes", json!({"attributes": {"driver": "disk", "source": file}}));
    let (name, body) = body(&policy.body);
    Object::default()
        .with("apiVersion", API_VERSION)
        .with("description", policy.description.as_str())
        .with("metadata", metadata)
        .with(name, body)
        .with("variables", expressions(&policy.variables))
        .into()
}

fn body(body: &Body) -> (&'static str, Object) {
    let object = Object::default();
    match body {
        Body::Resource(p) => {
            let rules = p.rules.iter().map(|r| {
                Object::default()
                    .with("actions", texts(&r.actions))
                    .with("derivedRoles", texts(&r.derived_roles))
                    .with("roles", texts(&r.roles))
                    .with("condition", r.condition.as_ref().map(condition))
                    .with("effect", effect(r.effect))
                    .with("name", text(&r.name))
                    .with("output", r.output.as_ref().map(output))
            });
            let object = object
                .with("resource", text(&p.resource))
                .with("version", text(&p.version))
                .with("importDerivedRoles", texts(&p.import_derived_roles))
                .with("rules", list(rules))
                .with("scope", text(&p.scope))
                .with("schemas", schemas(&p.schemas));
            let object = object
                .with("variables", variables(&p.variables))
                .with("scopePermissions", permissions(p.scope_permissions.value))
                .with("constants", constants(&p.constants));
            ("resourcePolicy", object)
        }
        Body::Principal(p) => {
            let rules = p.rules.iter().map(|r| {
                let actions = r.actions.iter().map(|a| {
                    Object::default()
                        .with("action", text(&a.action))
                        .with("condition", a.condition.as_ref().map(condition))
                        .with("effect", effect(a.effect))
                        .with("name", text(&a.name))
                        .with("output", a.output.as_ref().map(output))
                });
                Object::default().with("resource", text(&r.resource)).with("actions", list(actions))
            });
            let object = object
                .with("principal", text(&p.principal))
                .with("version", text(&p.version))
                .with("rules", list(rules))
                .with("scope", text(&p.scope))
                .with("variables", variables(&p.variables))
                .with("scopePermissions", permissions(p.scope_permissions.value))
                .with("constants", constants(&p.constants));
            ("principalPolicy", object)
        }
        Body::Role(p) => {
            let rules = p.rules.iter().map(|r| {
                Object::default()
                    .with("resource", text(&r.resource))
                    .with("allowActions", texts(&r.allow_actions))
                    .with("condition", r.condition.as_ref().map(condition))
                    .with("name", text(&r.name))
                    .with("output", r.output.as_ref().map(output))
            });
            let object = object
                .with("role", text(&p.role))
                .with("version", text(&p.version))
                .with("parentRoles", texts(&p.parent_roles))
                .with("scope", text(&p.scope))
                .with("rules", list(rules))
                .with("variables", variables(&p.variables))
                .with("constants", constants(&p.constants));
            ("rolePolicy", object)
        }
        Body::DerivedRoles(p) => {
            let definitions = p.definitions.iter().map(|d| {
                Object::default()
                    .with("name", text(&d.name))
                    .with("parentRoles", texts(&d.parent_roles))
                    .with("condition", d.condition.as_ref().map(condition))
            });
            let object = object
                .with("name", text(&p.name))
                .with("definitions", list(definitions))
                .with("variables", variables(&p.variables))
                .with("constants", constants(&p.constants));
            ("derivedRoles", object)
        }
        Body::ExportVariables(p) => {
            let object = object.with("name", text(&p.name)).with("definitions", expressions(&p.definitions));
            ("exportVariables", object)
        }
        Body::ExportConstants(p) => {
            let values = p.definitions.iter().map(|(k, v)| (k.value.clone(), constant(&v.value)));
            let object = object.with("name", text(&p.name)).with("definitions", values.collect::<Map<_, _>>());
            ("exportConstants", object)
        }
    }
}

fn text(text: &Text) -> &str {
    &text.value
}

fn texts(texts: &[Text]) -> Vec<Value> {
    texts.iter().map(|t| t.value.as_str().into()).collect()
}

fn list(objects: impl Iterator<Item = Object>) -> Vec<Value> {
    objects.map(Value::from).collect()
}

fn expressions(all: &[(Text, ExprText)]) -> Map<String, Value> {
    all.iter().map(|(name, expr)| (name.value.clone(), expr.text.as_str().into())).collect()
}

fn variables(variables: &Variables) -> Object {
    Object::default().with("import", texts(&variables.import)).with("local", expressions(&variables.local))
}

fn constants(constants: &Constants) -> Object {
    let local = constants.local.iter().map(|(name, value)| (name.value.clone(), constant(&value.value)));
    Object::default().with("import", texts(&constants.import)).with("local", local.collect::<Map<_, _>>())
}

/// A constant as a `google.protobuf.Value`.
pub(super) fn constant(constant: &Constant) -> Value {
    crate::wire::encode::value_json(constant.view())
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or(Value::Null)
}

fn effect(effect: RuleEffect) -> &'static str {
    match effect {
        RuleEffect::Allow => "EFFECT_ALLOW",
        RuleEffect::Deny => "EFFECT_DENY",
    }
}

fn permissions(permissions: ScopePermissions) -> &'static str {
    match permissions {
        ScopePermissions::Unspecified => "",
        ScopePermissions::OverrideParent => "SCOPE_PERMISSIONS_OVERRIDE_PARENT",
        ScopePermissions::RequireParentalConsent => "SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS",
    }
}

fn condition(condition: &Condition) -> Value {
    match condition {
        Condition::Match(m) => json!({"match": matching(m)}),
        Condition::Script(script) => json!({"script": script.value}),
    }
}

/// As deep as the file it was read from, which is bounded.
fn matching(m: &Match) -> Value {
    let of = |all: &[Match]| json!({"of": all.iter().map(matching).collect::<Vec<_>>()});
    match m {
        Match::Expr(expr) => json!({"expr": expr.text}),
        Match::All(all) => json!({"all": of(all)}),
        Match::Any(all) => json!({"any": of(all)}),
        Match::None(all) => json!({"none": of(all)}),
    }
}

fn output(output: &Output) -> Value {
    let expr = |e: &Option<ExprText>| e.as_ref().map(|e| e.text.clone());
    let when = Object::default()
        .with("ruleActivated", expr(&output.rule_activated))
        .with("conditionNotMet", expr(&output.condition_not_met));
    Object::default().with_any("when", when.into()).into()
}

fn schemas(schemas: &Schemas) -> Object {
    let schema = |s: &SchemaRef| {
        let ignored = Object::default().with("actions", texts(&s.ignore_when_actions));
        Object::default().with("ref", text(&s.reference)).with("ignoreWhen", ignored)
    };
    Object::default()
        .with("principalSchema", schemas.principal.as_ref().map(|s| Value::from(schema(s))))
        .with("resourceSchema", schemas.resource.as_ref().map(|s| Value::from(schema(s))))
}
