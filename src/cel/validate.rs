//! Checks of literal arguments at load: a pattern, duration, timestamp, address or format string that can't work is a
//! fault of the policy, not of every request. What a literal means is decided by the functions themselves.

use bumpalo::Bump;

use super::ast::{ExprKind, Literal, NodeId};
use super::budget::Budget;
use super::checker::Checked;
use super::context::Context;
use super::fault::CelError;
use super::functions::{self, Origin, Pattern, Style};
use super::value::Value;

mod format;

/// Steps a function may take on a literal.
const STEPS: u64 = 1_000_000;

/// Faults of the literal arguments of a checked expression, in order of place.
#[must_use]
pub fn literals(checked: &Checked) -> Vec<CelError> {
    let mut faults = Vec::new();
    let mut open = vec![checked.ast.root];
    while let Some(id) = open.pop() {
        let node = checked.ast.node(id);
        node.kind.for_each_child(|child| open.push(child));
        if let ExprKind::Call { target, function, args } = &node.kind
            && let Some(fault) = call(checked, id, *target, function, args)
        {
            faults.push(fault);
        }
    }
    faults.sort_by_key(|f| f.position);
    faults
}

fn call(checked: &Checked, id: NodeId, target: Option<NodeId>, function: &str, args: &[NodeId]) -> Option<CelError> {
    let first = *args.first()?;
    let node = checked.ast.node(first);
    let fault = |text: String| Some(CelError::new(node.position, text));
    match (function, &node.kind) {
        ("format", ExprKind::List { elements, .. }) => format::check(checked, id, target?, elements),
        ("matches", ExprKind::Literal(Literal::String(pattern))) => {
            // In the call `matches(text, pattern)`, too, the reference looks at the first argument.
            match Pattern::compile(pattern, Origin::Policy) {
                Ok(_) => None,
                Err(e) => Some(CelError::new(node.position, "invalid matches argument").with_help(Some(e.to_string()))),
            }
        }
        ("duration", ExprKind::Literal(Literal::String(text))) => {
            run("duration", Value::String(text)).and_then(|_| fault("invalid duration argument".to_owned()))
        }
        ("timestamp", ExprKind::Literal(literal)) => {
            let value = match literal {
                Literal::String(text) => Value::String(text),
                Literal::Int(seconds) => Value::Int(*seconds),
                _ => return None,
            };
            run("timestamp", value).and_then(|_| fault("invalid timestamp argument".to_owned()))
        }
        ("ip" | "cidr", ExprKind::Literal(Literal::String(text))) => {
            run(function, Value::String(text)).and_then(|why| fault(format!("invalid {function} argument: {why}")))
        }
        _ => None,
    }
}

/// The error a function of one argument gives for a literal.
fn run(function: &str, value: Value<'_>) -> Option<String> {
    let function = functions::find(function, Style::Global, 1)?;
    let (bump, budget) = (Bump::new(), Budget::new(STEPS));
    let context = Context { bump: &bump, budget: &budget, now: None };
    // The value outlives neither arena nor call, so it is made anew in the arena.
    let value = match value {
        Value::String(text) => Value::String(bump.alloc_str(text)),
        Value::Int(i) => Value::Int(i),
        _ => return None,
    };
    function.call(&context, &[value]).err().map(|e| e.to_string())
}
