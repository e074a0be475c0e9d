//! Message types an expression can construct or select from, with their fields: well-known protobuf types and the parts
//! of a request. The reference knows more message types of its own interface; none of them is of use in a policy.

use super::super::types::Type;
use super::super::value::{FieldType, MessageType};

/// A message type by name.
pub(in super::super) struct Struct {
    pub(in super::super) name: &'static str,
    fields: &'static [(&'static str, Field)],
}

/// A field's type, in constant form.
#[derive(Clone, Copy)]
enum Field {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Strings,
    Values,
    Attributes,
    Message(&'static str),
    Messages(&'static str),
}

/// The message type of a name.
pub(in super::super) fn struct_named(name: &str) -> Option<&'static Struct> {
    STRUCTS.iter().find(|s| s.name == name)
}

/// What is known of a field.
pub(in super::super) enum FieldLookup {
    /// The message has it.
    Found(Type),
    /// The message does not have it.
    Missing,
    /// There is no such message.
    NoMessage,
}

impl From<Option<Type>> for FieldLookup {
    fn from(found: Option<Type>) -> Self {
        found.map_or(Self::Missing, Self::Found)
    }
}

/// The type of a message's field.
pub(in super::super) fn field_type(message: &str, field: &str) -> FieldLookup {
    if message == VARIABLES {
        return FieldLookup::Found(Type::Dyn);
    }
    let Some(found) = struct_named(message) else { return FieldLookup::NoMessage };
    let ty = found.fields.iter().find(|(name, _)| *name == field || camel_case(name, field)).map(|(_, ty)| ty.ty());
    ty.into()
}

/// Type of `V`, `C` and `G`: every field may be there.
pub(in super::super) const VARIABLES: &str = "cerbos.Variables";

/// Names of a message's fields, for advice.
pub(in super::super) fn field_names(message: &str) -> impl Iterator<Item = &'static str> {
    struct_named(message).into_iter().flat_map(|s| s.fields).map(|(name, _)| *name)
}

impl Field {
    fn ty(self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::String => Type::String,
            Self::Bytes => Type::Bytes,
            Self::Strings => Type::list(Type::String),
            Self::Values => Type::list(Type::Dyn),
            Self::Attributes => Type::map(Type::String, Type::Dyn),
            Self::Message(name) => Type::Struct(name),
            Self::Messages(name) => Type::map(Type::String, Type::Struct(name)),
        }
    }
}

/// True if `json` is the lowerCamelCase form of the proto name of a request message's field.
fn camel_case(proto: &str, json: &str) -> bool {
    matches!(
        (proto, json),
        ("policy_version", "policyVersion")
            | ("aux_data", "auxData")
            | ("effective_derived_roles", "effectiveDerivedRoles")
    )
}

/// The declared type of a field of an evaluation root's message.
pub(in super::super) fn root_field(ty: &'static MessageType, field: &str) -> Option<Type> {
    let index = ty.field(field)?;
    Some(match ty.fields.get(index)?.ty {
        FieldType::String => Type::String,
        FieldType::StringList => Type::list(Type::String),
        FieldType::DynMap => Type::map(Type::String, Type::Dyn),
        FieldType::Message(m) => Type::Struct(m.name),
        FieldType::MessageMap(m) => Type::map(Type::String, Type::Struct(m.name)),
    })
}

const STRUCTS: &[Struct] = &[
    Struct { name: "google.protobuf.Any", fields: &[("type_url", Field::String), ("value", Field::Bytes)] },
    Struct { name: "google.protobuf.Timestamp", fields: &[("seconds", Field::Int), ("nanos", Field::Int)] },
    Struct { name: "google.protobuf.Duration", fields: &[("seconds", Field::Int), ("nanos", Field::Int)] },
    Struct { name: "google.protobuf.Empty", fields: &[] },
    Struct { name: "google.protobuf.FieldMask", fields: &[("paths", Field::Strings)] },
    Struct { name: "google.protobuf.Struct", fields: &[("fields", Field::Attributes)] },
    Struct { name: "google.protobuf.ListValue", fields: &[("values", Field::Values)] },
    Struct {
        name: "google.protobuf.Value",
        fields: &[
            ("null_value", Field::Null),
            ("number_value", Field::Double),
            ("string_value", Field::String),
            ("bool_value", Field::Bool),
            ("struct_value", Field::Attributes),
            ("list_value", Field::Values),
        ],
    },
    Struct { name: "google.protobuf.BoolValue", fields: &[("value", Field::Bool)] },
    Struct { name: "google.protobuf.Int32Value", fields: &[("value", Field::Int)] },
    Struct { name: "google.protobuf.Int64Value", fields: &[("value", Field::Int)] },
    Struct { name: "google.protobuf.UInt32Value", fields: &[("value", Field::Uint)] },
    Struct { name: "google.protobuf.UInt64Value", fields: &[("value", Field::Uint)] },
    Struct { name: "google.protobuf.FloatValue", fields: &[("value", Field::Double)] },
    Struct { name: "google.protobuf.DoubleValue", fields: &[("value", Field::Double)] },
    Struct { name: "google.protobuf.StringValue", fields: &[("value", Field::String)] },
    Struct { name: "google.protobuf.BytesValue", fields: &[("value", Field::Bytes)] },
    Struct {
        name: "cerbos.engine.v1.Request",
        fields: &[
            ("principal", Field::Message("cerbos.engine.v1.Request.Principal")),
            ("resource", Field::Message("cerbos.engine.v1.Request.Resource")),
            ("aux_data", Field::Message("cerbos.engine.v1.AuxData")),
        ],
    },
    Struct { name: "cerbos.engine.v1.Request.Principal", fields: PRINCIPAL },
    Struct { name: "cerbos.engine.v1.Request.Resource", fields: RESOURCE },
    Struct { name: "cerbos.engine.v1.Principal", fields: PRINCIPAL },
    Struct { name: "cerbos.engine.v1.Resource", fields: RESOURCE },
    Struct {
        name: "cerbos.engine.v1.AuxData",
        fields: &[("jwt", Field::Attributes), ("jwts", Field::Messages("cerbos.engine.v1.AuxData.JWT"))],
    },
    Struct { name: "cerbos.engine.v1.AuxData.JWT", fields: &[("claims", Field::Attributes)] },
    Struct { name: "cerbos.engine.v1.Runtime", fields: &[("effective_derived_roles", Field::Strings)] },
];

const PRINCIPAL: &[(&str, Field)] = &[
    ("id", Field::String),
    ("roles", Field::Strings),
    ("attr", Field::Attributes),
    ("policy_version", Field::String),
    ("scope", Field::String),
];

const RESOURCE: &[(&str, Field)] = &[
    ("kind", Field::String),
    ("id", Field::String),
    ("attr", Field::Attributes),
    ("policy_version", Field::String),
    ("scope", Field::String),
];
