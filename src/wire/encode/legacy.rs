//! The deprecated `cerbos.response.v1.CheckResourceSetResponse` and `CheckResourceBatchResponse`: the same decisions
//! with less around them.

use super::check::{
    effects_to_json, effects_to_protobuf, meta, meta_to_protobuf, sorted, validation_errors_to_protobuf,
};
use super::json::Json;
use super::protobuf::Reverse;
use crate::wire::reply::{CheckResourcesReply, CheckResult};

pub(super) fn set_to_protobuf(reply: &CheckResourcesReply<'_>, writer: &mut Reverse) {
    if reply.include_meta {
        writer.message(3, |writer| {
            for result in reply.results.iter().rev() {
                writer.message(1, |writer| {
                    writer.message(2, |writer| meta_to_protobuf(&result.decision, writer));
                    writer.item(1, result.resource.id);
                });
            }
        });
    }
    for result in reply.results.iter().rev() {
        writer.message(2, |writer| {
            writer.message(2, |writer| {
                validation_errors_to_protobuf(2, &result.decision, writer);
                effects_to_protobuf(1, &result.decision, writer);
            });
            writer.item(1, result.resource.id);
        });
    }
    writer.text(1, reply.request_id);
}

pub(super) fn batch_to_protobuf(reply: &CheckResourcesReply<'_>, writer: &mut Reverse) {
    for result in reply.results.iter().rev() {
        writer.message(2, |writer| {
            validation_errors_to_protobuf(3, &result.decision, writer);
            effects_to_protobuf(2, &result.decision, writer);
            writer.text(1, result.resource.id);
        });
    }
    writer.text(1, reply.request_id);
}

pub(super) fn set_to_json(reply: &CheckResourcesReply<'_>, json: &mut Json) {
    let mut results: Vec<&CheckResult<'_>> = reply.results.iter().collect();
    results.sort_unstable_by_key(|result| result.resource.id);
    json.object(|json| {
        json.text("requestId", reply.request_id);
        instances(&results, json, |result, json| {
            effects_to_json(&sorted(&result.decision), &result.decision, json);
        });
        if reply.include_meta {
            json.key("meta");
            json.object(|json| {
                instances(&results, json, |result, json| {
                    meta(&sorted(&result.decision), result.decision.effective_derived_roles, json);
                });
            });
        }
    });
}

fn instances(results: &[&CheckResult<'_>], json: &mut Json, each: impl Fn(&CheckResult<'_>, &mut Json)) {
    if results.is_empty() {
        return;
    }
    json.key("resourceInstances");
    json.object(|json| {
        for result in results {
            json.key(result.resource.id);
            json.object(|json| each(result, json));
        }
    });
}

pub(super) fn batch_to_json(reply: &CheckResourcesReply<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("requestId", reply.request_id);
        if !reply.results.is_empty() {
            json.key("results");
            json.array(|json| {
                for result in reply.results {
                    json.object(|json| {
                        json.text("resourceId", result.resource.id);
                        effects_to_json(&sorted(&result.decision), &result.decision, json);
                    });
                }
            });
        }
    });
}
