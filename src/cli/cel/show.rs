//! What people see: values as expressions would write them, faults with their places, trees with their types.

use std::fmt::Write as _;

use crate::cel::ast::{ExprKind, Literal, MapEntry, NodeId, StructField};
use crate::cel::printer::{literal_text, print_node};
use crate::cel::time::{Rfc3339, Seconds};
use crate::cel::value::{Object, SpiffeMatcher, Value};
use crate::cel::{CelError, Checked, Reference};
use crate::source::SourceFile;

/// Deepest value that is printed.
const MAX_DEPTH: u32 = 200;

/// A value as it could be written in an expression, as far as that is possible.
pub(super) fn value(value: Value<'_>) -> String {
    let mut out = String::new();
    write_value(&mut out, value, 0);
    out
}

fn write_value(out: &mut String, value: Value<'_>, depth: u32) {
    if depth > MAX_DEPTH {
        out.push('…');
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(&literal_text(&Literal::Bool(b))),
        Value::Int(i) => out.push_str(&literal_text(&Literal::Int(i))),
        Value::Uint(u) => out.push_str(&literal_text(&Literal::Uint(u))),
        Value::Double(d) if d.is_finite() => out.push_str(&literal_text(&Literal::Double(d))),
        Value::Double(d) if d.is_nan() => out.push_str("double(\"NaN\")"),
        Value::Double(d) => out.push_str(if d < 0.0 { "double(\"-Infinity\")" } else { "double(\"Infinity\")" }),
        Value::String(s) => out.push_str(&quoted(s)),
        Value::Bytes(b) => out.push_str(&literal_text(&Literal::Bytes(b.into()))),
        Value::Type(name) => out.push_str(name),
        Value::List(l) => {
            out.push('[');
            for (i, v) in l.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write_value(out, v, depth + 1);
            }
            out.push(']');
        }
        Value::Map(m) => write_entries(out, m.iter(), depth),
        Value::Timestamp(timestamp) => {
            let _ = write!(out, "timestamp(\"{}\")", Rfc3339 { timestamp, utc: false });
        }
        Value::Duration(d) => {
            let _ = write!(out, "duration(\"{}\")", Seconds(d));
        }
        Value::Optional(None) => out.push_str("optional.none()"),
        Value::Optional(Some(v)) => {
            out.push_str("optional.of(");
            write_value(out, *v, depth + 1);
            out.push(')');
        }
        Value::Message(m) => {
            out.push_str(m.ty.name);
            let set = m.ty.fields.iter().zip(m.fields).filter(|(_, v)| !is_unset(**v));
            write_fields(out, set.map(|(f, v)| (f.name, *v)), depth);
        }
        Value::Object(object) => write_object(out, object),
    }
}

fn write_entries<'a>(out: &mut String, entries: impl Iterator<Item = (Value<'a>, Value<'a>)>, depth: u32) {
    out.push('{');
    for (i, (k, v)) in entries.enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        write_value(out, k, depth + 1);
        out.push_str(": ");
        write_value(out, v, depth + 1);
    }
    out.push('}');
}

fn write_fields<'a>(out: &mut String, fields: impl Iterator<Item = (&'static str, Value<'a>)>, depth: u32) {
    out.push('{');
    for (i, (name, v)) in fields.enumerate() {
        let _ = write!(out, "{}{name}: ", if i > 0 { ", " } else { "" });
        write_value(out, v, depth + 1);
    }
    out.push('}');
}

fn write_object(out: &mut String, object: &Object<'_>) {
    let _ = match object {
        Object::Hierarchy(levels) => write!(out, "hierarchy({})", quoted(&levels.join("."))),
        Object::Ip(ip) => write!(out, "ip(\"{ip}\")"),
        Object::Cidr(ip, bits) => write!(out, "cidr(\"{ip}/{bits}\")"),
        Object::SpiffeId(id) => write!(out, "spiffeID({})", quoted(id)),
        Object::SpiffeTrustDomain(name) => write!(out, "spiffeTrustDomain({})", quoted(name)),
        Object::SpiffeMatcher(SpiffeMatcher::Any) => write!(out, "spiffeMatchAny()"),
        Object::SpiffeMatcher(SpiffeMatcher::TrustDomain(name)) => {
            write!(out, "spiffeMatchTrustDomain({})", quoted(name))
        }
        Object::SpiffeMatcher(SpiffeMatcher::OneOf(ids)) => {
            let ids: Vec<String> = ids.iter().map(|id| quoted(id)).collect();
            write!(out, "spiffeMatchOneOf([{}])", ids.join(", "))
        }
    };
}

fn quoted(text: &str) -> String {
    literal_text(&Literal::String(text.into()))
}

/// True for the value of a message's field that was not set.
pub(super) fn is_unset(value: Value<'_>) -> bool {
    match value {
        Value::String(s) => s.is_empty(),
        Value::List(l) => l.is_empty(),
        Value::Map(m) => m.is_empty(),
        Value::Message(m) => m.fields.iter().all(|f| is_unset(*f)),
        _ => false,
    }
}

/// Faults of an expression, each with its line and a caret.
pub(super) fn faults(source: &str, faults: &[CelError]) -> String {
    let file = SourceFile::new("expr", source);
    faults.iter().map(|f| f.render(&file)).collect::<Vec<_>>().join("\n")
}

/// A checked tree: a node a line, indented, with its type and the place errors about it are reported at.
pub(super) fn tree(checked: &Checked) -> String {
    let mut out = String::new();
    let mut open = vec![(checked.ast.root, 0_usize, "")];
    while let Some((id, depth, role)) = open.pop() {
        let node = checked.ast.node(id);
        // Deep trees stay readable, and printing stays linear.
        let indent = "  ".repeat(depth.min(40));
        let _ = write!(out, "{indent}{role}{}", label(checked, id));
        let _ = write!(out, " : {} @{}", checked.ty(id), node.position);
        if let Some(call) = &node.macro_call {
            let _ = write!(out, "  (macro {})", call.function);
        }
        out.push('\n');
        let mut children = children(&node.kind);
        children.reverse();
        open.extend(children.into_iter().map(|(child, role)| (child, depth + 1, role)));
    }
    out.truncate(out.trim_end().len());
    out
}

fn label(checked: &Checked, id: NodeId) -> String {
    match &checked.ast.node(id).kind {
        ExprKind::Literal(_) => print_node(&checked.ast, id),
        ExprKind::Ident(name) => match checked.reference(id) {
            Some(Reference::Local) => format!("{name} (local)"),
            Some(Reference::Type(_)) => format!("{name} (type)"),
            _ => name.to_string(),
        },
        ExprKind::Select { field, test_only: false, .. } => format!(".{field}"),
        ExprKind::Select { field, test_only: true, .. } => format!(".{field} (present?)"),
        ExprKind::Call { target: None, function, .. } => format!("{function}()"),
        ExprKind::Call { function, .. } => format!(".{function}()"),
        ExprKind::List { .. } => "[]".to_owned(),
        ExprKind::Map(_) => "{}".to_owned(),
        ExprKind::Struct { name, .. } => format!("{name}{{}}"),
        ExprKind::Comprehension(c) => match &c.iter_var2 {
            Some(second) => format!("fold {}, {second} into {}", c.iter_var, c.accu_var),
            None => format!("fold {} into {}", c.iter_var, c.accu_var),
        },
    }
}

/// Children with what they are to their parent.
fn children(kind: &ExprKind) -> Vec<(NodeId, &'static str)> {
    match kind {
        ExprKind::Literal(_) | ExprKind::Ident(_) => Vec::new(),
        ExprKind::Select { operand, .. } => vec![(*operand, "")],
        ExprKind::Call { target, args, .. } => target.iter().chain(args).map(|a| (*a, "")).collect(),
        ExprKind::List { elements, optional } => {
            let role = |i: u32| if optional.contains(&i) { "? " } else { "" };
            (0..).zip(elements).map(|(i, e)| (*e, role(i))).collect()
        }
        ExprKind::Map(entries) => entries
            .iter()
            .flat_map(|MapEntry { key, value, optional, .. }| {
                [(*key, if *optional { "? key " } else { "key " }), (*value, "value ")]
            })
            .collect(),
        ExprKind::Struct { fields, .. } => fields
            .iter()
            .map(|StructField { value, optional, .. }| (*value, if *optional { "? " } else { "" }))
            .collect(),
        ExprKind::Comprehension(c) => vec![
            (c.range, "over "),
            (c.init, "init "),
            (c.condition, "while "),
            (c.step, "step "),
            (c.result, "result "),
        ],
    }
}
