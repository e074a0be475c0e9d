//! `decide`: one request against one rule table.

use bumpalo::Bump;

use super::decision::{ActionResult, Cause, Decision, Effect};
use super::request::Request;
use super::table::RuleTable;
use crate::cel::value::{Constant, Timestamp};

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

impl Default for Params {
    fn default() -> Self {
        Self {
            default_policy_version: "default".into(),
            default_scope: String::new(),
            lenient_scope_search: false,
            semantics: Semantics::Safe,
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
    bump: &'a Bump,
) -> Decision<'a> {
    let _ = (table, params, now);
    let actions = bump.alloc_slice_fill_iter(request.actions.iter().map(|action| ActionResult {
        action,
        effect: Effect::Deny,
        policy: "NO_MATCH",
        scope: "",
        cause: Cause::NoPolicy,
    }));
    Decision { actions, effective_derived_roles: &[], outputs: &[], errors: &[], validation_errors: &[] }
}
