//! The pieces that policies of all kinds are made of: patterns, conditions, outputs, variables and constants.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::super::attrs::{self, Ty};
use super::super::cel::{Cel, Env, quote};
use super::super::features::{Feature, Features};
use super::super::rng::Rng;
use super::world::{Exports, World, constant_type, variable_type};

const ACTION_GLOBS: &[&str] = &[
    "*",
    "*",
    "view*",
    "view:*",
    "**",
    "*:*",
    "{view,edit}:*",
    "[ve]*",
    "e?it*",
    "**:y",
    "view:**",
    "{view,{edit,x}*}",
    "[!v]*",
    "vi?w",
    "{view,edit}",
    "[a-cx]*",
    "view:*:y",
    "*e*",
    "\\view*",
    "[d-f]*",
    "[]*",
    "{*",
    "{view*",
];
const ROLE_GLOBS: &[&str] = &["*", "*", "team:*", "adm*", "**", "{user,admin}*", "user?", "*:*", "[gm]*"];

/// Shared state while one policy is written.
pub struct Writer<'a> {
    /// Randomness.
    pub rng: &'a mut Rng,
    /// Names.
    pub world: &'a World,
    /// Parts of the language in use.
    pub features: &'a Features,
    /// What expressions of this policy may refer to.
    pub env: Env,
    /// Expressions of conditions and outputs used in this store: the reference confuses rules whose expressions are the
    /// same (docs/differences.md, D1).
    leaves: &'a mut BTreeSet<String>,
    /// Counter for names.
    count: usize,
}

impl<'a> Writer<'a> {
    /// A writer for one policy.
    pub fn new(rng: &'a mut Rng, world: &'a World, features: &'a Features, leaves: &'a mut BTreeSet<String>) -> Self {
        let env = Env {
            globals: world.globals.clone(),
            roles: world.roles.clone(),
            derived: if features.has(Feature::Runtime) { world.derived() } else { Vec::new() },
            rich: features.has(Feature::Cel),
            claims: !world.tokens.good.is_empty(),
            ..Env::default()
        };
        Self { rng, world, features, env, leaves, count: 0 }
    }

    /// True in `percent` of 100 cases, if the feature is on.
    pub fn wants(&mut self, feature: Feature, percent: u64) -> bool {
        self.features.has(feature) && self.rng.chance(percent)
    }

    /// A pattern for an action.
    pub fn action(&mut self) -> String {
        if self.wants(Feature::Globs, 25) {
            self.rng.pick(ACTION_GLOBS).to_string()
        } else {
            self.rng.pick(&self.world.actions).clone()
        }
    }

    /// A pattern for a role.
    pub fn role(&mut self) -> String {
        if self.wants(Feature::Globs, 20) {
            self.rng.pick(ROLE_GLOBS).to_string()
        } else {
            self.rng.pick(&self.world.roles).clone()
        }
    }

    /// A pattern for a resource kind.
    pub fn resource(&mut self) -> String {
        let kind = self.rng.pick(&self.world.kinds).clone();
        match self.rng.below(if self.features.has(Feature::Globs) { 10 } else { 6 }) {
            6 => "*".into(),
            7 => format!("{}*", kind.chars().next().unwrap_or('d')),
            8 => kind.replace([':', '-', '/'], "_"),
            9 => self.rng.word(&["album:*", "album_*", "**", "{doc,album}*", "do?", "*:*"]).to_string(),
            _ => kind,
        }
    }

    /// `count` different strings from `make`.
    pub fn unique(&mut self, count: usize, make: fn(&mut Self) -> String) -> Vec<String> {
        let mut list = Vec::new();
        for _ in 0..count {
            let item = make(self);
            if !list.contains(&item) {
                list.push(item);
            }
        }
        list
    }

    /// A name that is unique in its policy and cannot be taken for a default one (spec §17 N3).
    pub fn name(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}.{}", self.count)
    }

    fn leaf(&mut self) -> String {
        let text = Cel::new(self.rng, &self.env).leaf();
        self.distinct(text)
    }

    /// The expression, changed without changing its meaning if the store has it already.
    fn distinct(&mut self, text: String) -> String {
        if self.leaves.insert(text.clone()) {
            return text;
        }
        let name = format!("n{}", self.leaves.len());
        let text = format!("cel.bind({name}, {text}, {name})");
        self.leaves.insert(text.clone());
        text
    }

    fn node(&mut self, depth: usize) -> Json {
        if depth == 0 || self.rng.chance(55) {
            return json!({"expr": self.leaf()});
        }
        let count = self.rng.range(1, 3);
        let of: Vec<Json> = (0..count).map(|_| self.node(depth - 1)).collect();
        let word = self.rng.word(&["all", "any", "none", "all", "any"]);
        json!({word: {"of": of}})
    }

    /// A condition.
    pub fn condition(&mut self) -> Json {
        json!({"match": self.node(2)})
    }

    /// An output.
    pub fn output(&mut self) -> Json {
        let mut expression = || {
            let depth = self.rng.below(3);
            let ty = *self.rng.pick(&[Ty::Any, Ty::Any, Ty::Str, Ty::Num, Ty::Bool, Ty::StrList, Ty::Map]);
            let mut cel = Cel::new(self.rng, &self.env);
            cel.shown = true;
            cel.expr(ty, depth)
        };
        let (activated, not_met) = (expression(), expression());
        let (activated, not_met) = (self.distinct(activated), self.distinct(not_met));
        match self.rng.below(6) {
            0 => json!({"expr": activated}),
            1 => json!({"when": {"conditionNotMet": not_met}}),
            2 | 3 => json!({"when": {"ruleActivated": activated}}),
            4 => json!({"expr": not_met, "when": {"ruleActivated": activated}}),
            _ => json!({"when": {"ruleActivated": activated, "conditionNotMet": not_met}}),
        }
    }

    /// A variable's expression: shown, as outputs may print it.
    pub fn variable(&mut self, ty: Ty) -> String {
        let depth = self.rng.below(3);
        let mut cel = Cel::new(self.rng, &self.env);
        cel.shown = true;
        cel.expr(ty, depth)
    }

    /// A constant's value.
    pub fn constant(&mut self, ty: Ty) -> Json {
        if self.rng.chance(5) { attrs::any(self.rng, 2) } else { attrs::value(self.rng, "", ty) }
    }

    fn imports(&mut self, sets: &[Exports]) -> (Vec<String>, Vec<(String, Ty)>) {
        let mut chosen: Vec<usize> = Vec::new();
        for (i, set) in sets.iter().enumerate() {
            if self.rng.chance(50) {
                for index in set.needs.into_iter().chain([i]) {
                    if !chosen.contains(&index) {
                        chosen.push(index);
                    }
                }
            }
        }
        let names = chosen.iter().map(|i| sets[*i].name.clone()).collect();
        (names, chosen.iter().flat_map(|i| sets[*i].items.clone()).collect())
    }

    /// Adds `constants` and `variables` to a policy's body and to what its expressions may refer to.
    pub fn declarations(&mut self, body: &mut Map<String, Json>) {
        if self.wants(Feature::Imports, 50) {
            let world = self.world;
            let (names, items) = self.imports(&world.constants);
            if !names.is_empty() {
                body.insert("constants".into(), json!({"import": names}));
                self.env.constants.extend(items);
            }
            let (names, items) = self.imports(&world.variables);
            if !names.is_empty() {
                body.insert("variables".into(), json!({"import": names}));
                self.env.variables.extend(items);
            }
        }
        if !self.wants(Feature::Variables, 50) {
            return;
        }
        if self.rng.chance(60) {
            let mut local = Map::new();
            for i in 0..self.rng.range(1, 3) {
                let ty = constant_type(self.rng);
                local.insert(format!("c{i}"), self.constant(ty));
                self.env.constants.push((format!("c{i}"), ty));
            }
            put(body, "constants", local);
        }
        if self.rng.chance(75) {
            let mut local = Map::new();
            let mut items = Vec::new();
            for i in 0..self.rng.range(1, 4) {
                let (name, ty) = (format!("v{i}"), variable_type(self.rng));
                local.insert(name.clone(), json!(self.variable(ty)));
                self.env.variables.push((name.clone(), ty));
                items.push(name);
            }
            if self.rng.chance(15) {
                // A chain through an error: `has` on a variable that failed.
                local.insert("bad".into(), json!("R.attr.absent"));
                local.insert("seen".into(), json!(format!("has(V.bad) || has(V.{})", items[0])));
                self.env.variables.push(("bad".into(), Ty::Any));
                self.env.variables.push(("seen".into(), Ty::Bool));
            }
            put(body, "variables", local);
        }
    }

    /// A condition that holds for about half of the requests, made of request data alone.
    pub fn coin(&mut self) -> Json {
        let text =
            format!("(P.id == {} || R.attr.public == true)", quote(&self.rng.pick(&self.world.principals).clone()));
        json!({"match": {"expr": self.distinct(text)}})
    }
}

fn put(body: &mut Map<String, Json>, key: &str, local: Map<String, Json>) {
    let entry = body.entry(key).or_insert_with(|| json!({}));
    entry["local"] = Json::Object(local);
}
