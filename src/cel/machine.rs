//! Runs lowered expressions. One machine serves one decision and one unit; it never allocates outside the arena and
//! never takes longer than its budget.
//!
//! Recursion follows the tree, whose height the parser bounds. `benches/cel.rs` holds the figures.

mod lists;
mod loops;
pub(super) mod operators;
mod structs;

use std::cell::Cell;

use super::compare;
use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::functions::{charge_search, plain_address};
use super::program::{At, Kids, LoopKind, Node, Path, Program, Step, TextTest};
use super::select;
use super::value::{Map, Value};

pub use structs::shape;

/// What variables and repeated paths are worth; the machine asks whoever remembers them.
pub trait Memory<'a> {
    /// The value of a path that is read more than once.
    fn slot(&self, machine: &Machine<'a, Self>, path: u32, memo: u32) -> Eval<'a>
    where
        Self: Sized;

    /// The value of a variable.
    fn variable(&self, machine: &Machine<'a, Self>, index: u32) -> Eval<'a>
    where
        Self: Sized;
}

/// The state of an evaluation.
pub struct Machine<'a, M> {
    pub(super) program: &'a Program,
    pub(super) roots: &'a [Value<'a>],
    pub(super) context: Context<'a>,
    /// Variables of macros.
    locals: Cell<&'a [Cell<Eval<'a>>]>,
    pub(super) memory: M,
}

type Test<'a> = Result<bool, EvalError<'a>>;

impl<'a, M: Memory<'a>> Machine<'a, M> {
    /// A machine at rest.
    pub fn new(program: &'a Program, roots: &'a [Value<'a>], context: Context<'a>, memory: M) -> Self {
        Self { program, roots, context, locals: Cell::new(&[]), memory }
    }

    #[inline]
    pub(super) fn node(&self, at: At) -> &'a Node {
        self.program.node(at)
    }

    #[inline]
    pub(super) fn kids(&self, kids: Kids) -> &'a [At] {
        self.program.kids(kids)
    }

    /// An input.
    #[inline]
    pub(super) fn root(&self, i: u32) -> Value<'a> {
        self.roots.get(i as usize).copied().unwrap_or(Value::Null)
    }

    /// The value of a node.
    pub fn value(&self, at: At) -> Eval<'a> {
        match self.node(at) {
            Node::Constant(c) => Ok(c.view()),
            Node::Path(p) => self.path(*p),
            Node::Slot(path, memo) => self.memory.slot(self, *path, *memo),
            Node::Local(i) => self.local(*i),
            Node::Select(e, key) => select::select(&self.context, self.value(*e)?, key),
            Node::Root(i) => Ok(self.root(*i)),
            Node::Index(e, key) => {
                let v = self.value(*e)?;
                select::index(&self.context, v, self.value(*key)?)
            }
            Node::Choose(c, then, otherwise) => {
                let branch = if self.test(*c)? { then } else { otherwise };
                self.value(*branch)
            }
            Node::Arithmetic(op, a, b) => {
                let a = self.value(*a)?;
                operators::arithmetic(&self.context, *op, a, self.value(*b)?)
            }
            Node::Call(f, args) => self.call(f, *args),
            Node::Variable(i) => self.memory.variable(self, *i),
            Node::Bind(local, init, body) => self.bind(*local, *init, *body),
            Node::Loop(l) => self.run_loop(l),
            Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Equal(..)
            | Node::NotEqual(..)
            | Node::IsText(..)
            | Node::IsNotText(..)
            | Node::Compare(..)
            | Node::In(..)
            | Node::InSet(..)
            | Node::Text(..)
            | Node::Matches(..)
            | Node::InRange(..)
            | Node::HasPath(_)
            | Node::HasVariable(_)
            | Node::HasGlobal(..)
            | Node::Has(..) => self.test(at).map(Value::Bool),
            _ => self.rare(at),
        }
    }

    /// Nodes that are not worth room in the frame of [`Self::value`].
    #[inline(never)]
    fn rare(&self, at: At) -> Eval<'a> {
        let cx = &self.context;
        match self.node(at) {
            Node::Negate(e) => operators::negate(cx, self.value(*e)?),
            Node::OptionalSelect(e, key) => select::optional_select(cx, self.value(*e)?, key),
            Node::OptionalIndex(e, key) => {
                let v = self.value(*e)?;
                select::optional_index(cx, v, self.value(*key)?)
            }
            Node::OrOptional(a, b) => match self.value(*a)? {
                Value::Optional(None) => self.value(*b),
                some @ Value::Optional(Some(_)) => Ok(some),
                _ => Err(EvalError::NO_SUCH_OVERLOAD),
            },
            Node::OrValue(a, b) => match self.value(*a)? {
                Value::Optional(None) => self.value(*b),
                Value::Optional(Some(v)) => Ok(*v),
                _ => Err(EvalError::NO_SUCH_OVERLOAD),
            },
            Node::List(kids) => self.list(*kids),
            Node::ListWithOptionals(kids, optionals) => self.list_with_optionals(*kids, *optionals),
            Node::Map(kids, optionals) => self.map(*kids, *optionals),
            Node::Struct(literal) => self.message(literal),
            Node::CallWithErrors(f, args) => self.call_with_errors(f, *args),
            Node::Regex(call, args, pattern) => self.regex(*call, *args, *pattern),
            Node::Fold(fold) => self.fold(fold),
            Node::Global(root, name) => self.global(*root, name).ok_or_else(|| self.undefined(name)),
            Node::Undefined(name) => Err(self.undefined(name)),
            Node::NoFunction(name, args) => {
                self.list(*args)?;
                Err(cx.error(format_args!("no such overload: {name}")))
            }
            Node::Unknown(name) => Err(cx.error(format_args!("no such attribute(s): {name}"))),
            // everything else is a case of `value`
            _ => Err(EvalError::NO_SUCH_OVERLOAD),
        }
    }

    /// True for nodes that give a boolean or fail.
    pub fn is_test(&self, at: At) -> bool {
        match self.node(at) {
            Node::Loop(l) => matches!(l.kind, LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne),
            Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Equal(..)
            | Node::NotEqual(..)
            | Node::IsText(..)
            | Node::IsNotText(..)
            | Node::Compare(..)
            | Node::In(..)
            | Node::InSet(..)
            | Node::Text(..)
            | Node::Matches(..)
            | Node::InRange(..)
            | Node::HasPath(_)
            | Node::HasVariable(_)
            | Node::HasGlobal(..)
            | Node::Has(..) => true,
            _ => false,
        }
    }

    /// The truth of a node; anything but a boolean is an error.
    pub fn test(&self, at: At) -> Test<'a> {
        match self.node(at) {
            Node::And(kids) => self.and(*kids),
            Node::Or(kids) => self.or(*kids),
            Node::Not(e) => self.test(*e).map(|b| !b),
            Node::IsText(e, text) => self.is_text(*e, text),
            Node::IsNotText(e, text) => match self.value(*e)? {
                Value::String(s) => Ok(s != &**text),
                other @ Value::Object(_) => self.differ(other, Value::String(text)),
                _ => Ok(true),
            },
            Node::Equal(a, b) => {
                let a = self.value(*a)?;
                compare::equal(a, self.value(*b)?, &self.context)
            }
            Node::NotEqual(a, b) => {
                let a = self.value(*a)?;
                self.differ(a, self.value(*b)?)
            }
            Node::Compare(relation, a, b) => {
                let a = self.value(*a)?;
                operators::compare(&self.context, *relation, a, self.value(*b)?)
            }
            Node::InSet(e, set) => self.in_set(*e, *set),
            Node::In(a, b) => {
                let a = self.value(*a)?;
                operators::contains(&self.context, a, self.value(*b)?)
            }
            Node::Text(test, e, text) => match self.value(*e)? {
                Value::String(s) => Ok(match test {
                    TextTest::Prefix => s.as_bytes().starts_with(text.as_bytes()),
                    TextTest::Suffix => s.as_bytes().ends_with(text.as_bytes()),
                    TextTest::Part => {
                        self.context.charge(s.len() / 32)?;
                        s.contains(&**text)
                    }
                }),
                _ => Err(EvalError::NO_SUCH_OVERLOAD),
            },
            Node::Matches(e, pattern) => self.matches(*e, *pattern),
            Node::InRange(e, range) => match self.value(*e)? {
                Value::String(text) => match plain_address(text) {
                    Some(ip) => Ok(range.contains(ip)),
                    None => Err(self.context.error(format_args!("invalid IP address: {text}"))),
                },
                other => Err(self.context.no_overload("inIPAddrRange", &[other, Value::String("")])),
            },
            Node::HasPath(p) => self.has_path(*p),
            Node::Has(e, key) => select::has(&self.context, self.value(*e)?, key),
            Node::HasVariable(i) => match self.memory.variable(self, *i) {
                Err(e) if e.is_fatal() || e.is_now_missing() => Err(e),
                Err(e) => Ok(!matches!(e.fault(), Fault::UndefinedField(_))),
                Ok(_) => Ok(true),
            },
            Node::HasGlobal(root, name) => Ok(self.global(*root, name).is_some()),
            Node::Choose(c, then, otherwise) => {
                let branch = if self.test(*c)? { then } else { otherwise };
                self.test(*branch)
            }
            _ => truth_of(self.value(at)?),
        }
    }

    /// True as soon as none is false; what is no boolean counts as an error, and the first error is the result.
    #[inline]
    fn and(&self, kids: Kids) -> Test<'a> {
        let mut failure = None;
        for kid in self.kids(kids) {
            match self.test(*kid) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(e) if e.is_fatal() => return Err(e),
                Err(e) => failure = failure.or(Some(e)),
            }
        }
        failure.map_or(Ok(true), Err)
    }

    #[inline]
    fn or(&self, kids: Kids) -> Test<'a> {
        let mut failure = None;
        for kid in self.kids(kids) {
            match self.test(*kid) {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                Err(e) if e.is_fatal() => return Err(e),
                Err(e) => failure = failure.or(Some(e)),
            }
        }
        failure.map_or(Ok(false), Err)
    }

    #[inline]
    fn is_text(&self, e: At, text: &'a str) -> Test<'a> {
        match self.value(e)? {
            Value::String(s) => Ok(s == text),
            other @ Value::Object(_) => compare::equal(other, Value::String(text), &self.context),
            _ => Ok(false),
        }
    }

    /// `a != b`: true for what can't be compared; the end of the budget stays an error.
    #[inline]
    fn differ(&self, a: Value<'a>, b: Value<'a>) -> Test<'a> {
        match compare::equal(a, b, &self.context) {
            Ok(equal) => Ok(!equal),
            Err(e) if e.is_fatal() => Err(e),
            Err(_) => Ok(true),
        }
    }

    #[inline]
    fn matches(&self, e: At, pattern: u32) -> Test<'a> {
        match (self.value(e)?, self.program.patterns.get(pattern as usize)) {
            (Value::String(text), Some((_, Ok(pattern)))) => {
                charge_search(&self.context, text)?;
                Ok(pattern.is_match(text))
            }
            (Value::String(_), Some((_, Err(why)))) => Err(self.context.fault(Fault::Text(why))),
            (other, _) => Err(super::functions::no_receiver(&self.context, "matches", other)),
        }
    }

    /// A static path.
    #[inline]
    pub(super) fn path(&self, index: u32) -> Eval<'a> {
        let Some(path) = self.program.paths.get(index as usize) else { return Ok(Value::Null) };
        self.walk(path, &path.steps)
    }

    #[inline]
    fn walk(&self, path: &'a Path, steps: &'a [Step]) -> Eval<'a> {
        let mut v = self.root(path.root);
        for step in steps {
            v = match (step, v) {
                (Step::Key(key), Value::Map(Map::Fields(fields))) => match Map::Fields(fields).get_str(key) {
                    Some(found) => found,
                    None => return Err(self.context.fault(Fault::NoSuchKey(key))),
                },
                (Step::Field(i, name), Value::Message(m)) => match m.fields.get(*i as usize) {
                    Some(field) => *field,
                    None => return Err(self.context.fault(Fault::NoSuchField(name))),
                },
                (Step::Key(key), other) => select::select(&self.context, other, key)?,
                (Step::Field(_, name), other) => select::select(&self.context, other, name)?,
            };
        }
        Ok(v)
    }

    fn has_path(&self, index: u32) -> Test<'a> {
        let Some(path) = self.program.paths.get(index as usize) else { return Ok(false) };
        let Some((last, steps)) = path.steps.split_last() else { return Ok(true) };
        let v = self.walk(path, steps)?;
        match last {
            // worked out when it is asked for, and there even if it is empty
            Step::Field(_, "effectiveDerivedRoles") => Ok(true),
            Step::Key(key) => select::has(&self.context, v, key),
            Step::Field(_, name) => select::has(&self.context, v, name),
        }
    }

    fn global(&self, root: u32, name: &str) -> Option<Value<'a>> {
        match self.root(root) {
            Value::Map(map) => map.get_str(name),
            _ => None,
        }
    }

    #[cold]
    fn undefined(&self, name: &'a str) -> EvalError<'a> {
        self.context.fault(Fault::UndefinedField(name))
    }

    #[inline]
    pub(super) fn local(&self, i: u32) -> Eval<'a> {
        self.locals.get().get(i as usize).map_or(Ok(Value::Null), Cell::get)
    }

    #[inline]
    pub(super) fn set_local(&self, i: u32, value: Eval<'a>) {
        if let Some(cell) = self.locals.get().get(i as usize) {
            cell.set(value);
        }
    }

    /// Makes room for macro variables, before the first one is set.
    #[inline]
    pub(super) fn need_locals(&self) {
        if self.locals.get().is_empty() {
            let count = self.program.locals as usize;
            self.locals.set(self.context.bump.alloc_slice_fill_with(count, |_| Cell::new(Ok(Value::Null))));
        }
    }

    /// A failed initial value is an error where the name is used, not before.
    #[inline(never)]
    fn bind(&self, local: u32, init: At, body: At) -> Eval<'a> {
        self.need_locals();
        let value = self.value(init);
        if let Err(e) = value
            && e.is_fatal()
        {
            return Err(e);
        }
        self.set_local(local, value);
        self.value(body)
    }
}

/// A value as a condition.
#[inline]
fn truth_of(value: Value<'_>) -> Test<'_> {
    match value {
        Value::Bool(b) => Ok(b),
        _ => Err(EvalError::NO_SUCH_OVERLOAD),
    }
}
