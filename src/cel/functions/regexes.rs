//! `matches` and the regex library. Patterns that stand in the policy are compiled at load and arrive here as
//! [`Pattern`]; the functions below take patterns made at run time, and charge for compiling them.

use super::super::context::{Context, Text};
use super::super::error::{Eval, EvalError};
use super::super::number::Quoted;
use super::super::value::Value;
use super::re2::{Origin, Pattern};
use super::{Function, Refusal, global, member};

pub(super) const TABLE: &[Function] = &[
    global("matches", 2, matches).refusing(Refusal::Receiver),
    member("matches", 2, matches).refusing(Refusal::Receiver),
    global("regex.extract", 2, |cx, a| with_pattern(cx, a, extract)),
    global("regex.extractAll", 2, |cx, a| with_pattern(cx, a, extract_all)),
    global("regex.replace", 3, replace_with),
    global("regex.replace", 4, replace_with),
];

/// Compiling a pattern costs about as much as this many steps, and some more for each byte of it.
const COMPILE_STEPS: usize = 1_000;
const COMPILE_STEPS_PER_BYTE: usize = 32;
/// Searching is linear in the text; the factor grows with the pattern.
const SEARCHED_BYTES_PER_STEP: usize = 16;

/// Compiles a pattern that was made at run time.
fn compiled<'a>(cx: &Context<'a>, pattern: &str) -> Result<Pattern, EvalError<'a>> {
    cx.charge(COMPILE_STEPS.saturating_add(pattern.len().saturating_mul(COMPILE_STEPS_PER_BYTE)))?;
    Pattern::compile(pattern, Origin::Request).map_err(|why| cx.error(format_args!("{why}")))
}

/// Charges for searching `text` once.
pub fn charge_search<'a>(cx: &Context<'a>, text: &str) -> Result<(), EvalError<'a>> {
    cx.charge(text.len() / SEARCHED_BYTES_PER_STEP)
}

fn matches<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text), Value::String(pattern)] = *args else { return Err(EvalError::MISMATCH) };
    let pattern = compiled(cx, pattern)?;
    cx.charge(text.len())?;
    Ok(Value::Bool(pattern.is_match(text)))
}

type Search = for<'a> fn(&Context<'a>, &'a str, &Pattern, &str) -> Eval<'a>;

fn with_pattern<'a>(cx: &Context<'a>, args: &[Value<'a>], search: Search) -> Eval<'a> {
    let [Value::String(text), Value::String(pattern)] = *args else { return Err(EvalError::MISMATCH) };
    let compiled = compiled(cx, pattern)?;
    cx.charge(text.len())?;
    search(cx, text, &compiled, pattern)
}

fn one_group_at_most<'a>(cx: &Context<'a>, pattern: &Pattern, source: &str) -> Result<(), EvalError<'a>> {
    if pattern.groups() <= 1 {
        return Ok(());
    }
    Err(cx.error(format_args!("regular expression has more than one capturing group: {}", Quoted(source))))
}

/// `regex.extract`: the first match, or its group if the pattern has one.
pub fn extract<'a>(cx: &Context<'a>, text: &'a str, pattern: &Pattern, source: &str) -> Eval<'a> {
    one_group_at_most(cx, pattern, source)?;
    let found = pattern.find(text).and_then(|groups| groups.last().copied().flatten());
    Ok(found.map_or(Value::Optional(None), |s| cx.some(Value::String(s))))
}

/// `regex.extractAll`: every match, or its group; matches whose group took no part or is empty are left out.
pub fn extract_all<'a>(cx: &Context<'a>, text: &'a str, pattern: &Pattern, source: &str) -> Eval<'a> {
    one_group_at_most(cx, pattern, source)?;
    let mut out = bumpalo::collections::Vec::new_in(cx.bump);
    for (_, groups) in pattern.find_all(text) {
        cx.charge(1)?;
        if let Some(found) = groups.last().copied().flatten() {
            out.push(Value::String(found));
        }
    }
    Ok(Value::list(out.into_bump_slice()))
}

fn replace_with<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (text, source, replacement, count) = replace_args(args)?;
    let pattern = compiled(cx, source)?;
    cx.charge(text.len())?;
    replace(cx, text, &pattern, replacement, count)
}

/// The arguments of `regex.replace`.
pub fn replace_args<'a>(args: &[Value<'a>]) -> Result<(&'a str, &'a str, &'a str, i64), EvalError<'a>> {
    match *args {
        [Value::String(text), Value::String(pattern), Value::String(by)] => Ok((text, pattern, by, -1)),
        [Value::String(text), Value::String(pattern), Value::String(by), Value::Int(n)] => Ok((text, pattern, by, n)),
        _ => Err(EvalError::MISMATCH),
    }
}

/// `regex.replace`: `\1` to `\9` stand for groups, `\0` for the match; a negative count means all.
pub fn replace<'a>(cx: &Context<'a>, text: &'a str, pattern: &Pattern, replacement: &str, count: i64) -> Eval<'a> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Value::String(text));
    }
    check_replacement(cx, pattern, replacement)?;
    let mut out = Text::new(cx);
    let mut copied = 0;
    for (range, groups) in pattern.find_all(text).take(most) {
        cx.charge(1)?;
        out.push(text.get(copied..range.start).unwrap_or(""))?;
        expand(&mut out, replacement, &groups)?;
        copied = range.end;
    }
    out.push(text.get(copied..).unwrap_or(""))?;
    Ok(Value::String(out.finish()))
}

fn check_replacement<'a>(cx: &Context<'a>, pattern: &Pattern, replacement: &str) -> Result<(), EvalError<'a>> {
    let mut chars = replacement.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            continue;
        }
        match chars.next() {
            Some('\\') => {}
            Some(digit @ '0'..='9') => {
                let group = digit.to_digit(10).unwrap_or(0) as usize;
                if group > pattern.groups() {
                    let groups = pattern.groups();
                    return Err(cx.error(format_args!(
                        "replacement string references group {group} but regex has only {groups} group(s)"
                    )));
                }
            }
            Some(_) => {
                return Err(cx.error(format_args!(
                    "invalid replacement string: '{replacement}' \\ must be followed by a digit or \\"
                )));
            }
            None => {
                return Err(cx.error(format_args!("invalid replacement string: '{replacement}' \\ not allowed at end")));
            }
        }
    }
    Ok(())
}

fn expand<'a>(out: &mut Text<'_, 'a>, replacement: &str, groups: &[Option<&str>]) -> Result<(), EvalError<'a>> {
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push(before)?;
        let mut chars = after.chars();
        match chars.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let group = digit.to_digit(10).unwrap_or(0) as usize;
                out.push(groups.get(group).copied().flatten().unwrap_or(""))?;
            }
            Some(_) => out.push("\\")?,
            None => {}
        }
        rest = chars.as_str();
    }
    out.push(rest)
}
