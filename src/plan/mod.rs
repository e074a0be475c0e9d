//! Query plans: what one identity may do with the resources of a kind, as a condition over what is not known about
//! them. A pure function of the table, the request and one clock reading, beside [`crate::engine::decide`] and with
//! its semantics: `walk` goes over the same policies and rules, conditions are evaluated in part
//! ([`crate::cel::partial`]), and what is left is simplified and put into the reference's shapes.
//!
//! The property everything here keeps in the default semantics: for every resource, the plan's condition is true
//! exactly where `decide` allows, and it is never true where `decide` denies. A condition that fails on a resource is
//! not true.
//!
//! No wire formats, no I/O, no clock.

pub mod filter;
mod inputs;
mod logic;
mod present;
mod reference;
mod rewrite;
mod safe;
mod schemas;
mod text;
mod walk;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use bumpalo::Bump;

pub use crate::cel::partial::{Folded, Term};
pub use text::{debug, debug_term, tree};

use self::inputs::Inputs;
use crate::cel::budget::Budget;
use crate::cel::context::Context;
use crate::cel::partial::Stop;
use crate::cel::value::Timestamp;
use crate::engine::decision::ValidationError;
use crate::engine::request::Request;
use crate::engine::{Params, RuleTable, Semantics};

/// The outcome of a plan.
#[derive(Clone, Copy, Debug)]
pub enum Filter<'a> {
    /// Every resource.
    Always,
    /// None. True if no policy or no rule applies at all.
    Never {
        /// Nothing was found that speaks about the action.
        no_match: bool,
    },
    /// Those for which the term is true. Its values are null, booleans, doubles, texts and lists of these.
    If(Term<'a>),
}

/// The plan of one action.
#[derive(Clone, Copy, Debug)]
pub struct ActionPlan<'a> {
    /// The action.
    pub action: &'a str,
    /// Its outcome.
    pub filter: Filter<'a>,
    /// The outcome before it was put into the shapes of the wire, where numbers keep their kinds.
    pub exact: Term<'a>,
    /// The scope that allows unconditionally; empty if none does.
    pub matched_scope: &'a str,
}

/// The plan of a request.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The outcome over all actions.
    pub filter: Filter<'a>,
    /// One an action, in request order; empty if the attributes do not fit their schemas, and in the reference's
    /// semantics if there is no policy in any of the scopes.
    pub actions: &'a [ActionPlan<'a>],
    /// What does not fit the schemas, as far as it is known.
    pub validation_errors: &'a [ValidationError<'a>],
    /// Rules that were looked at and what their conditions came to; empty unless asked for.
    pub steps: Vec<String>,
    /// Parts of conditions that were worked out; empty unless asked for.
    pub folded: Vec<Folded>,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It would take more steps than a decision may.
    #[error("step budget exhausted")]
    Budget,
    /// The condition would be too large.
    #[error("the plan is too large")]
    TooLarge,
    /// A condition uses something that no plan can say.
    #[error("{0} on values that are not known cannot be planned")]
    Unsupported(&'static str),
}

impl From<Stop> for PlanError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Budget => Self::Budget,
            Stop::TooLarge => Self::TooLarge,
            Stop::Unsupported(what) => Self::Unsupported(what),
        }
    }
}

/// Plans every action of `request` and all of them together. Of the request's resource the kind, version, scope and the
/// attributes it has are known; its id is not. Of the attributes named by `maps` it is known that they are maps. With
/// `explain`, says what was worked out and why.
///
/// # Errors
/// If no plan can be given. Nothing may be allowed then.
pub fn plan<'a>(
    table: &'a RuleTable,
    params: &'a Params,
    request: &Request<'a>,
    maps: &[&'a str],
    now: Option<Timestamp>,
    explain: bool,
    bump: &'a Bump,
) -> Result<Plan<'a>, PlanError> {
    let folded: Option<&'a RefCell<Vec<Folded>>> = explain.then(|| &*bump.alloc(RefCell::new(Vec::new())));
    let mut steps = Vec::new();
    let mut actions = bumpalo::collections::Vec::with_capacity_in(request.actions.len(), bump);
    let cx = |bump: &'a Bump| Context { bump, budget: bump.alloc(Budget::new(params.step_budget)), now };
    let mut inputs = Inputs::new(table, params, request, maps, cx(bump), folded);
    let (validation_errors, denied) = schemas::faults(&inputs)?;
    // Without any policy the reference tells of no action.
    let silent = is_reference(params.semantics) && !inputs.anything_exists();
    if denied || silent {
        let filter = Filter::Never { no_match: silent };
        return Ok(Plan { filter, actions: &[], validation_errors, steps, folded: Vec::new() });
    }
    // Each action has a budget of its own.
    inputs.cx = cx(bump);
    let mut first = Some(inputs);
    for action in request.actions {
        let inputs = first.take().unwrap_or_else(|| Inputs::new(table, params, request, maps, cx(bump), folded));
        let mut walker = walk::Walk::new(inputs, explain.then_some(&mut steps));
        actions.push(walker.action(action)?);
    }
    let actions: &'a [ActionPlan<'a>] = actions.into_bump_slice();
    let filter = together(actions, bump)?;
    let folded = folded.map_or_else(Vec::new, |f| f.borrow_mut().drain(..).collect());
    Ok(Plan { filter, actions, validation_errors, steps, folded })
}

/// All actions at once: one that is never allowed decides, those that always are do not matter.
fn together<'a>(actions: &[ActionPlan<'a>], bump: &'a Bump) -> Result<Filter<'a>, PlanError> {
    let mut terms: Vec<(String, Term<'a>)> = Vec::new();
    let (mut never, mut no_match) = (false, true);
    for plan in actions {
        no_match &= matches!(plan.filter, Filter::Never { no_match: true });
        match plan.filter {
            Filter::Always => {}
            Filter::Never { .. } => never = true,
            Filter::If(term) => {
                let text = debug_term(term);
                if !terms.iter().any(|(t, _)| *t == text) {
                    terms.push((text, term));
                }
            }
        }
    }
    if never {
        return Ok(Filter::Never { no_match });
    }
    terms.sort_by(|(a, _), (b, _)| a.cmp(b));
    match terms.as_slice() {
        [] if actions.is_empty() => Ok(Filter::Never { no_match: true }),
        [] => Ok(Filter::Always),
        [(_, one)] => Ok(Filter::If(*one)),
        many => {
            let terms: Vec<Term<'a>> = many.iter().map(|(_, t)| *t).collect();
            Ok(Filter::If(Term::apply(bump, "and", &terms)?))
        }
    }
}

/// Whether the semantics are the reference's.
fn is_reference(semantics: Semantics) -> bool {
    matches!(semantics, Semantics::Cerbos | Semantics::CerbosStrict)
}
