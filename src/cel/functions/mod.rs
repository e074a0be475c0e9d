//! Every function expressions can call, by library. A function is a name, a way of calling, a number of arguments and
//! a plain `fn` over values; which overload runs is decided by the kinds of the arguments.
//!
//! Functions see the arena, the budget and the clock reading of the decision and nothing else. No I/O.

mod convert;
mod encoders;
mod format;
mod hierarchy;
mod json;
mod lists;
mod math;
mod native;
mod netip;
mod network;
mod optional;
mod paths;
mod re2;
mod regexes;
mod sets;
pub(super) mod spiffe;
mod strings;
mod time;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::value::{Object, Value};

pub use convert::is_zero;
pub use encoders::base64_text;
pub use native::{NotString, string as native_string};
pub use network::{Range, plain as plain_address};
pub use re2::{Origin, Pattern};
pub use regexes::{charge_search, extract, extract_all, replace, replace_args};

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// `f(x)`
    Global,
    /// `x.f()`; the receiver is the first argument.
    Member,
}

/// How the reference words a call with kinds it has no overload for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `no such overload: f(int, string)`
    Kinds,
    /// `no such overload: f`, or without the name for receivers that dispatch on their own
    Receiver,
    /// `no such overload`
    Plain,
    /// `no such overload: int.f(string)`
    Method,
}

/// A function as it runs: all arguments evaluated, the receiver first.
pub type Run = for<'a> fn(&Context<'a>, &[Value<'a>]) -> Eval<'a>;

/// One function with one number of arguments.
#[derive(Debug)]
pub struct Function {
    /// Name, qualified by its namespace.
    pub name: &'static str,
    /// `f(x)` or `x.f()`.
    pub style: Style,
    /// Number of arguments, the receiver included.
    pub arity: usize,
    /// How a mismatch is worded.
    pub refusal: Refusal,
    /// What it does.
    pub run: Run,
}

impl Function {
    /// Calls it.
    #[inline]
    pub fn call<'a>(&self, cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
        match (self.run)(cx, args) {
            Err(e) if std::ptr::eq(e.0, EvalError::MISMATCH.0) || matches!(e.0, Fault::Mismatch) => {
                Err(self.refuse(cx, args))
            }
            result => result,
        }
    }

    #[cold]
    fn refuse<'a>(&self, cx: &Context<'a>, args: &[Value<'a>]) -> EvalError<'a> {
        match self.refusal {
            Refusal::Kinds => cx.no_overload(self.name, args),
            Refusal::Plain => EvalError::NO_SUCH_OVERLOAD,
            Refusal::Receiver => no_receiver(cx, self.name, args.first().copied().unwrap_or(Value::Null)),
            Refusal::Method => cx.fault(Fault::NoMethodFor(self.name, cx.bump.alloc_slice_copy(args))),
        }
    }

    /// True if the result depends on more than the arguments.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        matches!(self.name, "now" | "timeSince")
    }
}

/// The error for an operator whose left side is of no use to it.
#[cold]
pub fn no_receiver<'a>(cx: &Context<'a>, name: &'static str, receiver: Value<'a>) -> EvalError<'a> {
    if dispatches(receiver) { EvalError::NO_SUCH_OVERLOAD } else { cx.fault(Fault::NoOverload(name)) }
}

/// Kinds the reference asks to dispatch calls themselves.
#[must_use]
pub fn dispatches(receiver: Value<'_>) -> bool {
    matches!(
        receiver,
        Value::String(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::Object(
                Object::Hierarchy(_) | Object::SpiffeId(_) | Object::SpiffeTrustDomain(_) | Object::SpiffeMatcher(_)
            )
    )
}

type Key = (&'static str, Style, usize);

static INDEX: LazyLock<HashMap<Key, &'static Function>> = LazyLock::new(|| {
    let tables = [
        convert::TABLE,
        encoders::TABLE,
        format::TABLE,
        hierarchy::TABLE,
        lists::TABLE,
        math::TABLE,
        network::TABLE,
        optional::TABLE,
        paths::TABLE,
        regexes::TABLE,
        sets::TABLE,
        spiffe::TABLE,
        strings::TABLE,
        time::TABLE,
    ];
    tables.iter().flat_map(|t| t.iter()).map(|f| ((f.name, f.style, f.arity), f)).collect()
});

/// Finds a function by name, way of calling and number of arguments (the receiver included).
#[must_use]
pub fn find(name: &str, style: Style, arity: usize) -> Option<&'static Function> {
    // keys are static names: looking up a shorter-lived name needs no copy
    INDEX.get(&(name, style, arity) as &(&str, Style, usize)).copied()
}

const fn global(name: &'static str, arity: usize, run: Run) -> Function {
    Function { name, style: Style::Global, arity, refusal: Refusal::Kinds, run }
}

const fn member(name: &'static str, arity: usize, run: Run) -> Function {
    Function { name, style: Style::Member, arity, refusal: Refusal::Kinds, run }
}

impl Function {
    const fn refusing(self, refusal: Refusal) -> Self {
        Self { refusal, ..self }
    }
}
