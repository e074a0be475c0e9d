//! What a plan's condition gives for one resource, as an application that applies it would find. Written apart from the
//! planner: truth, paths, presence, comparison, membership and lambdas are worked out here; only library functions of
//! known values are the crate's own.

use bumpalo::Bump;
use toolgate::cel::Budget;
use toolgate::cel::context::Context;
use toolgate::cel::partial::{self, Term};
use toolgate::cel::value::{Map, Value};

/// A value, or `None` where there is none because something fails.
type Worth<'a> = Option<Value<'a>>;

#[derive(Clone, Copy)]
struct Names<'n, 'a> {
    name: &'n str,
    value: Value<'a>,
    outer: Option<&'n Names<'n, 'a>>,
}

/// True if the condition holds for a resource, which is the value that `request.resource` stands for.
pub fn holds<'a>(term: Term<'a>, resource: Value<'a>, bump: &'a Bump) -> bool {
    let filter = Filter { bump };
    matches!(
        filter.worth(term, &Names { name: "request.resource", value: resource, outer: None }),
        Some(Value::Bool(true))
    )
}

struct Filter<'a> {
    bump: &'a Bump,
}

impl<'a> Filter<'a> {
    fn worth(&self, term: Term<'a>, names: &Names<'_, 'a>) -> Worth<'a> {
        match term {
            Term::Value(value) => Some(value),
            Term::Variable(path) => path_of(path, names),
            Term::Error | Term::Optional(_) => None,
            Term::Apply(a) => self.applied(a.operator, a.operands, names),
        }
    }

    fn truth(&self, term: Term<'a>, names: &Names<'_, 'a>) -> Option<bool> {
        match self.worth(term, names) {
            Some(Value::Bool(b)) => Some(b),
            _ => None,
        }
    }

    fn applied(&self, operator: &'a str, operands: &'a [Term<'a>], names: &Names<'_, 'a>) -> Worth<'a> {
        let truths = || operands.iter().map(|o| self.truth(*o, names));
        let bool = |b: Option<bool>| b.map(Value::Bool);
        match (operator, operands) {
            ("and", _) => bool(every(truths())),
            ("or", _) => bool(every(truths().map(|t| t.map(|b| !b))).map(|b| !b)),
            ("not", [one]) => bool(self.truth(*one, names).map(|b| !b)),
            ("if", [c, a, b]) => self.worth(if self.truth(*c, names)? { *a } else { *b }, names),
            ("has", [Term::Variable(path)]) => {
                let (base, field) = path.rsplit_once('.')?;
                bool(member(path_of(base, names)?, field, true).map(|m| m.is_some()))
            }
            ("has", [Term::Apply(a)]) => {
                let [base, field] = a.operands else { return None };
                let field = match (a.operator, field) {
                    ("get-field", Term::Variable(name)) | ("index", Term::Value(Value::String(name))) => *name,
                    _ => return None,
                };
                bool(member(self.worth(*base, names)?, field, true).map(|m| m.is_some()))
            }
            ("get-field", [base, Term::Variable(field)]) => member(self.worth(*base, names)?, field, false)?,
            ("list", _) => {
                let items: Option<Vec<Value<'a>>> = operands.iter().map(|o| self.worth(*o, names)).collect();
                Some(Value::list(self.bump.alloc_slice_copy(&items?)))
            }
            (_, [range, Term::Apply(lambda)]) if lambda.operator == "lambda" => {
                self.lambda(operator, *range, lambda.operands, names)
            }
            _ => {
                let values: Option<Vec<Value<'a>>> = match operator {
                    "struct" => None,
                    _ => operands.iter().map(|o| self.worth(*o, names)).collect(),
                };
                match (operator, values.as_deref()) {
                    ("struct", _) => self.map(operands, names),
                    (_, None) => None,
                    ("eq", Some([a, b])) if equal(*a, *b).is_some() => bool(equal(*a, *b)),
                    ("ne", Some([a, b])) if equal(*a, *b).is_some() => bool(equal(*a, *b).map(|b| !b)),
                    ("in", Some([item, Value::List(list)])) => {
                        bool(Some(list.iter().any(|v| equal(v, *item) == Some(true))))
                    }
                    ("startsWith", Some([Value::String(a), Value::String(b)])) => bool(Some(a.starts_with(*b))),
                    ("endsWith", Some([Value::String(a), Value::String(b)])) => bool(Some(a.ends_with(*b))),
                    ("contains", Some([Value::String(a), Value::String(b)])) => bool(Some(a.contains(*b))),
                    ("lt", Some([Value::Double(a), Value::Double(b)])) => bool(Some(a < b)),
                    ("le", Some([Value::Double(a), Value::Double(b)])) => bool(Some(a <= b)),
                    ("gt", Some([Value::Double(a), Value::Double(b)])) => bool(Some(a > b)),
                    ("ge", Some([Value::Double(a), Value::Double(b)])) => bool(Some(a >= b)),
                    (_, Some(values)) => self.function(operator, operands, values),
                }
            }
        }
    }

    /// A function of the library. The wire has one kind of number: a literal that is whole may be an integer.
    fn function(&self, name: &'a str, operands: &[Term<'a>], values: &[Value<'a>]) -> Worth<'a> {
        let whole: Vec<Value<'a>> =
            operands.iter().zip(values).map(|(o, v)| if literal(*o) { self.whole(*v) } else { *v }).collect();
        self.library(name, values).or_else(|| self.library(name, &whole))
    }

    fn library(&self, name: &'a str, values: &[Value<'a>]) -> Worth<'a> {
        let operands: Vec<Term<'a>> = values.iter().map(|v| Term::Value(*v)).collect();
        let cx = Context { bump: self.bump, budget: self.bump.alloc(Budget::new(1_000_000)), now: crate::pdp::NOW };
        partial::apply(Term::apply(self.bump, name, &operands).ok()?, Value::Null, &cx).ok()
    }

    fn whole(&self, value: Value<'a>) -> Value<'a> {
        match value {
            Value::Double(d) if d.fract() == 0.0 && d.abs() < 9e15 => Value::Int(d as i64),
            Value::List(list) => {
                Value::list(self.bump.alloc_slice_fill_iter(list.iter().map(|v| self.whole(v)).collect::<Vec<_>>()))
            }
            other => other,
        }
    }

    fn map(&self, fields: &'a [Term<'a>], names: &Names<'_, 'a>) -> Worth<'a> {
        let mut known = Vec::new();
        for field in fields {
            let (_, [key, value]) = field.as_apply()? else { return None };
            let pair = [Term::Value(self.worth(*key, names)?), Term::Value(self.worth(*value, names)?)];
            known.push(Term::apply(self.bump, "set-field", &pair).ok()?);
        }
        let cx = Context { bump: self.bump, budget: self.bump.alloc(Budget::new(1_000_000)), now: crate::pdp::NOW };
        partial::apply(Term::apply(self.bump, "struct", &known).ok()?, Value::Null, &cx).ok()
    }

    fn lambda(&self, operator: &'a str, range: Term<'a>, lambda: &'a [Term<'a>], names: &Names<'_, 'a>) -> Worth<'a> {
        // Bodies come first, then the names of one variable or two.
        let two = operator.starts_with("transform")
            || (matches!(operator, "exists" | "all" | "exists_one") && lambda.len() == 3);
        let (bodies, variables) = lambda.split_at_checked(lambda.len().checked_sub(if two { 2 } else { 1 })?)?;
        let variables: Vec<&str> =
            variables.iter().filter_map(|v| if let Term::Variable(name) = v { Some(*name) } else { None }).collect();
        let items: Vec<[Value<'a>; 2]> = match self.worth(range, names)? {
            Value::List(list) if two => (0..).map(Value::Int).zip(list.iter()).map(|(i, v)| [i, v]).collect(),
            Value::List(list) => list.iter().map(|v| [v, Value::Null]).collect(),
            Value::Map(map) => map.iter().map(|(k, v)| [k, v]).collect(),
            _ => return None,
        };
        let of = |body: Term<'a>, item: &[Value<'a>; 2]| {
            let first = Names { name: variables[0], value: item[0], outer: Some(names) };
            let second = Names { name: variables.get(1).copied().unwrap_or(""), value: item[1], outer: Some(&first) };
            self.worth(body, &second)
        };
        let test = |body: Term<'a>, item: &[Value<'a>; 2]| match of(body, item) {
            Some(Value::Bool(b)) => Some(b),
            _ => None,
        };
        let body = *bodies.last()?;
        match operator {
            "all" => every(items.iter().map(|i| test(body, i))).map(Value::Bool),
            "exists" => every(items.iter().map(|i| test(body, i).map(|b| !b))).map(|b| Value::Bool(!b)),
            "exists_one" => {
                let tests: Option<Vec<bool>> = items.iter().map(|i| test(body, i)).collect();
                Some(Value::Bool(tests?.into_iter().filter(|b| *b).count() == 1))
            }
            "filter" | "map" | "transformList" => {
                let filter = (operator == "filter" || bodies.len() == 2).then(|| bodies[0]);
                let mut list = Vec::new();
                for item in &items {
                    if filter.is_some_and(|f| test(f, item).is_none()) {
                        return None;
                    }
                    if filter.is_none_or(|f| test(f, item) == Some(true)) {
                        list.push(if operator == "filter" { item[0] } else { of(body, item)? });
                    }
                }
                Some(Value::list(self.bump.alloc_slice_copy(&list)))
            }
            "sortBy" => {
                let keys: Option<Vec<Value<'a>>> = items.iter().map(|i| of(body, i)).collect();
                let mut keyed: Vec<(Value<'a>, Value<'a>)> =
                    keys?.into_iter().zip(items.iter().map(|i| i[0])).collect();
                let number = |v: &Value<'a>| match v {
                    Value::Double(d) => Some(*d),
                    Value::Int(i) => Some(*i as f64),
                    _ => None,
                };
                let text = |v: &Value<'a>| if let Value::String(s) = v { Some(*s) } else { None };
                if keyed.iter().all(|(k, _)| number(k).is_some()) {
                    keyed.sort_by(|(a, _), (b, _)| {
                        number(a).partial_cmp(&number(b)).unwrap_or(std::cmp::Ordering::Equal)
                    });
                } else if keyed.iter().all(|(k, _)| text(k).is_some()) {
                    keyed.sort_by_key(|(k, _)| text(k));
                } else if keyed.len() > 1 {
                    return None;
                }
                Some(Value::list(
                    self.bump.alloc_slice_fill_iter(keyed.into_iter().map(|(_, v)| v).collect::<Vec<_>>()),
                ))
            }
            "transformMap" => {
                let mut fields = Vec::new();
                for item in &items {
                    if bodies.len() == 2 && !test(bodies[0], item)? {
                        continue;
                    }
                    let pair = [Term::Value(item[0]), Term::Value(of(body, item)?)];
                    fields.push(Term::apply(self.bump, "set-field", &pair).ok()?);
                }
                self.map(self.bump.alloc_slice_copy(&fields), names)
            }
            _ => panic!("the generator makes no plans with {operator}"),
        }
    }
}

/// A literal, or a member of a written list, which holds literals.
fn literal(term: Term<'_>) -> bool {
    match term {
        Term::Value(_) => true,
        Term::Apply(a) => a.operator == "index" && matches!(a.operands, [Term::Apply(l), _] if l.operator == "list"),
        _ => false,
    }
}

/// One that is false decides; one that fails is the outcome if none does.
fn every(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let truths: Vec<Option<bool>> = truths.collect();
    if truths.contains(&Some(false)) {
        return Some(false);
    }
    if truths.contains(&None) { None } else { Some(true) }
}

fn path_of<'a>(path: &'a str, names: &Names<'_, 'a>) -> Worth<'a> {
    let mut at = Some(names);
    while let Some(n) = at {
        let rest = path.strip_prefix(n.name).filter(|_| !n.name.is_empty());
        if let Some(rest) = rest.filter(|r| r.is_empty() || r.starts_with('.')) {
            return rest.split('.').skip(1).try_fold(n.value, |value, field| member(value, field, false)?);
        }
        at = n.outer;
    }
    // The wire writes types as variables of their names.
    let types = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];
    (types.contains(&path) || path.starts_with("google.protobuf.")).then_some(Value::Type(path))
}

/// A member; the outer `None` where there can be none.
fn member<'a>(value: Value<'a>, field: &str, absent_is_told: bool) -> Option<Worth<'a>> {
    match value {
        Value::Map(map) => Some(entry(map, field)),
        Value::Message(message) => {
            let index = message.ty.fields.iter().position(|f| f.name == field)?;
            Some(message.fields.get(index).copied())
        }
        // `has` asks anything but lists, whose members have no names.
        Value::List(_) => None,
        _ if absent_is_told => Some(None),
        _ => None,
    }
}

fn entry<'a>(map: Map<'a>, field: &str) -> Worth<'a> {
    map.iter().find(|(k, _)| matches!(k, Value::String(s) if *s == field)).map(|(_, v)| v)
}

/// Equality; `None` for what only the library compares.
fn equal(a: Value<'_>, b: Value<'_>) -> Option<bool> {
    let number = |v| match v {
        Value::Double(d) => Some(d),
        Value::Int(i) if i.unsigned_abs() < 1 << 53 => Some(i as f64),
        Value::Uint(u) if u < 1 << 53 => Some(u as f64),
        _ => None,
    };
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Some(a == b);
    }
    match (a, b) {
        (Value::Null, Value::Null) => Some(true),
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::List(a), Value::List(b)) => {
            Some(a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b) == Some(true)))
        }
        (Value::Map(a), Value::Map(b)) => Some(
            a.len() == b.len()
                && a.iter().all(|(k, v)| b.iter().any(|(l, w)| equal(k, l) == Some(true) && equal(v, w) == Some(true))),
        ),
        (Value::Int(a), Value::Int(b)) => Some(a == b),
        (Value::Uint(a), Value::Uint(b)) => Some(a == b),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a == b),
        (Value::Type(a), Value::Type(b)) => Some(a == b),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a == b),
        (Value::Duration(a), Value::Duration(b)) => Some(a == b),
        // Objects are the library's.
        (Value::Object(_) | Value::Optional(_), _) | (_, Value::Object(_) | Value::Optional(_)) => None,
        _ => Some(false),
    }
}
