//! A second evaluator, as plain as can be: it walks the checked tree, knows no slots, no loops, no folding and no
//! prepared literals, and runs every macro as the fold it expands to. It shares with the real one what has no second
//! way of being done: functions, comparison, selection.

use super::super::ast::{Comprehension, ExprKind, Literal, NodeId};
use super::super::checker::{Checked, Reference};
use super::super::compare;
use super::super::context::Context;
use super::super::env::Env;
use super::super::error::{Eval, EvalError, Fault};
use super::super::functions::{self, Style};
use super::super::machine::operators;
use super::super::mapping::MapBuilder;
use super::super::program::{Arithmetic, Relation};
use super::super::select;
use super::super::show::Shown;
use super::super::value::{Map, Value};

/// Walks one expression.
pub struct Walker<'a> {
    pub checked: &'a Checked,
    pub env: &'a Env,
    pub roots: &'a [Value<'a>],
    pub cx: Context<'a>,
}

/// Macro variables, innermost first.
#[derive(Clone, Copy)]
struct Scope<'s, 'a> {
    name: &'s str,
    value: Eval<'a>,
    outer: Option<&'s Scope<'s, 'a>>,
}

impl<'a> Walker<'a> {
    /// The value of the whole expression.
    pub fn run(&self) -> Eval<'a> {
        self.eval(self.checked.ast.root, None)
    }

    fn kind(&self, id: NodeId) -> &'a ExprKind {
        &self.checked.ast.node(id).kind
    }

    fn eval(&self, id: NodeId, scope: Option<&Scope<'_, 'a>>) -> Eval<'a> {
        match self.kind(id) {
            ExprKind::Literal(l) => Ok(match l {
                Literal::Null => Value::Null,
                Literal::Bool(b) => Value::Bool(*b),
                Literal::Int(i) => Value::Int(*i),
                Literal::Uint(u) => Value::Uint(*u),
                Literal::Double(d) => Value::Double(*d),
                Literal::String(s) => Value::String(s),
                Literal::Bytes(b) => Value::Bytes(b),
            }),
            ExprKind::Ident(name) => self.ident(id, name, scope),
            ExprKind::Select { operand, field, test_only } => {
                let v = self.eval(*operand, scope)?;
                if *test_only {
                    select::has(&self.cx, v, field).map(Value::Bool)
                } else {
                    select::select(&self.cx, v, field)
                }
            }
            ExprKind::Call { target, function, args } => self.call(*target, function, args, scope),
            ExprKind::List { elements, optional } => {
                let mut out = Vec::new();
                for (i, e) in elements.iter().enumerate() {
                    let v = self.eval(*e, scope)?;
                    match v {
                        _ if !optional.contains(&(i as u32)) => out.push(v),
                        Value::Optional(None) => {}
                        Value::Optional(Some(v)) => out.push(*v),
                        other => {
                            let text = "cannot initialize optional list element from non-optional value";
                            return Err(self.cx.error(format_args!("{text} {}", Shown(other))));
                        }
                    }
                }
                Ok(Value::list(self.cx.bump.alloc_slice_copy(&out)))
            }
            ExprKind::Map(entries) => {
                let mut pairs = Vec::new();
                for entry in entries {
                    let key = self.eval(entry.key, scope)?;
                    match self.eval(entry.value, scope)? {
                        v if !entry.optional => pairs.push((key, v)),
                        Value::Optional(None) => {}
                        Value::Optional(Some(v)) => pairs.push((key, *v)),
                        other => {
                            return Err(self.cx.error(format_args!(
                                "cannot initialize optional entry '{}' from non-optional value {}",
                                Shown(key),
                                Shown(other)
                            )));
                        }
                    }
                }
                let mut builder = MapBuilder::new(&self.cx, 0);
                for (k, v) in pairs {
                    builder.set(k, v)?;
                }
                Ok(Value::Map(builder.finish()))
            }
            ExprKind::Struct { .. } => panic!("the generator makes no messages"),
            ExprKind::Comprehension(c) => self.fold(c, scope),
        }
    }

    fn ident(&self, id: NodeId, name: &str, scope: Option<&Scope<'_, 'a>>) -> Eval<'a> {
        let mut inner = scope;
        while let Some(s) = inner {
            if s.name == name {
                return s.value;
            }
            inner = s.outer;
        }
        match self.checked.reference(id) {
            Some(Reference::Root(i)) => Ok(self.roots[self.env.roots[*i].index]),
            Some(Reference::Type(ty)) => {
                let name = match ty.to_string().as_str() {
                    "null" => "null_type".to_owned(),
                    "timestamp" => "google.protobuf.Timestamp".to_owned(),
                    "duration" => "google.protobuf.Duration".to_owned(),
                    other => other.split('(').next().unwrap().to_owned(),
                };
                Ok(Value::Type(self.cx.bump.alloc_str(&name)))
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    fn truth(&self, v: Eval<'a>) -> Result<bool, EvalError<'a>> {
        match v? {
            Value::Bool(b) => Ok(b),
            _ => Err(EvalError::NO_SUCH_OVERLOAD),
        }
    }

    fn call(
        &self,
        target: Option<NodeId>,
        name: &'a str,
        args: &'a [NodeId],
        scope: Option<&Scope<'_, 'a>>,
    ) -> Eval<'a> {
        let cx = &self.cx;
        let eval = |id: NodeId| self.eval(id, scope);
        match (target, name, args) {
            (None, "_&&_" | "_||_", [a, b]) => {
                let decides = name == "_||_";
                let left = self.truth(eval(*a));
                if left == Ok(decides) {
                    return Ok(Value::Bool(decides));
                }
                let right = self.truth(eval(*b));
                if right == Ok(decides) {
                    return Ok(Value::Bool(decides));
                }
                left?;
                right?;
                Ok(Value::Bool(!decides))
            }
            (None, "_?_:_", [c, a, b]) => {
                if self.truth(eval(*c))? {
                    eval(*a)
                } else {
                    eval(*b)
                }
            }
            (None, "@not_strictly_false", [e]) => Ok(Value::Bool(!matches!(eval(*e), Ok(Value::Bool(false))))),
            (None, "@in", [_, b]) if matches!(self.kind(*b), ExprKind::List { elements, .. } if elements.is_empty()) => {
                Ok(Value::Bool(false))
            }
            (None, "!_", [e]) => self.truth(eval(*e)).map(|b| Value::Bool(!b)),
            (None, "-_", [e]) => operators::negate(cx, eval(*e)?),
            (None, "_?._", [e, field]) => {
                let ExprKind::Literal(Literal::String(field)) = self.kind(*field) else { panic!() };
                select::optional_select(cx, eval(*e)?, field)
            }
            (Some(a), "or", [b]) => match eval(a)? {
                Value::Optional(None) => eval(*b),
                some @ Value::Optional(_) => Ok(some),
                _ => Err(EvalError::NO_SUCH_OVERLOAD),
            },
            (Some(a), "orValue", [b]) => match eval(a)? {
                Value::Optional(None) => eval(*b),
                Value::Optional(Some(v)) => Ok(*v),
                _ => Err(EvalError::NO_SUCH_OVERLOAD),
            },
            _ => {
                let all: Vec<Eval<'a>> = target.into_iter().chain(args.iter().copied()).map(eval).collect();
                self.strict(target.is_some(), name, all)
            }
        }
    }

    fn strict(&self, member: bool, name: &'a str, all: Vec<Eval<'a>>) -> Eval<'a> {
        let cx = &self.cx;
        let lists = ["hasIntersection", "has_intersection", "intersect", "except", "isSubset", "is_subset"];
        if lists.contains(&name)
            && !member
            && all.iter().any(Result::is_err)
            && all.iter().all(|v| matches!(v, Err(_) | Ok(Value::List(_))))
        {
            return Err(EvalError::NO_SUCH_OVERLOAD);
        }
        let values: Vec<Value<'a>> = all.into_iter().collect::<Result<_, _>>()?;
        let arithmetic = |op| operators::arithmetic(cx, op, values[0], values[1]);
        let relation = |r| operators::compare(cx, r, values[0], values[1]).map(Value::Bool);
        match (name, values.as_slice()) {
            ("_+_", _) => arithmetic(Arithmetic::Add),
            ("_-_", _) => arithmetic(Arithmetic::Subtract),
            ("_*_", _) => arithmetic(Arithmetic::Multiply),
            ("_/_", _) => arithmetic(Arithmetic::Divide),
            ("_%_", _) => arithmetic(Arithmetic::Remainder),
            ("_<_", _) => relation(Relation::Less),
            ("_<=_", _) => relation(Relation::LessEqual),
            ("_>_", _) => relation(Relation::Greater),
            ("_>=_", _) => relation(Relation::GreaterEqual),
            ("_==_", [a, b]) => compare::equal(*a, *b, cx).map(Value::Bool),
            ("_!=_", [a, b]) => Ok(Value::Bool(!compare::equal(*a, *b, cx).unwrap_or(false))),
            ("@in", [a, b]) => operators::contains(cx, *a, *b).map(Value::Bool),
            ("_[_]", [v, key]) => select::index(cx, *v, *key),
            ("_[?_]", [v, key]) => select::optional_index(cx, *v, *key),
            ("cel.@mapInsert", [Value::Map(map), rest @ ..]) => self.insert(*map, rest),
            _ => {
                let style = if member { Style::Member } else { Style::Global };
                match functions::find(name, style, values.len()) {
                    Some(f) => f.call(cx, &values),
                    None => Err(cx.error(format_args!("no such overload: {name}"))),
                }
            }
        }
    }

    fn insert(&self, map: Map<'a>, rest: &[Value<'a>]) -> Eval<'a> {
        let mut builder = MapBuilder::new(&self.cx, 0);
        for (k, v) in map.iter() {
            builder.insert(k, v)?;
        }
        match rest {
            [k, v] => builder.insert(*k, *v)?,
            [Value::Map(more)] => {
                for (k, v) in more.iter() {
                    builder.insert(k, v)?;
                }
            }
            [other] => {
                let empty = Value::Map(Map::Fields(&[]));
                return Err(self.cx.no_overload("cel.@mapInsert", &[empty, *other]));
            }
            _ => panic!(),
        }
        Ok(Value::Map(builder.finish()))
    }

    fn fold(&self, c: &'a Comprehension, scope: Option<&Scope<'_, 'a>>) -> Eval<'a> {
        let range = self.eval(c.range, scope)?;
        let two = c.iter_var2.is_some();
        let items: Vec<(Value<'a>, Value<'a>)> = match range {
            Value::List(l) if two => (0_i64..).map(Value::Int).zip(l.iter()).collect(),
            Value::List(l) => l.iter().map(|v| (v, Value::Null)).collect(),
            Value::Map(m) => m.iter().collect(),
            other if two => return Err(self.cx.fault(Fault::NotFoldable(other))),
            other => return Err(self.cx.fault(Fault::NotIterable(other))),
        };
        let mut accumulator = self.eval(c.init, scope);
        for (a, b) in items {
            let outer = Scope { name: &c.accu_var, value: accumulator, outer: scope };
            let first = Scope { name: &c.iter_var, value: Ok(a), outer: Some(&outer) };
            let second = Scope { name: c.iter_var2.as_deref().unwrap_or(""), value: Ok(b), outer: Some(&first) };
            if !matches!(self.eval(c.condition, Some(&second)), Ok(Value::Bool(true))) {
                break;
            }
            accumulator = self.eval(c.step, Some(&second));
        }
        self.eval(c.result, Some(&Scope { name: &c.accu_var, value: accumulator, outer: scope }))
    }
}
