//! The environment of policies, as far as the tests of this room need it.

use super::super::env::{Env, Root, RootType};
use super::super::value::{Field, FieldType, MessageType};

const fn field(name: &'static str, alias: &'static str, ty: FieldType) -> Field {
    Field { name, alias, ty }
}

static PRINCIPAL: MessageType = MessageType {
    name: "cerbos.engine.v1.Request.Principal",
    fields: &[
        field("id", "id", FieldType::String),
        field("roles", "roles", FieldType::StringList),
        field("attr", "attr", FieldType::DynMap),
        field("policyVersion", "policy_version", FieldType::String),
        field("scope", "scope", FieldType::String),
    ],
};

static RESOURCE: MessageType = MessageType {
    name: "cerbos.engine.v1.Request.Resource",
    fields: &[
        field("kind", "kind", FieldType::String),
        field("id", "id", FieldType::String),
        field("attr", "attr", FieldType::DynMap),
        field("policyVersion", "policy_version", FieldType::String),
        field("scope", "scope", FieldType::String),
    ],
};

static JWT: MessageType =
    MessageType { name: "cerbos.engine.v1.AuxData.JWT", fields: &[field("claims", "claims", FieldType::DynMap)] };

static AUX_DATA: MessageType = MessageType {
    name: "cerbos.engine.v1.AuxData",
    fields: &[field("jwt", "jwt", FieldType::DynMap), field("jwts", "jwts", FieldType::MessageMap(&JWT))],
};

static REQUEST: MessageType = MessageType {
    name: "cerbos.engine.v1.Request",
    fields: &[
        field("principal", "principal", FieldType::Message(&PRINCIPAL)),
        field("resource", "resource", FieldType::Message(&RESOURCE)),
        field("auxData", "aux_data", FieldType::Message(&AUX_DATA)),
    ],
};

static RUNTIME: MessageType = MessageType {
    name: "cerbos.engine.v1.Runtime",
    fields: &[field("effectiveDerivedRoles", "effective_derived_roles", FieldType::StringList)],
};

/// Everything a condition can refer to.
pub fn policy_environment() -> Env {
    let roots = [
        ("request", RootType::Message(&REQUEST), 0),
        ("P", RootType::Message(&PRINCIPAL), 1),
        ("R", RootType::Message(&RESOURCE), 2),
        ("runtime", RootType::Message(&RUNTIME), 3),
        ("G", RootType::Globals, 4),
        ("globals", RootType::Globals, 4),
        ("V", RootType::Variables, 5),
        ("variables", RootType::Variables, 5),
        ("C", RootType::Constants, 6),
        ("constants", RootType::Constants, 6),
    ];
    Env::new(roots.into_iter().map(|(name, ty, index)| Root { name: name.into(), ty, index }).collect())
}
