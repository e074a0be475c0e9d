//! What becomes of a request to a language model: which tools it may declare, whether its history holds a denied call,
//! and which calls were made that should not have been.

use serde_json::{Map, Value as Json};

use super::Settings;
use super::body::{Named, Past, forced, history, made, retain_tools};
use crate::cel::value::Value;
use crate::identity::tailnet::Peer;
use crate::protocols::gateway::{Outcome, Question, Tailnet, Who, ask, filter_in};
use crate::protocols::hooks::NATIVE;
use crate::service::{Failure, Turn};
use crate::wire::json;
use crate::wire::message::{Arguments, EMPTY, Tool};

/// The adapter's name.
pub(super) const GATEWAY: &str = "aperture";
/// More calls than this in one history are nothing that can be judged in time.
const MOST_CALLS: usize = 2_000;
/// What a tagged device has instead of a user.
const TAGGED: &str = "tagged-devices";

/// The answer to a request that has not been sent on yet.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// It may go on as it is.
    Allow,
    /// It may not.
    Block(String),
    /// This goes on instead.
    Modify(Box<Json>),
}

/// A call that was made, though policy denies it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) login: String,
    pub(super) node: String,
    pub(super) tool: String,
    pub(super) reason: String,
}

/// What Aperture sent.
pub(super) struct Payload {
    metadata: Map<String, Json>,
    whole: Json,
}

impl Payload {
    /// Reads what Aperture sent.
    ///
    /// # Errors
    /// If it could be read in two ways, or has no metadata.
    pub(super) fn read(turn: &Turn<'_>, text: &[u8]) -> Result<Self, Failure> {
        // Strictly: of a member that stands twice, nobody knows which the provider takes.
        json::value(turn.bump.alloc_slice_copy(text), turn.bump, turn.settings.wire)?;
        let whole: Json = serde_json::from_slice(text).map_err(|e| Failure::Arguments(e.to_string()))?;
        match whole.get("metadata") {
            Some(Json::Object(metadata)) => Ok(Self { metadata: metadata.clone(), whole }),
            _ => Err(Failure::Arguments("`metadata` is missing".into())),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.metadata.get(name).and_then(Json::as_str).unwrap_or("")
    }

    /// True for what is told after the model has answered.
    pub(super) fn is_after(&self) -> bool {
        let there = |name: &str| match self.whole.get(name) {
            None | Some(Json::Null) => false,
            Some(Json::Array(all)) => !all.is_empty(),
            Some(Json::Object(all)) => !all.is_empty(),
            Some(_) => true,
        };
        ["tool_calls", "response_body", "raw_responses"].into_iter().any(there)
    }

    fn who<'a>(&self, turn: &Turn<'a>, tailnet: Option<&Tailnet>) -> Result<Who<'a>, String> {
        let Some(tailnet) = tailnet else { return Err("the section `tailnet` is not configured".into()) };
        let login = self.text("login_name");
        let capabilities = match self.metadata.get("grants") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(grants)) => grants.clone(),
            Some(_) => return Err("`metadata.grants` is not an object".into()),
        };
        let peer = Peer {
            login: if login == TAGGED { String::new() } else { login.to_owned() },
            node_id: self.text("stable_node_id").to_owned(),
            capabilities,
            ..Peer::default()
        };
        tailnet.who(&peer, GATEWAY, turn.bump).map_err(|e| e.to_string())
    }

    fn context<'a>(&self, turn: &Turn<'a>) -> &'a [(&'a str, Value<'a>)] {
        let names = ["model", "provider", "tailnet_name", "user_agent"];
        let there = names.into_iter().filter(|name| !self.text(name).is_empty());
        let pairs = there.map(|name| (name, Value::String(&*turn.bump.alloc_str(self.text(name)))));
        bumpalo::collections::Vec::from_iter_in(pairs, turn.bump).into_bump_slice()
    }

    /// What becomes of a request before it is sent on.
    pub(super) fn before(mut self, turn: &Turn<'_>, settings: &Settings, tailnet: Option<&Tailnet>) -> Answer {
        let who = match self.who(turn, tailnet) {
            Ok(who) => who,
            Err(why) => return Answer::Block(format!("nobody is known to ask: {why}")),
        };
        let Some(body @ Json::Object(_)) = self.whole.get("request_body").cloned() else {
            return Answer::Block("the hook does not send `request_body`".into());
        };
        if let Some((tool, reason)) = self.first_denied(turn, &who, settings, &history(&body)) {
            return Answer::Block(format!("the history holds a call of `{tool}` that policy denies: {reason}"));
        }
        let mut tools = Vec::new();
        let mut body = body;
        let before = body.clone();
        retain_tools(&mut body, &mut |named| {
            tools.push(named);
            true
        });
        let kept = match keep(turn, &who, settings, self.text("session_id"), &tools) {
            Ok(kept) => kept,
            Err(failure) => return Answer::Block(failure.to_string()),
        };
        if let Some(name) = forced(&before)
            && tools.iter().zip(&kept).any(|(tool, kept)| *tool == name && !kept)
        {
            return Answer::Block(format!("the request forces a call of `{}`, which policy denies", name.shown()));
        }
        // What could not be read at all was taken out already.
        body = before.clone();
        let mut next = kept.iter();
        retain_tools(&mut body, &mut |_| next.next().copied().unwrap_or(false));
        self.whole = Json::Null;
        if body == before { Answer::Allow } else { Answer::Modify(Box::new(body)) }
    }

    fn first_denied(
        &self,
        turn: &Turn<'_>,
        who: &Who<'_>,
        settings: &Settings,
        calls: &[Past],
    ) -> Option<(String, String)> {
        if calls.len() > MOST_CALLS {
            return Some(("the last tool".into(), format!("more than {MOST_CALLS} calls cannot be judged")));
        }
        calls.iter().find_map(|call| Some((call.tool.shown(), self.denied(turn, who, settings, call)?)))
    }

    /// Why policy denies a call; none if it does not. That a person must approve is for whoever makes it.
    fn denied(&self, turn: &Turn<'_>, who: &Who<'_>, settings: &Settings, call: &Past) -> Option<String> {
        let (prefix, server, name) = match &call.tool {
            Named::Mcp(server, tool) => (None, server.as_str(), tool.as_str()),
            Named::Plain(name) => (Some(NATIVE), settings.agent.as_str(), name.as_str()),
            Named::Unclear(_) => return Some("its name can be read as a tool of more than one server".into()),
        };
        // Again for each call: an arena holds what one question needs.
        let text = turn.bump.alloc_str(&call.arguments);
        let arguments = if text.is_empty() {
            Arguments::Absent
        } else {
            match json::exact_value(text.as_bytes(), turn.bump, turn.settings.wire) {
                Ok(Value::Map(map)) => Arguments::Parsed { raw: text.as_bytes(), map },
                Ok(_) => return Some("its arguments are no object".into()),
                Err(e) => return Some(format!("its arguments cannot be read: {e}")),
            }
        };
        let who = Who { ..*who };
        let question = Question {
            prefix,
            server: turn.bump.alloc_str(server),
            name: turn.bump.alloc_str(name),
            arguments,
            session: turn.bump.alloc_str(self.text("session_id")),
            gateway: GATEWAY,
            context: self.context(turn),
            ..Question::EMPTY
        };
        match ask(turn, &who, &question) {
            Outcome::Deny(reply) => Some(reply.reason.to_owned()),
            Outcome::Allow(_) | Outcome::Oblige(..) | Outcome::Ask(_) => None,
        }
    }

    /// The calls that a model has made, and policy denies.
    pub(super) fn after(&self, turn: &Turn<'_>, settings: &Settings, tailnet: Option<&Tailnet>) -> Vec<Made> {
        let made = made(&self.whole);
        let who = self.who(turn, tailnet);
        let denied = |call: &Past| match &who {
            Ok(who) => self.denied(turn, who, settings, call),
            Err(why) => Some(format!("nobody is known to ask: {why}")),
        };
        let tell = |call: &Past| {
            let reason = denied(call)?;
            let (login, node) = (self.text("login_name").to_owned(), self.text("stable_node_id").to_owned());
            Some(Made { login, node, tool: call.tool.shown(), reason })
        };
        made.iter().take(MOST_CALLS).filter_map(tell).collect()
    }
}

/// Which of the declared tools may be.
fn keep(
    turn: &Turn<'_>,
    who: &Who<'_>,
    settings: &Settings,
    session: &str,
    tools: &[Named],
) -> Result<Vec<bool>, Failure> {
    let session = turn.bump.alloc_str(session);
    let mut kept = vec![false; tools.len()];
    for native in [false, true] {
        let mut at = Vec::new();
        let mut asked = bumpalo::collections::Vec::new_in(turn.bump);
        for (i, tool) in tools.iter().enumerate() {
            let (server, name) = match tool {
                Named::Mcp(server, tool) if !native => (server.as_str(), tool.as_str()),
                Named::Plain(name) if native => (settings.agent.as_str(), name.as_str()),
                Named::Mcp(..) | Named::Plain(_) | Named::Unclear(_) => continue,
            };
            at.push(i);
            let (server, name) = (&*turn.bump.alloc_str(server), &*turn.bump.alloc_str(name));
            asked.push(Tool { server, name, annotations: EMPTY, pinned: false });
        }
        let prefix = native.then_some(NATIVE);
        let may = filter_in(turn, who, GATEWAY, session, asked.into_bump_slice(), prefix)?;
        for (i, may) in at.into_iter().zip(may) {
            if let Some(slot) = kept.get_mut(i) {
                *slot = *may;
            }
        }
    }
    Ok(kept)
}
