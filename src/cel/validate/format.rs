//! `"…".format([…])` with both written out: every clause must be one, and fit the static type of its argument.

use super::super::ast::{ExprKind, Literal, NodeId};
use super::super::checker::Checked;
use super::super::fault::CelError;
use super::super::types::Type;

const MAX_PRECISION: u64 = 100;
const NOT_TEXT: &str = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, \
                        durations, and timestamps";

/// The first fault of a format call.
pub(super) fn check(checked: &Checked, call: NodeId, template: NodeId, args: &[NodeId]) -> Option<CelError> {
    let ExprKind::Literal(Literal::String(template)) = &checked.ast.node(template).kind else { return None };
    let at_call = |text: String| Some(CelError::new(checked.ast.node(call).position, text));
    let mut rest: &str = template;
    let mut used = 0;
    while let Some((_, after)) = rest.split_once('%') {
        if let Some(after) = after.strip_prefix('%') {
            rest = after;
            continue;
        }
        if after.is_empty() {
            return at_call("unexpected end of string".to_owned());
        }
        let Some(arg) = args.get(used) else { return at_call(format!("index {used} out of range")) };
        used += 1;
        let after = match precision(after) {
            Ok(after) => after,
            Err(why) => {
                return at_call(format!("could not parse formatting clause: error while parsing precision: {why}"));
            }
        };
        let mut chars = after.chars();
        let clause = chars.next().unwrap_or('%');
        rest = chars.as_str();
        match fits(checked, clause, *arg) {
            Ok(()) => {}
            Err(Misfit::NoClause) => {
                // The reference reads bytes here, and shows the first one as a character.
                let first = clause.encode_utf8(&mut [0; 4]).bytes().next().map_or('?', char::from);
                let text = format!("could not parse formatting clause: unrecognized formatting clause \"{first}\"");
                return at_call(text);
            }
            Err(Misfit::Type(what, bad)) => {
                let given = runtime_name(checked.ty(bad));
                let text = format!("error during formatting: {what}, was given {given}");
                return Some(CelError::new(checked.ast.node(bad).position, text));
            }
        }
    }
    if used < args.len() {
        let given = args.len();
        return at_call(format!("too many arguments supplied to string.format (expected {used}, got {given})"));
    }
    None
}

/// Skips `.2` before a clause.
fn precision(text: &str) -> Result<&str, String> {
    let Some(digits_on) = text.strip_prefix('.') else { return Ok(text) };
    let end = digits_on.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = digits_on.split_at_checked(end).unwrap_or((digits_on, ""));
    if rest.is_empty() {
        return Err("could not find end of precision specifier".to_owned());
    }
    let refused =
        |why| format!("error while converting precision to integer: strconv.Atoi: parsing \"{digits}\": {why}");
    match digits.parse::<u64>() {
        _ if digits.is_empty() => Err(refused("invalid syntax")),
        Ok(n) if n <= MAX_PRECISION => Ok(rest),
        Ok(n) if i64::try_from(n).is_ok() => {
            Err(format!("precision {n} exceeds maximum allowed precision {MAX_PRECISION}"))
        }
        _ => Err(refused("value out of range")),
    }
}

enum Misfit {
    NoClause,
    /// What the clause takes, and the argument or the part of it that is something else.
    Type(&'static str, NodeId),
}

fn fits(checked: &Checked, clause: char, arg: NodeId) -> Result<(), Misfit> {
    let ty = unwrapped(checked.ty(arg));
    let (ok, what) = match clause {
        's' => return text(checked, arg),
        'd' => (is_number(&ty), "decimal clause can only be used on ints, uints, and doubles"),
        'f' => (is_number(&ty), "fixed-point clause can only be used on ints, uints, and doubles"),
        'e' => (is_number(&ty), "scientific clause can only be used on ints, uints, and doubles"),
        'b' => (
            matches!(ty, Type::Int | Type::Uint | Type::Bool),
            "only ints, uints, and bools can be formatted as binary",
        ),
        'o' => (matches!(ty, Type::Int | Type::Uint), "octal clause can only be used on ints and uints"),
        'x' | 'X' => (
            matches!(ty, Type::Int | Type::Uint | Type::Bytes | Type::String),
            "only ints, uints, bytes, and strings can be formatted as hex",
        ),
        _ => return Err(Misfit::NoClause),
    };
    if ok || is_open(&ty) { Ok(()) } else { Err(Misfit::Type(what, arg)) }
}

/// `%s` goes into lists and maps that are written out.
fn text(checked: &Checked, arg: NodeId) -> Result<(), Misfit> {
    let mut open = vec![arg];
    while let Some(id) = open.pop() {
        let ok = match unwrapped(checked.ty(id)) {
            Type::List(_) | Type::Map(_) => {
                let from = open.len();
                match &checked.ast.node(id).kind {
                    ExprKind::List { elements, .. } => open.extend(elements),
                    ExprKind::Map(entries) => open.extend(entries.iter().flat_map(|e| [e.key, e.value])),
                    _ => {}
                }
                // in order of place
                open.get_mut(from..).unwrap_or(&mut []).reverse();
                true
            }
            Type::Null
            | Type::Bool
            | Type::Int
            | Type::Uint
            | Type::Double
            | Type::String
            | Type::Bytes
            | Type::Timestamp
            | Type::Duration
            | Type::Type(_)
            | Type::AnyType => true,
            other => is_open(&other),
        };
        if !ok {
            return Err(Misfit::Type(NOT_TEXT, id));
        }
    }
    Ok(())
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Int | Type::Uint | Type::Double)
}

/// Types whose values are not known before run time.
fn is_open(ty: &Type) -> bool {
    matches!(ty, Type::Dyn | Type::Param(_) | Type::Error)
}

fn unwrapped(ty: &Type) -> Type {
    match ty {
        Type::Wrapper(scalar) => scalar.ty(),
        other => other.clone(),
    }
}

/// The name a value of the type has at run time.
fn runtime_name(ty: &Type) -> String {
    unwrapped(ty).name()
}
