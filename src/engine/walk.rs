//! The walk of one action over principal policies, then roles, scopes and rules (spec §10.2, §12.2).
//! Combines what rules say; what a rule's condition gives is `condition`'s business.

use super::call::Call;
use super::condition::{Condition, Failure, Tri};
use super::decide::{NO_MATCH, Semantics};
use super::decision::{ActionResult, Cause, Effect};
use super::glob::Pattern;
use super::naming::{Word, describe, principal_key, refer, resource_key};
use super::role_policies::apply_role_policies;
use super::seen::{self, Seen};
use super::table::{NameRef, Policy, Rule};
use crate::cel::{Frame, Truth};
use crate::policy::model::RuleEffect;

/// What the rules of one scope say. Small, because it is handed from rule to scope to role.
#[derive(Clone, Copy)]
pub(super) enum Outcome<'a> {
    /// Nothing applies.
    Undecided,
    /// The rule's condition is not met, and the rule would say nothing for any other role either.
    Inert,
    /// A conditional ALLOW that must hold for the parent to be asked holds, and said so in its output.
    Consents,
    /// At least one ALLOW applies and no DENY. Holds the first ALLOW.
    Allow(Spoken<'a>),
    /// A DENY applies; names the role policy if one denied.
    Deny(&'a Cause<'a>, Option<&'a str>),
    /// The action is denied whatever other rules, scopes or roles say.
    Stop(&'a Cause<'a>, Option<&'a str>),
}

impl Outcome<'_> {
    /// True if it ends the walk of a scope that needs nobody's consent.
    fn decides(&self) -> bool {
        matches!(self, Self::Allow(_) | Self::Deny(..) | Self::Stop(..))
    }
}

/// What a walk over a chain of scopes gave.
struct Walked<'a> {
    /// What ended the walk; anything but ALLOW and DENY if nothing did.
    said: Outcome<'a>,
    scope: &'a str,
    /// Outputs emitted by the deciding scope.
    outputs: std::ops::Range<usize>,
}

/// A rule that had its say, or an ALLOW that matched all but its condition.
#[derive(Clone, Copy)]
pub(super) struct Spoken<'a> {
    pub(super) policy: &'a Policy,
    pub(super) rule: &'a Rule,
    pub(super) frame: &'a Frame<'a>,
}

/// Decides the action of `result`, which says DENY so far.
pub(super) fn decide_action<'a>(call: &mut Call<'a>, result: &mut ActionResult<'a>, resource_exists: bool) {
    let action = result.action;
    let first_output = call.outputs.len();
    call.near = None;
    call.open_all();
    if !call.table.principals.is_empty() && !call.principal_chain.is_empty() {
        let walked = walk_principal(call, action);
        if walked.said.decides() {
            return settle(call, result, first_output, principal_key(call), &walked);
        }
    }
    let mut last = None;
    for i in 0..call.role_sets.len() {
        let walked = walk_role(call, i, action);
        let ends = matches!(walked.said, Outcome::Allow(_) | Outcome::Stop(..));
        if ends || last.as_ref().is_none_or(|l: &Walked<'a>| !l.said.decides()) {
            last = Some(walked);
        }
        if ends {
            break;
        }
    }
    let key = if resource_exists { resource_key(call) } else { NO_MATCH };
    let Some(walked) = last else {
        result.policy = key;
        return;
    };
    settle(call, result, first_output, key, &walked);
    if matches!(result.cause, Cause::NoRule(_)) {
        result.cause =
            if resource_exists { Cause::NoRule(call.near.map(|n| describe(call, n))) } else { Cause::NoPolicy };
        mark_near_miss(call, first_output);
    }
}

/// Writes the answer; of the action's outputs only those of the deciding scope stay marked as deciding.
fn settle<'a>(
    call: &mut Call<'a>,
    result: &mut ActionResult<'a>,
    first_output: usize,
    key: &'a str,
    walked: &Walked<'a>,
) {
    let end = call.outputs.len();
    for (i, output) in (first_output..end).zip(call.outputs.iter_mut().skip(first_output)) {
        output.deciding &= walked.outputs.contains(&i);
    }
    result.scope = walked.scope;
    result.policy = match walked.said {
        Outcome::Deny(_, Some(policy)) | Outcome::Stop(_, Some(policy)) => policy,
        _ => key,
    };
    // INVARIANT: a budget that ran out anywhere in the call, outputs included, denies.
    if call.exhausted {
        result.cause = Cause::Budget;
        return;
    }
    (result.effect, result.cause) = match walked.said {
        Outcome::Allow(s) => (Effect::Allow, Cause::Rule(refer(s.policy, s.rule, s.frame))),
        Outcome::Deny(cause, _) | Outcome::Stop(cause, _) => (Effect::Deny, *cause),
        Outcome::Undecided | Outcome::Inert | Outcome::Consents => (Effect::Deny, Cause::NoRule(None)),
    };
}

#[inline(never)]
fn walk_principal<'a>(call: &mut Call<'a>, action: &'a str) -> Walked<'a> {
    // Outputs of a scope that allows but needs its parent's consent speak for the verdict, too: an approval it asks for
    // is not lost when the parent decides.
    let mut consenting = None;
    call.walk_outputs = call.outputs.len();
    for scope in call.principal_chain {
        let name = NameRef { name: call.request.principal.id, version: call.version, scope };
        let Some(policy) = call.table.principals.get(&name) else { continue };
        let start = call.outputs.len();
        let frame = call.principal_frame(&policy.unit);
        let rules = candidates(call, policy, action);
        let (outcome, _) = apply_rules(call, &Asked { policy, frame, action, roles: None }, rules);
        let consent = call.table.scopes.consent.contains(*scope);
        if consent && matches!(outcome, Outcome::Allow(_) | Outcome::Consents) {
            consenting.get_or_insert(start);
        }
        if let Some(walked) = decided(call, outcome, scope, consent, consenting.unwrap_or(start)) {
            return walked;
        }
    }
    undecided(call)
}

fn walk_role<'a>(call: &mut Call<'a>, role: usize, action: &'a str) -> Walked<'a> {
    let roles = call.role_sets.get(role).copied().unwrap_or(&[]);
    let mut consenting = None;
    call.walk_outputs = call.outputs.len();
    for level in 0..call.levels.len() {
        let Some((scope, consent, policy)) = call.levels.get(level).map(|l| (l.scope, l.consent, l.policy)) else {
            break;
        };
        let start = call.outputs.len();
        call.enter(level);
        let mut outcome = Outcome::Undecided;
        if !call.table.roles.is_empty() {
            outcome = apply_role_policies(call, level, roles, action);
        }
        if matches!(outcome, Outcome::Undecided)
            && let (Some(policy), Some(frame)) = (policy, call.level_frame(level))
        {
            let rules = call.open_rules(level).unwrap_or_else(|| candidates(call, policy, action));
            // nothing is left of it from the roles before
            if rules.is_empty() {
                call.keep_open(level, rules);
                continue;
            }
            let asked = Asked { policy, frame, action, roles: Some((roles, level)) };
            let (said, open) = apply_rules(call, &asked, rules);
            outcome = said;
            call.keep_open(level, open);
        }
        if consent && matches!(outcome, Outcome::Allow(_) | Outcome::Consents) {
            consenting.get_or_insert(start);
        }
        if let Some(walked) = decided(call, outcome, scope, consent, consenting.unwrap_or(start)) {
            return walked;
        }
    }
    undecided(call)
}

fn undecided<'a>(call: &Call<'a>) -> Walked<'a> {
    let at = call.outputs.len();
    Walked { said: Outcome::Undecided, scope: "", outputs: at..at }
}

/// The end of a walk, if the scope's outcome ends it.
fn decided<'a>(
    call: &Call<'a>,
    outcome: Outcome<'a>,
    scope: &'a str,
    consent: bool,
    start: usize,
) -> Option<Walked<'a>> {
    let waits = consent && matches!(outcome, Outcome::Allow(_));
    (outcome.decides() && !waits).then(|| Walked { said: outcome, scope, outputs: start..call.outputs.len() })
}

/// The rules of a policy that name the action.
fn candidates<'a>(call: &Call<'a>, policy: &'a Policy, action: &str) -> &'a mut [u32] {
    call.bump.alloc_slice_copy(policy.actions.rules(action, call.bump))
}

/// One policy asked about one action.
struct Asked<'a> {
    policy: &'a Policy,
    frame: &'a Frame<'a>,
    action: &'a str,
    /// The roles that count, and the level they are asked at; principal policies have none.
    roles: Option<(&'a [&'a str], usize)>,
}

/// Applies rules of a policy. Gives those that are to be asked again for another role, too.
fn apply_rules<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rules: &'a mut [u32]) -> (Outcome<'a>, &'a mut [u32]) {
    let mut result = Outcome::Undecided;
    let (mut next, mut kept) = (0, 0);
    let roles = match asked.roles {
        Some((roles, _)) if call.is_plain() => roles,
        _ => &[],
    };
    while let Some(i) = rules.get(next).copied() {
        next += 1;
        let Some(rule) = asked.policy.rules.get(i as usize) else { continue };
        // what most rules come to, in short: not met, and nothing to say about it
        if let Some(id) = rule.silent
            && any_matches(&rule.roles, roles)
            && matches!(asked.frame.truth(id), Truth::False)
        {
            nearest(call, asked, rule);
            continue;
        }
        let outcome = apply_rule(call, asked, rule);
        if matches!(outcome, Outcome::Inert) {
            continue;
        }
        if let Some(slot) = rules.get_mut(kept) {
            *slot = i;
            kept += 1;
        }
        match outcome {
            Outcome::Undecided | Outcome::Inert => {}
            Outcome::Consents if !matches!(result, Outcome::Undecided) => {}
            Outcome::Consents => result = outcome,
            Outcome::Allow(_) if matches!(result, Outcome::Allow(_)) => {}
            Outcome::Allow(_) => result = outcome,
            Outcome::Deny(..) | Outcome::Stop(..) => {
                result = outcome;
                break;
            }
        }
    }
    // what was not reached stays
    let open = kept + rules.len() - next;
    if kept < next && next < rules.len() {
        rules.copy_within(next.., kept);
    }
    (result, rules.get_mut(..open).unwrap_or_default())
}

/// Applies one rule once for each way it matches: by role, and by each of its derived roles.
#[inline(never)]
fn apply_rule<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule) -> Outcome<'a> {
    if rule.resource.as_ref().is_some_and(|pattern| !pattern.matches(call.kind)) {
        return Outcome::Undecided;
    }
    if rule.output.is_none() || call.params.semantics == Semantics::Safe {
        return apply_rows(call, asked, rule);
    }
    // The reference has a row for each action pattern and role pattern; outputs show it.
    let mut result = Outcome::Undecided;
    for _ in rule.actions.iter().filter(|p| p.matches(asked.action)) {
        match apply_rows(call, asked, rule) {
            Outcome::Undecided => {}
            end @ (Outcome::Deny(..) | Outcome::Stop(..)) => return end,
            spoken => result = spoken,
        }
    }
    result
}

/// Applies a rule by role, and by each of its derived roles.
#[inline]
fn apply_rows<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule) -> Outcome<'a> {
    let Some((roles, level)) = asked.roles else { return apply_row(call, asked, rule, None, &[]) };
    let mut result = Outcome::Undecided;
    if any_matches(&rule.roles, roles) {
        result = apply_row(call, asked, rule, None, &rule.roles);
        if matches!(result, Outcome::Deny(..) | Outcome::Stop(..) | Outcome::Inert) {
            return result;
        }
    }
    for index in &rule.derived {
        let Some(at) = asked.policy.derived.get(*index as usize) else { continue };
        let parents = at.definition().map_or(&[][..], |role| &role.parents);
        if !any_matches(parents, roles) {
            continue;
        }
        match apply_row(call, asked, rule, Some((*index, level)), parents) {
            Outcome::Undecided => {}
            spoken @ (Outcome::Allow(_) | Outcome::Consents) => result = spoken,
            end @ (Outcome::Deny(..) | Outcome::Stop(..) | Outcome::Inert) => return end,
        }
    }
    result
}

#[inline]
fn any_matches(patterns: &[Pattern], roles: &[&str]) -> bool {
    match (patterns, roles) {
        ([], _) | (_, []) => false,
        ([Pattern::Any], _) => true,
        _ => some_match(patterns, roles),
    }
}

#[inline(never)]
fn some_match(patterns: &[Pattern], roles: &[&str]) -> bool {
    match roles {
        [role] => patterns.iter().any(|p| p.matches(role)),
        _ => patterns.iter().any(|p| roles.iter().any(|r| p.matches(r))),
    }
}

/// One row: derived-role condition, rule condition, outputs, effect. `patterns` are the role patterns that matched.
fn apply_row<'a>(
    call: &mut Call<'a>,
    asked: &Asked<'a>,
    rule: &'a Rule,
    derived: Option<(u32, usize)>,
    patterns: &[Pattern],
) -> Outcome<'a> {
    let denies = rule.effect == RuleEffect::Deny || rule.inverted;
    let mut error = None;
    if let Some((index, level)) = derived {
        let active = call.derived_role(asked.policy, index as usize, level);
        if call.wants.trace || call.wants.policies {
            see_role(call, asked, rule, (index, level), active);
        }
        match active {
            Tri::True => {}
            Tri::False => return inactive(call, asked, rule, index, patterns),
            Tri::Error(_, failure) => match on_error(call, failure, denies) {
                OnError::Stop => return stopped(call, asked, rule, failure),
                OnError::Applies => error = Some(failure),
                OnError::Skip => return inactive(call, asked, rule, index, patterns),
            },
        }
    }
    let mut met = match (asked.roles, &rule.condition) {
        (None, _) => call.principal_condition(rule, &asked.policy.unit, asked.frame),
        (_, None) => Tri::True,
        (_, Some(condition)) => call.evaluate(condition, asked.frame),
    };
    if rule.inverted {
        met = met.negate();
    }
    if call.wants.trace || call.wants.policies {
        see_rule(call, asked, rule, met);
    }
    let met = match met {
        Tri::True => true,
        Tri::False => false,
        Tri::Error(_, failure) => match on_error(call, failure, denies) {
            OnError::Stop => return stopped(call, asked, rule, failure),
            OnError::Applies => {
                error = Some(failure);
                true
            }
            OnError::Skip => false,
        },
    };
    if met { activated(call, asked, rule, error, patterns) } else { not_met(call, asked, rule, patterns) }
}

/// Keeps and notes what a rule said.
#[cold]
fn see_rule<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule, met: Tri<'a>) {
    let (policy, frame, roles) = (asked.policy, asked.frame, asked.roles.map_or(&[][..], |(roles, _)| roles));
    call.consider(&policy.key, &policy.file);
    if !call.wants.trace {
        return;
    }
    let written = if rule.inverted { met.negate() } else { met };
    call.see(Seen::Rule { action: asked.action, roles, policy, rule, met: written, frame });
    call.note(format_args!("{} ({}:{}): condition {}", rule.src, policy.file, rule.line, Word(&met)));
    // Only what was evaluated anyway is asked again, so that a trace changes no decision.
    if let Some(condition @ (Condition::All(_) | Condition::Any(_) | Condition::None(_))) = &rule.condition {
        seen::visit(condition, frame, call.params.semantics, 0, &mut |_, node, result| {
            if let Condition::Expr(id) = node {
                call.note(format_args!("  `{}` {}", frame.source(*id), Word(&result)));
            }
        });
    }
}

/// Keeps and notes what a derived role of a rule said.
#[cold]
fn see_role<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule, at: (u32, usize), active: Tri<'a>) {
    let (index, level) = at;
    call.consider(&asked.policy.key, &asked.policy.file);
    if !call.wants.trace {
        return;
    }
    let Some(at) = asked.policy.derived.get(index as usize) else { return };
    let Some(role) = at.definition() else { return };
    let set = &*at.set;
    let frame = call.frame(&set.unit, level);
    call.see(Seen::DerivedRole { action: asked.action, policy: asked.policy, rule, set, role, active, frame });
    call.note(format_args!("{}: derived role `{}` {}", rule.src, role.name, Word(&active)));
}

/// The row's condition is not met.
#[inline]
fn not_met<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule, patterns: &[Pattern]) -> Outcome<'a> {
    let safe = call.params.semantics == Semantics::Safe;
    if safe && rule.inverted {
        return consents(call, asked, rule);
    }
    if let Some((_, Some(id))) = rule.output {
        let copies = copies(call, asked, patterns);
        call.emit(&rule.src, asked.action, id, asked.frame, copies);
    }
    nearest(call, asked, rule);
    // By default an unmet condition is heard once; the reference says so again for every role.
    if safe { Outcome::Inert } else { Outcome::Undecided }
}

/// Remembers the first ALLOW that matches all but its condition.
#[inline]
fn nearest<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule) {
    let denies = rule.effect == RuleEffect::Deny || rule.inverted;
    if !denies && call.near.is_none() {
        call.near = Some(Spoken { policy: asked.policy, rule, frame: asked.frame });
    }
}

/// A conditional ALLOW holds in a scope that needs its parent's consent. The reference, which turns such rules around,
/// then emits their output for the unmet condition. By default the output is the one the author wrote for this case: an
/// approval that the rule asks for must not get lost because a parent is asked, too.
fn consents<'a>(call: &mut Call<'a>, asked: &Asked<'a>, rule: &'a Rule) -> Outcome<'a> {
    let Some((Some(id), _)) = rule.output else {
        return if call.wants.trace { Outcome::Undecided } else { Outcome::Inert };
    };
    let start = call.outputs.len();
    call.emit(&rule.src, asked.action, id, asked.frame, 1);
    call.outputs.iter_mut().skip(start).for_each(|o| o.deciding = true);
    Outcome::Consents
}

/// The row applies, perhaps because of an error.
fn activated<'a>(
    call: &mut Call<'a>,
    asked: &Asked<'a>,
    rule: &'a Rule,
    error: Option<Failure<'a>>,
    patterns: &[Pattern],
) -> Outcome<'a> {
    let denies = rule.effect == RuleEffect::Deny || rule.inverted;
    let start = call.outputs.len();
    if denies {
        // A DENY ends the scope: outputs of the ALLOWs before it in this walk decide nothing. What other
        // roles were told stays as it is: theirs may be the walk that counts.
        call.outputs.iter_mut().skip(call.walk_outputs).for_each(|o| o.deciding = false);
    }
    let (when_activated, when_not_met) = rule.output.unwrap_or((None, None));
    let turned = rule.inverted && call.params.semantics == Semantics::Safe;
    if let Some(id) = if turned { when_not_met } else { when_activated } {
        let copies = if denies { 1 } else { copies(call, asked, patterns) };
        call.emit(&rule.src, asked.action, id, asked.frame, copies);
    }
    call.outputs.iter_mut().skip(start).for_each(|o| o.deciding = true);
    match error {
        _ if !denies => Outcome::Allow(Spoken { policy: asked.policy, rule, frame: asked.frame }),
        Some(failure) => Outcome::Deny(failed(call, asked, rule, failure), None),
        None => Outcome::Deny(call.bump.alloc(Cause::Rule(refer(asked.policy, rule, asked.frame))), None),
    }
}

/// How often a row emits its output: the reference does it for each matching role pattern.
fn copies(call: &Call<'_>, asked: &Asked<'_>, patterns: &[Pattern]) -> usize {
    match asked.roles {
        Some((roles, _)) if call.params.semantics != Semantics::Safe => {
            patterns.iter().filter(|p| roles.iter().any(|r| p.matches(r))).count()
        }
        _ => 1,
    }
}

/// A row whose derived role is not active says nothing. The reference, which remembers results by rule, says so the
/// first time only: every later row of the rule and derived role in the request finds "not met" and emits its output.
fn inactive<'a>(
    call: &mut Call<'a>,
    asked: &Asked<'a>,
    rule: &'a Rule,
    index: u32,
    patterns: &[Pattern],
) -> Outcome<'a> {
    if let Some((_, Some(id))) = rule.output
        && call.params.semantics != Semantics::Safe
    {
        let copies = copies(call, asked, patterns);
        let copies = if call.seen_inactive(rule, index) { copies } else { copies.saturating_sub(1) };
        if copies > 0 {
            call.emit(&rule.src, asked.action, id, asked.frame, copies);
        }
    }
    Outcome::Undecided
}

enum OnError {
    /// The action is denied, whatever else says.
    Stop,
    /// The rule applies all the same.
    Applies,
    /// It does not.
    Skip,
}

fn on_error(call: &Call<'_>, failure: Failure<'_>, denies: bool) -> OnError {
    match (call.params.semantics, failure) {
        (_, Failure::Budget) | (Semantics::CerbosStrict, _) => OnError::Stop,
        (Semantics::Safe, _) if denies => OnError::Applies,
        (Semantics::Safe | Semantics::Cerbos, _) => OnError::Skip,
    }
}

/// The action is denied for an error; with strict evaluation the answer names the policy that holds the rule, whatever
/// scope was asked for.
#[cold]
fn stopped<'a>(call: &Call<'a>, asked: &Asked<'a>, rule: &'a Rule, failure: Failure<'a>) -> Outcome<'a> {
    let policy = (!matches!(failure, Failure::Budget)).then_some(&*asked.policy.key);
    Outcome::Stop(failed(call, asked, rule, failure), policy)
}

#[cold]
fn failed<'a>(call: &Call<'a>, asked: &Asked<'a>, rule: &'a Rule, failure: Failure<'a>) -> &'a Cause<'a> {
    call.bump.alloc(match failure {
        Failure::Budget => Cause::Budget,
        _ => Cause::Error(refer(asked.policy, rule, asked.frame), call.format(format_args!("{failure}"))),
    })
}

/// The output a near miss emitted for its unmet condition may say what was missing: it speaks for the verdict.
#[inline(never)]
fn mark_near_miss(call: &mut Call<'_>, first_output: usize) {
    if let Some(near) = call.near {
        for output in call.outputs.iter_mut().skip(first_output) {
            output.deciding |= std::ptr::eq(output.src, &raw const *near.rule.src);
        }
    }
}
