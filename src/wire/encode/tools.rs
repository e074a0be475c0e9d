//! `toolgate.v1.PlanToolsResponse`.

use super::json::Json;
use super::plan::{operand_to_json, operand_to_protobuf};
use super::protobuf::Reverse;
use crate::plan::{Filter, debug_term};
use crate::wire::reply::{PlanToolsReply, ToolPlan};

pub(super) fn to_protobuf(reply: &PlanToolsReply<'_>, writer: &mut Reverse) {
    writer.text(2, reply.revision);
    for tool in reply.tools.iter().rev() {
        writer.message(1, |writer| {
            match tool.filter {
                Err(why) => writer.text(6, why),
                Ok(Filter::If(term)) => {
                    writer.text(5, &debug_term(term));
                    writer.message(4, |writer| operand_to_protobuf(term, writer));
                }
                Ok(Filter::Always | Filter::Never { .. }) => {}
            }
            writer.number(3, availability(tool).0);
            writer.text(2, tool.name);
            writer.text(1, tool.server);
        });
    }
}

fn availability(tool: &ToolPlan<'_>) -> (u64, &'static str) {
    match tool.filter {
        Ok(Filter::Always) => (1, "AVAILABILITY_ALLOWED"),
        Ok(Filter::Never { .. }) => (2, "AVAILABILITY_DENIED"),
        Ok(Filter::If(_)) | Err(_) => (3, "AVAILABILITY_CONDITIONAL"),
    }
}

pub(super) fn to_json(reply: &PlanToolsReply<'_>, json: &mut Json) {
    json.object(|json| {
        json.key("tools");
        json.array(|json| reply.tools.iter().for_each(|tool| json.object(|json| tool_to_json(tool, json))));
        json.text("revision", reply.revision);
    });
}

fn tool_to_json(tool: &ToolPlan<'_>, json: &mut Json) {
    json.text("server", tool.server);
    json.text("name", tool.name);
    json.text("availability", availability(tool).1);
    match tool.filter {
        Err(why) => json.text("error", why),
        Ok(Filter::If(term)) => {
            json.key("condition");
            operand_to_json(term, json);
            json.text("conditionText", &debug_term(term));
        }
        Ok(Filter::Always | Filter::Never { .. }) => {}
    }
}
