//! Condition trees and their evaluation under each of the semantics (spec §7; design "Two semantics, one switch").
//! Expressions themselves are the unit's; this room only combines their truth values.

use super::decide::Semantics;
use crate::cel::{EvalError, ExprId, Frame, Truth};

/// A compiled condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One expression.
    Expr(ExprId),
    /// Every operand.
    All(Box<[Condition]>),
    /// At least one operand.
    Any(Box<[Condition]>),
    /// No operand.
    None(Box<[Condition]>),
}

/// Why an expression gave no truth value.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    /// It erred.
    Eval(EvalError<'a>),
    /// It gave something else than a bool.
    NotBool,
    /// The step budget ran out: nothing after this can be decided.
    Budget,
}

impl std::fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Eval(e) => e.fmt(f),
            Self::NotBool => f.write_str("the condition did not give a bool"),
            Self::Budget => f.write_str("step budget exhausted"),
        }
    }
}

/// The outcome of a condition.
#[derive(Clone, Copy, Debug)]
pub enum Tri<'a> {
    /// Met.
    True,
    /// Not met.
    False,
    /// Undecided, with the expression that failed.
    Error(ExprId, Failure<'a>),
}

impl Tri<'_> {
    pub(super) fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            error @ Self::Error(..) => error,
        }
    }
}

/// Evaluates a condition. `on_error` hears of every expression that erred, also where the error does not matter.
///
/// - [`Semantics::Safe`]: three-valued and independent of order: `all` is false if any operand is, else an error if
///   any operand is; `any` true if any operand is, else an error; `none` is `any` negated.
/// - [`Semantics::Cerbos`]: an error counts as false.
/// - [`Semantics::CerbosStrict`]: operands in order; an error met before the outcome is known is the outcome.
///
/// An exhausted budget is an error in all of them.
pub fn evaluate<'a>(
    condition: &Condition,
    frame: &Frame<'a>,
    semantics: Semantics,
    on_error: &mut impl FnMut(ExprId, Failure<'a>),
) -> Tri<'a> {
    match condition {
        Condition::Expr(id) => leaf(*id, frame, semantics, on_error),
        Condition::All(of) => combine(of, false, frame, semantics, on_error),
        Condition::Any(of) => combine(of, true, frame, semantics, on_error),
        Condition::None(of) => combine(of, true, frame, semantics, on_error).negate(),
    }
}

/// `any` for `wanted` true, `all` for `wanted` false: the first operand that is `wanted` decides.
fn combine<'a>(
    of: &[Condition],
    wanted: bool,
    frame: &Frame<'a>,
    semantics: Semantics,
    on_error: &mut impl FnMut(ExprId, Failure<'a>),
) -> Tri<'a> {
    let mut error = None;
    for operand in of {
        // most operands are expressions that do not fail
        if let Condition::Expr(id) = operand {
            match frame.truth(*id) {
                Truth::True if wanted => return Tri::True,
                Truth::False if !wanted => return Tri::False,
                Truth::True | Truth::False => continue,
                Truth::NotBool | Truth::Error(_) => {}
            }
        }
        match evaluate(operand, frame, semantics, on_error) {
            Tri::True if wanted => return Tri::True,
            Tri::False if !wanted => return Tri::False,
            Tri::True | Tri::False => {}
            e @ Tri::Error(_, failure) => {
                if semantics == Semantics::CerbosStrict || matches!(failure, Failure::Budget) {
                    return e;
                }
                error.get_or_insert(e);
            }
        }
    }
    error.unwrap_or(if wanted { Tri::False } else { Tri::True })
}

fn leaf<'a>(
    id: ExprId,
    frame: &Frame<'a>,
    semantics: Semantics,
    on_error: &mut impl FnMut(ExprId, Failure<'a>),
) -> Tri<'a> {
    let failure = match frame.truth(id) {
        Truth::True => return Tri::True,
        Truth::NotBool if semantics == Semantics::Safe => Failure::NotBool,
        Truth::False | Truth::NotBool => return Tri::False,
        Truth::Error(e) if e.is_budget() => Failure::Budget,
        Truth::Error(e) => Failure::Eval(e),
    };
    on_error(id, failure);
    match (semantics, failure) {
        (Semantics::Cerbos, Failure::Eval(_) | Failure::NotBool) => Tri::False,
        _ => Tri::Error(id, failure),
    }
}

/// The first expression that kept a condition from being met, for the reason shown to people. Results are memoised, so
/// asking costs a walk.
pub fn unmet<'a>(condition: &Condition, frame: &Frame<'a>) -> Option<(ExprId, Option<EvalError<'a>>)> {
    let of_safe = |c: &Condition| evaluate(c, frame, Semantics::Safe, &mut |_, _| {});
    match condition {
        Condition::Expr(id) => match frame.truth(*id) {
            Truth::True => None,
            Truth::False | Truth::NotBool => Some((*id, None)),
            Truth::Error(e) => Some((*id, Some(e))),
        },
        Condition::All(of) => of.iter().find(|c| !matches!(of_safe(c), Tri::True)).and_then(|c| unmet(c, frame)),
        Condition::Any(of) => of.first().and_then(|c| unmet(c, frame)),
        Condition::None(of) => of.iter().find_map(|c| match of_safe(c) {
            Tri::False => None,
            Tri::True => first_expr(c).map(|id| (id, None)),
            Tri::Error(id, Failure::Eval(e)) => Some((id, Some(e))),
            Tri::Error(id, Failure::NotBool | Failure::Budget) => Some((id, None)),
        }),
    }
}

/// The first expression of a condition.
#[must_use]
pub fn first_expr(condition: &Condition) -> Option<ExprId> {
    match condition {
        Condition::Expr(id) => Some(*id),
        Condition::All(of) | Condition::Any(of) | Condition::None(of) => of.iter().find_map(first_expr),
    }
}

/// Keeps a failure, once for each expression.
pub(super) fn record<'a>(
    errors: &mut bumpalo::collections::Vec<'a, super::decision::EvaluationError<'a>>,
    frame: &'a Frame<'a>,
    id: ExprId,
    failure: Failure<'a>,
) {
    let expression = frame.source(id);
    if !errors.iter().any(|e| std::ptr::eq(e.expression, expression)) {
        errors.push(super::decision::EvaluationError { expression, failure });
    }
}
