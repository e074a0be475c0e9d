//! `toolgate test` as people run it: what a failure shows, filters, colour, threads, coverage, mutation.

use std::process::{Command, Output, Stdio};

use crate::support::Policies;

const DOC: &str = "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  rules:
    - name: read
      actions: [view]
      effect: EFFECT_ALLOW
      roles: [user]
      condition:
        match:
          expr: R.attr.open == true
      output:
        when:
          ruleActivated: '\"opened\"'
    - name: burn
      actions: [burn]
      effect: EFFECT_DENY
      roles: ['*']
";

const SUITE: &str = "name: docs
principals:
  ann: {id: ann, roles: [user]}
resources:
  a: {kind: doc, id: a, attr: {open: true}}
  b: {kind: doc, id: b, attr: {open: false}}
tests:
  - name: first
    input: {principals: [ann], resources: [a], actions: [view, burn]}
    expected:
      - {principal: ann, resource: a, actions: {view: EFFECT_ALLOW}}
  - name: second
    input: {principals: [ann], resources: [b], actions: [view]}
    expected:
      - {principal: ann, resource: b, actions: {view: EFFECT_DENY}}
";

fn policies(suite: &str) -> Policies {
    Policies::new(&[("doc.yaml", DOC), ("doc_test.yaml", suite)])
}

fn run(policies: &Policies, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.env_remove("TOOLGATE_CONFIG").env("NO_COLOR", "1").stdin(Stdio::null());
    command.arg("test").arg(policies.path()).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_failure_says_what_decided_and_where() {
    let wrong = SUITE.replace("actions: {view: EFFECT_DENY}", "actions: {view: EFFECT_ALLOW}");
    let set = policies(&wrong);
    let done = run(&set, &[]);
    assert_eq!(done.status.code(), Some(4));
    let shown = text(&done.stdout);
    for line in [
        "view [FAILED]",
        "OUTCOME: expected: EFFECT_ALLOW, actual: EFFECT_DENY",
        "DECIDED BY: resource.doc.vdefault",
        "read (doc.yaml:6): would have allowed, but `R.attr.open == true` is not met",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'));
    let traced = text(&run(&set, &["--verbose"]).stdout);
    assert!(traced.contains("TRACES") && traced.contains("condition not met"), "{traced}");
    let colored = text(&run(&set, &["--color", "always"]).stdout);
    assert!(colored.contains("\u{1b}[31m[FAILED]\u{1b}[0m"), "{colored}");
}

#[test]
fn filters_and_threads() {
    let set = policies(SUITE);
    let done = run(&set, &["--run", "docs/second"]);
    assert_eq!(done.status.code(), Some(0));
    let shown = text(&done.stdout);
    assert!(shown.contains("3 tests executed [2 SKIPPED] [1 OK]"), "{shown}");
    let shown = text(&run(&set, &["--test-filter", "action=burn"]).stdout);
    assert!(shown.contains("1 tests executed [1 OK]"), "{shown}");
    assert_eq!(run(&set, &["--run", "("]).status.code(), Some(80));
    let one = run(&set, &["--threads", "1", "--output", "json"]).stdout;
    assert_eq!(one, run(&set, &["--threads", "4", "--output", "json"]).stdout);
}

#[test]
fn coverage_is_shown_written_and_demanded() {
    let set = policies(SUITE);
    let reports = tempfile::tempdir().unwrap();
    let directory = reports.path().join("new").to_string_lossy().into_owned();
    let done = run(&set, &["--coverage", "--coverage-dir", &directory]);
    assert_eq!(done.status.code(), Some(0));
    let shown = text(&done.stdout);
    assert!(shown.contains("doc.yaml  2/2 100.0 %  2/2 100.0 %"), "{shown}");
    for name in ["index.html", "doc.yaml.html", "lcov.info", "coverage.json"] {
        assert!(reports.path().join("new").join(name).is_file(), "{name}");
    }
    let args = ["--coverage", "--min-coverage", "60", "--test-filter", "action=burn"];
    let done = run(&set, &args);
    assert_eq!(done.status.code(), Some(4));
    assert!(text(&done.stderr).contains("coverage of rules is 50.0 %, less than 60 %"), "{}", text(&done.stderr));
    assert_eq!(run(&set, &["--min-coverage", "60"]).status.code(), Some(80));
}
