//! Explanations of a small policy set, golden.

use bumpalo::Bump;

use super::{Redaction, explain, json, message, read, text};
use crate::cel::value::{Constant, Map, Value};
use crate::compile::{CompileOptions, compile};
use crate::engine::request::{AuxData, Principal, Request, Resource};
use crate::engine::{Params, decide_seen};
use crate::source::SourceFile;

const DOC: &str = "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  importDerivedRoles: [roles]
  variables: {local: {big: R.attr.size > 3}}
  rules:
    - name: closed
      actions: ['*']
      effect: EFFECT_DENY
      roles: ['*']
      condition: {match: {expr: has(R.attr.closed)}}
    - name: read
      actions: [view]
      effect: EFFECT_ALLOW
      roles: [user]
      condition:
        match:
          all:
            of:
              - expr: V.big
              - none: {of: [{expr: R.attr.api_token == \"x\"}]}
              - expr: R.attr.owner == P.id
    - name: own
      actions: [edit]
      effect: EFFECT_ALLOW
      derivedRoles: [owner]
    - name: burn
      actions: [burn]
      effect: EFFECT_ALLOW
      roles: [admin]
";

const ROLES: &str = "apiVersion: api.cerbos.dev/v1
derivedRoles:
  name: roles
  definitions:
    - name: owner
      parentRoles: [user]
      condition: {match: {expr: R.attr.owner == P.id}}
";

fn explained(action: &'static str, attr: &[(&str, Constant)]) -> super::Explanation {
    let files = [SourceFile::new("doc.yaml", DOC), SourceFile::new("roles.yaml", ROLES)];
    let table = compile(&files, &CompileOptions::default()).table.unwrap();
    let attr = Constant::string_map(attr.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
    let Value::Map(attr) = attr.view() else { panic!() };
    let (bump, params) = (Bump::new(), Params::default());
    let principal = Principal { id: "ann", roles: &["user"], attr: Map::Fields(&[]), policy_version: "", scope: "" };
    let resource = Resource { kind: "doc", id: "1", attr, policy_version: "", scope: "" };
    let request = Request { principal, resource, actions: &[action], aux: AuxData::EMPTY };
    let (decision, seen) = decide_seen(&table, &params, &request, None, &bump);
    explain("identity", &table, &params, &request, (&decision, seen), &Redaction::new(&[]))
}

fn text_of(s: &str) -> Constant {
    Constant::String(s.into())
}

#[test]
fn a_condition_is_taken_apart_with_its_values() {
    let attr = [("size", Constant::Double(2.0)), ("api_token", text_of("abc")), ("owner", text_of("bob"))];
    let want = "DENY for identity `ann` [user]: `view` on `doc`
  because no ALLOW rule applies
  policy resource.doc.vdefault
  -  DENY rule closed (doc.yaml:8): does not apply
      has(R.attr.closed) -> false
          R.attr.closed = missing
  -  ALLOW rule read (doc.yaml:13): does not apply
      all -> false
        V.big -> false
            V.big = false
        none -> true
          R.attr.api_token == \"x\" -> false
              R.attr.api_token = (redacted)
        R.attr.owner == P.id -> false
            R.attr.owner = \"bob\"
            P.id = \"ann\"
  nearest ALLOW: read (doc.yaml:13)
      `V.big` must hold (V.big = false)
      `R.attr.owner == P.id` must hold (R.attr.owner = \"bob\", P.id = \"ann\")
";
    assert_eq!(text(&explained("view", &attr)), want);
}

#[test]
fn what_decides_is_marked() {
    let attr = [("size", Constant::Double(9.0)), ("api_token", text_of("abc")), ("owner", text_of("ann"))];
    let allowed = explained("view", &attr);
    assert!(allowed.allowed && allowed.nearest.is_none());
    assert!(text(&allowed).contains("=> ALLOW rule read (doc.yaml:13): applies"), "{}", text(&allowed));
    let denied = explained("view", &[("closed", Constant::Bool(true))]);
    let shown = text(&denied);
    assert!(shown.contains("=> DENY rule closed (doc.yaml:8): applies"), "{shown}");
    assert!(shown.contains("because rule `closed` (doc.yaml:8) applies"), "{shown}");
    assert!(denied.nearest.is_some_and(|n| n.lacks[0] == "DENY rule `closed` (doc.yaml:8) must not apply"));
}

#[test]
fn derived_roles_and_other_roles_are_what_is_lacking() {
    let own = explained("edit", &[("owner", text_of("bob"))]);
    let near = own.nearest.clone().unwrap();
    assert_eq!(near.rule, "own");
    assert_eq!(near.lacks[0], "derived role `owner` would have to be active");
    assert!(text(&own).contains("-  derived role owner (for rule `own`) (roles.yaml:5): not active"), "{}", text(&own));
    let burn = explained("burn", &[]).nearest.unwrap();
    assert_eq!((burn.rule.as_str(), burn.lacks[0].as_str()), ("burn", "the principal would need a role it is for"));
}

#[test]
fn an_error_is_told() {
    let shown = explained("view", &[("size", text_of("x"))]);
    let machine = json(&shown);
    let condition = &machine["steps"][1]["condition"];
    assert!(condition["operands"][0]["result"].as_str().unwrap().starts_with("failed: "), "{machine:#}");
    assert_eq!(machine["effect"], "EFFECT_DENY");
}

#[test]
fn keys_are_hidden_wherever_they_stand() {
    let redaction = Redaction::new(&["ssn".to_owned()]);
    for (key, hidden) in [("password", true), ("API-Key", true), ("access_token", true), ("ssn", true), ("name", false)]
    {
        assert_eq!(redaction.hides(key), hidden, "{key}");
    }
}

#[test]
fn json_is_read_back_and_the_message_says_the_same() {
    let attr = [("size", Constant::Double(2.0)), ("owner", text_of("bob"))];
    for action in ["view", "edit", "burn"] {
        let e = explained(action, &attr);
        assert_eq!(read(&json(&e)), e);
        let m = message(&e);
        assert_eq!((m.effect.as_str(), m.steps.len(), m.nearest.is_some()), ("EFFECT_DENY", e.steps.len(), true));
    }
}
