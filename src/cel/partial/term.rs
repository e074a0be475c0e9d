//! What is left of an expression: operators over values and the names of what is not known.

use bumpalo::Bump;

use super::{Part, Stop};
use crate::cel::show::Shown;
use crate::cel::value::{Message, Value};

/// Most nodes of a term, counted as a tree.
const MAX_SIZE: u32 = 50_000;
/// Highest term; bounds every recursion over terms.
const MAX_HEIGHT: u32 = 400;

/// An expression over what is not known yet.
#[derive(Clone, Copy, Debug)]
pub enum Term<'a> {
    /// A value.
    Value(Value<'a>),
    /// A path into the unknown such as `request.resource.attr.owner`, a variable of a lambda, or the name of a field.
    Variable(&'a str),
    /// An operator and what it is applied to.
    Apply(&'a Apply<'a>),
    /// Fails whatever the unknowns are.
    Error,
    /// An optional: the second where the first is true, else empty. Never in a finished plan.
    Optional(&'a [Term<'a>; 2]),
}

/// An operator and its operands.
#[derive(Debug)]
pub struct Apply<'a> {
    /// Name, as on the wire: `eq`, `and`, `exists`, `lambda`, …
    pub operator: &'a str,
    /// Operands in order.
    pub operands: &'a [Term<'a>],
    size: u32,
    height: u32,
}

impl<'a> Term<'a> {
    /// An operator applied.
    ///
    /// # Errors
    /// If the term would be too large.
    pub fn apply(bump: &'a Bump, operator: &'a str, operands: &[Term<'a>]) -> Result<Self, Stop> {
        let mut size = 1_u32;
        let mut height = 0;
        for operand in operands {
            let (s, h) = operand.measure();
            size = size.saturating_add(s);
            height = height.max(h);
        }
        if size > MAX_SIZE || height >= MAX_HEIGHT {
            return Err(Stop::TooLarge);
        }
        let operands = bump.alloc_slice_copy(operands);
        Ok(Self::Apply(bump.alloc(Apply { operator, operands, size, height: height + 1 })))
    }

    fn measure(self) -> (u32, u32) {
        match self {
            Self::Value(_) | Self::Variable(_) | Self::Error => (1, 1),
            Self::Apply(a) => (a.size, a.height),
            Self::Optional([c, v]) => {
                let ((s, h), (t, i)) = (c.measure(), v.measure());
                (s.saturating_add(t), h.max(i))
            }
        }
    }

    /// A boolean.
    #[must_use]
    pub fn bool(value: bool) -> Self {
        Self::Value(Value::Bool(value))
    }

    /// The boolean it is, if it is one.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Value(Value::Bool(b)) => Some(b),
            _ => None,
        }
    }

    /// The operator and operands.
    #[must_use]
    pub fn as_apply(self) -> Option<(&'a str, &'a [Term<'a>])> {
        match self {
            Self::Apply(a) => Some((a.operator, a.operands)),
            _ => None,
        }
    }

    /// True if something in it is sure to fail where it is reached.
    #[must_use]
    pub fn has_error(self) -> bool {
        match self {
            Self::Error => true,
            Self::Value(_) | Self::Variable(_) => false,
            Self::Apply(a) => a.operands.iter().any(|o| o.has_error()),
            Self::Optional([c, v]) => c.has_error() || v.has_error(),
        }
    }

    /// False if there is something in it that no plan can say.
    #[must_use]
    pub fn is_sayable(self) -> bool {
        match self {
            Self::Apply(a) => a.operator != super::UNSAYABLE && a.operands.iter().all(|o| o.is_sayable()),
            Self::Value(Value::Optional(_)) => false,
            _ => true,
        }
    }

    /// True if both are written the same.
    #[must_use]
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => same_value(a, b),
            (Self::Variable(a), Self::Variable(b)) => a == b,
            (Self::Apply(a), Self::Apply(b)) => {
                std::ptr::eq(a, b)
                    || a.size == b.size
                        && a.operator == b.operator
                        && a.operands.len() == b.operands.len()
                        && a.operands.iter().zip(b.operands).all(|(a, b)| a.same(*b))
            }
            (Self::Error, Self::Error) => true,
            _ => false,
        }
    }
}

impl<'a> Part<'a> {
    /// As a term.
    #[must_use]
    pub fn term(self) -> Term<'a> {
        match self {
            Self::Known(Value::Message(Message { ty, .. })) if ty.name.ends_with("Principal") => {
                Term::Variable("request.principal")
            }
            Self::Known(value) => Term::Value(value),
            Self::Unknown(term) | Self::Failed(_, term) => term,
            Self::Place(place) => Term::Variable(place.path),
        }
    }
}

/// Equal and of one kind, lists and maps included.
fn same_value(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Uint(a), Value::Uint(b)) => a == b,
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
        (Value::String(a), Value::String(b)) | (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b && a.offset_minutes == b.offset_minutes,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_value(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((k, v), (l, w))| same_value(k, l) && same_value(v, w))
        }
        (Value::Message(a), Value::Message(b)) => {
            std::ptr::eq(a.ty, b.ty)
                && a.fields.len() == b.fields.len()
                && a.fields.iter().zip(b.fields).all(|(a, b)| same_value(*a, *b))
        }
        (Value::Object(_), Value::Object(_)) => Shown(a).to_string() == Shown(b).to_string(),
        _ => false,
    }
}

/// True of values that neither hold others nor are objects: nothing of these equals a map, a list or a message.
pub fn is_scalar(value: Value<'_>) -> bool {
    matches!(value, Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_))
}
