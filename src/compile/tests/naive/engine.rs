//! A second engine, written down straight from the specification (§9-§12): every rule is looked at for every question,
//! nothing is indexed, remembered or lowered. It shares the file decoder, globs and the request view with the real one.

use std::cell::RefCell;

use super::expressions::{self, Definitions, Derived, Expressions, Sight, Tri};
use super::rows::{self, Kind, Row, gated};
use crate::engine::request::Request;
use crate::engine::{Params, Semantics};
use crate::policy::model::{Body, Policy, RuleEffect, ScopePermissions, Text};
use crate::policy::names;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub allowed: bool,
    pub policy: String,
    pub scope: String,
}

pub struct Naive<'s> {
    rows: Vec<Row<'s>>,
    /// How names of kinds are compared.
    fold: fn(&str) -> String,
    policies: &'s [Policy],
    params: &'s Params,
    cel: &'s Expressions<'s>,
}

/// What a scope, a chain of scopes or a role gave.
#[derive(Clone)]
enum Said {
    Nothing,
    Allow(String),
    Deny(Option<String>, String),
    Stop(String, String),
}

fn parents<'p>(policy: &'p Policy, role: &str, scope: &str, exact: bool, version: &str) -> &'p [Text] {
    match &policy.body {
        Body::Role(p) if p.role.value == role && p.scope.value == scope => {
            let own = if p.version.value.is_empty() { "default" } else { &p.version.value };
            if exact && own != version { &[] } else { &p.parent_roles }
        }
        _ => &[],
    }
}

impl<'s> Naive<'s> {
    pub fn new(
        policies: &'s [Policy],
        definitions: &'s [Definitions<'s>],
        params: &'s Params,
        cel: &'s Expressions<'s>,
    ) -> Self {
        let fold = if params.semantics == Semantics::Safe { str::to_owned } else { names::sanitize };
        let rows = policies.iter().zip(definitions).flat_map(|(p, d)| rows::of(p, d, fold)).collect();
        Self { rows, fold, policies, params, cel }
    }

    fn safe(&self) -> bool {
        self.params.semantics == Semantics::Safe
    }

    /// §11.1: the scope and those above it in which there are rows of the kind.
    fn chain(&self, scope: &str, principal: bool, kind: &str) -> Vec<String> {
        let known = |s: &str| self.rows.iter().any(|r| (r.kind == Kind::Principal) == principal && r.scope == s);
        let here = |r: &Row<'_>| r.scope == scope && self.is_about(r, kind);
        let exists = if self.safe() && !principal { self.rows.iter().any(here) } else { known(scope) };
        if !exists && !self.params.lenient_scope_search {
            return Vec::new();
        }
        let above = names::scope_parents(scope).filter(|s| known(s)).map(str::to_owned);
        exists.then(|| scope.to_owned()).into_iter().chain(above).collect()
    }

    fn is_about(&self, row: &Row<'_>, kind: &str) -> bool {
        match row.kind {
            Kind::Resource => row.name == kind,
            Kind::Role => row.resource.matches(kind),
            Kind::Principal => false,
        }
    }

    /// §11.2, a property of the scope.
    fn needs_consent(&self, scope: &str) -> bool {
        let of = |p: &'s Policy| match &p.body {
            Body::Resource(p) => Some((&p.scope.value, p.scope_permissions.value)),
            Body::Principal(p) => Some((&p.scope.value, p.scope_permissions.value)),
            _ => None,
        };
        self.policies.iter().filter_map(of).any(|(s, p)| s == scope && p == ScopePermissions::RequireParentalConsent)
    }

    /// §12.1: the role and its ancestors, nearest first. In the reference by role policies of exactly the requested
    /// scope, whatever their version; by default by those in force.
    fn with_ancestors(&self, role: &str, scope: &str, chain: &[String], version: &str) -> Vec<String> {
        let exact = [scope.to_owned()];
        let mut all = vec![role.to_owned()];
        let mut next = 0;
        while next < all.len() {
            for scope in if self.safe() { chain } else { &exact } {
                let role = all[next].clone();
                for parent in self.policies.iter().flat_map(|p| parents(p, &role, scope, self.safe(), version)) {
                    if !all.contains(&parent.value) {
                        all.push(parent.value.clone());
                    }
                }
            }
            next += 1;
        }
        all
    }

    /// §10: the answers for the actions of one resource.
    pub fn decide<'a>(&self, request: &Request<'_>, sight: &Sight<'a>) -> Vec<Answer>
    where
        's: 'a,
    {
        let (principal, resource) = (&request.principal, &request.resource);
        let or = |given: &str, default: &str| if given.is_empty() { default.to_owned() } else { given.to_owned() };
        let scope = |given: &str| {
            let scope = or(given, &self.params.default_scope);
            scope.strip_prefix('.').map(str::to_owned).unwrap_or(scope)
        };
        let version = or(resource.policy_version, &self.params.default_policy_version);
        let principal_version = or(principal.policy_version, &self.params.default_policy_version);
        let kind = (self.fold)(resource.kind);
        let resource_scope = scope(resource.scope);
        let principals = self.chain(&scope(principal.scope), true, &kind);
        let resources = self.chain(&resource_scope, false, &kind);
        let of = |p: bool, version: &str, chain: &[String], row: &Row<'_>| {
            (row.kind == Kind::Principal) == p && row.version == version && chain.iter().any(|s| s == row.scope)
        };
        let principal_exists = self.rows.iter().any(|r| of(true, &principal_version, &principals, r));
        let resource_exists = self.rows.iter().any(|r| of(false, &version, &resources, r) && self.is_about(r, &kind));
        let first = |chain: &[String]| chain.first().cloned().unwrap_or_default();
        let principal_key = match principal_exists {
            true => names::principal_key(principal.id, &principal_version, &first(&principals)),
            false => "NO_MATCH".into(),
        };
        let resource_key = match resource_exists {
            true => names::resource_key(resource.kind, &version, &first(&resources)),
            false => "NO_MATCH".into(),
        };
        let role_sets: Vec<Vec<String>> =
            principal.roles.iter().map(|r| self.with_ancestors(r, &resource_scope, &resources, &version)).collect();
        let id = principal.id.to_owned();
        let mut ask = Ask {
            naive: self,
            sight,
            id,
            kind,
            version,
            role_sets,
            resources,
            derived: Vec::new(),
            last: None,
            seen: RefCell::default(),
            met: RefCell::default(),
        };
        let answer = |said: Said, key: &str| match said {
            Said::Nothing => Answer { allowed: false, policy: key.into(), scope: String::new() },
            Said::Allow(scope) => Answer { allowed: true, policy: key.into(), scope },
            Said::Deny(policy, scope) => Answer { allowed: false, policy: policy.unwrap_or_else(|| key.into()), scope },
            Said::Stop(policy, scope) => Answer { allowed: false, policy, scope },
        };
        let mut answers = Vec::new();
        for action in request.actions {
            if !principal_exists && !resource_exists {
                answers.push(answer(Said::Nothing, "NO_MATCH"));
                continue;
            }
            let said = ask.principal(action, &principals);
            if !matches!(said, Said::Nothing) {
                answers.push(answer(said, &principal_key));
                continue;
            }
            let mut last = Said::Nothing;
            for role in 0..principal.roles.len() {
                let said = ask.role(action, role);
                let ends = matches!(said, Said::Allow(_) | Said::Stop(..));
                if ends || matches!(last, Said::Nothing) {
                    last = said;
                }
                if ends {
                    break;
                }
            }
            answers.push(answer(last, &resource_key));
        }
        answers
    }
}

/// One resource being decided.
struct Ask<'n, 's, 'a> {
    naive: &'n Naive<'s>,
    sight: &'n Sight<'a>,
    id: String,
    kind: String,
    version: String,
    role_sets: Vec<Vec<String>>,
    resources: Vec<String>,
    /// Derived roles of the scopes entered so far, in chain order; and which was entered last.
    derived: Vec<Derived>,
    last: Option<usize>,
    /// In the reference: the derived roles that the variables of principal policies saw first, and what the conditions
    /// of their rules came to.
    seen: RefCell<Vec<(*const Policy, &'a Derived)>>,
    met: RefCell<Vec<(*const Row<'s>, Tri)>>,
}

impl<'s: 'a, 'a> Ask<'_, 's, 'a> {
    fn rows(&self, kind: Kind, name: &str, scope: &str) -> impl Iterator<Item = &Row<'s>> {
        let of = move |r: &&Row<'s>| r.kind == kind && r.name == *name && r.scope == scope && r.version == self.version;
        self.naive.rows.iter().filter(of)
    }

    /// §10.2 for principal policies.
    fn principal(&self, action: &str, chain: &[String]) -> Said {
        let runtime = match self.last {
            Some(level) if !self.naive.safe() => self.derived[level].clone(),
            _ => Some(Vec::new()),
        };
        for scope in chain {
            let rows = self.rows(Kind::Principal, &self.id, scope).filter(|r| r.resource.matches(&self.kind));
            let said = self.apply(rows.filter(|r| r.actions.iter().any(|a| a.matches(action))), &runtime, scope);
            let asks_on = matches!(said, Said::Allow(_)) && self.naive.needs_consent(scope);
            if !matches!(said, Said::Nothing) && !asks_on {
                return said;
            }
        }
        Said::Nothing
    }

    /// §10.2 for one of the principal's roles.
    fn role(&mut self, action: &str, role: usize) -> Said {
        for level in 0..self.resources.len() {
            self.enter(level);
            let scope = &self.resources[level];
            let roles = &self.role_sets[role];
            let mut said = self.role_policies(action, roles, level);
            if matches!(said, Said::Nothing) {
                let rows = self.rows(Kind::Resource, &self.kind, scope).filter(|r| {
                    r.actions.iter().any(|a| a.matches(action))
                        && r.roles.iter().any(|p| roles.iter().any(|r| p.matches(r)))
                });
                said = self.apply(rows, &self.derived[level], scope);
            }
            let asks_on = matches!(said, Said::Allow(_)) && self.naive.needs_consent(scope);
            if !matches!(said, Said::Nothing) && !asks_on {
                return said;
            }
        }
        Said::Nothing
    }

    /// §12.2.
    fn role_policies(&self, action: &str, roles: &[String], level: usize) -> Said {
        let (scope, runtime) = (&self.resources[level], &self.derived[level]);
        let of = |role: &str| -> Vec<&Row<'s>> { self.rows(Kind::Role, role, scope).collect() };
        let mentions = |r: &Row<'s>| r.roles.iter().any(|p| roles.iter().any(|role| p.matches(role)));
        let known = self.rows(Kind::Resource, &self.kind, scope).any(mentions)
            || roles.iter().any(|role| of(role).iter().any(|r| r.resource.matches(&self.kind)));
        if !known && !self.naive.safe() {
            return Said::Nothing;
        }
        for role in roles {
            let all = of(role);
            let listing = |r: &&&Row<'s>| r.resource.matches(&self.kind) && r.actions.iter().any(|a| a.matches(action));
            let key = || names::role_key(role, &self.version, scope);
            if !all.is_empty() && !all.iter().any(|r| listing(&r)) {
                return Said::Deny(Some(key()), scope.clone());
            }
            for row in all.iter().filter(listing) {
                match self.naive.cel.condition(row.condition, row.policy, self.sight, runtime) {
                    Tri::True => {}
                    Tri::Error if self.naive.params.semantics == Semantics::CerbosStrict => {
                        return Said::Stop(key(), scope.clone());
                    }
                    Tri::False | Tri::Error => return Said::Deny(Some(key()), scope.clone()),
                }
            }
        }
        Said::Nothing
    }

    /// What the rows that match say: a DENY beats every ALLOW.
    fn apply<'r>(&self, rows: impl Iterator<Item = &'r Row<'s>>, runtime: &Derived, scope: &str) -> Said
    where
        's: 'r,
    {
        let mut said = Said::Nothing;
        for row in rows {
            let denies = row.effect == RuleEffect::Deny || row.turned;
            let active = match row.derived {
                Some((set, role)) => {
                    let condition = expressions::condition(role.condition.as_ref());
                    self.naive.cel.condition(condition, set, self.sight, runtime)
                }
                None => Tri::True,
            };
            let strict = self.naive.params.semantics == Semantics::CerbosStrict;
            let met = match active {
                Tri::False => continue,
                Tri::Error if strict || !denies => Tri::Error,
                Tri::True | Tri::Error if row.kind == Kind::Principal => self.of_principal(row, runtime),
                Tri::True | Tri::Error => self.naive.cel.condition(row.condition, row.policy, self.sight, runtime),
            };
            match (met, row.turned) {
                (Tri::Error, _) if strict => return Said::Stop(row.policy.key(), scope.to_owned()),
                (Tri::Error, _) if !denies => {}
                (Tri::True, true) | (Tri::False, false) => {}
                _ if denies => return Said::Deny(None, scope.to_owned()),
                _ => said = Said::Allow(scope.to_owned()),
            }
        }
        said
    }

    /// A condition of a principal policy; in the reference it is worked out once in a request, and so are variables.
    fn of_principal(&self, row: &Row<'s>, runtime: &Derived) -> Tri {
        if self.naive.safe() {
            return self.naive.cel.condition(row.condition, row.policy, self.sight, runtime);
        }
        let mut seen = self.seen.borrow_mut();
        let first = match seen.iter().find(|(policy, _)| std::ptr::eq(*policy, row.policy)) {
            Some((_, first)) => *first,
            None => {
                let first: &'a Derived = self.sight.bump.alloc(runtime.clone());
                seen.push((row.policy, first));
                first
            }
        };
        let mut met = self.met.borrow_mut();
        if let Some((_, known)) = met.iter().find(|(of, _)| std::ptr::eq(*of, row)) {
            return *known;
        }
        let sight = Sight { of_variables: Some(first), ..*self.sight };
        let now = self.naive.cel.condition(row.condition, row.policy, &sight, runtime);
        met.push((row, now));
        now
    }

    /// §10.3: the derived roles of a scope that is entered.
    fn enter(&mut self, level: usize) {
        self.last = Some(level);
        if level < self.derived.len() {
            return;
        }
        let semantics = self.naive.params.semantics;
        let before = level.checked_sub(1).map_or(Some(Vec::new()), |l| self.derived[l].clone());
        let (mut names, mut failed) = (Vec::new(), false);
        for (set, role) in self.rows(Kind::Resource, &self.kind, &self.resources[level]).filter_map(|r| r.derived) {
            let parents = role.parent_roles.iter().map(|t| &*t.value);
            let has_parent = self.role_sets.iter().flatten().any(|r| {
                parents.clone().any(|p| p == "*" || if self.naive.safe() { gated(p).matches(r) } else { p == r })
            });
            let sight = Sight { null_failed: semantics == Semantics::Cerbos, ..*self.sight };
            let condition = expressions::condition(role.condition.as_ref());
            match has_parent.then(|| self.naive.cel.condition(condition, set, &sight, &before)) {
                Some(Tri::True) => names.push(role.name.value.clone()),
                Some(Tri::Error) => failed = true,
                Some(Tri::False) | None => {}
            }
        }
        names.sort();
        names.dedup();
        self.derived.push((!failed).then_some(names));
    }
}
