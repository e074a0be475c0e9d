//! Checks against the reference's answers.

use super::super::env::{Env, Root, RootType};
use super::super::value::{Field, FieldType, MessageType};
use super::compile;

macro_rules! message {
    ($name:literal, $($field:literal $alias:literal $ty:expr),* $(,)?) => {
        MessageType { name: $name, fields: &[$(Field { name: $field, alias: $alias, ty: $ty }),*] }
    };
}

static PRINCIPAL: MessageType = message!("cerbos.engine.v1.Request.Principal",
    "id" "id" FieldType::String, "roles" "roles" FieldType::StringList, "attr" "attr" FieldType::DynMap,
    "policyVersion" "policy_version" FieldType::String, "scope" "scope" FieldType::String);
static RESOURCE: MessageType = message!("cerbos.engine.v1.Request.Resource",
    "kind" "kind" FieldType::String, "id" "id" FieldType::String, "attr" "attr" FieldType::DynMap,
    "policyVersion" "policy_version" FieldType::String, "scope" "scope" FieldType::String);
static JWT: MessageType = message!("cerbos.engine.v1.AuxData.JWT", "claims" "claims" FieldType::DynMap);
static AUX: MessageType = message!("cerbos.engine.v1.AuxData",
    "jwt" "jwt" FieldType::DynMap, "jwts" "jwts" FieldType::MessageMap(&JWT));
static REQUEST: MessageType = message!("cerbos.engine.v1.Request",
    "principal" "principal" FieldType::Message(&PRINCIPAL), "resource" "resource" FieldType::Message(&RESOURCE),
    "auxData" "aux_data" FieldType::Message(&AUX));
static RUNTIME: MessageType = message!("cerbos.engine.v1.Runtime",
    "effectiveDerivedRoles" "effective_derived_roles" FieldType::StringList);

fn env() -> Env {
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

#[test]
fn dump() {
    let path = std::env::var("CEL_DUMP").unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let env = env();
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        println!(">> {line}");
        match compile(line, &env) {
            Ok(_) => println!("    None"),
            Err(e) => println!("    [{}]", e.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join(", ")),
        }
    }
}
