//! LiteLLM's generic guardrail: `POST /beta/litellm_basic_guardrail_api`. Tools that a request declares are held against
//! policy by name, calls that a model has made with their arguments. An MCP call comes as one declared tool whose
//! arguments are not sent: it may run only where policy allows it whatever they are.
//!
//! LiteLLM blocks when it is answered with an error; it is answered with `BLOCKED` all the same, which has a reason.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::post;
use bumpalo::collections::Vec as BumpVec;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value as Json, json};

use super::Shared;
use super::gateway::{Able, Gate, Question, TokenHash, Who, ask, filter_in, listed_always};
use super::hooks::{NATIVE, split};
use super::http::{Layout, json as respond, receive, wrong_method};
use crate::cel::value::{Map, Value};
use crate::service::{Failure, Turn};
use crate::wire::json as strict;
use crate::wire::map::sort;
use crate::wire::message::{Arguments, EMPTY, Identity, Tool};

const GATEWAY: &str = "litellm";
/// More tools or calls than this are nothing that can be judged in time.
const MOST: usize = 2_000;

/// Settings of the guardrail.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key that LiteLLM sends.
    pub key: TokenHash,
    /// Roles that everybody has who comes through it.
    pub give_roles: Vec<String>,
    /// Names of MCP servers, which LiteLLM puts before a tool's name and a dash.
    pub servers: Vec<String>,
}

/// The route, if it is configured.
pub(super) fn routes(settings: Option<&Settings>) -> Router<Arc<Shared>> {
    let Some(settings) = settings.cloned() else { return Router::new() };
    let guard = move |State(shared): State<Arc<Shared>>, request: Request| async move {
        guard(&shared, &settings, request).await
    };
    Router::new().route("/beta/litellm_basic_guardrail_api", post(guard).fallback(wrong_method))
}

/// What LiteLLM is told.
enum Answer {
    Nothing,
    Blocked(String),
    Tools(Vec<Json>),
}

async fn guard(shared: &Shared, settings: &Settings, request: Request) -> Response<Body> {
    let known = is_known(settings, request.headers());
    let received = receive(request, shared.max_bytes, shared.settings.hooks.deadline).await;
    let (answer, layout) = match received {
        Err(failure) => (Answer::Blocked(failure.to_string()), Layout::Compact),
        Ok(received) if !known => (Answer::Blocked("the key of the guardrail is wrong".into()), received.layout),
        Ok(received) => {
            let judged = shared.service.answer(|turn| judge(turn, settings, &received.body));
            let blocked = |failure: Failure| Answer::Blocked(format!("the request cannot be decided: {failure}"));
            (judged.unwrap_or_else(blocked), received.layout)
        }
    };
    let text = match answer {
        Answer::Nothing => json!({ "action": "NONE" }),
        Answer::Blocked(reason) => json!({ "action": "BLOCKED", "blocked_reason": reason }),
        Answer::Tools(tools) => json!({ "action": "GUARDRAIL_INTERVENED", "tools": tools }),
    };
    respond(StatusCode::OK, text.to_string(), layout)
}

fn is_known(settings: &Settings, headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all("x-api-key").iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) => key.to_str().is_ok_and(|key| settings.key.is_of(key)),
        _ => false,
    }
}

fn judge(turn: &Turn<'_>, settings: &Settings, body: &[u8]) -> Result<Answer, Failure> {
    strict::value(turn.bump.alloc_slice_copy(body), turn.bump, turn.settings.wire)?;
    let asked: Json = serde_json::from_slice(body).map_err(|e| Failure::Arguments(e.to_string()))?;
    if !matches!(asked.get("input_type").and_then(Json::as_str), Some("request" | "response")) {
        return Err(Failure::Arguments("`input_type` must be `request` or `response`".into()));
    }
    let who = match who(turn, settings, &asked) {
        Ok(who) => who,
        Err(why) => return Ok(Answer::Blocked(format!("nobody is known to ask: {why}"))),
    };
    let empty = Vec::new();
    let list = |name: &str| match asked.get(name) {
        None | Some(Json::Null) => Ok(&empty),
        Some(Json::Array(all)) if all.len() <= MOST => Ok(all),
        Some(_) => Err(Failure::Arguments(format!("`{name}` is not a list of at most {MOST}"))),
    };
    for call in list("tool_calls")? {
        if let Some(reason) = denied(turn, settings, &who, call)? {
            return Ok(Answer::Blocked(reason));
        }
    }
    let tools = list("tools")?;
    // What a language model is asked comes with messages; what is left is one call of an MCP tool.
    let is_call = tools.len() == 1 && matches!(asked.get("structured_messages"), None | Some(Json::Null));
    if is_call {
        return mcp_call(turn, settings, &who, tools);
    }
    let mut kept = Vec::with_capacity(tools.len());
    for tool in tools {
        let name = declared(tool);
        if may_list(turn, settings, &who, name)? {
            kept.push(tool.clone());
        }
    }
    Ok(match (kept.len(), tools.len()) {
        (k, all) if k == all => Answer::Nothing,
        // An empty list would be taken for none.
        (0, _) => Answer::Blocked("policy denies every tool that the request declares".into()),
        _ => Answer::Tools(kept),
    })
}

/// The user of the key that came to LiteLLM. What a client says of its own users is an attribute and no more.
fn who<'a>(turn: &Turn<'a>, settings: &Settings, asked: &Json) -> Result<Who<'a>, &'static str> {
    let Some(Json::Object(data)) = asked.get("request_data") else { return Err("`request_data` is missing") };
    let text = |name: &str| data.get(name).and_then(Json::as_str).filter(|t| !t.is_empty());
    let id = text("user_api_key_user_id").or_else(|| text("user_api_key_user_email"));
    let id = id.ok_or("the key has no user")?;
    let mut roles = BumpVec::new_in(turn.bump);
    for team in ["user_api_key_team_alias", "user_api_key_team_id"].into_iter().filter_map(text).take(1) {
        roles.push(&*turn.bump.alloc_str(&format!("team:{team}")));
    }
    roles.extend(settings.give_roles.iter().map(|r| &*turn.bump.alloc_str(r)));
    if roles.is_empty() {
        return Err("the identity has no roles");
    }
    let named = data.iter().filter_map(|(name, value)| Some((name.strip_prefix("user_api_key_")?, value.as_str()?)));
    // The hash of a key is a secret of LiteLLM's.
    let attr = named.filter(|(name, _)| *name != "hash").map(|(name, value)| {
        let name: &'a str = turn.bump.alloc_str(name);
        (name, Value::String(turn.bump.alloc_str(value)))
    });
    let attr = BumpVec::from_iter_in(attr, turn.bump).into_bump_slice_mut();
    sort(attr);
    let identity = Identity {
        id: turn.bump.alloc_str(id),
        roles: roles.into_bump_slice(),
        attr: Map::Fields(attr),
        scope: "",
        policy_version: "",
    };
    Ok(Who { identity, agent: None, session: "", source: GATEWAY })
}

/// Server and tool of a name; no server for what is of none.
fn place<'n>(settings: &'n Settings, name: &'n str) -> Result<(Option<&'n str>, &'n str), Failure> {
    if let Some(rest) = name.strip_prefix("mcp__") {
        return split(rest).map(|(server, tool)| (Some(server), tool));
    }
    let of = |server: &'n String| Some((server.as_str(), name.strip_prefix(server.as_str())?.strip_prefix('-')?));
    let mut found = settings.servers.iter().filter_map(of).filter(|(_, tool)| !tool.is_empty());
    match (found.next(), found.next()) {
        (None, _) => Ok((None, name)),
        (Some((server, tool)), None) => Ok((Some(server), tool)),
        (Some(_), Some(_)) => Err(Failure::Arguments(format!("`{name}` can be a tool of more than one server"))),
    }
}

/// The name of a declared tool; empty if it has none.
fn declared(tool: &Json) -> &str {
    let inner = tool.get("function").and_then(|f| f.get("name")).or_else(|| tool.get("name"));
    inner.or_else(|| tool.get("type")).and_then(Json::as_str).unwrap_or("")
}

fn tool<'a>(turn: &Turn<'a>, settings: &Settings, name: &str) -> Result<(Tool<'a>, Option<&'static str>), Failure> {
    let (server, name) = place(settings, name)?;
    let prefix = server.is_none().then_some(NATIVE);
    let (server, name) = (turn.bump.alloc_str(server.unwrap_or(GATEWAY)), turn.bump.alloc_str(name));
    Ok((Tool { server, name, annotations: EMPTY, pinned: false }, prefix))
}

fn may_list<'a>(turn: &Turn<'a>, settings: &Settings, who: &Who<'a>, name: &str) -> Result<bool, Failure> {
    if name.is_empty() {
        return Ok(false);
    }
    let (tool, prefix) = tool(turn, settings, name)?;
    let kept = filter_in(turn, who, GATEWAY, "", turn.bump.alloc([tool]), prefix)?;
    Ok(kept == [true])
}

/// A call of an MCP tool whose arguments nobody has told.
fn mcp_call<'a>(turn: &Turn<'a>, settings: &Settings, who: &Who<'a>, tools: &[Json]) -> Result<Answer, Failure> {
    let name = tools.first().map_or("", declared);
    if name.is_empty() {
        return Ok(Answer::Blocked("the tool has no name".into()));
    }
    let (tool, prefix) = tool(turn, settings, name)?;
    let may = filter_in(turn, who, GATEWAY, "", turn.bump.alloc([tool]), prefix)? == [true];
    if may && !listed_always(turn, who, GATEWAY, tool, prefix)? {
        let what = format!("policy decides on the arguments of `{name}`, and LiteLLM does not send them");
        return Ok(Answer::Blocked(what));
    }
    let question = Question { prefix, server: tool.server, name: tool.name, gateway: GATEWAY, ..Question::EMPTY };
    Ok(match ask(turn, who, &question).within(turn, Able::default()) {
        Gate::Open(..) => Answer::Nothing,
        Gate::Shut(reply) | Gate::Ask(reply) => Answer::Blocked(reply.reason.to_owned()),
    })
}

/// Why a call that a model has made is denied; none if it is not.
fn denied<'a>(turn: &Turn<'a>, settings: &Settings, who: &Who<'a>, call: &Json) -> Result<Option<String>, Failure> {
    let function = call.get("function").ok_or_else(|| Failure::Arguments("a call without `function`".into()))?;
    let name = function.get("name").and_then(Json::as_str).unwrap_or("");
    if name.is_empty() {
        return Err(Failure::Arguments("a call without a name".into()));
    }
    let text = match function.get("arguments") {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    };
    let text: &'a str = turn.bump.alloc_str(&text);
    let arguments = match text {
        "" => Arguments::Absent,
        text => match strict::exact_value(text.as_bytes(), turn.bump, turn.settings.wire)? {
            Value::Map(map) => Arguments::Parsed { raw: text.as_bytes(), map },
            _ => return Err(Failure::Arguments(format!("the arguments of `{name}` are no object"))),
        },
    };
    let (tool, prefix) = tool(turn, settings, name)?;
    let call_id = turn.bump.alloc_str(call.get("id").and_then(Json::as_str).unwrap_or(""));
    let (server, name) = (tool.server, tool.name);
    let question = Question { call_id, prefix, server, name, arguments, gateway: GATEWAY, ..Question::EMPTY };
    Ok(match ask(turn, who, &question).within(turn, Able::default()) {
        Gate::Open(..) => None,
        Gate::Ask(reply) | Gate::Shut(reply) => Some(reply.reason.to_owned()),
    })
}
