//! The one view of a check request, whatever protocol or fixture it came from, and the shapes under which expressions
//! see it (`P`, `R`, `request`, `runtime`). Everything borrows from the received bytes or the request's arena.
//! Decoding lives in `wire`; validation of field rules lives with the decoders' callers.

use bumpalo::Bump;

use crate::cel::value::{Field, FieldType, List, Map, Message, MessageType, Value};

/// Who asks: `P`.
#[derive(Clone, Copy, Debug)]
pub struct Principal<'a> {
    /// Principal id.
    pub id: &'a str,
    /// Roles as the caller gave them, in order.
    pub roles: &'a [&'a str],
    /// Attributes.
    pub attr: Map<'a>,
    /// Requested policy version; empty for the default.
    pub policy_version: &'a str,
    /// Requested scope; empty for the default.
    pub scope: &'a str,
}

/// What is asked about: `R`.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Resource kind, such as `mcp::github`.
    pub kind: &'a str,
    /// Instance id.
    pub id: &'a str,
    /// Attributes.
    pub attr: Map<'a>,
    /// Requested policy version; empty for the default.
    pub policy_version: &'a str,
    /// Requested scope; empty for the default.
    pub scope: &'a str,
}

/// Verified claims: `request.auxData`.
#[derive(Clone, Copy, Debug)]
pub struct AuxData<'a> {
    /// Claims of the single token; empty if none.
    pub jwt: Map<'a>,
    /// Claims by token name.
    pub jwts: &'a [(&'a str, Map<'a>)],
}

impl AuxData<'_> {
    /// No tokens.
    pub const EMPTY: AuxData<'static> = AuxData { jwt: Map::Fields(&[]), jwts: &[] };
}

/// One principal, one resource, some actions.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// What is asked about.
    pub resource: Resource<'a>,
    /// Actions in request order.
    pub actions: &'a [&'a str],
    /// Verified claims.
    pub aux: AuxData<'a>,
}

const fn field(name: &'static str, ty: FieldType) -> Field {
    Field { name, alias: name, ty }
}

const fn aliased(name: &'static str, alias: &'static str, ty: FieldType) -> Field {
    Field { name, alias, ty }
}

/// Shape of `P`.
pub static PRINCIPAL: MessageType = MessageType {
    name: "cerbos.engine.v1.Request.Principal",
    fields: &[
        field("id", FieldType::String),
        field("roles", FieldType::StringList),
        field("attr", FieldType::DynMap),
        aliased("policyVersion", "policy_version", FieldType::String),
        field("scope", FieldType::String),
    ],
};

/// Shape of `R`.
pub static RESOURCE: MessageType = MessageType {
    name: "cerbos.engine.v1.Request.Resource",
    fields: &[
        field("kind", FieldType::String),
        field("id", FieldType::String),
        field("attr", FieldType::DynMap),
        aliased("policyVersion", "policy_version", FieldType::String),
        field("scope", FieldType::String),
    ],
};

/// Shape of one entry of `request.auxData.jwts`.
pub static JWT: MessageType =
    MessageType { name: "cerbos.engine.v1.AuxData.JWT", fields: &[field("claims", FieldType::DynMap)] };

/// Shape of `request.auxData`.
pub static AUX_DATA: MessageType = MessageType {
    name: "cerbos.engine.v1.AuxData",
    fields: &[field("jwt", FieldType::DynMap), field("jwts", FieldType::MessageMap(&JWT))],
};

/// Shape of `request`.
pub static REQUEST: MessageType = MessageType {
    name: "cerbos.engine.v1.Request",
    fields: &[
        field("principal", FieldType::Message(&PRINCIPAL)),
        field("resource", FieldType::Message(&RESOURCE)),
        aliased("auxData", "aux_data", FieldType::Message(&AUX_DATA)),
    ],
};

/// Shape of `runtime`.
pub static RUNTIME: MessageType = MessageType {
    name: "cerbos.engine.v1.Runtime",
    fields: &[aliased("effectiveDerivedRoles", "effective_derived_roles", FieldType::StringList)],
};

/// `scope` as expressions see it: one leading `.` removed (spec §10.1).
#[must_use]
pub fn scope_for_expressions(scope: &str) -> &str {
    if scope.is_empty() { scope } else { scope.strip_prefix('.').unwrap_or(scope) }
}

impl<'a> Principal<'a> {
    /// This principal as the message `P`.
    pub fn message(&self, bump: &'a Bump) -> Message<'a> {
        let fields = bump.alloc_with(|| {
            [
                Value::String(self.id),
                Value::List(List::Strings(self.roles)),
                Value::Map(self.attr),
                Value::String(self.policy_version),
                Value::String(scope_for_expressions(self.scope)),
            ]
        });
        Message { ty: &PRINCIPAL, fields }
    }
}

impl<'a> Resource<'a> {
    /// This resource as the message `R`.
    pub fn message(&self, bump: &'a Bump) -> Message<'a> {
        let fields = bump.alloc_with(|| {
            [
                Value::String(self.kind),
                Value::String(self.id),
                Value::Map(self.attr),
                Value::String(self.policy_version),
                Value::String(scope_for_expressions(self.scope)),
            ]
        });
        Message { ty: &RESOURCE, fields }
    }
}

impl<'a> AuxData<'a> {
    /// These claims as the message `request.auxData`.
    pub fn message(&self, bump: &'a Bump) -> Message<'a> {
        let jwts = bump.alloc_slice_fill_iter(self.jwts.iter().map(|(name, claims)| {
            let fields: &'a [Value<'a>] = bump.alloc([Value::Map(*claims)]);
            (*name, Value::Message(Message { ty: &JWT, fields }))
        }));
        let fields = bump.alloc([Value::Map(self.jwt), Value::Map(Map::Fields(jwts))]);
        Message { ty: &AUX_DATA, fields }
    }
}

/// `runtime` with these derived roles.
pub(super) fn runtime<'a>(names: &'a [&'a str], bump: &'a bumpalo::Bump) -> Value<'a> {
    let fields: &'a [Value<'a>] = bump.alloc([Value::List(List::Strings(names))]);
    Value::Message(Message { ty: &RUNTIME, fields })
}
