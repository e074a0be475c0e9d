//! `toolgate.v1.DecideResponse`.

use super::json::Json;
use super::output::OutputError;
use super::protobuf::Reverse;
use crate::cel::value::Value;
use crate::engine::decision::OutputEntry;
use crate::wire::reply::DecideReply;

pub(super) fn to_protobuf(reply: &DecideReply<'_>, writer: &mut Reverse) {
    for explanation in reply.explanations.iter().rev() {
        writer.message(15, |writer| writer.bytes(explanation.protobuf));
    }
    if let Some(error) = &reply.error {
        writer.message(14, |writer| {
            writer.text(2, error.message);
            writer.number(1, u64::from(error.code.unsigned_abs()));
        });
    }
    writer.texts(13, reply.trace);
    writer.text(12, reply.arguments_sha256);
    writer.flag(11, reply.cached);
    writer.text(10, reply.decision_id);
    writer.text(9, reply.revision);
    for output in reply.outputs.iter().rev() {
        writer.message(8, |writer| output_to_protobuf(output, writer));
    }
    for obligation in reply.obligations.iter().rev() {
        // Obligations were checked to have a form when the verdict was made.
        let _: Result<(), OutputError> = writer.structure(7, Value::Map(*obligation));
    }
    writer.text(6, reply.location);
    writer.text(5, reply.rule);
    writer.text(4, reply.policy);
    writer.text(3, reply.reason);
    writer.number(2, reply.verdict as u64);
    writer.text(1, reply.call_id);
}

fn output_to_protobuf(output: &OutputEntry<'_>, writer: &mut Reverse) {
    let error = match output.value {
        Ok(value) => writer.value(2, value).map_or_else(|error| error.to_string(), |()| String::new()),
        Err(error) => error.to_owned(),
    };
    writer.text(3, &error);
    writer.text(1, output.src);
}

pub(super) fn to_json(reply: &DecideReply<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("callId", reply.call_id);
        json.text("verdict", reply.verdict.name());
        json.text("reason", reply.reason);
        json.text("policy", reply.policy);
        json.text("rule", reply.rule);
        json.text("location", reply.location);
        if !reply.obligations.is_empty() {
            json.key("obligations");
            json.array(|json| {
                for obligation in reply.obligations {
                    let _: Result<(), OutputError> = json.value(Value::Map(*obligation));
                }
            });
        }
        if !reply.outputs.is_empty() {
            json.key("outputs");
            json.array(|json| reply.outputs.iter().for_each(|output| output_to_json(output, json)));
        }
        json.text("revision", reply.revision);
        json.text("decisionId", reply.decision_id);
        json.flag("cached", reply.cached);
        json.text("argumentsSha256", reply.arguments_sha256);
        json.texts("trace", reply.trace);
        if !reply.explanations.is_empty() {
            json.key("explanations");
            json.array(|json| reply.explanations.iter().for_each(|e| json.raw(e.json.as_bytes())));
        }
        if let Some(error) = &reply.error {
            json.key("error");
            json.object(|json| {
                json.key("code");
                json.number(f64::from(error.code));
                json.text("message", error.message);
            });
        }
    });
}

fn output_to_json(output: &OutputEntry<'_>, json: &mut Json) {
    json.object(|json| {
        json.text("src", output.src);
        let error = json.try_value("value", output.value);
        json.text("error", &error);
    });
}
