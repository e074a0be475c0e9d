//! Static types of expressions: cel-go's type model, its names in messages, and nothing about values. Composite types
//! know their depth and size, and none is ever built beyond the limits here: walking a type by recursion is safe.

use std::fmt;
use std::sync::Arc;

/// Deepest composite type.
pub const MAX_TYPE_DEPTH: u32 = 300;
/// Most parts of a composite type, counted as a tree.
pub const MAX_TYPE_SIZE: u32 = 10_000;

/// A static type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Known at run time only.
    Dyn,
    /// The type of an expression that has already been reported.
    Error,
    /// `google.protobuf.Any`
    Any,
    /// `null_type`, shown as `null`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `google.protobuf.Timestamp`
    Timestamp,
    /// `google.protobuf.Duration`
    Duration,
    /// A protobuf wrapper: the scalar or null.
    Wrapper(Scalar),
    /// `list(T)`
    List(Arc<Args>),
    /// `map(K, V)`
    Map(Arc<Args>),
    /// `optional_type(T)`
    Optional(Arc<Args>),
    /// `type(T)`, the type of a type
    Type(Arc<Args>),
    /// `type` of a type that is not known
    AnyType,
    /// An object without fields.
    Opaque(&'static str),
    /// A message or an object of the extension libraries that has the shape of a message.
    Struct(&'static str),
    /// A type variable: of a function's declaration, or one still to be found.
    Param(u32),
}

/// What a wrapper message wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `BoolValue`
    Bool,
    /// `Int32Value`, `Int64Value`
    Int,
    /// `UInt32Value`, `UInt64Value`
    Uint,
    /// `FloatValue`, `DoubleValue`
    Double,
    /// `StringValue`
    String,
    /// `BytesValue`
    Bytes,
}

/// Arguments of a composite type.
#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    /// Element, key, or wrapped type.
    pub first: Type,
    /// Value type of a map, otherwise [`Type::Dyn`].
    pub second: Type,
    depth: u32,
    size: u32,
    variable: bool,
}

impl Args {
    fn new(first: Type, second: Type) -> Option<Arc<Self>> {
        let depth = first.depth().max(second.depth()) + 1;
        let size = first.size().saturating_add(second.size());
        let variable = first.is_variable() || second.is_variable();
        (depth <= MAX_TYPE_DEPTH && size <= MAX_TYPE_SIZE)
            .then(|| Arc::new(Self { first, second, depth, size, variable }))
    }
}

impl Type {
    /// `list(element)`; [`Type::Error`] beyond the limits.
    #[must_use]
    pub fn list(element: Self) -> Self {
        Args::new(element, Self::Dyn).map_or(Self::Error, Self::List)
    }

    /// `map(key, value)`; [`Type::Error`] beyond the limits.
    #[must_use]
    pub fn map(key: Self, value: Self) -> Self {
        Args::new(key, value).map_or(Self::Error, Self::Map)
    }

    /// `optional_type(inner)`; [`Type::Error`] beyond the limits.
    #[must_use]
    pub fn optional(inner: Self) -> Self {
        Args::new(inner, Self::Dyn).map_or(Self::Error, Self::Optional)
    }

    /// `type(inner)`; [`Type::Error`] beyond the limits.
    #[must_use]
    pub fn of_type(inner: Self) -> Self {
        Args::new(inner, Self::Dyn).map_or(Self::Error, Self::Type)
    }

    fn args(&self) -> Option<&Args> {
        match self {
            Self::List(a) | Self::Map(a) | Self::Optional(a) | Self::Type(a) => Some(a),
            _ => None,
        }
    }

    fn depth(&self) -> u32 {
        self.args().map_or(1, |a| a.depth)
    }

    fn size(&self) -> u32 {
        self.args().map_or(1, |a| a.size)
    }

    /// True if a type variable occurs in it.
    #[must_use]
    pub fn is_variable(&self) -> bool {
        matches!(self, Self::Param(_)) || self.args().is_some_and(|a| a.variable)
    }

    /// `dyn`, `any`, or already reported: fits everything.
    #[must_use]
    pub fn is_dyn_or_error(&self) -> bool {
        matches!(self, Self::Dyn | Self::Any | Self::Error)
    }

    /// True if the two are of one kind and name; arguments and nullability aside.
    #[must_use]
    pub fn same_kind(&self, other: &Self) -> bool {
        use std::mem::discriminant;
        match (self.unwrapped(), other.unwrapped()) {
            (Self::Opaque(a), Self::Opaque(b)) | (Self::Struct(a), Self::Struct(b)) => a == b,
            (Self::Param(a), Self::Param(b)) => a == b,
            (Self::Type(_) | Self::AnyType, Self::Type(_) | Self::AnyType) => true,
            (a, b) => discriminant(&a) == discriminant(&b),
        }
    }

    /// True if the two are the same but for nullability.
    #[must_use]
    pub fn is_exactly(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b))
            | (Self::Optional(a), Self::Optional(b))
            | (Self::Type(a), Self::Type(b)) => Arc::ptr_eq(a, b) || a.first.is_exactly(&b.first),
            (Self::Map(a), Self::Map(b)) => {
                Arc::ptr_eq(a, b) || (a.first.is_exactly(&b.first) && a.second.is_exactly(&b.second))
            }
            (Self::Type(_), Self::AnyType) | (Self::AnyType, Self::Type(_)) => false,
            (a, b) => a.same_kind(b),
        }
    }

    /// The wrapped scalar of a wrapper, anything else unchanged; composite types lose their arguments.
    fn unwrapped(&self) -> Self {
        match self {
            Self::Wrapper(scalar) => scalar.ty(),
            other => other.clone(),
        }
    }

    /// The type's own name, as `is not a message type` shows it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::List(_) => "list".into(),
            Self::Map(_) => "map".into(),
            Self::Optional(_) => "optional_type".into(),
            Self::Type(_) | Self::AnyType => "type".into(),
            Self::Null => "null_type".into(),
            Self::Any => "google.protobuf.Any".into(),
            Self::Timestamp => "google.protobuf.Timestamp".into(),
            Self::Duration => "google.protobuf.Duration".into(),
            other => other.to_string(),
        }
    }
}

impl Scalar {
    /// The scalar as a type of its own.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::String => Type::String,
            Self::Bytes => Type::Bytes,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn => "dyn",
            Self::Error => "!error!",
            Self::Any => "any",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::AnyType => "type",
            Self::Opaque(name) | Self::Struct(name) => name,
            Self::Wrapper(scalar) => return write!(f, "wrapper({})", scalar.ty()),
            Self::List(a) => return write!(f, "list({})", a.first),
            Self::Map(a) => return write!(f, "map({}, {})", a.first, a.second),
            Self::Optional(a) => return write!(f, "optional_type({})", a.first),
            Self::Type(a) => return write!(f, "type({})", a.first),
            Self::Param(n) => return write!(f, "_var{n}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_reference() {
        let t = Type::map(Type::String, Type::list(Type::optional(Type::Wrapper(Scalar::Int))));
        assert_eq!(t.to_string(), "map(string, list(optional_type(wrapper(int))))");
        assert_eq!(Type::of_type(Type::Timestamp).to_string(), "type(timestamp)");
    }

    #[test]
    fn types_stop_growing() {
        let mut wide = Type::Int;
        for _ in 0..100 {
            wide = Type::map(wide.clone(), wide);
        }
        let mut deep = Type::Int;
        for _ in 0..100_000 {
            deep = Type::list(deep);
        }
        assert!(wide.size() <= MAX_TYPE_SIZE && deep.depth() <= MAX_TYPE_DEPTH);
    }
}
