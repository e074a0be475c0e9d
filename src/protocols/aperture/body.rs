//! Requests to language models, of Anthropic, OpenAI (Chat Completions and Responses), Gemini and Bedrock: the tools they
//! declare, and the calls in their history. Decides nothing.

use serde_json::{Map, Value};

use crate::protocols::hooks::split;

/// A tool by the name it has in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A tool of an MCP server.
    Mcp(String, String),
    /// Any other tool.
    Plain(String),
    /// Nobody can tell which.
    Unclear(String),
}

impl Named {
    fn of(name: &str) -> Self {
        match name.strip_prefix("mcp__").map(split) {
            None if name.is_empty() => Self::Unclear("a tool without a name".into()),
            None => Self::Plain(name.to_owned()),
            Some(Ok((server, tool))) => Self::Mcp(server.to_owned(), tool.to_owned()),
            Some(Err(_)) => Self::Unclear(name.to_owned()),
        }
    }

    fn of_server(server: Option<&str>, name: &str) -> Self {
        match server {
            Some(server) if !server.is_empty() && !name.is_empty() => Self::Mcp(server.to_owned(), name.to_owned()),
            _ => Self::Unclear(name.to_owned()),
        }
    }

    /// The name for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Mcp(server, tool) => format!("{server}/{tool}"),
            Self::Plain(name) | Self::Unclear(name) => name.clone(),
        }
    }
}

/// A call in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// The tool.
    pub(super) tool: Named,
    /// Its arguments, as JSON; empty if there are none.
    pub(super) arguments: String,
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Hands each declared tool to `keep`, in order, and takes out those it does not keep. What is empty then goes too:
/// providers refuse empty lists.
pub(super) fn retain_tools(body: &mut Value, keep: &mut dyn FnMut(Named) -> bool) {
    let Value::Object(members) = body else { return };
    let had = members.contains_key("tools") || members.contains_key("functions");
    for name in ["tools", "functions"] {
        match members.get_mut(name) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(tools)) => {
                tools.retain_mut(|tool| retain_tool(tool, keep));
                if !tools.is_empty() {
                    continue;
                }
            }
            // Not a list of tools: whatever it is, nobody has judged it.
            Some(_) => _ = keep(Named::Unclear(format!("`{name}`"))),
        }
        members.shift_remove(name);
    }
    let left = members.contains_key("tools") || members.contains_key("functions");
    if had && !left {
        for name in ["tool_choice", "function_call", "parallel_tool_calls", "toolConfig"] {
            members.shift_remove(name);
        }
    }
    // Bedrock.
    if let Some(Value::Array(tools)) = members.get_mut("toolConfig").and_then(|c| c.get_mut("tools")) {
        tools.retain(|tool| match tool.get("toolSpec").and_then(|s| text(s, "name")) {
            Some(name) => keep(Named::of(name)),
            // A cache point is no tool.
            None if tool.get("cachePoint").is_some() => true,
            None => keep(Named::Unclear("a tool without a name".into())),
        });
        if !tools.iter().any(|t| t.get("toolSpec").is_some()) {
            members.shift_remove("toolConfig");
        }
    }
}

fn retain_tool(tool: &mut Value, keep: &mut dyn FnMut(Named) -> bool) -> bool {
    let Value::Object(members) = tool else { return keep(Named::Unclear("a tool that is no object".into())) };
    let inner = |members: &Map<String, Value>, name: &str| {
        members.get(name).and_then(|f| f.get("name")).and_then(Value::as_str).map(str::to_owned)
    };
    let own = |members: &Map<String, Value>, name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    if own(members, "type").as_deref() == Some("mcp") {
        return retain_mcp(members, keep);
    }
    let name = inner(members, "function").or_else(|| inner(members, "custom")).or_else(|| own(members, "name"));
    // Tools of the provider itself have a type and no name.
    if let Some(name) = name.or_else(|| own(members, "type").filter(|t| t != "function" && t != "custom")) {
        return keep(Named::of(&name));
    }
    if members.contains_key("type") || members.is_empty() {
        return keep(Named::Unclear("a tool without a name".into()));
    }
    // Gemini: one object holds declarations, and the provider's own tools by name.
    let names: Vec<String> = members.keys().cloned().collect();
    for name in names {
        let kept = match (name.as_str(), members.get_mut(&name)) {
            ("functionDeclarations" | "function_declarations", Some(Value::Array(all))) => {
                all.retain(|d| {
                    keep(text(d, "name").map_or(Named::Unclear("a function without a name".into()), Named::of))
                });
                !all.is_empty()
            }
            ("functionDeclarations" | "function_declarations", _) => keep(Named::Unclear(name.clone())),
            (other, _) => keep(Named::of(other)),
        };
        if !kept {
            members.shift_remove(&name);
        }
    }
    !members.is_empty()
}

/// A server that the provider calls by itself: only tools that are listed can be judged.
fn retain_mcp(members: &mut Map<String, Value>, keep: &mut dyn FnMut(Named) -> bool) -> bool {
    let server = members.get("server_label").and_then(Value::as_str).map(str::to_owned);
    let Some(Value::Array(tools)) = members.get_mut("allowed_tools") else {
        let shown = server.unwrap_or_default();
        return keep(Named::Unclear(format!("all tools of server `{shown}` (list them in `allowed_tools`)")));
    };
    tools.retain(|tool| match tool.as_str() {
        Some(name) => keep(Named::of_server(server.as_deref(), name)),
        None => keep(Named::Unclear("a tool without a name".into())),
    });
    !tools.is_empty()
}

/// The tool that the model is forced to call, if it is.
pub(super) fn forced(body: &Value) -> Option<Named> {
    let choice = body.get("tool_choice").filter(|c| c.is_object()).or_else(|| body.get("function_call"))?;
    if text(choice, "type") == Some("mcp") {
        return text(choice, "name").map(|name| Named::of_server(text(choice, "server_label"), name));
    }
    let inner = choice.get("function").or_else(|| choice.get("custom")).and_then(|f| text(f, "name"));
    inner.or_else(|| text(choice, "name")).map(Named::of)
}

/// The calls in the history of a request, in order.
pub(super) fn history(body: &Value) -> Vec<Past> {
    let mut calls = Vec::new();
    for message in list(body, "messages") {
        // Anthropic, and Bedrock's `toolUse`.
        for block in list(message, "content") {
            calls.extend(anthropic(block));
        }
        // OpenAI.
        for call in list(message, "tool_calls") {
            let inner = call.get("function").or_else(|| call.get("custom"));
            calls.push(openai(inner.unwrap_or(call)));
        }
        calls.extend(message.get("function_call").filter(|c| c.is_object()).map(openai));
    }
    // Responses.
    for item in list(body, "input") {
        match text(item, "type") {
            Some("function_call" | "custom_tool_call") => calls.push(openai(item)),
            Some("mcp_call" | "mcp_approval_request") => {
                let tool = Named::of_server(text(item, "server_label"), text(item, "name").unwrap_or(""));
                calls.push(Past { tool, ..openai(item) });
            }
            _ => {}
        }
    }
    // Gemini.
    for content in list(body, "contents") {
        for part in list(content, "parts") {
            let call = part.get("functionCall").or_else(|| part.get("function_call"));
            if let Some(call) = call {
                let tool = Named::of(text(call, "name").unwrap_or(""));
                calls.push(Past { tool, arguments: json(call.get("args")) });
            }
        }
    }
    calls
}

/// The calls that a model has just made, as Aperture lists them.
pub(super) fn made(payload: &Value) -> Vec<Past> {
    list(payload, "tool_calls")
        .map(|call| Past { tool: Named::of(text(call, "name").unwrap_or("")), arguments: json(call.get("params")) })
        .collect()
}

fn anthropic(block: &Value) -> Option<Past> {
    let name = text(block, "name").unwrap_or("");
    let tool = match text(block, "type") {
        Some("tool_use" | "server_tool_use") => Named::of(name),
        Some("mcp_tool_use") => Named::of_server(text(block, "server_name"), name),
        _ => {
            let call = block.get("toolUse")?;
            let tool = Named::of(text(call, "name").unwrap_or(""));
            return Some(Past { tool, arguments: json(call.get("input")) });
        }
    };
    Some(Past { tool, arguments: json(block.get("input")) })
}

fn openai(call: &Value) -> Past {
    let tool = Named::of(text(call, "name").unwrap_or(""));
    // Functions have a text with JSON in it; custom tools have any text.
    let arguments = match (call.get("arguments"), call.get("input")) {
        (Some(Value::String(text)), _) => text.trim().to_owned(),
        (Some(other), _) => json(Some(other)),
        (None, Some(input)) => Value::Object(Map::from_iter([("input".to_owned(), input.clone())])).to_string(),
        (None, None) => String::new(),
    };
    Past { tool, arguments }
}

fn json(value: Option<&Value>) -> String {
    value.filter(|v| !v.is_null()).map(Value::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(body: &Value) -> Vec<String> {
        let mut names = Vec::new();
        retain_tools(&mut body.clone(), &mut |named| {
            names.push(named.shown());
            true
        });
        names
    }

    fn without(body: &Value, denied: &[&str]) -> Value {
        let mut body = body.clone();
        retain_tools(&mut body, &mut |named| !denied.contains(&named.shown().as_str()));
        body
    }

    #[test]
    fn declared_tools_of_every_provider() {
        let anthropic = json!({"tools": [{"name": "Bash", "input_schema": {}}, {"name": "mcp__gh__x"},
            {"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "auto"}});
        assert_eq!(declared(&anthropic), ["Bash", "gh/x", "web_search"]);
        assert_eq!(without(&anthropic, &["Bash", "gh/x", "web_search"]), json!({}));
        assert_eq!(without(&anthropic, &["gh/x"])["tools"].as_array().unwrap().len(), 2);

        let chat = json!({"tools": [{"type": "function", "function": {"name": "a"}}, {"type": "custom", "custom": {"name": "b"}},
            {"type": "function"}], "functions": [{"name": "c"}], "parallel_tool_calls": true});
        assert_eq!(declared(&chat), ["a", "b", "a tool without a name", "c"]);
        assert_eq!(
            without(&chat, &["a", "b", "a tool without a name"]),
            json!({"functions": [{"name": "c"}], "parallel_tool_calls": true})
        );

        let responses = json!({"tools": [{"type": "function", "name": "a"}, {"type": "web_search_preview"},
            {"type": "mcp", "server_label": "gh", "allowed_tools": ["x", "y"]}, {"type": "mcp", "server_label": "all"}]});
        assert_eq!(
            declared(&responses),
            ["a", "web_search_preview", "gh/x", "gh/y", "all tools of server `all` (list them in `allowed_tools`)"]
        );
        assert_eq!(without(&responses, &["gh/x"])["tools"][2]["allowed_tools"], json!(["y"]));

        let gemini = json!({"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "b"}], "googleSearch": {}}]});
        assert_eq!(declared(&gemini), ["a", "b", "googleSearch"]);
        assert_eq!(without(&gemini, &["a", "b"]), json!({"tools": [{"googleSearch": {}}]}));
        assert_eq!(without(&gemini, &["a", "b", "googleSearch"]), json!({}));

        let bedrock = json!({"toolConfig": {"tools": [{"toolSpec": {"name": "a"}}, {"cachePoint": {}}]}});
        assert_eq!(declared(&bedrock), ["a"]);
        assert_eq!(without(&bedrock, &["a"]), json!({}));

        // What is no list of tools is not let through as it is.
        assert_eq!(without(&json!({"tools": {"0": {"name": "a"}}, "model": "m"}), &[]), json!({"model": "m"}));
        assert_eq!(declared(&json!({"tools": ["a"]})), ["a tool that is no object"]);
    }

    #[test]
    fn calls_in_the_history_of_every_provider() {
        let body = json!({
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}},
                    {"type": "mcp_tool_use", "server_name": "gh", "name": "x", "input": {}}]},
                {"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": "{\"n\":1}"}}, {"custom": {"name": "b", "input": "text"}}]},
                {"role": "assistant", "function_call": {"name": "c", "arguments": ""}},
                {"role": "assistant", "content": [{"toolUse": {"name": "e", "input": {"x": 1}}}]},
            ],
            "input": [{"type": "message"}, {"type": "function_call", "name": "mcp__gh__y", "arguments": "{}"},
                {"type": "mcp_call", "server_label": "gh", "name": "z", "arguments": "{}"}],
            "contents": [{"parts": [{"text": "x"}, {"functionCall": {"name": "d", "args": {"k": "v"}}}]}],
        });
        let seen: Vec<(String, String)> = history(&body).into_iter().map(|p| (p.tool.shown(), p.arguments)).collect();
        let expected = [
            ("Bash", "{\"command\":\"ls\"}"),
            ("gh/x", "{}"),
            ("a", "{\"n\":1}"),
            ("b", "{\"input\":\"text\"}"),
            ("c", ""),
            ("e", "{\"x\":1}"),
            ("gh/y", "{}"),
            ("gh/z", "{}"),
            ("d", "{\"k\":\"v\"}"),
        ];
        assert_eq!(seen, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_forced_tool_is_found() {
        for (choice, name) in [
            (json!({"tool_choice": {"type": "tool", "name": "a"}}), Some("a")),
            (json!({"tool_choice": {"type": "function", "function": {"name": "a"}}}), Some("a")),
            (json!({"tool_choice": {"type": "function", "name": "a"}}), Some("a")),
            (json!({"tool_choice": {"type": "mcp", "server_label": "gh", "name": "a"}}), Some("gh/a")),
            (json!({"function_call": {"name": "a"}}), Some("a")),
            (json!({"tool_choice": "required"}), None),
            (json!({"tool_choice": {"type": "any"}}), None),
            (json!({}), None),
        ] {
            assert_eq!(forced(&choice).map(|n| n.shown()).as_deref(), name, "{choice}");
        }
    }
}
