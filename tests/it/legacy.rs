//! The deprecated methods of the Cerbos API, which old clients still call, over both transports.

use serde_json::json;
use tonic::Code;
use toolgate::proto::cerbos::request::v1::check_resource_batch_request::BatchEntry;
use toolgate::proto::cerbos::request::v1::{
    AttributesMap, CheckResourceBatchRequest, CheckResourceSetRequest, ResourceSet,
};
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;

use crate::support::{Pdp, Policies, channel, check_request};

const POLICY: &str = "
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  rules:
    - {actions: [view], roles: [agent], effect: EFFECT_ALLOW, condition: {match: {expr: R.attr.owner == P.id}}}
";

fn policies() -> Policies {
    Policies::new(&[("doc.yaml", POLICY)])
}

fn set_request() -> CheckResourceSetRequest {
    let principal = check_request("doc", &[]).principal;
    let owned = |by: &str| AttributesMap {
        attr: [(
            "owner".to_owned(),
            prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(by.into())) },
        )]
        .into(),
    };
    CheckResourceSetRequest {
        request_id: "r1".into(),
        actions: vec!["view".into(), "edit".into()],
        principal,
        resource: Some(ResourceSet {
            kind: "doc".into(),
            instances: [("b".to_owned(), owned("alice")), ("a".to_owned(), owned("bob"))].into(),
            ..Default::default()
        }),
        include_meta: true,
        aux_data: None,
    }
}

#[tokio::test]
async fn sets_and_batches_are_decided_over_grpc() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = CerbosServiceClient::new(channel(address).await);
        let answer = client.check_resource_set(set_request()).await.unwrap();
        assert_eq!(answer.metadata().get("cerbos-version").unwrap(), env!("CARGO_PKG_VERSION"));
        let answer = answer.into_inner();
        assert_eq!((answer.request_id.as_str(), answer.resource_instances.len()), ("r1", 2));
        let (a, b) = (&answer.resource_instances["a"].actions, &answer.resource_instances["b"].actions);
        assert_eq!((a["view"], a["edit"], b["view"], b["edit"]), (2, 2, 1, 2));
        let meta = &answer.meta.unwrap().resource_instances["b"];
        assert_eq!(meta.actions["view"].matched_policy, "resource.doc.vdefault");

        let asked = check_request("doc", &["view"]);
        let entries = asked.resources.into_iter().cycle().take(2);
        let batch = CheckResourceBatchRequest {
            request_id: "r2".into(),
            principal: asked.principal,
            resources: entries.map(|e| BatchEntry { actions: e.actions, resource: e.resource }).collect(),
            aux_data: None,
        };
        let answer = client.check_resource_batch(batch).await.unwrap().into_inner();
        assert_eq!((answer.request_id.as_str(), answer.results.len()), ("r2", 2));
        assert_eq!((answer.results[1].resource_id.as_str(), answer.results[1].actions["view"]), ("1", 2));

        let refused = client.check_resource_set(CheckResourceSetRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(!refused.details().is_empty());
    }
}

const PRINCIPAL: &str = r#""principal":{"id":"alice","roles":["agent"]}"#;

#[tokio::test]
async fn sets_and_batches_are_decided_over_http() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let body = format!(
        r#"{{"requestId":"r","includeMeta":true,"actions":["view","edit"],{PRINCIPAL},"resource":{{"kind":"doc",
        "instances":{{"b":{{"attr":{{"owner":"alice"}}}},"a":{{"attr":{{"owner":"bob","":1}}}}}}}}}}"#
    );
    let answer = pdp.post("/api/check", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["grpc-metadata-cerbos-version"], env!("CARGO_PKG_VERSION"));
    let matched = json!({"matchedPolicy": "resource.doc.vdefault"});
    let meta = json!({"actions": {"edit": matched, "view": matched}});
    assert_eq!(
        answer.json(),
        json!({
            "requestId": "r",
            "resourceInstances": {
                "a": {"actions": {"edit": "EFFECT_DENY", "view": "EFFECT_DENY"}},
                "b": {"actions": {"edit": "EFFECT_DENY", "view": "EFFECT_ALLOW"}},
            },
            "meta": {"resourceInstances": {"a": meta, "b": meta}},
        })
    );
    let entry = |owner: &str| {
        format!(r#"{{"actions":["view"],"resource":{{"kind":"doc","id":"1","attr":{{"owner":"{owner}"}}}}}}"#)
    };
    // Two entries with one id are two questions.
    let body = format!(r#"{{{PRINCIPAL},"resources":[{},{}]}}"#, entry("alice"), entry("bob"));
    assert_eq!(
        pdp.post("/api/check_resource_batch", body).await.json(),
        json!({"results": [
            {"resourceId": "1", "actions": {"view": "EFFECT_ALLOW"}},
            {"resourceId": "1", "actions": {"view": "EFFECT_DENY"}},
        ]})
    );
}

/// Body, and the reference's words.
#[tokio::test]
async fn refusals_have_the_words_that_clients_know() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let actions = (0..51).map(|i| format!("\"a{i}\"")).collect::<Vec<_>>().join(",");
    let instances = (0..51).map(|i| format!("\"i{i}\":{{}}")).collect::<Vec<_>>().join(",");
    let entries = vec![r#"{"actions":["a"],"resource":{"kind":"k","id":"1"}}"#; 51].join(",");
    let (set, batch) = ("/api/check", "/api/check_resource_batch");
    let rows: Vec<(&str, String, &str)> = vec![
        (
            set,
            String::new(),
            "validation errors:\n - actions: value is required\n - principal: value is required\n - resource: value is \
             required",
        ),
        (
            set,
            r#"{"actions":["","a","a"],"principal":{},"resource":{"policyVersion":"1.0","scope":"a..b"}}"#.into(),
            "validation errors:\n - actions: repeated value must contain unique items\n - actions[0]: must be at least 1 \
             characters\n - principal.id: value is required\n - principal.roles: value is required\n - resource.kind: \
             value is required\n - resource.policy_version: does not match regex pattern `^[\\w]*$`\n - \
             resource.instances: value is required\n - resource.scope: does not match regex pattern \
             `^(^$|\\.|[0-9a-zA-Z][\\w\\-]*(\\.\\w[\\w\\-]*)*)$`",
        ),
        (
            set,
            format!(r#"{{"actions":["a"],{PRINCIPAL},"resource":{{"kind":"doc","instances":{{"a":null}}}}}}"#),
            "proto: syntax error (line 1:104): unexpected token null",
        ),
        (
            set,
            format!(r#"{{"actions":["a"],{PRINCIPAL},"resource":{{"kind":"doc","instances":{{"a":{{"b":1}}}}}}}}"#),
            "proto: (line 1:105): unknown field \"b\"",
        ),
        (
            set,
            format!(r#"{{"actions":[{actions}],{PRINCIPAL},"resource":{{"kind":"doc","instances":{{{instances}}}}}}}"#),
            "number of resources in batch (51) exceeds configured limit (50)",
        ),
        (
            set,
            format!(r#"{{"actions":[{actions}],{PRINCIPAL},"resource":{{"kind":"doc","instances":{{"a":{{}}}}}}}}"#),
            "number of actions (51) exceeds configured limit (50)",
        ),
        (batch, "{}".into(), "validation errors:\n - principal: value is required\n - resources: value is required"),
        (
            batch,
            format!(r#"{{{PRINCIPAL},"resources":[{{}}]}}"#),
            "validation errors:\n - resources[0].actions: value is required\n - resources[0].resource: value is required",
        ),
        (batch, format!(r#"{{{PRINCIPAL},"includeMeta":true}}"#), "proto: (line 1:46): unknown field \"includeMeta\""),
        (
            batch,
            format!(r#"{{{PRINCIPAL},"resources":[{entries}]}}"#),
            "number of resources in batch (51) exceeds configured limit (50)",
        ),
    ];
    for (path, body, message) in rows {
        // The reference was asked with a role of four letters, which its columns depend on.
        let body = body.replace("\"agent\"", "\"user\"");
        let answer = pdp.post(path, body.clone()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["message"]), (400, &json!(message)), "{body}");
    }
}

#[tokio::test]
async fn query_plans_are_refused_by_name() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let answer = pdp.post("/api/plan/resources", "{}").await;
    let refusal = json!({"code": 12, "message": "PlanResources is not supported yet"});
    assert_eq!((answer.status.as_u16(), answer.json()), (501, refusal));
}
