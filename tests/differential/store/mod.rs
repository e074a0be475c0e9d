//! Policy stores: the generator's own form (JSON trees, so that a mismatch can be shrunk by cutting branches), how one
//! is put together, and how it is written to disk.

pub mod breaking;
mod parts;
pub mod permute;
mod policies;
mod schemas;
pub mod world;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value as Json;

use super::features::{Feature, Features};
use super::rng::Rng;
use super::yaml;
use parts::Writer;
use world::World;

/// One file of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Path relative to the store's root.
    pub path: String,
    /// What it says.
    pub body: Body,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A policy, and the seed of its spelling.
    Policy(Json, u64),
    /// Text as is.
    Text(String),
}

impl File {
    /// The text on disk.
    pub fn text(&self) -> String {
        match &self.body {
            Body::Text(text) => text.clone(),
            Body::Policy(json, _) if self.path.ends_with(".json") => format!("{json:#}\n"),
            Body::Policy(json, style) => yaml::write(json, *style),
        }
    }
}

/// A store and the settings it is served with.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Files, sorted by path.
    pub files: Vec<File>,
    /// Configuration both sides get.
    pub settings: Json,
}

impl Store {
    /// Replaces the contents of `dir` with this store.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::create_dir_all(dir)?;
        for file in &self.files {
            let path = dir.join(&file.path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, file.text())?;
        }
        Ok(())
    }
}

/// Policies to be filed.
struct Filing {
    files: Vec<File>,
    used: usize,
    leaves: BTreeSet<String>,
}

impl Filing {
    fn add(&mut self, rng: &mut Rng, stem: &str, mut policy: Json) {
        if rng.chance(8) {
            to_top_level(&mut policy);
        }
        self.used += 1;
        let folder = rng.word(&["", "", "a/", "pol/sub/", "z/"]);
        let extension = if rng.chance(15) { "json" } else { "yaml" };
        let path = format!("{folder}{}_{stem}.{extension}", self.used);
        self.files.push(File { path, body: Body::Policy(policy, rng.next()) });
    }
}

/// Local variables where old policies have them: beside the policy's body.
fn to_top_level(policy: &mut Json) {
    for kind in ["resourcePolicy", "principalPolicy", "rolePolicy", "derivedRoles"] {
        let local = policy.pointer_mut(&format!("/{kind}/variables")).and_then(|v| v.as_object_mut()?.remove("local"));
        if let Some(local) = local {
            policy["variables"] = local;
        }
    }
}

/// A store for `world`.
pub fn generate(rng: &mut Rng, world: &World, features: &Features) -> Store {
    let mut filing = Filing { files: Vec::new(), used: 0, leaves: BTreeSet::new() };
    library(rng, world, features, &mut filing);
    let mut order: Vec<(&String, &String)> =
        world.kinds.iter().flat_map(|k| world.versions.iter().map(move |v| (k, v))).collect();
    rng.shuffle(&mut order);
    for (kind, version) in order {
        if rng.chance(10) {
            continue;
        }
        for scope in covered(rng, world, 45) {
            let policy =
                policies::resource(&mut Writer::new(rng, world, features, &mut filing.leaves), kind, version, &scope);
            filing.add(rng, "resource", policy);
        }
    }
    if features.has(Feature::Principal) && rng.chance(60) {
        for id in rng.sample(&world.principals, 2) {
            for version in &world.versions {
                if rng.chance(70) {
                    for scope in covered(rng, world, 40) {
                        let policy = policies::principal(
                            &mut Writer::new(rng, world, features, &mut filing.leaves),
                            &id,
                            version,
                            &scope,
                        );
                        filing.add(rng, "principal", policy);
                    }
                }
            }
        }
    }
    role_policies(rng, world, features, &mut filing);
    if features.has(Feature::Disabled) && rng.chance(20) {
        let version = rng.pick(&world.versions).clone();
        let kind = rng.pick(&world.kinds).clone();
        let mut policy =
            policies::resource(&mut Writer::new(rng, world, features, &mut filing.leaves), &kind, &version, "gone");
        policy["disabled"] = Json::Bool(true);
        filing.add(rng, "disabled", policy);
    }
    let mut settings = world.settings.clone();
    if features.has(Feature::Schemas) {
        for (path, text) in schemas::files(rng) {
            filing.files.push(File { path, body: Body::Text(text) });
        }
        let enforcement = rng.word(&["warn", "warn", "reject", "none"]);
        settings["schema"] = serde_json::json!({"enforcement": enforcement});
    }
    filing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Store { files: filing.files, settings }
}

/// A store of one policy that allows each action of `world` under a condition of its own.
pub fn expressions(rng: &mut Rng, world: &World, features: &Features) -> Store {
    let mut filing = Filing { files: Vec::new(), used: 0, leaves: BTreeSet::new() };
    library(rng, world, features, &mut filing);
    let mut writer = Writer::new(rng, world, features, &mut filing.leaves);
    let policy = policies::expressions(&mut writer, &world.kinds[0]);
    filing.add(rng, "resource", policy);
    filing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Store { files: filing.files, settings: world.settings.clone() }
}

/// A random subset of the scopes, closed under parents.
fn covered(rng: &mut Rng, world: &World, percent: u64) -> Vec<String> {
    let mut list = vec![String::new()];
    for scope in &world.scopes {
        if rng.chance(percent) {
            for parent in world::chain(scope) {
                if !list.contains(&parent) {
                    list.push(parent);
                }
            }
        }
    }
    list
}

fn library(rng: &mut Rng, world: &World, features: &Features, filing: &mut Filing) {
    for index in 0..world.role_sets.len() {
        let policy = policies::derived_roles(&mut Writer::new(rng, world, features, &mut filing.leaves), index);
        filing.add(rng, "derived_roles", policy);
    }
    for index in 0..world.variables.len() {
        let policy = policies::variables(&mut Writer::new(rng, world, features, &mut filing.leaves), index);
        filing.add(rng, "variables", policy);
    }
    for index in 0..world.constants.len() {
        let policy = policies::constants(&mut Writer::new(rng, world, features, &mut filing.leaves), index);
        filing.add(rng, "constants", policy);
    }
}

fn role_policies(rng: &mut Rng, world: &World, features: &Features, filing: &mut Filing) {
    for role in &world.policy_roles {
        for scope in &world.scopes {
            // A role policy counts as "unset" in the conflict check.
            if world.permissions.get(scope).is_some_and(Option::is_some) || !rng.chance(60) {
                continue;
            }
            let count = rng.below(3);
            let parents = rng.sample(&world.roles, count);
            for version in &world.versions {
                if rng.chance(if version == "default" { 90 } else { 50 }) {
                    let policy = policies::role(
                        &mut Writer::new(rng, world, features, &mut filing.leaves),
                        role,
                        version,
                        scope,
                        &parents,
                    );
                    filing.add(rng, "role", policy);
                }
            }
        }
    }
}
