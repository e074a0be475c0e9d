//! One decision over one unit: what was asked for is evaluated once and remembered.

use std::cell::{Cell, OnceCell};

use bumpalo::Bump;

use super::budget::Budget;
use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::lower::Lowered;
use super::machine::{Machine, Memory, Place, Test, Unmet, settled, truth_of};
use super::memo::Memo;
use super::unit::{ExprId, Unit, Variable};
use super::value::{List, Object, Timestamp, Value};

/// What an evaluation reads.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Values of the environment's roots, by their index.
    pub roots: &'a [Value<'a>],
    /// The clock reading; without it `now()` fails.
    pub now: Option<Timestamp>,
    /// Where everything made on the way lives.
    pub bump: &'a Bump,
    /// What everything is charged to.
    pub budget: &'a Budget,
}

/// An expression as a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth<'a> {
    /// `true`
    True,
    /// `false`
    False,
    /// A value that is no boolean: not satisfied, but no error either.
    NotBool,
    /// It failed.
    Error(EvalError<'a>),
}

/// The state of one decision over one unit.
pub struct Frame<'a> {
    machine: Machine<'a, Memories<'a>>,
    /// What is known of the first expressions as conditions.
    near: [Cell<Known>; NEAR],
    rare: OnceCell<&'a Rare<'a>>,
}

/// Expressions whose truth a frame has room for without asking the arena.
const NEAR: usize = 32;

/// What most frames never ask for.
struct Rare<'a> {
    /// What is known of the other expressions as conditions.
    far: OnceCell<&'a [Cell<Known>]>,
    /// Why conditions failed.
    errors: OnceCell<Memo<'a, EvalError<'a>>>,
    /// Expressions by value.
    values: OnceCell<Memo<'a, Eval<'a>>>,
}

/// One expression as a condition.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Nothing,
    True,
    False,
    NotBool,
    Error,
}

struct Memories<'a> {
    unit: &'a Unit,
    slots: Memo<'a, Place<'a>>,
    variables: Memo<'a, Eval<'a>>,
    failed_is_null: bool,
}

impl<'a> Frame<'a> {
    /// A frame that remembers nothing yet.
    #[inline]
    pub fn new(unit: &'a Unit, inputs: Inputs<'a>) -> Self {
        let context = Context { bump: inputs.bump, budget: inputs.budget, now: inputs.now };
        let memories = Memories { unit, slots: Memo::new(), variables: Memo::new(), failed_is_null: false };
        Self {
            machine: Machine::new(&unit.program, inputs.roots, context, memories),
            near: [const { Cell::new(Known::Nothing) }; NEAR],
            rare: OnceCell::new(),
        }
    }

    /// Makes failed variables null instead of undefined, as the reference does while it works out
    /// `runtime.effectiveDerivedRoles` without strict evaluation.
    #[must_use]
    pub fn failed_variables_are_null(mut self) -> Self {
        self.machine.memory.failed_is_null = true;
        self
    }

    /// A frame with other inputs whose variables are worth what they are in `self`.
    #[must_use]
    pub fn with_its_variables(&self, inputs: Inputs<'a>) -> Self {
        let unit = self.machine.memory.unit;
        let frame = Self::new(unit, inputs);
        for index in (0..).take(unit.variables.len()) {
            let value = self.machine.memory.variable(&self.machine, index);
            frame.machine.memory.remember(index, inputs.bump, value);
        }
        frame
    }

    /// The text of an expression.
    pub fn source(&self, id: ExprId) -> &'a str {
        self.machine.memory.unit.source(id)
    }

    /// The expression as a condition.
    #[inline]
    pub fn truth(&self, id: ExprId) -> Truth<'a> {
        match self.near.get(id.0 as usize).map_or(Known::Error, Cell::get) {
            Known::True => Truth::True,
            Known::False => Truth::False,
            Known::NotBool => Truth::NotBool,
            Known::Nothing => self.truth_first(id),
            Known::Error => self.truth_elsewhere(id),
        }
    }

    /// The truth of an expression that failed, or that is not among the first ones.
    #[cold]
    fn truth_elsewhere(&self, id: ExprId) -> Truth<'a> {
        let i = id.0 as usize;
        let known = match self.near.get(i) {
            Some(cell) => cell.get(),
            None => self.far().get(i - NEAR).map_or(Known::Nothing, Cell::get),
        };
        match known {
            Known::True => Truth::True,
            Known::False => Truth::False,
            Known::NotBool => Truth::NotBool,
            Known::Nothing => self.truth_first(id),
            Known::Error => self.errors().known(id.0).map_or(Truth::NotBool, Truth::Error),
        }
    }

    #[inline(never)]
    fn truth_first(&self, id: ExprId) -> Truth<'a> {
        let truth = match self.machine.memory.unit.lowered(id) {
            Some(lowered) if lowered.is_test => self.test(lowered),
            Some(lowered) if lowered.asks_variable && !self.machine.memory.failed_is_null => self.test(lowered),
            Some(lowered) => return self.truth_of_value(id, lowered),
            None => return Truth::NotBool,
        };
        match truth {
            Ok(()) => {
                self.set_known(id, Known::True);
                Truth::True
            }
            Err(unmet) => match unmet.error() {
                None => {
                    self.set_known(id, Known::False);
                    Truth::False
                }
                Some(e) => self.failed(id, e),
            },
        }
    }

    #[inline]
    fn test(&self, lowered: &Lowered) -> Test<'a> {
        self.machine.context.budget.charge(u64::from(lowered.cost))?;
        self.machine.test(lowered.root)
    }

    #[inline(never)]
    fn truth_of_value(&self, id: ExprId, lowered: &Lowered) -> Truth<'a> {
        let charged = self.machine.context.budget.charge(u64::from(lowered.cost));
        let truth = match charged.and_then(|()| self.machine.value(lowered.root)) {
            Ok(value) => Truth::of(value),
            Err(e) => return self.failed(id, e),
        };
        self.set_known(
            id,
            match truth {
                Truth::True => Known::True,
                Truth::False => Known::False,
                Truth::NotBool | Truth::Error(_) => Known::NotBool,
            },
        );
        truth
    }

    #[inline]
    fn set_known(&self, id: ExprId, known: Known) {
        match self.near.get(id.0 as usize) {
            Some(cell) => cell.set(known),
            None => self.set_far(id, known),
        }
    }

    #[cold]
    fn set_far(&self, id: ExprId, known: Known) {
        if let Some(cell) = self.far().get((id.0 as usize).wrapping_sub(NEAR)) {
            cell.set(known);
        }
    }

    #[cold]
    fn failed(&self, id: ExprId, e: EvalError<'a>) -> Truth<'a> {
        self.errors().set(id.0, e, self.machine.memory.unit.len(), self.machine.context.bump);
        self.set_known(id, Known::Error);
        Truth::Error(e)
    }

    fn errors(&self) -> &'a Memo<'a, EvalError<'a>> {
        self.rare().errors.get_or_init(Memo::new)
    }

    #[cold]
    fn rare(&self) -> &'a Rare<'a> {
        let make = || Rare { far: OnceCell::new(), errors: OnceCell::new(), values: OnceCell::new() };
        self.rare.get_or_init(|| self.machine.context.bump.alloc(make()))
    }

    fn far(&self) -> &'a [Cell<Known>] {
        let room = self.machine.memory.unit.len().saturating_sub(NEAR);
        let make = || &*self.machine.context.bump.alloc_slice_fill_with(room, |_| Cell::new(Known::Nothing));
        self.rare().far.get_or_init(make)
    }

    /// The value of the expression.
    pub fn value(&self, id: ExprId) -> Eval<'a> {
        let bump = self.machine.context.bump;
        let values = self.rare().values.get_or_init(Memo::new);
        if let Some(known) = values.known(id.0) {
            return known;
        }
        let Some(lowered) = self.machine.memory.unit.lowered(id) else { return Ok(Value::Null) };
        let charged = self.machine.context.budget.charge(u64::from(lowered.cost));
        let value = charged.and_then(|()| self.machine.value(lowered.root));
        values.set(id.0, value, self.machine.memory.unit.len(), bump);
        value
    }

    /// What a variable of the unit is worth, for traces; `None` if there is no such variable.
    pub fn variable(&self, name: &str) -> Option<Eval<'a>> {
        let unit = self.machine.memory.unit;
        let index = unit.variables.iter().position(|v| *v.name == *name)?;
        Some(self.machine.memory.variable(&self.machine, u32::try_from(index).ok()?))
    }
}

impl<'a> Truth<'a> {
    /// An optional counts as what it holds.
    fn of(mut value: Value<'a>) -> Self {
        while let Value::Optional(Some(inner)) = value {
            value = *inner;
        }
        match value {
            Value::Bool(true) => Self::True,
            Value::Bool(false) => Self::False,
            _ => Self::NotBool,
        }
    }
}

impl<'a> Memory<'a> for Memories<'a> {
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    fn slot(&self, machine: &Machine<'a, Self>, path: u32, memo: u32) -> Place<'a> {
        match self.slots.known(memo) {
            Some(known) => known,
            None => self.walk_first(machine, path, memo),
        }
    }

    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    fn known_variable(&self, index: u32) -> Option<Eval<'a>> {
        self.variables.near(index)
    }

    #[inline]
    fn found(&self, machine: &Machine<'a, Self>, memo: u32, value: &'a Value<'a>) {
        self.remember_slot(machine, memo, Ok(value));
    }

    #[inline]
    fn truth(&self, machine: &Machine<'a, Self>, index: u32) -> Test<'a> {
        match self.variables.known(index) {
            Some(Ok(value)) => truth_of(&value),
            Some(Err(e)) => Err(e.into()),
            None => self.truth_first(machine, index),
        }
    }

    #[inline]
    fn variable(&self, machine: &Machine<'a, Self>, index: u32) -> Eval<'a> {
        match self.variables.known(index) {
            Some(known) => known,
            None => self.first_time(machine, index),
        }
    }
}

impl<'a> Memories<'a> {
    #[inline(never)]
    fn walk_first(&self, machine: &Machine<'a, Self>, path: u32, memo: u32) -> Place<'a> {
        let value = machine.place(path);
        self.remember_slot(machine, memo, value);
        value
    }

    /// The same as [`Self::first_time`], for variables that are asked as conditions.
    #[inline(never)]
    fn truth_first(&self, machine: &Machine<'a, Self>, index: u32) -> Test<'a> {
        let Some(variable) = self.unit.variables.get(index as usize).filter(|v| v.nests && v.lowered.is_test) else {
            return self.truth_of_value(machine, index);
        };
        machine.context.budget.charge(u64::from(variable.lowered.cost))?;
        let truth = match variable.lowered.locals {
            0 => machine.test(variable.lowered.root),
            _ => machine.with_own_locals(|machine| machine.test(variable.lowered.root)),
        };
        match truth {
            Ok(()) => self.remember(index, machine.context.bump, Ok(Value::Bool(true))),
            Err(unmet) if unmet.is_false() => self.remember(index, machine.context.bump, Ok(Value::Bool(false))),
            Err(unmet) => return self.truth_failed(machine, index, unmet),
        }
        truth
    }

    #[inline(never)]
    fn truth_of_value(&self, machine: &Machine<'a, Self>, index: u32) -> Test<'a> {
        truth_of(&self.first_time(machine, index)?)
    }

    #[inline(never)]
    fn truth_failed(&self, machine: &Machine<'a, Self>, index: u32, unmet: Unmet<'a>) -> Test<'a> {
        let Some(e) = unmet.error() else { return Err(unmet) };
        let value = self.kept(machine, index, Err(e))?;
        self.remember(index, machine.context.bump, value);
        truth_of(&value?)
    }

    /// A variable is worked out where it is first needed, unless that could recurse too deep.
    #[inline(never)]
    fn first_time(&self, machine: &Machine<'a, Self>, index: u32) -> Eval<'a> {
        let Some(variable) = self.unit.variables.get(index as usize) else { return Ok(Value::Null) };
        if !variable.nests {
            return self.one_by_one(machine, index);
        }
        let value = match self.evaluated(machine, variable) {
            kept @ Ok(Value::Bool(_) | Value::String(_) | Value::List(_) | Value::Map(_) | Value::Double(_)) => kept,
            other => self.kept(machine, index, other)?,
        };
        self.remember(index, machine.context.bump, value);
        value
    }

    /// Works out all a variable needs before the variable itself, without recursion: chains of them may be long.
    fn one_by_one(&self, machine: &Machine<'a, Self>, index: u32) -> Eval<'a> {
        let bump = machine.context.bump;
        let mut open = bumpalo::collections::Vec::new_in(bump);
        open.push((index, 0_usize));
        self.remember(index, bump, Err(self.undefined(machine, index)));
        while let Some((v, met)) = open.last_mut() {
            let v = *v;
            let needs = self.unit.variables.get(v as usize).map_or(&[][..], |v| &v.lowered.variables);
            match needs.get(*met) {
                Some(need) => {
                    *met += 1;
                    if self.variables.known(*need).is_none() {
                        // until it is worked out it counts as undefined, so that a circle ends
                        self.remember(*need, bump, Err(self.undefined(machine, *need)));
                        open.push((*need, 0));
                    }
                }
                None => {
                    if let Some(variable) = self.unit.variables.get(v as usize) {
                        let value = self.kept(machine, v, self.evaluated(machine, variable))?;
                        self.remember(v, bump, value);
                    }
                    open.pop();
                }
            }
        }
        self.variables.known(index).unwrap_or(Ok(Value::Null))
    }

    #[inline]
    fn remember_slot(&self, machine: &Machine<'a, Self>, memo: u32, value: Place<'a>) {
        self.slots.set(memo, value, self.unit.slots as usize, machine.context.bump);
    }

    #[inline]
    fn remember(&self, index: u32, bump: &'a Bump, value: Eval<'a>) {
        self.variables.set(index, value, self.unit.variables.len(), bump);
    }

    fn undefined(&self, machine: &Machine<'a, Self>, index: u32) -> EvalError<'a> {
        let name = self.unit.variables.get(index as usize).map_or("", |v| &v.name);
        machine.context.fault(Fault::UndefinedField(name))
    }

    /// Evaluates a variable whose needs are met.
    #[inline]
    fn evaluated(&self, machine: &Machine<'a, Self>, variable: &'a Variable) -> Eval<'a> {
        let lowered = &variable.lowered;
        machine.context.budget.charge(u64::from(lowered.cost))?;
        match lowered.locals {
            0 if lowered.is_test => settled(machine.test(lowered.root)).map(Value::Bool),
            0 => machine.value(lowered.root),
            _ => machine.with_own_locals(|machine| machine.value(lowered.root)),
        }
    }

    /// What is to be remembered of a variable's evaluation, or the error that ends everything.
    #[inline(never)]
    fn kept(&self, machine: &Machine<'a, Self>, index: u32, value: Eval<'a>) -> Result<Eval<'a>, EvalError<'a>> {
        match value {
            Ok(value) => Ok(plain(&machine.context, value)),
            Err(e) if e.is_fatal() => Err(e),
            Err(e) if e.is_now_missing() => Ok(Err(e)),
            Err(_) if self.failed_is_null => Ok(Ok(Value::Null)),
            Err(_) => Ok(Err(self.undefined(machine, index))),
        }
    }
}

/// A value as a variable keeps it, which is how the reference keeps it: hierarchies become lists of their levels,
/// optionals what they hold, types their names. SPIFFE objects are of no use any more. What lies inside of a list or
/// map stays what it is.
#[inline]
pub(super) fn plain<'a>(cx: &Context<'a>, value: Value<'a>) -> Eval<'a> {
    match value {
        Value::Optional(_) | Value::Type(_) | Value::Object(_) => flattened(cx, value),
        plain => Ok(plain),
    }
}

#[cold]
fn flattened<'a>(cx: &Context<'a>, mut value: Value<'a>) -> Eval<'a> {
    while let Value::Optional(Some(inner)) = value {
        value = *inner;
    }
    let lost = |kind: &str, text: &str| {
        Err(cx.error(format_args!("unsupported conversion to ref.Val: (spiffeid.{kind}){text}")))
    };
    match value {
        Value::Optional(None) => Ok(Value::Null),
        Value::Type(name) => Ok(Value::String(name)),
        Value::Object(Object::Hierarchy(levels)) => Ok(Value::List(List::Strings(levels))),
        Value::Object(Object::SpiffeId(text)) => lost("ID", text),
        Value::Object(Object::SpiffeTrustDomain(text)) => lost("TrustDomain", text),
        Value::Object(Object::SpiffeMatcher(_)) => lost("Matcher", ""),
        other => Ok(other),
    }
}
