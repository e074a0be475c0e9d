//! Simplification that keeps what decisions say, failures included. A term is only ever asked one of two questions:
//! where is it true, or, below a negation, where is it false. Whatever fails is neither. So a part that is sure to fail
//! can be replaced by false under the first question and by true under the second, and nothing of what it was made of
//! is left in the plan.

use super::logic::Logic;
use super::rewrite;
use crate::cel::partial::{self, Stop, Term};
use crate::cel::value::Value;

/// A term without parts that are sure to fail, true exactly where `term` is.
pub(super) fn simplify<'a>(term: Term<'a>, logic: &Logic<'a>) -> Result<Term<'a>, Stop> {
    Safe { logic }.ask(term, true)
}

struct Safe<'l, 'a> {
    logic: &'l Logic<'a>,
}

impl<'a> Safe<'_, 'a> {
    fn apply(&self, operator: &'a str, operands: &[Term<'a>]) -> Result<Term<'a>, Stop> {
        Term::apply(self.logic.cx.bump, operator, operands)
    }

    /// `positive`: true where the term is true. Otherwise: false where the term is false.
    fn ask(&self, term: Term<'a>, positive: bool) -> Result<Term<'a>, Stop> {
        // Some questions are asked twice, of parts that ask twice again.
        self.logic.cx.charge(1).map_err(|_| Stop::Budget)?;
        let fails = Term::bool(!positive);
        let Some((operator, operands)) = term.as_apply() else {
            return Ok(match term {
                Term::Value(Value::Bool(_)) | Term::Variable(_) => term,
                _ => fails,
            });
        };
        match (operator, operands) {
            ("and" | "or", _) => {
                let asked = operands.iter().map(|o| self.ask(*o, positive)).collect::<Result<Vec<_>, _>>()?;
                self.logic.combine(operator == "or", &rewrite::unique(asked))
            }
            ("not", [one]) => self.logic.not(self.ask(*one, !positive)?),
            ("if", [c, a, b]) => self.choice(*c, *a, *b, positive),
            ("exists" | "all", [range, lambda]) => self.quantifier(operator, *range, *lambda, positive),
            _ if term.has_error() => {
                if let ("in", [Term::Value(needle), container]) = (operator, operands)
                    && let Some(parts) = self.in_parts(*needle, *container)?
                {
                    return self.ask(parts, positive);
                }
                self.where_sound(term, positive, |safe| safe.ask(safe.filled(term)?, positive))
            }
            ("in", [element, container]) => self.membership(term, *element, *container, positive),
            (relation, [left, right]) if rewrite::is_relation(relation) => {
                self.relation(term, relation, *left, *right, positive)
            }
            _ => match rewrite::look_up(&self.logic.cx, term) {
                Some(found) => self.keys(&found, positive, |v| if let Value::Bool(b) = v { Some(b) } else { None }),
                None => Ok(term),
            },
        }
    }

    /// What is asked, where `term` reaches no part that is sure to fail: there it does not matter what stands in its place.
    fn where_sound(
        &self,
        term: Term<'a>,
        positive: bool,
        asked: impl FnOnce(&Self) -> Result<Term<'a>, Stop>,
    ) -> Result<Term<'a>, Stop> {
        let sound = self.sound(term)?;
        if sound.as_bool() == Some(false) {
            return Ok(Term::bool(!positive));
        }
        let asked = asked(self)?;
        if positive {
            return self.logic.combine(false, &[sound, asked]);
        }
        self.logic.combine(true, &[self.logic.not(sound)?, asked])
    }

    /// Where a term reaches no part that is sure to fail.
    fn sound(&self, term: Term<'a>) -> Result<Term<'a>, Stop> {
        self.logic.cx.charge(1).map_err(|_| Stop::Budget)?;
        let Some((operator, operands)) = term.as_apply().filter(|_| term.has_error()) else {
            return Ok(Term::bool(!term.has_error()));
        };
        let each = |of: &[Term<'a>]| of.iter().map(|o| self.sound(*o)).collect::<Result<Vec<_>, _>>();
        let met = |o: Term<'a>| self.ask(o, true);
        let unmet = |o: Term<'a>| self.logic.not(self.ask(o, false)?);
        let any_all = |settles: Vec<Term<'a>>, each: Vec<Term<'a>>| {
            let each = self.logic.combine(false, &each)?;
            self.logic.combine(true, &settles.into_iter().chain([each]).collect::<Vec<_>>())
        };
        match (operator, operands) {
            ("and", _) => any_all(operands.iter().map(|o| unmet(*o)).collect::<Result<_, _>>()?, each(operands)?),
            ("or", _) => any_all(operands.iter().map(|o| met(*o)).collect::<Result<_, _>>()?, each(operands)?),
            ("if", [c, a, b]) => {
                let then = self.logic.combine(false, &[met(*c)?, self.sound(*a)?])?;
                let other = self.logic.combine(false, &[unmet(*c)?, self.sound(*b)?])?;
                self.logic.combine(true, &[then, other])
            }
            (_, [range, lambda]) if matches!(lambda.as_apply(), Some(("lambda", _))) => {
                let range_is = self.sound(*range)?;
                let Some((_, parts)) = lambda.as_apply() else { return Ok(Term::bool(false)) };
                let variables: Vec<Term<'a>> =
                    parts.iter().copied().skip_while(|p| !matches!(p, Term::Variable(_))).collect();
                let over = |operator, body: Term<'a>| {
                    let lambda: Vec<Term<'a>> = std::iter::once(body).chain(variables.iter().copied()).collect();
                    self.apply(operator, &[*range, self.apply("lambda", &lambda)?])
                };
                let inside = match (operator, parts) {
                    ("exists", [body, ..]) => {
                        any_all(vec![over("exists", met(*body)?)?], vec![over("all", self.sound(*body)?)?])?
                    }
                    ("all", [body, ..]) => {
                        any_all(vec![over("exists", unmet(*body)?)?], vec![over("all", self.sound(*body)?)?])?
                    }
                    // A body is only reached where the filter before it is met.
                    (_, [filter, body, Term::Variable(_), ..]) if !matches!(body, Term::Variable(_)) => {
                        let either = self.logic.combine(true, &[unmet(*filter)?, self.sound(*body)?])?;
                        over("all", self.logic.combine(false, &[self.sound(*filter)?, either])?)?
                    }
                    (_, [body, ..]) => over("all", self.sound(*body)?)?,
                    (_, []) => Term::bool(false),
                };
                self.logic.combine(false, &[range_is, inside])
            }
            _ => self.logic.combine(false, &each(operands)?),
        }
    }

    /// The term with null in the place of failures.
    fn filled(&self, term: Term<'a>) -> Result<Term<'a>, Stop> {
        match term {
            Term::Error => Ok(Term::Value(Value::Null)),
            Term::Apply(a) if term.has_error() => {
                let operands = a.operands.iter().map(|o| self.filled(*o)).collect::<Result<Vec<_>, _>>()?;
                self.apply(a.operator, &operands)
            }
            term => Ok(term),
        }
    }

    /// A look-up is true where the key is one that gives true, and false where it is one that gives false.
    fn keys(
        &self,
        found: &rewrite::LookUp<'a>,
        positive: bool,
        test: impl Fn(Value<'a>) -> Option<bool>,
    ) -> Result<Term<'a>, Stop> {
        let keys = found.keys_where(&self.logic.cx, positive, test)?;
        if positive { Ok(keys) } else { self.logic.not(keys) }
    }

    fn choice(&self, c: Term<'a>, a: Term<'a>, b: Term<'a>, positive: bool) -> Result<Term<'a>, Stop> {
        let logic = self.logic;
        if c.has_error() {
            let (yes, no) = (self.ask(c, true)?, logic.not(self.ask(c, false)?)?);
            let side = |term| {
                let asked = self.ask(term, positive)?;
                if positive { Ok::<_, Stop>(asked) } else { logic.not(asked) }
            };
            let taken = logic.combine(false, &[yes, side(a)?])?;
            let other = logic.combine(false, &[no, side(b)?])?;
            let either = logic.combine(true, &[taken, other])?;
            return if positive { Ok(either) } else { logic.not(either) };
        }
        let (a, b) = (self.ask(a, positive)?, self.ask(b, positive)?);
        match (a.as_bool(), b.as_bool()) {
            (Some(true), Some(false)) => self.ask(c, positive),
            (Some(false), Some(true)) => logic.not(self.ask(c, !positive)?),
            (Some(true), Some(true)) if !positive => Ok(a),
            (Some(false), Some(false)) if positive => Ok(a),
            (_, Some(false)) if positive => logic.combine(false, &[self.ask(c, true)?, a]),
            (Some(false), _) if positive => logic.combine(false, &[logic.not(self.ask(c, false)?)?, b]),
            _ => self.apply("if", &[c, a, b]),
        }
    }

    fn quantifier(
        &self,
        operator: &'a str,
        range: Term<'a>,
        lambda: Term<'a>,
        positive: bool,
    ) -> Result<Term<'a>, Stop> {
        let fails = Term::bool(!positive);
        if range.has_error() {
            let filled = self.filled(range)?;
            return self.where_sound(range, positive, |safe| safe.quantifier(operator, filled, lambda, positive));
        }
        let Some((_, [body, variables @ ..])) = lambda.as_apply() else { return Ok(fails) };
        let body = self.ask(*body, positive)?;
        match (operator, body.as_bool(), positive) {
            ("exists", Some(false), true) => return Ok(Term::bool(false)),
            ("all", Some(true), false) => return Ok(Term::bool(true)),
            _ => {}
        }
        let operands: Vec<Term<'a>> = std::iter::once(body).chain(variables.iter().copied()).collect();
        let lambda = self.apply("lambda", &operands)?;
        self.apply(operator, &[range, lambda])
    }

    fn membership(
        &self,
        whole: Term<'a>,
        element: Term<'a>,
        container: Term<'a>,
        positive: bool,
    ) -> Result<Term<'a>, Stop> {
        let cx = &self.logic.cx;
        match (element, container) {
            (Term::Value(needle), container) => {
                if let Some(found) = rewrite::look_up(cx, container) {
                    return self.keys(&found, positive, |v| truth(partial::call(cx, "in", &[needle, v])));
                }
                match self.in_parts(needle, container)? {
                    Some(parts) => self.ask(parts, positive),
                    None => Ok(whole),
                }
            }
            (element, Term::Value(container)) => {
                let Some(elements) = rewrite::elements(container) else { return Ok(Term::bool(!positive)) };
                match elements.as_slice() {
                    [] if positive => Ok(Term::bool(false)),
                    [one] if positive || matches!(container, Value::List(_)) => {
                        self.ask(self.apply("eq", &[element, Term::Value(*one)])?, positive)
                    }
                    many if positive => {
                        let list = Value::list(cx.bump.alloc_slice_copy(many));
                        self.apply("in", &[element, Term::Value(list)])
                    }
                    _ => Ok(whole),
                }
            }
            _ => Ok(whole),
        }
    }

    /// Membership in lists that depend on a condition, as the effective derived roles do.
    fn in_parts(&self, needle: Value<'a>, container: Term<'a>) -> Result<Option<Term<'a>>, Stop> {
        match container.as_apply() {
            Some(("if", [c, a, b])) => {
                let (a, b) = (self.within(needle, *a)?, self.within(needle, *b)?);
                self.apply("if", &[*c, a, b]).map(Some)
            }
            Some(("add", [Term::Value(list @ Value::List(_)), rest]))
                if truth(partial::call(&self.logic.cx, "in", &[needle, *list])) == Some(false) =>
            {
                self.within(needle, *rest).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn within(&self, needle: Value<'a>, container: Term<'a>) -> Result<Term<'a>, Stop> {
        match container {
            Term::Value(list) => Ok(match truth(partial::call(&self.logic.cx, "in", &[needle, list])) {
                Some(b) => Term::bool(b),
                None => Term::Error,
            }),
            other => self.apply("in", &[Term::Value(needle), other]),
        }
    }

    fn relation(
        &self,
        whole: Term<'a>,
        relation: &str,
        left: Term<'a>,
        right: Term<'a>,
        positive: bool,
    ) -> Result<Term<'a>, Stop> {
        let cx = &self.logic.cx;
        let (found, other, first) = match (left, right) {
            (left, Term::Value(v)) if partial::is_scalar(v) => (rewrite::look_up(cx, left), v, true),
            (Term::Value(v), right) if partial::is_scalar(v) => (rewrite::look_up(cx, right), v, false),
            _ => return Ok(whole),
        };
        let Some(found) = found else { return Ok(whole) };
        self.keys(&found, positive, |v| {
            truth(partial::call(cx, relation, &if first { [v, other] } else { [other, v] }))
        })
    }
}

fn truth(value: Result<Value<'_>, crate::cel::EvalError<'_>>) -> Option<bool> {
    match value {
        Ok(Value::Bool(b)) => Some(b),
        _ => None,
    }
}
