//! `toolgate check`: one decision, from a policy directory or by a running server. Both answer the same JSON, which is
//! printed as it is or for people. Exit code 0 is an allow and nothing else is: a denial and a call that needs
//! approval are 2.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bumpalo::Bump;
use clap::Args;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tokio_rustls::TlsConnector;

use super::client::ask;
use super::healthcheck::duration;
use super::settings::{Options, open_store, service};
use super::{Output, out, tls};
use crate::config::Address;
use crate::protocols::decide_json;
use crate::toolcall::explain;
use crate::wire;
use crate::wire::limits::Limits;

/// Not allowed.
pub(super) const REFUSED: u8 = 2;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    call: Call,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// Who is asked: a policy directory, or a running server.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// Policy directory [default: the configuration's, or `policies`]
    directory: Option<PathBuf>,
    /// Ask the server at this HTTP address instead: `host:port` or `unix:/path`
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse, conflicts_with = "directory")]
    pdp: Option<Address>,
    /// How long to wait for that server
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    tls: tls::Protection,
    #[command(flatten)]
    options: Options,
}

/// What was answered, as JSON.
pub(super) struct Answer(Vec<u8>);

/// The call that is asked about.
#[derive(Debug, Default, Args)]
pub(super) struct Call {
    /// File with the whole question, as JSON for `/v1/decide`; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "tool", "id"])]
    request: Option<PathBuf>,
    /// Tool server, such as `github`
    #[arg(long, required_unless_present = "request")]
    server: Option<String>,
    /// Tool, such as `create_issue`
    #[arg(long, required_unless_present = "request")]
    tool: Option<String>,
    /// Arguments of the tool, a JSON object
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
    /// Who the call is made for
    #[arg(long, required_unless_present = "request")]
    id: Option<String>,
    /// A role of theirs; may be repeated
    #[arg(long)]
    role: Vec<String>,
    /// An attribute of theirs; the value is JSON, or else a text; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    attr: Vec<String>,
    /// The program that makes the call
    #[arg(long)]
    agent: Option<String>,
    /// A role of that program; may be repeated
    #[arg(long, requires = "agent")]
    agent_role: Vec<String>,
    /// Id of the session
    #[arg(long)]
    session: Option<String>,
    /// A label of the session, such as `tainted`; may be repeated
    #[arg(long)]
    label: Vec<String>,
    /// A member of the context; the value is JSON, or else a text; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    context: Vec<String>,
    /// Policy scope
    #[arg(long)]
    scope: Option<String>,
    /// Policy version
    #[arg(long)]
    policy_version: Option<String>,
    /// The tool is pinned in a manifest
    #[arg(long)]
    pinned: bool,
    /// Tell which rules were considered
    #[arg(long)]
    pub(super) trace: bool,
    /// Tell the SHA-256 of the arguments
    #[arg(long)]
    digest: bool,
}

pub(super) fn run(check: Check) -> anyhow::Result<ExitCode> {
    let answer = check.question.ask(&check.call, &[])?;
    let reply = answer.reply()?;
    match check.output {
        Output::Json => out(&String::from_utf8_lossy(&answer.0)),
        Output::Text => out(&for_people(&reply)),
    }
    Ok(if allows(&reply) { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

/// True if the call may run as it is.
pub(super) fn allows(reply: &Value) -> bool {
    reply.get("verdict").and_then(Value::as_str) == Some("VERDICT_ALLOW")
}

impl Question {
    /// Has the call decided; `redact` are more keys whose values its trace does not show.
    pub(super) fn ask(self, call: &Call, redact: &[String]) -> anyhow::Result<Answer> {
        let question = call.question()?;
        if let Some(address) = &self.pdp {
            return by_server(address, self.tls.connector(None)?.as_ref(), question, self.timeout).map(Answer);
        }
        let mut config = self.options.load(self.directory, true)?;
        config.storage.watch = false;
        config.tool_calls.redact.extend_from_slice(redact);
        let service = service(&config, open_store(&config)?);
        Ok(Answer(decide_json(&service, &question)?))
    }
}

impl Answer {
    pub(super) fn reply(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.0).context("the answer is not JSON")
    }
}

fn by_server(
    address: &Address,
    tls: Option<&TlsConnector>,
    question: Vec<u8>,
    patience: Duration,
) -> anyhow::Result<Vec<u8>> {
    let (status, body) = ask(address, tls, Method::POST, "/v1/decide", question, patience)?;
    if status == StatusCode::OK {
        return Ok(body.to_vec());
    }
    let error: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    match error.get("message").and_then(Value::as_str) {
        Some(message) => bail!("{message}"),
        None => bail!("the server at `{address}` answered {status}"),
    }
}

impl Call {
    /// The question as JSON. Arguments go into it as they were typed, so that they are judged, and digested, as such.
    pub(super) fn question(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(file) = &self.request {
            let mut text = Vec::new();
            if file.as_os_str() == "-" {
                std::io::stdin().read_to_end(&mut text)?;
            } else {
                text = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            }
            return Ok(if self.trace { with_trace(text) } else { text });
        }
        let mut question = json!({
            "identity": {
                "id": self.id,
                "roles": self.role,
                "attr": members(&self.attr)?,
                "scope": self.scope.as_deref().unwrap_or(""),
                "policyVersion": self.policy_version.as_deref().unwrap_or(""),
            },
            "tool": { "server": self.server, "name": self.tool, "pinned": self.pinned },
            "session": { "id": self.session.as_deref().unwrap_or(""), "labels": self.label },
            "context": members(&self.context)?,
            "includeTrace": self.trace,
            "includeDigest": self.digest,
        });
        if let (Some(agent), Some(question)) = (&self.agent, question.as_object_mut()) {
            question.insert("agent".into(), json!({ "id": agent, "roles": self.agent_role }));
        }
        let mut text = question.to_string();
        if let Some(arguments) = &self.arguments {
            // Whether it is one object is checked here, so that it cannot be more of the question than that.
            wire::json::object(arguments.as_bytes(), &Bump::new(), Limits::default())
                .map_err(|e| anyhow::anyhow!("--arguments: {}", e.located()))?;
            text.pop();
            text.push_str(",\"arguments\":");
            text.push_str(arguments);
            text.push('}');
        }
        Ok(text.into_bytes())
    }
}

/// The question with its trace asked for, unless it says something of that itself. The rest stays as it was written, so
/// that arguments are judged as such; what is no question is left for the server to refuse.
fn with_trace(mut text: Vec<u8>) -> Vec<u8> {
    let Ok(Value::Object(members)) = serde_json::from_slice(&text) else { return text };
    if members.contains_key("includeTrace") || members.contains_key("include_trace") {
        return text;
    }
    text.truncate(text.trim_ascii_end().len().saturating_sub(1));
    let member: &[u8] = if members.is_empty() { b"\"includeTrace\":true}" } else { b",\"includeTrace\":true}" };
    text.extend_from_slice(member);
    text
}

pub(super) fn members(typed: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut all = Map::new();
    for member in typed {
        let (name, value) = member.split_once('=').with_context(|| format!("`{member}` has no `=`"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        ensure!(all.insert(name.to_owned(), value).is_none(), "`{name}` is given twice");
    }
    Ok(all)
}

/// The answer as lines: the verdict and its reason, then whatever else there is.
fn for_people(reply: &Value) -> String {
    let text = |key: &str| reply.get(key).and_then(Value::as_str).unwrap_or("");
    let verdict = text("verdict").strip_prefix("VERDICT_").unwrap_or("UNKNOWN");
    let mut lines = vec![format!("{verdict}: {}", text("reason"))];
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("  {name:<12}{value}"));
        }
    };
    line("policy", text("policy"));
    let rule = match (text("rule"), text("location")) {
        ("", location) => location.to_owned(),
        (rule, "") => rule.to_owned(),
        (rule, location) => format!("{rule} ({location})"),
    };
    line("rule", &rule);
    let list = |key: &str| reply.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for obligation in list("obligations") {
        line("obligation", &obligation.to_string());
    }
    for output in list("outputs") {
        line("output", &output.to_string());
    }
    line("arguments", text("argumentsSha256"));
    line("revision", text("revision"));
    line("decision", text("decisionId"));
    for step in list("trace") {
        line("trace", step.as_str().unwrap_or(""));
    }
    lines.extend(list("explanations").iter().map(|e| format!("\n{}", explain::text(&explain::read(e)).trim_end())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call {
            server: Some("github".into()),
            tool: Some("create_issue".into()),
            id: Some("alice".into()),
            role: vec!["agent".into()],
            ..Call::default()
        }
    }

    #[test]
    fn arguments_are_passed_on_as_typed() {
        let typed = r#"{ "b":1.0, "a":"é" }"#;
        let question = Call { arguments: Some(typed.into()), ..call() }.question().unwrap();
        let text = String::from_utf8(question).unwrap();
        assert!(text.ends_with(&format!(",\"arguments\":{typed}}}")), "{text}");
        for typed in ["[]", "{}}", "{\"a\":1},\"agent\":{}", "{\"a\":1,\"a\":2}", ""] {
            assert!(Call { arguments: Some(typed.into()), ..call() }.question().is_err(), "{typed}");
        }
    }

    #[test]
    fn a_question_from_a_file_is_asked_with_its_trace() {
        let asked = |text: &str| String::from_utf8(with_trace(text.into())).unwrap();
        assert_eq!(asked("{\"a\": 1.0}\n"), "{\"a\": 1.0,\"includeTrace\":true}");
        assert_eq!(asked("{}"), "{\"includeTrace\":true}");
        for text in ["{\"includeTrace\": false}", "[]", "{", ""] {
            assert_eq!(asked(text), text);
        }
    }

    #[test]
    fn members_are_json_or_text() {
        let typed = ["a=1", "b=x", "c={\"d\":[true]}", "e=", "f=a=b"].map(String::from);
        let all = Value::Object(members(&typed).unwrap());
        assert_eq!(all, json!({"a": 1, "b": "x", "c": {"d": [true]}, "e": "", "f": "a=b"}));
        assert!(members(&["a".into()]).is_err());
        assert!(members(&["a=1".into(), "a=2".into()]).is_err());
    }

    #[test]
    fn an_answer_is_readable() {
        let reply = json!({
            "verdict": "VERDICT_DENY", "reason": "no", "policy": "p", "rule": "r", "location": "f:1",
            "revision": "abc", "trace": ["x"],
        });
        let expected = "DENY: no\n  policy      p\n  rule        r (f:1)\n  revision    abc\n  trace       x";
        assert_eq!(for_people(&reply), expected);
    }
}
