//! Tree → text that parses to the same tree, macros as they were written. Used for the interactive shell and for tests;
//! messages quote the source instead. Works off a list, so that no tree is too high.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::ast::{Ast, ExprKind, Literal, MacroCall, NodeId};

/// How tightly a construct binds; a part that binds less than its place asks for is put in parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Ternary,
    Or,
    And,
    Relation,
    Sum,
    Product,
    Unary,
    Member,
}

enum Piece<'a> {
    Text(Cow<'a, str>),
    Node(NodeId, Level),
}

impl<'a> Piece<'a> {
    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// The text of the whole expression.
#[must_use]
pub fn print(ast: &Ast) -> String {
    print_node(ast, ast.root)
}

/// The text of a part of an expression.
#[must_use]
pub fn print_node(ast: &Ast, id: NodeId) -> String {
    let mut out = String::new();
    let mut open = vec![Piece::Node(id, Level::Ternary)];
    while let Some(piece) = open.pop() {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Node(id, least) => {
                let (level, mut pieces) = pieces(ast, id);
                if level < least {
                    out.push('(');
                    pieces.push(Piece::text(")"));
                }
                open.extend(pieces.into_iter().rev());
            }
        }
    }
    out
}

/// What a node consists of, in order.
fn pieces(ast: &Ast, id: NodeId) -> (Level, Vec<Piece<'_>>) {
    use Piece::Node;
    let node = ast.node(id);
    if let Some(call) = &node.macro_call {
        return (Level::Member, macro_pieces(call));
    }
    match &node.kind {
        ExprKind::Literal(literal) => (Level::Member, vec![Piece::text(literal_text(literal))]),
        ExprKind::Ident(name) => (Level::Member, vec![Piece::text(&**name)]),
        ExprKind::Select { operand, field, test_only } => {
            let mut pieces = vec![Node(*operand, Level::Member), Piece::text("."), Piece::text(field_text(field))];
            if *test_only {
                pieces.insert(0, Piece::text("has("));
                pieces.push(Piece::text(")"));
            }
            (Level::Member, pieces)
        }
        ExprKind::Call { target: None, function, args } => {
            operator(ast, id, function, args).unwrap_or_else(|| (Level::Member, call_pieces(None, function, args)))
        }
        ExprKind::Call { target, function, args } => (Level::Member, call_pieces(*target, function, args)),
        ExprKind::List { elements, optional } => {
            let mut pieces = vec![Piece::text("[")];
            for (i, element) in (0_u32..).zip(elements) {
                let mark = if optional.contains(&i) { "?" } else { "" };
                let comma = if i > 0 { ", " } else { "" };
                pieces.extend([Piece::text(comma), Piece::text(mark), Node(*element, Level::Ternary)]);
            }
            pieces.push(Piece::text("]"));
            (Level::Member, pieces)
        }
        ExprKind::Map(entries) => {
            let mut pieces = vec![Piece::text("{")];
            for (i, entry) in entries.iter().enumerate() {
                let mark = if entry.optional { "?" } else { "" };
                let comma = if i > 0 { ", " } else { "" };
                pieces.extend([Piece::text(comma), Piece::text(mark), Node(entry.key, Level::Ternary)]);
                pieces.extend([Piece::text(": "), Node(entry.value, Level::Ternary)]);
            }
            pieces.push(Piece::text("}"));
            (Level::Member, pieces)
        }
        ExprKind::Struct { name, fields } => {
            let mut pieces = vec![Piece::text(&**name), Piece::text("{")];
            for (i, field) in fields.iter().enumerate() {
                let mark = if field.optional { "?" } else { "" };
                let comma = if i > 0 { ", " } else { "" };
                pieces.extend([Piece::text(comma), Piece::text(mark), Piece::text(field_text(&field.name))]);
                pieces.extend([Piece::text(": "), Node(field.value, Level::Ternary)]);
            }
            pieces.push(Piece::text("}"));
            (Level::Member, pieces)
        }
        // Only within the expansion of a macro, which is printed as written.
        ExprKind::Comprehension(c) => (
            Level::Member,
            vec![
                Piece::text(format!("@fold({}, ", c.accu_var)),
                Node(c.range, Level::Ternary),
                Piece::text(", "),
                Node(c.init, Level::Ternary),
                Piece::text(", "),
                Node(c.step, Level::Ternary),
                Piece::text(", "),
                Node(c.result, Level::Ternary),
                Piece::text(")"),
            ],
        ),
    }
}

fn macro_pieces(call: &MacroCall) -> Vec<Piece<'_>> {
    call_pieces(call.target, &call.function, &call.args)
}

fn call_pieces<'a>(target: Option<NodeId>, function: &'a str, args: &[NodeId]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::with_capacity(args.len() * 2 + 4);
    if let Some(target) = target {
        pieces.extend([Piece::Node(target, Level::Member), Piece::text(".")]);
    }
    pieces.extend([Piece::text(function), Piece::text("(")]);
    for (i, arg) in args.iter().enumerate() {
        let comma = if i > 0 { ", " } else { "" };
        pieces.extend([Piece::text(comma), Piece::Node(*arg, Level::Ternary)]);
    }
    pieces.push(Piece::text(")"));
    pieces
}

fn operator<'a>(ast: &'a Ast, id: NodeId, function: &str, args: &[NodeId]) -> Option<(Level, Vec<Piece<'a>>)> {
    use Piece::Node;
    let pieces = match (function, args) {
        ("_?_:_", [test, yes, no]) => {
            let (test, yes, no) = (Node(*test, Level::Or), Node(*yes, Level::Or), Node(*no, Level::Ternary));
            (Level::Ternary, vec![test, Piece::text(" ? "), yes, Piece::text(" : "), no])
        }
        ("!_", [x]) => (Level::Unary, vec![Piece::text("!"), Node(*x, Level::Member)]),
        ("-_", [x]) if starts_with_number(ast, *x) => {
            (Level::Unary, vec![Piece::text("-("), Node(*x, Level::Ternary), Piece::text(")")])
        }
        ("-_", [x]) => (Level::Unary, vec![Piece::text("-"), Node(*x, Level::Member)]),
        ("_[_]", [x, i]) => {
            let (x, i) = (Node(*x, Level::Member), Node(*i, Level::Ternary));
            (Level::Member, vec![x, Piece::text("["), i, Piece::text("]")])
        }
        ("_[?_]", [x, i]) => {
            let (x, i) = (Node(*x, Level::Member), Node(*i, Level::Ternary));
            (Level::Member, vec![x, Piece::text("[?"), i, Piece::text("]")])
        }
        ("_?._", [x, field]) => {
            let ExprKind::Literal(Literal::String(field)) = &ast.node(*field).kind else { return None };
            (Level::Member, vec![Node(*x, Level::Member), Piece::text(".?"), Piece::text(field_text(field))])
        }
        (_, [left, right]) => {
            let (symbol, level, above) = infix(function)?;
            let flat = matches!(level, Level::Or | Level::And) && terms(ast, id, function).is_some();
            let (low, high) = match level {
                Level::Or | Level::And if flat => (level, level),
                Level::Or | Level::And => (above, above),
                _ => (level, above),
            };
            (level, vec![Node(*left, low), Piece::text(format!(" {symbol} ")), Node(*right, high)])
        }
        _ => return None,
    };
    Some(pieces)
}

fn infix(function: &str) -> Option<(&'static str, Level, Level)> {
    Some(match function {
        "_||_" => ("||", Level::Or, Level::And),
        "_&&_" => ("&&", Level::And, Level::Relation),
        "_==_" => ("==", Level::Relation, Level::Sum),
        "_!=_" => ("!=", Level::Relation, Level::Sum),
        "_<_" => ("<", Level::Relation, Level::Sum),
        "_<=_" => ("<=", Level::Relation, Level::Sum),
        "_>_" => (">", Level::Relation, Level::Sum),
        "_>=_" => (">=", Level::Relation, Level::Sum),
        "@in" => ("in", Level::Relation, Level::Sum),
        "_+_" => ("+", Level::Sum, Level::Product),
        "_-_" => ("-", Level::Sum, Level::Product),
        "_*_" => ("*", Level::Product, Level::Unary),
        "_/_" => ("/", Level::Product, Level::Unary),
        "_%_" => ("%", Level::Product, Level::Unary),
        _ => return None,
    })
}

/// Number of terms of a chain of `&&` or `||` if it has the shape the parser gives a chain without parentheses.
fn terms(ast: &Ast, id: NodeId, function: &str) -> Option<usize> {
    match &ast.node(id) {
        node if node.macro_call.is_some() => Some(1),
        node => match &node.kind {
            ExprKind::Call { target: None, function: f, args } if **f == *function => match args.as_slice() {
                [left, right] => {
                    let (left, right) = (terms(ast, *left, function)?, terms(ast, *right, function)?);
                    let operators = left + right - 1;
                    (left == operators / 2 + 1).then_some(left + right)
                }
                _ => Some(1),
            },
            _ => Some(1),
        },
    }
}

/// True if a minus sign before the text of a node would become part of a number.
fn starts_with_number(ast: &Ast, mut id: NodeId) -> bool {
    loop {
        let node = ast.node(id);
        if let Some(target) = node.macro_call.as_ref().and_then(|m| m.target) {
            id = target;
            continue;
        }
        match &node.kind {
            ExprKind::Literal(literal) => return matches!(literal, Literal::Int(_) | Literal::Double(_)),
            ExprKind::Select { operand, test_only: false, .. } => id = *operand,
            ExprKind::Call { target: Some(target), .. } => id = *target,
            ExprKind::Call { target: None, function, args } if matches!(&**function, "_[_]" | "_[?_]" | "_?._") => {
                match args.first() {
                    Some(first) => id = *first,
                    None => return false,
                }
            }
            _ => return false,
        }
    }
}

fn field_text(name: &str) -> Cow<'_, str> {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !matches!(name, "in" | "true" | "false" | "null");
    if plain { name.into() } else { format!("`{name}`").into() }
}

/// A literal as it could have been written.
#[must_use]
pub fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".into(),
        Literal::Bool(b) => b.to_string(),
        Literal::Int(i) => i.to_string(),
        Literal::Uint(u) => format!("{u}u"),
        Literal::Double(d) => format!("{d:?}"),
        Literal::String(s) => quoted(s),
        Literal::Bytes(bytes) => {
            let mut out = String::from("b\"");
            for b in bytes {
                match b {
                    b'"' | b'\\' => {
                        out.push('\\');
                        out.push(char::from(*b));
                    }
                    b' '..=b'~' => out.push(char::from(*b)),
                    other => {
                        let _ = write!(out, "\\x{other:02x}");
                    }
                }
            }
            out.push('"');
            out
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
