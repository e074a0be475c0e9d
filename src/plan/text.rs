//! Plans as text: the reference's s-expression, and a tree for people.

use std::fmt::Write as _;

use super::Filter;
use crate::cel::partial::Term;
use crate::cel::value::Value;

/// The outcome as `filterDebug` shows it.
#[must_use]
pub fn debug(filter: Filter<'_>) -> String {
    match filter {
        Filter::Always => "(true)".to_owned(),
        Filter::Never { no_match: true } => "NO_MATCH".to_owned(),
        Filter::Never { no_match: false } => "(false)".to_owned(),
        Filter::If(term) => debug_term(term),
    }
}

/// A term as an s-expression.
#[must_use]
pub fn debug_term(term: Term<'_>) -> String {
    let mut out = String::new();
    write_term(term, &mut out);
    out
}

fn write_term(term: Term<'_>, out: &mut String) {
    match term {
        Term::Value(v) => value(v, out),
        Term::Variable(name) => out.push_str(name),
        Term::Error | Term::Optional(_) => out.push_str("(error)"),
        Term::Apply(a) => {
            let _ = write!(out, "({}", a.operator);
            if a.operands.is_empty() {
                out.push(' ');
            }
            for operand in a.operands {
                out.push(' ');
                write_term(*operand, out);
            }
            out.push(')');
        }
    }
}

/// A term as a tree, a line a node.
#[must_use]
pub fn tree(term: Term<'_>) -> String {
    let mut out = String::new();
    branch(term, "", "", &mut out);
    out
}

fn branch(term: Term<'_>, first: &str, rest: &str, out: &mut String) {
    out.push_str(first);
    match term {
        Term::Apply(a) if a.operands.iter().any(|o| matches!(o, Term::Apply(_))) => {
            out.push_str(a.operator);
            out.push('\n');
            for (i, operand) in a.operands.iter().enumerate() {
                let last = i + 1 == a.operands.len();
                let (turn, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
                branch(*operand, &format!("{rest}{turn}"), &format!("{rest}{below}"), out);
            }
        }
        leaf => {
            write_term(leaf, out);
            out.push('\n');
        }
    }
}

/// A value as compact JSON; what JSON has no word for as expressions show it.
fn value(v: Value<'_>, out: &mut String) {
    match v {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => _ = write!(out, "{b}"),
        Value::Int(i) => _ = write!(out, "{i}"),
        Value::Uint(u) => _ = write!(out, "{u}"),
        Value::Double(d) => number(d, out),
        Value::String(s) => string(s, out),
        Value::List(l) => {
            out.push('[');
            for (i, item) in l.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                value(item, out);
            }
            out.push(']');
        }
        other => _ = write!(out, "{}", crate::cel::Shown(other)),
    }
}

/// As protobuf's JSON writes doubles: an exponent below 1e-6 and from 1e21 on.
fn number(d: f64, out: &mut String) {
    let magnitude = d.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{d:e}");
        let sign = if text.contains("e-") { "e" } else { "e+" };
        out.push_str(&text.replacen('e', sign, 1));
    } else {
        let _ = write!(out, "{d}");
    }
}

fn string(s: &str, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => _ = write!(out, "\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
}
