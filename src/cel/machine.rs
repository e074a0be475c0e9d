//! Runs lowered expressions. One machine serves one decision and one unit; it never allocates outside the arena and
//! never takes longer than its budget.
//!
//! Recursion follows the tree, whose height the parser bounds. `benches/cel.rs` holds the figures.

mod lists;
mod loops;
pub(super) mod operators;
mod paths;
mod structs;
mod truth;

use std::cell::Cell;

use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::mapping::MapBuilder;
use super::program::{Arithmetic, At, Kids, Node, Program, TypeTest};
use super::select;
use super::texts::Key;
use super::value::{Constant, Map, Value, field_named};

pub use structs::shape;
pub use truth::truth_of;

/// What variables and repeated paths are worth; the machine asks whoever remembers them.
pub trait Memory<'a> {
    /// The value of a path that is read more than once.
    fn slot(&self, machine: &Machine<'a, Self>, path: u32, memo: u32) -> Place<'a>
    where
        Self: Sized;

    /// The value of a variable, if it is known already.
    fn known_variable(&self, index: u32) -> Option<Eval<'a>>;

    /// Keeps the value of such a path that was come across.
    fn found(&self, machine: &Machine<'a, Self>, memo: u32, value: &'a Value<'a>)
    where
        Self: Sized;

    /// A variable as a condition.
    fn truth(&self, machine: &Machine<'a, Self>, index: u32) -> Test<'a>
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
    /// Those of the program.
    nodes: &'a [Node],
    pub(super) roots: &'a [Value<'a>],
    pub(super) context: Context<'a>,
    /// Variables of macros.
    locals: Cell<Locals<'a>>,
    /// Room for those of an expression that is evaluated in the midst of another one.
    spare: Cell<Option<Locals<'a>>>,
    pub(super) memory: M,
}

/// Where in the request a value is.
pub(super) type Place<'a> = Result<&'a Value<'a>, EvalError<'a>>;

/// What a condition gives: nothing if it holds. One pointer, so that it comes back in one register and those who only
/// hand on what others find out need not come back at all.
pub type Test<'a> = Result<(), Unmet<'a>>;

/// Why a condition does not hold: it is false, or it failed.
#[derive(Clone, Copy)]
pub struct Unmet<'a>(&'a Fault<'a>);

/// Stands for `false`, by its address.
static FALSE: Fault<'static> = Fault::Static("false");

impl<'a> Unmet<'a> {
    /// It is false.
    pub const FALSE: Unmet<'static> = Unmet(&FALSE);

    /// True if it is false, and did not fail.
    #[inline]
    #[must_use]
    pub fn is_false(self) -> bool {
        std::ptr::eq(self.0, &raw const FALSE)
    }

    /// True for failures that a condition beside this one may make up for.
    #[inline]
    #[must_use]
    pub fn is_absorbed(self) -> bool {
        !self.is_false() && !EvalError(self.0).is_fatal()
    }

    /// The failure, if it is one.
    #[inline]
    #[must_use]
    pub fn error(self) -> Option<EvalError<'a>> {
        if self.is_false() { None } else { Some(EvalError(self.0)) }
    }
}

impl<'a> From<EvalError<'a>> for Unmet<'a> {
    #[inline]
    fn from(e: EvalError<'a>) -> Self {
        Self(e.0)
    }
}

/// A plain boolean as what a condition gives.
#[inline]
pub(super) fn answer<'a>(b: bool) -> Test<'a> {
    if b { Ok(()) } else { Err(Unmet::FALSE) }
}

/// What a condition gives as a plain boolean.
#[inline]
pub fn settled(test: Test<'_>) -> Result<bool, EvalError<'_>> {
    match test {
        Ok(()) => Ok(true),
        Err(unmet) => unmet.error().map_or(Ok(false), Err),
    }
}

type Locals<'a> = &'a [Cell<Eval<'a>>];

impl<'a, M: Memory<'a>> Machine<'a, M> {
    /// A machine at rest.
    pub fn new(program: &'a Program, roots: &'a [Value<'a>], context: Context<'a>, memory: M) -> Self {
        Self { program, nodes: &program.nodes, roots, context, locals: Cell::new(&[]), spare: Cell::new(None), memory }
    }

    #[inline]
    pub(super) fn node(&self, at: At) -> &'a Node {
        self.nodes.get(at.0 as usize).unwrap_or(&Node::Constant(Constant::Null))
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

    /// The value of a node. Only finds who works it out: a frame big enough for every kind of node would cost more than
    /// most nodes do.
    pub fn value(&self, at: At) -> Eval<'a> {
        match self.node(at) {
            Node::Slot(path, memo) => self.slot(*path, *memo),
            Node::Constant(c) => Ok(c.view()),
            Node::Local(i) => self.local(*i),
            Node::Variable(i) => self.variable(*i),
            Node::Path(p) => self.path(*p),
            Node::Root(i) => Ok(self.root(*i)),
            Node::Select(e, key) => self.select(*e, key),
            Node::Index(e, key) => self.index(*e, *key),
            Node::Choose(c, then, otherwise) => self.choose(*c, *then, *otherwise),
            Node::FieldOr(e, test, otherwise) => self.field_or(*e, test, *otherwise),
            Node::Arithmetic(op, a, b) => self.arithmetic(*op, *a, *b),
            Node::Call(f, args) => self.call(f, *args),
            Node::Bind(local, init, body) => self.bind(*local, *init, *body),
            Node::Loop(l) => self.run_loop(l),
            test if test.is_test() => self.tested(at),
            _ => self.rare(at),
        }
    }

    /// The same as [`Self::value`], without a call for what is mostly there already. For nodes with few operands.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub(super) fn operand(&self, at: At) -> Eval<'a> {
        match self.node(at) {
            Node::Local(i) => self.local(*i),
            Node::Slot(path, memo) => self.memory.slot(self, *path, *memo).copied(),
            Node::Path(p) => self.place(*p).copied(),
            Node::Variable(i) => self.memory.variable(self, *i),
            _ => self.value(at),
        }
    }

    /// What a node is worth, if that is there already and of the kind that is looked for. Whoever finds nothing here
    /// asks [`Self::operand`], which finds everything as it was. What tests look at most comes without being copied,
    /// and without a frame for those that have to be worked out.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub(super) fn glance<T>(&self, at: At, pick: impl Fn(&Value<'a>) -> Option<T>) -> Option<T> {
        match self.node(at) {
            Node::Local(i) => match self.locals.get().get(*i as usize)?.get() {
                Ok(value) => pick(&value),
                Err(_) => None,
            },
            Node::Slot(path, memo) => match self.memory.slot(self, *path, *memo) {
                Ok(value) => pick(value),
                Err(_) => None,
            },
            Node::Variable(i) => match self.memory.known_variable(*i)? {
                Ok(value) => pick(&value),
                Err(_) => None,
            },
            Node::Path(p) => pick(self.short_path(*p)?),
            _ => None,
        }
    }

    /// [`Self::glance`] for texts.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub(super) fn text(&self, at: At) -> Option<&'a str> {
        self.glance(at, |value| match value {
            Value::String(text) => Some(*text),
            _ => None,
        })
    }

    /// [`Self::glance`] for maps of the request.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub(super) fn fields(&self, at: At) -> Option<&'a [(&'a str, Value<'a>)]> {
        self.glance(at, |value| match value {
            Value::Map(Map::Fields(fields)) => Some(*fields),
            _ => None,
        })
    }

    #[inline(never)]
    fn slot(&self, path: u32, memo: u32) -> Eval<'a> {
        self.memory.slot(self, path, memo).copied()
    }

    #[inline(never)]
    fn variable(&self, index: u32) -> Eval<'a> {
        self.memory.variable(self, index)
    }

    #[inline(never)]
    fn select(&self, e: At, key: &'a Key) -> Eval<'a> {
        match self.fields(e).and_then(|fields| field_named(fields, key)) {
            Some(found) => Ok(*found),
            None => self.select_from(e, &key.text),
        }
    }

    #[inline(never)]
    fn field_or(&self, e: At, test: &'a (Key, TypeTest), otherwise: At) -> Eval<'a> {
        match self.fields(e) {
            Some(fields) => match field_named(fields, &test.0) {
                Some(found) if test.1.fits(found) => Ok(*found),
                _ => self.value(otherwise),
            },
            None => self.field_of_any_or(e, test, otherwise),
        }
    }

    #[inline(never)]
    fn field_of_any_or(&self, e: At, test: &'a (Key, TypeTest), otherwise: At) -> Eval<'a> {
        if settled(self.field_of_any_is(e, test))? { self.select_from(e, &test.0.text) } else { self.value(otherwise) }
    }

    #[inline(never)]
    fn select_from(&self, e: At, key: &'a str) -> Eval<'a> {
        select::select(&self.context, self.operand(e)?, key)
    }

    #[inline(never)]
    fn index(&self, e: At, key: At) -> Eval<'a> {
        let v = self.operand(e)?;
        select::index(&self.context, v, self.value(key)?)
    }

    #[inline(never)]
    fn choose(&self, condition: At, then: At, otherwise: At) -> Eval<'a> {
        self.value(if settled(self.test(condition))? { then } else { otherwise })
    }

    #[inline(never)]
    fn arithmetic(&self, op: Arithmetic, a: At, b: At) -> Eval<'a> {
        let a = self.operand(a)?;
        operators::arithmetic(&self.context, op, a, self.value(b)?)
    }

    #[inline(never)]
    fn tested(&self, at: At) -> Eval<'a> {
        settled(self.test(at)).map(Value::Bool)
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
            Node::WholeVariables => self.whole_variables(),
            Node::WholeConstants => {
                let all = self.program.whole_constants.as_ref();
                Ok(all.map_or(Value::Map(Map::Fields(&[])), Constant::view))
            }
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

    /// The places of macro variables; made before the first one is set.
    #[inline]
    pub(super) fn need_locals(&self) -> Locals<'a> {
        let locals = self.locals.get();
        if locals.is_empty() { self.make_locals() } else { locals }
    }

    #[inline(never)]
    fn make_locals(&self) -> Locals<'a> {
        let count = self.program.locals as usize;
        let locals = self.context.bump.alloc_slice_fill_with(count, |_| Cell::new(Ok(Value::Null)));
        self.locals.set(locals);
        locals
    }

    #[cold]
    fn whole_variables(&self) -> Eval<'a> {
        let names = &self.program.whole_variables;
        let mut builder = MapBuilder::new(&self.context, names.len());
        for (name, index) in names {
            match self.memory.variable(self, *index) {
                Ok(value) => builder.set(Value::String(name), value)?,
                Err(e) if e.is_fatal() => return Err(e),
                Err(_) => {}
            }
        }
        Ok(Value::Map(builder.finish()))
    }

    /// What is evaluated in the midst of another expression, which keeps its macro variables.
    #[inline]
    pub(super) fn with_own_locals<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        let outer = self.locals.replace(self.spare.take().unwrap_or_default());
        let result = work(self);
        self.spare.set(Some(self.locals.replace(outer)));
        result
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
