//! Variants of one expression, each with one thing changed: an operator, a comparison, a constant, an operand left out.
//! Works on the parsed tree and prints it, so that a variant is always well-formed text.

use crate::cel::ast::{Ast, ExprKind, Literal, NodeId};
use crate::cel::parse;
use crate::cel::printer::{print, print_node};

/// An expression with one thing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// The whole new text.
    pub(super) text: String,
    /// Byte offset of what was changed in the old text.
    pub(super) at: u32,
    /// What was changed.
    pub(super) from: String,
    /// What it became.
    pub(super) to: String,
}

/// Operators and what they become.
const SWAPS: &[(&str, &str)] = &[
    ("_&&_", "_||_"),
    ("_||_", "_&&_"),
    ("_==_", "_!=_"),
    ("_!=_", "_==_"),
    ("_<_", "_<=_"),
    ("_<=_", "_<_"),
    ("_>_", "_>=_"),
    ("_>=_", "_>_"),
    ("_+_", "_-_"),
    ("_-_", "_+_"),
];

/// Methods and macros and what they become.
const WORDS: &[(&str, &str)] = &[
    ("all", "exists"),
    ("exists", "all"),
    ("startsWith", "endsWith"),
    ("endsWith", "startsWith"),
    ("hasIntersection", "isSubset"),
];

/// Every variant, in the order of the text.
pub(super) fn variants(text: &str) -> Vec<Variant> {
    let Ok(ast) = parse(text) else { return Vec::new() };
    let original = print(&ast);
    let mut out: Vec<Variant> = Vec::new();
    for i in 0..ast.nodes.len() {
        let id = NodeId(i as u32);
        for changed in changes(&ast, id) {
            let text = print(&changed);
            if text == original || out.iter().any(|v| v.text == text) {
                continue;
            }
            out.push(Variant {
                text,
                at: ast.node(id).position,
                from: print_node(&ast, id),
                to: print_node(&changed, id),
            });
        }
    }
    out.sort_by_key(|v| v.at);
    out
}

/// The trees in which this node is another.
fn changes(ast: &Ast, id: NodeId) -> Vec<Ast> {
    let mut out = Vec::new();
    let node = ast.node(id);
    if let Some(call) = &node.macro_call {
        if let Some((_, other)) = WORDS.iter().find(|(w, _)| **w == *call.function) {
            out.push(edited(ast, id, |node| {
                if let Some(call) = &mut node.macro_call {
                    call.function = (*other).into();
                }
            }));
        }
        return out;
    }
    match &node.kind {
        ExprKind::Call { function, args, .. } => {
            let function: &str = function;
            let known = SWAPS.iter().chain(WORDS).find(|(from, _)| *from == function);
            if let Some((_, other)) = known {
                out.push(edited(ast, id, |node| rename(&mut node.kind, other)));
            }
            match (function, &args[..]) {
                ("_&&_" | "_||_", [a, b]) => out.extend([replaced(ast, id, *a), replaced(ast, id, *b)]),
                ("!_", [a]) => out.push(replaced(ast, id, *a)),
                ("_?_:_", [_, a, b]) => out.extend([replaced(ast, id, *a), replaced(ast, id, *b)]),
                ("@in" | "_in_", _) => out.push(negated(ast, id)),
                _ => {}
            }
        }
        ExprKind::Literal(literal) => {
            if let Some(other) = another(literal) {
                out.push(edited(ast, id, |node| node.kind = ExprKind::Literal(other)));
            }
        }
        ExprKind::List { elements, optional } if elements.len() > 1 && optional.is_empty() => {
            for gone in 0..elements.len() {
                out.push(edited(ast, id, |node| {
                    if let ExprKind::List { elements, .. } = &mut node.kind {
                        elements.remove(gone);
                    }
                }));
            }
        }
        ExprKind::Ident(_)
        | ExprKind::Select { .. }
        | ExprKind::List { .. }
        | ExprKind::Map(_)
        | ExprKind::Struct { .. }
        | ExprKind::Comprehension(_) => {}
    }
    out
}

fn rename(kind: &mut ExprKind, to: &str) {
    if let ExprKind::Call { function, .. } = kind {
        *function = to.into();
    }
}

fn another(literal: &Literal) -> Option<Literal> {
    Some(match literal {
        Literal::Bool(b) => Literal::Bool(!b),
        Literal::Int(i) => Literal::Int(i.checked_add(1)?),
        Literal::Uint(u) => Literal::Uint(u.checked_add(1)?),
        Literal::Double(d) => Literal::Double(d + 1.0),
        Literal::String(s) if s.is_empty() => Literal::String("~".into()),
        Literal::String(s) => Literal::String(format!("{s}~").into()),
        Literal::Null | Literal::Bytes(_) => return None,
    })
}

fn edited(ast: &Ast, id: NodeId, edit: impl FnOnce(&mut crate::cel::ast::Expr)) -> Ast {
    let mut copy = ast.clone();
    if let Some(node) = copy.nodes.get_mut(id.0 as usize) {
        edit(node);
    }
    copy
}

/// The node becomes one of its children.
fn replaced(ast: &Ast, id: NodeId, child: NodeId) -> Ast {
    let child = ast.node(child).clone();
    edited(ast, id, |node| *node = child)
}

fn negated(ast: &Ast, id: NodeId) -> Ast {
    let mut copy = ast.clone();
    let inner = NodeId(copy.nodes.len() as u32);
    copy.nodes.push(ast.node(id).clone());
    if let Some(node) = copy.nodes.get_mut(id.0 as usize) {
        node.kind = ExprKind::Call { target: None, function: "!_".into(), args: vec![inner] };
        node.macro_call = None;
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_changed_at_a_time() {
        let texts = |text: &str| variants(text).into_iter().map(|v| v.text).collect::<Vec<_>>();
        for (text, want) in [
            ("a && b", &["a || b", "a", "b"][..]),
            ("!a", &["a"]),
            ("R.attr.n > 3", &["R.attr.n >= 3", "R.attr.n > 4"]),
            ("x in [1, 2]", &["!(x in [1, 2])", "x in [2]", "x in [1]", "x in [2, 2]", "x in [1, 3]"]),
            ("l.all(e, e == \"\")", &["l.exists(e, e == \"\")", "l.all(e, e != \"\")", "l.all(e, e == \"~\")"]),
            ("has(a.b)", &[]),
            ("a ? b : c", &["b", "c"]),
            ("(", &[]),
        ] {
            let mut got = texts(text);
            let mut want: Vec<String> = want.iter().map(|t| (*t).to_owned()).collect();
            got.sort();
            want.sort();
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn the_place_is_that_of_the_change() {
        let found = variants("a && R.attr.n > 3");
        let place = |to: &str| found.iter().find(|v| v.to == to).map(|v| v.at);
        assert_eq!(place("a || R.attr.n > 3"), Some(2));
        assert_eq!(place("4"), Some(16));
    }
}
