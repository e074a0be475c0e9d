//! What most calls never need: frames of other units than those of the levels, errors, traces, and what the reference
//! remembers from action to action. Made when first asked for, so that the others pay for none of it.

use bumpalo::{Bump, collections::Vec as BumpVec};

use super::condition::Tri;
use super::decision::{EvaluationError, PolicyRef};
use super::seen::Seen;
use super::table::Rule;
use crate::cel::{Frame, Unit};

/// See the head of this file.
pub(super) struct Aside<'a> {
    /// Frames by unit and level.
    pub(super) frames: BumpVec<'a, (*const Unit, usize, &'a Frame<'a>)>,
    pub(super) errors: BumpVec<'a, EvaluationError<'a>>,
    pub(super) trace: BumpVec<'a, &'a str>,
    pub(super) seen: BumpVec<'a, Seen<'a>>,
    /// Policies that had something to say.
    pub(super) considered: BumpVec<'a, PolicyRef<'a>>,
    /// What principal policies that read the derived roles came to when they were first asked; in the reference's
    /// semantics alone.
    pub(super) first: BumpVec<'a, First<'a>>,
    /// Rules with a derived role that was not active for them.
    pub(super) inactive: BumpVec<'a, (*const Rule, u32)>,
}

/// What the reference keeps of a principal policy for the later actions of a request, though other derived roles are
/// left over by then (docs/semantics.md).
pub(super) enum First<'a> {
    /// The frame that worked out its variables.
    Variables(*const Unit, &'a Frame<'a>),
    /// The truth of a rule's condition.
    Condition(*const Rule, Tri<'a>),
}

impl<'a> Aside<'a> {
    /// Nothing yet.
    pub(super) fn new(bump: &'a Bump) -> Self {
        Self {
            frames: BumpVec::new_in(bump),
            errors: BumpVec::new_in(bump),
            trace: BumpVec::new_in(bump),
            seen: BumpVec::new_in(bump),
            considered: BumpVec::new_in(bump),
            first: BumpVec::new_in(bump),
            inactive: BumpVec::new_in(bump),
        }
    }
}
