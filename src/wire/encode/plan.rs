//! `cerbos.response.v1.PlanResourcesResponse`.

use super::check::{validation_error, validation_error_to_protobuf};
use super::json::Json;
use super::protobuf::Reverse;
use crate::cel::value::Value;
use crate::plan::{ActionPlan, Filter, Term, debug};
use crate::wire::reply::PlanResourcesReply;

pub(super) fn to_protobuf(reply: &PlanResourcesReply<'_>, writer: &mut Reverse) {
    writer.texts(9, reply.actions);
    writer.text(8, reply.call_id);
    for error in reply.plan.validation_errors.iter().rev() {
        validation_error_to_protobuf(7, error, writer);
    }
    if reply.include_meta {
        writer.message(6, |writer| {
            if reply.action.is_empty() {
                for plan in reply.plan.actions.iter().rev() {
                    writer.message(3, |writer| {
                        writer.item(2, plan.matched_scope);
                        writer.item(1, plan.action);
                    });
                }
            } else {
                writer.text(2, single_scope(reply));
            }
            writer.text(1, &debug(reply.plan.filter));
        });
    }
    writer.message(5, |writer| {
        if let Filter::If(term) = reply.plan.filter {
            writer.message(2, |writer| operand_to_protobuf(term, writer));
        }
        writer.number(1, number(reply.plan.filter));
    });
    writer.text(4, reply.resource.policy_version);
    writer.text(3, reply.resource.kind);
    writer.text(2, reply.action);
    writer.text(1, reply.request_id);
}

pub(super) fn operand_to_protobuf(term: Term<'_>, writer: &mut Reverse) {
    match term {
        Term::Variable(name) => writer.item(3, name),
        Term::Apply(apply) => writer.message(2, |writer| {
            for operand in apply.operands.iter().rev() {
                writer.message(2, |writer| operand_to_protobuf(*operand, writer));
            }
            writer.text(1, apply.operator);
        }),
        Term::Value(value) => {
            // Values of plans have a form; one that had none would be null.
            if writer.value(1, value).is_err() {
                let _ = writer.value(1, Value::Null);
            }
        }
        Term::Error | Term::Optional(_) => _ = writer.value(1, Value::Bool(false)),
    }
}

fn number(filter: Filter<'_>) -> u64 {
    match filter {
        Filter::Always => 1,
        Filter::Never { .. } => 2,
        Filter::If(_) => 3,
    }
}

fn name(filter: Filter<'_>) -> &'static str {
    match filter {
        Filter::Always => "KIND_ALWAYS_ALLOWED",
        Filter::Never { .. } => "KIND_ALWAYS_DENIED",
        Filter::If(_) => "KIND_CONDITIONAL",
    }
}

fn single_scope<'a>(reply: &PlanResourcesReply<'a>) -> &'a str {
    reply.plan.actions.first().map_or("", |plan| plan.matched_scope)
}

pub(super) fn to_json(reply: &PlanResourcesReply<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("requestId", reply.request_id);
        json.text("action", reply.action);
        json.texts("actions", reply.actions);
        json.text("resourceKind", reply.resource.kind);
        json.text("policyVersion", reply.resource.policy_version);
        json.key("filter");
        filter_to_json(reply.plan.filter, json);
        if reply.include_meta {
            json.key("meta");
            json.object(|json| meta_to_json(reply, json));
        }
        if !reply.plan.validation_errors.is_empty() {
            json.key("validationErrors");
            json.array(|json| reply.plan.validation_errors.iter().for_each(|error| validation_error(error, json)));
        }
        json.text("cerbosCallId", reply.call_id);
    });
}

fn meta_to_json(reply: &PlanResourcesReply<'_>, json: &mut Json) {
    json.text("filterDebug", &debug(reply.plan.filter));
    if !reply.action.is_empty() {
        json.text("matchedScope", single_scope(reply));
        return;
    }
    if reply.plan.actions.is_empty() {
        return;
    }
    let mut actions: Vec<&ActionPlan<'_>> = reply.plan.actions.iter().collect();
    actions.sort_unstable_by_key(|plan| plan.action);
    json.key("matchedScopes");
    json.object(|json| {
        for plan in actions {
            json.key(plan.action);
            json.string(plan.matched_scope);
        }
    });
}

pub(super) fn filter_to_json(filter: Filter<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("kind", name(filter));
        if let Filter::If(term) = filter {
            json.key("condition");
            operand_to_json(term, json);
        }
    });
}

pub(super) fn operand_to_json(term: Term<'_>, json: &mut Json) {
    json.object(|json| match term {
        Term::Variable(name) => {
            json.key("variable");
            json.string(name);
        }
        Term::Apply(apply) => {
            json.key("expression");
            json.object(|json| {
                json.text("operator", apply.operator);
                if !apply.operands.is_empty() {
                    json.key("operands");
                    json.array(|json| apply.operands.iter().for_each(|operand| operand_to_json(*operand, json)));
                }
            });
        }
        Term::Value(value) => {
            json.key("value");
            if json.value(value).is_err() {
                json.raw(b"null");
            }
        }
        Term::Error | Term::Optional(_) => {
            json.key("value");
            json.raw(b"false");
        }
    });
}
