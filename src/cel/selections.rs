//! What an expression selects from its roots: `R.attr.a.b`, each selection as long as it is written. For tools that talk
//! about expressions; evaluation has its own paths.

use std::collections::BTreeSet;

use super::ast::{Ast, ExprKind, NodeId};

/// Something selected from a name that no macro binds, or such a name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The name and the fields from there.
    pub path: Vec<String>,
    /// Inside of `has(…)`: the last field is only looked for.
    pub tested: bool,
    /// Byte offset in the source.
    pub at: u32,
}

/// All selections, in the order of the text. Names that a macro binds count, too: they are no roots.
#[must_use]
pub fn selections(ast: &Ast) -> Vec<Selection> {
    let tree = tree(ast);
    let mut inner = BTreeSet::new();
    for id in &tree {
        if let ExprKind::Select { operand, .. } = &ast.node(NodeId(*id)).kind {
            inner.insert(operand.0);
        }
    }
    let outermost = tree.iter().filter(|id| !inner.contains(*id)).filter_map(|id| {
        let node = ast.node(NodeId(*id));
        let tested = match &node.kind {
            ExprKind::Select { test_only, .. } => *test_only,
            ExprKind::Ident(_) => false,
            _ => return None,
        };
        Some(Selection { path: path(ast, NodeId(*id))?, tested, at: node.position })
    });
    let mut all: Vec<Selection> = outermost.collect();
    all.sort_by_key(|s| s.at);
    all
}

/// Nodes of the tree proper, without those that only a macro as written refers to.
fn tree(ast: &Ast) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![ast.root];
    while let Some(id) = open.pop() {
        if found.insert(id.0) {
            ast.node(id).kind.for_each_child(|c| open.push(c));
        }
    }
    found
}

fn path(ast: &Ast, mut id: NodeId) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    loop {
        match &ast.node(id).kind {
            ExprKind::Select { operand, field, .. } => {
                steps.push(field.to_string());
                id = *operand;
            }
            ExprKind::Ident(name) => {
                steps.push(name.trim_start_matches('.').to_owned());
                steps.reverse();
                return Some(steps);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_as_long_as_they_are_written() {
        let found = |text: &str| -> Vec<String> {
            let all = selections(&crate::cel::parse(text).unwrap());
            all.iter().map(|s| format!("{}{}", s.path.join("."), if s.tested { "?" } else { "" })).collect()
        };
        assert_eq!(found("R.attr.a.b == P.id"), ["R.attr.a.b", "P.id"]);
        assert_eq!(found("has(R.attr.a) && V.x"), ["R.attr.a?", "V.x"]);
        assert_eq!(found("1 + 2"), [""; 0]);
        assert_eq!(found("R.attr[\"a\"].b"), ["R.attr"]);
    }
}
