//! Ours. From bytes: what the server does with a message, transport aside.

use bumpalo::Bump;
use prost::Message as _;
use serde_json::Value as Json;
use toolgate::compile::CompileOptions;
use toolgate::engine::decision::Effect;
use toolgate::proto::toolgate::v1 as api;
use toolgate::protocols::decide_json;
use toolgate::service::{Service, Settings};
use toolgate::source::SourceFile;
use toolgate::store::Store;
use toolgate::toolcall::View;

use crate::support::{Pdp, view};

const CONDITIONS: [&str; 10] = [
    r#"R.attr.arguments.owner == "acme""#,
    r#"R.attr.arguments.repo in ["api", "web", "docs"] && R.attr.arguments.limit < 500"#,
    r#"R.attr.arguments.path.startsWith("/srv/data/") && !R.attr.arguments.path.contains("..")"#,
    r#"R.attr.arguments.query.startsWith("select ") && !R.attr.arguments.query.contains(";")"#,
    r#"!("tainted" in R.attr.session.labels)"#,
    r#"P.attr.team == R.attr.arguments.team"#,
    r#""reviewed" in R.attr.arguments.tags"#,
    r#"has(R.attr.context.model) && R.attr.context.model != "unknown""#,
    r#"R.attr.arguments.priority < 3 || "editor" in P.roles"#,
    r#"R.attr.arguments.priority >= 2 && R.attr.arguments.priority <= 4"#,
];

fn policy() -> SourceFile {
    let mut text = String::from(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: mcp::tools\n  version: default\n  rules:\n",
    );
    for (n, condition) in CONDITIONS.iter().enumerate() {
        text.push_str(&format!(
            "    - actions: [tool{n}]\n      effect: EFFECT_ALLOW\n      roles: [agent]\n      condition:\n        match:\n          expr: |-\n            {condition}\n"
        ));
    }
    text.push_str(
        "    - actions: ['*']\n      effect: EFFECT_ALLOW\n      roles: [admin]\n    - actions: ['delete*']\n      effect: EFFECT_DENY\n      roles: ['*']\n      condition:\n        match:\n          expr: '\"tainted\" in R.attr.session.labels'\n",
    );
    SourceFile::new("tools.yaml", text)
}

pub struct Toolgate {
    pdp: Pdp,
    service: Service,
    messages: Vec<Vec<u8>>,
}

impl Toolgate {
    pub fn new(calls: &[Json]) -> Self {
        let options = CompileOptions::default();
        let store = Store::in_memory(vec![policy()], &options).unwrap_or_else(|_| panic!("the policy is broken"));
        Self {
            pdp: Pdp::new(&[policy()]),
            service: Service::new(store, Settings::default()),
            messages: calls.iter().map(message).collect(),
        }
    }

    /// Bytes of JSON to bytes of an answer, by way of the service: with clock, id and metrics.
    pub fn json(&self, text: &[u8]) -> bool {
        let answer = decide_json(&self.service, text).unwrap_or_default();
        answer.starts_with(br#"{"callId":"#) && find(&answer, b"VERDICT_ALLOW")
    }

    /// Bytes of protobuf to bytes of an answer.
    pub fn protobuf(&self, n: usize, bump: &mut Bump) -> bool {
        bump.reset();
        let reply = self.pdp.reply(&self.messages[n], bump);
        let allowed = reply.verdict == toolgate::wire::reply::Verdict::Allow;
        std::hint::black_box(toolgate::wire::encode::decide(&reply));
        allowed
    }

    /// Requests as the engine sees them.
    pub fn views(&self) -> Vec<View<'_>> {
        // For as long as the process runs, which is not long.
        let arena: &'static Bump = Box::leak(Box::new(Bump::new()));
        self.messages.iter().map(|m| view(m, arena)).collect()
    }

    pub fn decide<'a>(&'a self, view: &View<'a>, bump: &'a Bump) -> bool {
        self.pdp.decide(view, bump).actions.iter().all(|a| a.effect == Effect::Allow)
    }
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|w| w == part)
}

/// The same call as protobuf.
fn message(call: &Json) -> Vec<u8> {
    let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    let texts = |v: &Json| v.as_array().into_iter().flatten().map(text).collect();
    let attrs = |v: &Json| {
        let value = |s: &Json| prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(text(s))) };
        v.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), value(v))).collect()
    };
    api::DecideRequest {
        call_id: text(&call["callId"]),
        identity: Some(api::Identity {
            id: text(&call["identity"]["id"]),
            roles: texts(&call["identity"]["roles"]),
            attr: attrs(&call["identity"]["attr"]),
            ..Default::default()
        }),
        tool: Some(api::Tool {
            server: text(&call["tool"]["server"]),
            name: text(&call["tool"]["name"]),
            ..Default::default()
        }),
        arguments_form: Some(api::decide_request::ArgumentsForm::ArgumentsJson(
            call["arguments"].to_string().into_bytes(),
        )),
        session: Some(api::Session {
            id: text(&call["session"]["id"]),
            user: text(&call["session"]["user"]),
            labels: texts(&call["session"]["labels"]),
            ..Default::default()
        }),
        context: attrs(&call["context"]),
        ..Default::default()
    }
    .encode_to_vec()
}
