//! Field rules of the request messages: what must be set, unique, of which form. All violations of a request are
//! reported together, in the reference's words and order: by field number, outer before inner. Checks a decoded
//! request and nothing else; a request that passes allocates nothing here.

mod admin;
mod authzen;
mod check;
mod decide;
mod legacy;
mod plan;
mod rules;
mod tools;

#[cfg(test)]
mod tests;

use std::fmt;

pub use admin::{audit_entries, ids, policy_ids};
pub use authzen::{AUTHZEN_ATTRIBUTE, evaluation, evaluations, no_evaluations};
pub use check::check_resources;
pub use decide::{RESERVED_ATTRIBUTE, decide, decide_batch};
pub use legacy::{check_resource_batch, check_resource_set};
pub use plan::{MAX_PLAN_ACTIONS, plan_resources};

pub use tools::{MAX_TOOLS, plan_tools};

use crate::proto::buf::validate::field_path_element::Type;

/// More violations than this are not reported: the reply travels in headers, whose size clients limit.
pub const MAX_VIOLATIONS: usize = 50;

/// Every violation found in a request; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

/// A rule that a field breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path to the field, outermost first.
    pub field: Vec<Element>,
    /// The path to the rule among the rules a field can have; empty for rules of a whole message.
    pub rule: &'static [RuleElement],
    /// Such as `string.min_len`.
    pub rule_id: &'static str,
    /// What is wrong.
    pub message: &'static str,
    /// For map entries: whether the key breaks the rule.
    pub for_key: Option<bool>,
}

/// One step of the path to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The field.
    pub field: &'static Field,
    /// The entry of a list or map.
    pub at: Option<Subscript>,
}

/// Which entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscript {
    /// Of a list.
    Index(u64),
    /// Of a map.
    Key(String),
}

/// A declared field.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Number; 0 for a oneof.
    pub number: i32,
    /// Proto name.
    pub name: &'static str,
    /// Type; of a list, that of its items.
    pub ty: Type,
}

/// One step of the path to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleElement {
    /// Number.
    pub number: i32,
    /// Name.
    pub name: &'static str,
    /// Type.
    pub ty: Type,
}

impl Violations {
    fn of(found: Vec<Violation>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// The violations in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }
}

impl std::error::Error for Violations {}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "validation error: {one}"),
            many => {
                f.write_str("validation errors:")?;
                many.iter().try_for_each(|violation| write!(f, "\n - {violation}"))
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, element) in self.field.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "." })?;
            f.write_str(element.field.name)?;
            match &element.at {
                None => {}
                Some(Subscript::Index(index)) => write!(f, "[{index}]")?,
                Some(Subscript::Key(key)) => write!(f, "[{}]", super::quote::text(key.as_bytes()))?,
            }
        }
        // Rules of the whole message have no path.
        write!(f, "{}{}", if self.field.is_empty() { "" } else { ": " }, self.message)
    }
}
