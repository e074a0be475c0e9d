//! Coverage of a small policy, counted by hand.

use super::{Coverage, Shares, html_index, html_page, html_page_name, json, lcov, text};
use crate::compile::{CompileOptions, compile};
use crate::schema::Enforcement;
use crate::source::SourceFile;
use crate::testing::{EngineDecider, Options, run};

const ROLES: &str = "apiVersion: api.cerbos.dev/v1
derivedRoles:
  name: roles
  definitions:
    - name: owner
      parentRoles: [user]
      condition:
        match:
          expr: R.attr.owner == P.id
    - name: boss
      parentRoles: [manager]
";

const DOC: &str = "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  importDerivedRoles: [roles]
  rules:
    - name: read
      actions: [view]
      effect: EFFECT_ALLOW
      roles: [user]
      condition:
        match:
          any:
            of:
              - expr: R.attr.open
              - expr: R.attr.owner == \"<x>\"
    - name: own
      actions: [edit]
      effect: EFFECT_ALLOW
      derivedRoles: [owner, boss]
    - name: never
      actions: [burn]
      effect: EFFECT_DENY
      roles: ['*']
";

const SUITE: &str = "name: s
principals:
  ann: {id: ann, roles: [user]}
  bob: {id: bob, roles: [user]}
resources:
  a: {kind: doc, id: a, attr: {open: true, owner: ann}}
  b: {kind: doc, id: b, attr: {open: false, owner: bob}}
tests:
  - name: t
    input: {principals: [ann, bob], resources: [a, b], actions: [view, edit]}
    expected:
      - {principals: [ann, bob], resource: a, actions: {view: EFFECT_ALLOW}}
      - {principal: ann, resource: a, actions: {edit: EFFECT_ALLOW}}
      - {principal: bob, resource: b, actions: {edit: EFFECT_ALLOW}}
";

fn covered() -> Coverage {
    let file = |name: &str, text: &str| SourceFile::new(name, text);
    let files = vec![file("roles.yaml", ROLES), file("sub/doc.yaml", DOC), file("doc_test.yaml", SUITE)];
    let table = compile(&files, &CompileOptions::default()).table.unwrap();
    let coverage = Coverage::new(&files);
    let decider = EngineDecider {
        table: &table,
        cerbos_compat: false,
        schemas: Enforcement::default(),
        trace: false,
        why: false,
        observer: Some(&coverage),
    };
    let report = run(&files, &decider, &Options::default());
    assert!(report.is_good(), "{report:#?}");
    coverage
}

#[test]
fn counts_are_those_counted_by_hand() {
    let coverage = covered();
    let mut lines = Vec::new();
    for file in coverage.files() {
        for (item, hits, branches) in file.items() {
            let branches: Vec<String> =
                branches.iter().map(|b| format!("{}/{}/{}", b.met, b.unmet, b.failed)).collect();
            lines.push(format!(
                "{}:{} asked {} met {} decided {} [{}]",
                item.name,
                item.line,
                hits.asked,
                hits.met,
                hits.decided,
                branches.join(" ")
            ));
        }
    }
    let want = [
        // ann and bob on a and b: each owns one
        "owner:5 asked 4 met 2 decided 0 [2/2/0]",
        "boss:10 asked 0 met 0 decided 0 []",
        // any: twice by its first operand; on b both operands are asked and false
        "read:7 asked 4 met 2 decided 2 [2/2/0 2/2/0 0/2/0]",
        "own:17 asked 2 met 2 decided 2 []",
        "never:21 asked 0 met 0 decided 0 []",
    ];
    assert_eq!(lines, want);
}

#[test]
fn shares_and_faces() {
    let coverage = covered();
    let total = Shares::total(&coverage);
    let share = |s: super::Share| (s.hit, s.all);
    assert_eq!(share(total.rules), (2, 3));
    assert_eq!(share(total.branches), (7, 8));
    // owner: active and inactive; boss: never
    assert_eq!(share(total.derived_roles), (2, 3));
    assert_eq!(share(total.effects), (1, 2));
    assert!((total.least() - 66.666).abs() < 0.01);
    let shown = text(&coverage);
    for line in [
        "roles.yaml:10: derived role `boss` was never asked",
        "sub/doc.yaml:21: DENY rule `never` was never asked",
        "sub/doc.yaml:16: `R.attr.owner == \"<x>\"` of `read` never true",
        "2/3 66.6 %",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let machine: serde_json::Value = serde_json::from_str(&json(&coverage)).unwrap();
    assert_eq!(machine["summary"]["rules"]["covered"], 2);
    assert_eq!(machine["files"][1]["items"][0]["conditions"][2]["true"], 0);
    let trace = lcov(&coverage, "policies/");
    for line in
        ["SF:policies/sub/doc.yaml", "FN:7,read", "FNDA:2,read", "BRDA:16,0,4,0", "BRDA:16,0,5,2", "BRF:6", "DA:21,0"]
    {
        assert!(trace.lines().any(|l| l == line), "{line}\n{trace}");
    }
}

#[test]
fn pages_hold_all_they_need() {
    let coverage = covered();
    let index = html_index(&coverage);
    for file in coverage.files() {
        let name = html_page_name(file.plan().file.name());
        assert!(index.contains(&format!("href=\"{name}\"")), "{name}\n{index}");
        let page = html_page(file);
        for outside in ["http:", "https:", "src=", "<script", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
        if file.plan().file.name() == "sub/doc.yaml" {
            assert!(page.contains("R.attr.owner == &quot;&lt;x&gt;&quot;"), "{page}");
            assert!(page.contains("never true"), "{page}");
            assert!(page.contains("never asked"), "{page}");
        }
    }
    assert_ne!(html_page_name("a/b.yaml"), html_page_name("a_b.yaml"));
}

/// Every file below a directory of the repository, named from there.
fn shipped(directory: &str) -> Vec<SourceFile> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let scanned = crate::store::scan(&crate::store::Disk, &root, crate::store::Include::Everything).unwrap();
    assert!(scanned.diagnostics.is_empty(), "{:?}", scanned.diagnostics);
    scanned.files
}

#[test]
fn the_shipped_pack_is_covered_and_watching_changes_nothing() {
    let (policies, suites) = (shipped("policies"), shipped("policy-tests"));
    let table = compile(&policies, &CompileOptions::default()).table.unwrap();
    let coverage = Coverage::new(&policies);
    let plain = EngineDecider {
        table: &table,
        cerbos_compat: false,
        schemas: Enforcement::default(),
        trace: false,
        why: false,
        observer: None,
    };
    let options = Options { no_failures: true, ..Options::default() };
    let report = run(&suites, &plain, &options);
    assert!(report.is_good());
    let watched = EngineDecider { observer: Some(&coverage), ..plain };
    let results = |r: &crate::testing::results::Report| {
        let cases = r.suites.iter().flat_map(|s| &s.cases);
        cases.map(|c| format!("{:?}", c.details)).collect::<Vec<_>>()
    };
    assert!(results(&report) == results(&run(&suites, &watched, &options)));
    let rules = Shares::total(&coverage).rules;
    assert!(rules.hit == rules.all && rules.all > 100, "{}", text(&coverage));
}

#[test]
fn a_trace_tells_the_operands_that_were_asked() {
    let file = |name: &str, text: &str| SourceFile::new(name, text);
    let wrong = SUITE.replace("{view: EFFECT_ALLOW}", "{view: EFFECT_DENY}");
    let files = vec![file("roles.yaml", ROLES), file("doc.yaml", DOC), file("doc_test.yaml", &wrong)];
    let table = compile(&files, &CompileOptions::default()).table.unwrap();
    let decider = EngineDecider {
        table: &table,
        cerbos_compat: false,
        schemas: Enforcement::default(),
        trace: true,
        why: true,
        observer: None,
    };
    let report = run(&files, &decider, &Options::default());
    let failed = report.suites[0].cases.iter().find(|c| c.why.is_some()).unwrap();
    // the second operand of `any` was not needed
    assert_eq!(
        failed.trace[..2],
        ["resource.doc.vdefault#read (doc.yaml:7): condition met".to_owned(), "  `R.attr.open` met".to_owned()]
    );
    assert!(!failed.trace.iter().any(|l| l.contains("<x>")), "{:?}", failed.trace);
}
