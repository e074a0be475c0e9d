//! The walk of one action over principal policies, roles, scopes and rules, in the order of a decision, collecting who
//! allows and who denies under which condition.
//!
//! For each role: an ALLOW of a scope counts unless that scope needs its parent's consent; a DENY counts unless a scope
//! below allowed. A role allows where its ALLOWs hold and its DENYs do not. The reference puts the DENYs of all roles
//! together over the ALLOWs of all; by default each role keeps its own, as decisions do.

use super::inputs::Inputs;
use super::logic::{Halt, Logic, Truth, words};
use super::{ActionPlan, Filter, PlanError, present, reference, safe};
use crate::cel::partial::{Part, Stop, Term};
use crate::cel::unit::Unit;
use crate::cel::value::{List, Value};
use crate::engine::Semantics;
use crate::engine::condition::Condition;
use crate::engine::glob::Pattern;
use crate::engine::roots;
use crate::engine::table::{DerivedRef, DerivedRole, DerivedSet, NameRef, Policy, RolePolicy, Rule};
use crate::policy::model::RuleEffect;

/// What rules say, as far as they were looked at.
#[derive(Clone, Copy, Default)]
struct Said<'a> {
    allow: Option<Truth<'a>>,
    deny: Option<Truth<'a>>,
    /// Denials by role policies: they count for their role alone.
    restricted: Option<Truth<'a>>,
    /// The ALLOWs wait for their parent's consent, in the reference's semantics.
    pending: bool,
    /// What scopes that override allow by themselves, there: it stands over the DENYs above.
    overriding: Option<Truth<'a>>,
}

pub(super) struct Walk<'a, 's> {
    inputs: Inputs<'a>,
    logic: Logic<'a>,
    reference: bool,
    steps: Option<&'s mut Vec<String>>,
    /// Some rule spoke about the action; in the reference's semantics, something is left of what it said.
    matched: bool,
    scope: &'a str,
    /// A principal policy has set the scope.
    settled: bool,
}

impl<'a, 's> Walk<'a, 's> {
    pub(super) fn new(inputs: Inputs<'a>, steps: Option<&'s mut Vec<String>>) -> Self {
        let semantics = inputs.params.semantics;
        let logic = Logic { cx: inputs.cx, semantics };
        let reference = super::is_reference(semantics);
        Self { inputs, logic, reference, steps, matched: false, scope: "", settled: false }
    }

    /// The plan of an action.
    pub(super) fn action(&mut self, action: &'a str) -> Result<ActionPlan<'a>, PlanError> {
        let never = |no_match| ActionPlan {
            action,
            filter: Filter::Never { no_match },
            exact: Term::bool(false),
            matched_scope: "",
        };
        if !self.inputs.anything_exists() {
            return Ok(never(true));
        }
        let term = match self.both(action) {
            Ok(Some(truth)) => truth.term,
            Ok(None) if self.reference => return Ok(ActionPlan { matched_scope: self.scope, ..never(!self.matched) }),
            Ok(None) => return Ok(never(!self.matched)),
            Err(Halt::Strict) => return Ok(never(false)),
            Err(Halt::Stop(stop)) => return Err(stop.into()),
        };
        let exact =
            if self.reference { reference::simplify(term, &self.logic)? } else { safe::simplify(term, &self.logic)? };
        let filter = match exact.as_bool() {
            Some(true) => Filter::Always,
            Some(false) => Filter::Never { no_match: !self.matched },
            None => match present::present(exact, &self.logic.cx)? {
                Term::Value(_) | Term::Error => Filter::Never { no_match: false },
                term => Filter::If(term),
            },
        };
        let matched_scope = if self.reference || matches!(filter, Filter::Always) { self.scope } else { "" };
        Ok(ActionPlan { action, filter, exact, matched_scope })
    }

    /// Principal policies over resource policies; `None` if nothing allows.
    fn both(&mut self, action: &'a str) -> Result<Option<Truth<'a>>, Halt> {
        let principal = self.principal(action)?;
        // The reference looks at resource policies all the same.
        let allowed = principal.allow.and_then(Truth::known) == Some(true) && principal.deny.is_none();
        let resource = if allowed && !self.reference { None } else { self.roles(action)? };
        let mut allow = principal.allow;
        if let Some(resource) = resource {
            self.logic.add(&mut allow, resource)?;
        }
        let Some(allow) = allow else { return Ok(None) };
        Ok(Some(self.unless(allow, principal.deny)?))
    }

    /// `allow` where `deny` does not hold.
    fn unless(&self, allow: Truth<'a>, deny: Option<Truth<'a>>) -> Result<Truth<'a>, Stop> {
        match deny {
            None => Ok(allow),
            Some(deny) => self.logic.both(false, &[self.logic.negate(deny)?, allow]),
        }
    }

    fn principal(&mut self, action: &'a str) -> Result<Said<'a>, Halt> {
        let mut said = Said::default();
        for scope in self.inputs.principal_chain {
            let name = NameRef { name: self.inputs.request.principal.id, version: self.inputs.version, scope };
            let Some(policy) = self.inputs.table.principals.get(&name) else { continue };
            let here = self.rules(policy, action, None)?;
            let consent = self.inputs.table.scopes.consent.contains(*scope);
            if self.under(&mut said, &here, consent, scope, true)? {
                break;
            }
        }
        Ok(self.finished(said))
    }

    /// Adds what a scope says below which others have spoken. True if nothing above it matters any more.
    fn under(
        &mut self,
        said: &mut Said<'a>,
        here: &Said<'a>,
        consent: bool,
        scope: &'a str,
        principal: bool,
    ) -> Result<bool, Halt> {
        if self.reference {
            // What counts there is not that a rule spoke, but that something is left of what it said.
            let left = here.deny.is_some() || (here.allow.is_some() && !consent);
            self.matched |= here.deny.is_some();
            // A role policy alone does not make a scope that overrides.
            let left = left || here.restricted.is_some() && self.inputs.has_policies(scope);
            // The last scope counts, and that of a principal policy stays.
            if left && !consent && (principal || !self.settled) {
                self.scope = scope;
                self.settled |= principal;
            }
        }
        let below = if self.reference { said.overriding } else { said.allow };
        let guarded = |deny: Truth<'a>| match below {
            None => Ok(deny),
            Some(allow) if self.reference && deny.known() == Some(true) => Ok(self.logic.negate(allow)?.built()),
            Some(allow) => {
                let not = self.logic.negate(allow)?;
                if self.reference && not.same(deny) { Ok(deny) } else { self.logic.both(false, &[not, deny]) }
            }
        };
        if let Some(deny) = here.deny {
            self.logic.add(&mut said.deny, guarded(deny)?)?;
        }
        if let Some(restricted) = here.restricted {
            self.logic.add(&mut said.restricted, guarded(restricted)?)?;
        }
        if let (true, Some(allow)) = (self.reference, here.allow) {
            return self.allowed(said, allow, consent);
        }
        let Some(allow) = here.allow.filter(|_| !consent) else { return Ok(false) };
        self.logic.add(&mut said.allow, allow)?;
        let ends = allow.known() == Some(true);
        if ends && self.scope.is_empty() {
            self.scope = scope;
        }
        Ok(ends)
    }

    /// One more ALLOW of the reference's. Those that need their parent's consent hold where the next one above does,
    /// too. True if nothing above matters any more.
    fn allowed(&self, said: &mut Said<'a>, allow: Truth<'a>, consent: bool) -> Result<bool, Halt> {
        let waited = std::mem::replace(&mut said.pending, consent);
        if !consent {
            self.logic.add(&mut said.overriding, allow)?;
        }
        match said.allow {
            Some(below) if waited && below.known() != Some(true) => {
                said.allow = Some(self.logic.both(false, &[below, allow])?);
            }
            Some(_) if waited => said.allow = Some(allow),
            _ => self.logic.add(&mut said.allow, allow)?,
        }
        Ok(!consent && said.overriding.and_then(Truth::known) == Some(true))
    }

    /// What is left at the end of a chain: nothing of what waits for consent.
    fn finished(&mut self, mut said: Said<'a>) -> Said<'a> {
        if said.pending {
            said.allow = None;
        }
        if self.reference {
            self.matched |= said.allow.is_some() || said.restricted.and_then(Truth::known) == Some(true);
        }
        said
    }

    /// Every role of the principal.
    fn roles(&mut self, action: &'a str) -> Result<Option<Truth<'a>>, Halt> {
        let mut each: Vec<(Truth<'a>, Option<Truth<'a>>)> = Vec::new();
        let mut denied: Option<Truth<'a>> = None;
        for i in 0..self.inputs.role_sets.len() {
            let roles = self.inputs.role_sets.get(i).copied().unwrap_or(&[]);
            let said = self.role(roles, action)?;
            if said.deny.and_then(Truth::known) == Some(true) {
                continue;
            }
            if self.reference && said.restricted.and_then(Truth::known) == Some(true) {
                continue;
            }
            if let (true, Some(deny)) = (self.reference, said.deny) {
                self.logic.add(&mut denied, deny)?;
            }
            let Some(allow) = said.allow else { continue };
            let allow = match said.restricted {
                None => allow,
                Some(restricted) => self.logic.both(false, &[allow, self.logic.negate(restricted)?])?,
            };
            if allow.known() == Some(true) && said.deny.is_none() {
                return Ok(Some(allow));
            }
            each.push((allow, said.deny));
        }
        let same = match each.split_first() {
            None => return Ok(None),
            Some(((_, first), rest)) => rest.iter().all(|(_, deny)| match (first, deny) {
                (None, None) => true,
                (Some(a), Some(b)) => a.same(*b),
                _ => false,
            }),
        };
        let mut allow: Option<Truth<'a>> = None;
        let common = match (self.reference, same) {
            (true, _) => denied,
            (false, true) => each.first().and_then(|(_, deny)| *deny),
            (false, false) => None,
        };
        let apart = !self.reference && !same;
        for (term, deny) in each {
            let term = if apart { self.unless(term, deny)? } else { term };
            self.logic.add(&mut allow, term)?;
        }
        match allow {
            None => Ok(None),
            Some(allow) => Ok(Some(self.unless(allow, common)?)),
        }
    }

    /// One role (and its ancestors) through the scopes.
    fn role(&mut self, roles: &'a [&'a str], action: &'a str) -> Result<Said<'a>, Halt> {
        let mut said = Said::default();
        for level in 0..self.inputs.levels.len() {
            let Some((scope, consent, policy)) = self.inputs.levels.get(level).map(|l| (l.scope, l.consent, l.policy))
            else {
                break;
            };
            // The reference works out the derived roles of every scope it comes to, needed or not: what it cannot show
            // among them is an error.
            if self.inputs.params.semantics == Semantics::Cerbos {
                self.derived(level)?;
            }
            let mut here = match policy {
                Some(policy) => self.rules(policy, action, Some((roles, level)))?,
                None => Said::default(),
            };
            if !self.inputs.table.roles.is_empty() {
                here.restricted = self.restrictions(level, policy, roles, action)?;
            }
            if self.under(&mut said, &here, consent, scope, false)? {
                break;
            }
        }
        Ok(self.finished(said))
    }

    fn rules(
        &mut self,
        policy: &'a Policy,
        action: &'a str,
        roles: Option<(&'a [&'a str], usize)>,
    ) -> Result<Said<'a>, Halt> {
        let mut said = Said::default();
        let indices = policy.actions.rules(action, self.inputs.cx.bump);
        for rule in indices.iter().filter_map(|i| policy.rules.get(*i as usize)) {
            if rule.resource.as_ref().is_some_and(|pattern| !pattern.matches(self.inputs.kind)) {
                continue;
            }
            for row in self.rows(policy, rule, roles)? {
                self.matched |= !self.reference;
                if rule.effect == RuleEffect::Deny || rule.inverted {
                    if row.known() != Some(false) {
                        self.logic.add(&mut said.deny, row)?;
                    }
                } else {
                    self.logic.add(&mut said.allow, row)?;
                }
            }
        }
        Ok(said)
    }

    /// The rule's condition, once for each way it matches: by role, and by each of its derived roles.
    fn rows(
        &mut self,
        policy: &'a Policy,
        rule: &'a Rule,
        roles: Option<(&'a [&'a str], usize)>,
    ) -> Result<Vec<Truth<'a>>, Halt> {
        let level = roles.map_or(usize::MAX, |(_, level)| level);
        let direct = roles.is_none_or(|(roles, _)| any_matches(&rule.roles, roles));
        let mut derived = Vec::new();
        if let Some((roles, _)) = roles {
            for index in &rule.derived {
                let Some(at) = policy.derived.get(*index as usize) else { continue };
                if Self::definition(at).is_some_and(|(_, role)| any_matches(&role.parents, roles)) {
                    derived.push(at);
                }
            }
        }
        if !direct && derived.is_empty() {
            return Ok(Vec::new());
        }
        let mut condition = self.condition(&policy.unit, rule.condition.as_ref(), level)?;
        if rule.inverted {
            condition = self.logic.negate(condition)?;
        }
        self.note(|| format!("{} ({}:{}): condition {}", rule.src, policy.file, rule.line, words(condition)));
        let mut rows = Vec::new();
        if direct {
            rows.push(condition);
        }
        // Where the role itself matches, its derived roles add nothing.
        if direct && !self.reference {
            return Ok(rows);
        }
        for at in derived {
            let Some((set, role)) = Self::definition(at) else { continue };
            let active = self.condition(&set.unit, role.condition.as_ref(), level)?;
            self.note(|| format!("{}: derived role `{}`: condition {}", rule.src, role.name, words(active)));
            rows.push(match (&rule.condition, &role.condition) {
                (None, _) => active,
                (_, None) => condition,
                _ => self.logic.both(false, &[condition, active])?,
            });
        }
        Ok(rows)
    }

    fn condition(&mut self, unit: &'a Unit, condition: Option<&Condition>, level: usize) -> Result<Truth<'a>, Halt> {
        if condition.is_none() {
            return Ok(Truth::bool(true));
        }
        if unit.reads_root(roots::RUNTIME) {
            self.derived(level)?;
        }
        let partial = self.inputs.partial(unit, level);
        self.logic.condition(condition, partial)
    }

    fn definition(at: &'a DerivedRef) -> Option<(&'a DerivedSet, &'a DerivedRole)> {
        at.definition().map(|role| (&*at.set, role))
    }

    /// `runtime.effectiveDerivedRoles` of a level. Conditions that read the roles of the level before need those first,
    /// whoever asks, and so on up.
    fn derived(&mut self, level: usize) -> Result<(), Halt> {
        let mut first = level;
        while !self.reference && self.reads_level_before(first) {
            first -= 1;
        }
        (first..=level).try_for_each(|level| self.work_out_derived(level))
    }

    fn reads_level_before(&self, level: usize) -> bool {
        let policy = self.inputs.levels.get(level).and_then(|l| l.policy);
        let mut sets = policy.map_or(&[][..], |p| &p.derived).iter().filter_map(Self::definition);
        level > 0 && sets.any(|(set, _)| set.unit.reads_root(roots::RUNTIME))
    }

    /// The list, or lists that depend on conditions put together.
    fn work_out_derived(&mut self, level: usize) -> Result<(), Halt> {
        let Some((policy, known)) = self.inputs.levels.get(level).map(|l| (l.policy, l.derived.is_some())) else {
            return Ok(());
        };
        if known {
            return Ok(());
        }
        let mut roles: Vec<(&'a str, Truth<'a>)> = Vec::new();
        for at in policy.map_or(&[][..], |p| &p.derived) {
            let Some((set, role)) = Self::definition(at) else { continue };
            if !self.has_parent(role) {
                continue;
            }
            let above = level.wrapping_sub(1);
            let seen = self.inputs.levels.get(above).and_then(|l| l.derived);
            let mut partial = self.inputs.fresh(&set.unit, seen);
            if self.inputs.params.semantics == Semantics::Cerbos {
                partial = partial.failed_variables_are_null();
            }
            let partial = self.inputs.cx.bump.alloc(partial);
            roles.push((&role.name, self.logic.condition(role.condition.as_ref(), partial)?));
        }
        roles.sort_by_key(|(name, _)| *name);
        roles.dedup_by(|a, b| a.0 == b.0 && a.1.same(b.1));
        let part = self.listed(&roles)?;
        if let Some(l) = self.inputs.levels.get_mut(level) {
            l.derived = Some(part);
        }
        Ok(())
    }

    fn listed(&self, roles: &[(&'a str, Truth<'a>)]) -> Result<Part<'a>, Stop> {
        let bump = self.inputs.cx.bump;
        if roles.iter().any(|(_, active)| matches!(active.term, Term::Error)) {
            return Ok(Part::Failed(crate::cel::EvalError::NO_SUCH_OVERLOAD, Term::Error));
        }
        if roles.iter().all(|(_, active)| active.known().is_some()) {
            let names = roles.iter().filter(|(_, active)| active.known() == Some(true)).map(|(name, _)| *name);
            return Ok(Part::Known(Value::List(List::Strings(
                bumpalo::collections::Vec::from_iter_in(names, bump).into_bump_slice(),
            ))));
        }
        let one = |name: &'a str| Term::Value(Value::List(List::Strings(bump.alloc_slice_copy(&[name]))));
        let none = Term::Value(Value::list(&[]));
        let mut whole: Option<Term<'a>> = None;
        for (name, active) in roles.iter().rev() {
            let term = match active.known() {
                Some(true) => one(name),
                Some(false) if self.reference => none,
                Some(false) => continue,
                None => Term::apply(bump, "if", &[active.term, one(name), none])?,
            };
            whole = Some(match (term, whole) {
                (term, None) => term,
                // The reference puts what it knows at the end together.
                (Term::Value(Value::List(these)), Some(Term::Value(Value::List(rest)))) if self.reference => {
                    let all: Vec<Value<'a>> = these.iter().chain(rest.iter()).collect();
                    Term::Value(Value::list(bump.alloc_slice_copy(&all)))
                }
                (term, Some(rest)) => Term::apply(bump, "add", &[term, rest])?,
            });
        }
        Ok(Part::Unknown(whole.unwrap_or(none)))
    }

    fn has_parent(&self, role: &crate::engine::table::DerivedRole) -> bool {
        let mut all = self.inputs.role_sets.iter().flat_map(|set| set.iter());
        if self.reference {
            role.parent_names.iter().any(|p| &**p == "*") || all.any(|r| role.parent_names.iter().any(|p| **p == **r))
        } else {
            all.any(|r| role.parents.iter().any(|p| p.matches(r)))
        }
    }

    /// Role policies only ever deny (spec §12.2).
    fn restrictions(
        &mut self,
        level: usize,
        policy: Option<&'a Policy>,
        roles: &'a [&'a str],
        action: &'a str,
    ) -> Result<Option<Truth<'a>>, Halt> {
        let (table, version, kind) = (self.inputs.table, self.inputs.version, self.inputs.kind);
        let Some(scope) = self.inputs.levels.get(level).map(|l| l.scope) else { return Ok(None) };
        let of = |role: &'a str| -> Option<&'a RolePolicy> {
            table.roles.get(&NameRef { name: role, version, scope }).filter(|p| !p.rules.is_empty())
        };
        if self.reference {
            let by_rule = policy.is_some_and(|p| p.rules.iter().any(|rule| self.mentions(p, rule, roles)));
            let by_policy =
                || roles.iter().filter_map(|r| of(r)).any(|p| p.rules.iter().any(|r| r.resource.matches(kind)));
            if !by_rule && !by_policy() {
                return Ok(None);
            }
        }
        let mut denied = None;
        for policy in roles.iter().filter_map(|role| of(role)) {
            let mut listed = false;
            for rule in &policy.rules {
                if !rule.resource.matches(kind) || !rule.allow_actions.iter().any(|p| p.matches(action)) {
                    continue;
                }
                listed = true;
                self.matched |= !self.reference;
                let met = self.condition(&policy.unit, rule.condition.as_ref(), level)?;
                self.note(|| format!("{} ({}:{}): condition {}", rule.src, policy.file, rule.line, words(met)));
                let unmet = self.logic.negate(met)?;
                if unmet.known() != Some(false) {
                    self.logic.add(&mut denied, unmet)?;
                }
            }
            if !listed {
                self.matched |= !self.reference;
                self.note(|| format!("{}: does not list action `{action}`", policy.key));
                if !self.reference {
                    return Ok(Some(Truth::bool(true)));
                }
                // It looks at the others all the same, and does not see then that this is constant.
                self.logic.add(&mut denied, Truth::bool(true))?;
            }
        }
        Ok(denied)
    }

    fn mentions(&self, policy: &Policy, rule: &Rule, roles: &[&str]) -> bool {
        let derived = rule.derived.iter().filter_map(|i| policy.derived.get(*i as usize));
        let parents = derived.filter_map(|at| at.definition().map(|role| &*role.parents));
        std::iter::once(&*rule.roles).chain(parents).flatten().any(|p| roles.iter().any(|r| p.matches(r)))
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.steps {
            steps.push(line());
        }
    }
}

fn any_matches(patterns: &[Pattern], roles: &[&str]) -> bool {
    patterns.iter().any(|p| roles.iter().any(|r| p.matches(r)))
}
