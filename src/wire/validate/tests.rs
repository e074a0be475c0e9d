//! Violations as the reference reports them (`cases.json`: bodies and its replies, recorded from the released server;
//! a reply of null stands for a body it takes), and those of tool calls.

use bumpalo::Bump;
use prost::Message;
use serde_json::Value;

use super::*;
use crate::wire::json;
use crate::wire::limits::Limits;
use crate::wire::status;

fn check(body: &str) -> Option<Violations> {
    let bump = Bump::new();
    let request = json::check_resources(body.as_bytes(), &bump, Limits::default(), json::Trailing::Refuse).unwrap();
    check_resources(&request).err()
}

#[test]
fn reports_what_the_reference_reports() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    for case in &cases {
        let body = case["body"].to_string();
        let reply = check(&body).map_or(Value::Null, |v| status::to_json(3, &v.to_string(), v.as_slice()));
        assert_eq!(reply.to_string(), case["reply"].to_string(), "{body}");
    }
}

#[test]
fn status_is_the_same_in_protobuf() {
    let violations = check(r#"{"resources":[{"resource":{"attr":{"":1}}}]}"#).unwrap();
    let bytes = status::to_protobuf(3, "m", violations.as_slice());
    let decoded = crate::proto::google::rpc::Status::decode(bytes.as_slice()).unwrap();
    assert_eq!((decoded.code, decoded.message.as_str()), (3, "m"));
    let [detail] = decoded.details.as_slice() else { panic!("{decoded:?}") };
    let decoded = crate::proto::buf::validate::Violations::decode(detail.value.as_slice()).unwrap();
    let ids: Vec<&str> = decoded.violations.iter().map(crate::proto::buf::validate::Violation::rule_id).collect();
    assert_eq!(ids, ["required", "required", "required", "required", "string.min_len"]);
    assert_eq!(decoded.violations[4].for_key, Some(true));
    assert!(crate::proto::google::rpc::Status::decode(&*status::to_protobuf(5, "n", &[])).unwrap().details.is_empty());
}

#[test]
fn reports_are_bounded() {
    let actions = vec!["\"\""; 1000].join(",");
    let violations = check(&format!("{{\"resources\":[{{\"actions\":[{actions}]}}]}}")).unwrap();
    assert_eq!(violations.as_slice().len(), MAX_VIOLATIONS);
}

#[test]
fn long_lists_are_checked_for_repeats_too() {
    let roles: Vec<String> = (0..100).map(|i| format!("\"r{}\"", i % 99)).collect();
    let body = format!("{{\"principal\":{{\"id\":\"a\",\"roles\":[{}]}}}}", roles.join(","));
    assert!(check(&body).unwrap().to_string().contains("principal.roles: repeated value must contain unique items"));
}

#[test]
fn tool_calls() {
    let cases = [
        ("{}", "identity: value is required; tool: value is required"),
        (
            r#"{"identity":{},"agent":{},"tool":{}}"#,
            "identity.id: value is required; identity.roles: value is required; agent.id: value is required; \
             tool.server: value is required; tool.name: value is required",
        ),
        (r#"{"identity":{"id":"a","roles":["r"]},"tool":{"server":"s","name":"n"}}"#, ""),
        (
            r#"{"identity":{"id":"a","roles":["r","r"],"attr":{"agent":{"id":"x"}},"scope":"a..b"},
               "agent":{"id":"b","roles":["","x","x"],"chain":[""]},"tool":{"server":"s","name":"n"},
               "session":{"labels":["",""],"calls":[{"server":"s"}]},"context":{"":1}}"#,
            "identity.roles: repeated value must contain unique items; \
             identity.attr[\"agent\"]: this name is reserved for the agent of the call; \
             identity.scope: does not match regex pattern `^(^$|\\.|[0-9a-zA-Z][\\w\\-]*(\\.\\w[\\w\\-]*)*)$`; \
             agent.roles: repeated value must contain unique items; \
             agent.roles[0]: must be at least 1 characters; agent.chain[0]: must be at least 1 characters; \
             session.labels[0]: must be at least 1 characters; session.labels[1]: must be at least 1 characters; \
             session.calls[0].name: value is required; context[\"\"]: must be at least 1 characters",
        ),
    ];
    for (body, expected) in cases {
        let bump = Bump::new();
        let call = json::decide(body.as_bytes(), &bump, Limits::default()).unwrap();
        let violations = decide(&call).err().map(|v| v.as_slice().to_vec()).unwrap_or_default();
        let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert_eq!(texts.join("; "), expected, "{body}");
    }
    assert_eq!(decide_batch(&[]).unwrap_err().to_string(), "validation error: calls: value is required");
}
