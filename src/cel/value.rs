//! What an expression works on and what it gives: small `Copy` values that borrow from the request, the policy or the
//! per-request arena, and the owned [`Constant`] a compiled policy keeps.
//!
//! Pure data with look-up and iteration. Equality, ordering, conversion and functions live beside it in `cel/`; nothing
//! here knows policies, requests or wire formats.

use std::sync::Arc;

use super::texts::{Key, SHORT, ends, same};

/// Maps with more entries than this are sorted by key, so that look-up is a binary search; smaller ones are scanned.
pub const SORTED_ABOVE: usize = 16;

/// A CEL value. 32 bytes, `Copy`, borrows everything.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`
    String(&'a str),
    /// `bytes`
    Bytes(&'a [u8]),
    /// `list`
    List(List<'a>),
    /// `map`
    Map(Map<'a>),
    /// `google.protobuf.Timestamp`
    Timestamp(Timestamp),
    /// `google.protobuf.Duration`, in nanoseconds
    Duration(i64),
    /// A type value such as `int` or `google.protobuf.Timestamp`.
    Type(&'a str),
    /// `optional_type`
    Optional(Option<&'a Value<'a>>),
    /// A message of declared fields: `P`, `R`, `request` …
    Message(Message<'a>),
    /// Opaque objects of the extension libraries.
    Object(&'a Object<'a>),
}

/// The kind of a value, as far as the value itself tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
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
    /// `list`
    List,
    /// `map`
    Map,
    /// Everything else.
    Other,
}

impl Kind {
    /// The kind that all values of the type are of, and no others.
    #[must_use]
    pub fn of_type(name: &str) -> Option<Self> {
        Some(match name {
            "null_type" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "uint" => Self::Uint,
            "double" => Self::Double,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "list" => Self::List,
            "map" => Self::Map,
            _ => return None,
        })
    }
}

/// A point in time, with the offset its text was written with (the reference prints timestamps in that offset).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds within the second, 0..1e9.
    pub nanos: u32,
    /// Offset of the source text in minutes east of UTC; takes no part in comparison.
    pub offset_minutes: i16,
}

/// A list by where its elements live.
#[derive(Clone, Copy, Debug)]
pub enum List<'a> {
    /// Elements in the request or the arena.
    Values(&'a [Value<'a>]),
    /// A list of strings, as roles are.
    Strings(&'a [&'a str]),
    /// Elements of a compiled constant.
    Constants(&'a [Constant]),
}

/// A map by where its entries live. INVARIANT: keys are unique; above [`SORTED_ABOVE`] entries, `Fields` is sorted by
/// key bytes.
#[derive(Clone, Copy, Debug)]
pub enum Map<'a> {
    /// String keys: every map that comes with a request.
    Fields(&'a [(&'a str, Value<'a>)]),
    /// Any keys, built by an expression; scanned.
    Entries(&'a [(Value<'a>, Value<'a>)]),
    /// Entries of a compiled constant.
    Constants(&'a [(Constant, Constant)]),
}

/// A message: a static description and one value per declared field; an unset field holds its default.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its type.
    pub ty: &'static MessageType,
    /// Values in the order of [`MessageType::fields`].
    pub fields: &'a [Value<'a>],
}

/// The declared shape of a message.
#[derive(Debug)]
pub struct MessageType {
    /// Full name, such as `cerbos.engine.v1.Principal`.
    pub name: &'static str,
    /// Fields in order.
    pub fields: &'static [Field],
}

/// A declared field.
#[derive(Debug)]
pub struct Field {
    /// JSON name, such as `policyVersion`.
    pub name: &'static str,
    /// Second accepted name, such as `policy_version`; equal to `name` where there is none.
    pub alias: &'static str,
    /// Declared type.
    pub ty: FieldType,
}

/// What a declared field holds.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// `string`
    String,
    /// `list(string)`
    StringList,
    /// `map(string, dyn)`
    DynMap,
    /// Another message.
    Message(&'static MessageType),
    /// `map(string, message)`
    MessageMap(&'static MessageType),
}

impl MessageType {
    /// Index of a field by either of its names.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name || f.alias == name)
    }
}

/// Objects of the extension libraries.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// `hierarchy(…)`: its levels.
    Hierarchy(&'a [&'a str]),
    /// `ip(…)`
    Ip(std::net::IpAddr),
    /// `cidr(…)`: address as written and prefix length.
    Cidr(std::net::IpAddr, u8),
    /// `spiffeID(…)`: the whole text.
    SpiffeId(&'a str),
    /// `spiffeTrustDomain(…)`: the name.
    SpiffeTrustDomain(&'a str),
    /// A SPIFFE matcher.
    SpiffeMatcher(SpiffeMatcher<'a>),
}

/// What a SPIFFE matcher accepts.
#[derive(Clone, Copy, Debug)]
pub enum SpiffeMatcher<'a> {
    /// Every id.
    Any,
    /// One of these ids.
    OneOf(&'a [&'a str]),
    /// Every id of this trust domain.
    TrustDomain(&'a str),
}

/// An owned value inside a compiled policy: literals, `constants`, globals. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Constant {
    /// `null`
    Null,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`
    String(Arc<str>),
    /// `bytes`
    Bytes(Arc<[u8]>),
    /// `list`
    List(Arc<[Constant]>),
    /// `map`, entries in a stable order
    Map(Arc<[(Constant, Constant)]>),
    /// timestamp
    Timestamp(Timestamp),
    /// duration in nanoseconds
    Duration(i64),
    /// type value
    Type(Arc<str>),
    /// `ip(…)` and `cidr(…)` of a literal: objects that own all they hold.
    Object(Arc<Object<'static>>),
}

impl<'a> Value<'a> {
    /// Its kind.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Uint(_) => Kind::Uint,
            Self::Double(_) => Kind::Double,
            Self::String(_) => Kind::String,
            Self::Bytes(_) => Kind::Bytes,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
            Self::Timestamp(_)
            | Self::Duration(_)
            | Self::Type(_)
            | Self::Optional(_)
            | Self::Message(_)
            | Self::Object(_) => Kind::Other,
        }
    }

    /// The name of its type, as `type(x)` gives it and error texts print it.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Message(m) => m.ty.name,
            Self::Object(o) => match o {
                Object::Hierarchy(_) => "cerbos.lib.hierarchy",
                Object::Ip(_) => "net.IP",
                Object::Cidr(..) => "net.CIDR",
                Object::SpiffeId(_) => "cerbos.lib.spiffeID",
                Object::SpiffeTrustDomain(_) => "cerbos.lib.spiffeTrustDomain",
                Object::SpiffeMatcher(_) => "cerbos.lib.spiffeMatcher",
            },
        }
    }

    /// The reference's own name for the kind, which some of its error texts print.
    #[must_use]
    pub fn go_type(self) -> &'static str {
        match self {
            Self::Null => "types.Null",
            Self::Bool(_) => "types.Bool",
            Self::Int(_) => "types.Int",
            Self::Uint(_) => "types.Uint",
            Self::Double(_) => "types.Double",
            Self::String(_) => "types.String",
            Self::Bytes(_) => "types.Bytes",
            Self::List(_) => "*types.baseList",
            Self::Map(_) => "*types.baseMap",
            Self::Timestamp(_) => "types.Timestamp",
            Self::Duration(_) => "types.Duration",
            Self::Type(_) => "*types.Type",
            Self::Optional(_) => "*types.Optional",
            Self::Message(_) => "*types.protoMessageObject",
            Self::Object(o) => match o {
                Object::Hierarchy(_) => "types.Hierarchy",
                Object::Ip(_) => "ext.IP",
                Object::Cidr(..) => "ext.CIDR",
                Object::SpiffeId(_) => "types.SPIFFEID",
                Object::SpiffeTrustDomain(_) => "types.SPIFFETrustDomain",
                Object::SpiffeMatcher(_) => "types.SPIFFEMatcher",
            },
        }
    }

    /// A list in the arena.
    #[must_use]
    pub fn list(elements: &'a [Value<'a>]) -> Self {
        Self::List(List::Values(elements))
    }
}

impl Constant {
    /// The same value, borrowed.
    #[must_use]
    pub fn view(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => Value::Int(*i),
            Self::Uint(u) => Value::Uint(*u),
            Self::Double(d) => Value::Double(*d),
            Self::String(s) => Value::String(s),
            Self::Bytes(b) => Value::Bytes(b),
            Self::List(l) => Value::List(List::Constants(l)),
            Self::Map(m) => Value::Map(Map::Constants(m)),
            Self::Timestamp(t) => Value::Timestamp(*t),
            Self::Duration(d) => Value::Duration(*d),
            Self::Type(t) => Value::Type(t),
            Self::Object(o) => Value::Object(o),
        }
    }

    /// True if nothing can tell the two apart.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Uint(a), Self::Uint(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) | (Self::Type(a), Self::Type(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(&**b).all(|(a, b)| a.same(b)),
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().zip(&**b).all(|((k, v), (l, w))| k.same(l) && v.same(w))
            }
            _ => false,
        }
    }

    /// A map constant from string keys; sorted, so that equal maps are equal whatever the order they were written in.
    /// A key given twice keeps its last value.
    #[must_use]
    pub fn string_map(entries: impl IntoIterator<Item = (String, Constant)>) -> Self {
        let sorted: std::collections::BTreeMap<String, Constant> = entries.into_iter().collect();
        Self::Map(sorted.into_iter().map(|(k, v)| (Self::String(k.into()), v)).collect())
    }
}

impl<'a> List<'a> {
    /// Number of elements.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Values(v) => v.len(),
            Self::Strings(v) => v.len(),
            Self::Constants(v) => v.len(),
        }
    }

    /// True without elements.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Element `i`.
    #[inline]
    #[must_use]
    pub fn get(self, i: usize) -> Option<Value<'a>> {
        match self {
            Self::Values(v) => v.get(i).copied(),
            Self::Strings(v) => v.get(i).map(|s| Value::String(s)),
            Self::Constants(v) => v.get(i).map(Constant::view),
        }
    }

    /// Elements in order.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).filter_map(move |i| self.get(i))
    }
}

impl<'a> Map<'a> {
    /// Number of entries.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Fields(v) => v.len(),
            Self::Entries(v) => v.len(),
            Self::Constants(v) => v.len(),
        }
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Entry `i` in the map's stable order.
    #[inline]
    #[must_use]
    pub fn entry(self, i: usize) -> Option<(Value<'a>, Value<'a>)> {
        match self {
            Self::Fields(v) => v.get(i).map(|(k, x)| (Value::String(k), *x)),
            Self::Entries(v) => v.get(i).copied(),
            Self::Constants(v) => v.get(i).map(|(k, x)| (k.view(), x.view())),
        }
    }

    /// Key `i` in the map's stable order.
    #[must_use]
    pub fn key(self, i: usize) -> Option<Value<'a>> {
        match self {
            Self::Fields(v) => v.get(i).map(|(k, _)| Value::String(k)),
            Self::Entries(v) => v.get(i).map(|(k, _)| *k),
            Self::Constants(v) => v.get(i).map(|(k, _)| k.view()),
        }
    }

    /// Entries in the map's stable order.
    pub fn iter(self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        (0..self.len()).filter_map(move |i| self.entry(i))
    }

    /// The value under a string key.
    #[inline]
    #[must_use]
    pub fn get_str(self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Fields(v) => field(v, key).copied(),
            Self::Entries(v) => v.iter().find(|(k, _)| matches!(k, Value::String(s) if *s == key)).map(|(_, x)| *x),
            Self::Constants(v) => {
                v.iter().find(|(k, _)| matches!(k, Constant::String(s) if **s == *key)).map(|(_, x)| x.view())
            }
        }
    }
}

/// The value of a field of a map of the request.
#[inline]
#[must_use]
pub fn field<'a>(fields: &'a [(&'a str, Value<'a>)], key: &str) -> Option<&'a Value<'a>> {
    if fields.len() > SORTED_ABOVE || key.len() > SHORT {
        return field_of_many(fields, key);
    }
    // no call in the loop: it needs no registers saved
    let wanted = ends(key.as_bytes());
    let found = fields.iter().find(|(k, _)| k.len() == key.len() && ends(k.as_bytes()) == wanted);
    found.map(|(_, value)| value)
}

/// The same, with the key prepared.
#[inline]
#[must_use]
pub fn field_named<'a>(fields: &'a [(&'a str, Value<'a>)], key: &Key) -> Option<&'a Value<'a>> {
    if fields.len() > SORTED_ABOVE || key.is_long() {
        return field_of_many(fields, &key.text);
    }
    fields.iter().find(|(k, _)| key.is(k)).map(|(_, value)| value)
}

#[inline(never)]
fn field_of_many<'a>(fields: &'a [(&'a str, Value<'a>)], key: &str) -> Option<&'a Value<'a>> {
    if fields.len() > SORTED_ABOVE {
        let i = fields.binary_search_by(|(k, _)| (*k).cmp(key)).ok()?;
        return fields.get(i).map(|(_, value)| value);
    }
    fields.iter().find(|(k, _)| same(k, key)).map(|(_, value)| value)
}
