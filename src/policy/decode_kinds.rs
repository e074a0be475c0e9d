//! The six kinds of policy, field by field. Spec: policy-language §5.2-§5.6.

use super::decode_parts::{
    IMPORTS, SOME_UNIQUE, UNIQUE, condition, constants, constants_map, effect, output, require_oneof, roles, schemas,
    scope_permissions, scope_permissions_number, text, texts, variables, variables_map,
};
use super::model::{
    DerivedRoles, ExportConstants, ExportVariables, PrincipalAction, PrincipalPolicy, PrincipalRule, ResourcePolicy,
    ResourceRule, RoleDefinition, RolePolicy, RoleRule, Text,
};
use super::names::{RESOURCE_NAME, ROLE_VERSION, RULE_NAME, SCOPE, SET_NAME, VERSION};
use crate::yaml::{Decoder, Node, Object, TextRule};

const REQUIRED: TextRule = TextRule::REQUIRED;
const ANY: TextRule = TextRule::ANY;

pub(super) fn resource_policy(d: &mut Decoder<'_>, node: &Node) -> ResourcePolicy {
    const FIELDS: &[&str] = &[
        "resource",
        "version",
        "importDerivedRoles",
        "rules",
        "scope",
        "schemas",
        "variables",
        "scopePermissions",
        "constants",
    ];
    let object = d.object(node, FIELDS);
    ResourcePolicy {
        resource: text(d, &object, "resource", REQUIRED.matching(RESOURCE_NAME)),
        version: text(d, &object, "version", REQUIRED.matching(VERSION)),
        scope: text(d, &object, "scope", ANY.matching(SCOPE)),
        scope_permissions: scope_permissions(d, &object),
        import_derived_roles: texts(d, &object, "importDerivedRoles", IMPORTS),
        variables: variables(d, &object),
        constants: constants(d, &object),
        schemas: schemas(d, &object),
        rules: d.items(&object, "rules", false, resource_rule),
    }
}

fn resource_rule(d: &mut Decoder<'_>, node: &Node) -> ResourceRule {
    const FIELDS: &[&str] = &["actions", "derivedRoles", "roles", "condition", "effect", "name", "output"];
    let object = d.object(node, FIELDS);
    ResourceRule {
        at: node.at,
        span: node.span,
        name: text(d, &object, "name", ANY.matching(RULE_NAME)),
        actions: texts(d, &object, "actions", SOME_UNIQUE),
        roles: roles(d, &object, "roles", UNIQUE),
        derived_roles: texts(d, &object, "derivedRoles", IMPORTS),
        effect: effect(d, &object),
        condition: condition(d, &object),
        output: output(d, &object),
    }
}

pub(super) fn principal_policy(d: &mut Decoder<'_>, node: &Node) -> PrincipalPolicy {
    const FIELDS: &[&str] = &["principal", "version", "rules", "scope", "variables", "scopePermissions", "constants"];
    let object = d.object(node, FIELDS);
    PrincipalPolicy {
        principal: text(d, &object, "principal", REQUIRED.matching(RESOURCE_NAME)),
        version: text(d, &object, "version", REQUIRED.matching(VERSION)),
        scope: text(d, &object, "scope", ANY.matching(SCOPE)),
        scope_permissions: scope_permissions(d, &object),
        variables: variables(d, &object),
        constants: constants(d, &object),
        rules: d.items(&object, "rules", false, principal_rule),
    }
}

fn principal_rule(d: &mut Decoder<'_>, node: &Node) -> PrincipalRule {
    let object = d.object(node, &["resource", "actions"]);
    PrincipalRule {
        at: node.at,
        resource: text(d, &object, "resource", REQUIRED),
        actions: d.items(&object, "actions", true, principal_action),
    }
}

fn principal_action(d: &mut Decoder<'_>, node: &Node) -> PrincipalAction {
    let object = d.object(node, &["action", "condition", "effect", "name", "output"]);
    PrincipalAction {
        at: node.at,
        span: node.span,
        name: text(d, &object, "name", ANY.matching(RULE_NAME)),
        action: text(d, &object, "action", REQUIRED),
        effect: effect(d, &object),
        condition: condition(d, &object),
        output: output(d, &object),
    }
}

pub(super) fn role_policy(d: &mut Decoder<'_>, node: &Node) -> RolePolicy {
    const FIELDS: &[&str] =
        &["role", "version", "scope", "scopePermissions", "parentRoles", "rules", "variables", "constants"];
    let object = d.object(node, FIELDS);
    require_oneof(d, &object, "policyType", &["role"]);
    deprecated_scope_permissions(d, &object);
    RolePolicy {
        role: text(d, &object, "role", ANY.matching(RESOURCE_NAME)),
        version: text(d, &object, "version", ANY.matching(ROLE_VERSION)),
        scope: text(d, &object, "scope", ANY.matching(SCOPE)),
        parent_roles: texts(d, &object, "parentRoles", UNIQUE),
        variables: variables(d, &object),
        constants: constants(d, &object),
        rules: d.items(&object, "rules", false, role_rule),
    }
}

/// Accepted without effect; only the value that says what role policies do anyway.
fn deprecated_scope_permissions(d: &mut Decoder<'_>, object: &Object<'_>) {
    let (number, at, _) = scope_permissions_number(d, object);
    if number.is_some_and(|n| !matches!(n, 0 | 2)) {
        let message = "must be one of [SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS, \
                       SCOPE_PERMISSIONS_UNSPECIFIED]";
        d.missing("scopePermissions", |d| d.violation("TG0206", at, message));
    }
}

fn role_rule(d: &mut Decoder<'_>, node: &Node) -> RoleRule {
    let object = d.object(node, &["resource", "allowActions", "condition", "output", "name"]);
    RoleRule {
        at: node.at,
        span: node.span,
        name: text(d, &object, "name", ANY.matching(RULE_NAME)),
        resource: text(d, &object, "resource", REQUIRED),
        allow_actions: texts(d, &object, "allowActions", SOME_UNIQUE),
        condition: condition(d, &object),
        output: output(d, &object),
    }
}

pub(super) fn derived_roles(d: &mut Decoder<'_>, node: &Node) -> DerivedRoles {
    let object = d.object(node, &["name", "definitions", "variables", "constants"]);
    DerivedRoles {
        name: set_name(d, &object),
        variables: variables(d, &object),
        constants: constants(d, &object),
        definitions: d.items(&object, "definitions", true, role_definition),
    }
}

fn role_definition(d: &mut Decoder<'_>, node: &Node) -> RoleDefinition {
    let object = d.object(node, &["name", "parentRoles", "condition"]);
    RoleDefinition {
        at: node.at,
        span: node.span,
        name: set_name(d, &object),
        parent_roles: roles(d, &object, "parentRoles", SOME_UNIQUE),
        condition: condition(d, &object),
    }
}

fn set_name(d: &mut Decoder<'_>, object: &Object<'_>) -> Text {
    text(d, object, "name", REQUIRED.matching(SET_NAME))
}

pub(super) fn export_variables(d: &mut Decoder<'_>, node: &Node) -> ExportVariables {
    let object = d.object(node, &["name", "definitions"]);
    let name = set_name(d, &object);
    let definitions = object.get("definitions").map(|e| d.field("definitions", e, |d, e| variables_map(d, &e.value)));
    ExportVariables { name, definitions: definitions.unwrap_or_default() }
}

pub(super) fn export_constants(d: &mut Decoder<'_>, node: &Node) -> ExportConstants {
    let object = d.object(node, &["name", "definitions"]);
    let name = set_name(d, &object);
    let definitions = object.get("definitions").map(|e| d.field("definitions", e, |d, e| constants_map(d, &e.value)));
    ExportConstants { name, definitions: definitions.unwrap_or_default() }
}
