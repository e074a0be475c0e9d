//! Tests of the log as a whole: what rows are like, and what becomes of them when they cannot be written.

use std::path::Path;

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::*;
use crate::cel::value::{Map, Value};
use crate::engine::decision::{ActionResult, Cause, Decision, Effect, PolicyRef};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::wire::reply::Verdict;

const ID: [u8; 26] = *b"01ARYZ6S410000000000000000";

fn settings(output: &Path) -> Settings {
    Settings {
        access: true,
        decisions: true,
        metadata: settings::Metadata::default(),
        filters: settings::Filters::default(),
        redaction: settings::Redaction::default(),
        backend: Backend::Lines { outputs: vec![settings::Output::File(output.into())], rotation: None },
        on_failure: OnFailure::Availability,
        queue: settings::Queue::default(),
        policy_directory: "/policies".into(),
    }
}

/// The rows that a log with these settings writes.
fn rows(change: impl FnOnce(&mut Settings), fill: impl FnOnce(&Audit)) -> Vec<Json> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut settings = settings(&path);
    change(&mut settings);
    let audit = Audit::open(settings).unwrap();
    fill(&audit);
    audit.close();
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| redact::parse(line.as_bytes()).unwrap()).collect()
}

/// Puts down one question with an allowed and, if so, a denied action.
fn check(record: &Record<'_>, denied: bool) {
    let bump = Bump::new();
    let secret = Map::Fields(bump.alloc([("api_key", Value::String("s3cr3t")), ("n", Value::Double(1.0))]));
    let request = Request {
        principal: Principal { id: "alice", roles: &["user"], attr: secret, policy_version: "", scope: "" },
        resource: Resource { kind: "doc", id: "1", attr: Map::Fields(&[]), policy_version: "v", scope: "acme" },
        actions: &["view", "edit"],
        aux: AuxData { jwt: secret, jwts: &[] },
    };
    let result =
        |action, effect| ActionResult { action, effect, policy: "resource.doc.vv", scope: "", cause: Cause::NoPolicy };
    let edit = if denied { Effect::Deny } else { Effect::Allow };
    let actions = [result("view", Effect::Allow), result("edit", edit)];
    let policies = [PolicyRef { key: "resource.doc.vv", file: "doc.yaml" }];
    let decision = Decision {
        actions: &actions,
        effective_derived_roles: &["owner"],
        outputs: &[],
        errors: &[],
        validation_errors: &[],
        trace: &[],
        policies: &policies,
    };
    record.check(&request, &decision, |n| format!("because {n}"));
}

#[test]
fn a_row_of_a_decision_has_everything_and_no_secret() {
    let keep = |s: &mut Settings| s.redaction.keys = redact::SECRET_KEYS.iter().map(|k| (*k).to_owned()).collect();
    let rows = rows(keep, |audit| {
        let record = Record::new(audit, None, ID, "abc");
        let annotations = Map::Fields(&[("k", Value::Null), ("password", Value::String("x"))]);
        record.describe(&About { request_id: "r1", context: Some(annotations), ..About::default() });
        check(&record, true);
        record.finish().unwrap();
    });
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let mut row = row.clone();
    assert!(row.as_object_mut().unwrap().remove("timestamp").is_some());
    let principal = json!({"id": "alice", "roles": ["user"], "attr": {"api_key": "[redacted]", "n": 1}});
    assert_eq!(
        row,
        json!({
            "log.logger": "cerbos.audit",
            "log.kind": "decision",
            "callId": "01ARYZ6S410000000000000000",
            "checkResources": {
                "inputs": [{
                    "requestId": "r1",
                    "resource": {"kind": "doc", "policyVersion": "v", "id": "1", "scope": "acme"},
                    "principal": principal,
                    "actions": ["view", "edit"],
                    "auxData": {"jwt": {"api_key": "[redacted]", "n": 1}},
                }],
                "outputs": [{
                    "requestId": "r1",
                    "resourceId": "1",
                    "actions": {
                        "view": {"effect": "EFFECT_ALLOW", "policy": "resource.doc.vv"},
                        "edit": {"effect": "EFFECT_DENY", "policy": "resource.doc.vv"},
                    },
                    "effectiveDerivedRoles": ["owner"],
                }],
            },
            "auditTrail": {"effectivePolicies": {
                "resource.doc.vv": {"attributes": {"driver": "disk", "source": "doc.yaml"}},
            }},
            "policySource": {"disk": {"directory": "/policies"}},
            "requestContext": {"annotations": {"k": null, "password": "[redacted]"}},
            "toolgate": {"revision": "abc", "reasons": [{"view": "because 0", "edit": "because 1"}]},
        })
    );
}

#[test]
fn filters_leave_out_what_denies_nothing_but_never_an_approval() {
    let facts = |verdict| ToolFacts {
        call_id: "c",
        verdict,
        reason: "why",
        policy: "p",
        rule: "r",
        location: "f:1",
        arguments_sha256: "00",
    };
    let rows = rows(
        |s| s.filters.checks_all_allowed = true,
        |audit| {
            let record = Record::new(audit, None, ID, "abc");
            check(&record, false);
            record.tool_call(*b"01ARYZ6S41AAAAAAAAAAAAAAAA", &facts(Verdict::Allow));
            check(&record, false);
            record.tool_call(*b"01ARYZ6S41BBBBBBBBBBBBBBBB", &facts(Verdict::Ask));
            record.refused(*b"01ARYZ6S41CCCCCCCCCCCCCCCC", "c2", "no");
            check(&record, false);
            check(&record, true);
            record.finish().unwrap();
        },
    );
    let [ask, refused, last] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(ask["callId"], "01ARYZ6S41BBBBBBBBBBBBBBBB");
    let ours = &ask["toolgate"];
    assert_eq!(ours["callId"], "01ARYZ6S410000000000000000");
    assert_eq!(
        (&ours["toolCallId"], &ours["verdict"], &ours["reason"], &ours["argumentsSha256"]),
        (&json!("c"), &json!("VERDICT_ASK"), &json!("why"), &json!("00"))
    );
    assert_eq!(refused["checkResources"], json!({"error": "no"}));
    // Two questions of one call are one row.
    assert_eq!(last["checkResources"]["inputs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn places_are_left_out_however_deep_a_row_is() {
    let rows = rows(
        |s| s.redaction.paths = vec!["checkResources.inputs[*].principal.attr".into(), "policySource".into()],
        |audit| {
            let record = Record::new(audit, None, ID, "abc");
            check(&record, true);
            record.finish().unwrap();
            let deep = format!("{{\"policySource\":1,\"x\":{}1{}}}", "[".repeat(400), "]".repeat(400));
            audit.push(Entry { kind: Kind::Access, id: ID, json: deep.into_bytes() }).unwrap();
        },
    );
    assert!(rows[0]["checkResources"]["inputs"][0]["principal"].get("attr").is_none());
    assert!(rows[0].get("policySource").is_none());
    assert!(rows[1].get("policySource").is_none() && rows[1]["x"].is_array());
}

#[test]
fn what_cannot_be_written_is_counted_or_keeps_decisions_from_being_made() {
    let full = Path::new("/dev/full");
    let entry = || Entry { kind: Kind::Decision, id: ID, json: b"{\"a\":1}".to_vec() };

    let audit = Audit::open(settings(full)).unwrap();
    assert_eq!(audit.push(entry()), Ok(()));
    audit.flush(Duration::MAX);
    assert_eq!((audit.facts().lost, audit.facts().written, audit.is_down()), ([0, 1], [0, 0], false));
    assert_eq!(audit.push(entry()), Ok(()));

    let audit = Audit::open(Settings { on_failure: OnFailure::Evidence, ..settings(full) }).unwrap();
    assert_eq!(audit.push(entry()), Ok(()));
    while !audit.is_down() {
        std::thread::yield_now();
    }
    assert_eq!(audit.push(entry()), Err(Full));
    assert!(audit.facts().failing);
    // The one that was taken is tried again to the end, and then counted.
    audit.close();
    assert_eq!(audit.facts().lost, [0, 2]);
}

#[test]
fn a_full_queue_is_an_error_only_for_evidence() {
    for (on_failure, second) in [(OnFailure::Availability, Ok(())), (OnFailure::Evidence, Err(Full))] {
        let dir = tempfile::tempdir().unwrap();
        let queue = settings::Queue { entries: 10, bytes: 4 };
        let audit = Audit::open(Settings { on_failure, queue, ..settings(&dir.path().join("a")) }).unwrap();
        let entry = |json: &[u8]| Entry { kind: Kind::Access, id: ID, json: json.to_vec() };
        assert_eq!(audit.push(entry(b"{}")), Ok(()));
        assert_eq!(audit.push(entry(b"{\"a\":1}")), second);
        audit.close();
        assert_eq!((audit.facts().written, audit.facts().lost), ([1, 0], [1, 0]));
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let refused = Audit::open(settings(Path::new("/dev/null/x"))).unwrap_err().to_string();
    assert!(refused.starts_with("cannot write the audit log to `/dev/null/x`: "), "{refused}");
}
