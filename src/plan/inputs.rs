//! What a plan knows: the principal, claims, globals, and of the resource its kind, scope and some attributes; which
//! scopes and roles count, worked out as for a decision.

use std::cell::RefCell;

use bumpalo::collections::Vec as BumpVec;

use crate::cel::context::Context;
use crate::cel::partial::Term;
use crate::cel::partial::{Folded, Part, Partial, Place};
use crate::cel::unit::Unit;
use crate::cel::value::Value;
use crate::engine::request::{Request, scope_for_expressions};
use crate::engine::scope;
use crate::engine::table::{NameRef, PairRef, Policy, RuleTable};
use crate::engine::{Params, roots};
use crate::policy::names;

/// One scope of the resource chain.
pub(super) struct Level<'a> {
    pub(super) scope: &'a str,
    pub(super) consent: bool,
    pub(super) policy: Option<&'a Policy>,
    /// `runtime.effectiveDerivedRoles`, once worked out.
    pub(super) derived: Option<Part<'a>>,
}

type Roots<'a> = &'a [(&'a str, Part<'a>)];

pub(super) struct Inputs<'a> {
    pub(super) table: &'a RuleTable,
    pub(super) params: &'a Params,
    pub(super) request: Request<'a>,
    pub(super) cx: Context<'a>,
    pub(super) version: &'a str,
    principal_version: &'a str,
    pub(super) kind: &'a str,
    pub(super) principal_chain: &'a [&'a str],
    pub(super) levels: Vec<Level<'a>>,
    /// For each principal role, the role and its ancestors.
    pub(super) role_sets: Vec<&'a [&'a str]>,
    base: Vec<(&'a str, Part<'a>)>,
    partials: Vec<(*const Unit, usize, &'a Partial<'a>)>,
    folded: Option<&'a RefCell<Vec<Folded>>>,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(
        table: &'a RuleTable,
        params: &'a Params,
        request: &Request<'a>,
        maps: &[&'a str],
        cx: Context<'a>,
        folded: Option<&'a RefCell<Vec<Folded>>>,
    ) -> Self {
        let bump = cx.bump;
        let version = scope::version(request.resource.policy_version, &params.default_policy_version);
        let principal_version = scope::version(request.principal.policy_version, &params.default_policy_version);
        let principal_scope = scope::effective(request.principal.scope, &params.default_scope);
        let resource_scope = scope::effective(request.resource.scope, &params.default_scope);
        let kind = if table.folded_names {
            bump.alloc_str(&names::sanitize(request.resource.kind))
        } else {
            request.resource.kind
        };
        let known = |s: &str| table.scopes.principal.contains(s);
        let lenient = params.lenient_scope_search;
        let principal_chain = scope::chain(principal_scope, known(principal_scope), lenient, known, bump);
        let leaf = table.resources.get(&NameRef { name: kind, version, scope: resource_scope });
        let chain = scope::resource_chain(table, params, kind, resource_scope, leaf.is_some(), bump);
        let levels = chain.iter().map(|scope| Level {
            scope,
            consent: table.scopes.consent.contains(*scope),
            policy: table.resources.get(&NameRef { name: kind, version, scope }),
            derived: None,
        });
        let ancestors =
            |role: &'a &'a str| scope::with_ancestors(table, params, role, resource_scope, chain, version, bump);
        Self {
            table,
            params,
            request: *request,
            cx,
            version,
            principal_version,
            kind,
            principal_chain,
            levels: levels.collect(),
            role_sets: request.principal.roles.iter().map(ancestors).collect(),
            base: base(params, request, maps, cx),
            partials: Vec::new(),
            folded,
        }
    }

    /// True if some policy could speak about the request (spec §10.1). The reference's plans only ask whether there is
    /// any policy in any of the scopes.
    pub(super) fn anything_exists(&self) -> bool {
        if super::is_reference(self.params.semantics) {
            return !self.levels.is_empty() || !self.principal_chain.is_empty();
        }
        let (table, kind, version) = (self.table, self.kind, self.version);
        let resource =
            self.levels.iter().any(|l| l.policy.is_some() || scope::has_role_policy(table, kind, version, l.scope));
        let known = &table.scopes.principal_versions;
        resource || self.principal_chain.iter().any(|scope| known.contains(&PairRef(self.principal_version, scope)))
    }

    /// True if a resource or principal policy, of whatever name, lives in the scope.
    pub(super) fn has_policies(&self, scope: &str) -> bool {
        self.table.resources.keys().any(|name| *name.scope == *scope)
            || self.table.principals.keys().any(|name| *name.scope == *scope)
    }

    /// The evaluator of a unit; `level` tells whose derived roles it sees, `usize::MAX` for none.
    pub(super) fn partial(&mut self, unit: &'a Unit, level: usize) -> &'a Partial<'a> {
        let level = if unit.reads_root(roots::RUNTIME) { level } else { usize::MAX };
        let id: *const Unit = unit;
        if let Some((_, _, known)) = self.partials.iter().find(|(u, l, _)| *u == id && *l == level) {
            return known;
        }
        let derived = self.levels.get(level).and_then(|l| l.derived);
        let partial = self.fresh(unit, derived);
        let partial: &'a Partial<'a> = self.cx.bump.alloc(partial.noting(self.folded));
        self.partials.push((id, level, partial));
        partial
    }

    /// An evaluator that sees these derived roles.
    pub(super) fn fresh(&self, unit: &'a Unit, derived: Option<Part<'a>>) -> Partial<'a> {
        let bump = self.cx.bump;
        let roles = derived.unwrap_or(Part::Known(Value::list(&[])));
        let fields = bump.alloc([("effectiveDerivedRoles", roles), ("effective_derived_roles", roles)]);
        let runtime = Part::Place(bump.alloc(Place { path: "runtime", fields, declared: true, is_map: false }));
        let mut all = BumpVec::with_capacity_in(self.base.len() + 1, bump);
        all.extend_from_slice(&self.base);
        all.push(("runtime", runtime));
        let all: Roots<'a> = all.into_bump_slice();
        Partial::new(unit, all, self.cx, super::is_reference(self.params.semantics))
    }
}

fn base<'a>(params: &'a Params, request: &Request<'a>, maps: &[&'a str], cx: Context<'a>) -> Vec<(&'a str, Part<'a>)> {
    let bump = cx.bump;
    let mut attributes = BumpVec::with_capacity_in(request.resource.attr.len(), bump);
    attributes.extend(request.resource.attr.iter().filter_map(|(k, v)| match k {
        Value::String(name) => Some((name, Part::Known(v))),
        _ => None,
    }));
    attributes.extend(maps.iter().map(|name| {
        let path = bump.alloc_str(&format!("request.resource.attr.{name}"));
        (*name, Part::Place(bump.alloc(Place { path, fields: &[], declared: false, is_map: true })))
    }));
    let attr: &'a Place<'a> = bump.alloc(Place {
        path: "request.resource.attr",
        fields: attributes.into_bump_slice(),
        declared: false,
        is_map: true,
    });
    let version = Part::Unknown(Term::Variable("request.resource.policyVersion"));
    let resource: &'a Place<'a> = bump.alloc(Place {
        path: "request.resource",
        fields: bump.alloc([
            ("kind", Part::Known(Value::String(request.resource.kind))),
            ("scope", Part::Known(Value::String(scope_for_expressions(request.resource.scope)))),
            ("attr", Part::Place(attr)),
            ("policyVersion", version),
            ("policy_version", version),
        ]),
        declared: true,
        is_map: false,
    });
    let principal = Part::Known(Value::Message(request.principal.message(bump)));
    let aux = Part::Known(Value::Message(request.aux.message(bump)));
    let whole: &'a Place<'a> = bump.alloc(Place {
        path: "request",
        fields: bump.alloc([
            ("principal", principal),
            ("resource", Part::Place(resource)),
            ("auxData", aux),
            ("aux_data", aux),
        ]),
        declared: true,
        is_map: false,
    });
    vec![
        ("request", Part::Place(whole)),
        ("P", principal),
        ("R", Part::Place(resource)),
        ("G", Part::Known(params.globals.view())),
    ]
}
