//! What the benches share: policy stores, and recorded-like tool calls as received bytes. Everything is generated from
//! a fixed seed, so that two runs measure the same work; calls differ in identity and arguments, so that no bench
//! measures one warmed request.

#![allow(
    dead_code,
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

pub mod expressions;

use bumpalo::Bump;
use prost::Message as _;
use toolgate::cel::value::Timestamp;
use toolgate::compile::{CompileOptions, compile};
use toolgate::engine::decision::Decision;
use toolgate::engine::{Params, RuleTable, Wants, decide};
use toolgate::proto::toolgate::v1 as api;
use toolgate::source::SourceFile;
use toolgate::toolcall::{DEFAULT_KIND_PREFIX, ToolCall, View, verdict};
use toolgate::wire::limits::Limits;
use toolgate::wire::reply::DecideReply;
use toolgate::wire::{self, protobuf};

/// A small seeded generator (splitmix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// The shipped policies.
pub fn pack() -> Vec<SourceFile> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            files.push(SourceFile::new(name, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    files
}

const CONDITIONS: [&str; 10] = [
    r#"R.attr.arguments.owner == "acme""#,
    r#"R.attr.arguments.repo in ["api", "web", "docs"] && R.attr.arguments.limit < 500"#,
    r#"R.attr.arguments.path.startsWith("/srv/data/") && !R.attr.arguments.path.contains("..")"#,
    r#"R.attr.arguments.query.matches("^(?i)select [a-z0-9_, ]+ from [a-z_]+")"#,
    r#"!("tainted" in R.attr.session.labels)"#,
    r#"P.attr.team == R.attr.arguments.team"#,
    r#"R.attr.arguments.tags.exists(t, t == "reviewed")"#,
    r#"has(R.attr.context.model) && R.attr.context.model != "unknown""#,
    r#"size(R.attr.arguments.body) < 4000.0 || "editor" in P.roles"#,
    r#"R.attr.arguments.priority >= 2 && R.attr.arguments.priority <= 4"#,
];

/// `n` tool servers with `tools` tools each, every tool with one condition of ten kinds.
pub fn servers(n: usize, tools: usize) -> Vec<SourceFile> {
    (0..n)
        .map(|s| {
            let mut text = format!(
                "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: mcp::server{s}\n  version: default\n  rules:\n"
            );
            for t in 0..tools {
                let condition = CONDITIONS[(s + t) % CONDITIONS.len()];
                text.push_str(&format!(
                    "    - name: tool{t}\n      actions: [tool{t}]\n      effect: EFFECT_ALLOW\n      roles: [agent]\n      condition:\n        match:\n          expr: |-\n            {condition}\n"
                ));
            }
            text.push_str(
                "    - name: admin\n      actions: ['*']\n      effect: EFFECT_ALLOW\n      roles: [admin]\n    - name: tainted\n      actions: ['delete*', 'send*']\n      effect: EFFECT_DENY\n      roles: ['*']\n      condition:\n        match:\n          expr: '\"tainted\" in R.attr.session.labels'\n",
            );
            SourceFile::new(format!("server{s}.yaml"), text)
        })
        .collect()
}

pub fn table(files: &[SourceFile]) -> RuleTable {
    let compiled = compile(files, &CompileOptions::default());
    compiled.table.unwrap_or_else(|| panic!("{}", toolgate::source::render_terminal(&compiled.diagnostics, false)))
}

fn text(v: &str) -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(v.to_owned())) }
}

fn call(rng: &mut Rng, server: String, tool: String, arguments: String) -> Vec<u8> {
    let user = rng.below(100_000);
    api::DecideRequest {
        call_id: format!("call-{:016x}", rng.next()),
        identity: Some(api::Identity {
            id: format!("user{user}@example.com"),
            roles: vec!["agent".into(), "user".into()],
            attr: [("team".to_owned(), text(["core", "infra", "data"][user % 3])), ("site".to_owned(), text("eu-1"))]
                .into(),
            ..Default::default()
        }),
        tool: Some(api::Tool { server, name: tool, pinned: true, ..Default::default() }),
        arguments_form: Some(api::decide_request::ArgumentsForm::ArgumentsJson(arguments.into_bytes())),
        session: Some(api::Session {
            id: format!("session-{:x}", rng.next()),
            user: format!("user{user}"),
            labels: vec!["interactive".into()],
            ..Default::default()
        }),
        context: [("model".to_owned(), text("large-1")), ("device".to_owned(), text("laptop"))].into(),
        ..Default::default()
    }
    .encode_to_vec()
}

/// Calls of about 1 kB for [`servers`].
pub fn server_calls(count: usize, servers: usize, tools: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng(7);
    (0..count)
        .map(|_| {
            let (s, t) = (rng.below(servers), rng.below(tools));
            let filler = "lorem ipsum dolor sit amet ".repeat(8 + rng.below(12));
            let arguments = format!(
                r#"{{"owner":"acme","repo":"{}","limit":{},"path":"/srv/data/{:x}/report.csv","query":"select a, b from t","team":"{}","tags":["new","reviewed"],"priority":{},"body":"{filler}"}}"#,
                ["api", "web", "secret"][rng.below(3)],
                rng.below(900),
                rng.next(),
                ["core", "infra", "data"][rng.below(3)],
                rng.below(6),
            );
            call(&mut rng, format!("server{s}"), format!("tool{t}"), arguments)
        })
        .collect()
}

/// Calls for the shipped pack: reads and writes, inside and outside of what it allows.
pub fn pack_calls(count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng(11);
    (0..count)
        .map(|_| {
            let n = rng.next() % 1000;
            let (server, tool, arguments) = match rng.below(8) {
                0 => ("filesystem", "read_text_file", format!(r#"{{"path":"/workspace/src/file{n}.rs"}}"#)),
                1 => ("filesystem", "write_file", format!(r#"{{"path":"/etc/passwd{n}","content":"x"}}"#)),
                2 => {
                    ("github", "get_file_contents", format!(r#"{{"owner":"acme","repo":"api","path":"src/f{n}.rs"}}"#))
                }
                3 => {
                    ("github", "create_issue", format!(r#"{{"owner":"acme","repo":"api","title":"t{n}","body":"b"}}"#))
                }
                4 => ("slack", "slack_get_channel_history", format!(r#"{{"channel_id":"C{n}","limit":10}}"#)),
                5 => ("postgres", "query", format!(r#"{{"sql":"SELECT id, name FROM customers WHERE id = {n}"}}"#)),
                6 => (
                    "kubernetes",
                    "kubectl_get",
                    format!(r#"{{"resourceType":"pods","namespace":"default","name":"p{n}"}}"#),
                ),
                _ => ("playwright", "browser_navigate", format!(r#"{{"url":"https://docs.example.com/p/{n}"}}"#)),
            };
            call(&mut rng, server.to_owned(), tool.to_owned(), arguments)
        })
        .collect()
}

/// A policy set and the settings to decide with.
pub struct Pdp {
    table: RuleTable,
    params: Params,
}

impl Pdp {
    pub fn new(files: &[SourceFile]) -> Self {
        Self { table: table(files), params: Params::default() }
    }

    pub fn decide<'a>(&'a self, view: &View<'a>, bump: &'a Bump) -> Decision<'a> {
        decide(&self.table, &self.params, &view.identity, Some(NOW), Wants::default(), bump)
    }

    /// Received bytes to reply bytes, as the service does it.
    pub fn answer(&self, bytes: &[u8], bump: &Bump) -> bytes::Bytes {
        wire::encode::decide(&self.reply(bytes, bump))
    }

    /// Received bytes to a reply that is not encoded yet.
    pub fn reply<'a>(&'a self, bytes: &'a [u8], bump: &'a Bump) -> DecideReply<'a> {
        let call = tool_call(bytes, bump);
        let view = View::of(&call, DEFAULT_KIND_PREFIX, bump);
        verdict(&call, &view, &self.decide(&view, bump), None, bump)
    }
}

const NOW: Timestamp = Timestamp { seconds: 1_790_000_000, nanos: 0, offset_minutes: 0 };

pub fn tool_call<'a>(bytes: &'a [u8], bump: &'a Bump) -> ToolCall<'a> {
    let decoded = protobuf::decide(bytes, bump, Limits::default()).unwrap();
    ToolCall::new(&decoded, bump, Limits::default()).unwrap()
}

pub fn view<'a>(bytes: &'a [u8], bump: &'a Bump) -> View<'a> {
    View::of(&tool_call(bytes, bump), DEFAULT_KIND_PREFIX, bump)
}
