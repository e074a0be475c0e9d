//! Replies → bytes, by hand: protobuf without prost, JSON by the rules of protobuf's mapping (defaults omitted,
//! lowerCamelCase, map keys sorted). Encoding cannot fail: an output that has no form in the format becomes the
//! `error` of its entry, as the reference has it.

mod check;
mod decide;
mod json;
mod legacy;
mod number;
mod output;
mod plan;
mod protobuf;
mod tools;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use json::{HIDDEN, Json, pretty};
pub use number::write_number;
pub use output::{OutputError, presentable};

use self::protobuf::Reverse;
use super::reply::{CheckResourcesReply, DecideReply, PlanResourcesReply, PlanToolsReply};
use crate::cel::value::Value;
use crate::engine::decision::ValidationError;
use crate::plan::Filter;

/// A `CheckResourcesResponse` as protobuf.
#[must_use]
pub fn check_resources(reply: &CheckResourcesReply<'_>) -> Bytes {
    let mut writer = Reverse::with_capacity(256 + 256 * reply.results.len());
    check::to_protobuf(reply, &mut writer);
    writer.finish()
}

/// A `PlanResourcesResponse` as protobuf.
#[must_use]
pub fn plan_resources(reply: &PlanResourcesReply<'_>) -> Bytes {
    let mut writer = Reverse::with_capacity(1024);
    plan::to_protobuf(reply, &mut writer);
    writer.finish()
}

/// A `PlanResourcesResponse` as JSON.
#[must_use]
pub fn plan_resources_json(reply: &PlanResourcesReply<'_>) -> Vec<u8> {
    let mut json = Json::default();
    plan::to_json(reply, &mut json);
    json.finish()
}

/// A `PlanToolsResponse` as protobuf.
#[must_use]
pub fn plan_tools(reply: &PlanToolsReply<'_>) -> Bytes {
    let mut writer = Reverse::with_capacity(256 + 128 * reply.tools.len());
    tools::to_protobuf(reply, &mut writer);
    writer.finish()
}

/// A `PlanToolsResponse` as JSON.
#[must_use]
pub fn plan_tools_json(reply: &PlanToolsReply<'_>) -> Vec<u8> {
    let mut json = Json::default();
    tools::to_json(reply, &mut json);
    json.finish()
}

/// A `PlanResourcesFilter` as JSON.
#[must_use]
pub fn filter_json(filter: Filter<'_>) -> Vec<u8> {
    let mut json = Json::default();
    plan::filter_to_json(filter, &mut json);
    json.finish()
}

/// A `CheckResourcesResponse` as JSON.
#[must_use]
pub fn check_resources_json(reply: &CheckResourcesReply<'_>) -> Vec<u8> {
    let mut json = Json::default();
    check::to_json(reply, &mut json);
    json.finish()
}

/// The member `validationErrors`, unless there are none.
pub fn write_validation_errors(errors: &[ValidationError<'_>], json: &mut Json) {
    if !errors.is_empty() {
        json.key("validationErrors");
        json.array(|json| errors.iter().for_each(|error| check::validation_error(error, json)));
    }
}

/// A `CheckResourceSetResponse` as protobuf.
#[must_use]
pub fn check_resource_set(reply: &CheckResourcesReply<'_>) -> Bytes {
    let mut writer = Reverse::with_capacity(256 + 256 * reply.results.len());
    legacy::set_to_protobuf(reply, &mut writer);
    writer.finish()
}

/// A `CheckResourceSetResponse` as JSON.
#[must_use]
pub fn check_resource_set_json(reply: &CheckResourcesReply<'_>) -> Vec<u8> {
    let mut json = Json::default();
    legacy::set_to_json(reply, &mut json);
    json.finish()
}

/// A `CheckResourceBatchResponse` as protobuf.
#[must_use]
pub fn check_resource_batch(reply: &CheckResourcesReply<'_>) -> Bytes {
    let mut writer = Reverse::with_capacity(256 + 256 * reply.results.len());
    legacy::batch_to_protobuf(reply, &mut writer);
    writer.finish()
}

/// A `CheckResourceBatchResponse` as JSON.
#[must_use]
pub fn check_resource_batch_json(reply: &CheckResourcesReply<'_>) -> Vec<u8> {
    let mut json = Json::default();
    legacy::batch_to_json(reply, &mut json);
    json.finish()
}

/// A `DecideResponse` as protobuf.
#[must_use]
pub fn decide(reply: &DecideReply<'_>) -> Bytes {
    let mut writer = Reverse::with_capacity(512);
    decide::to_protobuf(reply, &mut writer);
    writer.finish()
}

/// A `DecideResponse` as JSON.
#[must_use]
pub fn decide_json(reply: &DecideReply<'_>) -> Vec<u8> {
    let mut json = Json::default();
    decide::to_json(reply, &mut json);
    json.finish()
}

/// A `DecideBatchResponse` as protobuf.
#[must_use]
pub fn decide_batch(results: &[DecideReply<'_>], revision: &str) -> Bytes {
    let mut writer = Reverse::with_capacity(256 + 512 * results.len());
    writer.text(2, revision);
    for reply in results.iter().rev() {
        writer.message(1, |writer| decide::to_protobuf(reply, writer));
    }
    writer.finish()
}

/// A `DecideBatchResponse` as JSON.
#[must_use]
pub fn decide_batch_json(results: &[DecideReply<'_>], revision: &str) -> Vec<u8> {
    let mut json = Json::default();
    json.object(|json| {
        if !results.is_empty() {
            json.key("results");
            json.array(|json| results.iter().for_each(|reply| decide::to_json(reply, json)));
        }
        json.text("revision", revision);
    });
    json.finish()
}

/// Any value as JSON, where it has such a form.
pub fn value_json(value: Value<'_>) -> Result<Vec<u8>, OutputError> {
    let mut json = Json::default();
    json.value(value)?;
    Ok(json.finish())
}
