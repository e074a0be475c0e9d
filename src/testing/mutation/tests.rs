//! Mutants of a small policy, counted by hand.

use super::{Fate, Mutation, json, mutate, text};
use crate::compile::CompileOptions;
use crate::source::SourceFile;
use crate::testing::{Options, Suites};

const DOC: &str = "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  variables: {import: [vars]}
  rules:
    - name: read
      actions: [view]
      effect: EFFECT_ALLOW
      roles: [user]
      condition:
        match:
          expr: V.few
";

const VARS: &str = "apiVersion: api.cerbos.dev/v1
exportVariables:
  name: vars
  definitions:
    few: R.attr.n < 3
";

const OTHER: &str = "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: other
  version: default
  rules:
    - name: any
      actions: ['*']
      effect: EFFECT_ALLOW
      roles: ['*']
";

const SUITE: &str = "name: s
principals:
  ann: {id: ann, roles: [user]}
  eve: {id: eve, roles: [guest]}
resources:
  one: {kind: doc, id: one, attr: {n: 1}}
  ten: {kind: doc, id: ten, attr: {n: 10}}
tests:
  - name: t
    input: {principals: [ann, eve], resources: [one, ten], actions: [view, burn]}
    expected:
      - {principal: ann, resource: one, actions: {view: EFFECT_ALLOW}}
";

fn tried(suite: &str, max: Option<usize>) -> Mutation {
    let file = |name: &str, text: &str| SourceFile::new(name, text);
    let files = [file("doc.yaml", DOC), file("vars.yaml", VARS), file("other.yaml", OTHER), file("s_test.yaml", suite)];
    let suites = Suites::read(&files, 2);
    mutate(&files, &CompileOptions::default(), &suites, &Options::default(), max, None).unwrap()
}

#[test]
fn mutants_and_their_fates_are_those_found_by_hand() {
    let mutation = tried(SUITE, None);
    let mut lines: Vec<String> = mutation
        .tried
        .iter()
        .map(|(m, fate)| format!("{}:{}:{}: {}: {} {fate:?}", m.file, m.line, m.column, m.rule, m.change))
        .collect();
    lines.sort();
    let want = [
        "doc.yaml:10:15: read: every role counts Killed",
        "doc.yaml:10:15: read: role `user` was left out Killed",
        "doc.yaml:7:11: read: EFFECT_ALLOW became EFFECT_DENY Killed",
        "doc.yaml:7:11: read: its condition was left out Killed",
        "doc.yaml:7:11: read: the rule was left out Killed",
        "doc.yaml:8:17: read: every action counts Killed",
        // nothing asks about `other`
        "other.yaml:6:11: any: EFFECT_ALLOW became EFFECT_DENY Survived",
        "other.yaml:6:11: any: the rule was left out Survived",
        "other.yaml:9:15: any: role `*` was left out Survived",
        // 2 and 3 are not tried
        "vars.yaml:5:17: variable few: `R.attr.n < 3` became `R.attr.n <= 3` Survived",
        "vars.yaml:5:19: variable few: `3` became `4` Survived",
    ];
    let strip = |l: &str| {
        l.splitn(4, ':').enumerate().filter(|(i, _)| *i != 2).map(|(_, p)| p.to_owned()).collect::<Vec<_>>().join(":")
    };
    assert_eq!(lines.iter().map(|l| strip(l)).collect::<Vec<_>>(), want.map(strip));
    assert_eq!((mutation.count(Fate::Killed), mutation.count(Fate::Survived), mutation.all), (6, 5, 11));
}

#[test]
fn a_missing_case_kills() {
    let more = SUITE.replace("attr: {n: 10}", "attr: {n: 3}");
    let mutation = tried(&more, None);
    assert_eq!(mutation.count(Fate::Survived), 3, "{}", text(&mutation));
}

#[test]
fn a_sample_is_always_the_same() {
    let names = |m: &Mutation| m.tried.iter().map(|(m, _)| (m.line, m.change.clone())).collect::<Vec<_>>();
    let some = tried(SUITE, Some(4));
    assert_eq!((some.tried.len(), some.all), (4, 11));
    assert_eq!(names(&some), names(&tried(SUITE, Some(4))));
}

#[test]
fn reports_name_the_place_and_the_missing_case() {
    let mutation = tried(SUITE, None);
    let shown = text(&mutation);
    for line in [
        "doc.yaml    6/6 killed",
        "missing: a call that only `any` allows, expecting EFFECT_ALLOW",
        "11 of 11 mutants tried: 6 killed, 5 survived, 0 do not compile: 54.5 % killed",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let machine: serde_json::Value = serde_json::from_str(&json(&mutation)).unwrap();
    assert_eq!(machine["summary"]["killed"], 6);
    assert_eq!(machine["survivors"][0]["file"], "other.yaml");
}
