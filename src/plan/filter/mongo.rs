//! Conditions as filter documents of MongoDB.
//!
//! A query there matches an array if one of its items does, and `$ne` and `$nin` match what is missing; decisions do
//! neither. So what must be equal may be no array, and what must be unequal must exist.

use serde_json::{Map, Value, json};

use super::normal::normal;
use super::{Condition, Field, Fields, FilterError, Literal, Nulls, Operand, Relation, TextTest};
use crate::plan::Filter;

const STORE: &str = "MongoDB";

/// The filter document.
///
/// # Errors
/// If the condition has no such form.
pub fn mongo(filter: Filter<'_>, fields: &Fields) -> Result<Value, FilterError> {
    match filter {
        Filter::Always => Ok(json!({})),
        Filter::Never { .. } => Ok(nothing()),
        Filter::If(term) => Mongo { fields }.write(&normal(term, STORE)?, 0),
    }
}

struct Mongo<'f> {
    fields: &'f Fields,
}

impl Mongo<'_> {
    /// A condition on the record, or on an item that is a document, `depth` lists in.
    fn write(&self, condition: &Condition, depth: usize) -> Result<Value, FilterError> {
        let all = |parts: &[Condition]| parts.iter().map(|p| self.write(p, depth)).collect::<Result<Vec<_>, _>>();
        let on = |field: &Field, queries| self.on(field, depth, queries);
        match condition {
            Condition::All(parts) if parts.is_empty() => Ok(json!({})),
            Condition::All(parts) => Ok(json!({ "$and": all(parts)? })),
            Condition::Any(parts) if parts.is_empty() => Ok(nothing()),
            Condition::Any(parts) => Ok(json!({ "$or": all(parts)? })),
            Condition::Compare(_, field, Operand::Field(other)) => {
                let what = format!("{} compared with {}", field.name(), other.name());
                Err(FilterError::Unsupported { store: STORE, what, hint: "compare with a value" })
            }
            Condition::Compare(relation, field, Operand::Literal(literal)) => {
                on(field, vec![compare(*relation, literal, self.missing_is_null())])
            }
            Condition::OneOf(field, literals, want) => on(field, vec![one_of(literals, *want, self.missing_is_null())]),
            Condition::Holds(field, literal, want) => {
                let held = json!({ "$elemMatch": { "$eq": literal.json() } });
                on(field, if *want { vec![held] } else { vec![array(), json!({ "$not": held })] })
            }
            Condition::Text(test, field, part, want) => {
                let pattern = json!({ "$regex": pattern(*test, part) });
                let text = json!({ "$type": "string", "$not": { "$type": "array" } });
                on(field, vec![text, if *want { pattern } else { json!({ "$not": pattern }) }])
            }
            Condition::Has(field, want) => self.has(field, depth, *want),
            Condition::Some(field, body) => {
                let item = self.item(body, depth + 1)?;
                on(field, vec![json!({ "$elemMatch": item })])
            }
            Condition::Every(field, body) => {
                let mut queries = vec![array()];
                if about_item(body) {
                    queries.push(json!({ "$not": { "$elemMatch": other(body) } }));
                } else {
                    // Items that are no documents are not looked at by a query on their fields.
                    queries.push(json!({ "$not": { "$elemMatch": { "$not": { "$type": "object" } } } }));
                    queries.push(json!({ "$not": { "$elemMatch": { "$nor": [self.write(body, depth + 1)?] } } }));
                }
                on(field, queries)
            }
        }
    }

    /// A condition on an item of a list, within `$elemMatch`: operators for the item itself, a document for its fields.
    fn item(&self, body: &Condition, depth: usize) -> Result<Value, FilterError> {
        match body {
            // An item is there, be it null.
            Condition::Compare(relation, field, Operand::Literal(literal)) if field.path.is_empty() => {
                Ok(compare(*relation, literal, true))
            }
            Condition::OneOf(field, literals, want) if field.path.is_empty() => Ok(one_of(literals, *want, true)),
            body => self.write(body, depth),
        }
    }

    /// Queries that all hold for one field, and for nothing on the way to it being an array.
    fn on(&self, field: &Field, depth: usize, queries: Vec<Value>) -> Result<Value, FilterError> {
        if field.path.is_empty() || field.depth != depth {
            let hint = "conditions on an item of a list are about that item alone";
            return Err(FilterError::Unsupported { store: STORE, what: format!("item {}", field.name()), hint });
        }
        let name = self.name(field);
        let before = name.match_indices('.').filter_map(|(end, _)| name.get(..end));
        let mut all: Vec<Value> = before.map(|prefix| json!({ prefix: { "$not": { "$type": "array" } } })).collect();
        all.extend(queries.into_iter().map(|query| Value::Object(Map::from_iter([(name.clone(), query)]))));
        Ok(match all.as_slice() {
            [one] => one.clone(),
            _ => json!({ "$and": all }),
        })
    }

    fn name(&self, field: &Field) -> String {
        let name = field.name();
        match self.fields.columns.get(&name) {
            Some(column) if field.depth == 0 => column.clone(),
            _ if name == "request.resource.id" => "_id".to_owned(),
            _ => name,
        }
    }

    /// What is missing counts as null.
    fn missing_is_null(&self) -> bool {
        self.fields.nulls == Nulls::Null
    }

    fn has(&self, field: &Field, depth: usize, want: bool) -> Result<Value, FilterError> {
        match (self.fields.nulls, want) {
            (Nulls::Null | Nulls::Never, true) => Ok(json!({})),
            (Nulls::Null | Nulls::Never, false) => Ok(nothing()),
            (Nulls::Missing, true) => self.on(field, depth, vec![json!({ "$exists": true })]),
            (Nulls::Missing, false) => {
                let missing = self.on(field, depth, vec![json!({ "$exists": false })])?;
                let name = self.name(field);
                // Without what is before it, the test fails.
                let parent = name.rsplit_once('.').map(|(parent, _)| json!({ parent: { "$type": "object" } }));
                Ok(parent.map_or_else(|| missing.clone(), |parent| json!({ "$and": [parent, missing] })))
            }
        }
    }
}

fn compare(relation: Relation, literal: &Literal, missing_is_null: bool) -> Value {
    let value = literal.json();
    match (relation, literal) {
        (Relation::Equal, Literal::Null) if missing_is_null => no_array([("$eq", value)]),
        (Relation::Equal, Literal::Null) => no_array([("$type", "null".into())]),
        (Relation::Equal, _) => no_array([("$eq", value)]),
        (Relation::NotEqual, Literal::Null) => json!({ "$ne": null }),
        (Relation::NotEqual, _) if missing_is_null => json!({ "$ne": value }),
        (Relation::NotEqual, _) => json!({ "$ne": value, "$exists": true }),
        // Nothing is less or greater than null, though `$lte` finds it equal.
        (_, Literal::Null) => json!({ "$in": [] }),
        (Relation::Less, _) => no_array([("$lt", value)]),
        (Relation::LessEqual, _) => no_array([("$lte", value)]),
        (Relation::Greater, _) => no_array([("$gt", value)]),
        (Relation::GreaterEqual, _) => no_array([("$gte", value)]),
    }
}

fn one_of(literals: &[Literal], want: bool, missing_is_null: bool) -> Value {
    let all: Value = literals.iter().map(Literal::json).collect();
    match (want, missing_is_null) {
        (true, false) => no_array([("$in", all), ("$exists", true.into())]),
        (true, true) => no_array([("$in", all)]),
        (false, false) => json!({ "$nin": all, "$exists": true }),
        (false, true) => json!({ "$nin": all }),
    }
}

fn nothing() -> Value {
    json!({ "$nor": [{}] })
}

fn array() -> Value {
    json!({ "$type": "array" })
}

fn no_array<const N: usize>(query: [(&str, Value); N]) -> Value {
    let mut all: Map<String, Value> = query.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    all.insert("$not".into(), array());
    Value::Object(all)
}

/// True if the condition is about the item of a list itself.
fn about_item(body: &Condition) -> bool {
    matches!(body, Condition::Compare(_, field, Operand::Literal(_)) | Condition::OneOf(field, ..) if field.path.is_empty())
}

/// What an item is that does not fit a condition on it.
fn other(body: &Condition) -> Value {
    match body {
        Condition::Compare(Relation::Equal, _, Operand::Literal(literal)) => json!({ "$ne": literal.json() }),
        Condition::Compare(Relation::NotEqual, _, Operand::Literal(literal)) => compare(Relation::Equal, literal, true),
        Condition::Compare(relation, _, Operand::Literal(literal)) => {
            json!({ "$not": compare(*relation, literal, true) })
        }
        Condition::OneOf(_, literals, want) => one_of(literals, !want, true),
        _ => json!({}),
    }
}

/// A regular expression that every dialect reads alike. `$` would also fit before a line's end.
fn pattern(test: TextTest, part: &str) -> String {
    let part = regex::escape(part);
    match test {
        TextTest::StartsWith => format!("^{part}"),
        TextTest::EndsWith => format!("{part}(?![\\s\\S])"),
        TextTest::Contains => part,
    }
}
