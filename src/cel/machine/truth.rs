//! Nodes as conditions: true, false or an error, without a value in between.

use super::super::compare;
use super::super::error::{EvalError, Fault};
use super::super::functions::{self, charge_search, plain_address};
use super::super::program::{At, Before, Kids, Node, Relation, TextTest, TypeTest};
use super::super::select;
use super::super::texts::{Key, same};
use super::super::time::{self, Moment};
use super::super::value::{Constant, Map, Value, field, field_named};
use super::{Machine, Memory, Test, Unmet, answer, operators, settled};

impl<'a, M: Memory<'a>> Machine<'a, M> {
    /// The truth of a node; anything but a boolean is an error. Like [`Self::value`], only finds who works it out.
    pub fn test(&self, at: At) -> Test<'a> {
        match self.node(at) {
            Node::And(kids) => self.and(*kids),
            Node::Or(kids) => self.or(*kids),
            Node::Not(e) => self.not(*e),
            Node::NotVariable(i) => self.not_variable(*i),
            Node::HasPath(p) => self.has_path(*p),
            Node::Variable(i) => self.memory.truth(self, *i),
            Node::IsText(e, text) => self.is_text(*e, text),
            Node::IsNotText(e, text) => self.is_not_text(*e, text),
            Node::IsType(e, ty) => self.is_type(*e, ty),
            Node::PathIs(p, ty) => self.path_is(*p, ty),
            Node::PathsAre(tests) => self.paths_are(tests),
            Node::FieldIs(e, test) => self.field_is(*e, test),
            Node::InSet(e, set) => self.in_set(*e, *set),
            Node::Matches(e, pattern) => self.matches(*e, *pattern),
            Node::TextMatches(e, pattern) => self.text_matches(*e, *pattern),
            Node::Text(test, e, text) => self.text_test(*test, *e, text),
            Node::Equal(a, b) => self.equal(*a, *b),
            Node::NotEqual(a, b) => self.not_equal(*a, *b),
            Node::Compare(relation, a, b) => self.compare(*relation, *a, *b),
            Node::CompareWith(relation, a, b) => self.compare_with(*relation, *a, b),
            Node::Before(test) => self.before(test),
            Node::In(a, b) => self.contains(*a, *b),
            Node::Has(e, key) => self.has(*e, key),
            Node::Loop(l) => self.loop_test(l),
            Node::Choose(c, then, otherwise) => self.choose_test(*c, *then, *otherwise),
            Node::InRange(..) | Node::HasVariable(_) | Node::HasGlobal(..) => self.rare_test(at),
            _ => self.truth_of(at),
        }
    }

    #[inline(never)]
    fn rare_test(&self, at: At) -> Test<'a> {
        match self.node(at) {
            Node::InRange(e, range) => match self.value(*e)? {
                Value::String(text) => match plain_address(text) {
                    Some(ip) => answer(range.contains(ip)),
                    None => Err(self.context.error(format_args!("invalid IP address: {text}")).into()),
                },
                other => Err(self.context.no_overload("inIPAddrRange", &[other, Value::String("")]).into()),
            },
            Node::HasVariable(i) => match self.variable(*i) {
                Err(e) if e.is_fatal() || e.is_now_missing() => Err(e.into()),
                Err(e) => answer(!matches!(e.fault(), Fault::UndefinedField(_))),
                Ok(_) => answer(true),
            },
            Node::HasGlobal(root, name) => answer(self.global(*root, name).is_some()),
            // everything else is a case of `test`
            _ => Err(EvalError::NO_SUCH_OVERLOAD.into()),
        }
    }

    #[inline(never)]
    fn truth_of(&self, at: At) -> Test<'a> {
        truth_of(&self.value(at)?)
    }

    #[inline(never)]
    fn choose_test(&self, condition: At, then: At, otherwise: At) -> Test<'a> {
        self.test(if settled(self.test(condition))? { then } else { otherwise })
    }

    #[inline(never)]
    fn not(&self, e: At) -> Test<'a> {
        match self.test(e) {
            Ok(()) => answer(false),
            Err(unmet) if unmet.is_false() => answer(true),
            failed => failed,
        }
    }

    #[inline(never)]
    fn not_variable(&self, index: u32) -> Test<'a> {
        match self.memory.truth(self, index) {
            Ok(()) => answer(false),
            Err(unmet) if unmet.is_false() => answer(true),
            failed => failed,
        }
    }

    #[inline(never)]
    fn is_type(&self, e: At, ty: &TypeTest) -> Test<'a> {
        match self.glance(e, |value| Some(ty.fits(value))) {
            Some(fits) => answer(fits),
            None => self.any_is_type(e, ty),
        }
    }

    #[inline(never)]
    fn any_is_type(&self, e: At, ty: &TypeTest) -> Test<'a> {
        answer(ty.fits(&self.operand(e)?))
    }

    #[inline(never)]
    fn field_is(&self, e: At, test: &'a (Key, TypeTest)) -> Test<'a> {
        match self.fields(e) {
            Some(fields) => answer(field_named(fields, &test.0).is_some_and(|v| test.1.fits(v))),
            None => self.field_of_any_is(e, test),
        }
    }

    #[inline(never)]
    pub(super) fn field_of_any_is(&self, e: At, (key, ty): &'a (Key, TypeTest)) -> Test<'a> {
        match self.operand(e)? {
            Value::Map(Map::Fields(fields)) => answer(field_named(fields, key).is_some_and(|v| ty.fits(v))),
            other if select::has(&self.context, other, &key.text)? => {
                answer(ty.fits(&select::select(&self.context, other, &key.text)?))
            }
            _ => answer(false),
        }
    }

    #[inline(never)]
    fn equal(&self, a: At, b: At) -> Test<'a> {
        match (self.text(a), self.text(b)) {
            (Some(a), Some(b)) => answer(compare::equal(Value::String(a), Value::String(b), &self.context)?),
            _ => self.any_equal(a, b),
        }
    }

    #[inline(never)]
    fn any_equal(&self, a: At, b: At) -> Test<'a> {
        let a = self.operand(a)?;
        answer(compare::equal(a, self.operand(b)?, &self.context)?)
    }

    #[inline(never)]
    fn not_equal(&self, a: At, b: At) -> Test<'a> {
        let a = self.operand(a)?;
        self.differ(a, self.value(b)?)
    }

    #[inline(never)]
    fn compare(&self, relation: Relation, a: At, b: At) -> Test<'a> {
        let a = self.operand(a)?;
        answer(operators::compare(&self.context, relation, a, self.value(b)?)?)
    }

    #[inline(never)]
    fn compare_with(&self, relation: Relation, a: At, b: &'a Constant) -> Test<'a> {
        let number = self.glance(a, |value| match value {
            Value::Double(x) => Some(*x),
            _ => None,
        });
        match (number, b) {
            (Some(x), Constant::Double(y)) => answer(holds(relation, x, *y)),
            _ => self.compare_any_with(relation, a, b),
        }
    }

    #[inline(never)]
    fn compare_any_with(&self, relation: Relation, a: At, b: &'a Constant) -> Test<'a> {
        match (self.operand(a)?, b) {
            (Value::Double(x), Constant::Double(y)) => answer(holds(relation, x, *y)),
            (Value::Timestamp(x), Constant::Timestamp(y)) => answer(operators::holds(relation, time::order(x, *y))),
            (a, b) => answer(operators::compare(&self.context, relation, a, b.view())?),
        }
    }

    #[inline(never)]
    fn before(&self, test: &'a Before) -> Test<'a> {
        match self.text(test.text).and_then(|text| Moment::read(text.as_bytes())) {
            Some(moment) => answer(moment.is_before(test.bound) != test.opposite),
            None => self.test(test.general),
        }
    }

    #[inline(never)]
    fn contains(&self, a: At, b: At) -> Test<'a> {
        let a = self.operand(a)?;
        answer(operators::contains(&self.context, a, self.operand(b)?)?)
    }

    #[inline(never)]
    fn has(&self, e: At, key: &'a Key) -> Test<'a> {
        match self.fields(e) {
            Some(fields) => answer(field_named(fields, key).is_some()),
            None => self.any_has(e, &key.text),
        }
    }

    #[inline(never)]
    fn any_has(&self, e: At, key: &'a str) -> Test<'a> {
        match self.operand(e)? {
            Value::Map(Map::Fields(fields)) => answer(field(fields, key).is_some()),
            other => answer(select::has(&self.context, other, key)?),
        }
    }

    #[inline(never)]
    fn text_test(&self, test: TextTest, e: At, text: &str) -> Test<'a> {
        let s = match self.text(e) {
            Some(s) => s,
            None => self.any_text(e)?,
        };
        answer(match test {
            TextTest::Prefix => s.as_bytes().starts_with(text.as_bytes()),
            TextTest::Suffix => s.as_bytes().ends_with(text.as_bytes()),
            TextTest::Part => {
                self.context.charge(s.len() / 32)?;
                s.contains(text)
            }
        })
    }

    #[inline(never)]
    fn any_text(&self, e: At) -> Result<&'a str, EvalError<'a>> {
        match self.operand(e)? {
            Value::String(s) => Ok(s),
            _ => Err(EvalError::NO_SUCH_OVERLOAD),
        }
    }

    #[inline(never)]
    fn is_not_text(&self, e: At, text: &'a str) -> Test<'a> {
        match self.text(e) {
            Some(s) => answer(!same(s, text)),
            None => self.any_is_not_text(e, text),
        }
    }

    #[inline(never)]
    fn any_is_not_text(&self, e: At, text: &'a str) -> Test<'a> {
        match self.operand(e)? {
            Value::String(s) => answer(!same(s, text)),
            other @ Value::Object(_) => self.differ(other, Value::String(text)),
            _ => answer(true),
        }
    }

    /// True as soon as none is false; what is no boolean counts as an error, and the first error is the result.
    #[inline(never)]
    fn and(&self, kids: Kids) -> Test<'a> {
        let mut failure = None;
        for kid in self.kids(kids) {
            match self.test(*kid) {
                Ok(()) => {}
                Err(unmet) if !unmet.is_absorbed() => return Err(unmet),
                Err(unmet) => failure = failure.or(Some(unmet)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    #[inline(never)]
    fn or(&self, kids: Kids) -> Test<'a> {
        let mut failure = None;
        for kid in self.kids(kids) {
            match self.test(*kid) {
                Ok(()) => return answer(true),
                Err(unmet) if unmet.is_false() => {}
                Err(unmet) if !unmet.is_absorbed() => return Err(unmet),
                Err(unmet) => failure = failure.or(Some(unmet)),
            }
        }
        Err(failure.unwrap_or(Unmet::FALSE))
    }

    #[inline(never)]
    fn is_text(&self, e: At, text: &'a str) -> Test<'a> {
        match self.text(e) {
            Some(s) => answer(same(s, text)),
            None => self.any_is_text(e, text),
        }
    }

    #[inline(never)]
    fn any_is_text(&self, e: At, text: &'a str) -> Test<'a> {
        let value = self.operand(e)?;
        self.equals_text(&value, text)
    }

    #[inline]
    pub(super) fn equals_text(&self, value: &Value<'a>, text: &'a str) -> Test<'a> {
        match value {
            Value::String(s) => answer(same(s, text)),
            other @ Value::Object(_) => answer(compare::equal(*other, Value::String(text), &self.context)?),
            _ => answer(false),
        }
    }

    /// `a != b`: true for what can't be compared; the end of the budget stays an error.
    #[inline]
    fn differ(&self, a: Value<'a>, b: Value<'a>) -> Test<'a> {
        match compare::equal(a, b, &self.context) {
            Ok(equal) => answer(!equal),
            Err(e) if e.is_fatal() => Err(e.into()),
            Err(_) => answer(true),
        }
    }

    #[inline(never)]
    fn text_matches(&self, e: At, pattern: u32) -> Test<'a> {
        match self.text(e) {
            Some(text) => self.matches_text(text, pattern),
            None => self.any_text_matches(e, pattern),
        }
    }

    #[inline(never)]
    fn any_text_matches(&self, e: At, pattern: u32) -> Test<'a> {
        match self.operand(e)? {
            Value::String(text) => self.matches_text(text, pattern),
            _ => answer(false),
        }
    }

    #[inline(never)]
    fn matches(&self, e: At, pattern: u32) -> Test<'a> {
        match self.text(e) {
            Some(text) => self.matches_text(text, pattern),
            None => self.any_matches(e, pattern),
        }
    }

    #[inline(never)]
    fn any_matches(&self, e: At, pattern: u32) -> Test<'a> {
        match self.operand(e)? {
            Value::String(text) => self.matches_text(text, pattern),
            other => Err(functions::no_receiver(&self.context, "matches", other).into()),
        }
    }

    #[inline(never)]
    pub(super) fn matches_text(&self, text: &'a str, pattern: u32) -> Test<'a> {
        match self.program.patterns.get(pattern as usize) {
            Some((_, Ok(pattern))) => {
                charge_search(&self.context, text)?;
                answer(pattern.is_match(text))
            }
            Some((_, Err(why))) => Err(self.context.fault(Fault::Text(why)).into()),
            None => answer(false),
        }
    }
}

/// True if the numbers are in this relation, which NaN never is.
#[inline]
fn holds(relation: Relation, x: f64, y: f64) -> bool {
    match relation {
        Relation::Less => x < y,
        Relation::LessEqual => x <= y,
        Relation::Greater => x > y,
        Relation::GreaterEqual => x >= y,
    }
}

/// A value as a condition: anything but a boolean is an error.
#[inline]
pub fn truth_of<'a>(value: &Value<'a>) -> Test<'a> {
    match value {
        Value::Bool(b) => answer(*b),
        _ => Err(EvalError::NO_SUCH_OVERLOAD.into()),
    }
}
