//! Schemas through the whole server: which policy's apply, what becomes of requests that do not fit, and what a change
//! of a schema file does. The answers in compatible mode are those the reference was seen to give.

use http::Method;
use serde_json::{Value, json};
use tonic::Code;
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;

use crate::support::{Pdp, Policies, allowing, check_request, eventually};

const Q: &str = r#"{"required":["q"],"properties":{"q":{"type":"string"}}}"#;
const W: &str = r#"{"required":["w"]}"#;

fn policy(kind: &str, scope: &str, schemas: &str) -> String {
    format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: {kind}\n  version: default\n  scope: '{scope}'\n\
         {schemas}  rules:\n    - actions: ['*']\n      effect: EFFECT_ALLOW\n      roles: ['*']\n      \
         output: {{when: {{ruleActivated: '\"hi\"'}}}}\n"
    )
}

fn store() -> Policies {
    let resource = "  schemas: {resourceSchema: {ref: 'cerbos:///q.json'}}\n";
    let both = "  schemas: {resourceSchema: {ref: 'cerbos:///q.json'}, principalSchema: {ref: 'cerbos:///w.json'}}\n";
    let scoped = "  schemas: {resourceSchema: {ref: 'cerbos:///w.json'}}\n";
    let ignoring = "  schemas: {resourceSchema: {ref: 'cerbos:///q.json', ignoreWhen: {actions: [view, 'ed*', 'x:*']}}, \
                    principalSchema: {ref: 'cerbos:///w.json', ignoreWhen: {actions: [view]}}}\n";
    let admin = "apiVersion: api.cerbos.dev/v1\nprincipalPolicy:\n  principal: admin\n  version: default\n  rules:\n    - \
                 resource: '*'\n      actions: [{action: '*', effect: EFFECT_ALLOW}]\n";
    Policies::new(&[
        ("_schemas/q.json", Q),
        ("_schemas/w.json", W),
        ("foo.yaml", &policy("foo", "", both)),
        ("foo_acme.yaml", &policy("foo", "acme", scoped)),
        ("foo_acme_hr.yaml", &policy("foo", "acme.hr", "")),
        ("bar.yaml", &policy("bar", "", "")),
        ("bar_acme.yaml", &policy("bar", "acme", resource)),
        ("bar_other.yaml", &policy("bar", "other", "")),
        ("ig.yaml", &policy("ig", "", ignoring)),
        ("admin.yaml", admin),
    ])
}

/// `kind|actions|attributes|scope|principal|principal's attributes`, asked over REST; the answer in short: the effect,
/// what does not fit, the matched policy, and `out` if there are outputs.
async fn ask(pdp: &Pdp, question: &str) -> String {
    let parts: Vec<&str> = question.split('|').collect();
    let [kind, actions, attr, scope, principal, principal_attr] = parts[..] else { panic!("{question}") };
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let actions: Vec<&str> = actions.split(',').collect();
    let request = json!({
        "includeMeta": true,
        "principal": {"id": principal, "roles": ["user"], "attr": read(principal_attr)},
        "resources": [{"actions": actions, "resource": {"kind": kind, "id": "1", "attr": read(attr), "scope": scope}}],
    });
    let answer = pdp.post("/api/check/resources", request.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let result = &answer.json()["results"][0];
    let effects: Vec<String> =
        actions.iter().map(|a| result["actions"][a].as_str().unwrap().replace("EFFECT_", "")).collect();
    let mut out = effects.join(",");
    for error in result["validationErrors"].as_array().into_iter().flatten() {
        let source = if error["source"] == "SOURCE_PRINCIPAL" { "P" } else { "R" };
        out += &format!(" {source}:{}:{}", error["path"].as_str().unwrap_or(""), error["message"].as_str().unwrap());
    }
    out += &format!(" {}", result["meta"]["actions"][actions[0]]["matchedPolicy"].as_str().unwrap());
    out + if result["outputs"].is_array() { " out" } else { "" }
}

const BOTH: &str = "P:/:missing properties: 'w' R:/:missing properties: 'q'";

#[tokio::test]
async fn rejected_requests_are_denied_as_the_reference_denies_them() {
    let store = store();
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=reject", "engine.compatibility=cerbos"]).await;
    for (question, expected) in [
        ("foo|view|{}||u|{}", format!("DENY {BOTH} resource.foo.vdefault")),
        // The root's schemas count for every scope, and are not replaced.
        ("foo|view|{}|acme|u|{}", format!("DENY {BOTH} resource.foo.vdefault/acme")),
        ("foo|view|{}|acme.hr|u|{}", format!("DENY {BOTH} resource.foo.vdefault/acme.hr")),
        // A scope that exists through another kind alone: no validation.
        ("foo|view|{}|other|u|{}", "ALLOW resource.foo.vdefault/other out".into()),
        ("foo|view|{}|none|u|{}", "DENY NO_MATCH".into()),
        ("foo|view|{}|none|admin|{}", "ALLOW principal.admin.vdefault".into()),
        // A principal policy does not save what was rejected.
        ("foo|view|{}||admin|{}", format!("DENY {BOTH} resource.foo.vdefault")),
        (r#"foo|view|{"q":1}||u|{"w":1}"#, "DENY R:/q:expected string, but got number resource.foo.vdefault".into()),
        (r#"foo|view|{"q":"x"}||u|{"w":1}"#, "ALLOW resource.foo.vdefault out".into()),
        ("bar|view|{}||u|{}", "ALLOW resource.bar.vdefault out".into()),
        // Schemas of scoped policies have no effect.
        ("bar|view|{}|acme|u|{}", "ALLOW resource.bar.vdefault/acme out".into()),
        ("ig|view|{}||u|{}", "ALLOW resource.ig.vdefault out".into()),
        ("ig|edit|{}||u|{}", "DENY P:/:missing properties: 'w' resource.ig.vdefault".into()),
        ("ig|view,edit|{}||u|{}", "DENY,DENY P:/:missing properties: 'w' resource.ig.vdefault".into()),
        ("ig|view,del|{}||u|{}", format!("DENY,DENY {BOTH} resource.ig.vdefault")),
        ("ig|x:y|{}||u|{}", "DENY P:/:missing properties: 'w' resource.ig.vdefault".into()),
        ("ig|x:y:z|{}||u|{}", format!("DENY {BOTH} resource.ig.vdefault")),
        ("ig|VIEW|{}||u|{}", format!("DENY {BOTH} resource.ig.vdefault")),
    ] {
        assert_eq!(ask(&pdp, question).await, expected, "{question}");
    }
}

#[tokio::test]
async fn warnings_change_no_decision_and_none_means_none() {
    let store = store();
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=warn", "engine.compatibility=cerbos"]).await;
    let warned = format!("ALLOW {BOTH} resource.foo.vdefault out");
    assert_eq!(ask(&pdp, "foo|view|{}||u|{}").await, warned);
    assert_eq!(ask(&pdp, "foo|view|{}||admin|{}").await, format!("ALLOW {BOTH} principal.admin.vdefault"));
    let pdp = Pdp::start_with(store.path(), &[]).await;
    assert_eq!(ask(&pdp, "foo|view|{}||u|{}").await, "ALLOW resource.foo.vdefault out");
}

#[tokio::test]
async fn a_lenient_search_validates_by_the_policy_it_finds() {
    let store = store();
    let set = ["schema.enforcement=reject", "engine.compatibility=cerbos", "engine.lenientScopeSearch=true"];
    let pdp = Pdp::start_with(store.path(), &set).await;
    assert_eq!(ask(&pdp, "foo|view|{}|none|u|{}").await, format!("DENY {BOTH} resource.foo.vdefault"));
    assert_eq!(ask(&pdp, "foo|view|{}|acme.zz|u|{}").await, format!("DENY {BOTH} resource.foo.vdefault/acme"));
    assert_eq!(ask(&pdp, "foo|view|{}|other|u|{}").await, "ALLOW resource.foo.vdefault/other out");
}

/// By default a role policy that makes a scope exist does not let requests past the schemas of the rules they meet.
#[tokio::test]
async fn by_default_the_schemas_come_with_the_rules() {
    let store = store();
    let role = "apiVersion: api.cerbos.dev/v1\nrolePolicy:\n  role: other\n  scope: rps\n  rules:\n    - resource: foo\n      \
                allowActions: ['*']\n";
    store.write("role.yaml", role);
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=reject"]).await;
    assert_eq!(ask(&pdp, "foo|view|{}|rps|u|{}").await, format!("DENY {BOTH} resource.foo.vdefault/rps"));
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=reject", "engine.compatibility=cerbos"]).await;
    assert_eq!(ask(&pdp, "foo|view|{}|rps|u|{}").await, "ALLOW resource.foo.vdefault/rps out");
}

#[tokio::test]
async fn grpc_and_tool_calls_say_the_same() {
    let store = store();
    let schemas = "  version: default\n  schemas: {resourceSchema: {ref: 'cerbos:///call.json'}}\n";
    store.write("_schemas/call.json", r#"{"properties":{"arguments":{"required":["repo"]}}}"#);
    store.write("github.yaml", &allowing("github", "get_issue").replace("  version: default\n", schemas));
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=reject"]).await;
    let mut client = CerbosServiceClient::new(pdp.channel().await);
    let answer = client.check_resources(check_request("foo", &["view"])).await.unwrap().into_inner();
    let errors: Vec<_> =
        answer.results[0].validation_errors.iter().map(|e| (&*e.path, &*e.message, e.source)).collect();
    assert_eq!(errors, [("/", "missing properties: 'w'", 1), ("/", "missing properties: 'q'", 2)]);
    assert_eq!(answer.results[0].actions["view"], 2);

    let call = r#"{"identity":{"id":"alice","roles":["agent"]},"tool":{"server":"github","name":"get_issue"},
        "arguments":{},"includeTrace":true}"#;
    let answer = pdp.post("/v1/decide", call).await.json();
    assert_eq!(answer["verdict"], "VERDICT_DENY");
    assert_eq!(
        answer["reason"], "the attributes do not fit the schema: /arguments: missing properties: 'repo'",
        "{answer}"
    );
    assert_eq!(answer["trace"][0], "schema of the resource: /arguments: missing properties: 'repo'");
    let fits = call.replace("\"arguments\":{}", "\"arguments\":{\"repo\":1}");
    assert_eq!(pdp.post("/v1/decide", fits).await.json()["verdict"], "VERDICT_ALLOW");
}

/// What it takes to validate is charged to the decision: who sends too much is denied, whatever the enforcement.
#[tokio::test]
async fn validation_spends_the_budget_of_the_decision() {
    let store = store();
    for enforcement in ["warn", "reject"] {
        let set = [format!("schema.enforcement={enforcement}"), "engine.stepBudget=2000".to_owned()];
        let pdp = Pdp::start_with(store.path(), &[&set[0], &set[1]]).await;
        let large: Vec<u32> = (0..5_000).collect();
        let question = format!("foo|view|{}||u|{{\"w\":1}}", json!({"q": "x", "large": large}));
        assert_eq!(ask(&pdp, &question).await, "DENY resource.foo.vdefault");
        assert_eq!(ask(&pdp, r#"foo|view|{"q":"x"}||u|{"w":1}"#).await, "ALLOW resource.foo.vdefault out");
    }
}

#[tokio::test]
async fn a_schema_that_changes_is_a_new_revision_and_a_broken_one_is_not() {
    let store = store();
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=reject"]).await;
    let fits = r#"foo|view|{"q":"x"}||u|{"w":1}"#;
    assert_eq!(ask(&pdp, fits).await, "ALLOW resource.foo.vdefault out");
    let before = pdp.service.store().status().revision.clone();

    store.write("_schemas/q.json", r#"{"properties":{"q":{"type":"number"}}}"#);
    let changed = async || (pdp.service.store().status().revision != before).then_some(());
    eventually("the new schema", changed).await;
    assert_eq!(ask(&pdp, fits).await, "DENY R:/q:expected number, but got string resource.foo.vdefault");

    // Broken, and gone: the last good one goes on serving.
    let serving = pdp.service.store().status().revision.clone();
    for (broken, words) in [
        (Some(r#"{"type":"objekt"}"#), "compilation failed: '/type' does not validate with"),
        (None, "Failed to load resource schema \"cerbos:///q.json\": schema _schemas/q.json doesn't exist"),
    ] {
        match broken {
            Some(text) => drop(store.write("_schemas/q.json", text)),
            None => store.remove("_schemas/q.json"),
        }
        let failed = async || {
            let failure = pdp.service.store().status().failure.clone()?;
            let found = failure.diagnostics.iter().find(|d| d.message.contains(words))?;
            Some((found.code, found.file.name().to_owned()))
        };
        assert_eq!(eventually(words, failed).await, ("TG0513", "bar_acme.yaml".to_owned()));
        assert_eq!(pdp.service.store().status().revision, serving);
        assert_eq!(ask(&pdp, fits).await, "DENY R:/q:expected number, but got string resource.foo.vdefault");
    }
}

#[tokio::test]
async fn errors_keep_their_codes() {
    let store = store();
    let pdp = Pdp::start_with(store.path(), &["schema.enforcement=reject"]).await;
    let answer = pdp.send(Method::POST, "/api/check/resources", "{").await;
    assert_eq!(answer.status, 400);
    let mut client = CerbosServiceClient::new(pdp.channel().await);
    assert_eq!(client.check_resources(check_request("foo", &[])).await.unwrap_err().code(), Code::InvalidArgument);
}
