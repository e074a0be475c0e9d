//! Where the tool call of an HTTP request is: in the body, else in the metadata of Envoy's MCP filter, else in `Mcp-*`
//! headers. Where several of them are there they must say the same; the body is what is judged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::reply::Reply;
use crate::cel::value::{Map, Value};
use crate::protocols::gateway::{Headers, unreadable};
use crate::service::Turn;
use crate::wire::json::{self, TOOLS_CALL};
use crate::wire::mcp::{Asked, Call, Mcp, Params};
use crate::wire::message::EMPTY;

/// The first revision of MCP in which headers must mirror the body.
const MIRRORED: &str = "2026-07-28";

/// What an HTTP request carries.
#[derive(Debug)]
pub(super) enum Carried<'a> {
    /// Whole messages.
    Messages {
        /// One, or those of a batch.
        messages: &'a [Mcp<'a>],
        /// It is a batch.
        batch: bool,
    },
    /// A request that Envoy or the headers tell of.
    Told {
        /// Its id; empty if it is not known.
        id: Vec<u8>,
        /// What is known of it.
        asked: Asked<'a>,
        /// Its arguments are known too.
        whole: bool,
    },
}

/// Reads what an HTTP request carries.
///
/// # Errors
/// The refusal, if nothing can be read, or what is there does not agree.
pub(super) fn carried<'a>(
    turn: &Turn<'a>,
    body: &'a [u8],
    metadata: Map<'a>,
    headers: Headers<'a>,
) -> Result<Carried<'a>, Reply> {
    let told = Mirrored::of(turn, headers)?;
    if !body.is_empty() {
        let read = json::mcp(body, turn.bump, turn.settings.wire);
        let (messages, batch) = read.map_err(|e| Reply::failed(&unreadable(e)))?;
        for message in messages {
            let (method, name) = match message {
                Mcp::Request { asked, .. } => (Some(asked.method), asked.subject()),
                Mcp::Notification { method } => (Some(*method), None),
                Mcp::Response { .. } => (None, None),
            };
            told.agrees(method, name)?;
            filter_agrees(metadata, method, name)?;
        }
        return Ok(Carried::Messages { messages, batch });
    }
    if let Some(Value::String(method)) = metadata.get_str("method") {
        return from_filter(method, metadata, &told);
    }
    told.request(turn)
}

impl<'a> Asked<'a> {
    /// What the method is about, as `Mcp-Name` says it.
    fn subject(&self) -> Option<&'a str> {
        let text = |name| if let Some(Value::String(text)) = self.params.map.get_str(name) { Some(text) } else { None };
        match self.method {
            TOOLS_CALL | "prompts/get" => text("name"),
            "resources/read" => text("uri"),
            _ => None,
        }
    }
}

/// `Mcp-*` headers, decoded.
#[derive(Debug)]
struct Mirrored<'a> {
    version: Option<&'a str>,
    method: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> Mirrored<'a> {
    fn of(turn: &Turn<'a>, headers: Headers<'a>) -> Result<Self, Reply> {
        let one = |name: &str| {
            let fault = |_| Reply::mismatch(&format!("header `{name}` is there more than once, or is no text"));
            headers.one(name).map_err(fault)
        };
        let decoded = |name: &str| {
            one(name)?
                .map(|value| {
                    decode(value, turn)
                        .ok_or_else(|| Reply::mismatch(&format!("header `{name}` is not base64 of a text")))
                })
                .transpose()
        };
        Ok(Self { version: one("mcp-protocol-version")?, method: decoded("mcp-method")?, name: decoded("mcp-name")? })
    }

    /// Checks the headers against a message of the body.
    fn agrees(&self, method: Option<&str>, name: Option<&str>) -> Result<(), Reply> {
        let differs = |header: Option<&str>, body: Option<&str>| header.is_some() && header != body;
        if differs(self.method, method) {
            return Err(Reply::mismatch("header `mcp-method` is not the method of the body"));
        }
        if differs(self.name, name) {
            return Err(Reply::mismatch("header `mcp-name` is not the name in the body"));
        }
        Ok(())
    }

    /// The request that the headers alone tell of.
    fn request(&self, turn: &Turn<'a>) -> Result<Carried<'a>, Reply> {
        let Some(method) = self.method else {
            return Err(Reply::malformed("no MCP message: let Envoy send the body (`with_request_body`)"));
        };
        // Revisions are dates; of older ones nobody checks the headers against the body.
        if self.version.is_none_or(|version| version < MIRRORED || version.len() != MIRRORED.len()) {
            let why = "headers can be judged from MCP 2026-07-28 on: let Envoy send the body (`with_request_body`)";
            return Err(Reply::malformed(why));
        }
        let asked = match (method, self.name) {
            (TOOLS_CALL, None | Some("")) => return Err(Reply::malformed("header `mcp-name` is missing")),
            (TOOLS_CALL, Some(name)) => called(method, name, EMPTY),
            (_, None) => Asked { method, params: Params::NONE },
            (_, Some(name)) => {
                let key = if method == "resources/read" { "uri" } else { "name" };
                let fields: &'a [(&'a str, Value<'a>)] = turn.bump.alloc([(key, Value::String(name))]);
                Asked { method, params: Params { raw: b"", map: Map::Fields(fields), call: None } }
            }
        };
        Ok(Carried::Told { id: Vec::new(), asked, whole: false })
    }
}

/// A value as it is, or base64 of it: `=?base64?…?=`.
fn decode<'a>(value: &'a str, turn: &Turn<'a>) -> Option<&'a str> {
    let Some(coded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(value);
    };
    let bytes = STANDARD.decode(coded).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    Some(turn.bump.alloc_str(text))
}

/// The request that Envoy's MCP filter tells of.
fn from_filter<'a>(method: &'a str, metadata: Map<'a>, told: &Mirrored<'a>) -> Result<Carried<'a>, Reply> {
    if method == "__jsonrpc_response" {
        return Ok(Carried::Messages { messages: &[], batch: false });
    }
    let id = match metadata.get_str("id") {
        Some(Value::String(id)) => crate::wire::encode::value_json(Value::String(id)).unwrap_or_default(),
        Some(Value::Double(n)) if n.fract() == 0.0 && n.abs() < 9e15 => format!("{n:.0}").into_bytes(),
        _ => Vec::new(),
    };
    let params = if let Some(Value::Map(params)) = metadata.get_str("params") { params } else { EMPTY };
    let name = if let Some(Value::String(name)) = params.get_str("name") { Some(name) } else { None };
    let (asked, whole) = match (method, name) {
        (TOOLS_CALL, None | Some("")) => return Err(Reply::malformed("Envoy's MCP filter tells no tool name")),
        (TOOLS_CALL, Some(name)) => match params.get_str("arguments") {
            Some(Value::Map(arguments)) if !exact(Value::Map(arguments)) => {
                let why =
                    "a number that may have been rounded on its way: let Envoy send the body (`with_request_body`)";
                return Err(Reply::malformed(why));
            }
            Some(Value::Map(arguments)) => (called(method, name, arguments), true),
            None => (called(method, name, EMPTY), false),
            Some(_) => return Err(Reply::malformed("`arguments` must be an object")),
        },
        _ => (Asked { method, params: Params { raw: b"", map: params, call: None } }, !params.is_empty()),
    };
    told.agrees(Some(method), asked.subject().or(name))?;
    Ok(Carried::Told { id, asked, whole })
}

/// Whether every number can be the one that was sent: Envoy holds them as doubles.
fn exact(value: Value<'_>) -> bool {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Double(n) => n.abs() < WHOLE && !(n == 0.0 && n.is_sign_negative()),
        Value::List(list) => list.iter().all(exact),
        Value::Map(map) => map.iter().all(|(_, value)| exact(value)),
        _ => true,
    }
}

fn called<'a>(method: &'a str, name: &'a str, arguments: Map<'a>) -> Asked<'a> {
    Asked { method, params: Params { raw: b"", map: EMPTY, call: Some(Call { name, raw: b"", arguments }) } }
}

/// Checks what Envoy's MCP filter read against a message of the body.
fn filter_agrees(metadata: Map<'_>, method: Option<&str>, name: Option<&str>) -> Result<(), Reply> {
    let Some(Value::String(seen)) = metadata.get_str("method") else { return Ok(()) };
    if seen != method.unwrap_or("__jsonrpc_response") {
        return Err(Reply::mismatch("Envoy's MCP filter read another method than the body has"));
    }
    if let (Some(Value::Map(params)), Some(name)) = (metadata.get_str("params"), name)
        && let Some(Value::String(seen)) = params.get_str("name")
        && method == Some(TOOLS_CALL)
        && seen != name
    {
        return Err(Reply::mismatch("Envoy's MCP filter read another tool than the body names"));
    }
    Ok(())
}
