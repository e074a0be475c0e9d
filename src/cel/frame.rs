//! One decision over one unit: what was asked for is evaluated once and remembered.

use bumpalo::Bump;

use super::budget::Budget;
use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::machine::{Machine, Memory};
use super::memo::Memo;
use super::unit::{ExprId, Unit};
use super::value::{List, Map, Object, Timestamp, Value};

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
    truths: Memo<'a, Truth<'a>>,
    values: Memo<'a, Eval<'a>>,
}

struct Memories<'a> {
    unit: &'a Unit,
    slots: Memo<'a, Eval<'a>>,
    variables: Memo<'a, Eval<'a>>,
    failed_is_null: bool,
}

impl<'a> Frame<'a> {
    /// A frame that remembers nothing yet.
    #[inline]
    pub fn new(unit: &'a Unit, inputs: Inputs<'a>) -> Self {
        let context = Context { bump: inputs.bump, budget: inputs.budget, now: inputs.now };
        let memories = Memories {
            unit,
            slots: Memo::new(unit.slots as usize),
            variables: Memo::new(unit.variables.len()),
            failed_is_null: false,
        };
        Self {
            machine: Machine::new(&unit.program, inputs.roots, context, memories),
            truths: Memo::new(unit.len()),
            values: Memo::new(unit.len()),
        }
    }

    /// Makes failed variables null instead of undefined, as the reference does while it works out
    /// `runtime.effectiveDerivedRoles` without strict evaluation.
    #[must_use]
    pub fn failed_variables_are_null(mut self) -> Self {
        self.machine.memory.failed_is_null = true;
        self
    }

    /// The text of an expression.
    pub fn source(&self, id: ExprId) -> &'a str {
        self.machine.memory.unit.source(id)
    }

    /// The expression as a condition.
    pub fn truth(&self, id: ExprId) -> Truth<'a> {
        let Some(cell) = self.truths.cell(id.0, self.machine.context.bump) else { return Truth::NotBool };
        if let Some(known) = cell.get() {
            return known;
        }
        let truth = self.work_out_truth(id);
        cell.set(Some(truth));
        truth
    }

    fn work_out_truth(&self, id: ExprId) -> Truth<'a> {
        let Some(lowered) = self.machine.memory.unit.lowered(id) else { return Truth::NotBool };
        if let Err(e) = self.machine.context.budget.charge(u64::from(lowered.cost)) {
            return Truth::Error(e);
        }
        if self.machine.is_test(lowered.root) {
            return match self.machine.test(lowered.root) {
                Ok(true) => Truth::True,
                Ok(false) => Truth::False,
                Err(e) => Truth::Error(e),
            };
        }
        match self.machine.value(lowered.root) {
            Ok(value) => Truth::of(value),
            Err(e) => Truth::Error(e),
        }
    }

    /// The value of the expression.
    pub fn value(&self, id: ExprId) -> Eval<'a> {
        let Some(cell) = self.values.cell(id.0, self.machine.context.bump) else { return Ok(Value::Null) };
        if let Some(known) = cell.get() {
            return known;
        }
        let Some(lowered) = self.machine.memory.unit.lowered(id) else { return Ok(Value::Null) };
        let charged = self.machine.context.budget.charge(u64::from(lowered.cost));
        let value = charged.and_then(|()| self.machine.value(lowered.root));
        cell.set(Some(value));
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
    fn of(value: Value<'a>) -> Self {
        match value {
            Value::Bool(true) => Self::True,
            Value::Bool(false) => Self::False,
            Value::Optional(Some(inner)) => match *inner {
                Value::Optional(_) => Self::NotBool,
                other => Self::of(other),
            },
            _ => Self::NotBool,
        }
    }
}

impl<'a> Memory<'a> for Memories<'a> {
    #[inline]
    fn slot(&self, machine: &Machine<'a, Self>, path: u32, memo: u32) -> Eval<'a> {
        let Some(cell) = self.slots.cell(memo, machine.context.bump) else { return machine.path(path) };
        if let Some(known) = cell.get() {
            return known;
        }
        let value = machine.path(path);
        cell.set(Some(value));
        value
    }

    fn variable(&self, machine: &Machine<'a, Self>, index: u32) -> Eval<'a> {
        let cell = self.variables.cell(index, machine.context.bump);
        if let Some(known) = cell.and_then(std::cell::Cell::get) {
            return known;
        }
        let Some(variable) = self.unit.variables.get(index as usize) else { return Ok(Value::Null) };
        for need in &variable.needs {
            // whoever refers to a variable that failed finds it undefined; only the end of the budget ends everything
            if let Err(e) = self.work_out(machine, *need)
                && e.is_fatal()
            {
                return Err(e);
            }
        }
        self.work_out(machine, index)
    }
}

impl<'a> Memories<'a> {
    /// Evaluates a variable whose needs are met. The result is an error if the variable is undefined; a fatal one is
    /// not remembered as such.
    fn work_out(&self, machine: &Machine<'a, Self>, index: u32) -> Eval<'a> {
        let (Some(cell), Some(variable)) =
            (self.variables.cell(index, machine.context.bump), self.unit.variables.get(index as usize))
        else {
            return Ok(Value::Null);
        };
        if let Some(known) = cell.get() {
            return known;
        }
        let undefined = || Err(machine.context.fault(Fault::UndefinedField(&variable.name)));
        // a variable that needs itself finds itself undefined
        cell.set(Some(undefined()));
        machine.context.budget.charge(u64::from(variable.lowered.cost))?;
        let stored = match machine.value(variable.lowered.root).and_then(|v| plain(&machine.context, v, 0)) {
            Err(e) if e.is_fatal() => return Err(e),
            Err(e) if e.is_now_missing() => Err(e),
            Err(_) if self.failed_is_null => Ok(Value::Null),
            Err(_) => undefined(),
            value => value,
        };
        cell.set(Some(stored));
        stored
    }
}

/// A value as a variable keeps it: hierarchies become lists of their levels, optionals what they hold.
fn plain<'a>(cx: &Context<'a>, value: Value<'a>, depth: u32) -> Eval<'a> {
    if depth > super::budget::MAX_VALUE_DEPTH {
        return Err(EvalError::TOO_DEEP);
    }
    Ok(match value {
        Value::Object(Object::Hierarchy(levels)) => Value::List(List::Strings(levels)),
        Value::Optional(Some(inner)) => plain(cx, *inner, depth + 1)?,
        Value::List(List::Values(elements)) if elements.iter().any(|e| may_change(*e)) => {
            let mut out = bumpalo::collections::Vec::with_capacity_in(elements.len(), cx.bump);
            cx.charge(elements.len())?;
            for element in elements {
                out.push(plain(cx, *element, depth + 1)?);
            }
            Value::list(out.into_bump_slice())
        }
        Value::Map(Map::Fields(fields)) if fields.iter().any(|(_, v)| may_change(*v)) => {
            let mut out = bumpalo::collections::Vec::with_capacity_in(fields.len(), cx.bump);
            cx.charge(fields.len())?;
            for (key, value) in fields {
                out.push((*key, plain(cx, *value, depth + 1)?));
            }
            Value::Map(Map::Fields(out.into_bump_slice()))
        }
        other => other,
    })
}

fn may_change(value: Value<'_>) -> bool {
    matches!(
        value,
        Value::Object(Object::Hierarchy(_))
            | Value::Optional(_)
            | Value::List(List::Values(_))
            | Value::Map(Map::Fields(_))
    )
}
