//! `cerbos.response.v1.CheckResourcesResponse`.

use super::json::Json;
use super::protobuf::Reverse;
use crate::engine::decision::{ActionResult, Decision, Effect, OutputEntry, ValidationError};
use crate::wire::reply::{CheckResourcesReply, CheckResult};

pub(super) fn to_protobuf(reply: &CheckResourcesReply<'_>, writer: &mut Reverse) {
    writer.text(3, reply.call_id);
    for result in reply.results.iter().rev() {
        writer.message(2, |writer| result_to_protobuf(result, reply.include_meta, writer));
    }
    writer.text(1, reply.request_id);
}

fn result_to_protobuf(result: &CheckResult<'_>, include_meta: bool, writer: &mut Reverse) {
    let decision = &result.decision;
    for output in decision.outputs.iter().rev() {
        writer.message(5, |writer| output_to_protobuf(output, writer));
    }
    if include_meta {
        writer.message(4, |writer| meta_to_protobuf(decision, writer));
    }
    validation_errors_to_protobuf(3, decision, writer);
    effects_to_protobuf(2, decision, writer);
    let resource = &result.resource;
    writer.message(1, |writer| {
        writer.text(4, resource.scope);
        writer.text(3, resource.policy_version);
        writer.text(2, resource.kind);
        writer.text(1, resource.id);
    });
}

/// A message with the policies and scopes of the actions, and the derived roles.
pub(super) fn meta_to_protobuf(decision: &Decision<'_>, writer: &mut Reverse) {
    writer.texts(2, decision.effective_derived_roles);
    for action in decision.actions.iter().rev() {
        writer.message(1, |writer| {
            writer.message(2, |writer| {
                writer.text(2, action.scope);
                writer.text(1, action.policy);
            });
            writer.item(1, action.action);
        });
    }
}

/// A map from actions to effects.
pub(super) fn effects_to_protobuf(field: u32, decision: &Decision<'_>, writer: &mut Reverse) {
    for action in decision.actions.iter().rev() {
        writer.message(field, |writer| {
            writer.number(2, number(action.effect));
            writer.item(1, action.action);
        });
    }
}

/// A list of schema violations.
pub(super) fn validation_errors_to_protobuf(field: u32, decision: &Decision<'_>, writer: &mut Reverse) {
    for error in decision.validation_errors.iter().rev() {
        writer.message(field, |writer| {
            writer.number(3, if error.principal { 1 } else { 2 });
            writer.text(2, error.message);
            writer.text(1, error.path);
        });
    }
}

fn output_to_protobuf(output: &OutputEntry<'_>, writer: &mut Reverse) {
    let error = match output.value {
        Ok(value) => writer.value(2, value).map_or_else(|error| error.to_string(), |()| String::new()),
        Err(error) => error.to_owned(),
    };
    writer.text(4, &error);
    writer.text(3, output.action);
    writer.text(1, output.src);
}

fn number(effect: Effect) -> u64 {
    match effect {
        Effect::Allow => 1,
        Effect::Deny => 2,
    }
}

fn name(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "EFFECT_ALLOW",
        Effect::Deny => "EFFECT_DENY",
    }
}

pub(super) fn to_json(reply: &CheckResourcesReply<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("requestId", reply.request_id);
        if !reply.results.is_empty() {
            json.key("results");
            json.array(|json| {
                for result in reply.results {
                    json.object(|json| result_to_json(result, reply.include_meta, json));
                }
            });
        }
        json.text("cerbosCallId", reply.call_id);
    });
}

fn result_to_json(result: &CheckResult<'_>, include_meta: bool, json: &mut Json) {
    let (resource, decision) = (&result.resource, &result.decision);
    json.key("resource");
    json.object(|json| {
        json.text("id", resource.id);
        json.text("kind", resource.kind);
        json.text("policyVersion", resource.policy_version);
        json.text("scope", resource.scope);
    });
    let actions = sorted(decision);
    effects_to_json(&actions, decision, json);
    if include_meta {
        json.key("meta");
        json.object(|json| meta(&actions, decision.effective_derived_roles, json));
    }
    if !decision.outputs.is_empty() {
        json.key("outputs");
        json.array(|json| decision.outputs.iter().for_each(|output| output_to_json(output, json)));
    }
}

/// The answers in the order of their actions' names.
pub(super) fn sorted<'d, 'a>(decision: &'d Decision<'a>) -> Vec<&'d ActionResult<'a>> {
    let mut actions: Vec<&ActionResult<'_>> = decision.actions.iter().collect();
    actions.sort_unstable_by_key(|result| result.action);
    actions
}

/// The members `actions` and `validationErrors`.
pub(super) fn effects_to_json(actions: &[&ActionResult<'_>], decision: &Decision<'_>, json: &mut Json) {
    if !actions.is_empty() {
        json.key("actions");
        json.object(|json| {
            for result in actions {
                json.key(result.action);
                json.string(name(result.effect));
            }
        });
    }
    if !decision.validation_errors.is_empty() {
        json.key("validationErrors");
        json.array(|json| decision.validation_errors.iter().for_each(|error| validation_error(error, json)));
    }
}

fn validation_error(error: &ValidationError<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("path", error.path);
        json.text("message", error.message);
        json.text("source", if error.principal { "SOURCE_PRINCIPAL" } else { "SOURCE_RESOURCE" });
    });
}

/// The members of a `meta` block.
pub(super) fn meta(actions: &[&ActionResult<'_>], derived_roles: &[&str], json: &mut Json) {
    if !actions.is_empty() {
        json.key("actions");
        json.object(|json| {
            for result in actions {
                json.key(result.action);
                json.object(|json| {
                    json.text("matchedPolicy", result.policy);
                    json.text("matchedScope", result.scope);
                });
            }
        });
    }
    json.texts("effectiveDerivedRoles", derived_roles);
}

fn output_to_json(output: &OutputEntry<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("src", output.src);
        let error = json.try_value("val", output.value);
        json.text("action", output.action);
        json.text("error", &error);
    });
}
