//! Received bytes to a request and back: our arena decoder and encoders against prost and `serde_json`, on a tool call
//! of about 1 kB and on a check request of the same size. One arena is kept and reset, as a server does.

#![expect(clippy::unwrap_used, missing_docs, reason = "a bench: inputs are its own")]

use std::collections::HashMap;
use std::hint::black_box;

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use toolgate::proto::cerbos::engine::v1::{Principal, Resource};
use toolgate::proto::cerbos::request::v1::CheckResourcesRequest;
use toolgate::proto::cerbos::request::v1::check_resources_request::ResourceEntry;
use toolgate::proto::toolgate::v1::decide_request::ArgumentsForm;
use toolgate::proto::toolgate::v1::{Agent, DecideRequest, DecideResponse, Identity, Session, SessionCall, Tool};
use toolgate::toolcall::{DEFAULT_KIND_PREFIX, Digest, ToolCall, View};
use toolgate::wire::limits::Limits;
use toolgate::wire::reply::DecideReply;
use toolgate::wire::{encode, json, protobuf};

const ARGUMENTS: &str = r###"{"owner":"acme","repo":"shop","title":"Checkout fails when the cart holds more than 99 items",
"body":"## Steps\n1. Put 100 items into the cart\n2. Check out\n\nExpected: an order. Seen: error 500, trace 4711 in the log.",
"labels":["bug","checkout","priority:high"],"assignees":["alice","bob"],"milestone":12,"draft":false,
"metadata":{"source":"agent","run":"01JD2V","attempt":2,"links":[{"rel":"trace","href":"https://traces.acme.example/4711"}]}}"###;

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn attributes() -> HashMap<String, Value> {
    let list = ["core", "checkout", "oncall"].map(text).to_vec();
    HashMap::from([
        ("department".to_owned(), text("engineering")),
        ("clearance".to_owned(), Value { kind: Some(Kind::NumberValue(3.0)) }),
        ("contractor".to_owned(), Value { kind: Some(Kind::BoolValue(false)) }),
        ("teams".to_owned(), Value { kind: Some(Kind::ListValue(ListValue { values: list })) }),
    ])
}

fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(b) => Kind::BoolValue(*b),
        Json::Number(n) => Kind::NumberValue(n.as_f64().unwrap()),
        Json::String(s) => Kind::StringValue(s.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(from_json).collect() }),
        Json::Object(fields) => Kind::StructValue(Struct {
            fields: fields.iter().map(|(name, value)| (name.clone(), from_json(value))).collect(),
        }),
    };
    Value { kind: Some(kind) }
}

fn tool_call(arguments: ArgumentsForm) -> Vec<u8> {
    let strings = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
    DecideRequest {
        call_id: "call_9f8e7d6c5b4a".to_owned(),
        identity: Some(Identity {
            id: "alice@acme.example".to_owned(),
            roles: strings(&["user", "developer"]),
            attr: attributes(),
            ..Identity::default()
        }),
        agent: Some(Agent {
            id: "triage-bot".to_owned(),
            roles: strings(&["agent"]),
            chain: strings(&["triage-bot"]),
            ..Agent::default()
        }),
        tool: Some(Tool {
            server: "github".to_owned(),
            name: "create_issue".to_owned(),
            pinned: true,
            ..Tool::default()
        }),
        arguments_form: Some(arguments),
        session: Some(Session {
            id: "sess-1".to_owned(),
            labels: strings(&["internal"]),
            calls: vec![SessionCall { server: "github".to_owned(), name: "search_issues".to_owned() }],
            ..Session::default()
        }),
        context: HashMap::from([("model".to_owned(), text("large-3"))]),
        ..DecideRequest::default()
    }
    .encode_to_vec()
}

fn check_request() -> Vec<u8> {
    let arguments: serde_json::Value = serde_json::from_str(ARGUMENTS).unwrap();
    let attr = HashMap::from([("arguments".to_owned(), from_json(&arguments))]);
    CheckResourcesRequest {
        request_id: "r".to_owned(),
        principal: Some(Principal {
            id: "alice@acme.example".to_owned(),
            roles: vec!["user".to_owned(), "developer".to_owned()],
            attr: attributes(),
            ..Principal::default()
        }),
        resources: vec![ResourceEntry {
            actions: vec!["create_issue".to_owned()],
            resource: Some(Resource {
                kind: "mcp::github".to_owned(),
                id: "1".to_owned(),
                attr,
                ..Resource::default()
            }),
        }],
        ..CheckResourcesRequest::default()
    }
    .encode_to_vec()
}

fn decode(c: &mut Criterion) {
    let limits = Limits::default();
    let raw = tool_call(ArgumentsForm::ArgumentsJson(ARGUMENTS.as_bytes().to_vec()));
    let Some(Kind::StructValue(fields)) = from_json(&serde_json::from_str(ARGUMENTS).unwrap()).kind else { return };
    let structured = tool_call(ArgumentsForm::Arguments(fields));
    let check = check_request();

    let mut group = c.benchmark_group("decode");
    let mut bump = Bump::with_capacity(64 << 10);
    for (name, bytes) in [("tool_call_json", &raw), ("tool_call_struct", &structured)] {
        group.bench_function(format!("{name}/{}B/arena", bytes.len()), |b| {
            b.iter(|| {
                bump.reset();
                black_box(protobuf::decide(black_box(bytes), &bump, limits).unwrap());
            });
        });
        group.bench_function(format!("{name}/{}B/prost", bytes.len()), |b| {
            b.iter(|| DecideRequest::decode(black_box(bytes.as_slice())).unwrap());
        });
    }
    group.bench_function(format!("check_resources/{}B/arena", check.len()), |b| {
        b.iter(|| {
            bump.reset();
            black_box(protobuf::check_resources(black_box(&check), &bump, limits).unwrap());
        });
    });
    group.bench_function(format!("check_resources/{}B/prost", check.len()), |b| {
        b.iter(|| CheckResourcesRequest::decode(black_box(check.as_slice())).unwrap());
    });
    group.bench_function(format!("arguments/{}B/arena", ARGUMENTS.len()), |b| {
        b.iter(|| {
            bump.reset();
            black_box(json::object(black_box(ARGUMENTS.as_bytes()), &bump, limits).unwrap());
        });
    });
    group.bench_function(format!("arguments/{}B/serde_json", ARGUMENTS.len()), |b| {
        b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(ARGUMENTS.as_bytes())).unwrap());
    });
    group.bench_function("tool_call_json/decode_check_map", |b| {
        b.iter(|| {
            bump.reset();
            let decoded = protobuf::decide(black_box(&raw), &bump, limits).unwrap();
            let call = ToolCall::new(&decoded, &bump, limits).unwrap();
            black_box(View::of(&call, DEFAULT_KIND_PREFIX, &bump));
        });
    });
    let decoded = protobuf::decide(&raw, &bump, limits).unwrap();
    let call = ToolCall::new(&decoded, &bump, limits).unwrap();
    group.bench_function("digest", |b| b.iter(|| Digest::of(black_box(call.arguments))));
    group.finish();
}

fn encode(c: &mut Criterion) {
    let reply = DecideReply {
        policy: "resource.mcp_github.vdefault",
        rule: "write-issues",
        location: "mcp_github.yaml:279",
        revision: "4f1c9d2e8a7b6c5d",
        decision_id: "0192f0c1-7c3e-7d4a-9b1e-0123456789ab",
        ..DecideReply::deny("call_9f8e7d6c5b4a", "denied by rule `write-issues` (mcp_github.yaml:279): `V.writable`")
    };
    let message = DecideResponse::decode(encode::decide(&reply)).unwrap();
    let mut group = c.benchmark_group("encode");
    group.bench_function("verdict/ours", |b| b.iter(|| encode::decide(black_box(&reply))));
    group.bench_function("verdict/prost", |b| b.iter(|| black_box(&message).encode_to_vec()));
    group.bench_function("verdict/json", |b| b.iter(|| encode::decide_json(black_box(&reply))));
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
