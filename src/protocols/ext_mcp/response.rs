//! An answer on its way to the client: of a list, what this identity could call; of a result, what it may see.

use bumpalo::collections::Vec as BumpVec;
use bytes::Bytes;
use prost::Message;

use super::evidence;
use super::reply::{Answer, Refusal, Told};
use crate::cel::value::{Map, Value};
use crate::proto::agentgateway::dev::ext_mcp::McpResponse;
use crate::protocols::gateway::{Able, Adapters, Caller, Gate, Question, Who, ask, filter, identify, unreadable};
use crate::protocols::value::map;
use crate::service::{Service, Turn};
use crate::wire::encode::value_json;
use crate::wire::json::{self, TOOLS_CALL};
use crate::wire::mcp::{Listed, Listing};
use crate::wire::message::{Arguments, EMPTY, Tool};

/// What stands between server and tool in a list over several servers.
const DELIMITER: char = '_';

/// Answers a question: a `McpResponse` in, a `McpResponseResult` out, whatever happens.
pub(super) fn check(service: &Service, adapters: &Adapters, caller: &Caller, received: &[u8]) -> Bytes {
    let Ok(response) = McpResponse::decode(received) else {
        return Answer::Refuse(Refusal::invalid("not a McpResponse")).for_response();
    };
    let answer = service.answer(|turn| Ok(answer(turn, adapters, caller, &response).for_response()));
    answer.unwrap_or_else(|failure| Answer::Refuse(Refusal::failed(&failure)).for_response())
}

fn answer<'a>(turn: &Turn<'a>, adapters: &'a Adapters, caller: &'a Caller, response: &'a McpResponse) -> Answer {
    let evidence = evidence(caller, &[], response.metadata_context.as_ref(), turn.bump);
    let who = match identify(turn, &adapters.identity, &evidence) {
        Ok(who) => who,
        Err(unknown) => return Answer::Refuse(Refusal::unknown(&unknown)),
    };
    match &*response.method {
        "tools/list" => list(turn, &who, response, "tools", None),
        "resources/list" => list(turn, &who, response, "resources", Some("mcp:resources/read")),
        "resources/templates/list" => list(turn, &who, response, "resourceTemplates", Some("mcp:resources/read")),
        "prompts/list" => list(turn, &who, response, "prompts", Some("mcp:prompts/get")),
        TOOLS_CALL => result(turn, &who, response),
        "" => Answer::Refuse(Refusal::invalid("no method")),
        // Judged when it was asked for.
        _ => Answer::Pass(Told::default()),
    }
}

/// A list with what may be called. `action` is what its items are used by, if not by their own names.
fn list<'a>(
    turn: &Turn<'a>,
    who: &Who<'a>,
    response: &'a McpResponse,
    member: &str,
    action: Option<&'static str>,
) -> Answer {
    let listing = match json::mcp_list(member, &response.mcp_response, turn.bump, turn.settings.wire) {
        Ok(listing) => listing,
        Err(error) => return Answer::Refuse(Refusal::failed(&unreadable(error))),
    };
    let Some(items) = listing.items else { return Answer::Refuse(Refusal::invalid("the list is missing")) };
    let servers = &response.service_names;
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let asked = questions(turn, servers, item, action);
        match filter(turn, who, super::NAME, "", asked) {
            Ok(may) => kept.push(!may.is_empty() && may.iter().all(|may| *may)),
            Err(failure) => return Answer::Refuse(Refusal::failed(&failure)),
        }
    }
    if kept.iter().all(|keep| *keep) {
        return Answer::Pass(Told::default());
    }
    let left = items.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(item, _)| item.raw);
    Answer::Change(rewritten(&listing, member, left), Told::default())
}

/// The tools that an item of a list can be: in a list over several servers its name begins with its server's, and one
/// server's name may begin with another's.
fn questions<'a>(
    turn: &Turn<'a>,
    servers: &'a [String],
    item: &Listed<'a>,
    action: Option<&'static str>,
) -> &'a [Tool<'a>] {
    let tool = |server: &'a str, name: &'a str| {
        let (name, annotations) = action.map_or((name, item.annotations), |action| (action, EMPTY));
        Tool { server, name, annotations, pinned: false }
    };
    let candidates = servers.iter().filter(|server| !server.is_empty()).filter_map(|server| {
        let name = if servers.len() == 1 {
            item.name
        } else {
            item.name.strip_prefix(server.as_str())?.strip_prefix(DELIMITER)?
        };
        (!name.is_empty()).then(|| tool(server, name))
    });
    BumpVec::from_iter_in(candidates, turn.bump).into_bump_slice()
}

fn rewritten<'a>(listing: &Listing<'_>, member: &str, left: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut text = vec![b'{'];
    for (name, value) in listing.others {
        text.extend_from_slice(name);
        text.push(b':');
        text.extend_from_slice(value);
        text.push(b',');
    }
    text.extend_from_slice(format!("\"{member}\":[").as_bytes());
    for (i, item) in left.enumerate() {
        if i > 0 {
            text.push(b',');
        }
        text.extend_from_slice(item);
    }
    text.extend_from_slice(b"]}");
    text
}

/// The result of a tool, redacted as policy obliges to. The gateway's metadata must say which tool it was, and with
/// which arguments where conditions read them: the answer itself does not.
fn result<'a>(turn: &Turn<'a>, who: &Who<'a>, response: &'a McpResponse) -> Answer {
    let refuse = |why: &str| Answer::Refuse(Refusal::invalid(why));
    let metadata = response.metadata_context.as_ref().map_or(EMPTY, |metadata| map(metadata, turn.bump));
    let ([server], Some(Value::String(name))) = (response.service_names.as_slice(), metadata.get_str("tool")) else {
        return refuse("which tool gave this? Set `metadata: {tool: mcp.tool.name}` for the guardrail");
    };
    let arguments = match metadata.get_str("arguments") {
        Some(Value::Map(arguments)) => Arguments::Struct(arguments),
        None | Some(Value::Null) => Arguments::Absent,
        Some(_) => return refuse("metadata `arguments` is not a map"),
    };
    let result: Map<'a> = match json::object(&response.mcp_response, turn.bump, turn.settings.wire) {
        Ok(result) => result,
        Err(error) => return Answer::Refuse(Refusal::failed(&unreadable(error))),
    };
    let phase: &[_] = turn.bump.alloc([("phase", Value::String("result"))]);
    let question = Question { server, name, arguments, gateway: super::NAME, context: phase, ..Question::EMPTY };
    // The call has run already: that it needed approval, or other arguments, was seen to then.
    match ask(turn, who, &question).within(turn, Able { ask: true, arguments: true, results: true }) {
        Gate::Open(_, duties) if duties.changes_results() => {
            match value_json(Value::Map(duties.result(result, turn.bump))) {
                Ok(text) => Answer::Change(text, Told::default()),
                Err(_) => refuse("the redacted result cannot be sent"),
            }
        }
        Gate::Open(..) => Answer::Pass(Told::default()),
        Gate::Ask(reply) => Answer::Refuse(Refusal::denied(&reply, true)),
        Gate::Shut(reply) => Answer::Refuse(Refusal::denied(&reply, false)),
    }
}
