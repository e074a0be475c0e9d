//! The state of one `decide`: what is fixed for the request, what is computed at most once (frames, effective derived
//! roles), and what is collected on the way (outputs, errors, trace). Decides nothing.

use std::fmt::Write as _;

use bumpalo::{Bump, collections::String as BumpString, collections::Vec as BumpVec};

use super::aside::{Aside, First};
use super::condition::{self, Condition, Failure, Tri, record};
use super::decide::{Params, Semantics, Wants};
use super::decision::{ActionResult, Cause, Decision, Effect, OutputEntry, PolicyRef, ValidationError};
use super::request::{REQUEST, RUNTIME, Request, runtime};
use super::seen::Seen;
use super::table::{DerivedRef, DerivedRole, DerivedSet, NameRef, PairRef, Policy, Rule, RuleTable};
use super::walk::Spoken;
use super::{roots, scope};
use crate::cel::budget::Budget;
use crate::cel::value::{List, Message, Timestamp, Value};
use crate::cel::{ExprId, Frame, Inputs, Truth, Unit};
use crate::policy::names;

/// One scope of the resource chain.
pub(super) struct Level<'a> {
    pub(super) scope: &'a str,
    pub(super) consent: bool,
    pub(super) policy: Option<&'a Policy>,
    frame: Option<&'a Frame<'a>>,
    /// Rules that may have something to say about the action that is being decided, once they have been looked up.
    rules: Option<&'a mut [u32]>,
    derived: Option<Derived<'a>>,
}

/// Effective derived roles of one scope.
#[derive(Clone, Copy)]
pub(super) struct Derived<'a> {
    /// Names, sorted.
    names: &'a [&'a str],
    /// The condition of at least one erred: what the set is, is not known.
    failed: bool,
}

pub(super) struct Call<'a> {
    pub(super) table: &'a RuleTable,
    pub(super) params: &'a Params,
    pub(super) request: Request<'a>,
    pub(super) bump: &'a Bump,
    pub(super) wants: Wants,
    pub(super) version: &'a str,
    pub(super) principal_version: &'a str,
    pub(super) kind: &'a str,
    pub(super) principal_chain: &'a [&'a str],
    pub(super) levels: BumpVec<'a, Level<'a>>,
    /// For each principal role, the role and its ancestors.
    pub(super) role_sets: &'a [&'a [&'a str]],
    pub(super) outputs: BumpVec<'a, OutputEntry<'a>>,
    /// The first ALLOW of the action that matched all but its condition.
    pub(super) near: Option<Spoken<'a>>,
    pub(super) exhausted: bool,
    /// Where the outputs of the walk that goes on begin.
    pub(super) walk_outputs: usize,
    /// The level that was entered last.
    entered: Option<usize>,
    pub(super) validation_errors: &'a [ValidationError<'a>],
    now: Option<Timestamp>,
    pub(super) budget: &'a Budget,
    base_roots: &'a [Value<'a>],
    aside: Option<&'a mut Aside<'a>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        table: &'a RuleTable,
        params: &'a Params,
        request: &Request<'a>,
        now: Option<Timestamp>,
        wants: Wants,
        bump: &'a Bump,
    ) -> Self {
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
        let resource_chain = scope::resource_chain(table, params, kind, resource_scope, leaf.is_some(), bump);
        let mut levels = BumpVec::with_capacity_in(resource_chain.len(), bump);
        for scope in resource_chain {
            levels.push(Level {
                scope,
                consent: table.scopes.consent.contains(*scope),
                policy: match leaf {
                    Some(policy) if *scope == resource_scope => Some(policy),
                    _ => table.resources.get(&NameRef { name: kind, version, scope }),
                },
                frame: None,
                rules: None,
                derived: None,
            });
        }
        let role_sets = bump.alloc_slice_fill_iter(request.principal.roles.iter().map(|role| {
            if table.roles.is_empty() {
                std::slice::from_ref(role)
            } else {
                scope::with_ancestors(table, params, role, resource_scope, resource_chain, version, bump)
            }
        }));
        Self {
            table,
            params,
            request: *request,
            bump,
            wants,
            version,
            principal_version,
            kind,
            principal_chain,
            levels,
            role_sets,
            outputs: BumpVec::new_in(bump),
            near: None,
            exhausted: false,
            walk_outputs: 0,
            entered: None,
            validation_errors: &[],
            now,
            budget: bump.alloc_with(|| Budget::new(params.step_budget)),
            base_roots: bump.alloc_with(|| base_roots(params, request, bump)),
            aside: None,
        }
    }

    /// True if some resource policy or role policy of the version, in a scope of the chain, is about the kind.
    pub(super) fn resource_exists(&self) -> bool {
        let (table, kind, version) = (self.table, self.kind, self.version);
        self.levels.iter().any(|l| l.policy.is_some() || scope::has_role_policy(table, kind, version, l.scope))
    }

    /// True if some principal policy, of whatever principal, has the principal's version in a scope of its chain.
    pub(super) fn principal_exists(&self) -> bool {
        let known = &self.table.scopes.principal_versions;
        self.principal_chain.iter().any(|scope| known.contains(&PairRef(self.principal_version, scope)))
    }

    #[inline(never)]
    fn aside(&mut self) -> &mut Aside<'a> {
        let bump = self.bump;
        self.aside.get_or_insert_with(|| bump.alloc(Aside::new(bump)))
    }

    /// True if the default semantics hold and nobody wants to know what was asked on the way.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.params.semantics == Semantics::Safe && !self.wants.trace && !self.wants.policies
    }

    /// Makes every rule count again, for the next action.
    pub(super) fn open_all(&mut self) {
        self.levels.iter_mut().for_each(|level| level.rules = None);
    }

    /// The rules of a level that are left from the roles before, if any role came before.
    pub(super) fn open_rules(&mut self, level: usize) -> Option<&'a mut [u32]> {
        self.levels.get_mut(level).and_then(|l| l.rules.take())
    }

    /// Keeps what is left for the next role.
    pub(super) fn keep_open(&mut self, level: usize, rules: &'a mut [u32]) {
        if let Some(l) = self.levels.get_mut(level) {
            l.rules = Some(rules);
        }
    }

    /// The frame of the resource policy of a level; computes the level's derived roles first if the policy reads them.
    pub(super) fn level_frame(&mut self, level: usize) -> Option<&'a Frame<'a>> {
        let (policy, known) = self.levels.get(level).map(|l| (l.policy, l.frame))?;
        let policy = policy?;
        if known.is_some() {
            return known;
        }
        let derived = if policy.unit.reads_root(roots::RUNTIME) { Some(self.derived(level)) } else { None };
        let frame = self.new_frame(&policy.unit, derived);
        if let Some(l) = self.levels.get_mut(level) {
            l.frame = Some(frame);
        }
        Some(frame)
    }

    /// The frame of a unit that is no level's own: principal policies, role policies, derived-roles sets. `level` tells
    /// whose derived roles it sees, `usize::MAX` for none.
    pub(super) fn frame(&mut self, unit: &'a Unit, level: usize) -> &'a Frame<'a> {
        let level = if unit.reads_root(roots::RUNTIME) { level } else { usize::MAX };
        let id: *const Unit = unit;
        if let Some((_, _, frame)) = self.aside().frames.iter().find(|(u, l, _)| *u == id && *l == level) {
            return frame;
        }
        let derived = self.levels.get(level).and_then(|l| l.derived);
        let frame = self.new_frame(unit, derived);
        self.aside().frames.push((id, level, frame));
        frame
    }

    /// The frame of a principal policy. It sees no derived roles; in the reference those of the scope that an earlier
    /// action of the request came to last (docs/semantics.md).
    pub(super) fn principal_frame(&mut self, unit: &'a Unit) -> &'a Frame<'a> {
        let level = match self.entered {
            Some(level) if self.params.semantics != Semantics::Safe => level,
            _ => usize::MAX,
        };
        if level != usize::MAX && unit.reads_root(roots::RUNTIME) {
            self.derived(level);
        }
        self.frame(unit, level)
    }

    /// The condition of a principal policy's rule. Where derived roles left over could change it, what it came to first
    /// holds for the rest of the request, and so do the variables.
    pub(super) fn principal_condition(&mut self, rule: &'a Rule, unit: &'a Unit, frame: &'a Frame<'a>) -> Tri<'a> {
        let keeps = self.params.semantics != Semantics::Safe && unit.reads_root(roots::RUNTIME);
        if keeps && self.first_variables(unit).is_none() {
            self.aside().first.push(First::Variables(unit, frame));
        }
        let Some(condition) = &rule.condition else { return Tri::True };
        if !keeps {
            return self.evaluate(condition, frame);
        }
        let id: *const Rule = rule;
        let known = self.aside().first.iter().find_map(|first| match first {
            First::Condition(of, tri) if *of == id => Some(*tri),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let tri = self.evaluate(condition, frame);
            self.aside().first.push(First::Condition(id, tri));
            tri
        })
    }

    fn first_variables(&self, unit: &'a Unit) -> Option<&'a Frame<'a>> {
        let id: *const Unit = unit;
        self.aside.as_ref()?.first.iter().find_map(|first| match first {
            First::Variables(of, frame) if *of == id => Some(*frame),
            _ => None,
        })
    }

    fn new_frame(&mut self, unit: &'a Unit, derived: Option<Derived<'a>>) -> &'a Frame<'a> {
        if unit.reads_root(roots::REQUEST) {
            self.need_request();
        }
        let roots = match derived {
            // Without its field, whatever reads the derived roles fails.
            Some(d) if d.failed => self.roots_with(Value::Message(Message { ty: &RUNTIME, fields: &[] })),
            Some(d) if !d.names.is_empty() => self.roots_with(runtime(d.names, self.bump)),
            _ => self.base_roots,
        };
        let inputs = self.inputs(roots);
        let first = self.first_variables(unit);
        match first {
            Some(first) => self.bump.alloc(first.with_its_variables(inputs)),
            None => self.bump.alloc_with(|| Frame::new(unit, inputs)),
        }
    }

    /// Makes `request`, which few policies read.
    #[cold]
    fn need_request(&mut self) {
        if let [Value::Null, principal, resource, ..] = *self.base_roots {
            let aux = Value::Message(self.request.aux.message(self.bump));
            let fields: &'a [Value<'a>] = self.bump.alloc([principal, resource, aux]);
            let own = self.bump.alloc_slice_copy(self.base_roots);
            if let Some(slot) = own.get_mut(roots::REQUEST) {
                *slot = Value::Message(Message { ty: &REQUEST, fields });
            }
            self.base_roots = own;
        }
    }

    fn roots_with(&self, runtime: Value<'a>) -> &'a [Value<'a>] {
        let own = self.bump.alloc_slice_copy(self.base_roots);
        if let Some(slot) = own.get_mut(roots::RUNTIME) {
            *slot = runtime;
        }
        own
    }

    fn inputs(&self, roots: &'a [Value<'a>]) -> Inputs<'a> {
        Inputs { roots, now: self.now, bump: self.bump, budget: self.budget }
    }

    /// Condition of a derived role that a rule names, in its own set's variables. It sees the roles of the rule's own
    /// level here, but those of the level before while they are being computed (spec §10.3).
    pub(super) fn derived_role(&mut self, policy: &'a Policy, index: usize, level: usize) -> Tri<'a> {
        let Some(at) = policy.derived.get(index) else { return Tri::False };
        if let Some(Some(condition)) = policy.shared.get(index)
            && let Some(frame) = self.level_frame(level)
        {
            return self.evaluate(condition, frame);
        }
        if Self::definition(at).is_some_and(|(set, _)| set.unit.reads_root(roots::RUNTIME)) {
            self.derived(level);
        }
        self.role_condition(at, level)
    }

    /// Whether this was asked of the rule and derived role before.
    pub(super) fn seen_inactive(&mut self, rule: &'a Rule, derived: u32) -> bool {
        let key: (*const Rule, u32) = (rule, derived);
        let seen = self.aside().inactive.contains(&key);
        if !seen {
            self.aside().inactive.push(key);
        }
        seen
    }

    fn role_condition(&mut self, at: &'a DerivedRef, seen: usize) -> Tri<'a> {
        let Some((set, role)) = Self::definition(at) else { return Tri::False };
        let Some(condition) = &role.condition else { return Tri::True };
        let frame = self.frame(&set.unit, seen);
        self.evaluate(condition, frame)
    }

    fn definition(at: &'a DerivedRef) -> Option<(&'a DerivedSet, &'a DerivedRole)> {
        at.definition().map(|role| (&*at.set, role))
    }

    /// Effective derived roles of a level (spec §10.3), computed once.
    pub(super) fn derived(&mut self, level: usize) -> Derived<'a> {
        let Some(known) = self.levels.get(level).map(|l| l.derived) else {
            return Derived { names: &[], failed: false };
        };
        if let Some(known) = known {
            return known;
        }
        // Conditions that read the roles of the level before need those first, whoever asks, and so on up.
        let mut first = level;
        while self.reads_level_before(first) && self.levels.get(first - 1).is_some_and(|l| l.derived.is_none()) {
            first -= 1;
        }
        for before in first..level {
            self.work_out_derived(before);
        }
        self.work_out_derived(level)
    }

    fn reads_level_before(&self, level: usize) -> bool {
        let policy = self.levels.get(level).and_then(|l| l.policy);
        let mut sets = policy.map_or(&[][..], |p| &p.derived).iter().filter_map(Self::definition);
        level > 0 && sets.any(|(set, _)| set.unit.reads_root(roots::RUNTIME))
    }

    fn work_out_derived(&mut self, level: usize) -> Derived<'a> {
        let policy = self.levels.get(level).and_then(|l| l.policy);
        let mut names = BumpVec::new_in(self.bump);
        let mut failed = false;
        for at in policy.map_or(&[][..], |p| &p.derived) {
            let Some((_, role)) = Self::definition(at) else { continue };
            if !self.has_parent(role) {
                continue;
            }
            match self.effective(at, level) {
                Tri::True => names.push(&*role.name),
                Tri::False => {}
                Tri::Error(..) => failed = true,
            }
        }
        names.sort_unstable();
        names.dedup();
        let derived = Derived { names: names.into_bump_slice(), failed };
        if let Some(l) = self.levels.get_mut(level) {
            l.derived = Some(derived);
        }
        derived
    }

    /// Whether a derived role is listed as effective. In the reference's lenient mode a failed variable is null (X24).
    fn effective(&mut self, at: &'a DerivedRef, level: usize) -> Tri<'a> {
        if self.params.semantics != Semantics::Cerbos {
            return self.role_condition(at, level.wrapping_sub(1));
        }
        let Some((set, role)) = Self::definition(at) else { return Tri::False };
        let Some(condition) = &role.condition else { return Tri::True };
        let seen = if set.unit.reads_root(roots::RUNTIME) {
            self.levels.get(level.wrapping_sub(1)).and_then(|l| l.derived)
        } else {
            None
        };
        if set.unit.reads_root(roots::REQUEST) {
            self.need_request();
        }
        let base = seen.map_or(self.base_roots, |d| self.roots_with(runtime(d.names, self.bump)));
        let frame = self.bump.alloc(Frame::new(&set.unit, self.inputs(base)).failed_variables_are_null());
        self.evaluate(condition, frame)
    }

    fn has_parent(&self, role: &DerivedRole) -> bool {
        let mut all = self.role_sets.iter().flat_map(|set| set.iter());
        if self.params.semantics == Semantics::Safe {
            all.any(|r| role.parents.iter().any(|p| p.matches(r)))
        } else {
            role.parent_names.iter().any(|p| &**p == "*") || all.any(|r| role.parent_names.iter().any(|p| **p == **r))
        }
    }

    /// Evaluates a condition under the call's semantics, recording errors.
    #[inline]
    pub(super) fn evaluate(&mut self, condition: &Condition, frame: &'a Frame<'a>) -> Tri<'a> {
        if let Condition::Expr(id) = condition {
            match frame.truth(*id) {
                Truth::True => return Tri::True,
                Truth::False => return Tri::False,
                Truth::NotBool | Truth::Error(_) => {}
            }
        }
        self.evaluate_tree(condition, frame)
    }

    #[inline(never)]
    fn evaluate_tree(&mut self, condition: &Condition, frame: &'a Frame<'a>) -> Tri<'a> {
        condition::evaluate(condition, frame, self.params.semantics, &mut |id, failure| {
            self.exhausted |= matches!(failure, Failure::Budget);
            record(&mut self.aside().errors, frame, id, failure);
        })
    }

    /// Evaluates an output expression of a rule and keeps it.
    pub(super) fn emit(&mut self, src: &'a str, action: &'a str, id: ExprId, frame: &'a Frame<'a>, copies: usize) {
        let value = match frame.value(id) {
            Ok(v) => Ok(v),
            Err(e) => {
                self.exhausted |= e.is_budget();
                record(&mut self.aside().errors, frame, id, Failure::Eval(e));
                Err(self.format(format_args!("{e}")))
            }
        };
        for _ in 0..copies {
            self.outputs.push(OutputEntry { src, action, deciding: false, value });
        }
    }

    /// Adds a line to the trace, if one is wanted.
    pub(super) fn note(&mut self, line: std::fmt::Arguments<'_>) {
        if self.wants.trace {
            let line = self.format(line);
            self.aside().trace.push(line);
        }
    }

    /// Keeps what was asked, if that is wanted.
    pub(super) fn see(&mut self, seen: Seen<'a>) {
        if self.wants.trace {
            self.aside().seen.push(seen);
        }
    }

    /// Keeps a policy that has a rule for the action and role, if that is wanted.
    pub(super) fn consider(&mut self, key: &'a str, file: &'a str) {
        let policy = PolicyRef { key, file };
        if self.wants.policies && !self.aside().considered.contains(&policy) {
            self.aside().considered.push(policy);
        }
    }

    /// The policies considered, and those that they inherit from.
    fn policies(&mut self) -> &'a [PolicyRef<'a>] {
        let bump = self.bump;
        let mut all = taken(&mut self.aside().considered, bump).to_vec();
        let version = self.principal_version;
        let own = |scope: &&'a str| {
            let name = NameRef { name: self.request.principal.id, version, scope };
            self.table.principals.get(&name).map(|p| PolicyRef { key: &p.key, file: &p.file })
        };
        let of_principal = self.principal_chain.iter().filter_map(own);
        let of_resource = self.levels.iter().filter_map(|l| l.policy.map(|p| PolicyRef { key: &p.key, file: &p.file }));
        let considered = all.len();
        for chain in [of_principal.collect::<Vec<_>>(), of_resource.collect()] {
            let first = chain.iter().position(|p| all.iter().take(considered).any(|seen| seen == p));
            let inherited = chain.into_iter().skip(first.unwrap_or(usize::MAX));
            let new: Vec<_> = inherited.filter(|p| !all.contains(p)).collect();
            all.extend(new);
        }
        self.bump.alloc_slice_copy(&all)
    }

    /// All that could be considered.
    pub(super) fn all_policies(&mut self) -> &'a [PolicyRef<'a>] {
        let first = self.levels.iter().find_map(|l| l.policy);
        if let Some(policy) = first {
            self.consider(&policy.key, &policy.file);
        }
        let version = self.principal_version;
        let own = self
            .principal_chain
            .iter()
            .find_map(|scope| self.table.principals.get(&NameRef { name: self.request.principal.id, version, scope }));
        if let Some(policy) = own {
            self.consider(&policy.key, &policy.file);
        }
        self.policies()
    }

    /// What was kept, in order.
    pub(super) fn take_seen(&mut self) -> &'a [Seen<'a>] {
        let bump = self.bump;
        self.aside.as_mut().map_or(&[], |aside| taken(&mut aside.seen, bump))
    }

    /// Text in the call's arena.
    pub(super) fn format(&self, args: std::fmt::Arguments<'_>) -> &'a str {
        if let Some(fixed) = args.as_str() {
            return self.bump.alloc_str(fixed);
        }
        let mut text = BumpString::new_in(self.bump);
        let _ = text.write_fmt(args);
        text.into_bump_str()
    }

    /// Notes that a level was entered: its derived roles count for the response.
    pub(super) fn enter(&mut self, level: usize) {
        self.entered = Some(level);
        if self.wants.derived_roles {
            self.derived(level);
        }
    }

    /// Denies every action before any rule was looked at.
    pub(super) fn refuse(&mut self, cause: Cause<'a>) -> Decision<'a> {
        let scope = self.levels.first().map_or("", |l| l.scope);
        let policy = &*self.bump.alloc_str(&names::resource_key(self.kind, self.version, scope));
        let deny = |action: &&'a str| ActionResult { action, effect: Effect::Deny, policy, scope: "", cause };
        let actions = &*self.bump.alloc_slice_fill_iter(self.request.actions.iter().map(deny));
        self.finish(actions)
    }

    /// The decision, from the answers and what was collected.
    pub(super) fn finish(&mut self, actions: &'a [ActionResult<'a>]) -> Decision<'a> {
        let mut roles = BumpVec::new_in(self.bump);
        for derived in self.levels.iter().filter_map(|level| level.derived) {
            roles.extend_from_slice(derived.names);
        }
        if roles.len() > 1 {
            roles.sort_unstable();
            roles.dedup();
        }
        let policies = if self.wants.policies { self.policies() } else { &[] };
        let (errors, trace): (&[_], &[_]) = match &mut self.aside {
            Some(aside) => (taken(&mut aside.errors, self.bump), taken(&mut aside.trace, self.bump)),
            None => (&[], &[]),
        };
        Decision {
            actions,
            effective_derived_roles: roles.into_bump_slice(),
            outputs: taken(&mut self.outputs, self.bump),
            errors,
            validation_errors: self.validation_errors,
            trace,
            policies,
        }
    }
}

fn taken<'a, T>(list: &mut BumpVec<'a, T>, bump: &'a Bump) -> &'a [T] {
    std::mem::replace(list, BumpVec::new_in(bump)).into_bump_slice()
}

/// `runtime` without derived roles.
static NO_ROLES: [Value<'static>; 1] = [Value::List(List::Strings(&[]))];

/// All inputs but `request`, see [`Call::need_request`].
fn base_roots<'a>(params: &'a Params, request: &Request<'a>, bump: &'a Bump) -> [Value<'a>; roots::COUNT] {
    let principal = Value::Message(request.principal.message(bump));
    let resource = Value::Message(request.resource.message(bump));
    let mut all = [Value::Null; roots::COUNT];
    all[roots::PRINCIPAL] = principal;
    all[roots::RESOURCE] = resource;
    all[roots::RUNTIME] = Value::Message(Message { ty: &RUNTIME, fields: &NO_ROLES });
    all[roots::GLOBALS] = params.globals.view();
    all
}
