//! `decide`: one request against one rule table, in named steps (spec §10). The walk over scopes and rules is in
//! `walk`, what it collects in `collect`.

use bumpalo::Bump;

use super::attributes;
use super::call::Call;
use super::decision::{ActionResult, Cause, Decision, Effect, PolicyRef};
use super::request::Request;
use super::seen::Seen;
use super::table::RuleTable;
use super::walk;
use crate::cel::value::{Constant, Timestamp};
use crate::schema::Enforcement;

/// Engine settings that a decision depends on (`engine.*` in the configuration).
#[derive(Clone, Debug)]
pub struct Params {
    /// Version used when a request names none.
    pub default_policy_version: String,
    /// Scope used when a request names none.
    pub default_scope: String,
    /// Fall back to parent scopes when the requested scope does not exist.
    pub lenient_scope_search: bool,
    /// Which of the two semantics of docs/semantics.md applies.
    pub semantics: Semantics,
    /// What becomes of attributes that do not fit their schemas.
    pub schemas: Enforcement,
    /// `G`: a map constant.
    pub globals: Constant,
    /// Steps one decision may take before it is denied with [`Cause::Budget`].
    pub step_budget: u64,
}

/// The two semantics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// Ours: errors never widen access, names are compared exactly, scopes exist per resource kind.
    #[default]
    Safe,
    /// The reference's default.
    Cerbos,
    /// The reference with `strictEvaluation`.
    CerbosStrict,
}

impl Semantics {
    /// The name, as logs and status pages say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "toolgate",
            Self::Cerbos => "cerbos",
            Self::CerbosStrict => "cerbos, strict",
        }
    }
}

/// What a caller wants to know besides the answers; each costs time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    /// Fill [`Decision::effective_derived_roles`].
    pub derived_roles: bool,
    /// Fill [`Decision::trace`].
    pub trace: bool,
    /// Fill [`Decision::policies`].
    pub policies: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            default_policy_version: "default".into(),
            default_scope: String::new(),
            lenient_scope_search: false,
            semantics: Semantics::Safe,
            schemas: Enforcement::None,
            globals: Constant::Map([].into()),
            step_budget: 100_000,
        }
    }
}

/// Decides every action of `request` from `table`, a pure function of its arguments. `now` is the call's one clock
/// reading; `None` makes time-dependent expressions err. Everything the answer holds lives in `bump`, the table or
/// the request.
pub fn decide<'a>(
    table: &'a RuleTable,
    params: &'a Params,
    request: &Request<'a>,
    now: Option<Timestamp>,
    wants: Wants,
    bump: &'a Bump,
) -> Decision<'a> {
    decide_call(&mut Call::new(table, params, request, now, wants, bump), request)
}

/// [`decide`], and all that was asked on the way, for coverage and explanations. The decision is the same.
pub fn decide_seen<'a>(
    table: &'a RuleTable,
    params: &'a Params,
    request: &Request<'a>,
    now: Option<Timestamp>,
    bump: &'a Bump,
) -> (Decision<'a>, &'a [Seen<'a>]) {
    let mut call =
        Call::new(table, params, request, now, Wants { derived_roles: true, trace: true, policies: true }, bump);
    let decision = decide_call(&mut call, request);
    (decision, call.take_seen())
}

/// The policies that decisions and plans on `request` are made from.
pub fn policies_of<'a>(
    table: &'a RuleTable,
    params: &'a Params,
    request: &Request<'a>,
    bump: &'a Bump,
) -> &'a [PolicyRef<'a>] {
    let wants = Wants { policies: true, ..Wants::default() };
    Call::new(table, params, request, None, wants, bump).all_policies()
}

#[inline]
fn decide_call<'a>(call: &mut Call<'a>, request: &Request<'a>) -> Decision<'a> {
    let bump = call.bump;
    if call.principal_chain.is_empty() && call.levels.is_empty() {
        return denied_without_policy(request, bump);
    }
    if call.params.schemas != Enforcement::None
        && let Some(cause) = attributes::refused(call)
    {
        return call.refuse(cause);
    }
    let resource_exists = call.resource_exists();
    if !resource_exists && !call.principal_exists() {
        return Decision { validation_errors: call.validation_errors, ..denied_without_policy(request, bump) };
    }
    let actions = denied(request, bump);
    for result in &mut *actions {
        walk::decide_action(call, result, resource_exists);
    }
    call.finish(actions)
}

/// What responses show where no policy is known.
pub(super) const NO_MATCH: &str = "NO_MATCH";

/// DENY for every action, because no policy is known.
fn denied<'a>(request: &Request<'a>, bump: &'a Bump) -> &'a mut [ActionResult<'a>] {
    bump.alloc_slice_fill_iter(request.actions.iter().map(|action| ActionResult {
        action,
        effect: Effect::Deny,
        policy: NO_MATCH,
        scope: "",
        cause: Cause::NoPolicy,
    }))
}

#[inline(never)]
fn denied_without_policy<'a>(request: &Request<'a>, bump: &'a Bump) -> Decision<'a> {
    Decision {
        actions: denied(request, bump),
        effective_derived_roles: &[],
        outputs: &[],
        errors: &[],
        validation_errors: &[],
        trace: &[],
        policies: &[],
    }
}
