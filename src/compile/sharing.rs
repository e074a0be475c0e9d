//! Conditions of derived roles that mean the same in the policy that imports them. Evaluated with the policy's own
//! expressions, they share what a decision remembers: a tool policy and the roles it imports mostly ask the same things.

use std::sync::Arc;

use super::definitions::Definitions;
use crate::cel::ast::{Ast, ExprKind};
use crate::cel::checker::Checked;
use crate::policy::model::{Condition, Match};

/// The expressions of a condition.
pub(super) fn texts<'p>(condition: &'p Condition, each: &mut impl FnMut(&'p str)) {
    match condition {
        Condition::Match(m) => operand(m, each),
        Condition::Script(_) => {}
    }
}

fn operand<'p>(m: &'p Match, each: &mut impl FnMut(&'p str)) {
    match m {
        Match::Expr(text) => each(&text.text),
        Match::All(of) | Match::Any(of) | Match::None(of) => of.iter().for_each(|m| operand(m, each)),
    }
}

/// True if the expression means the same under both definitions: all it refers to, and so on, is defined alike.
pub(super) fn means_the_same(checked: &Checked, here: &Definitions, there: &Definitions) -> bool {
    let mut open: Vec<Arc<Checked>> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let Some(names) = names(&checked.ast) else { return false };
    let mut names = names;
    loop {
        for (root, name) in names {
            let same = match root {
                Root::Constant => {
                    let (a, b) = (here.constants.get(&name), there.constants.get(&name));
                    a.zip(b).is_some_and(|(a, b)| a.same(b))
                }
                Root::Variable => {
                    let of = |d: &Definitions| d.variables.iter().find(|(n, _)| *n == name).map(|(_, c)| Arc::clone(c));
                    match (of(here), of(there)) {
                        // equal texts are equal trees: all are checked in the same environment
                        (Some(a), Some(b)) if Arc::ptr_eq(&a, &b) || a.ast.source == b.ast.source => {
                            if !seen.contains(&name) {
                                seen.push(name);
                                open.push(a);
                            }
                            true
                        }
                        _ => false,
                    }
                }
            };
            if !same {
                return false;
            }
        }
        let Some(next) = open.pop() else { return true };
        match self::names(&next.ast) {
            Some(more) => names = more,
            None => return false,
        }
    }
}

enum Root {
    Variable,
    Constant,
}

/// The variables and constants an expression selects; `None` if it takes them as a whole, or reads the derived roles.
fn names(ast: &Ast) -> Option<Vec<(Root, String)>> {
    let mut names = Vec::new();
    let mut selected = Vec::new();
    for node in &ast.nodes {
        if let ExprKind::Select { operand, field, .. } = &node.kind
            && let ExprKind::Ident(root) = &ast.node(*operand).kind
        {
            let root = match root.trim_start_matches('.') {
                "V" | "variables" => Root::Variable,
                "C" | "constants" => Root::Constant,
                _ => continue,
            };
            names.push((root, field.to_string()));
            selected.push(*operand);
        }
    }
    for (i, node) in ast.nodes.iter().enumerate() {
        let ExprKind::Ident(name) = &node.kind else { continue };
        let is_root = ["V", "variables", "C", "constants"].contains(&name.trim_start_matches('.'));
        let alone = is_root && !selected.iter().any(|id| id.0 as usize == i);
        if alone || name.trim_start_matches('.') == "runtime" {
            return None;
        }
    }
    Some(names)
}
