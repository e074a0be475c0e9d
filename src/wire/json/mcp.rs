//! MCP messages, read more strictly than JSON-RPC asks for: what two readers could read differently is refused. Members
//! are unique at every depth; a member whose name differs from a known one by case alone (`Name`) is refused, because
//! some readers take it for the known one; a whole number that a double does not hold is refused, because it would be
//! judged as another one than the tool gets; nothing may follow the message.

use super::error::JsonError;
use super::node::{Kind, Node};
use super::parser::raw;
use super::walk::Walk;
use crate::cel::value::{Map, Value};
use crate::wire::mcp::{Asked, Call, Listed, Listing, Mcp, Params};
use crate::wire::message::EMPTY;

/// The method that calls a tool.
pub const TOOLS_CALL: &str = "tools/call";

const MESSAGE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
const CALL: &[&str] = &["name", "arguments", "_meta", "task", "inputResponses", "requestState"];

const LISTED: &[&str] = &["name", "annotations"];

impl<'a> Walk<'a> {
    /// A message, or the messages of a batch.
    pub(super) fn mcp(&self, node: &'a Node<'a>) -> Result<&'a [Mcp<'a>], JsonError> {
        let Kind::Array(nodes) = node.kind else {
            return Ok(self.bump.alloc([self.mcp_message(node)?]));
        };
        if nodes.is_empty() {
            return Err(self.fault(node, "a batch without messages"));
        }
        let messages = self.repeated(node, Mcp::Response { id: b"" }, |node| self.mcp_message(node))?;
        Ok(messages)
    }

    fn mcp_message(&self, node: &'a Node<'a>) -> Result<Mcp<'a>, JsonError> {
        let [mut version, mut id, mut method, mut params, mut result, mut error] = [None; MESSAGE.len()];
        self.members(node, MESSAGE, |member, node| {
            match member {
                Some(0) => version = Some(node),
                Some(1) => id = Some(node),
                Some(2) => method = Some(node),
                Some(3) => params = Some(node),
                Some(4) => result = Some(node),
                Some(5) => error = Some(node),
                _ => return Err(self.fault(node, "a member that JSON-RPC does not have")),
            }
            Ok(())
        })?;
        let Some(version) = version else { return Err(self.fault(node, "`jsonrpc` is missing")) };
        if self.string(version, "jsonrpc")? != "2.0" {
            return Err(self.fault(version, "`jsonrpc` must be \"2.0\""));
        }
        match (method, result.or(error)) {
            (Some(method), None) => {
                let method = self.string(method, "method")?;
                if method.is_empty() {
                    return Err(self.fault(node, "`method` is empty"));
                }
                let params = params.map(|params| self.mcp_params(method, params)).transpose()?;
                match id {
                    Some(id) => {
                        let id = self.mcp_id(id)?;
                        let missing = method == TOOLS_CALL && params.is_none();
                        if missing {
                            return Err(self.fault(node, "`params` is missing"));
                        }
                        Ok(Mcp::Request { id, asked: Asked { method, params: params.unwrap_or(Params::NONE) } })
                    }
                    None => Ok(Mcp::Notification { method }),
                }
            }
            (None, Some(_)) => {
                if params.is_some() || (result.is_some() && error.is_some()) {
                    return Err(self.fault(node, "an answer has either `result` or `error` and nothing else"));
                }
                for node in [result, error].into_iter().flatten() {
                    self.exact_value(node)?;
                }
                let id = match id {
                    None => return Err(self.fault(node, "`id` is missing")),
                    Some(Node { kind: Kind::Null, .. }) if error.is_some() => b"".as_slice(),
                    Some(id) => self.mcp_id(id)?,
                };
                Ok(Mcp::Response { id })
            }
            (Some(_), Some(_)) => Err(self.fault(node, "both a request and an answer")),
            (None, None) => Err(self.fault(node, "neither a request nor an answer")),
        }
    }

    /// Parameters of a method.
    pub(super) fn mcp_params(&self, method: &'a str, node: &'a Node<'a>) -> Result<Params<'a>, JsonError> {
        if !matches!(node.kind, Kind::Object(_)) {
            return Err(self.fault(node, "`params` must be an object"));
        }
        let Value::Map(map) = self.exact_value(node)? else {
            return Err(self.fault(node, "`params` must be an object"));
        };
        let call = if method == TOOLS_CALL { Some(self.mcp_call(node, map)?) } else { None };
        Ok(Params { raw: self.raw(node), map, call })
    }

    fn mcp_call(&self, node: &'a Node<'a>, map: Map<'a>) -> Result<Call<'a>, JsonError> {
        let mut call = Call { name: "", raw: b"", arguments: EMPTY };
        self.members(node, CALL, |member, node| {
            match (member, node.kind) {
                (Some(0), _) => call.name = self.string(node, "name")?,
                (Some(1), Kind::Object(_)) => call.raw = self.raw(node),
                (Some(1), _) => return Err(self.fault(node, "`arguments` must be an object")),
                _ => {}
            }
            Ok(())
        })?;
        if call.name.is_empty() {
            return Err(self.fault(node, "the tool's `name` is missing"));
        }
        if let Some(Value::Map(arguments)) = map.get_str("arguments") {
            call.arguments = arguments;
        }
        Ok(call)
    }

    /// A string, or an integer that every reader reads alike.
    fn mcp_id(&self, node: &'a Node<'a>) -> Result<&'a [u8], JsonError> {
        let raw = self.raw(node);
        match node.kind {
            Kind::String(_) => self.string(node, "id").map(|_| raw),
            Kind::Number(_) if raw.iter().all(|b| b.is_ascii_digit() || *b == b'-') => self.exact(node).map(|()| raw),
            Kind::Number(_) | Kind::Null | Kind::Bool(_) | Kind::Array(_) | Kind::Object(_) => {
                Err(self.fault(node, "`id` must be a string or an integer"))
            }
        }
    }

    /// Hands each member to `each`, by its index in `names` if it is known.
    pub(super) fn members(
        &self,
        node: &'a Node<'a>,
        names: &[&str],
        mut each: impl FnMut(Option<usize>, &'a Node<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        let Kind::Object(members) = node.kind else { return Err(self.fault(node, "must be an object")) };
        let mut seen = 0_u64;
        for (key, value) in members {
            let name = self.name(key)?;
            let known = names.iter().position(|known| *known == name);
            if let Some(index) = known {
                if seen & (1 << index) != 0 {
                    return Err(self.at(key.span, &format!("duplicate member {}", raw(self.text, key.span))));
                }
                seen |= 1 << index;
            } else if let Some(like) = names.iter().find(|known| folded(known).eq(folded(name))) {
                let what = format!("member {} is not `{like}`, though some would read it so", raw(self.text, key.span));
                return Err(self.at(key.span, &what));
            }
            each(known, value)?;
        }
        Ok(())
    }

    /// A value that says the same to every reader: members are unique, and numbers are what a double holds.
    pub(super) fn exact_value(&self, node: &'a Node<'a>) -> Result<Value<'a>, JsonError> {
        // Refuses duplicates, faulty strings, infinities and what is too deep.
        let value = self.value(node, self.depth.saturating_add(1))?;
        self.exact_numbers(node)?;
        Ok(value)
    }

    /// The depth is known to be bounded.
    fn exact_numbers(&self, node: &'a Node<'a>) -> Result<(), JsonError> {
        match node.kind {
            Kind::Number(_) => self.exact(node),
            Kind::Array(items) => items.iter().try_for_each(|item| self.exact_numbers(item)),
            Kind::Object(members) => members.iter().try_for_each(|(_, value)| self.exact_numbers(value)),
            Kind::Null | Kind::Bool(_) | Kind::String(_) => Ok(()),
        }
    }

    fn exact(&self, node: &'a Node<'a>) -> Result<(), JsonError> {
        let Kind::Number(number) = node.kind else { return Ok(()) };
        let text = self.raw(node);
        let what = if number == 0.0 && number.is_sign_negative() {
            "a zero with a sign"
        } else if number == 0.0
            && text.iter().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| matches!(b, b'1'..=b'9'))
        {
            "a number too small for a double"
        } else if text.len() > 15
            && text.iter().all(|b| b.is_ascii_digit() || *b == b'-')
            && format!("{number:.0}").as_bytes() != text
        {
            "an integer that a double does not hold: send it as a string"
        } else {
            return Ok(());
        };
        Err(self.fault(node, &format!("{}: {what}", raw(self.text, node.span))))
    }

    #[cold]
    fn fault(&self, node: &Node<'a>, what: &str) -> JsonError {
        self.at(node.span, what)
    }
}

impl<'a> Walk<'a> {
    /// The result of a method that lists things under a member.
    pub(super) fn mcp_list(&self, node: &'a Node<'a>, member: &str) -> Result<Listing<'a>, JsonError> {
        self.exact_value(node)?;
        let Kind::Object(members) = node.kind else { return Err(self.fault(node, "must be an object")) };
        let mut listing = Listing { others: &[], items: None };
        let others = self.bump.alloc_slice_fill_copy(members.len(), (b"".as_slice(), b"".as_slice()));
        let mut kept = 0;
        for (key, value) in members {
            let name = self.name(key)?;
            if name == member {
                let Kind::Array(items) = value.kind else { return Err(self.fault(value, "must be a list")) };
                let read = items.iter().map(|item| self.mcp_listed(item)).collect::<Result<Vec<_>, _>>()?;
                listing.items = Some(self.bump.alloc_slice_copy(&read));
            } else if folded(name).eq(folded(member)) {
                let what =
                    format!("member {} is not `{member}`, though some would read it so", raw(self.text, key.span));
                return Err(self.at(key.span, &what));
            } else if let Some(slot) = others.get_mut(kept) {
                *slot = (self.bytes(key.span), self.raw(value));
                kept += 1;
            }
        }
        listing.others = others.get(..kept).unwrap_or_default();
        Ok(listing)
    }

    fn mcp_listed(&self, node: &'a Node<'a>) -> Result<Listed<'a>, JsonError> {
        let mut listed = Listed { name: "", annotations: EMPTY, raw: self.raw(node) };
        self.members(node, LISTED, |member, node| {
            match member {
                Some(0) => listed.name = self.string(node, "name")?,
                Some(_) if matches!(node.kind, Kind::Object(_)) => {
                    listed.annotations = self.values(node, self.depth)?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(listed)
    }
}

impl Params<'_> {
    /// No parameters.
    pub const NONE: Params<'static> = Params { raw: b"", map: EMPTY, call: None };
}

/// A name as readers that take case for nothing compare it: `ſ` is an `s` to them.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}
