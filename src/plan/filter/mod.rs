//! Plans as the filters of data stores: a condition is brought into a normal form without negations, which `sql`, `mongo` and
//! `chroma` write down.
//!
//! A plan's condition is true, false, or fails (an attribute is missing or has another type), and only what is true may be
//! selected. Stores treat what is missing each in their own way, so nothing here relies on it: `not` is pushed down to
//! the leaves (De Morgan holds for three values), and a leaf that must be *false* is written as a test that also asks
//! whether there is something to test. What a store cannot say is an error, never a wider filter.
//!
//! No policies, no requests: a [`super::Filter`] comes in, a text or a document goes out.

mod chroma;
mod mongo;
mod normal;
mod sql;

#[cfg(test)]
mod tests;

pub use chroma::chroma;
pub use mongo::mongo;
pub use sql::{Dialect, Sql, sql};

use std::collections::{BTreeMap, BTreeSet};

/// How attributes are found in a store.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// Attribute path (`owner`, `address.city`; `request.resource.id` is the id) to column or field. An attribute of one
    /// name that is not listed has a column of that name.
    pub columns: BTreeMap<String, String>,
    /// Attributes that are lists.
    pub lists: BTreeSet<String>,
    /// What it means that nothing is stored.
    pub nulls: Nulls,
    /// PostgreSQL: a `jsonb` column that holds the attributes.
    pub json_column: Option<String>,
}

/// What a `NULL`, or a field that is not there, means. Decisions see the attribute so, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// The resource lacks the attribute.
    #[default]
    Missing,
    /// The attribute is there, and null.
    Null,
    /// It does not occur: every record has every attribute that is asked for, and none is null.
    Never,
}

/// Why a condition cannot be given to a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The store has nothing for this.
    #[error("{store} has no way to say `{what}`{}", advice(.hint))]
    Unsupported {
        /// The store.
        store: &'static str,
        /// The part of the condition, as an s-expression.
        what: String,
        /// What would help; may be empty.
        hint: &'static str,
    },
    /// It is not known where an attribute is stored.
    #[error("no column is known for `{0}`: name one with `{0}=COLUMN`")]
    NoColumn(String),
}

fn advice(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(": {hint}") }
}

/// A condition without negations. True of a record exactly where the plan's term is true.
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compare(Relation, Field, Operand),
    /// The field is there and is one of these, or is there and is none.
    OneOf(Field, Vec<Literal>, bool),
    /// The field is a list that holds this, or does not.
    Holds(Field, Literal, bool),
    /// The field is a text that passes the test, or does not.
    Text(TextTest, Field, String, bool),
    /// The last name of the path is there, or only what is before it.
    Has(Field, bool),
    /// The field is a list, and one of its items fits.
    Some(Field, Box<Condition>),
    /// The field is a list, and each of its items fits.
    Every(Field, Box<Condition>),
}

impl Condition {
    const ALWAYS: Self = Self::All(Vec::new());
    const NEVER: Self = Self::Any(Vec::new());
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

/// What is stored: an attribute by its path, or (within a list) the item or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    path: Vec<String>,
    /// How many lists further in than the record.
    depth: usize,
}

impl Field {
    fn name(&self) -> String {
        self.path.join(".")
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Field(Field),
    Literal(Literal),
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Literal {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            // Whole numbers of this size are written alike by all who read them.
            Self::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => (*n as i64).into(),
            Self::Number(n) => (*n).into(),
            Self::Text(s) => s.as_str().into(),
        }
    }
}
