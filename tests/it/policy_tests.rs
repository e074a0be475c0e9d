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

#[test]
fn mutants_that_survive_are_listed_with_the_missing_case() {
    let set = policies(SUITE);
    let done = run(&set, &["--mutate", "--min-killed", "100"]);
    assert_eq!(done.status.code(), Some(4));
    let shown = text(&done.stdout);
    assert!(shown.contains("survived: doc.yaml:"), "{shown}");
    assert!(shown.contains("  missing: a call"), "{shown}");
    assert!(text(&done.stderr).contains("% of the mutants are killed, less than 100 %"));
    let machine: serde_json::Value =
        serde_json::from_slice(&run(&set, &["--mutate", "--max", "3", "--output", "json"]).stdout).unwrap();
    assert_eq!(machine["summary"]["tried"], 3);
    let failing = policies(&SUITE.replace("EFFECT_DENY", "EFFECT_ALLOW"));
    let done = run(&failing, &["--mutate"]);
    assert_eq!(done.status.code(), Some(4));
    assert!(text(&done.stderr).contains("until all tests pass"));
}

#[test]
fn an_expression_that_fails_can_be_an_error() {
    let set = policies(&SUITE.replace("attr: {open: false}", "attr: {}"));
    assert_eq!(run(&set, &[]).status.code(), Some(0));
    let done = run(&set, &["--no-failures"]);
    assert_eq!(done.status.code(), Some(4));
    assert!(text(&done.stdout).contains("ERROR: `R.attr.open == true` failed: no such key: open"));
}

#[test]
fn watching_runs_again_on_a_change_and_shows_only_that() {
    use std::io::{BufRead, BufReader};
    let set = policies(SUITE);
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.env("NO_COLOR", "1").arg("test").arg(set.path()).arg("--watch").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|l| l == "3 tests executed [3 OK]"));
    set.write("doc_test.yaml", &SUITE.replace("{view: EFFECT_DENY}", "{view: EFFECT_ALLOW}"));
    let mut shown = String::new();
    for line in lines.by_ref() {
        shown.push_str(&line);
        shown.push('\n');
        if line.starts_with("of 3 tests") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(shown.contains("view [FAILED]") && !shown.contains("burn"), "{shown}");
}

fn toolgate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.env_remove("TOOLGATE_CONFIG").env("NO_COLOR", "1").stdin(Stdio::null()).args(args).output().unwrap()
}

#[test]
fn lints_have_severities_and_faces() {
    let broad = DOC.replace("actions: [view]", "actions: ['*']").replace("R.attr.open == true", "true");
    let set = Policies::new(&[("doc.yaml", &broad)]);
    let directory = set.path().to_string_lossy().into_owned();
    let lint = |more: &[&str]| toolgate(&[&["lint", &directory], more].concat());
    let done = lint(&[]);
    assert_eq!(done.status.code(), Some(0));
    assert!(text(&done.stdout).contains("warning[TG0603]"), "{}", text(&done.stdout));
    assert_eq!(lint(&["--deny-warnings"]).status.code(), Some(3));
    assert_eq!(lint(&["--severity", "TG0603=error"]).status.code(), Some(3));
    let off = text(&lint(&["--severity", "TG0603=off"]).stdout);
    assert!(off.contains("nothing to report"), "{off}");
    let line = text(&lint(&["--output", "annotations"]).stdout);
    assert!(line.starts_with(&format!("::warning file={directory}/doc.yaml,line=6,")), "{line}");
    let sarif: serde_json::Value = serde_json::from_slice(&lint(&["--output", "sarif"]).stdout).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "TG0603");
    assert_eq!(lint(&["--severity", "loud"]).status.code(), Some(80));
}

#[test]
fn a_call_is_explained() {
    let set = Policies::new(&[("github.yaml", &crate::support::allowing("github", "list_issues"))]);
    let directory = set.path().to_string_lossy().into_owned();
    let explain = |tool: &str, output: &str| {
        toolgate(&[
            "explain", &directory, "--server", "github", "--tool", tool, "--id", "ann", "--role", "guest", "--output",
            output,
        ])
    };
    let done = explain("other", "text");
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stdout).starts_with("DENY for identity `ann` [guest]: `other` on `mcp::github`"));
    let machine: serde_json::Value = serde_json::from_slice(&explain("list_issues", "json").stdout).unwrap();
    assert_eq!(machine[0]["action"], "list_issues");
}

#[test]
fn schemas_are_printed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    for kind in ["policy", "test", "fixtures"] {
        let kept = std::fs::read_to_string(root.join(format!("{kind}.schema.json"))).unwrap();
        assert_eq!(text(&toolgate(&["schema", kind]).stdout), kept);
    }
}
