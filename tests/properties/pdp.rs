//! A generated store in process: compiled once, asked with JSON requests.

use std::collections::BTreeMap;

use bumpalo::Bump;
use serde_json::Value as Json;
use toolgate::cel::value::{Constant, Map, Timestamp, Value};
use toolgate::compile::{CompileOptions, compile};
use toolgate::engine::decision::Effect;
use toolgate::engine::request::{AuxData, Principal, Request, Resource};
use toolgate::engine::{Params, RuleTable, Semantics, Wants, decide, roots};
use toolgate::source::SourceFile;
use toolgate::wire::json;
use toolgate::wire::limits::Limits;

use crate::store::Store;

/// What is wanted beside the answers.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    pub derived_roles: bool,
    pub trace: bool,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub allowed: bool,
    pub policy: String,
    pub scope: String,
}

/// Answers by resource and action.
pub type Answers = BTreeMap<(usize, String), Answer>;

pub struct Pdp {
    table: RuleTable,
    params: Params,
}

impl Pdp {
    /// `None` if the store is refused.
    pub fn new(store: &Store, semantics: Semantics) -> Option<Self> {
        let files: Vec<SourceFile> =
            store.files.iter().map(|file| SourceFile::new(file.path.clone(), file.text())).collect();
        let options = CompileOptions { cerbos_compat: semantics != Semantics::Safe, ..CompileOptions::default() };
        let engine = &store.settings["engine"];
        let text = |key: &str| engine[key].as_str().map(str::to_owned);
        let defaults = Params::default();
        let params = Params {
            default_policy_version: text("defaultPolicyVersion")
                .unwrap_or_else(|| defaults.default_policy_version.clone()),
            default_scope: text("defaultScope").unwrap_or_else(|| defaults.default_scope.clone()),
            lenient_scope_search: engine["lenientScopeSearch"].as_bool().unwrap_or(false),
            semantics,
            globals: constant(&engine["globals"]),
            step_budget: 10_000_000,
            ..defaults
        };
        Some(Self { table: compile(&files, &options).table?, params })
    }

    /// The answers to a `CheckResources` body.
    pub fn ask(&self, request: &Json, asked: Asked) -> Answers {
        let bump = Bump::new();
        let text = |v: &Json| -> &str { bump.alloc_str(v.as_str().unwrap_or("")) };
        let attr = |v: &Json| -> Map<'_> {
            let bytes = bump.alloc_slice_copy(v.to_string().as_bytes());
            match json::value(bytes, &bump, Limits::default()) {
                Ok(Value::Map(map)) => map,
                _ => Map::Fields(&[]),
            }
        };
        let p = &request["principal"];
        let roles: Vec<&str> = p["roles"].as_array().unwrap().iter().map(text).collect();
        let principal = Principal {
            id: text(&p["id"]),
            roles: &roles,
            attr: attr(&p["attr"]),
            policy_version: text(&p["policyVersion"]),
            scope: text(&p["scope"]),
        };
        let wants = Wants { derived_roles: asked.derived_roles, trace: asked.trace, policies: false };
        let now = Some(Timestamp { seconds: 1_790_000_000, nanos: 0, offset_minutes: 0 });
        let mut answers = Answers::new();
        for (i, entry) in request["resources"].as_array().unwrap().iter().enumerate() {
            let r = &entry["resource"];
            let actions: Vec<&str> = entry["actions"].as_array().unwrap().iter().map(text).collect();
            let resource = Resource {
                kind: text(&r["kind"]),
                id: text(&r["id"]),
                attr: attr(&r["attr"]),
                policy_version: text(&r["policyVersion"]),
                scope: text(&r["scope"]),
            };
            let request = Request { principal, resource, actions: &actions, aux: AuxData::EMPTY };
            for result in decide(&self.table, &self.params, &request, now, wants, &bump).actions {
                let answer = Answer {
                    allowed: result.effect == Effect::Allow,
                    policy: result.policy.to_owned(),
                    scope: result.scope.to_owned(),
                };
                answers.insert((i, result.action.to_owned()), answer);
            }
        }
        answers
    }

    /// True if some expression may see attributes without naming them.
    pub fn reads_whole_attributes(&self) -> bool {
        let units = self.table.resources.values().map(|p| &p.unit);
        let units = units.chain(self.table.principals.values().map(|p| &p.unit));
        let units = units.chain(self.table.roles.values().map(|p| &p.unit));
        let mut units = units.chain(self.table.derived_sets.iter().map(|s| &s.unit));
        units.any(|unit| {
            unit.reads().iter().any(|path| {
                let needed = if path.root == roots::REQUEST { 3 } else { 2 };
                let holds = [roots::REQUEST, roots::PRINCIPAL, roots::RESOURCE].contains(&path.root);
                let other = path.steps.iter().any(|s| !["principal", "resource", "attr"].contains(s));
                holds && path.steps.len() < needed && !other
            })
        })
    }
}

fn constant(json: &Json) -> Constant {
    match json {
        Json::Null => Constant::Map([].into()),
        other => value(other),
    }
}

fn value(json: &Json) -> Constant {
    match json {
        Json::Null => Constant::Null,
        Json::Bool(b) => Constant::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Constant::Double(n.as_f64().unwrap_or(0.0)), Constant::Int),
        Json::String(s) => Constant::String(s.as_str().into()),
        Json::Array(items) => Constant::List(items.iter().map(value).collect()),
        Json::Object(map) => Constant::string_map(map.iter().map(|(k, v)| (k.clone(), value(v)))),
    }
}
