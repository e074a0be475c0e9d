//! A term once everything is known: what an application that applies a plan to one resource would find.

use super::super::context::Context;
use super::super::error::{Eval, EvalError};
use super::super::functions::{self, Style};
use super::super::mapping::MapBuilder;
use super::super::select;
use super::super::value::{Map, Value};
use super::Term;
use super::eval::{function, strict_call};

/// Names that terms are about, innermost first.
#[derive(Clone, Copy)]
struct Names<'s, 'a> {
    name: &'s str,
    value: Value<'a>,
    outer: Option<&'s Names<'s, 'a>>,
}

/// True if the term holds for the request (the message of that name): it is true, and does not fail.
pub fn is_true<'a>(term: Term<'a>, request: Value<'a>, cx: &Context<'a>) -> bool {
    matches!(apply(term, request, cx), Ok(Value::Bool(true)))
}

/// What a term is worth for the request.
///
/// # Errors
/// Where it fails.
pub fn apply<'a>(term: Term<'a>, request: Value<'a>, cx: &Context<'a>) -> Eval<'a> {
    Applying { cx }.value(term, &Names { name: "request", value: request, outer: None })
}

struct Applying<'c, 'a> {
    cx: &'c Context<'a>,
}

impl<'a> Applying<'_, 'a> {
    fn value(&self, term: Term<'a>, names: &Names<'_, 'a>) -> Eval<'a> {
        self.cx.charge(1)?;
        match term {
            Term::Value(v) => Ok(v),
            Term::Variable(path) => self.path(path, names),
            Term::Error | Term::Optional(_) => Err(EvalError::NO_SUCH_OVERLOAD),
            Term::Apply(a) => self.operator(a.operator, a.operands, names),
        }
    }

    fn path(&self, path: &'a str, names: &Names<'_, 'a>) -> Eval<'a> {
        let (root, rest) = path.split_once('.').map_or((path, None), |(root, rest)| (root, Some(rest)));
        let mut inner = Some(names);
        while let Some(n) = inner {
            if n.name == root {
                let fields = rest.into_iter().flat_map(|rest| rest.split('.'));
                return fields.into_iter().try_fold(n.value, |v, field| select::select(self.cx, v, field));
            }
            inner = n.outer;
        }
        Err(EvalError::NO_SUCH_OVERLOAD)
    }

    fn truth(&self, term: Term<'a>, names: &Names<'_, 'a>) -> Result<bool, EvalError<'a>> {
        match self.value(term, names)? {
            Value::Bool(b) => Ok(b),
            _ => Err(EvalError::NO_SUCH_OVERLOAD),
        }
    }

    /// Three-valued: one operand that is `wanted` decides, a failure is the outcome if none does.
    fn logic(&self, wanted: bool, truths: impl Iterator<Item = Result<bool, EvalError<'a>>>) -> Eval<'a> {
        let mut failed = None;
        for truth in truths {
            match truth {
                Ok(b) if b == wanted => return Ok(Value::Bool(wanted)),
                Ok(_) => {}
                Err(e) => _ = failed.get_or_insert(e),
            }
        }
        failed.map_or(Ok(Value::Bool(!wanted)), Err)
    }

    fn operator(&self, operator: &'a str, operands: &'a [Term<'a>], names: &Names<'_, 'a>) -> Eval<'a> {
        match (operator, operands) {
            ("and" | "or", _) => self.logic(operator == "or", operands.iter().map(|o| self.truth(*o, names))),
            ("not", [o]) => self.truth(*o, names).map(|b| Value::Bool(!b)),
            ("if" | super::CHOSEN, [c, a, b]) => self.value(if self.truth(*c, names)? { *a } else { *b }, names),
            ("has", [o]) => self.has(*o, names).map(Value::Bool),
            ("get-field", [o, Term::Variable(field)]) => select::select(self.cx, self.value(*o, names)?, field),
            ("list", _) => {
                let values: Vec<Value<'a>> =
                    operands.iter().map(|o| self.value(*o, names)).collect::<Result<_, _>>()?;
                self.cx.list(values)
            }
            ("struct", _) => {
                let mut builder = MapBuilder::new(self.cx, operands.len());
                for operand in operands {
                    let Some((_, [key, value])) = operand.as_apply() else { return Err(EvalError::NO_SUCH_OVERLOAD) };
                    builder.set(self.value(*key, names)?, self.value(*value, names)?)?;
                }
                Ok(Value::Map(builder.finish()))
            }
            (_, [range, Term::Apply(lambda)]) if lambda.operator == "lambda" => {
                self.lambda(operator, self.value(*range, names)?, lambda.operands, names)
            }
            _ => {
                let values: Vec<Value<'a>> =
                    operands.iter().map(|o| self.value(*o, names)).collect::<Result<_, _>>()?;
                let name = function(operator);
                let style = if functions::find(name, Style::Global, values.len()).is_some() {
                    Style::Global
                } else {
                    Style::Member
                };
                strict_call(self.cx, style, name, &values)
            }
        }
    }

    fn has(&self, term: Term<'a>, names: &Names<'_, 'a>) -> Result<bool, EvalError<'a>> {
        match term {
            Term::Variable(path) => match path.rsplit_once('.') {
                Some((base, field)) => select::has(self.cx, self.path(base, names)?, field),
                None => Err(EvalError::NO_SUCH_OVERLOAD),
            },
            other => match other.as_apply() {
                Some(("get-field", [o, Term::Variable(field)]) | ("index", [o, Term::Value(Value::String(field))])) => {
                    select::has(self.cx, self.value(*o, names)?, field)
                }
                _ => Err(EvalError::NO_SUCH_OVERLOAD),
            },
        }
    }

    fn lambda(&self, macro_: &str, range: Value<'a>, lambda: &'a [Term<'a>], names: &Names<'_, 'a>) -> Eval<'a> {
        let is_name = |t: &&Term<'a>| matches!(t, Term::Variable(v) if !v.contains('.'));
        let two =
            macro_.starts_with("transform") || matches!(macro_, "exists" | "all" | "exists_one") && lambda.len() == 3;
        let variables = if two { 2 } else { 1 };
        let (bodies, vars) = lambda.split_at(lambda.len().saturating_sub(variables));
        let vars: Vec<&str> = vars
            .iter()
            .filter(is_name)
            .filter_map(|t| if let Term::Variable(v) = t { Some(*v) } else { None })
            .collect();
        let items: Vec<(Value<'a>, Value<'a>)> = match range {
            Value::List(l) if two => (0_i64..).map(Value::Int).zip(l.iter()).collect(),
            Value::List(l) => l.iter().map(|v| (v, Value::Null)).collect(),
            Value::Map(m) => m.iter().collect(),
            _ => return Err(EvalError::NO_SUCH_OVERLOAD),
        };
        let with = |body: Term<'a>, (a, b): (Value<'a>, Value<'a>)| {
            let first = Names { name: vars.first().copied().unwrap_or(""), value: a, outer: Some(names) };
            let second = Names { name: vars.get(1).copied().unwrap_or(""), value: b, outer: Some(&first) };
            self.value(body, &second)
        };
        let test = |body: Term<'a>, item| match with(body, item)? {
            Value::Bool(b) => Ok(b),
            _ => Err(EvalError::NO_SUCH_OVERLOAD),
        };
        let Some(last) = bodies.last().copied() else { return Err(EvalError::NO_SUCH_OVERLOAD) };
        if matches!(macro_, "exists" | "all") {
            return self.logic(macro_ == "exists", items.iter().map(|item| test(last, *item)));
        }
        let filter =
            if macro_ == "filter" || bodies.len() == 2 || macro_ == "exists_one" { bodies.first() } else { None };
        let mut kept = Vec::new();
        for item in items {
            let keep = match filter {
                Some(filter) => test(*filter, item)?,
                None => true,
            };
            if keep {
                kept.push(item);
            }
        }
        match macro_ {
            "exists_one" => Ok(Value::Bool(kept.len() == 1)),
            "filter" => self.cx.list(kept.into_iter().map(|(a, _)| a)),
            "map" | "transformList" => {
                let values: Vec<Value<'a>> = kept.into_iter().map(|item| with(last, item)).collect::<Result<_, _>>()?;
                self.cx.list(values)
            }
            "sortBy" => {
                let keys: Vec<Value<'a>> = kept.iter().map(|item| with(last, *item)).collect::<Result<_, _>>()?;
                let list = self.cx.list(kept.into_iter().map(|(a, _)| a))?;
                let keys = self.cx.list(keys)?;
                strict_call(self.cx, Style::Member, "@sortByAssociatedKeys", &[list, keys])
            }
            "transformMap" | "transformMapEntry" => {
                let mut map = Value::Map(Map::Fields(&[]));
                for item in kept {
                    let value = with(last, item)?;
                    let args = if macro_ == "transformMap" { vec![map, item.0, value] } else { vec![map, value] };
                    map = strict_call(self.cx, Style::Global, "cel.@mapInsert", &args)?;
                }
                Ok(map)
            }
            _ => Err(EvalError::NO_SUCH_OVERLOAD),
        }
    }
}

/// What an operator of the wire gives for known operands.
///
/// # Errors
/// Where it fails.
pub fn call<'a>(cx: &Context<'a>, operator: &str, operands: &[Value<'a>]) -> Eval<'a> {
    match (operator, operands) {
        ("get-field", [v, Value::String(field)]) => select::select(cx, *v, field),
        _ => strict_call(cx, Style::Global, function(operator), operands),
    }
}
