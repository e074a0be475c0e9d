//! What one generated store talks about: the names policies and requests share, chosen before anything is written.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::attrs::Ty;
use super::super::features::{Feature, Features};
use super::super::rng::Rng;
use super::super::tokens::Tokens;

const KINDS: &[&str] = &["doc", "album", "invoice", "ticket"];
const ODD_KINDS: &[&str] = &["album:object", "leave-request", "a/b", "mcp::github", "x:1", "team.doc", "a b", "é"];
const ACTIONS: &[&str] = &[
    "view",
    "edit",
    "create",
    "delete",
    "share",
    "view:public",
    "edit:own",
    "view:x:y",
    "adm.in",
    "approve:1",
    "viewer",
    "vi",
    "vizw",
    "exit",
    "e",
    "edit:own:now",
    "view:",
    ":x",
    "p:q:x",
    "x:y:z",
    "get_file",
    "list-all",
    "Move",
    "a:b:d",
    "a:x:d",
    "delete:x",
    "create:y",
    "a.b",
    "approve:2",
    "share:y",
];
const ROLES: &[&str] = &["user", "admin", "manager", "guest", "auditor"];
const ODD_ROLES: &[&str] = &["team:dev", "team:ops", "team:x:y", "adm-in", "*"];
const SCOPES: &[&str] = &["acme", "acme.hr", "acme.hr.uk", "acme.eng", "beta", "beta.x_1", "beta.x_1.y-2"];
const IDS: &[&str] = &["u1", "u2", "alice", "u5@x.com", "bob-b", "svc:bot", "1st"];

/// A set of derived roles that policies may import.
#[derive(Clone, Debug)]
pub struct RoleSet {
    /// Name of the set.
    pub name: String,
    /// Roles it defines.
    pub roles: Vec<String>,
}

/// An exported set of variables or constants.
#[derive(Clone, Debug)]
pub struct Exports {
    /// Name of the set.
    pub name: String,
    /// What it defines.
    pub items: Vec<(String, Ty)>,
    /// Index of another set that must be imported with it.
    pub needs: Option<usize>,
}

/// The names of one store.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Resource kinds.
    pub kinds: Vec<String>,
    /// Policy versions.
    pub versions: Vec<String>,
    /// Scopes, closed under parents, the root among them.
    pub scopes: Vec<String>,
    /// `scopePermissions` as written, by scope.
    pub permissions: BTreeMap<String, Option<&'static str>>,
    /// Roles that requests carry.
    pub roles: Vec<String>,
    /// Those of them that have role policies.
    pub policy_roles: Vec<String>,
    /// Actions that requests ask for.
    pub actions: Vec<String>,
    /// Principal ids.
    pub principals: Vec<String>,
    /// Derived-role sets.
    pub role_sets: Vec<RoleSet>,
    /// Exported variables.
    pub variables: Vec<Exports>,
    /// Exported constants.
    pub constants: Vec<Exports>,
    /// `engine.globals`.
    pub globals: Vec<(String, Ty)>,
    /// Tokens that requests carry.
    pub tokens: Tokens,
    /// Settings files of both sides hold these, under `engine` and friends.
    pub settings: Json,
}

const ITEM_TYPES: &[Ty] =
    &[Ty::Bool, Ty::Str, Ty::Num, Ty::StrList, Ty::Bool, Ty::Int, Ty::Time, Ty::Span, Ty::Map, Ty::NumList, Ty::Any];

/// A type for a variable.
pub fn variable_type(rng: &mut Rng) -> Ty {
    *rng.pick(ITEM_TYPES)
}

/// A type for a constant: those that JSON has.
pub fn constant_type(rng: &mut Rng) -> Ty {
    *rng.pick(&[Ty::Str, Ty::Num, Ty::Bool, Ty::StrList, Ty::NumList, Ty::Map, Ty::Any])
}

fn owned(items: &[&str]) -> Vec<String> {
    items.iter().map(|s| (*s).to_owned()).collect()
}

impl World {
    /// Chooses the names; `size` bounds the number of kinds.
    pub fn new(rng: &mut Rng, features: &Features, size: usize) -> Self {
        let mut world = Self { versions: vec!["default".into()], scopes: vec![String::new()], ..Self::default() };
        let kind_count = rng.range(1, size);
        world.kinds = rng.sample(&owned(KINDS), kind_count);
        world.roles = owned(ROLES);
        world.principals = rng.sample(&owned(IDS), 5);
        let action_count = *rng.pick(&[4, 6, 10, 14, 20, ACTIONS.len()]);
        world.actions = rng.sample(&owned(ACTIONS), action_count);
        if features.has(Feature::Names) {
            let count = rng.below(3);
            world.kinds.extend(rng.sample(&owned(ODD_KINDS), count));
            let count = rng.below(3);
            world.roles.extend(rng.sample(&owned(ODD_ROLES), count));
        }
        if features.has(Feature::Versions) && rng.chance(50) {
            world.versions.push(rng.word(&["v2", "20210210"]).to_string());
        }
        if features.has(Feature::Scopes) && rng.chance(75) {
            let count = rng.range(1, size);
            for scope in rng.sample(&owned(SCOPES), count) {
                for parent in chain(&scope) {
                    if !world.scopes.contains(&parent) {
                        world.scopes.push(parent);
                    }
                }
            }
            world.scopes.sort();
        }
        if features.has(Feature::Role) && rng.chance(60) {
            let count = rng.range(1, 3);
            world.policy_roles =
                rng.sample(&["custom", "intern", "lead", "acme_admin", "ro-bot"].map(str::to_owned), count);
            if rng.chance(20) {
                world.policy_roles.push(rng.pick(ROLES).to_string());
            }
            for role in &world.policy_roles {
                if !world.roles.contains(role) {
                    world.roles.push(role.clone());
                }
            }
        }
        world.choose_sets(rng, features);
        world.choose_permissions(rng, features);
        world.choose_settings(rng, features);
        world
    }

    fn choose_sets(&mut self, rng: &mut Rng, features: &Features) {
        if features.has(Feature::Derived) && rng.chance(75) {
            for i in 0..rng.range(1, 3) {
                let name = format!("{}{i}", rng.word(&["roles", "my-roles.", "set_"]));
                let roles =
                    (0..rng.range(1, 4)).map(|j| format!("{}{i}{j}", rng.word(&["d", "own-er", "x."]))).collect();
                self.role_sets.push(RoleSet { name, roles });
            }
        }
        if features.has(Feature::Imports) && rng.chance(60) {
            for i in 0..rng.range(1, 3) {
                let items = (0..rng.range(1, 4)).map(|j| (format!("e{i}_{j}"), variable_type(rng))).collect();
                let needs = (i > 0 && rng.chance(40)).then_some(0);
                self.variables.push(Exports { name: format!("vars{i}"), items, needs });
            }
            for i in 0..rng.below(3) {
                let items = (0..rng.range(1, 4)).map(|j| (format!("k{i}_{j}"), constant_type(rng))).collect();
                self.constants.push(Exports { name: format!("consts-{i}"), items, needs: None });
            }
        }
    }

    /// One setting a scope, so that no undetected conflict (spec §17 N5) arises. Library policies count as unset in the
    /// root scope, role policies as unset in theirs.
    fn choose_permissions(&mut self, rng: &mut Rng, features: &Features) {
        let library = !(self.role_sets.is_empty() && self.variables.is_empty() && self.constants.is_empty());
        for scope in &self.scopes {
            let free = features.has(Feature::Permissions) && !(scope.is_empty() && library) && rng.chance(50);
            let value = if free {
                let require = if scope.is_empty() { 15 } else { 60 };
                Some(if rng.chance(require) {
                    "SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS"
                } else {
                    "SCOPE_PERMISSIONS_OVERRIDE_PARENT"
                })
            } else {
                None
            };
            self.permissions.insert(scope.clone(), value);
        }
    }

    fn choose_settings(&mut self, rng: &mut Rng, features: &Features) {
        let mut engine = json!({});
        if features.has(Feature::Config) {
            if rng.chance(30) {
                engine["lenientScopeSearch"] = json!(true);
            }
            if rng.chance(15) {
                engine["defaultPolicyVersion"] = json!(rng.pick(&self.versions));
            }
            if rng.chance(15) {
                engine["defaultScope"] = json!(rng.pick(&self.scopes));
            }
            if rng.chance(40) {
                engine["globals"] = json!({"num": 5, "ratio": 1.5, "env": "prod", "on": true, "list": ["hr", "ops"], "m": {"owner": "u1", "depth": 2}});
                self.globals = [
                    ("num", Ty::Int),
                    ("ratio", Ty::Num),
                    ("env", Ty::Str),
                    ("on", Ty::Bool),
                    ("list", Ty::StrList),
                    ("m", Ty::Map),
                    ("undefined", Ty::Str),
                ]
                .map(|(n, t)| (n.to_owned(), t))
                .to_vec();
            }
        }
        self.settings = json!({ "engine": engine });
        if features.has(Feature::Jwt) && rng.chance(50) {
            let (tokens, settings) = Tokens::new(rng);
            self.tokens = tokens;
            self.settings["auxData"] = settings;
        }
    }

    /// Every derived role of every set.
    pub fn derived(&self) -> Vec<String> {
        self.role_sets.iter().flat_map(|s| s.roles.clone()).collect()
    }
}

/// The scope and its parents, the root last.
pub fn chain(scope: &str) -> Vec<String> {
    let mut list = vec![scope.to_owned()];
    let mut rest = scope;
    while let Some((parent, _)) = rest.rsplit_once('.') {
        list.push(parent.to_owned());
        rest = parent;
    }
    if !rest.is_empty() {
        list.push(String::new());
    }
    list
}
