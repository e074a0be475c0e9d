//! The macros of the extension libraries: `cel.bind`, `optMap`, `optFlatMap`, `sortBy`, `math.greatest`, `math.least`.

use super::super::ast::{ExprKind, Literal, NodeId};
use super::super::fault::CelError;
use super::{Builder, Expansion, standard};

/// Largest receiver of `optMap` that is written out twice, as the reference does; a larger one is bound to a name, or
/// a chain of `optMap` would grow exponentially.
const COPIED_NODES: usize = 16;
const OPTIONAL_TARGET: &str = "@target";
const SORTED: &str = "@__sortBy_input__";

pub(super) fn expand(b: &mut Builder<'_>, target: NodeId, function: &str, args: &[NodeId]) -> Expansion {
    let done = match (function, args) {
        ("bind", [x, init, result]) if b.is_namespace(target, "cel") => {
            let Some(name) = b.simple_name(*x) else {
                return b.error(*x, "cel.bind() variable names must be simple identifiers");
            };
            b.bind(&name, *init, *result)
        }
        ("optMap" | "optFlatMap", [x, e]) => {
            let Some(name) = b.simple_name(*x) else {
                return b.error(*x, &format!("{function}() variable name must be a simple identifier"));
            };
            optional_map(b, target, &name, *e, function == "optMap")
        }
        ("sortBy", [x, key]) => sort_by(b, target, *x, *key)?,
        ("greatest" | "least", _) if b.is_namespace(target, "math") => extremum(b, target, function, args)?,
        _ => return Ok(None),
    };
    Ok(Some(done))
}

/// `target.hasValue() ? optional.of(bind(name, target.value(), result)) : optional.none()`
fn optional_map(b: &mut Builder<'_>, target: NodeId, name: &str, result: NodeId, wrap: bool) -> NodeId {
    let mut budget = COPIED_NODES;
    let again = copy(b, target, &mut budget);
    let (once, again) = match again {
        Some(again) => (target, again),
        None => (b.ident(OPTIONAL_TARGET), b.ident(OPTIONAL_TARGET)),
    };
    let present = b.method("hasValue", once, Vec::new());
    let value = b.method("value", again, Vec::new());
    let mut mapped = b.bind(name, value, result);
    if wrap {
        mapped = optional(b, "of", vec![mapped]);
    }
    let none = optional(b, "none", Vec::new());
    let whole = b.call("_?_:_", vec![present, mapped, none]);
    if once == target { whole } else { b.bind(OPTIONAL_TARGET, target, whole) }
}

/// The reference calls these by their qualified names, without a receiver.
fn optional(b: &mut Builder<'_>, function: &str, args: Vec<NodeId>) -> NodeId {
    b.call(&format!("optional.{function}"), args)
}

/// A copy of a small tree of names, selections and calls; `None` for anything else.
fn copy(b: &mut Builder<'_>, id: NodeId, budget: &mut usize) -> Option<NodeId> {
    *budget = budget.checked_sub(1)?;
    let mut node = b.nodes.get(id.0 as usize)?.clone();
    if node.macro_call.is_some() {
        return None;
    }
    match &mut node.kind {
        ExprKind::Literal(_) | ExprKind::Ident(_) => {}
        ExprKind::Select { operand, .. } => *operand = copy(b, *operand, budget)?,
        ExprKind::Call { target, args, .. } => {
            if let Some(target) = target {
                *target = copy(b, *target, budget)?;
            }
            for arg in args {
                *arg = copy(b, *arg, budget)?;
            }
        }
        ExprKind::List { .. } | ExprKind::Map(_) | ExprKind::Struct { .. } | ExprKind::Comprehension(_) => return None,
    }
    let copied = NodeId(u32::try_from(b.nodes.len()).unwrap_or(u32::MAX));
    b.nodes.push(node);
    Some(copied)
}

fn sort_by(b: &mut Builder<'_>, target: NodeId, x: NodeId, key: NodeId) -> Result<NodeId, CelError> {
    if matches!(b.kind(target), Some(ExprKind::Literal(_) | ExprKind::Map(_) | ExprKind::Struct { .. }) | None) {
        let text = "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
        return b.error(target, text);
    }
    let range = b.ident(SORTED);
    let keys = standard::map(b, range, x, None, key)?;
    let receiver = b.ident(SORTED);
    let sorted = b.method("@sortByAssociatedKeys", receiver, vec![keys]);
    Ok(b.bind(SORTED, target, sorted))
}

/// `math.greatest(…)` → `math.@max(…)`, after the checks that can be made on literals.
fn extremum(b: &mut Builder<'_>, target: NodeId, name: &str, args: &[NodeId]) -> Result<NodeId, CelError> {
    let function = if name == "greatest" { "math.@max" } else { "math.@min" };
    match args {
        [] => b.error(target, &format!("math.{name}() requires at least one argument")),
        [single] => {
            if numbers(b, *single) || may_be_number(b, *single) {
                return Ok(b.call(function, vec![*single]));
            }
            b.error(*single, &format!("math.{name}() invalid single argument value"))
        }
        _ => {
            if let Some(bad) = args.iter().find(|a| !may_be_number(b, **a)) {
                return b.error(*bad, &format!("math.{name}() simple literal arguments must be numeric"));
            }
            let args = if args.len() == 2 { args.to_vec() } else { vec![b.list(args.to_vec())] };
            Ok(b.call(function, args))
        }
    }
}

fn numbers(b: &Builder<'_>, id: NodeId) -> bool {
    match b.kind(id) {
        Some(ExprKind::List { elements, .. }) => !elements.is_empty() && elements.iter().all(|e| may_be_number(b, *e)),
        _ => false,
    }
}

fn may_be_number(b: &Builder<'_>, id: NodeId) -> bool {
    match b.kind(id) {
        Some(ExprKind::Literal(l)) => matches!(l, Literal::Int(_) | Literal::Uint(_) | Literal::Double(_)),
        Some(ExprKind::List { .. } | ExprKind::Map(_) | ExprKind::Struct { .. }) | None => false,
        Some(ExprKind::Ident(_) | ExprKind::Select { .. } | ExprKind::Call { .. } | ExprKind::Comprehension(_)) => true,
    }
}
