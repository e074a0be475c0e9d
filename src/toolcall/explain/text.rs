//! An explanation as people read it: a tree by indentation.

use std::fmt::Write as _;

use super::{Explanation, Node};

/// The explanation as lines.
#[must_use]
pub fn text(e: &Explanation) -> String {
    let verdict = if e.allowed { "ALLOW" } else { "DENY" };
    let mut out = String::new();
    let roles = e.roles.join(", ");
    let _ = writeln!(out, "{verdict} for {} `{}` [{roles}]: `{}` on `{}`", e.asker, e.principal, e.action, e.kind);
    let _ = writeln!(out, "  because {}", e.reason);
    let _ = writeln!(out, "  policy {}", e.policy);
    for step in &e.steps {
        let mark = if step.decides { "=>" } else { "- " };
        let name = if step.name.is_empty() { step.policy.as_str() } else { step.name.as_str() };
        let _ = writeln!(out, "  {mark} {} {name} ({}): {}", step.what, step.place, step.outcome);
        if let Some(node) = &step.condition {
            nodes(node, 3, &mut out);
        }
    }
    if let Some(near) = &e.nearest {
        let _ = writeln!(out, "  nearest ALLOW: {} ({})", near.rule, near.place);
        for lack in &near.lacks {
            let _ = writeln!(out, "      {lack}");
        }
    }
    out
}

/// Recursive: conditions are as deep as policy files may be.
fn nodes(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(out, "{indent}{} -> {}", node.text, node.result);
    for (path, value) in &node.values {
        let _ = writeln!(out, "{indent}    {path} = {value}");
    }
    node.operands.iter().for_each(|n| nodes(n, depth + 1, out));
}
