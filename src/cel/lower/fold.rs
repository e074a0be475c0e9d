//! Constant folding: what depends on nothing is evaluated once, by the evaluator itself. An evaluation that fails is
//! left to fail at run time.

use super::super::budget::Budget;
use super::super::context::Context;
use super::super::error::{Eval, EvalError};
use super::super::machine::{Machine, Memory, Place, Test};
use super::super::program::{At, Node, Set, Texts};
use super::super::value::{Constant, Object, Value};
use super::One;

/// Steps one folding may take.
const STEPS: u64 = 10_000;
/// Parts a folded constant may have.
const PARTS: usize = 4_096;

/// There is nothing to remember while folding.
struct Nothing;

impl<'a> Memory<'a> for Nothing {
    fn slot(&self, machine: &Machine<'a, Self>, path: u32, _: u32) -> Place<'a> {
        machine.place(path)
    }

    fn known_variable(&self, _: u32) -> Option<Eval<'a>> {
        None
    }

    fn found(&self, _: &Machine<'a, Self>, _: u32, _: &'a Value<'a>) {}

    fn truth(&self, _: &Machine<'a, Self>, _: u32) -> Test<'a> {
        Err(EvalError::NO_SUCH_OVERLOAD.into())
    }

    fn variable(&self, _: &Machine<'a, Self>, _: u32) -> Eval<'a> {
        Err(EvalError::NO_SUCH_OVERLOAD)
    }
}

impl One<'_, '_> {
    /// Replaces the node by its value if all it depends on is constant.
    pub(super) fn folded(&mut self, at: At, operands: &[At]) -> At {
        let program = &*self.to.program;
        if self.to.index.keeps_all || !operands.iter().all(|o| program.constant(*o).is_some()) {
            return at;
        }
        let budget = Budget::new(STEPS);
        let context = Context { bump: &self.to.index.scratch, budget: &budget, now: None };
        let constant = {
            let machine = Machine::new(program, &[], context, Nothing);
            machine.value(at).ok().and_then(|value| owned(value, &mut PARTS.clone()))
        };
        self.to.index.scratch.reset();
        if let Some(constant) = constant
            && let Some(node) = self.to.program.nodes.get_mut(at.0 as usize)
        {
            *node = Node::Constant(constant);
        }
        at
    }

    /// Prepares a literal list for membership tests.
    pub(super) fn set(&mut self, elements: &std::sync::Arc<[Constant]>) -> u32 {
        let mut strings = Vec::new();
        let mut numbers = Some(Vec::new());
        for element in elements.iter() {
            match element {
                Constant::String(s) => strings.push(s.clone()),
                Constant::Int(i) if i.unsigned_abs() <= 1 << 53 => push(&mut numbers, *i as f64),
                Constant::Uint(u) if *u <= 1 << 53 => push(&mut numbers, *u as f64),
                Constant::Double(d) if d.is_finite() && d.abs() <= 9_007_199_254_740_992.0 => push(&mut numbers, *d),
                _ => numbers = None,
            }
        }
        let only_strings = strings.len() == elements.len();
        let numbers = numbers.map(|mut n| {
            n.sort_unstable_by(f64::total_cmp);
            n.into_boxed_slice()
        });
        let sets = &mut self.to.program.sets;
        sets.push(Set { elements: elements.clone(), only_strings, strings: Texts::new(strings), numbers });
        u32::try_from(sets.len() - 1).unwrap_or(u32::MAX)
    }
}

fn push(numbers: &mut Option<Vec<f64>>, x: f64) {
    if let Some(numbers) = numbers {
        // there is one zero
        numbers.push(x + 0.0);
    }
}

/// An owned copy, if the value can be kept and is not too large.
fn owned(value: Value<'_>, parts: &mut usize) -> Option<Constant> {
    *parts = parts.checked_sub(1)?;
    Some(match value {
        Value::Null => Constant::Null,
        Value::Bool(b) => Constant::Bool(b),
        Value::Int(i) => Constant::Int(i),
        Value::Uint(u) => Constant::Uint(u),
        Value::Double(d) => Constant::Double(d),
        Value::String(s) => {
            *parts = parts.checked_sub(s.len() / 8)?;
            Constant::String(s.into())
        }
        Value::Bytes(b) => {
            *parts = parts.checked_sub(b.len() / 8)?;
            Constant::Bytes(b.into())
        }
        Value::List(l) => {
            let elements: Option<Vec<Constant>> = l.iter().map(|v| owned(v, parts)).collect();
            Constant::List(elements?.into())
        }
        Value::Map(m) => {
            let entries: Option<Vec<(Constant, Constant)>> =
                m.iter().map(|(k, v)| Some((owned(k, parts)?, owned(v, parts)?))).collect();
            Constant::Map(entries?.into())
        }
        Value::Timestamp(t) => Constant::Timestamp(t),
        Value::Duration(d) => Constant::Duration(d),
        Value::Type(t) => Constant::Type(t.into()),
        Value::Object(Object::Ip(ip)) => Constant::Object(Object::Ip(*ip).into()),
        Value::Object(Object::Cidr(ip, bits)) => Constant::Object(Object::Cidr(*ip, *bits).into()),
        Value::Object(_) | Value::Optional(_) | Value::Message(_) => return None,
    })
}
