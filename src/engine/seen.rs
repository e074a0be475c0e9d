//! What was asked on the way to a decision, for coverage and explanations: rules and derived roles with their results,
//! and the frames to ask again from. Only [`decide_seen`](super::decide_seen) keeps it; a plain decision pays nothing.

use super::condition::{self, Condition, Tri};
use super::decide::Semantics;
use super::table::{DerivedRole, DerivedSet, Policy, RolePolicy, RoleRule, Rule};
use crate::cel::Frame;

/// One thing that was asked. A rule that matches in several ways is asked once for each.
#[derive(Clone, Copy)]
pub enum Seen<'a> {
    /// A rule of a resource or principal policy whose action and roles match.
    Rule {
        /// The action.
        action: &'a str,
        /// The role that was asked for, with its ancestors; empty in principal policies.
        roles: &'a [&'a str],
        /// The rule's policy.
        policy: &'a Policy,
        /// The rule.
        rule: &'a Rule,
        /// Whether the condition as written is met.
        met: Tri<'a>,
        /// What its expressions are evaluated in.
        frame: &'a Frame<'a>,
    },
    /// A derived role that a rule names, one of whose parents the principal has.
    DerivedRole {
        /// The action.
        action: &'a str,
        /// The rule's policy.
        policy: &'a Policy,
        /// The rule that names it.
        rule: &'a Rule,
        /// Where it is defined.
        set: &'a DerivedSet,
        /// Its definition.
        role: &'a DerivedRole,
        /// Whether it is active.
        active: Tri<'a>,
        /// What its condition is evaluated in.
        frame: &'a Frame<'a>,
    },
    /// A rule of a role policy that lists the action.
    RoleRule {
        /// The action.
        action: &'a str,
        /// The rule's policy.
        policy: &'a RolePolicy,
        /// The rule.
        rule: &'a RoleRule,
        /// Whether its condition is met.
        met: Tri<'a>,
        /// What its expressions are evaluated in.
        frame: &'a Frame<'a>,
    },
    /// A role policy none of whose rules lists the action.
    Unlisted {
        /// The action.
        action: &'a str,
        /// The policy.
        policy: &'a RolePolicy,
    },
}

impl<'a> Seen<'a> {
    /// The action it was asked for.
    #[must_use]
    pub fn action(&self) -> &'a str {
        match self {
            Self::Rule { action, .. }
            | Self::DerivedRole { action, .. }
            | Self::RoleRule { action, .. }
            | Self::Unlisted { action, .. } => action,
        }
    }
}

/// How many nodes a condition has.
#[must_use]
pub fn nodes(condition: &Condition) -> usize {
    match condition {
        Condition::Expr(_) => 1,
        Condition::All(of) | Condition::Any(of) | Condition::None(of) => 1 + of.iter().map(nodes).sum::<usize>(),
    }
}

/// Asks a condition again and tells of every node that takes part in the answer, children first, with its number: nodes
/// are counted from `at` as they are written, parents first. Operands after the one that decides are left out.
pub fn visit<'a>(
    condition: &Condition,
    frame: &Frame<'a>,
    semantics: Semantics,
    at: usize,
    each: &mut impl FnMut(usize, &Condition, Tri<'a>),
) -> Tri<'a> {
    let (of, wanted) = match condition {
        Condition::Expr(_) => {
            let result = condition::evaluate(condition, frame, semantics, &mut |_, _| {});
            each(at, condition, result);
            return result;
        }
        Condition::All(of) => (of, false),
        Condition::Any(of) | Condition::None(of) => (of, true),
    };
    let mut next = at + 1;
    for operand in of {
        let result = visit(operand, frame, semantics, next, each);
        next += nodes(operand);
        let decides = match result {
            Tri::True => wanted,
            Tri::False => !wanted,
            Tri::Error(..) => semantics == Semantics::CerbosStrict,
        };
        if decides {
            break;
        }
    }
    let result = condition::evaluate(condition, frame, semantics, &mut |_, _| {});
    each(at, condition, result);
    result
}
