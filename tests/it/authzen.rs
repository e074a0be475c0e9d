//! AuthZEN 1.0: the certification scenario, all semantics of batches, errors, and what the reference gets wrong.

use std::path::{Path, PathBuf};

use http::Method;
use serde_json::{Value, json};
use tonic::Code;
use toolgate::proto::authzen::authorization::v1 as proto;
use toolgate::proto::authzen::authorization::v1::authorization_service_client::AuthorizationServiceClient;

use crate::support::{Answer, Pdp, channel};

const JSON: (&str, &str) = ("content-type", "application/json");
const ONE: &str = "/access/v1/evaluation";
const MANY: &str = "/access/v1/evaluations";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/authzen").join(name)
}

async fn start(set: &[&str]) -> Pdp {
    Pdp::start_with(&data("policies"), set).await
}

async fn ask(pdp: &Pdp, path: &str, body: &Value) -> Answer {
    pdp.send_with(Method::POST, path, &[JSON], &body.to_string()).await
}

fn scenario() -> Vec<(Value, bool)> {
    let text = std::fs::read_to_string(data("certification.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    cases.iter().map(|c| (c["request"].clone(), c["decision"].as_bool().unwrap())).collect()
}

fn user(id: &str) -> Value {
    json!({"type": "user", "id": id})
}

fn record(properties: Value) -> Value {
    json!({"type": "record", "id": "record-1", "properties": properties})
}

#[tokio::test]
async fn the_certification_scenario_one_by_one_and_as_a_batch() {
    let pdp = start(&[]).await;
    let scenario = scenario();
    for (request, decision) in &scenario {
        for _ in 0..2 {
            let answer = ask(&pdp, ONE, request).await;
            assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"decision": decision})), "{request}");
            assert_eq!(answer.headers["content-type"], "application/json");
        }
        // Without `evaluations`, or with none, a batch is one evaluation.
        assert_eq!(ask(&pdp, MANY, request).await.json(), json!({"decision": decision}));
        let mut empty = request.clone();
        empty["evaluations"] = json!([]);
        assert_eq!(ask(&pdp, MANY, &empty).await.json(), json!({"decision": decision}));
        // Everything inherited.
        empty["evaluations"] = json!([{}]);
        assert_eq!(ask(&pdp, MANY, &empty).await.json(), json!({"evaluations": [{"decision": decision}]}));
    }
    let items: Vec<&Value> = scenario.iter().map(|(request, _)| request).collect();
    let expected: Vec<Value> = scenario.iter().map(|(_, decision)| json!({"decision": decision})).collect();
    assert_eq!(ask(&pdp, MANY, &json!({"evaluations": items})).await.json(), json!({"evaluations": expected}));
}

#[tokio::test]
async fn every_missing_or_wrong_part_is_an_error() {
    let pdp = start(&[]).await;
    let whole = json!({"subject": user("alice"), "action": {"name": "read"}, "resource": record(json!({}))});
    let without = |path: &[&str]| {
        let mut request = whole.clone();
        let (last, parents) = path.split_last().unwrap();
        let parent = parents.iter().fold(&mut request, |at, key| &mut at[*key]);
        parent.as_object_mut().unwrap().remove(*last);
        request.to_string()
    };
    let with = |part: &str, value: Value| {
        let mut request = whole.clone();
        request[part] = value;
        request.to_string()
    };
    let rows = [
        (without(&["subject"]), "validation error: subject: value is required"),
        (without(&["resource"]), "validation error: resource: value is required"),
        (without(&["action"]), "validation error: action: value is required"),
        (without(&["subject", "type"]), "validation error: subject.type: value is required"),
        (without(&["subject", "id"]), "validation error: subject.id: value is required"),
        (without(&["resource", "type"]), "validation error: resource.type: value is required"),
        (without(&["resource", "id"]), "validation error: resource.id: value is required"),
        (without(&["action", "name"]), "validation error: action.name: value is required"),
        (
            "{}".into(),
            "validation errors:\n - subject: value is required\n - resource: value is required\n - action: value is \
             required",
        ),
        (
            r#"{"subject":{"type":"user"},"resource":{"id":"1"},"action":{}}"#.into(),
            "validation errors:\n - subject.id: value is required\n - resource.type: value is required\n - action.name: \
             value is required",
        ),
        (
            r#"{"subject":{"type":"user","id":"a","properties":{"":1}},"resource":{"type":"x","id":"1","properties":{"":1}},"action":{"name":"a","properties":{"":1}},"context":{"":1}}"#.into(),
            "validation errors:\n - subject.properties[\"\"]: must be at least 1 characters\n - resource.properties[\"\"]: \
             must be at least 1 characters\n - action.properties[\"\"]: must be at least 1 characters\n - context[\"\"]: \
             must be at least 1 characters",
        ),
        ("[]".into(), "proto: syntax error (line 1:1): unexpected token ["),
        (r#"{"subject":{"type":5}}"#.into(), "proto: (line 1:20): invalid value for string field type: 5"),
        (with("subject", json!("alice")), ""),
        (with("context", json!([])), ""),
        (String::new(), ""),
        ("{".into(), "unexpected EOF"),
        (format!("{whole} x"), ""),
        (with("context", json!({"cerbos.auxData": {"jwt": {"token": "x"}}})), "invalid auxData"),
        (with("context", json!({"cerbos.auxData": 5})), "invalid auxData"),
    ];
    for path in [ONE, MANY] {
        for (body, message) in &rows {
            let answer = pdp.send_with(Method::POST, path, &[JSON, ("x-request-id", "e1")], body).await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.text());
            assert_eq!(answer.headers["x-request-id"], "e1");
            assert_eq!(answer.json()["code"], 3);
            if !message.is_empty() {
                assert_eq!(answer.json()["message"], **message, "{body}");
            }
        }
    }
    for content_type in [&[][..], &[("content-type", "text/plain")]] {
        let answer = pdp.send_with(Method::POST, ONE, content_type, &whole.to_string()).await;
        assert_eq!(answer.status, 400);
    }
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(pdp.send_with(Method::POST, ONE, &charset, &whole.to_string()).await.status, 200);
    let wrong = pdp.get(ONE).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["code"]), (501, &json!(12)));
    let search = ask(&pdp, "/access/v1/search/subject", &json!({})).await;
    assert_eq!((search.status.as_u16(), search.json()), (404, json!({"code": 5, "message": "Not Found"})));
}

#[tokio::test]
async fn what_nobody_knows_is_skipped_and_the_request_id_comes_back() {
    let pdp = start(&[]).await;
    let request = json!({
        "subject": {"type": "user", "id": "alice", "x": 1}, "action": {"name": "read", "x": [1]},
        "resource": {"type": "record", "id": "1", "x": {}}, "x": null, "y": {"z": 1},
        "options": {"another_option": true, "evaluations_semantic": "execute_all"},
    });
    for path in [ONE, MANY] {
        let sent = [JSON, ("x-request-id", "id 1")];
        let answer = pdp.send_with(Method::POST, path, &sent, &request.to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"decision": true})));
        assert_eq!(answer.headers["x-request-id"], "id 1");
    }
}

#[tokio::test]
async fn batches_stop_when_their_semantic_says_so() {
    let pdp = start(&[]).await;
    let batch = |semantic: &str, actions: &[&str]| {
        let items: Vec<Value> = actions.iter().map(|a| json!({"action": {"name": a}})).collect();
        json!({
            "subject": user("bob"), "resource": record(json!({})), "evaluations": items,
            "options": {"evaluations_semantic": semantic},
        })
    };
    let rows = [
        ("execute_all", &["read", "write", "read"][..], &[true, false, true][..]),
        ("", &["write", "read"], &[false, true]),
        ("deny_on_first_deny", &["read", "write", "read"], &[true, false]),
        ("deny_on_first_deny", &["read", "read"], &[true, true]),
        ("permit_on_first_permit", &["write", "read", "write"], &[false, true]),
        ("permit_on_first_permit", &["write", "write"], &[false, false]),
    ];
    for (semantic, actions, expected) in rows {
        let answer = ask(&pdp, MANY, &batch(semantic, actions)).await.json();
        let expected: Vec<Value> = expected.iter().map(|d| json!({"decision": d})).collect();
        assert_eq!(answer, json!({"evaluations": expected}), "{semantic} {actions:?}");
    }
    let refused = ask(&pdp, MANY, &batch("x", &["read"])).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["message"]),
        (
            400,
            &json!(
                "validation error: options.evaluations_semantic: must be in list [, execute_all, deny_on_first_deny, \
                 permit_on_first_permit]"
            )
        )
    );
    let many = ask(&pdp, MANY, &batch("", &vec!["read"; 2501])).await;
    assert_eq!(many.json()["message"], "number of evaluations (2501) exceeds configured limit (2500)");
}

#[tokio::test]
async fn items_share_nothing_but_the_defaults() {
    let pdp = start(&[]).await;
    // The same resource twice, archived and not; the reference gives both the first one's answer.
    let batch = json!({
        "subject": user("alice"), "action": {"name": "write"},
        "evaluations": [
            {"resource": record(json!({"status": "active"}))},
            {"resource": record(json!({"status": "archived"}))},
            {"resource": record(json!({"status": "archived"})), "subject": {"type": "user", "id": "alice", "properties": {"role": "admin"}}},
            {"resource": record(json!({"status": "archived"})), "subject": {"type": "stranger", "id": "alice", "properties": {"role": "admin"}}},
        ],
    });
    let decisions = |answer: &Answer| -> Vec<bool> {
        answer.json()["evaluations"].as_array().unwrap().iter().map(|e| e["decision"].as_bool().unwrap()).collect()
    };
    assert_eq!(decisions(&ask(&pdp, MANY, &batch).await), [true, false, true, false]);
    // What is wrong with one item is that item's answer.
    let batch = json!({
        "subject": user("alice"), "action": {"name": "read"},
        "evaluations": [{}, {"resource": {"type": "record"}}, {"resource": record(json!({}))}],
    });
    let answer = ask(&pdp, MANY, &batch).await;
    assert_eq!(decisions(&answer), [false, false, true]);
    let contexts: Vec<Value> =
        answer.json()["evaluations"].as_array().unwrap().iter().map(|e| e["context"].clone()).collect();
    assert_eq!(
        contexts,
        [
            json!({"error": {"status": 400, "message": "validation error: resource: value is required"}}),
            json!({"error": {"status": 400, "message": "validation error: resource.id: value is required"}}),
            Value::Null
        ]
    );
}

#[tokio::test]
async fn names_of_ours_steer_the_question() {
    let pdp = start(&[]).await;
    let subject = |properties: Value| json!({"type": "stranger", "id": "alice", "properties": properties});
    let rows = [
        (json!({}), json!({}), false),
        (json!({"cerbos.roles": ["user", "", 5]}), json!({}), true),
        (json!({"cerbos.roles": ["", " "]}), json!({}), false),
        (json!({"cerbos.roles": "user"}), json!({}), false),
        (json!({"cerbos.roles": ["user"], "cerbos.scope": 5}), json!({}), true),
        (json!({"cerbos.roles": ["user"]}), json!({"cerbos.policyVersion": "nope"}), false),
        (json!({"cerbos.roles": ["user"]}), json!({"cerbos.scope": "a..b"}), false),
    ];
    for (subject_properties, resource_properties, decision) in rows {
        let request = json!({
            "subject": subject(subject_properties), "action": {"name": "read"}, "resource": record(resource_properties),
        });
        assert_eq!(ask(&pdp, ONE, &request).await.json(), json!({"decision": decision}), "{request}");
    }
    let request = json!({
        "subject": user("alice"), "action": {"name": "read"}, "resource": record(json!({})),
        "context": {"cerbos.includeMeta": true, "cerbos.requestId": "q"},
    });
    let expected = json!({"decision": true, "context": {"cerbos.response": {"requestId": "q", "results": [{
        "resource": {"id": "record-1", "kind": "record"}, "actions": {"read": "EFFECT_ALLOW"},
        "meta": {"actions": {"read": {"matchedPolicy": "resource.record.vdefault"}}},
    }]}}});
    assert_eq!(ask(&pdp, ONE, &request).await.json(), expected);
}

#[tokio::test]
async fn policies_see_action_and_context_unless_it_is_to_be_as_in_the_reference() {
    let acting = |agent: &str| {
        json!({
            "subject": user("alice"), "action": {"name": "act"}, "resource": record(json!({})),
            "context": {"agent": agent, "cerbos.requestId": "q"},
        })
    };
    let pdp = start(&[]).await;
    assert_eq!(ask(&pdp, ONE, &acting("assistant")).await.json(), json!({"decision": true}));
    assert_eq!(ask(&pdp, ONE, &acting("other")).await.json(), json!({"decision": false}));
    // Nobody can put it there himself.
    let forged = json!({
        "subject": user("alice"), "action": {"name": "act"},
        "resource": record(json!({"authzen": {"context": {"agent": "assistant"}}})),
    });
    let refused = ask(&pdp, ONE, &forged).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["message"], "validation error: resource.properties[\"authzen\"]: is reserved");
    let compatible = start(&["engine.compatibility=cerbos"]).await;
    assert_eq!(ask(&compatible, ONE, &acting("assistant")).await.json(), json!({"decision": false}));
}

#[tokio::test]
async fn metadata_says_where_the_endpoints_are() {
    let pdp = start(&[]).await;
    let path = "/.well-known/authzen-configuration";
    let expected = |base: &str| {
        json!({
            "policy_decision_point": base,
            "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
            "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
        })
    };
    let answer = pdp.send_with(Method::GET, path, &[("x-request-id", "m")], "").await;
    assert_eq!((answer.json(), &answer.headers["x-request-id"]), (expected("http://t"), &"m".parse().unwrap()));
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "pdp.example, inner")];
    assert_eq!(pdp.send_with(Method::GET, path, &forwarded, "").await.json(), expected("https://pdp.example"));
    let pdp = start(&["server.publicURL=https://pdp.example:8443/"]).await;
    assert_eq!(pdp.get(path).await.json(), expected("https://pdp.example:8443"));
    let mut client = AuthorizationServiceClient::new(pdp.channel().await);
    let metadata = client.metadata(proto::MetadataRequest {}).await.unwrap().into_inner();
    assert_eq!(metadata.policy_decision_point, "https://pdp.example:8443");
}

#[tokio::test]
async fn the_same_over_grpc() {
    let pdp = start(&[]).await;
    let subject = |id: &str| proto::Subject { r#type: "user".into(), id: id.into(), ..Default::default() };
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = AuthorizationServiceClient::new(channel(address).await);
        let request = proto::AccessEvaluationRequest {
            subject: Some(subject("alice")),
            resource: Some(resource()),
            action: Some(action("write")),
            context: [("cerbos.includeMeta".to_owned(), boolean(true))].into(),
        };
        let answer = client.access_evaluation(request).await.unwrap().into_inner();
        assert_eq!(answer.decision, Some(true));
        assert!(answer.context.contains_key("cerbos.response"));
        let item = |id: &str| proto::access_evaluation_batch_request::Evaluation {
            subject: Some(subject(id)),
            ..Default::default()
        };
        let batch = proto::AccessEvaluationBatchRequest {
            resource: Some(resource()),
            action: Some(action("write")),
            evaluations: vec![item("alice"), item("bob"), item("alice")],
            options: Some(proto::AccessEvaluationsOptions { evaluations_semantic: "deny_on_first_deny".into() }),
            ..Default::default()
        };
        let answer = client.access_evaluation_batch(batch).await.unwrap().into_inner();
        assert_eq!(answer.evaluations.iter().map(|e| e.decision).collect::<Vec<_>>(), [Some(true), Some(false)]);
        let refused = client.access_evaluation(proto::AccessEvaluationRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let refused = client.access_evaluation_batch(proto::AccessEvaluationBatchRequest::default()).await.unwrap_err();
        assert_eq!(refused.message(), "validation error: evaluations: must contain at least 1 item(s)");
    }
}

fn resource() -> proto::Resource {
    proto::Resource { r#type: "record".into(), id: "record-1".into(), ..Default::default() }
}

fn action(name: &str) -> proto::Action {
    proto::Action { name: name.into(), ..Default::default() }
}

fn boolean(value: bool) -> prost_types::Value {
    prost_types::Value { kind: Some(prost_types::value::Kind::BoolValue(value)) }
}
