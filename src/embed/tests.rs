//! The same answers as the server's, errors that are no verdicts, and policies that change.

use std::fs;
use std::path::Path;

use super::*;
use crate::cel::value::Constant;
use crate::engine::Semantics;
use crate::wire::message::Session;
use crate::wire::reply::Verdict;

fn policy(condition: &str) -> String {
    format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: mcp::github\n  version: default\n  rules:\n    \
         - name: one\n      actions: [merge]\n      effect: EFFECT_ALLOW\n      roles: [dev]\n      \
         condition: {{match: {{expr: '{condition}'}}}}\n      \
         output: {{when: {{ruleActivated: '{{\"obligations\": [{{\"type\": \"log\"}}], \"n\": 1}}'}}}}\n"
    )
}

fn open(root: &Path, condition: &str) -> Pdp {
    fs::write(root.join("a.yaml"), policy(condition)).unwrap();
    Pdp::builder(root).watch(false).open().unwrap()
}

fn call() -> Call<'static> {
    Call {
        call_id: "c1",
        identity: Identity { id: "dora", roles: &["dev"], attr: br#"{"team": "core"}"#, ..Identity::default() },
        server: "github",
        tool: "merge",
        arguments: br#"{"repo": "api"}"#,
        include_digest: true,
        ..Call::default()
    }
}

#[test]
fn a_call_gets_what_the_same_message_gets() {
    let dir = tempfile::tempdir().unwrap();
    let pdp = open(dir.path(), "P.attr.team == \"core\" && R.attr.arguments.repo == \"api\"");
    let answer = pdp.decide(&call()).unwrap();
    assert!(answer.is_allowed());
    assert_eq!((&*answer.rule, &*answer.call_id, &*answer.revision), ("one", "c1", &*pdp.revision()));
    assert_eq!(answer.obligations, [serde_json::json!({"type": "log"})]);
    let text = br#"{"callId": "c1", "identity": {"id": "dora", "roles": ["dev"], "attr": {"team": "core"}}, "tool":
        {"server": "github", "name": "merge"}, "arguments": {"repo": "api"}, "includeDigest": true}"#;
    let reply: serde_json::Value = serde_json::from_slice(&pdp.decide_json(text).unwrap()).unwrap();
    assert_eq!(reply["verdict"], answer.verdict.name());
    assert_eq!(reply["argumentsSha256"], answer.arguments_sha256);
    assert_eq!(reply["reason"], answer.reason);
    assert_eq!(reply["location"], answer.location);
    assert_eq!(reply["obligations"], serde_json::Value::from(answer.obligations.clone()));
    let other = pdp.decide(&Call { arguments: br#"{"repo": "web"}"#, ..call() }).unwrap();
    assert_eq!(other.verdict, Verdict::Deny);
}

#[test]
fn what_cannot_be_decided_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let pdp = open(dir.path(), "true");
    let cases = [
        Call { server: "", ..call() },
        Call { identity: Identity { roles: &[], ..call().identity }, ..call() },
        Call { arguments: br#"{"a": 1, "a": 2}"#, ..call() },
        Call { arguments: b"[]", ..call() },
        Call { context: b"{", ..call() },
        Call { identity: Identity { attr: b"1", ..call().identity }, ..call() },
        Call { agent: Some(Agent { id: "", ..Agent::default() }), ..call() },
    ];
    for case in &cases {
        assert!(pdp.decide(case).is_err(), "{case:?}");
    }
    let mixed = pdp.decide_all(&[call(), cases[2], call()]).unwrap();
    assert_eq!(mixed.iter().map(Answer::is_allowed).collect::<Vec<_>>(), [true, false, true]);
    assert!(mixed[1].error.is_some() && mixed[0].error.is_none());
    assert_eq!(mixed[0].revision, mixed[2].revision);
    assert!(pdp.decide_all(&vec![call(); 51]).is_err());
    assert_eq!(pdp.decide_all(&[]), Ok(Vec::new()));
}

#[test]
fn sessions_and_agents_count() {
    let dir = tempfile::tempdir().unwrap();
    let pdp = open(dir.path(), "!(\"tainted\" in R.attr.session.labels)");
    let session = Some(Session { labels: &["tainted"], ..Session::default() });
    assert!(!pdp.decide(&Call { session, ..call() }).unwrap().is_allowed());
    let agent = |roles| Some(Agent { id: "bot", roles, ..Agent::default() });
    let clean = Call { session: Some(Session { labels: &["clean"], ..Session::default() }), ..call() };
    assert!(pdp.decide(&Call { agent: agent(&["dev"]), ..clean }).unwrap().is_allowed());
    assert!(!pdp.decide(&Call { agent: agent(&["guest"]), ..clean }).unwrap().is_allowed());
}

#[test]
fn options_reach_the_decision() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), policy("G.env == \"prod\" || R.attr.arguments.missing")).unwrap();
    let builder = || Pdp::builder(dir.path()).watch(false);
    assert!(
        builder().global("env", Constant::String("prod".into())).open().unwrap().decide(&call()).unwrap().is_allowed()
    );
    assert!(!builder().open().unwrap().decide(&call()).unwrap().is_allowed());
    let short = builder().message_bytes(8).open().unwrap();
    assert!(short.decide(&call()).is_err());
    let compat = builder().semantics(Semantics::Cerbos).open().unwrap();
    assert_eq!(compat.service().settings().semantics, "cerbos");
    let checked = compat.check_resources_json(
        br#"{"requestId": "r", "principal": {"id": "dora", "roles": ["dev"]},
            "resources": [{"actions": ["merge"], "resource": {"kind": "mcp::github", "id": "1"}}]}"#,
    );
    assert!(String::from_utf8(checked.unwrap()).unwrap().contains("EFFECT_DENY"));
}

#[test]
fn plans_are_answered_as_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let pdp = open(dir.path(), "R.attr.arguments.base == \"main\"");
    let answer = pdp.plan_tools_json(
        br#"{"identity": {"id": "dora", "roles": ["dev"]},
            "tools": [{"server": "github", "name": "merge"}, {"server": "github", "name": "delete"}]}"#,
    );
    let answer: serde_json::Value = serde_json::from_slice(&answer.unwrap()).unwrap();
    let [merge, delete] = [0, 1].map(|n| answer["tools"][n].clone());
    assert_eq!(merge["availability"], "AVAILABILITY_CONDITIONAL");
    assert_eq!(merge["conditionText"], r#"(eq arguments.base "main")"#);
    assert_eq!(delete["availability"], "AVAILABILITY_DENIED");
    let plan = |body: &[u8]| pdp.plan_resources_json(body).map(|b| String::from_utf8(b).unwrap());
    let principal = r#""principal": {"id": "dora", "roles": ["dev"]}"#;
    let asked = format!(r#"{{{principal}, "action": "merge", "resource": {{"kind": "mcp::github"}}}}"#);
    assert!(plan(asked.as_bytes()).unwrap().contains("KIND_CONDITIONAL"));
    assert!(plan(format!("{{{principal}}}").as_bytes()).is_err());
}

#[test]
fn a_change_is_heard_of_and_a_broken_one_changes_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let pdp = open(dir.path(), "true");
    let mut watch = pdp.watch();
    let first = pdp.revision();
    assert!(!watch.has_changed().unwrap());
    fs::write(dir.path().join("a.yaml"), policy("false")).unwrap();
    assert_eq!(pdp.reload(), Outcome::Applied);
    assert!(watch.has_changed().unwrap());
    assert_ne!(watch.borrow_and_update().revision, first);
    assert!(!pdp.decide(&call()).unwrap().is_allowed());
    fs::write(dir.path().join("a.yaml"), policy("nope")).unwrap();
    assert_eq!(pdp.reload(), Outcome::Failed);
    assert!(watch.borrow_and_update().failure.is_some() && pdp.status().failure.is_some());
    assert!(!pdp.decide(&call()).unwrap().is_allowed());
    let fault = Pdp::open(dir.path()).unwrap_err();
    assert!(fault.to_string().contains("nope"), "{fault}");
}
