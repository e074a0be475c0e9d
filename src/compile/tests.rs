//! Compilation as a whole: what a store of a few small files gives, by diagnostics or by the table.

use super::*;

#[allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]
mod naive;

/// `files` is a text of documents headed by `== name` lines.
fn sources(files: &str) -> Vec<SourceFile> {
    let mut all = Vec::new();
    for part in files.split("== ").skip(1) {
        let (name, text) = part.split_once('\n').expect("a name line");
        all.push(SourceFile::new(name.trim(), text));
    }
    all
}

fn faults(files: &str, compat: bool) -> Vec<String> {
    let options = CompileOptions { cerbos_compat: compat, ..CompileOptions::default() };
    compile(&sources(files), &options).diagnostics.iter().map(ToString::to_string).collect()
}

/// A resource policy with some lines below `resourcePolicy`.
fn policy(resource: &str, more: &str) -> String {
    format!("apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: {resource}\n  version: default\n{more}")
}

#[test]
fn the_shipped_pack_compiles_in_both_modes() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("policies/").flatten() {
        if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.push(SourceFile::new(entry.file_name().to_string_lossy(), text));
        }
    }
    for cerbos_compat in [false, true] {
        let compiled = compile(&files, &CompileOptions { cerbos_compat, ..CompileOptions::default() });
        assert_eq!(compiled.diagnostics, [], "{}", crate::source::render_terminal(&compiled.diagnostics, false));
        assert!(compiled.table.is_some_and(|t| t.rule_count() > 50));
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    let files = format!(
        "== b.yaml\n{}== a.yaml\n{}== c.yaml\n{}",
        policy(
            "doc",
            "  rules: [{actions: [a], roles: [r], effect: EFFECT_ALLOW, condition: {match: {expr: nope}}}]\n"
        ),
        policy("doc", "  importDerivedRoles: [missing]\n"),
        policy("x", "  scope: acme\n"),
    );
    let mut all = sources(&files);
    let first = compile(&all, &CompileOptions::default()).diagnostics;
    assert!(first.len() >= 3, "{first:?}");
    all.reverse();
    assert_eq!(first, compile(&all, &CompileOptions::default()).diagnostics);
}

#[test]
fn faults_between_policies_are_found_with_their_places() {
    let cases: &[(String, &[&str])] = &[
        (
            format!("== a.yaml\n{}== b.yaml\n{}", policy("doc", ""), policy("doc", "")),
            &[
                "b.yaml:1:11: error[TG0401]: duplicate definition of resource.doc.vdefault (previous definition in a.yaml)",
            ],
        ),
        (
            format!("== a.yaml\n{}", policy("doc", "  importDerivedRoles:\n    - common\n")),
            &["a.yaml:6:7: error[TG0402]: cannot find derived roles \"common\" imported by resource.doc.vdefault"],
        ),
        (
            format!("== a.yaml\n{}", policy("doc", "  scope: a.b\n")),
            &[
                "a.yaml:1:11: error[TG0403]: scoped policy resource.doc.vdefault is not found but is required by descendant policies resource.doc.vdefault/a.b",
                "a.yaml:1:11: error[TG0403]: scoped policy resource.doc.vdefault/a is not found but is required by descendant policies resource.doc.vdefault/a.b",
            ],
        ),
        (
            format!(
                "== a.yaml\n{}== b.yaml\n{}",
                policy("x", "  scopePermissions: SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS\n"),
                policy("y", "  scopePermissions: SCOPE_PERMISSIONS_OVERRIDE_PARENT\n")
            ),
            &["a.yaml:1:11: error[TG0404]: policies sharing scope \"\" have conflicting scopePermissions"],
        ),
        (
            format!(
                "== a.yaml\n{}",
                policy("doc", "  variables:\n    local:\n      a: V.b\n      b: V.a\n      c: V.nope && C.nope\n")
            ),
            &[
                "a.yaml:7:10: error[TG0507]: Variables 'a' (a.yaml:7:10) and 'b' (a.yaml:8:10) form a cycle",
                "a.yaml:9:10: error[TG0504]: Undefined variable 'nope' referenced in variable 'c'",
                "a.yaml:9:10: error[TG0505]: Undefined constant 'nope' referenced in variable 'c'",
            ],
        ),
    ];
    for (files, want) in cases {
        assert_eq!(faults(files, false), *want, "{files}");
    }
}

#[test]
fn a_policy_that_the_reference_never_asks_is_warned_of_and_left_out_there_alone() {
    let role = "apiVersion: api.cerbos.dev/v1\nrolePolicy:\n  role: r\n  scope: a\n  rules: [{resource: doc, allowActions: [x]}]\n";
    let files =
        format!("== a.yaml\n{}== b.yaml\n{}== c.yaml\n{role}", policy("doc", ""), policy("doc", "  scope: a.b\n"));
    let warning = "b.yaml:1:11: warning[TG0406]: resource.doc.vdefault/a.b is never asked: of resource.doc.vdefault/a, which it needs, there is only a role policy";
    assert_eq!(faults(&files, true), [warning]);
    assert!(faults(&files, false).is_empty());
    let asked = |compat| {
        let options = CompileOptions { cerbos_compat: compat, ..CompileOptions::default() };
        let table = compile(&sources(&files), &options).table.expect("no error");
        table.resources.iter().map(|(name, _)| name.scope.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(asked(true), std::collections::BTreeSet::from([String::new()]));
    assert_eq!(asked(false), std::collections::BTreeSet::from([String::new(), "a.b".to_owned()]));
}

#[test]
fn kinds_that_fold_to_one_name_are_one_policy_only_in_the_reference() {
    let files = format!("== a.yaml\n{}== b.yaml\n{}", policy("x-y", ""), policy("'x:y'", ""));
    assert_eq!(faults(&files, true).len(), 1);
    assert_eq!(faults(&files, false), [""; 0]);
}
