//! Truth values of conditions and their combination: known, not known yet, failed. What a failure means depends on the
//! semantics and is settled here for whole expressions.

use crate::cel::context::Context;
use crate::cel::partial::{Part, Partial, Stop, Term};
use crate::cel::value::Value;
use crate::engine::Semantics;
use crate::engine::condition::Condition;

/// What a condition came to. As a term, a failure is [`Term::Error`].
pub(super) type Truth<'a> = Term<'a>;

/// Why a condition came to nothing.
pub(super) enum Halt {
    /// There is no plan.
    Stop(Stop),
    /// Strict evaluation ends at a failure: the action is denied.
    Strict,
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Builds terms of logic.
#[derive(Clone, Copy)]
pub(super) struct Logic<'a> {
    pub(super) cx: Context<'a>,
    pub(super) semantics: Semantics,
}

impl<'a> Logic<'a> {
    /// A condition's truth; none is met.
    pub(super) fn condition(&self, condition: Option<&Condition>, partial: &Partial<'a>) -> Result<Truth<'a>, Halt> {
        let Some(condition) = condition else { return Ok(Term::bool(true)) };
        let all = |of: &[Condition]| of.iter().map(|c| self.condition(Some(c), partial)).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::Expr(id) => {
                let truth = self.truth(partial.expression(*id)?)?;
                match truth {
                    // What can give no boolean fails, whatever it gives.
                    Term::Apply(_) | Term::Variable(_)
                        if self.semantics == Semantics::Safe && !partial.may_be_bool(*id) =>
                    {
                        Term::Error
                    }
                    truth => truth,
                }
            }
            Condition::All(of) => self.combine(false, &all(of)?)?,
            Condition::Any(of) => self.combine(true, &all(of)?)?,
            Condition::None(of) => {
                let nots: Result<Vec<_>, Stop> = all(of)?.into_iter().map(|t| self.not(t)).collect();
                self.combine(false, &nots?)?
            }
        })
    }

    /// What one expression's result means as a condition.
    fn truth(&self, part: Part<'a>) -> Result<Truth<'a>, Halt> {
        let not_bool = match self.semantics {
            Semantics::Safe => Term::Error,
            Semantics::Cerbos | Semantics::CerbosStrict => Term::bool(false),
        };
        Ok(match part {
            Part::Known(mut value) => {
                while let Value::Optional(Some(inner)) = value {
                    value = *inner;
                }
                match value {
                    Value::Bool(b) => Term::bool(b),
                    _ => not_bool,
                }
            }
            Part::Failed(..) => match self.semantics {
                Semantics::Safe => Term::Error,
                Semantics::Cerbos => Term::bool(false),
                Semantics::CerbosStrict => return Err(Halt::Strict),
            },
            Part::Unknown(Term::Optional([present, held])) => {
                Term::apply(self.cx.bump, "if", &[*present, *held, Term::Error])?
            }
            Part::Unknown(term) => term,
            Part::Place(_) => not_bool,
        })
    }

    pub(super) fn not(&self, term: Truth<'a>) -> Result<Truth<'a>, Stop> {
        match (term, term.as_apply()) {
            (Term::Value(Value::Bool(b)), _) => Ok(Term::bool(!b)),
            (Term::Error, _) => Ok(Term::Error),
            (_, Some(("not", [inner]))) => Ok(*inner),
            _ => Term::apply(self.cx.bump, "not", &[term]),
        }
    }

    /// `or` for `wanted` true, `and` for false, over any number of operands.
    pub(super) fn combine(&self, wanted: bool, terms: &[Truth<'a>]) -> Result<Truth<'a>, Stop> {
        let mut kept: Vec<Term<'a>> = Vec::new();
        for term in terms {
            match term.as_bool() {
                Some(b) if b == wanted => return Ok(Term::bool(wanted)),
                Some(_) => {}
                None => kept.push(*term),
            }
        }
        match kept.as_slice() {
            [] => Ok(Term::bool(!wanted)),
            [one] => Ok(*one),
            many => Term::apply(self.cx.bump, if wanted { "or" } else { "and" }, many),
        }
    }

    /// One more alternative.
    pub(super) fn add(&self, to: &mut Option<Truth<'a>>, term: Truth<'a>) -> Result<(), Stop> {
        *to = Some(match *to {
            None => term,
            Some(before) => self.combine(true, &[before, term])?,
        });
        Ok(())
    }
}

/// The words for a failure, for explanations.
pub(super) fn words(term: Truth<'_>) -> String {
    match (term, term.as_bool()) {
        (_, Some(true)) => "met".to_owned(),
        (_, Some(false)) => "not met".to_owned(),
        (Term::Error, _) => "fails".to_owned(),
        _ => format!("depends on {}", super::text::debug_term(term)),
    }
}
