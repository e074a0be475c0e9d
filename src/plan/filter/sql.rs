//! Conditions as `WHERE` clauses with bound parameters, for PostgreSQL and SQLite. Values never become part of the text;
//! names of columns are quoted.
//!
//! Texts are compared byte by byte, whatever the collation of a column says of their order. Attributes in a `jsonb`
//! column of PostgreSQL are compared as JSON, types included.

use std::fmt::Write as _;

use serde_json::Value;

use super::normal::normal;
use super::{Condition, Field, Fields, FilterError, Literal, Nulls, Operand, Relation, TextTest};
use crate::plan::Filter;

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 12 or newer: `$1`, lists are arrays or `jsonb`.
    Postgres,
    /// SQLite 3.38 or newer: `?1`, booleans are 0 and 1, lists are JSON texts.
    Sqlite,
}

/// A `WHERE` clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    /// Goes behind `WHERE`.
    pub text: String,
    /// Values of the parameters, in the order of their numbers.
    pub parameters: Vec<Value>,
}

/// The clause.
///
/// # Errors
/// If the condition has no such form, or a column is not known.
pub fn sql(filter: Filter<'_>, dialect: Dialect, fields: &Fields) -> Result<Sql, FilterError> {
    let store = match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
    };
    let mut writer = Writer { dialect, store, fields, parameters: Vec::new() };
    let text = match filter {
        Filter::Always => "TRUE".to_owned(),
        Filter::Never { .. } => "FALSE".to_owned(),
        Filter::If(term) => writer.write(&normal(term, store)?)?,
    };
    Ok(Sql { text, parameters: writer.parameters })
}

struct Writer<'f> {
    dialect: Dialect,
    store: &'static str,
    fields: &'f Fields,
    parameters: Vec<Value>,
}

/// Where a field stands.
struct Place {
    /// An expression for it.
    sql: String,
    /// It is JSON: a part of a `jsonb` column.
    json: bool,
}

impl Writer<'_> {
    fn write(&mut self, condition: &Condition) -> Result<String, FilterError> {
        match condition {
            Condition::All(parts) => self.joined(parts, " AND ", "TRUE"),
            Condition::Any(parts) => self.joined(parts, " OR ", "FALSE"),
            Condition::Compare(relation, field, Operand::Literal(literal)) => self.compare(*relation, field, literal),
            Condition::Compare(relation, field, Operand::Field(other)) => self.columns(*relation, field, other),
            Condition::OneOf(field, literals, want) => self.one_of(field, literals, *want),
            Condition::Holds(field, literal, want) => self.holds(field, literal, *want),
            Condition::Text(test, field, part, want) => self.text(*test, field, part, *want),
            Condition::Has(field, want) => self.has(field, *want),
            Condition::Some(field, body) => {
                let (from, body) = (self.items(field)?, self.write(body)?);
                Ok(format!("EXISTS (SELECT 1 FROM {from} WHERE {body})"))
            }
            Condition::Every(field, body) => {
                let (from, list) = (self.items(field)?, self.list(field)?);
                let body = self.write(body)?;
                Ok(format!("({list} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {from} WHERE ({body}) IS NOT TRUE))"))
            }
        }
    }

    fn joined(&mut self, parts: &[Condition], with: &str, empty: &str) -> Result<String, FilterError> {
        let parts = parts.iter().map(|p| self.write(p)).collect::<Result<Vec<_>, _>>()?;
        Ok(if parts.is_empty() { empty.to_owned() } else { format!("({})", parts.join(with)) })
    }

    fn compare(&mut self, relation: Relation, field: &Field, literal: &Literal) -> Result<String, FilterError> {
        let place = self.place(field)?;
        let sql = &place.sql;
        let operator = operator(relation);
        if place.json {
            if !relation.orders() {
                return Ok(format!("{sql} {operator} {}", self.json_literal(literal)));
            }
            let (kind, cast) = match literal {
                Literal::Number(_) => ("number", "::numeric"),
                Literal::Text(_) => ("string", " COLLATE \"C\""),
                Literal::Null | Literal::Bool(_) => return Ok("FALSE".into()),
            };
            let bound = self.bind(literal);
            let bound = if kind == "number" { format!("{bound}::numeric") } else { bound };
            let read = format!("({sql} #>> '{{}}'){cast}");
            return Ok(format!("CASE jsonb_typeof({sql}) WHEN '{kind}' THEN {read} {operator} {bound} END"));
        }
        let sql = sql.clone();
        match (relation, literal) {
            (Relation::Equal, Literal::Null) if self.null_is_null(field) => Ok(format!("{sql} IS NULL")),
            (Relation::NotEqual, Literal::Null) => Ok(format!("{sql} IS NOT NULL")),
            (_, Literal::Null) => Ok("FALSE".into()),
            (Relation::Equal | Relation::NotEqual, _) => {
                let bound = self.bind(literal);
                let exact = if matches!(literal, Literal::Text(_)) { self.binary() } else { "" };
                let test = format!("{sql}{exact} {operator} {bound}");
                let or_null = relation == Relation::NotEqual && self.null_is_null(field);
                let test = if or_null { format!("({sql} IS NULL OR {test})") } else { test };
                Ok(self.typed(relation, field, literal, test))
            }
            (_, Literal::Bool(_)) => Err(self.unsupported(field, "an order of booleans")),
            (_, Literal::Number(_)) if self.dialect == Dialect::Postgres => {
                let bound = self.bind(literal);
                Ok(format!("{sql} {operator} {bound}"))
            }
            (_, Literal::Number(_)) => {
                let bound = self.bind(literal);
                Ok(format!("(typeof({sql}) IN ('integer', 'real') AND {sql} {operator} {bound})"))
            }
            (_, Literal::Text(_)) => {
                let bound = self.bind(literal);
                match self.dialect {
                    Dialect::Postgres => Ok(format!("{sql} COLLATE \"C\" {operator} {bound}")),
                    Dialect::Sqlite => {
                        Ok(format!("(typeof({sql}) = 'text' AND {sql} COLLATE BINARY {operator} {bound})"))
                    }
                }
            }
        }
    }

    /// SQLite compares what looks alike: 5 and `'5'` in a column of texts, 1 and `true` among the items of a list.
    fn typed(&self, relation: Relation, field: &Field, literal: &Literal, test: String) -> String {
        if self.dialect == Dialect::Postgres {
            return test;
        }
        let of = match self.place(field) {
            Ok(place) if field.depth == 0 => format!("typeof({})", place.sql),
            _ => format!("i{}.type", field.depth),
        };
        let kinds = match literal {
            Literal::Bool(_) if field.depth > 0 => "'true', 'false'",
            Literal::Number(_) => "'integer', 'real'",
            Literal::Text(_) => "'text'",
            Literal::Bool(_) | Literal::Null => return test,
        };
        if relation == Relation::NotEqual {
            let null = if field.depth == 0 { ", 'null'" } else { "" };
            format!("({of} NOT IN ({kinds}{null}) OR {test})")
        } else {
            format!("({of} IN ({kinds}) AND {test})")
        }
    }

    fn columns(&mut self, relation: Relation, field: &Field, other: &Field) -> Result<String, FilterError> {
        let (a, b) = (self.place(field)?, self.place(other)?);
        if a.json != b.json || (relation.orders() && a.json) {
            return Err(self.unsupported(field, &format!("{relation:?} {}", other.name())));
        }
        if relation.orders() {
            // Of two numbers: texts have no difference, and their order would be the collation's.
            let (a, b, operator) = (a.sql, b.sql, operator(relation));
            return Ok(match self.dialect {
                Dialect::Postgres => format!("({a} - {b}) {operator} 0"),
                Dialect::Sqlite => {
                    let number = |sql: &str| format!("typeof({sql}) IN ('integer', 'real')");
                    format!("({} AND {} AND {a} {operator} {b})", number(&a), number(&b))
                }
            });
        }
        let nulls = !a.json && self.null_is_null(field);
        let operator = match (relation, self.dialect) {
            (Relation::Equal, Dialect::Postgres) if nulls => "IS NOT DISTINCT FROM",
            (Relation::NotEqual, Dialect::Postgres) if nulls => "IS DISTINCT FROM",
            (Relation::Equal, Dialect::Sqlite) if nulls => "IS",
            (Relation::NotEqual, Dialect::Sqlite) if nulls => "IS NOT",
            _ => operator(relation),
        };
        Ok(format!("{}{} {operator} {}", a.sql, self.binary(), b.sql))
    }

    fn one_of(&mut self, field: &Field, literals: &[Literal], want: bool) -> Result<String, FilterError> {
        let place = self.place(field)?;
        let sql = place.sql;
        if place.json {
            if literals.is_empty() {
                return Ok(if want { "FALSE".into() } else { format!("{sql} IS NOT NULL") });
            }
            let all: Vec<String> = literals.iter().map(|l| self.json_literal(l)).collect();
            return Ok(format!("{sql} {}IN ({})", if want { "" } else { "NOT " }, all.join(", ")));
        }
        let nulls = self.null_is_null(field);
        let has_null = literals.contains(&Literal::Null);
        let plain: Vec<String> = literals.iter().filter(|l| **l != Literal::Null).map(|l| self.bind(l)).collect();
        let exact = if literals.iter().any(|l| matches!(l, Literal::Text(_))) { self.binary() } else { "" };
        let listed = plain.join(", ");
        Ok(match (want, plain.is_empty()) {
            (true, true) if has_null && nulls => format!("{sql} IS NULL"),
            (true, true) => "FALSE".into(),
            (true, false) if has_null && nulls => format!("({sql} IS NULL OR {sql}{exact} IN ({listed}))"),
            (true, false) => format!("{sql}{exact} IN ({listed})"),
            (false, true) if nulls && !has_null => "TRUE".into(),
            (false, true) => format!("{sql} IS NOT NULL"),
            (false, false) if nulls && !has_null => format!("({sql} IS NULL OR {sql}{exact} NOT IN ({listed}))"),
            (false, false) => format!("{sql}{exact} NOT IN ({listed})"),
        })
    }

    fn holds(&mut self, field: &Field, literal: &Literal, want: bool) -> Result<String, FilterError> {
        let not = if want { "" } else { "NOT " };
        let place = self.place(field)?;
        let list = self.list(field)?;
        if place.json {
            let literal = self.json_literal(literal);
            let sql = place.sql;
            return Ok(format!("CASE jsonb_typeof({sql}) WHEN 'array' THEN {not}({sql} @> {literal}) END"));
        }
        match (self.dialect, literal) {
            (_, Literal::Null) => Err(self.unsupported(field, "null in a list")),
            (Dialect::Postgres, literal) => {
                let bound = self.bind(literal);
                Ok(format!("{not}({bound} = ANY({list}))"))
            }
            (Dialect::Sqlite, literal) => {
                let kinds = match literal {
                    Literal::Bool(_) => "'true', 'false'",
                    Literal::Number(_) => "'integer', 'real'",
                    Literal::Text(_) | Literal::Null => "'text'",
                };
                let bound = self.bind(literal);
                let there = if want { String::new() } else { format!("{list} IS NOT NULL AND ") };
                Ok(format!(
                    "({there}{not}EXISTS (SELECT 1 FROM json_each({list}) AS h WHERE h.type IN ({kinds}) AND h.value = {bound}))"
                ))
            }
        }
    }

    fn text(&mut self, test: TextTest, field: &Field, part: &str, want: bool) -> Result<String, FilterError> {
        let place = self.place(field)?;
        let text = if place.json { format!("({} #>> '{{}}')", place.sql) } else { place.sql.clone() };
        let length = part.chars().count();
        let bound = self.bind(&Literal::Text(part.to_owned()));
        let postgres = self.dialect == Dialect::Postgres;
        let test = match (test, self.dialect) {
            (TextTest::StartsWith, Dialect::Postgres) => format!("starts_with({text}, {bound})"),
            (TextTest::Contains, Dialect::Postgres) => format!("strpos({text}, {bound}) > 0"),
            (TextTest::EndsWith, Dialect::Postgres) => format!("right({text}, {length}) = {bound}"),
            (TextTest::StartsWith, Dialect::Sqlite) => {
                format!("substr({text}, 1, {length}) = {bound} COLLATE BINARY")
            }
            (TextTest::Contains, Dialect::Sqlite) => format!("instr({text}, {bound}) > 0"),
            // Counted from behind, zero would be from the start.
            (TextTest::EndsWith, Dialect::Sqlite) if length == 0 => format!("{bound} = ''"),
            (TextTest::EndsWith, Dialect::Sqlite) => format!("substr({text}, -{length}) = {bound} COLLATE BINARY"),
        };
        let test = if want { test } else { format!("NOT ({test})") };
        Ok(match (place.json, postgres) {
            (true, _) => format!("CASE jsonb_typeof({}) WHEN 'string' THEN {test} END", place.sql),
            (false, true) => format!("({text} IS NOT NULL AND {test})"),
            (false, false) => format!("(typeof({text}) = 'text' AND {test})"),
        })
    }

    fn has(&mut self, field: &Field, want: bool) -> Result<String, FilterError> {
        let place = self.place(field)?;
        let is = if want { "IS NOT NULL" } else { "IS NULL" };
        if place.json {
            let mut parent = field.clone();
            parent.path.pop();
            let parent = self.json_path(&parent)?;
            return Ok(format!("(jsonb_typeof({parent}) = 'object' AND {} {is})", place.sql));
        }
        Ok(match self.fields.nulls {
            Nulls::Missing => format!("{} {is}", place.sql),
            Nulls::Null | Nulls::Never => if want { "TRUE" } else { "FALSE" }.to_owned(),
        })
    }

    /// The items of a list, named by how far in they are.
    fn items(&mut self, field: &Field) -> Result<String, FilterError> {
        let (list, item) = (self.list(field)?, field.depth + 1);
        Ok(match (self.place(field)?.json, self.dialect) {
            (true, _) => format!("jsonb_array_elements({list}) AS i{item}(value)"),
            (false, Dialect::Postgres) => format!("unnest({list}) AS i{item}(value)"),
            (false, Dialect::Sqlite) => format!("json_each({list}) AS i{item}"),
        })
    }

    /// The field if it is a list, else nothing.
    fn list(&mut self, field: &Field) -> Result<String, FilterError> {
        let place = self.place(field)?;
        if place.json {
            return Ok(format!("(CASE jsonb_typeof({0}) WHEN 'array' THEN {0} END)", place.sql));
        }
        if field.depth > 0 || !self.fields.lists.contains(&field.name()) {
            let what = format!("the list {}", field.name());
            return Err(FilterError::Unsupported {
                store: self.store,
                what,
                hint: "say that it is one with `--list NAME`, if it is a column",
            });
        }
        Ok(place.sql)
    }

    fn place(&self, field: &Field) -> Result<Place, FilterError> {
        if self.fields.json_column.is_some()
            && (field.depth > 0 || !self.fields.columns.contains_key(&field.name()))
            && field.name() != "request.resource.id"
        {
            return Ok(Place { sql: self.json_path(field)?, json: true });
        }
        if field.depth > 0 {
            if !field.path.is_empty() {
                return Err(self.unsupported(field, "a field of an item"));
            }
            return Ok(Place { sql: format!("i{}.value", field.depth), json: false });
        }
        let name = field.name();
        match self.fields.columns.get(&name) {
            Some(column) => Ok(Place { sql: quoted(column), json: false }),
            None if field.path.len() == 1 && name != "request.resource.id" => {
                Ok(Place { sql: quoted(&name), json: false })
            }
            None => Err(FilterError::NoColumn(name)),
        }
    }

    fn json_path(&self, field: &Field) -> Result<String, FilterError> {
        let mut sql = match (field.depth, &self.fields.json_column) {
            (0, Some(column)) => quoted(column),
            (0, None) => return Err(FilterError::NoColumn(field.name())),
            (depth, _) => format!("i{depth}.value"),
        };
        for step in &field.path {
            let _ = write!(sql, " -> '{}'", step.replace('\'', "''"));
        }
        Ok(if field.path.is_empty() { sql } else { format!("({sql})") })
    }

    fn bind(&mut self, literal: &Literal) -> String {
        self.parameters.push(literal.json());
        let sign = if self.dialect == Dialect::Postgres { '$' } else { '?' };
        format!("{sign}{}", self.parameters.len())
    }

    fn json_literal(&mut self, literal: &Literal) -> String {
        let kind = match literal {
            Literal::Null => return "'null'::jsonb".to_owned(),
            Literal::Bool(_) => "boolean",
            Literal::Number(_) => "numeric",
            Literal::Text(_) => "text",
        };
        format!("to_jsonb({}::{kind})", self.bind(literal))
    }

    fn binary(&self) -> &'static str {
        if self.dialect == Dialect::Sqlite { " COLLATE BINARY" } else { "" }
    }

    fn null_is_null(&self, field: &Field) -> bool {
        // An item of a list that is null is null.
        self.fields.nulls == Nulls::Null || field.depth > 0
    }

    fn unsupported(&self, field: &Field, what: &str) -> FilterError {
        FilterError::Unsupported { store: self.store, what: format!("{what} on {}", field.name()), hint: "" }
    }
}

fn operator(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "=",
        Relation::NotEqual => "<>",
        Relation::Less => "<",
        Relation::LessEqual => "<=",
        Relation::Greater => ">",
        Relation::GreaterEqual => ">=",
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
