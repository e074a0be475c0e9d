//! Query plans through the whole program: over gRPC and REST with the wire's shapes and refusals, and on the command
//! line.

use std::process::{Command, Stdio};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tonic::Code;
use toolgate::proto::cerbos::engine::v1::plan_resources_filter::Kind;
use toolgate::proto::cerbos::engine::v1::plan_resources_filter::expression::operand::Node;
use toolgate::proto::cerbos::engine::v1::plan_resources_input::Resource;
use toolgate::proto::cerbos::engine::v1::{PlanResourcesFilter, Principal};
use toolgate::proto::cerbos::request::v1::PlanResourcesRequest;
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;
use toolgate::proto::toolgate::v1::{Availability, Identity, PlanToolsRequest, Tool, ToolPlan};

use crate::support::{Pdp, Policies};

const POLICY: &str = r#"
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  rules:
    - actions: [view]
      roles: [user]
      effect: EFFECT_ALLOW
      condition: {match: {expr: R.attr.owner == P.id || R.attr.level < 2}}
    - actions: [view]
      roles: [user]
      effect: EFFECT_DENY
      condition: {match: {expr: R.attr.secret}}
    - actions: [list]
      roles: [user]
      effect: EFFECT_ALLOW
    - actions: [first]
      roles: [user]
      effect: EFFECT_ALLOW
      condition: {match: {expr: "R.attr[?R.attr.name].hasValue()"}}
"#;

fn policies() -> Policies {
    Policies::new(&[("doc.yaml", POLICY)])
}

fn asked(more: &Value) -> String {
    let mut all = json!({
        "requestId": "r1",
        "principal": {"id": "alice", "roles": ["user"]},
        "resource": {"kind": "doc", "policyVersion": "default"},
    });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all.to_string()
}

#[tokio::test]
async fn rest_answers_in_the_wires_shapes() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let answer = pdp.post("/api/plan/resources", asked(&json!({"action": "view", "includeMeta": true}))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["grpc-metadata-content-type"], "application/grpc");
    let mut body = answer.json();
    assert_eq!(body["cerbosCallId"].as_str().unwrap().len(), 26);
    body["cerbosCallId"] = json!("");
    let condition = json!({"expression": {"operator": "and", "operands": [
        {"expression": {"operator": "not", "operands": [{"variable": "request.resource.attr.secret"}]}},
        {"expression": {"operator": "or", "operands": [
            {"expression": {"operator": "eq", "operands": [
                {"variable": "request.resource.attr.owner"}, {"value": "alice"}]}},
            {"expression": {"operator": "lt", "operands": [
                {"variable": "request.resource.attr.level"}, {"value": 2}]}},
        ]}},
    ]}});
    let expected = json!({
        "requestId": "r1", "action": "view", "resourceKind": "doc", "policyVersion": "default",
        "filter": {"kind": "KIND_CONDITIONAL", "condition": condition},
        "meta": {"filterDebug": "(and (not request.resource.attr.secret) (or (eq request.resource.attr.owner \"alice\") \
                 (lt request.resource.attr.level 2)))"},
        "cerbosCallId": "",
    });
    assert_eq!(body, expected);
    // Fields come in the order of their declaration.
    let order = ["requestId", "action", "resourceKind", "policyVersion", "filter", "meta", "cerbosCallId"];
    let places: Vec<usize> = order.iter().map(|k| answer.text().find(&format!("\"{k}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{}", answer.text());

    let both = pdp.post("/api/plan/resources", asked(&json!({"actions": ["list"], "includeMeta": true}))).await.json();
    assert_eq!(both["filter"], json!({"kind": "KIND_ALWAYS_ALLOWED"}));
    assert_eq!(both["meta"], json!({"filterDebug": "(true)", "matchedScopes": {"list": ""}}));
    assert_eq!((&both["actions"], &both["action"]), (&json!(["list"]), &Value::Null));
    let known = json!({"kind": "doc", "attr": {"level": 5, "secret": false}});
    let known = pdp.post("/api/plan/resources", asked(&json!({"action": "view", "resource": known}))).await.json();
    let operands = &known["filter"]["condition"]["expression"]["operands"];
    assert_eq!(operands, &json!([{"variable": "request.resource.attr.owner"}, {"value": "alice"}]));
    assert_eq!(known["meta"], Value::Null);
    let nothing = asked(&json!({"actions": ["view", "none"], "includeMeta": true}));
    let nothing = pdp.post("/api/plan/resources", nothing).await.json();
    assert_eq!(nothing["filter"], json!({"kind": "KIND_ALWAYS_DENIED"}));
    // One of them is allowed somewhere: something was found.
    assert_eq!(nothing["meta"]["filterDebug"], "(false)");
    let nothing = asked(&json!({"actions": ["none", "neither"], "includeMeta": true}));
    let nothing = pdp.post("/api/plan/resources", nothing).await.json();
    assert_eq!(nothing["meta"]["filterDebug"], "NO_MATCH");
}

#[tokio::test]
async fn refusals_have_their_codes_and_words() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let one = "validation error: Exactly one of 'action' or 'actions' field must be set";
    let many: Vec<String> = (0..21).map(|i| format!("a{i}")).collect();
    let cases = [
        (
            "{}".to_owned(),
            400,
            3,
            "validation errors:\n - Exactly one of 'action' or 'actions' field must be set\n - \
                                   principal: value is required\n - resource: value is required",
        ),
        (asked(&json!({})), 400, 3, one),
        (asked(&json!({"action": "a", "actions": ["b"]})), 400, 3, one),
        (
            asked(&json!({"actions": ["a", "a"]})),
            400,
            3,
            "validation error: actions: repeated value must contain unique items",
        ),
        (asked(&json!({"actions": [""]})), 400, 3, "validation error: actions[0]: must be at least 1 characters"),
        (asked(&json!({"actions": many})), 400, 3, "validation error: actions: must contain no more than 20 item(s)"),
        (asked(&json!({"action": "a", "auxData": {"jwt": {"token": "x"}}})), 400, 3, "invalid auxData"),
        (
            asked(&json!({"action": "a", "resource": {"kind": "", "policyVersion": "1.0"}})),
            400,
            3,
            "validation errors:\n - resource.kind: value is required\n - resource.policy_version: does not match regex \
             pattern `^[\\w]*$`",
        ),
        (
            asked(&json!({"action": "first"})),
            400,
            3,
            "an optional index on values that are not known cannot be planned",
        ),
    ];
    for (body, status, code, message) in cases {
        let answer = pdp.post("/api/plan/resources", body.clone()).await;
        let error = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &error["code"], &error["message"]),
            (status, &json!(code), &json!(message)),
            "{body}"
        );
    }
    let details = pdp.post("/api/plan/resources", asked(&json!({}))).await.json();
    assert_eq!(details["details"][0]["violations"][0]["ruleId"], "exclusiveFieldsActionOrActions");
    let field = pdp.post("/api/plan/resources", asked(&json!({"resource": {"id": "x"}}))).await.json();
    assert!(field["message"].as_str().unwrap().ends_with("unknown field \"id\""), "{field}");
    assert_eq!(pdp.send(Method::GET, "/api/plan/resources", "").await.status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn the_reference_mode_fails_in_the_references_words() {
    let policies = policies();
    let pdp = Pdp::start_with(policies.path(), &["engine.compatibility=cerbos"]).await;
    let failed = pdp.post("/api/plan/resources", asked(&json!({"action": "first"}))).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(failed.json(), json!({"code": 13, "message": "Resources query plan request failed"}));
}

#[tokio::test]
async fn grpc_answers_the_same() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut client = CerbosServiceClient::new(pdp.channel().await);
    let question = PlanResourcesRequest {
        request_id: "r1".into(),
        actions: vec!["view".into(), "list".into()],
        principal: Some(Principal { id: "alice".into(), roles: vec!["user".into()], ..Principal::default() }),
        resource: Some(Resource { kind: "doc".into(), ..Resource::default() }),
        include_meta: true,
        ..PlanResourcesRequest::default()
    };
    let answer = client.plan_resources(question.clone()).await.unwrap();
    assert!(answer.metadata().get("cerbos-version").is_some());
    let answer = answer.into_inner();
    assert_eq!((answer.request_id.as_str(), answer.resource_kind.as_str(), answer.action.as_str()), ("r1", "doc", ""));
    assert_eq!(answer.actions, ["view", "list"]);
    let meta = answer.meta.unwrap();
    assert_eq!(meta.matched_scopes.len(), 2);
    let filter: PlanResourcesFilter = answer.filter.unwrap();
    assert_eq!(filter.kind(), Kind::Conditional);
    let Some(Node::Expression(and)) = filter.condition.unwrap().node else { panic!("an expression") };
    assert_eq!((and.operator.as_str(), and.operands.len()), ("and", 2));
    let Some(Node::Expression(not)) = &and.operands[0].node else { panic!("an expression") };
    assert_eq!(not.operands[0].node, Some(Node::Variable("request.resource.attr.secret".into())));
    let refused = client.plan_resources(PlanResourcesRequest { actions: vec![], ..question }).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(!refused.details().is_empty());
}

#[test]
fn the_command_line_shows_trees_texts_and_reasons() {
    let policies = policies();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
        command.env_remove("TOOLGATE_CONFIG").env("NO_COLOR", "1").arg("plan").arg(policies.path());
        let output = command.args(args).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let who = ["--kind", "doc", "--id", "alice", "--role", "user", "--known", "secret=false"];
    let plan = |more: &[&str]| run(&[&who[..], more].concat());
    let (code, tree, _) = plan(&["--action", "view"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        tree,
        "allowed where\nor\n├── (eq request.resource.attr.owner \"alice\")\n└── (lt request.resource.attr.level 2)\n"
    );
    let (_, text, _) = plan(&["--action", "view", "--output", "sexpr"]);
    assert_eq!(text, "(or (eq request.resource.attr.owner \"alice\") (lt request.resource.attr.level 2))\n");
    let (_, text, _) = plan(&["--action", "view", "--explain"]);
    assert!(
        text.contains("\nrules\n  resource.doc.vdefault#rule-001 (doc.yaml:7): condition depends on (or "),
        "{text}"
    );
    assert!(text.contains("rule-002 (doc.yaml:11): condition not met"), "{text}");
    assert!(text.contains("\nworked out\n  P.id = alice\n  R.attr.secret = false"), "{text}");
    let (_, text, _) = plan(&["--action", "list", "--output", "json", "--explain"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["filter"], json!({"kind": "KIND_ALWAYS_ALLOWED"}));
    let (_, text, _) = plan(&["--action", "nothing"]);
    assert_eq!(text, "always denied: no rule speaks about it\n");
    let (code, _, error) = plan(&["--action", "first"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("an optional index on values that are not known cannot be planned"), "{error}");
}

const TOOLS: &str = r#"
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: "mcp::github"
  version: default
  rules:
    - {actions: [list_issues], roles: [agent, bot], effect: EFFECT_ALLOW}
    - actions: [create_issue]
      roles: [agent]
      effect: EFFECT_ALLOW
      condition: {match: {expr: R.attr.arguments.repo.startsWith("acme/") && R.attr.tool.pinned}}
    - {actions: [create_issue], roles: [bot], effect: EFFECT_ALLOW, condition: {match: {expr: R.attr.arguments.draft}}}
    - actions: [read_file]
      roles: [agent]
      effect: EFFECT_ALLOW
      condition: {match: {expr: '!("tainted" in R.attr.session.labels)'}}
    - actions: [odd]
      roles: [agent]
      effect: EFFECT_ALLOW
      condition: {match: {expr: "R.attr[?R.attr.arguments.k].hasValue()"}}
"#;

#[tokio::test]
async fn lists_of_tools_are_planned_at_once() {
    let policies = Policies::new(&[("github.yaml", TOOLS)]);
    let pdp = Pdp::start(policies.path()).await;
    let tool = |name: &str, pinned: bool| json!({"server": "github", "name": name, "pinned": pinned});
    let asked = |more: Value| {
        let mut all = json!({
            "identity": {"id": "alice", "roles": ["agent"]},
            "tools": [
                tool("list_issues", false), tool("create_issue", true), tool("create_issue", false),
                tool("read_file", false), tool("delete_repo", false), tool("odd", false),
            ],
        });
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        all.to_string()
    };
    let answer = pdp.post("/v1/plan/tools", asked(json!({"session": {"labels": ["tainted"]}}))).await.json();
    assert_eq!(answer["revision"], pdp.service.store().status().revision.to_string());
    let shown = |answer: &Value| -> Vec<String> {
        let tools = answer["tools"].as_array().unwrap().iter();
        let text = |t: &Value, key: &str| t[key].as_str().unwrap_or("").to_owned();
        tools
            .map(|t| {
                let kind = text(t, "availability").replace("AVAILABILITY_", "");
                format!("{} {kind} {}{}", text(t, "name"), text(t, "conditionText"), text(t, "error"))
            })
            .collect()
    };
    let expected = [
        "list_issues ALLOWED ",
        "create_issue CONDITIONAL (startsWith arguments.repo \"acme/\")",
        "create_issue DENIED ",
        "read_file DENIED ",
        "delete_repo DENIED ",
        "odd CONDITIONAL an optional index on values that are not known cannot be planned",
    ];
    assert_eq!(shown(&answer), expected);
    let condition = json!({"expression": {"operator": "startsWith", "operands": [
        {"variable": "arguments.repo"}, {"value": "acme/"}]}});
    assert_eq!(answer["tools"][1]["condition"], condition);
    // An agent with roles of its own must be allowed, too.
    let agent = pdp.post("/v1/plan/tools", asked(json!({"agent": {"id": "b", "roles": ["bot"]}}))).await.json();
    let expected = [
        "list_issues ALLOWED ",
        "create_issue CONDITIONAL (and (startsWith arguments.repo \"acme/\") arguments.draft)",
        "create_issue DENIED ",
        "read_file DENIED ",
    ];
    assert_eq!(shown(&agent)[..4], expected);
    let refused = pdp.post("/v1/plan/tools", "{}").await.json();
    let text = "validation errors:\n - identity: value is required\n - tools: value is required";
    assert_eq!(refused["message"], text);

    let mut client = ToolCallServiceClient::new(pdp.channel().await);
    let question = PlanToolsRequest {
        identity: Some(Identity { id: "alice".into(), roles: vec!["agent".into()], ..Identity::default() }),
        tools: ["list_issues", "read_file", "nope"]
            .map(|name| Tool { server: "github".into(), name: name.into(), ..Tool::default() })
            .into(),
        ..PlanToolsRequest::default()
    };
    let answer = client.plan_tools(question).await.unwrap().into_inner();
    let kinds: Vec<Availability> = answer.tools.iter().map(ToolPlan::availability).collect();
    assert_eq!(kinds, [Availability::Allowed, Availability::Allowed, Availability::Denied]);
    assert!(!answer.revision.is_empty());
}

#[tokio::test]
async fn attributes_are_held_against_schemas_as_far_as_they_are_known() {
    let policy = r#"
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  schemas: {principalSchema: {ref: "cerbos:///p.json"}, resourceSchema: {ref: "cerbos:///r.json"}}
  rules: [{actions: [view], roles: [user], effect: EFFECT_ALLOW, condition: {match: {expr: R.attr.a == 1}}}]
"#;
    let policies = Policies::new(&[
        ("doc.yaml", policy),
        ("_schemas/p.json", r#"{"properties":{"dept":{"type":"string"}},"required":["dept"]}"#),
        ("_schemas/r.json", r#"{"properties":{"a":{"type":"number"}},"required":["a","b"]}"#),
    ]);
    let pdp = Pdp::start_with(policies.path(), &["schema.enforcement=reject"]).await;
    let ask = async |principal: Value, resource: Value| {
        let asked = asked(&json!({
            "principal": {"id": "a", "roles": ["user"], "attr": principal},
            "resource": {"kind": "doc", "attr": resource}, "actions": ["view"], "includeMeta": true,
        }));
        pdp.post("/api/plan/resources", asked).await.json()
    };
    let denied = ask(json!({}), json!({"a": "s"})).await;
    assert_eq!(denied["filter"], json!({"kind": "KIND_ALWAYS_DENIED"}));
    assert_eq!(denied["meta"], json!({"filterDebug": "(false)"}));
    let faults = json!([
        {"path": "/", "message": "missing properties: 'dept'", "source": "SOURCE_PRINCIPAL"},
        {"path": "/a", "message": "expected number, but got string", "source": "SOURCE_RESOURCE"},
    ]);
    assert_eq!(denied["validationErrors"], faults);
    let fits = ask(json!({"dept": "x"}), json!({})).await;
    assert_eq!(fits["meta"]["filterDebug"], "(eq request.resource.attr.a 1)");
    assert_eq!(fits["validationErrors"], Value::Null);
}
