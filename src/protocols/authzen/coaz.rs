//! COAZ-MCP: the shapes in which an MCP enforcement point asks AuthZEN about a message. They become tool calls where the
//! tool's server is known, which the standard's own mapping does not say:
//!
//! | action | resource | the call |
//! |---|---|---|
//! | `tools/call` | `tool` | the tool; `resource.properties.arguments` |
//! | `resources/read`, `resources/subscribe`, `resources/unsubscribe` | `resource` | `mcp:<method>`, with `uri` |
//! | `prompts/get` | `prompt` | `mcp:prompts/get`, with `name` |
//!
//! The server is `resource.properties.server`, else `adapters.authzen.server`. Everything else, and all of it where the
//! server is not known, is an evaluation like any other.
//!
//! An enforcement point that knows nothing of obligations would not keep them: an allow that obliges to something is a
//! denial unless the request says that it can be kept (`context.supported_obligations`).

use super::evaluate::{Answer, Context, OURS, fields, roles, text};
use crate::cel::value::{Map, Value};
use crate::protocols::gateway::{Outcome, Question, Who, ask, ask_without_arguments};
use crate::service::{Failure, Turn};
use crate::wire::authzen::Evaluation;
use crate::wire::encode::{Json, value_json};
use crate::wire::message::{Agent, Arguments, EMPTY, Identity};
use crate::wire::reply::DecideReply;

/// The adapter's name in policies.
const NAME: &str = "authzen";
/// Types of obligations that the profile names; others are `custom` in its terms.
const PROFILE: &[&str] = &["step-up", "notification", "session_termination"];

/// A tool call as an evaluation asks for it.
pub(super) struct Asked<'a> {
    who: Who<'a>,
    question: Question<'a>,
    /// The arguments came along.
    whole: bool,
    supported: Option<Value<'a>>,
}

/// The tool call that an evaluation asks for, if it is one.
///
/// # Errors
/// If it is one, and what it says of arguments or agent cannot be used.
pub(super) fn call<'a>(
    turn: &Turn<'a>,
    asked: &Evaluation<'a>,
    server: Option<&'a str>,
) -> Result<Option<Asked<'a>>, Failure> {
    let (Some(subject), Some(resource), Some(action)) = (asked.subject, asked.resource, asked.action) else {
        return Ok(None);
    };
    let Some(server) = Some(text(resource.properties, "server")).filter(|s| !s.is_empty()).or(server) else {
        return Ok(None);
    };
    let method = || -> &'a str { turn.bump.alloc_str(&format!("mcp:{}", action.name)) };
    let (name, arguments) = match (action.name, resource.ty) {
        ("tools/call", "tool") if resource.id.starts_with("mcp:") => {
            return Err(Failure::Arguments("names that begin with `mcp:` stand for methods".into()));
        }
        ("tools/call", "tool") => (resource.id, arguments(resource.properties)?),
        ("resources/read" | "resources/subscribe" | "resources/unsubscribe", "resource") => {
            (method(), Some(one("uri", resource.id, turn)))
        }
        ("prompts/get", "prompt") => (method(), Some(one("name", resource.id, turn))),
        _ => return Ok(None),
    };
    let identity = Identity {
        id: subject.id,
        roles: roles(turn, &subject),
        attr: subject.properties,
        scope: text(subject.properties, "cerbos.scope"),
        policy_version: text(subject.properties, "cerbos.policyVersion"),
    };
    let who = Who { identity, agent: agent(asked.context)?, session: "", source: NAME };
    let context = fields(asked.context).filter(|(key, _)| !key.starts_with(OURS) && *key != "agent");
    let context = bumpalo::collections::Vec::from_iter_in(context, turn.bump).into_bump_slice();
    let question = Question {
        server,
        name,
        arguments: arguments.map_or(Arguments::Absent, Arguments::Struct),
        gateway: NAME,
        context,
        ..Question::EMPTY
    };
    let supported = asked.context.get_str("supported_obligations");
    Ok(Some(Asked { who, question, whole: arguments.is_some(), supported }))
}

/// Decides a tool call.
pub(super) fn judge<'a>(turn: &Turn<'a>, asked: &Asked<'a>) -> Answer {
    let outcome = if asked.whole {
        ask(turn, &asked.who, &asked.question)
    } else {
        ask_without_arguments(turn, &asked.who, &asked.question)
    };
    match outcome {
        Outcome::Allow(reply) => answer(true, &reply, None, &[]),
        Outcome::Oblige(reply, _) => match reply.obligations.iter().find(|o| !asked.supports(**o)) {
            None => answer(true, &reply, None, reply.obligations),
            Some(unkept) => {
                let why = format!(
                    "obligation `{}` is not among the `supported_obligations` of the request: ",
                    text(*unkept, "type")
                );
                answer(false, &reply, Some(&why), &[])
            }
        },
        Outcome::Ask(reply) => answer(false, &reply, Some("a person must approve this: "), &[]),
        Outcome::Deny(reply) => answer(false, &reply, None, &[]),
    }
}

impl Asked<'_> {
    /// Whether the enforcement point says that it can keep an obligation.
    fn supports(&self, obligation: Map<'_>) -> bool {
        let ty = text(obligation, "type");
        let Some(Value::List(list)) = self.supported else { return false };
        list.iter().any(|known| {
            matches!(known, Value::String(known) if known == ty || (known == "custom" && !PROFILE.contains(&ty)))
        })
    }
}

fn arguments(properties: Map<'_>) -> Result<Option<Map<'_>>, Failure> {
    match properties.get_str("arguments") {
        None => Ok(None),
        Some(Value::Map(arguments)) => Ok(Some(arguments)),
        Some(_) => Err(Failure::Arguments("resource.properties.arguments: not a JSON object".into())),
    }
}

/// The agent, whose id COAZ gives.
fn agent(context: Map<'_>) -> Result<Option<Agent<'_>>, Failure> {
    let named = |id| Agent { id, roles: &[], attr: EMPTY, chain: &[] };
    match context.get_str("agent") {
        None | Some(Value::Null | Value::String("")) => Ok(None),
        Some(Value::String(id)) => Ok(Some(named(id))),
        Some(Value::Map(agent)) => match agent.get_str("id") {
            Some(Value::String(id)) if !id.is_empty() => Ok(Some(Agent { attr: agent, ..named(id) })),
            _ => Err(Failure::Arguments("context.agent: a map needs an `id`".into())),
        },
        Some(_) => Err(Failure::Arguments("context.agent: neither a text nor a map".into())),
    }
}

fn one<'a>(name: &'static str, value: &'a str, turn: &Turn<'a>) -> Map<'a> {
    let fields: &'a [(&'a str, Value<'a>)] = turn.bump.alloc([(name, Value::String(value))]);
    Map::Fields(fields)
}

fn answer(decision: bool, reply: &DecideReply<'_>, why: Option<&str>, obligations: &[Map<'_>]) -> Answer {
    let mut json = Json::default();
    json.object(|json| {
        json.text("evaluation_id", reply.decision_id);
        json.text("reason", &format!("{}{}", why.unwrap_or(""), reply.reason));
        json.text("rule", reply.rule);
        json.text("revision", reply.revision);
        if !obligations.is_empty() {
            json.key("obligations");
            json.array(|json| {
                for (i, obligation) in obligations.iter().enumerate() {
                    json.object(|json| write(i, *obligation, json));
                }
            });
        }
    });
    Answer { decision, context: Some(Context::Ruling(json.finish())) }
}

/// An obligation in the shape of the profile: a type of its own, the rest in `properties`.
fn write(i: usize, obligation: Map<'_>, json: &mut Json) {
    let ty = text(obligation, "type");
    let known = PROFILE.contains(&ty);
    json.text("id", &format!("{}", i + 1));
    json.text("type", if known { ty } else { "custom" });
    json.key("properties");
    json.object(|json| {
        for (key, value) in obligation.iter() {
            if let (Value::String(key), Ok(written)) = (key, value_json(value))
                && !(known && key == "type")
            {
                json.key(key);
                json.raw(&written);
            }
        }
    });
}
