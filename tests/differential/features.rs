//! Which parts of the language the generator may use: `FEATURES=resource,derived,…`, `FEATURES=all`, or a change to
//! the default such as `FEATURES=+schemas,-principal`.

use std::collections::BTreeSet;
use std::fmt;

/// One part of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Conditions richer than a comparison: all of CEL that the generator knows.
    Cel,
    /// Derived roles.
    Derived,
    /// Scoped policies and scoped requests.
    Scopes,
    /// `scopePermissions`.
    Permissions,
    /// Principal policies.
    Principal,
    /// Role policies.
    Role,
    /// Rule outputs.
    Outputs,
    /// Local variables and constants.
    Variables,
    /// Exported variables and constants.
    Imports,
    /// Globs in actions, roles and resources.
    Globs,
    /// Several policy versions.
    Versions,
    /// Names that the reference folds.
    Names,
    /// `runtime.effectiveDerivedRoles`.
    Runtime,
    /// `engine.globals`, default version and scope, lenient scope search.
    Config,
    /// Disabled policies.
    Disabled,
    /// Stores that must be refused.
    Broken,
    /// Requests that must be refused.
    BadRequests,
    /// Attribute schemas.
    Schemas,
    /// Tokens in `auxData`.
    Jwt,
}

/// Every feature, its name, and whether it is on by default.
const ALL: &[(Feature, &str, bool)] = &[
    (Feature::Cel, "cel", true),
    (Feature::Derived, "derived", true),
    (Feature::Scopes, "scopes", true),
    (Feature::Permissions, "permissions", true),
    (Feature::Principal, "principal", true),
    (Feature::Role, "role", true),
    (Feature::Outputs, "outputs", true),
    (Feature::Variables, "variables", true),
    (Feature::Imports, "imports", true),
    (Feature::Globs, "globs", true),
    (Feature::Versions, "versions", true),
    (Feature::Names, "names", true),
    (Feature::Runtime, "runtime", true),
    (Feature::Config, "config", true),
    (Feature::Disabled, "disabled", true),
    (Feature::Broken, "broken", true),
    (Feature::BadRequests, "bad-requests", true),
    (Feature::Schemas, "schemas", true),
    (Feature::Jwt, "jwt", true),
];

/// A set of features.
#[derive(Clone, Debug)]
pub struct Features(BTreeSet<Feature>);

impl Features {
    /// Reads the `FEATURES` variable; empty means the default set.
    pub fn parse(text: &str) -> Result<Self, String> {
        let items: Vec<&str> = text.split(',').map(str::trim).filter(|s| !s.is_empty()).collect();
        let relative = items.iter().all(|i| i.starts_with(['+', '-']));
        let mut set: BTreeSet<Feature> =
            ALL.iter().filter(|(_, _, on)| relative && *on).map(|(feature, ..)| *feature).collect();
        for item in items {
            let (add, name) = match item.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, item.trim_start_matches('+')),
            };
            let chosen: Vec<Feature> =
                ALL.iter().filter(|(_, n, _)| *n == name || name == "all").map(|a| a.0).collect();
            if chosen.is_empty() && name != "resource" {
                let names: Vec<&str> = ALL.iter().map(|a| a.1).collect();
                return Err(format!("unknown feature `{name}`; known: resource, all, {}", names.join(", ")));
            }
            for feature in chosen {
                if add {
                    set.insert(feature);
                } else {
                    set.remove(&feature);
                }
            }
        }
        Ok(Self(set))
    }

    /// Is it on?
    pub fn has(&self, feature: Feature) -> bool {
        self.0.contains(&feature)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = ALL.iter().filter(|a| self.has(a.0)).map(|a| a.1).collect();
        write!(f, "resource,{}", names.join(","))
    }
}
