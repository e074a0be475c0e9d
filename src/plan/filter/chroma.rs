//! Conditions as `where` documents of Chroma: flat metadata of texts, numbers and booleans, and neither negation nor a
//! test for presence. `$ne` and `$nin` there match records without the key.

use serde_json::{Value, json};

use super::normal::normal;
use super::{Condition, Field, Fields, FilterError, Literal, Nulls, Operand, Relation};
use crate::plan::Filter;

const STORE: &str = "Chroma";

/// The `where` document; `None` where every record may be seen.
///
/// # Errors
/// If the condition has no such form, or no record may be seen, which Chroma has no word for: do not ask it then.
pub fn chroma(filter: Filter<'_>, fields: &Fields) -> Result<Option<Value>, FilterError> {
    match filter {
        Filter::Always => Ok(None),
        Filter::Never { .. } => Err(never()),
        Filter::If(term) => match (Chroma { fields }).write(&normal(term, STORE)?)? {
            Written::All => Ok(None),
            Written::None => Err(never()),
            Written::Where(document) => Ok(Some(document)),
        },
    }
}

fn never() -> FilterError {
    FilterError::Unsupported { store: STORE, what: "false".into(), hint: "nothing is allowed: do not ask the store" }
}

enum Written {
    All,
    None,
    Where(Value),
}

struct Chroma<'f> {
    fields: &'f Fields,
}

impl Chroma<'_> {
    fn write(&self, condition: &Condition) -> Result<Written, FilterError> {
        match condition {
            Condition::All(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    match self.write(part)? {
                        Written::All => {}
                        Written::None => return Ok(Written::None),
                        Written::Where(document) => all.push(document),
                    }
                }
                Ok(joined("$and", all).map_or(Written::All, Written::Where))
            }
            Condition::Any(parts) => {
                let mut any = Vec::new();
                for part in parts {
                    match self.write(part)? {
                        Written::All => return Ok(Written::All),
                        Written::None => {}
                        Written::Where(document) => any.push(document),
                    }
                }
                Ok(joined("$or", any).map_or(Written::None, Written::Where))
            }
            Condition::Compare(relation, field, Operand::Literal(literal)) => self.compare(*relation, field, literal),
            Condition::OneOf(field, literals, want) => self.one_of(field, literals, *want),
            Condition::Has(field, want) => match (self.fields.nulls, want) {
                (Nulls::Never, true) => Ok(Written::All),
                (Nulls::Never, false) => Ok(Written::None),
                _ => Err(unsupported(field, "has", COMPLETE)),
            },
            Condition::Compare(_, field, Operand::Field(_)) => Err(unsupported(field, "compare with a field", "")),
            Condition::Holds(field, ..) => Err(unsupported(field, "in", "metadata has no lists")),
            Condition::Some(field, _) | Condition::Every(field, _) => {
                Err(unsupported(field, "exists, all", "metadata has no lists"))
            }
            Condition::Text(test, field, ..) => Err(unsupported(field, &format!("{test:?}"), "")),
        }
    }

    fn compare(&self, relation: Relation, field: &Field, literal: &Literal) -> Result<Written, FilterError> {
        let operator = match (relation, literal) {
            // Metadata is never null.
            (Relation::NotEqual, Literal::Null) if self.fields.nulls == Nulls::Never => return Ok(Written::All),
            (Relation::NotEqual, Literal::Null) => return Err(unsupported(field, "ne null", COMPLETE)),
            (_, Literal::Null) => return Ok(Written::None),
            (Relation::Equal, _) => "$eq",
            (Relation::NotEqual, _) if self.fields.nulls == Nulls::Never => "$ne",
            (Relation::NotEqual, Literal::Number(_)) => {
                let less = self.compare(Relation::Less, field, literal)?;
                let (Written::Where(less), Written::Where(greater)) =
                    (less, self.compare(Relation::Greater, field, literal)?)
                else {
                    return Ok(Written::None);
                };
                return Ok(Written::Where(json!({ "$or": [less, greater] })));
            }
            (Relation::NotEqual, Literal::Bool(b)) => return self.compare(Relation::Equal, field, &Literal::Bool(!b)),
            (Relation::NotEqual, Literal::Text(_)) => return Err(unsupported(field, "ne", COMPLETE)),
            (_, Literal::Text(_) | Literal::Bool(_)) => return Err(unsupported(field, "an order of texts", "")),
            (Relation::Less, _) => "$lt",
            (Relation::LessEqual, _) => "$lte",
            (Relation::Greater, _) => "$gt",
            (Relation::GreaterEqual, _) => "$gte",
        };
        Ok(Written::Where(json!({ self.key(field)?: { operator: literal.json() } })))
    }

    fn one_of(&self, field: &Field, literals: &[Literal], want: bool) -> Result<Written, FilterError> {
        let plain: Vec<&Literal> = literals.iter().filter(|l| **l != Literal::Null).collect();
        if want {
            // A list of one kind only may be given.
            let parts = plain.iter().map(|l| Ok(json!({ self.key(field)?: { "$eq": l.json() } })));
            let parts = parts.collect::<Result<Vec<_>, FilterError>>()?;
            return Ok(joined("$or", parts).map_or(Written::None, Written::Where));
        }
        let parts = plain.iter().map(|l| self.compare(Relation::NotEqual, field, l)).collect::<Result<Vec<_>, _>>()?;
        if parts.is_empty() && self.fields.nulls != Nulls::Never {
            return Err(unsupported(field, "has", COMPLETE));
        }
        let parts = parts.into_iter().filter_map(|p| if let Written::Where(p) = p { Some(p) } else { None }).collect();
        Ok(joined("$and", parts).map_or(Written::All, Written::Where))
    }

    fn key(&self, field: &Field) -> Result<String, FilterError> {
        let name = field.name();
        match self.fields.columns.get(&name) {
            Some(key) => Ok(key.clone()),
            None if field.path.len() == 1 && name != "request.resource.id" => Ok(name),
            None => Err(FilterError::NoColumn(name)),
        }
    }
}

const COMPLETE: &str = "possible if every record has the key: `--nulls never`";

fn unsupported(field: &Field, what: &str, hint: &'static str) -> FilterError {
    FilterError::Unsupported { store: STORE, what: format!("{what} on {}", field.name()), hint }
}

/// Chroma wants two parts at least.
fn joined(operator: &str, mut parts: Vec<Value>) -> Option<Value> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(json!({ operator: parts })),
    }
}
