//! Replies as prost and a JSON parser read them back, and outputs in the reference's form.

use std::net::IpAddr;

use bumpalo::Bump;
use proptest::prelude::*;
use prost::Message;
use prost_types::value::Kind;

use super::*;
use crate::cel::time::parse_timestamp;
use crate::cel::value::{List, Map, Object, SpiffeMatcher};
use crate::engine::decision::{ActionResult, Cause, Decision, Effect, OutputEntry, ValidationError};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::proto::cerbos::response::v1::CheckResourcesResponse;
use crate::proto::toolgate::v1 as toolgate;
use crate::wire::message::EMPTY;
use crate::wire::reply::{CheckResult, Encoded, Verdict};

fn json_of(value: Value<'_>) -> String {
    match value_json(value) {
        Ok(json) => String::from_utf8(json).unwrap(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn outputs_have_the_form_of_the_reference() {
    let time = |text| Value::Timestamp(parse_timestamp(text).unwrap());
    let ip = Object::Ip(IpAddr::from([1, 2, 3, 4]));
    let one = Value::Int(1);
    let list = [one, Value::String("a"), Value::List(List::Strings(&["b"]))];
    let cases = [
        (Value::Null, "null"),
        (Value::Bool(true), "true"),
        (Value::Int(9_007_199_254_740_991), "9007199254740991"),
        (Value::Int(9_007_199_254_740_992), "\"9007199254740992\""),
        (Value::Int(-9_007_199_254_740_992), "\"-9007199254740992\""),
        (Value::Int(i64::MIN), "\"-9223372036854775808\""),
        (Value::Uint(9_007_199_254_740_991), "9007199254740991"),
        (Value::Uint(u64::MAX), "\"18446744073709551615\""),
        (Value::Double(1.5), "1.5"),
        (Value::Double(-0.0), "-0"),
        (Value::Double(100.0), "100"),
        (Value::Double(1e21), "1e+21"),
        (Value::Double(1e20), "100000000000000000000"),
        (Value::Double(1e-7), "1e-7"),
        (Value::Double(f64::INFINITY), "error: google.protobuf.Value.number_value: invalid +Inf value"),
        (Value::Double(f64::NEG_INFINITY), "error: google.protobuf.Value.number_value: invalid -Inf value"),
        (Value::Double(f64::NAN), "error: google.protobuf.Value.number_value: invalid NaN value"),
        (Value::Bytes(b"abc"), "\"YWJj\""),
        (Value::Bytes(b"\xff\0"), "\"/wA=\""),
        (Value::String("\u{2028}<>&\"\\\x07\x7fé\n"), "\"\u{2028}<>&\\\"\\\\\\u0007\x7fé\\n\""),
        (time("2021-01-02T03:04:05Z"), "\"2021-01-02T03:04:05Z\""),
        (time("2021-01-02T03:04:05.120+02:00"), "\"2021-01-02T03:04:05.12+02:00\""),
        (time("0001-01-01T00:00:00Z"), "\"0001-01-01T00:00:00Z\""),
        (Value::Duration(5_400_000_000_000), "\"5400s\""),
        (Value::Duration(-1_000_000), "\"-0.001s\""),
        (Value::Duration(0), "\"0s\""),
        (Value::list(&list), "[1,\"a\",[\"b\"]]"),
        (Value::Map(Map::Fields(&[("b", Value::Int(1)), ("a", Value::Null)])), "{\"a\":null,\"b\":1}"),
        (
            Value::Map(Map::Entries(&[(Value::Int(1), Value::Int(2))])),
            "error: unsupported type conversion from 'int' to string",
        ),
        (
            Value::list(&[Value::Map(Map::Entries(&[(Value::Uint(1), Value::Int(2))]))]),
            "error: unsupported type conversion from 'uint' to string",
        ),
        (
            Value::Map(Map::Entries(&[(Value::Bool(true), Value::Int(2))])),
            "error: type conversion error from bool to 'string'",
        ),
        (Value::list(&[]), "[]"),
        (Value::Map(EMPTY), "{}"),
        (Value::Optional(Some(&one)), "1"),
        (Value::list(&[Value::Optional(None)]), "error: optional.none() dereference"),
        (Value::Type("int"), "error: type conversion not supported for 'type'"),
        (Value::Object(&ip), "error: unsupported type conversion to '*structpb.Value'"),
        (
            Value::Object(&Object::Hierarchy(&["a"])),
            "error: unsupported native conversion from hierarchy to '*structpb.Value'",
        ),
        (
            Value::Object(&Object::SpiffeId("spiffe://a/b")),
            "error: unsupported native conversion from SPIFFEID to '*structpb.Value'",
        ),
        (
            Value::Object(&Object::SpiffeTrustDomain("a")),
            "error: unsupported native conversion from SPIFFETrustDomain to '*structpb.Value'",
        ),
        (
            Value::Object(&Object::SpiffeMatcher(SpiffeMatcher::Any)),
            "error: unsupported native conversion from SPIFFEMatcher to '*structpb.Value'",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(json_of(value), expected);
    }
}

#[test]
fn messages_show_what_is_set() {
    let bump = Bump::new();
    let attr = Map::Fields(&[("z", Value::Double(1.0)), ("a", Value::Null)]);
    let principal = Principal { id: "u", roles: &["user"], attr, policy_version: "", scope: "" };
    let resource = Resource { kind: "doc", id: "1", attr: EMPTY, policy_version: "", scope: "" };
    let request = Request { principal, resource, actions: &[], aux: AuxData::EMPTY };
    let message = Value::Message(request.principal.message(&bump));
    assert_eq!(json_of(message), r#"{"attr":{"a":null,"z":1},"id":"u","roles":["user"]}"#);
    assert_eq!(json_of(Value::Message(resource.message(&bump))), r#"{"id":"1","kind":"doc"}"#);
    assert_eq!(json_of(Value::Message(AuxData::EMPTY.message(&bump))), "{}");
}

#[test]
fn deep_outputs_are_errors() {
    let bump = Bump::new();
    let mut value = Value::Null;
    for _ in 0..10_000 {
        value = Value::list(bump.alloc([value]));
    }
    assert_eq!(json_of(value), "error: exceeded max depth");
    let mut writer = Reverse::with_capacity(0);
    assert_eq!(writer.value(1, value), Err(OutputError::Depth));
    assert!(writer.finish().is_empty());
}

const CAUSE: Cause<'static> = Cause::NoPolicy;

fn result(decision: Decision<'_>) -> CheckResult<'_> {
    let resource = Resource { kind: "doc", id: "1", attr: EMPTY, policy_version: "", scope: "." };
    CheckResult { resource, decision }
}

#[test]
fn check_response() {
    let action =
        |action, effect| ActionResult { action, effect, policy: "resource.doc.vdefault", scope: "", cause: CAUSE };
    let actions = [action("view", Effect::Allow), action("a", Effect::Deny)];
    let output = |src, value| OutputEntry { src, action: "view", deciding: false, value };
    let map = Value::Map(Map::Fields(&[("k", Value::Double(0.0))]));
    let outputs = [
        output("p#r", Ok(map)),
        output("p#null", Ok(Value::Null)),
        output("p#bad", Ok(Value::Type("int"))),
        output("p#err", Err("no such key: x")),
    ];
    let errors = [ValidationError { path: "/a", message: "bad", principal: false }];
    let decision = Decision {
        actions: &actions,
        effective_derived_roles: &["owner"],
        outputs: &outputs,
        errors: &[],
        validation_errors: &errors,
        trace: &[],
        policies: &[],
    };
    let results = [result(decision)];
    let mut reply = CheckResourcesReply { request_id: "r", results: &results, call_id: "c", include_meta: true };
    let json = String::from_utf8(check_resources_json(&reply)).unwrap();
    let expected = concat!(
        r#"{"requestId":"r","results":[{"resource":{"id":"1","kind":"doc","scope":"."},"#,
        r#""actions":{"a":"EFFECT_DENY","view":"EFFECT_ALLOW"},"#,
        r#""validationErrors":[{"path":"/a","message":"bad","source":"SOURCE_RESOURCE"}],"#,
        r#""meta":{"actions":{"a":{"matchedPolicy":"resource.doc.vdefault"},"#,
        r#""view":{"matchedPolicy":"resource.doc.vdefault"}},"effectiveDerivedRoles":["owner"]},"#,
        r#""outputs":[{"src":"p#r","val":{"k":0},"action":"view"},{"src":"p#null","val":null,"action":"view"},"#,
        r#"{"src":"p#bad","action":"view","error":"type conversion not supported for 'type'"},"#,
        r#"{"src":"p#err","action":"view","error":"no such key: x"}]}],"cerbosCallId":"c"}"#,
    );
    assert_eq!(json, expected);

    let decoded = CheckResourcesResponse::decode(check_resources(&reply)).unwrap();
    assert_eq!((decoded.request_id.as_str(), decoded.cerbos_call_id.as_str()), ("r", "c"));
    let [entry] = decoded.results.as_slice() else { panic!("{decoded:?}") };
    assert_eq!(entry.resource.as_ref().unwrap().scope, ".");
    assert_eq!((entry.actions["view"], entry.actions["a"]), (1, 2));
    assert_eq!(entry.validation_errors[0].source, 2);
    let meta = entry.meta.as_ref().unwrap();
    assert_eq!(meta.actions["view"].matched_policy, "resource.doc.vdefault");
    assert_eq!(meta.effective_derived_roles, ["owner"]);
    let shown: Vec<_> = entry.outputs.iter().map(|o| (o.src.as_str(), o.val.is_some(), o.error.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("p#r", true, ""),
            ("p#null", true, ""),
            ("p#bad", false, "type conversion not supported for 'type'"),
            ("p#err", false, "no such key: x")
        ]
    );
    reply.include_meta = false;
    assert!(CheckResourcesResponse::decode(check_resources(&reply)).unwrap().results[0].meta.is_none());
}

#[test]
fn decide_response() {
    let obligations = [Map::Fields(&[("type", Value::String("approval")), ("n", Value::Int(2))])];
    let outputs = [OutputEntry { src: "p#r", action: "x", deciding: true, value: Ok(Value::Double(f64::NAN)) }];
    let reply = DecideReply {
        verdict: Verdict::Ask,
        policy: "p",
        rule: "r",
        location: "a.yaml:3",
        obligations: &obligations,
        outputs: &outputs,
        revision: "rev",
        decision_id: "d",
        cached: true,
        arguments_sha256: "00",
        trace: &["one", ""],
        explanations: &[Encoded { protobuf: &[10, 1, b'i'], json: r#"{"asker":"i"}"# }],
        ..DecideReply::deny("c1", "because")
    };
    assert_eq!(
        String::from_utf8(decide_json(&reply)).unwrap(),
        concat!(
            r#"{"callId":"c1","verdict":"VERDICT_ASK","reason":"because","policy":"p","rule":"r","location":"a.yaml:3","#,
            r#""obligations":[{"n":2,"type":"approval"}],"#,
            r#""outputs":[{"src":"p#r","error":"google.protobuf.Value.number_value: invalid NaN value"}],"#,
            r#""revision":"rev","decisionId":"d","cached":true,"argumentsSha256":"00","trace":["one",""],"#,
            r#""explanations":[{"asker":"i"}]}"#
        )
    );
    let decoded = toolgate::DecideResponse::decode(decide(&reply)).unwrap();
    assert_eq!(decoded.verdict(), toolgate::Verdict::Ask);
    assert_eq!(decoded.obligations[0].fields["n"].kind, Some(Kind::NumberValue(2.0)));
    assert!(matches!(decoded.outputs[0].value.as_ref().unwrap().kind, Some(Kind::NumberValue(n)) if n.is_nan()));
    assert_eq!(decoded.explanations[0].asker, "i");
    assert_eq!((decoded.trace.len(), decoded.cached, decoded.location.as_str()), (2, true, "a.yaml:3"));

    let replies = [reply, DecideReply::failure("c2", 3, "tool: value is required")];
    let decoded = toolgate::DecideBatchResponse::decode(decide_batch(&replies, "rev")).unwrap();
    assert_eq!(decoded.revision, "rev");
    assert_eq!(decoded.results[0].call_id, "c1");
    assert_eq!(decoded.results[1].verdict(), toolgate::Verdict::Deny);
    assert_eq!(decoded.results[1].error.as_ref().unwrap().code, 3);
    let json: serde_json::Value = serde_json::from_slice(&decide_batch_json(&replies, "rev")).unwrap();
    assert_eq!(json["results"][1]["error"]["code"], 3);
    assert_eq!(json["results"][1]["verdict"], "VERDICT_DENY");
    assert_eq!(decide_batch_json(&[], ""), b"{}");
}

#[test]
fn pretty_is_the_same_value() {
    let compact = br#"{"a":[],"b":{},"c":[1,{"d":"x,{[\"\\"}],"e":null}"#;
    let laid_out = String::from_utf8(pretty(compact)).unwrap();
    assert_eq!(
        laid_out,
        "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x,{[\\\"\\\\\"\n    }\n  ],\n  \"e\": null\n}"
    );
    let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(value(compact), value(laid_out.as_bytes()));
}

/// A value and what it is in protobuf.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
        "\\PC{0,200}".prop_map(Into::into),
        "[\u{0}-\u{30}]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            prop::collection::btree_map("[a-z\u{0}-\u{20}é\"]{0,3}", inner, 0..25)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn in_arena<'a>(value: &'a serde_json::Value, bump: &'a Bump) -> Value<'a> {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(n) => Value::Double(n.as_f64().unwrap()),
        serde_json::Value::String(s) => Value::String(s),
        serde_json::Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| in_arena(item, bump)).collect();
            Value::list(bump.alloc_slice_copy(&items))
        }
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(k, v)| (k.as_str(), in_arena(v, bump))).collect();
            fields.sort_by_key(|f| f.0);
            Value::Map(Map::Fields(bump.alloc_slice_copy(&fields)))
        }
    }
}

proptest! {
    #[test]
    fn values_survive_both_formats(value in any_value()) {
        let bump = Bump::new();
        let original = in_arena(&value, &bump);
        let limits = crate::wire::limits::Limits::default();

        let json = value_json(original).unwrap();
        let back = crate::wire::json::value(&json, &bump, limits).unwrap();
        prop_assert_eq!(format!("{:?}", back), format!("{:?}", original));

        let mut writer = Reverse::with_capacity(1);
        // As the annotations of a request: decoded by our decoder and by prost.
        writer.message(6, |writer| {
            writer.message(1, |writer| {
                writer.value(2, original).unwrap();
                writer.item(1, "k");
            });
        });
        let bytes = writer.finish();
        crate::wire::protobuf::differ::raw(&bytes);
        let request = crate::wire::protobuf::check_resources(&bytes, &bump, limits).unwrap();
        let back = request.request_context.unwrap().get_str("k").unwrap();
        prop_assert_eq!(format!("{:?}", back), format!("{:?}", original));
    }
}
