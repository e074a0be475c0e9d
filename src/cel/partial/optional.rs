//! Optionals whose presence is not known. They live as [`Term::Optional`], a condition and a value, until something
//! takes them apart; what would have to show one is refused.

use super::super::error::EvalError;
use super::super::select;
use super::super::value::Value;
use super::eval::Step;
use super::{Part, Partial, Stop, Term};

impl<'a> Partial<'a> {
    fn optional(&self, present: Term<'a>, value: Term<'a>) -> Step<'a> {
        if self.reference {
            return Err(Stop::Unsupported("an optional"));
        }
        Ok(Part::Unknown(Term::Optional(self.cx.bump.alloc([present, value]))))
    }

    /// What fails within an optional; the reference cannot say it.
    fn failed_optional(&self, part: Part<'a>) -> Step<'a> {
        match part {
            Part::Failed(e, _) if self.reference => Ok(Part::Failed(e, self.unsayable()?)),
            _ => Ok(part),
        }
    }

    /// `part.?field`
    pub(super) fn optional_select(&self, part: Part<'a>, field: &'a str) -> Step<'a> {
        match part {
            Part::Known(v) => self.known(select::optional_select(&self.cx, v, field), || Ok(Term::Error)),
            Part::Failed(..) => self.failed_optional(part),
            Part::Place(place) => match self.has(part, field)? {
                // What the reference knows it does not find here.
                Part::Known(Value::Bool(false)) => Ok(Part::Known(Value::Optional(None))),
                Part::Known(_) if place.fields.iter().any(|(name, _)| *name == field) => {
                    match self.select(part, field)? {
                        Part::Known(v) => Ok(Part::Known(self.cx.some(v))),
                        other => self.optional(Term::bool(true), other.term()),
                    }
                }
                present => {
                    let mut held = self.select(part, field)?.term();
                    if place.declared {
                        // An empty field is absent all the same.
                        held = self.apply("if", &[present.term(), held, Term::Error])?;
                    }
                    self.optional(present.term(), held)
                }
            },
            Part::Unknown(Term::Optional([present, value])) => {
                let inner = self.has(Part::Unknown(*value), field)?;
                let both = self.logic(false, Part::Unknown(*present), inner)?;
                self.optional(both.term(), self.member(*value, field)?)
            }
            Part::Unknown(term) => {
                let present = self.has(part, field)?;
                self.optional(present.term(), self.member(term, field)?)
            }
        }
    }

    /// `part[?key]`
    pub(super) fn optional_index(&self, part: Part<'a>, key: Part<'a>) -> Step<'a> {
        match (part, key) {
            (Part::Known(v), Part::Known(k)) => self.known(select::optional_index(&self.cx, v, k), || Ok(Term::Error)),
            (Part::Failed(..), _) => self.failed_optional(part),
            (_, Part::Failed(..)) => self.failed_optional(key),
            (Part::Place(_), Part::Known(Value::String(name))) => self.optional_select(part, name),
            _ => Err(Stop::Unsupported("an optional index")),
        }
    }

    /// `part.orValue(other)` and `part.or(other)`
    pub(super) fn or_value(&self, part: Part<'a>, value: bool, other: impl FnOnce() -> Step<'a>) -> Step<'a> {
        match part {
            Part::Known(Value::Optional(None)) if self.reference => match other()? {
                Part::Unknown(_) | Part::Place(_) => Err(Stop::Unsupported("an optional")),
                other => self.failed_optional(other),
            },
            Part::Known(Value::Optional(None)) => other(),
            Part::Known(Value::Optional(Some(v))) if value => Ok(Part::Known(*v)),
            Part::Known(Value::Optional(Some(_))) => Ok(part),
            Part::Failed(..) => self.failed_optional(part),
            Part::Unknown(Term::Optional([present, held])) if value => self.or_else(*present, *held, other()?),
            Part::Unknown(Term::Optional([present, _])) => self.choose(*present, part, other()?),
            Part::Unknown(_) => Err(Stop::Unsupported("an optional")),
            Part::Known(_) | Part::Place(_) => {
                self.failed_optional(Part::Failed(EvalError::NO_SUCH_OVERLOAD, Term::Error))
            }
        }
    }

    /// `present ? held : other`, without the part of `held` that is never taken.
    fn or_else(&self, present: Term<'a>, held: Term<'a>, other: Part<'a>) -> Step<'a> {
        match (present.as_bool(), present.as_apply(), held.as_apply()) {
            (Some(true), ..) => Ok(Part::Unknown(held)),
            (Some(false), ..) => Ok(other),
            (_, Some(("if", [c, yes, no])), Some(("if", [same, a, b]))) if c.same(*same) => {
                let (yes, no) = (self.or_else(*yes, *a, other)?, self.or_else(*no, *b, other)?);
                self.choose(*c, yes, no)
            }
            _ => self.choose(present, Part::Unknown(held), other),
        }
    }

    /// `part.hasValue()` and `part.value()`
    pub(super) fn optional_member(&self, part: Part<'a>, name: &str) -> Step<'a> {
        match part {
            Part::Known(Value::Optional(held)) if name == "hasValue" => Ok(Part::Known(Value::Bool(held.is_some()))),
            Part::Known(Value::Optional(Some(v))) => Ok(Part::Known(*v)),
            Part::Known(Value::Optional(None)) => {
                self.failed_optional(Part::Failed(EvalError::NONE_DEREFERENCE, Term::Error))
            }
            Part::Failed(..) => self.failed_optional(part),
            Part::Unknown(Term::Optional([present, _])) if name == "hasValue" => Ok(Part::Unknown(*present)),
            // What is held fails where nothing is.
            Part::Unknown(Term::Optional([_, held])) => Ok(Part::Unknown(*held)),
            Part::Unknown(_) => Err(Stop::Unsupported("an optional")),
            Part::Known(_) | Part::Place(_) => {
                self.failed_optional(Part::Failed(EvalError::NO_SUCH_OVERLOAD, Term::Error))
            }
        }
    }

    /// `optional.of(part)`
    pub(super) fn optional_of(&self, part: Part<'a>) -> Step<'a> {
        match part {
            Part::Known(v) => Ok(Part::Known(self.cx.some(v))),
            Part::Failed(..) => self.failed_optional(part),
            Part::Place(_) | Part::Unknown(Term::Optional(_)) => Err(Stop::Unsupported("an optional")),
            Part::Unknown(term) => {
                // It fails where the value does, which this says: true or a failure.
                let equal = self.apply("eq", &[term, term])?;
                let unequal = self.apply("not", &[equal])?;
                let there = self.apply("or", &[equal, unequal])?;
                self.optional(there, term)
            }
        }
    }

    /// A choice between optionals is an optional; `None` if neither is one.
    pub(super) fn choose_optional(&self, c: Term<'a>, a: Part<'a>, b: Part<'a>) -> Result<Option<Part<'a>>, Stop> {
        let split = |part| match part {
            Part::Known(Value::Optional(None)) => Some((Term::bool(false), Term::Error)),
            Part::Known(Value::Optional(Some(v))) => Some((Term::bool(true), Term::Value(*v))),
            Part::Unknown(Term::Optional([present, held])) => Some((*present, *held)),
            Part::Failed(..) => Some((Term::Error, Term::Error)),
            _ => None,
        };
        let is_optional = |part| matches!(part, Part::Known(Value::Optional(_)) | Part::Unknown(Term::Optional(_)));
        if !is_optional(a) && !is_optional(b) {
            return Ok(None);
        }
        let (Some((has_a, a)), Some((has_b, b))) = (split(a), split(b)) else {
            return Err(Stop::Unsupported("an optional"));
        };
        let present = self.apply("if", &[c, has_a, has_b])?;
        let held = self.apply("if", &[c, a, b])?;
        self.optional(present, held).map(Some)
    }
}
