//! The [`Decider`] that asks the engine: fixtures become requests, decisions become outcomes.

use bumpalo::Bump;

use super::model::{FixtureAux, FixturePrincipal, FixtureResource, TestOptions};
use super::results::Why;
use super::runner::{Decider, NO_NOW, Outcome, Output};
use crate::cel::value::{Constant, Map, Value};
use crate::engine::condition::Failure;
use crate::engine::decision::{ActionResult, Cause, Decision, Effect, OutputEntry, RuleRef};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::engine::{Params, RuleTable, Seen, Semantics, Wants, decide, decide_seen};
use crate::schema::Enforcement;
use crate::wire::encode::value_json;
use crate::wire::json;
use crate::wire::limits::Limits;

/// Decides from a rule table, with the settings of each test.
#[derive(Debug)]
pub struct EngineDecider<'t> {
    /// The compiled policies.
    pub table: &'t RuleTable,
    /// Reference semantics instead of ours.
    pub cerbos_compat: bool,
    /// What becomes of attributes that do not fit their schemas.
    pub schemas: Enforcement,
    /// Keep a trace of every case.
    pub trace: bool,
    /// Say what decided.
    pub why: bool,
    /// Hears what was asked on the way to every decision.
    pub observer: Option<&'t dyn Observer>,
}

/// Hears what was asked on the way to a decision.
pub trait Observer: Sync + std::fmt::Debug {
    /// One decision, and how its conditions were evaluated.
    fn observe(&self, decision: &Decision<'_>, seen: &[Seen<'_>], semantics: Semantics);
}

impl Decider for EngineDecider<'_> {
    fn decide(
        &self,
        principal: &FixturePrincipal,
        resource: &FixtureResource,
        actions: &[&str],
        aux: Option<&FixtureAux>,
        options: &TestOptions,
    ) -> Result<Outcome, String> {
        let params = self.params(options);
        let bump = Bump::new();
        let roles: Vec<&str> = principal.roles.iter().map(String::as_str).collect();
        let jwts: Vec<(&str, Map<'_>)> =
            aux.map_or(Vec::new(), |a| a.jwts.iter().map(|(n, claims)| (n.as_str(), map(claims))).collect());
        let request = Request {
            principal: Principal {
                id: &principal.id,
                roles: &roles,
                attr: map(&principal.attr),
                policy_version: &principal.policy_version,
                scope: &principal.scope,
            },
            resource: Resource {
                kind: &resource.kind,
                id: &resource.id,
                attr: map(&resource.attr),
                policy_version: &resource.policy_version,
                scope: &resource.scope,
            },
            actions,
            aux: AuxData { jwt: aux.map_or(Map::Fields(&[]), |a| map(&a.jwt)), jwts: &jwts },
        };
        let decision = if let Some(observer) = self.observer {
            let (decision, seen) = decide_seen(self.table, &params, &request, options.now, &bump);
            observer.observe(&decision, seen, params.semantics);
            decision
        } else {
            let wants = Wants { trace: self.trace, ..Wants::default() };
            decide(self.table, &params, &request, options.now, wants, &bump)
        };
        let mut outcome = outcome(&decision)?;
        if self.why {
            outcome.why = decision.actions.iter().map(|a| (a.action.to_owned(), why(a))).collect();
        }
        Ok(outcome)
    }
}

impl EngineDecider<'_> {
    fn params(&self, options: &TestOptions) -> Params {
        let defaults = Params::default();
        let version = match &*options.default_policy_version {
            "" => defaults.default_policy_version,
            given => given.to_owned(),
        };
        Params {
            default_policy_version: version,
            default_scope: options.default_scope.clone(),
            lenient_scope_search: options.lenient_scope_search,
            semantics: match (self.cerbos_compat, options.strict_evaluation) {
                (false, _) => Semantics::Safe,
                (true, false) => Semantics::Cerbos,
                (true, true) => Semantics::CerbosStrict,
            },
            schemas: self.schemas,
            globals: options.globals.clone(),
            ..defaults
        }
    }
}

fn outcome(decision: &Decision<'_>) -> Result<Outcome, String> {
    let needs_now = |f: &Failure<'_>| matches!(f, Failure::Eval(e) if e.is_now_missing());
    if decision.errors.iter().any(|e| needs_now(&e.failure)) {
        return Err(NO_NOW.to_owned());
    }
    Ok(Outcome {
        effects: decision.actions.iter().map(|a| (a.action.to_owned(), a.effect == Effect::Allow)).collect(),
        outputs: decision.outputs.iter().map(output).collect(),
        trace: decision.trace.iter().map(|line| (*line).to_owned()).collect(),
        why: Vec::new(),
        failure: decision.errors.first().map(|e| format!("`{}` failed: {}", e.expression, e.failure)),
    })
}

fn why(result: &ActionResult<'_>) -> Why {
    let ruled = |rule: &RuleRef<'_>, text: String| Why {
        policy: result.policy.to_owned(),
        rule: rule.name.to_owned(),
        place: format!("{}:{}", rule.file, rule.line),
        text,
    };
    let bare = |text: String| Why { policy: result.policy.to_owned(), text, ..Why::default() };
    match &result.cause {
        Cause::NoPolicy => bare("no policy is about this".to_owned()),
        Cause::NoRule(None) => bare("no ALLOW rule matches the action and the roles".to_owned()),
        Cause::NoRule(Some(near)) if near.error.is_empty() => {
            ruled(&near.rule, format!("would have allowed, but `{}` is not met", near.unmet))
        }
        Cause::NoRule(Some(near)) => {
            ruled(&near.rule, format!("would have allowed, but `{}` failed: {}", near.unmet, near.error))
        }
        Cause::Rule(rule) if rule.condition.is_empty() => ruled(rule, "applies".to_owned()),
        Cause::Rule(rule) => ruled(rule, format!("applies: `{}`", rule.condition)),
        Cause::Error(rule, error) => ruled(rule, format!("its condition failed: {error}")),
        Cause::RolePolicy(key) => bare(format!("`{key}` does not allow the action")),
        Cause::Schema => bare("the attributes do not fit the schema".to_owned()),
        Cause::Budget => bare("the step budget is exhausted".to_owned()),
    }
}

fn output(entry: &OutputEntry<'_>) -> Output {
    let value = match entry.value {
        Ok(value) => as_sent(value),
        Err(error) => Err(error.to_owned()),
    };
    Output { action: entry.action.to_owned(), src: entry.src.to_owned(), value }
}

/// A value as a client would receive it.
fn as_sent(value: Value<'_>) -> Result<Constant, String> {
    let text = value_json(value).map_err(|e| e.to_string())?;
    let bump = Bump::new();
    let read = json::value(&text, &bump, Limits::default()).map_err(|e| e.to_string())?;
    Ok(constant(read))
}

/// What JSON gives, owned. Nesting is bounded by the reader's limit.
fn constant(value: Value<'_>) -> Constant {
    match value {
        Value::Bool(b) => Constant::Bool(b),
        Value::Double(d) => Constant::Double(d),
        Value::String(s) => Constant::String(s.into()),
        Value::List(list) => Constant::List(list.iter().map(constant).collect()),
        Value::Map(map) => Constant::string_map(map.iter().filter_map(|(k, v)| match k {
            Value::String(k) => Some((k.to_owned(), constant(v))),
            _ => None,
        })),
        _ => Constant::Null,
    }
}

fn map(constant: &Constant) -> Map<'_> {
    match constant.view() {
        Value::Map(map) => map,
        _ => Map::Fields(&[]),
    }
}
