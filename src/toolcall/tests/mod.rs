//! Tool calls as policies see them, digests, and verdicts from hand-made decisions.

mod policies;

use bumpalo::Bump;

use super::*;
use crate::cel::value::{Map, Value};
use crate::engine::decision::{ActionResult, Cause, Decision, Effect, NearMiss, OutputEntry, RuleRef, ValidationError};
use crate::wire::encode::value_json;
use crate::wire::limits::Limits;
use crate::wire::message::{Arguments, Decide};
use crate::wire::reply::DecideReply;
use crate::wire::{json, protobuf};

fn call<'a>(body: &'a str, bump: &'a Bump) -> ToolCall<'a> {
    let decoded = json::decide(body.as_bytes(), bump, Limits::default()).unwrap();
    ToolCall::new(&decoded, bump, Limits::default()).unwrap()
}

fn shown(map: Map<'_>) -> String {
    String::from_utf8(value_json(Value::Map(map)).unwrap()).unwrap()
}

const SMALL: &str = r#"{"identity":{"id":"alice","roles":["user"]},"tool":{"server":"github","name":"create_issue"}}"#;
const FULL: &str = r#"{"callId":"c1","identity":{"id":"alice","roles":["user","dev"],"attr":{"team":"core"},"scope":"acme",
    "policyVersion":"v2"},"agent":{"id":"bot","roles":["agent"],"attr":{"vendor":"x"},"chain":["root","bot"]},
    "tool":{"server":"github","name":"create_issue","pinned":true,"annotations":{"readOnlyHint":false}},
    "arguments":{"owner":"acme","n":1},"session":{"id":"s","user":"u","labels":["tainted"],
    "calls":[{"server":"web","name":"fetch"}]},"context":{"model":"m"}}"#;

#[test]
fn smallest_call_has_every_attribute_that_is_always_there() {
    let bump = Bump::new();
    let view = View::of(&call(SMALL, &bump), DEFAULT_KIND_PREFIX, &bump);
    assert!(view.agent.is_none());
    let request = view.identity;
    assert_eq!(
        (request.principal.id, request.principal.roles, request.actions),
        ("alice", &["user"][..], &["create_issue"][..])
    );
    assert_eq!((request.resource.kind, request.resource.id), ("mcp::github", "-"));
    assert_eq!(shown(request.principal.attr), "{}");
    assert_eq!(
        shown(request.resource.attr),
        concat!(
            r#"{"arguments":{},"context":{},"session":{"calls":[],"labels":[]},"#,
            r#""tool":{"name":"create_issue","pinned":false,"server":"github"}}"#
        )
    );
}

#[test]
fn agent_with_roles_is_a_principal_of_its_own() {
    let bump = Bump::new();
    let view = View::of(&call(FULL, &bump), "tool:", &bump);
    let (user, agent) = (view.identity, view.agent.unwrap());
    let seen = r#""agent":{"attr":{"vendor":"x"},"chain":["root","bot"],"id":"bot","roles":["agent"]}"#;
    assert_eq!(shown(user.principal.attr), format!(r#"{{{seen},"team":"core"}}"#));
    assert_eq!(shown(agent.principal.attr), format!(r#"{{{seen},"vendor":"x"}}"#));
    assert_eq!((agent.principal.id, agent.principal.roles), ("bot", &["agent"][..]));
    for request in [user, agent] {
        assert_eq!((request.principal.scope, request.principal.policy_version), ("acme", "v2"));
        assert_eq!((request.resource.scope, request.resource.policy_version), ("acme", "v2"));
        assert_eq!((request.resource.kind, request.resource.id), ("tool:github", "c1"));
        assert_eq!(
            shown(request.resource.attr),
            concat!(
                r#"{"arguments":{"n":1,"owner":"acme"},"context":{"model":"m"},"#,
                r#""session":{"calls":[{"name":"fetch","server":"web"}],"id":"s","labels":["tainted"],"user":"u"},"#,
                r#""tool":{"annotations":{"readOnlyHint":false},"name":"create_issue","pinned":true,"server":"github"}}"#
            )
        );
    }
    let without_roles = FULL.replace(r#""roles":["agent"],"#, "");
    let view = View::of(&call(&without_roles, &bump), "tool:", &bump);
    assert!(view.agent.is_none() && shown(view.identity.principal.attr).contains(r#""roles":[]"#));
}

#[test]
fn many_attributes_stay_sorted_with_the_agent_among_them() {
    let attr: Vec<String> = (0..30).map(|i| format!("\"k{i}\":{i}")).collect();
    let body = format!(
        r#"{{"identity":{{"id":"a","roles":["r"],"attr":{{{}}}}},"agent":{{"id":"bot"}},
           "tool":{{"server":"s","name":"n"}}}}"#,
        attr.join(",")
    );
    let bump = Bump::new();
    let attr = View::of(&call(&body, &bump), "", &bump).identity.principal.attr;
    assert!(attr.get_str("agent").is_some() && attr.get_str("k7").is_some() && attr.len() == 31);
}

#[test]
fn nobody_pretends_to_be_the_agent() {
    for field in ["identity", "agent"] {
        let bump = Bump::new();
        let body = r#"{"identity":{"id":"a","roles":["r"]},"agent":{"id":"b"},"tool":{"server":"s","name":"n"}}"#
            .replace(&format!("\"{field}\":{{"), &format!("\"{field}\":{{\"attr\":{{\"agent\":{{\"id\":\"x\"}}}},"));
        let decoded = json::decide(body.as_bytes(), &bump, Limits::default()).unwrap();
        let error = ToolCall::new(&decoded, &bump, Limits::default()).unwrap_err();
        let expected =
            format!("validation error: {field}.attr[\"agent\"]: this name is reserved for the agent of the call");
        assert_eq!(error.to_string(), expected);
    }
    // A call built by other means than the wire cannot do it either.
    let bump = Bump::new();
    let mut forged = call(SMALL, &bump);
    forged.identity.attr = Map::Fields(&[("agent", Value::Bool(true)), ("x", Value::Null)]);
    assert_eq!(shown(View::of(&forged, "", &bump).identity.principal.attr), r#"{"x":null}"#);
}

#[test]
fn arguments_are_judged_and_digested_as_sent() {
    let bump = Bump::new();
    let with = |arguments| {
        let decoded = json::decide(SMALL.as_bytes(), &bump, Limits::default()).unwrap();
        ToolCall::new(&Decide { arguments, ..decoded }, &bump, Limits::default())
    };
    let digest = |arguments| with(arguments).map(|call| Digest::of(call.arguments).to_string());
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(digest(Arguments::Absent).unwrap(), empty);
    assert_eq!(digest(Arguments::Json(b"{}")).unwrap(), empty);
    assert_eq!(digest(Arguments::Struct(Map::Fields(&[]))).unwrap(), empty);
    assert_ne!(digest(Arguments::Json(b"{ }")).unwrap(), empty);
    let raw = br#"{ "b":1.0, "a":"x" }"#;
    let parsed = json::object(raw, &bump, Limits::default()).unwrap();
    let canonical = json::object(br#"{"a":"x","b":1}"#, &bump, Limits::default()).unwrap();
    assert_eq!(digest(Arguments::Parsed { raw, map: parsed }).unwrap(), digest(Arguments::Json(raw)).unwrap());
    assert_eq!(digest(Arguments::Struct(parsed)).unwrap(), digest(Arguments::Json(br#"{"a":"x","b":1}"#)).unwrap());
    assert_eq!(digest(Arguments::Struct(parsed)).unwrap(), digest(Arguments::Struct(canonical)).unwrap());
    for (arguments, expected) in [
        (Arguments::Json(b""), "arguments_json: line 1:1: unexpected EOF"),
        (Arguments::Json(b"[1]"), "arguments_json: not a JSON object"),
        (Arguments::Json(b"{\"a\":1,\"a\":2}"), "arguments_json: line 1:8: duplicate map key \"a\""),
        (
            Arguments::Struct(Map::Fields(&[("n", Value::Double(f64::NAN))])),
            "arguments: google.protobuf.Value.number_value: invalid NaN value",
        ),
    ] {
        assert_eq!(digest(arguments).unwrap_err().to_string(), expected);
    }
}

#[test]
fn canonical_form_is_that_of_the_rfc() {
    let cases = [
        (
            r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0],
                "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        ),
        (
            r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
                "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
                "\u00f6": "Latin Small Letter O With Diaeresis"}"#,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
             \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\
             \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        ),
    ];
    for (text, expected) in cases {
        let bump = Bump::new();
        let value = json::value(text.as_bytes(), &bump, Limits::default()).unwrap();
        assert_eq!(String::from_utf8(canonical(value)).unwrap(), expected);
    }
}

const RULE: RuleRef<'static> =
    RuleRef { name: "write-issues", file: "mcp_github.yaml", line: 42, condition: "V.writable" };

/// A decision on `create_issue`.
#[derive(Clone, Copy)]
struct Made<'a> {
    effect: Effect,
    cause: Cause<'a>,
    outputs: &'a [OutputEntry<'a>],
}

impl<'a> Made<'a> {
    fn decision(self, bump: &'a Bump) -> Decision<'a> {
        let policy = "resource.mcp_github.vdefault";
        let result = ActionResult { action: "create_issue", effect: self.effect, policy, scope: "", cause: self.cause };
        Decision {
            actions: bump.alloc([result]),
            effective_derived_roles: &[],
            outputs: self.outputs,
            errors: &[],
            validation_errors: &[ValidationError { path: "/a", message: "too long", principal: false }],
            trace: &["line"],
            policies: &[],
        }
    }
}

fn allow<'a>(outputs: &'a [OutputEntry<'a>]) -> Made<'a> {
    Made { effect: Effect::Allow, cause: Cause::Rule(RULE), outputs }
}

fn deny<'a>(cause: Cause<'a>, outputs: &'a [OutputEntry<'a>]) -> Made<'a> {
    Made { effect: Effect::Deny, cause, outputs }
}

fn judge<'a>(body: &'a str, user: Made<'a>, agent: Option<Made<'a>>, bump: &'a Bump) -> DecideReply<'a> {
    let call = call(body, bump);
    let view = View::of(&call, DEFAULT_KIND_PREFIX, bump);
    let agent = agent.map(|agent| agent.decision(bump));
    verdict(&call, &view, &user.decision(bump), agent.as_ref(), bump)
}

#[test]
fn reasons_say_what_a_person_can_act_on() {
    let near = |unmet, error| Cause::NoRule(Some(NearMiss { rule: RULE, unmet, error }));
    let long = "a".repeat(150) + " && " + &"b".repeat(50);
    let cases = [
        (deny(Cause::NoPolicy, &[]), "no policy for `mcp::github`", ""),
        (deny(Cause::NoRule(None), &[]), "no rule allows `create_issue` on `mcp::github` for role `user`", ""),
        (
            deny(near("V.writable", ""), &[]),
            "rule `write-issues` (mcp_github.yaml:42) would allow this, but its condition is not met: `V.writable`",
            "mcp_github.yaml:42",
        ),
        (
            deny(near("R.attr.x\n  > 1", "no such key: x"), &[]),
            "rule `write-issues` (mcp_github.yaml:42) would allow this, but its condition failed: no such key: x in \
             `R.attr.x > 1`",
            "mcp_github.yaml:42",
        ),
        (
            deny(Cause::Rule(RULE), &[]),
            "denied by rule `write-issues` (mcp_github.yaml:42): `V.writable`",
            "mcp_github.yaml:42",
        ),
        (
            deny(Cause::Rule(RuleRef { condition: &long, ..RULE }), &[]),
            &format!("denied by rule `write-issues` (mcp_github.yaml:42): `{} && …`", "a".repeat(150)),
            "mcp_github.yaml:42",
        ),
        (
            deny(Cause::Error(RULE, "no such key: x"), &[]),
            "denied by rule `write-issues` (mcp_github.yaml:42), whose condition could not be evaluated: no such key: x",
            "mcp_github.yaml:42",
        ),
        (
            deny(Cause::RolePolicy("role.user.vdefault"), &[]),
            "role policy `role.user.vdefault` does not allow `create_issue`",
            "",
        ),
        (deny(Cause::Schema, &[]), "the attributes do not fit the schema: /a: too long", ""),
        (deny(Cause::Budget, &[]), "the decision would take more than its budget of steps", ""),
        (allow(&[]), "allowed by rule `write-issues` (mcp_github.yaml:42)", "mcp_github.yaml:42"),
    ];
    for (made, expected, location) in cases {
        let bump = Bump::new();
        let reply = judge(SMALL, made, None, &bump);
        assert_eq!((reply.reason, reply.location), (expected, location));
        assert_eq!(reply.verdict, if made.effect == Effect::Allow { Verdict::Allow } else { Verdict::Deny });
        assert_eq!(reply.policy, "resource.mcp_github.vdefault");
    }
}

fn output(deciding: bool, value: Value<'_>) -> OutputEntry<'_> {
    OutputEntry { src: "p#r", action: "create_issue", deciding, value: Ok(value) }
}

/// What a verdict says, in one line.
fn summary(reply: &DecideReply<'_>) -> String {
    let obligations: Vec<String> = reply.obligations.iter().map(|o| shown(*o)).collect();
    let outputs: Vec<String> = reply
        .outputs
        .iter()
        .map(|o| o.value.map_or_else(str::to_owned, |v| String::from_utf8(value_json(v).unwrap()).unwrap()))
        .collect();
    format!("{:?} | {} | {} | {}", reply.verdict, reply.reason, obligations.join(" "), outputs.join(" "))
}

#[test]
fn outputs_feed_the_verdict() {
    const DEFAULT: &str = "allowed by rule `write-issues` (mcp_github.yaml:42)";
    // Outputs as JSON: those of the deciding rule, then the verdict of an allow.
    let cases = [
        (r#"["because"]"#, "Allow | because |  | ".to_owned()),
        (r#"["because","because","else"]"#, "Allow | because |  | \"else\"".to_owned()),
        (r#"[{"reason":"r","x":1}]"#, "Allow | r |  | {\"x\":1}".to_owned()),
        (r#"[{"x":1},{"x":1},[1]]"#, format!("Allow | {DEFAULT} |  | {{\"x\":1}} [1]")),
        (r#"[{"reason":5}]"#, format!("Allow | {DEFAULT} |  | {{\"reason\":5}}")),
        (
            r#"[{"obligations":[{"type":"log","to":"x"}]}]"#,
            format!("Allow | {DEFAULT} | {{\"to\":\"x\",\"type\":\"log\"}} | "),
        ),
        (
            r#"[{"reason":"r","obligations":[{"type":"approval"},{"type":"log"}]},{"obligations":[{"type":"log"}]}]"#,
            "Ask | r | {\"type\":\"approval\"} {\"type\":\"log\"} | ".to_owned(),
        ),
        (
            r#"[{"obligations":[{"type":"approval"}]}]"#,
            format!("Ask | needs approval: {DEFAULT} | {{\"type\":\"approval\"}} | "),
        ),
        (r#"[{"obligations":[]}]"#, format!("Allow | {DEFAULT} |  | ")),
        (r#"[{"obligations":{"type":"approval"}}]"#, unclear("`obligations` is not a list")),
        (r#"[{"obligations":null}]"#, unclear("`obligations` is not a list")),
        (r#"[{"obligations":["approval"]}]"#, unclear("an obligation is not a map")),
        (r#"[{"obligations":[{"kind":"approval"}]}]"#, unclear("an obligation has no `type`")),
        (r#"[{"obligations":[{"type":""}]}]"#, unclear("an obligation has no `type`")),
        (r#"[{"obligations":[{"type":5}]}]"#, unclear("the `type` of an obligation is not a string")),
    ];
    for (outputs, expected) in cases {
        let bump = Bump::new();
        let Value::List(values) = json::value(outputs.as_bytes(), &bump, Limits::default()).unwrap() else { panic!() };
        let outputs: Vec<OutputEntry<'_>> = values.iter().map(|value| output(true, value)).collect();
        let outputs = bump.alloc_slice_copy(&outputs);
        assert_eq!(summary(&judge(SMALL, allow(outputs), None, &bump)), expected, "{outputs:?}");
        // The same outputs cannot turn a deny into anything else.
        let denied = judge(SMALL, deny(Cause::NoPolicy, outputs), None, &bump);
        assert_eq!(denied.verdict, Verdict::Deny, "{outputs:?}");
        // Of a rule that did not decide they are plain outputs.
        let others: Vec<OutputEntry<'_>> = outputs.iter().map(|o| OutputEntry { deciding: false, ..*o }).collect();
        let reply = judge(SMALL, allow(bump.alloc_slice_copy(&others)), None, &bump);
        assert_eq!((reply.verdict, reply.reason, reply.obligations.len()), (Verdict::Allow, DEFAULT, 0));
    }
}

fn unclear(why: &str) -> String {
    format!("Deny | `p#r` allows this, but its output cannot be understood: {why} |  | ")
}

#[test]
fn what_an_output_obliges_to_must_be_known() {
    let bump = Bump::new();
    let failed = [OutputEntry { src: "p#r", action: "create_issue", deciding: true, value: Err("no such key: x") }];
    let reply = judge(SMALL, allow(&failed), None, &bump);
    assert_eq!(summary(&reply), unclear("no such key: x") + "no such key: x");
    let unsendable = [("type", Value::String("log")), ("t", Value::Type("int"))];
    let list = [Value::Map(Map::Fields(&unsendable))];
    let map = [("obligations", Value::list(&list))];
    let outputs = [output(true, Value::Map(Map::Fields(&map)))];
    let reply = judge(SMALL, allow(&outputs), None, &bump);
    assert_eq!(summary(&reply), unclear("an obligation holds a value that cannot be sent"));
    let many: Vec<Vec<(&str, Value<'_>)>> =
        (0..100).map(|i| vec![("type", Value::String("log")), ("i", Value::Int(i))]).collect();
    let list: Vec<Value<'_>> = many.iter().map(|fields| Value::Map(Map::Fields(fields))).collect();
    let map = [("obligations", Value::list(&list))];
    let outputs = [output(true, Value::Map(Map::Fields(&map)))];
    let reply = judge(SMALL, allow(&outputs), None, &bump);
    assert!(reply.verdict == Verdict::Deny && reply.reason.ends_with("too many obligations"), "{}", reply.reason);
}

#[test]
fn both_principals_must_be_allowed() {
    let approval = [("type", Value::String("approval"))];
    let list = [Value::Map(Map::Fields(&approval))];
    let map = [("obligations", Value::list(&list)), ("reason", Value::String("ask first"))];
    let asks = [output(true, Value::Map(Map::Fields(&map)))];
    let says = [output(true, Value::String("fine"))];
    let no = deny(Cause::NoPolicy, &[]);
    let own_words = [output(true, Value::String("never"))];
    let cases = [
        (allow(&says), Some(allow(&[])), "Allow | fine |  | "),
        (
            allow(&says),
            Some(no),
            "Deny | agent `bot`: no policy for `mcp::github` of version `v2` in scope `acme` |  | ",
        ),
        (
            no,
            Some(allow(&says)),
            "Deny | identity `alice`: no policy for `mcp::github` of version `v2` in scope `acme` |  | ",
        ),
        (deny(Cause::Rule(RULE), &own_words), Some(no), "Deny | identity `alice`: never |  | "),
        (allow(&says), Some(allow(&asks)), "Ask | ask first | {\"type\":\"approval\"} | \"fine\""),
        (allow(&asks), Some(allow(&says)), "Ask | ask first | {\"type\":\"approval\"} | \"fine\""),
        (allow(&asks), Some(allow(&asks)), "Ask | ask first | {\"type\":\"approval\"} | "),
        (
            allow(&asks),
            Some(no),
            "Deny | agent `bot`: no policy for `mcp::github` of version `v2` in scope `acme` |  | ",
        ),
        // A decision that is missing allows nothing.
        (allow(&says), None, "Deny | not decided for the agent |  | "),
    ];
    for (user, agent, expected) in cases {
        let bump = Bump::new();
        assert_eq!(summary(&judge(FULL, user, agent, &bump)), expected);
    }
}

#[test]
fn a_decision_on_something_else_allows_nothing() {
    let bump = Bump::new();
    let call = call(SMALL, &bump);
    let view = View::of(&call, DEFAULT_KIND_PREFIX, &bump);
    let made = allow(&[]).decision(&bump);
    let other = Decision { actions: bump.alloc([ActionResult { action: "other", ..made.actions[0] }]), ..made };
    let none = Decision { actions: &[], ..made };
    for decision in [other, none] {
        let reply = verdict(&call, &view, &decision, None, &bump);
        assert_eq!((reply.verdict, reply.reason), (Verdict::Deny, "not decided"));
    }
}

#[test]
fn trace_comes_on_request_and_says_whose_it_is() {
    let bump = Bump::new();
    let traced = FULL.replacen('{', "{\"includeTrace\":true,", 1);
    let traced: &str = bump.alloc_str(&traced);
    assert!(judge(FULL, allow(&[]), Some(allow(&[])), &bump).trace.is_empty());
    assert_eq!(judge(traced, allow(&[]), Some(allow(&[])), &bump).trace, ["identity: line", "agent: line"]);
}

#[test]
fn the_same_call_from_protobuf() {
    use prost::Message;

    use crate::proto::toolgate::v1 as proto;
    let message = proto::DecideRequest {
        identity: Some(proto::Identity { id: "alice".into(), roles: vec!["user".into()], ..Default::default() }),
        tool: Some(proto::Tool { server: "github".into(), name: "create_issue".into(), ..Default::default() }),
        arguments_form: Some(proto::decide_request::ArgumentsForm::ArgumentsJson(br#"{"a":[1]}"#.to_vec())),
        ..Default::default()
    };
    let bytes = message.encode_to_vec();
    let bump = Bump::new();
    let decoded = protobuf::decide(&bytes, &bump, Limits::default()).unwrap();
    let from_protobuf = ToolCall::new(&decoded, &bump, Limits::default()).unwrap();
    let body = SMALL.replacen('{', "{\"arguments\":{\"a\":[1]},", 1);
    let from_json = call(&body, &bump);
    let view = |call: &ToolCall<'_>| format!("{:?}", View::of(call, DEFAULT_KIND_PREFIX, &bump));
    assert_eq!(view(&from_protobuf), view(&from_json));
    assert_eq!(Digest::of(from_protobuf.arguments), Digest::of(from_json.arguments));
}

#[test]
fn an_ordinary_call_takes_one_chunk_of_arena() {
    use prost::Message;

    use crate::proto::toolgate::v1 as proto;
    let raw = br#"{"owner":"acme","repo":"shop","title":"a\nb","labels":["bug","checkout"],"n":[1,2,3],"draft":false,
        "metadata":{"source":"agent","links":[{"rel":"trace","href":"https://traces.acme.example/4711"}]}}"#;
    let message = proto::DecideRequest {
        call_id: "c".into(),
        identity: Some(proto::Identity { id: "alice".into(), roles: vec!["user".into()], ..Default::default() }),
        agent: Some(proto::Agent { id: "bot".into(), roles: vec!["agent".into()], ..Default::default() }),
        tool: Some(proto::Tool { server: "github".into(), name: "create_issue".into(), ..Default::default() }),
        arguments_form: Some(proto::decide_request::ArgumentsForm::ArgumentsJson(raw.to_vec())),
        ..Default::default()
    };
    let bytes = message.encode_to_vec();
    let bump = Bump::with_capacity(crate::wire::limits::arena_hint(bytes.len()));
    let before = bump.allocated_bytes();
    let decoded = protobuf::decide(&bytes, &bump, Limits::default()).unwrap();
    let call = ToolCall::new(&decoded, &bump, Limits::default()).unwrap();
    assert!(View::of(&call, DEFAULT_KIND_PREFIX, &bump).agent.is_some());
    assert_eq!(bump.allocated_bytes(), before);
}

/// Whoever makes a verdict an allow does it here.
#[test]
fn an_allow_is_made_in_one_place() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root];
    let mut made = Vec::new();
    while let Some(dir) = open.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && !path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
                let allows =
                    code.filter(|line| line.contains("Verdict::Allow") && !line.trim_start().starts_with("//"));
                // Reading a verdict is no making: patterns and comparisons.
                let reads = ["Verdict::Allow =>", "== Verdict::Allow", "!= Verdict::Allow"];
                let makes = |line: &&str| !reads.iter().any(|read| line.contains(read));
                made.extend(allows.filter(makes).map(|line| format!("{}: {}", path.display(), line.trim())));
            }
        }
    }
    assert_eq!(made.len(), 1, "{made:#?}");
    assert!(made.iter().all(|place| place.contains("toolcall/verdict.rs")), "{made:#?}");
}
