//! Casbin: attribute rules in its model, evaluated by its matcher. The request is the JSON as it came, as a dynamic
//! value of its expression engine.

use casbin::EnforceArgs;
use casbin::function_map::OperatorFunction;
use casbin::prelude::*;
use casbin::rhai::Dynamic;
use casbin::rhai::serde::to_dynamic;
use serde_json::Value as Json;

use super::Engine;

const MODEL: &str = r#"
[request_definition]
r = call

[policy_definition]
p = role, tool, condition, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = keyMatch(r.call.tool.name, p.tool) && (p.role == "*" || r.call.identity.roles.contains(p.role)) && eval(p.condition)
"#;

const RULES: [[&str; 4]; 12] = [
    ["agent", "tool0", r#"r.call.arguments.owner == "acme""#, "allow"],
    [
        "agent",
        "tool1",
        r#"["api", "web", "docs"].contains(r.call.arguments.repo) && r.call.arguments.limit < 500"#,
        "allow",
    ],
    [
        "agent",
        "tool2",
        r#"keyMatch(r.call.arguments.path, "/srv/data/*") && !hasText(r.call.arguments.path, "..")"#,
        "allow",
    ],
    [
        "agent",
        "tool3",
        r#"keyMatch(r.call.arguments.query, "select *") && !hasText(r.call.arguments.query, ";")"#,
        "allow",
    ],
    ["agent", "tool4", r#"!r.call.session.labels.contains("tainted")"#, "allow"],
    ["agent", "tool5", r#"r.call.identity.attr.team == r.call.arguments.team"#, "allow"],
    ["agent", "tool6", r#"r.call.arguments.tags.contains("reviewed")"#, "allow"],
    ["agent", "tool7", r#""model" in r.call.context && r.call.context.model != "unknown""#, "allow"],
    ["agent", "tool8", r#"r.call.arguments.priority < 3 || r.call.identity.roles.contains("editor")"#, "allow"],
    ["agent", "tool9", r#"r.call.arguments.priority >= 2 && r.call.arguments.priority <= 4"#, "allow"],
    ["admin", "*", "true", "allow"],
    ["*", "delete*", r#"r.call.session.labels.contains("tainted")"#, "deny"],
];

pub struct Casbin(Enforcer);

impl Casbin {
    pub fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let enforcer = runtime.block_on(async {
            let model = DefaultModel::from_str(MODEL).await?;
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
            let rules = RULES.iter().map(|r| r.iter().map(|f| (*f).to_owned()).collect()).collect();
            enforcer.add_policies(rules).await?;
            enforcer.add_function("hasText", OperatorFunction::Arg2(has_text));
            anyhow::Ok(enforcer)
        })?;
        Ok(Self(enforcer))
    }
}

/// Its expression engine has no such function for texts.
fn has_text(text: Dynamic, part: Dynamic) -> Dynamic {
    let read = |value: Dynamic| value.into_immutable_string().unwrap_or_default();
    read(text).contains(read(part).as_str()).into()
}

/// What the enforcer takes: values of its expression engine, built beforehand.
#[derive(Clone)]
pub struct Call(Dynamic);

impl EnforceArgs for &Call {
    fn try_into_vec(self) -> casbin::Result<Vec<Dynamic>> {
        Ok(vec![self.0.clone()])
    }

    fn cache_key(&self) -> u64 {
        0
    }
}

impl Engine for Casbin {
    type Request = Call;

    fn request(&self, bytes: &[u8]) -> Call {
        let call: Json = serde_json::from_slice(bytes).unwrap_or(Json::Null);
        Call(to_dynamic(call).unwrap_or(Dynamic::UNIT))
    }

    fn decide(&mut self, request: &Call) -> bool {
        self.0.enforce(request).unwrap_or_else(|e| panic!("casbin: {e}"))
    }
}
