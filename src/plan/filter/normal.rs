//! Terms into the normal form of [`Condition`]: negations are pushed to the leaves, fields stand on the left.

use super::{Condition, Field, FilterError, Literal, Operand, Relation, TextTest};
use crate::cel::partial::Term;
use crate::cel::value::Value;
use crate::plan::debug_term;

/// Where attributes of the resource are in plans.
const ATTRIBUTES: &str = "request.resource.attr.";

/// The condition under which `term` is true. `store` is for messages.
pub(super) fn normal(term: Term<'_>, store: &'static str) -> Result<Condition, FilterError> {
    Normal { store, items: Vec::new() }.condition(term, true)
}

struct Normal<'a> {
    store: &'static str,
    /// Names of items of lists, from the outside in.
    items: Vec<&'a str>,
}

impl<'a> Normal<'a> {
    /// The condition under which `term` is `want`. Terms are as high as a plan may be.
    fn condition(&mut self, term: Term<'a>, want: bool) -> Result<Condition, FilterError> {
        let store = self.store;
        let unsupported = || FilterError::Unsupported { store, what: debug_term(term), hint: "" };
        match term {
            Term::Value(Value::Bool(b)) => Ok(if b == want { Condition::ALWAYS } else { Condition::NEVER }),
            // What is no boolean, and what fails, is neither true nor false.
            Term::Value(_) | Term::Error | Term::Optional(_) => Ok(Condition::NEVER),
            Term::Variable(_) => {
                let field = self.field(term).ok_or_else(unsupported)?;
                Ok(Condition::Compare(Relation::Equal, field, Operand::Literal(Literal::Bool(want))))
            }
            Term::Apply(a) => match (a.operator, a.operands) {
                ("and", all) => self.all(all, want, want),
                ("or", any) => self.all(any, want, !want),
                ("not", [one]) => self.condition(*one, !want),
                ("if", [test, then, otherwise]) => {
                    let first = [self.condition(*test, true)?, self.condition(*then, want)?];
                    let second = [self.condition(*test, false)?, self.condition(*otherwise, want)?];
                    Ok(Condition::Any(vec![Condition::All(first.into()), Condition::All(second.into())]))
                }
                ("eq" | "ne" | "lt" | "le" | "gt" | "ge", [left, right]) => {
                    let relation = relation(a.operator);
                    let relation = if want { relation } else { relation.negated() };
                    self.compare(relation, *left, *right).ok_or_else(unsupported)
                }
                ("in", [item, of]) => self.member(*item, *of, want).ok_or_else(unsupported),
                ("has", [path]) => self.field(*path).map(|field| Condition::Has(field, want)).ok_or_else(unsupported),
                ("startsWith", [text, part]) => {
                    self.text(TextTest::StartsWith, *text, *part, want).ok_or_else(unsupported)
                }
                ("endsWith", [text, part]) => self.text(TextTest::EndsWith, *text, *part, want).ok_or_else(unsupported),
                ("contains", [text, part]) => self.text(TextTest::Contains, *text, *part, want).ok_or_else(unsupported),
                ("exists", [list, lambda]) => self.quantifier(*list, *lambda, want, want).ok_or_else(unsupported)?,
                ("all", [list, lambda]) => self.quantifier(*list, *lambda, want, !want).ok_or_else(unsupported)?,
                _ => Err(unsupported()),
            },
        }
    }

    fn all(&mut self, terms: &[Term<'a>], want: bool, conjunction: bool) -> Result<Condition, FilterError> {
        let parts = terms.iter().map(|t| self.condition(*t, want)).collect::<Result<Vec<_>, _>>()?;
        Ok(if conjunction { Condition::All(parts) } else { Condition::Any(parts) })
    }

    fn compare(&self, relation: Relation, left: Term<'a>, right: Term<'a>) -> Option<Condition> {
        match (self.field(left), self.field(right)) {
            (Some(left), Some(right)) => Some(Condition::Compare(relation, left, Operand::Field(right))),
            (Some(left), None) => Some(Condition::Compare(relation, left, Operand::Literal(literal(right)?))),
            (None, Some(right)) => {
                Some(Condition::Compare(relation.mirrored(), right, Operand::Literal(literal(left)?)))
            }
            (None, None) => None,
        }
    }

    fn member(&self, item: Term<'a>, of: Term<'a>, want: bool) -> Option<Condition> {
        if let Some(list) = self.field(of) {
            return Some(Condition::Holds(list, literal(item)?, want));
        }
        let Term::Value(Value::List(list)) = of else { return None };
        let literals = list.iter().map(|v| literal(Term::Value(v))).collect::<Option<Vec<_>>>()?;
        Some(Condition::OneOf(self.field(item)?, literals, want))
    }

    fn text(&self, test: TextTest, text: Term<'a>, part: Term<'a>, want: bool) -> Option<Condition> {
        match literal(part)? {
            Literal::Text(part) => Some(Condition::Text(test, self.field(text)?, part, want)),
            _ => None,
        }
    }

    /// `exists` is true if one item fits and false if each does not; `all` the other way round.
    fn quantifier(
        &mut self,
        list: Term<'a>,
        lambda: Term<'a>,
        want: bool,
        some: bool,
    ) -> Option<Result<Condition, FilterError>> {
        let list = self.field(list)?;
        let Some(("lambda", [body, Term::Variable(item)])) = lambda.as_apply() else { return None };
        self.items.push(item);
        let body = self.condition(*body, want);
        self.items.pop();
        Some(body.map(|body| {
            let body = Box::new(body);
            if some { Condition::Some(list, body) } else { Condition::Every(list, body) }
        }))
    }

    fn field(&self, term: Term<'a>) -> Option<Field> {
        let Term::Variable(name) = term else { return None };
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        if let Some(depth) = self.items.iter().rposition(|item| *item == first) {
            let path = rest.into_iter().flat_map(|rest| rest.split('.')).map(str::to_owned).collect();
            return Some(Field { path, depth: depth + 1 });
        }
        let path = match name.strip_prefix(ATTRIBUTES) {
            Some(path) => path.split('.').map(str::to_owned).collect(),
            None if name == "request.resource.id" => vec![name.to_owned()],
            None => return None,
        };
        Some(Field { path, depth: 0 })
    }
}

fn literal(term: Term<'_>) -> Option<Literal> {
    match term {
        Term::Value(Value::Null) => Some(Literal::Null),
        Term::Value(Value::Bool(b)) => Some(Literal::Bool(b)),
        Term::Value(Value::Double(n)) => Some(Literal::Number(n)),
        Term::Value(Value::Int(n)) => Some(Literal::Number(n as f64)),
        Term::Value(Value::Uint(n)) => Some(Literal::Number(n as f64)),
        Term::Value(Value::String(s)) => Some(Literal::Text(s.to_owned())),
        _ => None,
    }
}

fn relation(operator: &str) -> Relation {
    match operator {
        "eq" => Relation::Equal,
        "ne" => Relation::NotEqual,
        "lt" => Relation::Less,
        "le" => Relation::LessEqual,
        "gt" => Relation::Greater,
        _ => Relation::GreaterEqual,
    }
}

impl Relation {
    fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }

    fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            same => same,
        }
    }

    /// Whether it asks for an order.
    pub(super) fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}
