//! `has`, `all`, `exists`, `exists_one`, `map`, `filter`: the macros of the language itself, with one variable and with
//! two, and the `transform…` family that belongs to the latter.

use super::super::ast::{Comprehension, ExprKind, Literal, NodeId};
use super::super::fault::CelError;
use super::{ACCUMULATOR, Builder, Expansion};

/// `has(a.b)`
pub(super) fn has(b: &mut Builder<'_>, field: NodeId) -> Result<NodeId, CelError> {
    match b.kind(field) {
        Some(ExprKind::Select { operand, field, .. }) => {
            let kind = ExprKind::Select { operand: *operand, field: field.clone(), test_only: true };
            Ok(b.add(kind))
        }
        _ => b.error(field, "invalid argument to has() macro"),
    }
}

/// The macros that are written `range.name(…)`.
pub(super) fn expand(b: &mut Builder<'_>, target: NodeId, function: &str, args: &[NodeId]) -> Expansion {
    let done = match (function, args) {
        ("all" | "exists" | "exists_one", [x, p]) => {
            let vars = one_var(b, *x, "argument must be a simple name")?;
            quantifier(b, target, function, vars, *p)
        }
        ("all" | "exists" | "exists_one" | "existsOne", [x, y, p]) => {
            let vars = two_vars(b, *x, *y)?;
            quantifier(b, target, function, vars, *p)
        }
        ("map", [x, e]) => map(b, target, *x, None, *e)?,
        ("map", [x, p, e]) => map(b, target, *x, Some(*p), *e)?,
        ("filter", [x, p]) => {
            let vars = one_var(b, *x, "argument is not an identifier")?;
            appending(b, target, vars, Some(*p), *x)
        }
        ("transformList", [x, y, rest @ .., e]) if rest.len() < 2 => {
            let vars = two_vars(b, *x, *y)?;
            appending(b, target, vars, rest.first().copied(), *e)
        }
        ("transformMap", [x, y, rest @ .., e]) if rest.len() < 2 => {
            let vars = two_vars(b, *x, *y)?;
            let accumulator = b.accumulator();
            let key = b.ident(&vars.first);
            let step = b.call("cel.@mapInsert", vec![accumulator, key, *e]);
            inserting(b, target, vars, rest.first().copied(), step)
        }
        ("transformMapEntry", [x, y, rest @ .., e]) if rest.len() < 2 => {
            let vars = two_vars(b, *x, *y)?;
            let accumulator = b.accumulator();
            let step = b.call("cel.@mapInsert", vec![accumulator, *e]);
            inserting(b, target, vars, rest.first().copied(), step)
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

/// `range.map(x, e)`, also used by `sortBy`.
pub(super) fn map(
    b: &mut Builder<'_>,
    range: NodeId,
    x: NodeId,
    filter: Option<NodeId>,
    element: NodeId,
) -> Result<NodeId, CelError> {
    let vars = one_var(b, x, "argument is not an identifier")?;
    Ok(appending(b, range, vars, filter, element))
}

/// Names of the iteration variables.
struct Vars {
    first: Box<str>,
    second: Option<Box<str>>,
}

fn one_var(b: &Builder<'_>, x: NodeId, otherwise: &str) -> Result<Vars, CelError> {
    let Some(first) = b.simple_name(x) else { return b.error(x, otherwise) };
    if overwrites_accumulator(&first) {
        return b.error(x, "iteration variable overwrites accumulator variable");
    }
    Ok(Vars { first, second: None })
}

fn two_vars(b: &Builder<'_>, x: NodeId, y: NodeId) -> Result<Vars, CelError> {
    let Some(first) = b.simple_name(x) else { return b.error(x, "argument must be a simple name") };
    let Some(second) = b.simple_name(y) else { return b.error(y, "argument must be a simple name") };
    if first == second {
        return b.error(y, &format!("duplicate variable name: {first}"));
    }
    for (name, id) in [(&first, x), (&second, y)] {
        if overwrites_accumulator(name) {
            return b.error(id, "iteration variable overwrites accumulator variable");
        }
    }
    Ok(Vars { first, second: Some(second) })
}

fn overwrites_accumulator(name: &str) -> bool {
    name == ACCUMULATOR || name == "__result__"
}

fn quantifier(b: &mut Builder<'_>, range: NodeId, function: &str, vars: Vars, predicate: NodeId) -> NodeId {
    let accumulator = b.accumulator();
    let (init, condition, step) = match function {
        "all" => {
            let init = b.literal(Literal::Bool(true));
            let condition = b.call("@not_strictly_false", vec![accumulator]);
            let accumulator = b.accumulator();
            (init, condition, b.call("_&&_", vec![accumulator, predicate]))
        }
        "exists" => {
            let init = b.literal(Literal::Bool(false));
            let negated = b.call("!_", vec![accumulator]);
            let condition = b.call("@not_strictly_false", vec![negated]);
            let accumulator = b.accumulator();
            (init, condition, b.call("_||_", vec![accumulator, predicate]))
        }
        _ => {
            let init = b.literal(Literal::Int(0));
            let condition = b.literal(Literal::Bool(true));
            let one = b.literal(Literal::Int(1));
            let counted = b.call("_+_", vec![accumulator, one]);
            let accumulator = b.accumulator();
            (init, condition, b.call("_?_:_", vec![predicate, counted, accumulator]))
        }
    };
    let mut result = b.accumulator();
    if !matches!(function, "all" | "exists") {
        let one = b.literal(Literal::Int(1));
        result = b.call("_==_", vec![result, one]);
    }
    fold(b, range, vars, [init, condition, step, result])
}

/// A fold that appends `element` to a list.
fn appending(b: &mut Builder<'_>, range: NodeId, vars: Vars, filter: Option<NodeId>, element: NodeId) -> NodeId {
    let init = b.list(Vec::new());
    let accumulator = b.accumulator();
    let single = b.list(vec![element]);
    let step = b.call("_+_", vec![accumulator, single]);
    filtered(b, range, vars, filter, init, step)
}

/// A fold that inserts into a map.
fn inserting(b: &mut Builder<'_>, range: NodeId, vars: Vars, filter: Option<NodeId>, step: NodeId) -> NodeId {
    let init = b.add(ExprKind::Map(Vec::new()));
    filtered(b, range, vars, filter, init, step)
}

fn filtered(
    b: &mut Builder<'_>,
    range: NodeId,
    vars: Vars,
    filter: Option<NodeId>,
    init: NodeId,
    mut step: NodeId,
) -> NodeId {
    let condition = b.literal(Literal::Bool(true));
    if let Some(filter) = filter {
        let accumulator = b.accumulator();
        step = b.call("_?_:_", vec![filter, step, accumulator]);
    }
    let result = b.accumulator();
    fold(b, range, vars, [init, condition, step, result])
}

fn fold(b: &mut Builder<'_>, range: NodeId, vars: Vars, parts: [NodeId; 4]) -> NodeId {
    let [init, condition, step, result] = parts;
    b.fold(Comprehension {
        range,
        iter_var: vars.first,
        iter_var2: vars.second,
        accu_var: ACCUMULATOR.into(),
        init,
        condition,
        step,
        result,
    })
}
