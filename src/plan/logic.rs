//! Truth values of conditions and their combination: known, not known yet, failed. What a failure means depends on the
//! semantics and is settled here for whole expressions.

use super::reference;
use crate::cel::context::Context;
use crate::cel::partial::{EITHER, Part, Partial, Stop, Term};
use crate::cel::value::Value;
use crate::engine::Semantics;
use crate::engine::condition::Condition;

/// What conditions and rules came to. As a term, a failure is [`Term::Error`].
///
/// The reference builds its trees of rules without working them out, and asks on the way what a node is: whether it is
/// a constant by itself (`true || c` is none), and whether it negates another (two such negations fall away, those of
/// expressions stay). By default only the term counts.
#[derive(Clone, Copy)]
pub(super) struct Truth<'a> {
    pub(super) term: Term<'a>,
    /// Put together from several nodes, in the reference's semantics.
    together: bool,
    /// What it negates, there.
    negated: Option<Term<'a>>,
    /// Tells nodes apart of which only constants were left out; 0 if none were.
    tag: u64,
}

impl<'a> Truth<'a> {
    fn of(term: Term<'a>) -> Self {
        Self { term, together: false, negated: None, tag: 0 }
    }

    pub(super) fn bool(b: bool) -> Self {
        Self::of(Term::bool(b))
    }

    /// The same, as a node that is no constant by itself.
    pub(super) fn built(self) -> Self {
        Self { together: true, ..self }
    }

    /// The value, where it is a constant.
    pub(super) fn known(self) -> Option<bool> {
        if self.together { None } else { self.term.as_bool() }
    }

    /// True for nodes that are equal.
    pub(super) fn same(self, other: Self) -> bool {
        self.together == other.together && self.tag == other.tag && self.term.same(other.term)
    }
}

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
        let Some(condition) = condition else { return Ok(Truth::bool(true)) };
        // The reference does not look at operands after one that decides.
        let all = |of: &[Condition], decides: bool| {
            let mut truths = Vec::with_capacity(of.len());
            for condition in of {
                let truth = self.condition(Some(condition), partial)?;
                truths.push(truth);
                if self.semantics != Semantics::Safe && truth.known() == Some(decides) {
                    break;
                }
            }
            Ok::<_, Halt>(truths)
        };
        Ok(match condition {
            Condition::Expr(id) => {
                let truth = self.truth(partial.expression(*id)?)?;
                Truth::of(match truth {
                    // What can give no boolean fails, whatever it gives.
                    Term::Apply(_) | Term::Variable(_)
                        if self.semantics == Semantics::Safe && !partial.may_be_bool(*id) =>
                    {
                        Term::Error
                    }
                    truth => truth,
                })
            }
            Condition::All(of) => self.join(false, &all(of, false)?)?,
            Condition::Any(of) => self.join(true, &all(of, true)?)?,
            Condition::None(of) => {
                let nots: Result<Vec<_>, Stop> = all(of, true)?.into_iter().map(|t| self.negate(t)).collect();
                self.join(false, &nots?)?
            }
        })
    }

    /// What one expression's result means as a condition.
    fn truth(&self, part: Part<'a>) -> Result<Term<'a>, Halt> {
        let not_bool = match self.semantics {
            Semantics::Safe => Term::Error,
            Semantics::Cerbos | Semantics::CerbosStrict => Term::bool(false),
        };
        let reference = self.semantics != Semantics::Safe;
        Ok(match part {
            Part::Known(Value::Optional(_)) if reference => return Err(Stop::Unsupported("an optional").into()),
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
            Part::Unknown(term) if reference => {
                let settled = reference::settled(self.chosen(term, true)?, self)?;
                if !settled.is_sayable() {
                    return Err(Stop::Unsupported("an expression").into());
                }
                reference::alone(settled, self)?
            }
            Part::Unknown(term) => term,
            Part::Place(place) if reference && place.path != "runtime" => Term::Variable(place.path),
            Part::Place(_) => not_bool,
        })
    }

    /// The form that the reference shows of a macro over a known list: written out, where nothing is around it.
    fn chosen(&self, term: Term<'a>, alone: bool) -> Result<Term<'a>, Stop> {
        match term.as_apply() {
            // Macros in one that is written out are more than it can show.
            Some((EITHER, [written, _])) if alone && lambdas(*written) > 1 => Err(Stop::Unsupported("a macro")),
            Some((EITHER, [written, out])) => self.chosen(if alone { *out } else { *written }, false),
            Some((operator, operands)) => {
                let operands = operands.iter().map(|o| self.chosen(*o, false)).collect::<Result<Vec<_>, _>>()?;
                Term::apply(self.cx.bump, operator, &operands)
            }
            None => Ok(term),
        }
    }

    /// The opposite of a node.
    pub(super) fn negate(&self, truth: Truth<'a>) -> Result<Truth<'a>, Stop> {
        if self.semantics == Semantics::Safe {
            return Ok(Truth::of(self.not(truth.term)?));
        }
        Ok(match truth.negated {
            Some(inner) => Truth { term: inner, negated: None, ..truth },
            None if truth.known().is_some() => Truth::of(self.opposite(truth.term)?),
            None => Truth { term: self.opposite(truth.term)?, negated: Some(truth.term), ..truth },
        })
    }

    /// `any` for `wanted` true, `all` for false, of the operands of a condition.
    fn join(&self, wanted: bool, truths: &[Truth<'a>]) -> Result<Truth<'a>, Stop> {
        let mut kept = truths.iter().filter(|t| t.known().is_none());
        if truths.iter().any(|t| t.known() == Some(wanted)) {
            return Ok(Truth::bool(wanted));
        }
        match (kept.next(), kept.next()) {
            (None, _) => Ok(Truth::bool(!wanted)),
            (Some(one), None) => Ok(*one),
            _ => self.both(wanted, truths),
        }
    }

    /// Nodes put together, `or` for `wanted` true, `and` for false.
    pub(super) fn both(&self, wanted: bool, truths: &[Truth<'a>]) -> Result<Truth<'a>, Stop> {
        let terms: Vec<Term<'a>> = truths.iter().map(|t| t.term).collect();
        let together = self.semantics != Semantics::Safe;
        Ok(Truth { term: self.combine(wanted, &terms)?, together, negated: None, tag: tag(wanted, truths) })
    }

    /// One more alternative.
    pub(super) fn add(&self, to: &mut Option<Truth<'a>>, truth: Truth<'a>) -> Result<(), Stop> {
        *to = Some(match *to {
            None => truth,
            Some(before) if self.semantics != Semantics::Safe && before.same(truth) => before,
            Some(before) => self.both(true, &[before, truth])?,
        });
        Ok(())
    }

    /// The opposite, without two negations in a row.
    pub(super) fn not(&self, term: Term<'a>) -> Result<Term<'a>, Stop> {
        match term.as_apply() {
            Some(("not", [inner])) => Ok(*inner),
            _ => self.opposite(term),
        }
    }

    /// The opposite, as it is.
    pub(super) fn opposite(&self, term: Term<'a>) -> Result<Term<'a>, Stop> {
        match term {
            Term::Value(Value::Bool(b)) => Ok(Term::bool(!b)),
            Term::Error => Ok(Term::Error),
            _ => Term::apply(self.cx.bump, "not", &[term]),
        }
    }

    /// `or` for `wanted` true, `and` for false, over any number of operands.
    pub(super) fn combine(&self, wanted: bool, terms: &[Term<'a>]) -> Result<Term<'a>, Stop> {
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
}

/// How many lambdas there are in a term.
fn lambdas(term: Term<'_>) -> usize {
    let Some((operator, operands)) = term.as_apply() else { return 0 };
    usize::from(operator == "lambda") + operands.iter().map(|o| lambdas(*o)).sum::<usize>()
}

/// Of nodes put together, where some are constants.
fn tag(wanted: bool, truths: &[Truth<'_>]) -> u64 {
    if truths.iter().all(|t| t.tag == 0 && t.term.as_bool().is_none()) {
        return 0;
    }
    truths.iter().fold(u64::from(wanted) + 1, |tag, t| {
        let own = t.term.as_bool().map_or(3, u64::from);
        (tag.rotate_left(7) ^ t.tag ^ own).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    })
}

/// The words for a failure, for explanations.
pub(super) fn words(truth: Truth<'_>) -> String {
    match (truth.term, truth.term.as_bool()) {
        (_, Some(true)) => "met".to_owned(),
        (_, Some(false)) => "not met".to_owned(),
        (Term::Error, _) => "fails".to_owned(),
        (term, _) => format!("depends on {}", super::text::debug_term(term)),
    }
}
