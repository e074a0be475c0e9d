//! Every method over every transport, with the clients that people use, and the words of every refusal.

use http::Method;
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use toolgate::proto::cerbos::request::v1::ServerInfoRequest;
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;
use toolgate::proto::toolgate::v1::{DecideBatchRequest, DecideRequest, Verdict};

use crate::support::{Pdp, Policies, allowing, channel, check_request, question};

fn policies() -> Policies {
    Policies::new(&[("github.yaml", &allowing("github", "list_issues, get_issue"))])
}

const ALLOWED: &str = r#"{"callId":"c1","identity":{"id":"alice","roles":["agent"]},
    "tool":{"server":"github","name":"list_issues"},"arguments":{"a":1},"includeDigest":true}"#;

#[tokio::test]
async fn tool_calls_are_decided_over_grpc() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let revision = pdp.service.store().status().revision.to_string();
    // Both ports speak gRPC.
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = ToolCallServiceClient::new(channel(address).await);
        let allowed = client.decide(question("c1", "github", "list_issues")).await.unwrap().into_inner();
        assert_eq!((allowed.verdict(), allowed.call_id.as_str()), (Verdict::Allow, "c1"));
        assert_eq!((allowed.rule.as_str(), allowed.location.as_str()), ("reads", "github.yaml:6"));
        assert_eq!((allowed.revision.as_str(), allowed.decision_id.len()), (revision.as_str(), 26));
        let denied = client.decide(question("c2", "github", "delete_repo")).await.unwrap().into_inner();
        assert_eq!(denied.verdict(), Verdict::Deny);
        assert!(!denied.reason.is_empty());
        let unknown = client.decide(question("c3", "gitlab", "list_issues")).await.unwrap().into_inner();
        assert_eq!((unknown.verdict(), unknown.policy.as_str()), (Verdict::Deny, "NO_MATCH"));
        let refused = client.decide(DecideRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), "validation errors:\n - identity: value is required\n - tool: value is required");
        assert!(!refused.details().is_empty());
    }
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_one_bad_call_spoils_no_other() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut client = ToolCallServiceClient::new(pdp.channel().await);
    let calls = vec![
        question("a", "github", "list_issues"),
        DecideRequest { call_id: "b".into(), ..DecideRequest::default() },
        question("c", "github", "delete_repo"),
    ];
    let batch = client.decide_batch(DecideBatchRequest { calls }).await.unwrap().into_inner();
    let seen: Vec<_> =
        batch.results.iter().map(|r| (r.call_id.as_str(), r.verdict(), r.error.as_ref().map(|e| e.code))).collect();
    assert_eq!(seen, [("a", Verdict::Allow, None), ("b", Verdict::Deny, Some(3)), ("c", Verdict::Deny, None)]);
    assert!(batch.results.iter().all(|r| r.revision == batch.revision));
    let empty = client.decide_batch(DecideBatchRequest::default()).await.unwrap_err();
    assert_eq!(empty.message(), "validation error: calls: value is required");
    let many = DecideBatchRequest { calls: vec![question("", "github", "x"); 51] };
    let refused = client.decide_batch(many).await.unwrap_err();
    assert_eq!(refused.message(), "number of calls in batch (51) exceeds configured limit (50)");
}

#[tokio::test]
async fn a_stream_answers_everything_in_order_and_survives_bad_questions() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut client = ToolCallServiceClient::new(pdp.channel().await);
    let questions: Vec<DecideRequest> = (0..2000)
        .map(|i| match i % 3 {
            0 => question(&i.to_string(), "github", "list_issues"),
            1 => question(&i.to_string(), "github", "delete_repo"),
            _ => DecideRequest { call_id: i.to_string(), ..DecideRequest::default() },
        })
        .collect();
    let mut answers = client.decide_stream(tokio_stream::iter(questions)).await.unwrap().into_inner();
    let mut seen = 0;
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.call_id, seen.to_string());
        let expected = match seen % 3 {
            0 => (Verdict::Allow, None),
            1 => (Verdict::Deny, None),
            _ => (Verdict::Deny, Some(3)),
        };
        assert_eq!((answer.verdict(), answer.error.map(|e| e.code)), expected, "{seen}");
        seen += 1;
    }
    assert_eq!(seen, 2000);
}

#[tokio::test]
async fn tool_calls_are_decided_over_http() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let answer = pdp.post("/v1/decide", ALLOWED).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let body = answer.json();
    assert_eq!((&body["verdict"], &body["callId"]), (&json!("VERDICT_ALLOW"), &json!("c1")));
    // SHA-256 of `{"a":1}`, the bytes as they were sent.
    assert_eq!(body["argumentsSha256"], "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
    let batch = pdp.post("/v1/decide/batch", format!("{{\"calls\":[{ALLOWED},{{}}]}}")).await.json();
    assert_eq!(batch["results"][0]["verdict"], "VERDICT_ALLOW");
    assert_eq!(batch["results"][1]["error"]["code"], 3);
    assert_eq!(batch["revision"], body["revision"]);
    let pretty = pdp.post("/v1/decide?pretty", ALLOWED).await;
    assert!(pretty.text().starts_with("{\n  \"callId\": \"c1\",\n"), "{}", pretty.text());
    // Strict: nothing may follow.
    let trailing = pdp.post("/v1/decide", format!("{ALLOWED} {{}}")).await;
    assert_eq!((trailing.status.as_u16(), &trailing.json()["code"]), (400, &json!(3)));
}

#[tokio::test]
async fn the_cerbos_api_answers_over_grpc_and_http() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = CerbosServiceClient::new(channel(address).await);
        let answer = client.check_resources(check_request("mcp::github", &["get_issue", "delete_repo"])).await.unwrap();
        assert_eq!(answer.metadata().get("cerbos-version").unwrap(), env!("CARGO_PKG_VERSION"));
        let answer = answer.into_inner();
        assert_eq!((answer.request_id.as_str(), answer.cerbos_call_id.len()), ("r1", 26));
        let result = &answer.results[0];
        assert_eq!((result.actions["get_issue"], result.actions["delete_repo"]), (1, 2));
        let meta = result.meta.as_ref().unwrap();
        assert_eq!(meta.actions["get_issue"].matched_policy, "resource.mcp::github.vdefault");
        let info = client.server_info(ServerInfoRequest {}).await.unwrap().into_inner();
        assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    }
    let body = r#"{"requestId":"r1","principal":{"id":"alice","roles":["agent"]},
        "resources":[{"actions":["get_issue"],"resource":{"kind":"mcp::github","id":"1"}}]} trailing"#;
    let answer = pdp.post("/api/check/resources", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["grpc-metadata-cerbos-version"], env!("CARGO_PKG_VERSION"));
    let answer = answer.json();
    assert_eq!(answer["results"][0]["actions"], json!({"get_issue": "EFFECT_ALLOW"}));
    assert_eq!(answer["cerbosCallId"].as_str().unwrap().len(), 26);
    assert_eq!(pdp.get("/api/server_info").await.json(), json!({"version": env!("CARGO_PKG_VERSION")}));
}

#[tokio::test]
async fn unix_sockets_serve_the_same() {
    let policies = policies();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let set = format!("server.httpListenAddr=unix:{},server.grpcListenAddr=unix:{}", path("h"), path("g"));
    let pdp = Pdp::start_with(policies.path(), &[&set]).await;
    assert_eq!(pdp.post("/v1/decide", ALLOWED).await.json()["verdict"], "VERDICT_ALLOW");
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = ToolCallServiceClient::new(channel(address).await);
        let answer = client.decide(question("c", "github", "list_issues")).await.unwrap().into_inner();
        assert_eq!(answer.verdict(), Verdict::Allow);
    }
    pdp.down().await;
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "sockets are removed");
}

#[tokio::test]
async fn health_is_told_and_withdrawn() {
    let policies = policies();
    let mut pdp = Pdp::start(policies.path()).await;
    let mut client = HealthClient::new(pdp.channel().await);
    let ask = |service: &str| HealthCheckRequest { service: service.into() };
    for service in ["", "cerbos.svc.v1.CerbosService", "toolgate.v1.ToolCallService"] {
        assert_eq!(client.check(ask(service)).await.unwrap().into_inner().status, 1, "{service}");
        let answer = pdp.get(&format!("/_cerbos/health?service={service}")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, r#"{"status":"SERVING"}"#));
    }
    let unknown = client.check(ask("x")).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, "unknown service"));
    let answer = pdp.get("/_cerbos/health?service=x").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (404, r#"{"code":5,"message":"unknown service"}"#));

    let mut watch = client.watch(ask("")).await.unwrap().into_inner();
    let mut nobody = client.watch(ask("x")).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status, 1);
    assert_eq!(nobody.next().await.unwrap().unwrap().status, 3);
    pdp.stop();
    assert_eq!(watch.next().await.unwrap().unwrap().status, 2);
    assert!(watch.next().await.is_none());
    assert!(nobody.next().await.is_none());
    drop(client);
    pdp.down().await;
}

#[tokio::test]
async fn refusals_over_http_have_the_codes_and_words_that_clients_know() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let check = "/api/check/resources";
    let with = |resource: &str| format!(r#"{{"principal":{{"id":"a","roles":["r"]}},"resources":[{resource}]}}"#);
    let ok = r#"{"actions":["x"],"resource":{"kind":"k","id":"1"}}"#;
    let many = |one: &str, n: usize| vec![one; n].join(",");
    let actions = (0..51).map(|i| format!("\"a{i}\"")).collect::<Vec<_>>().join(",");
    let rows: Vec<(String, u16, i64, String)> = vec![
        (
            "{}".into(),
            400,
            3,
            "validation errors:\n - principal: value is required\n - resources: value is required".into(),
        ),
        (
            r#"{"principal":{"roles":["r"]},"resources":[]}"#.into(),
            400,
            3,
            "validation errors:\n - principal.id: value is required\n - resources: value is required".into(),
        ),
        (
            with(r#"{"actions":["x","x"],"resource":{"kind":"k","id":"1"}}"#),
            400,
            3,
            "validation error: resources[0].actions: repeated value must contain unique items".into(),
        ),
        (
            with(r#"{"actions":[""],"resource":{"kind":"k","id":"1"}}"#),
            400,
            3,
            "validation error: resources[0].actions[0]: must be at least 1 characters".into(),
        ),
        (with(&many(ok, 51)), 400, 3, "number of resources in batch (51) exceeds configured limit (50)".into()),
        (
            with(&format!(r#"{{"actions":[{actions}],"resource":{{"kind":"k","id":"1"}}}}"#)),
            400,
            3,
            "number of actions (51) exceeds configured limit (50)".into(),
        ),
        (
            format!(
                r#"{{"principal":{{"id":"a","roles":["r"]}},"resources":[{ok}],"auxData":{{"jwt":{{"token":"x"}}}}}}"#
            ),
            400,
            3,
            "invalid auxData".into(),
        ),
        ("{\"principal\":".into(), 400, 3, "unexpected EOF".into()),
    ];
    for (body, status, code, message) in rows {
        let answer = pdp.post(check, body.clone()).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        let json = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &json["code"], &json["message"]),
            (status, &code.into(), &message.into()),
            "{body}"
        );
    }
    let large = pdp.post(check, vec![b' '; (4 << 20) + 1]).await;
    assert_eq!(large.status, 429);
    assert_eq!(
        large.json(),
        json!({"code": 8, "message": "grpc: received message larger than max (4194305 vs. 4194304)"})
    );
    // Nothing known to be there: decided, and denied.
    let unknown = pdp.post(check, with(ok)).await;
    assert_eq!((unknown.status.as_u16(), &unknown.json()["results"][0]["actions"]["x"]), (200, &json!("EFFECT_DENY")));
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let not_found = json!({"code": 5, "message": "Not Found"});
    for path in ["/api/nothing", "/api", "/api/check/resources/", "/admin/policies", "/access/v1/evaluation", "/v1/x"] {
        let answer = pdp.post(path, "{}").await;
        assert_eq!((answer.status.as_u16(), answer.json()), (404, not_found.clone()), "{path}");
    }
    for path in ["/", "/x", "/apis", "/_cerbos/x"] {
        let answer = pdp.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, "404 page not found\n"), "{path}");
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    }
    let wrong = json!({"code": 12, "message": "Method Not Allowed"});
    let cases = [
        (Method::GET, "/api/check/resources"),
        (Method::PUT, "/v1/decide"),
        (Method::DELETE, "/v1/decide/batch"),
        (Method::POST, "/api/server_info"),
        (Method::OPTIONS, "/api/check/resources"),
    ];
    for (method, path) in cases {
        let answer = pdp.send(method, path, "{}").await;
        assert_eq!((answer.status.as_u16(), answer.json()), (501, wrong.clone()), "{path}");
    }
}

#[tokio::test]
async fn unknown_services_and_methods_over_grpc() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut grpc = tonic::client::Grpc::new(pdp.channel().await);
    for path in ["/x.Y/Z", "/cerbos.svc.v1.CerbosService/PlanEverything", "/toolgate.v1.ToolCallService/Nope"] {
        grpc.ready().await.unwrap();
        let request = tonic::Request::new(DecideRequest::default());
        let codec = tonic_prost::ProstCodec::<DecideRequest, DecideRequest>::default();
        let refused = grpc.unary(request, path.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unimplemented, "Unknown service"), "{path}");
    }
}

#[tokio::test]
async fn metrics_count_what_was_decided() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    pdp.post("/v1/decide", ALLOWED).await;
    pdp.post("/v1/decide", ALLOWED.replace("list_issues", "x")).await;
    pdp.post("/v1/decide", "{").await;
    let metrics = pdp.get("/_cerbos/metrics").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "toolgate_decisions_total{verdict=\"allow\"} 1\n",
        "toolgate_decisions_total{verdict=\"deny\"} 1\n",
        "toolgate_refused_requests_total 1\n",
        "toolgate_decision_duration_seconds_count 2\n",
    ] {
        assert!(metrics.text().contains(line), "{line}{}", metrics.text());
    }
    let off = Pdp::start_with(policies.path(), &["server.metricsEnabled=false"]).await;
    assert_eq!(off.get("/_cerbos/metrics").await.status, 404);
}

#[tokio::test]
async fn status_tells_what_serves() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let status: Value = pdp.get("/v1/status").await.json();
    assert_eq!(status["policies"]["revision"], *pdp.service.store().status().revision);
    assert_eq!((&status["policies"]["policies"], &status["policies"]["rules"]), (&json!(1), &json!(1)));
    assert_eq!((&status["serving"], &status["store"]["failure"]), (&json!(true), &Value::Null));
}
