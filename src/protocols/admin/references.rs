//! What expressions refer to: attributes of principal and resource, variables and constants. Reads syntax trees, and
//! evaluates nothing.

use std::collections::BTreeSet;

use crate::cel::ast::{Ast, ExprKind, Literal, NodeId};
use crate::cel::parser::parse;

/// Names that expressions refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) principal: BTreeSet<String>,
    pub(super) resource: BTreeSet<String>,
    pub(super) variables: BTreeSet<String>,
    pub(super) constants: BTreeSet<String>,
}

impl References {
    /// Adds what one expression refers to. Expressions of a policy in use are in order; others add nothing.
    pub(super) fn add(&mut self, source: &str) {
        let Ok(ast) = parse(source) else { return };
        for node in &ast.nodes {
            let (of, name) = match &node.kind {
                ExprKind::Select { operand, field, .. } => (*operand, field.as_ref()),
                ExprKind::Call { function, args, .. } => match (function.as_ref(), args.as_slice()) {
                    ("_[_]" | "_?._" | "_[?_]", [of, key]) => match &ast.node(*key).kind {
                        ExprKind::Literal(Literal::String(name)) => (*of, name.as_ref()),
                        _ => continue,
                    },
                    _ => continue,
                },
                _ => continue,
            };
            if let Some(names) = self.names_of(&ast, of) {
                names.insert(name.to_owned());
            }
        }
    }

    /// Where the members of a node are noted.
    fn names_of(&mut self, ast: &Ast, of: NodeId) -> Option<&mut BTreeSet<String>> {
        match &ast.node(of).kind {
            ExprKind::Ident(name) => match name.as_ref() {
                "V" | "variables" => Some(&mut self.variables),
                "C" | "constants" => Some(&mut self.constants),
                _ => None,
            },
            ExprKind::Select { operand, field, .. } if field.as_ref() == "attr" => match entity(ast, *operand)? {
                Entity::Principal => Some(&mut self.principal),
                Entity::Resource => Some(&mut self.resource),
            },
            _ => None,
        }
    }
}

enum Entity {
    Principal,
    Resource,
}

fn entity(ast: &Ast, id: NodeId) -> Option<Entity> {
    match &ast.node(id).kind {
        ExprKind::Ident(name) => match name.as_ref() {
            "P" => Some(Entity::Principal),
            "R" => Some(Entity::Resource),
            _ => None,
        },
        ExprKind::Select { operand, field, .. } => {
            let of_request = matches!(&ast.node(*operand).kind, ExprKind::Ident(i) if i.as_ref() == "request");
            match (of_request, field.as_ref()) {
                (true, "principal") => Some(Entity::Principal),
                (true, "resource") => Some(Entity::Resource),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand() {
        let mut found = References::default();
        found.add(r#"R.attr.a.b == request.resource.attr["c"] && has(P.attr.d) && V.v || constants.c > 1"#);
        found.add("request.principal.attr.list.all(x, x == R.attr.?e.orValue(1)) && variables.w && R.id == P.id");
        found.add("R.attr[P.attr.k] == 1 &&");
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&found.resource), "a c e");
        assert_eq!(names(&found.principal), "d list");
        assert_eq!((names(&found.variables), names(&found.constants)), ("v w".into(), "c".into()));
    }
}
