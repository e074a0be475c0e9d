//! Each lint on a set that deserves it; what is not named must not be found.

use super::lint;
use crate::compile::{CompileOptions, compile};
use crate::source::SourceFile;

/// The lints of one file, or of several divided by `---`, as `line:column code message`.
fn found(text: &str, cerbos_compat: bool) -> Vec<String> {
    let whole = |t: &str| format!("apiVersion: api.cerbos.dev/v1\n{}", t.trim_start());
    let files: Vec<SourceFile> =
        text.split("---\n").enumerate().map(|(i, t)| SourceFile::new(format!("{i}.yaml"), whole(t))).collect();
    let options = CompileOptions { cerbos_compat, ..CompileOptions::default() };
    let compiled = compile(&files, &options);
    assert!(compiled.table.is_some(), "{:#?}", compiled.diagnostics);
    lint(&files, &options)
        .iter()
        .map(|d| {
            let at = d.position().unwrap_or_default();
            format!("{}:{} {} {}: {}", at.line, at.column, d.severity.as_str(), d.code, d.message)
        })
        .collect()
}

fn doc(rules: &str) -> String {
    format!("resourcePolicy:\n  resource: doc\n  version: default\n  rules:\n{rules}")
}

fn rule(effect: &str, action: &str, role: &str, expr: &str) -> String {
    let condition =
        if expr.is_empty() { String::new() } else { format!("      condition: {{match: {{expr: '{expr}'}}}}\n") };
    format!("    - actions: ['{action}']\n      effect: EFFECT_{effect}\n      roles: ['{role}']\n{condition}")
}

#[test]
fn rules_that_cannot_apply() {
    let deny = rule("DENY", "view*", "*", "");
    let shadowed = doc(&format!("{}{deny}", rule("ALLOW", "view", "user", "P.id == \"a\"")));
    assert_eq!(
        found(&shadowed, false),
        ["6:14 warning TG0601: rule `rule-001` can never allow: rule `rule-002` denies all it matches"]
    );
    for open in [
        rule("DENY", "view", "user", "P.id == \"a\""),
        rule("DENY", "view", "admin", ""),
        rule("DENY", "edit", "*", ""),
    ] {
        let text = doc(&format!("{}{open}", rule("ALLOW", "view", "user", "P.id == \"b\"")));
        assert_eq!(found(&text, false), [""; 0], "{open}");
    }
    let never = doc(&rule("ALLOW", "view", "user", "false && P.id == \"a\""));
    assert_eq!(
        found(&never, false),
        ["6:14 warning TG0602: rule `rule-001` can never apply: its condition is always false"]
    );
    let always = doc(&rule("ALLOW", "view", "user", "1 == 1 || P.id == \"a\""));
    assert_eq!(found(&always, false), ["6:14 warning TG0603: the condition of rule `rule-001` is always true"]);
}

#[test]
fn broad_allows_names_and_cost() {
    let broad = doc(&rule("ALLOW", "*", "*", ""));
    assert_eq!(
        found(&broad, false),
        ["6:17 warning TG0604: rule `rule-001` allows `*` to everybody without a condition"]
    );
    let names = doc(&format!(
        "{}      name: rule-002\n{}",
        rule("ALLOW", "view", "user", ""),
        rule("ALLOW", "edit", "user", "")
    ));
    let all = found(&names, false);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].ends_with("TG0605: rule name `rule-002` is also the name of rule #2, which has none of its own"));
    let list = "[1]";
    let deep = format!("{list}.all(a, {list}.all(b, {list}.all(c, a + b == c)))");
    let all = found(&doc(&rule("ALLOW", "view", "user", &deep)), false);
    assert!(all.len() == 1 && all[0].contains("info TG0606"), "{all:?}");
    let side = format!("{list}.all(a, a > 0) && {list}.all(a, a > 0) && {list}.all(a, {list}.all(b, a > b))");
    assert_eq!(found(&doc(&rule("ALLOW", "view", "user", &side)), false), [""; 0]);
}

#[test]
fn denies_that_rest_on_what_may_be_missing() {
    let text = |expr: &str| doc(&rule("DENY", "view", "user", expr));
    for (expr, missing) in [
        ("R.attr.level > 3", Some("R.attr.level")),
        ("has(R.attr.level) && R.attr.level > 3", None),
        ("has(R.attr.a) && R.attr.a.b == 1", Some("R.attr.a.b")),
        ("has(R.attr.a.b) && R.attr.a.b == 1", Some("R.attr.a")),
        ("request.principal.attr.x == 1", Some("P.attr.x")),
        ("P.id == \"a\" && R.kind == \"doc\"", None),
    ] {
        let warned = found(&text(expr), true);
        match missing {
            None => assert_eq!(warned, [""; 0], "{expr}"),
            Some(path) => {
                let want = format!("rests on `{path}`, which may be missing: then the rule does not apply");
                assert!(warned.len() == 1 && warned[0].contains("warning TG0607"), "{expr}: {warned:?}");
                assert!(warned[0].contains(&want), "{expr}: {warned:?}");
                assert!(found(&text(expr), false)[0].contains("info TG0607"));
            }
        }
    }
    let allow = doc(&rule("ALLOW", "view", "user", "R.attr.level > 3"));
    assert_eq!(found(&allow, true), [""; 0]);
    let variable = "resourcePolicy:\n  resource: doc\n  version: default\n  variables: {local: {high: R.attr.level > 3}}\n  rules:\n";
    let variable = format!("{variable}{}", rule("DENY", "view", "user", "V.high"));
    assert!(found(&variable, true)[0].contains("`R.attr.level`"));
}

#[test]
fn misspelt_attributes() {
    let text = doc(&format!(
        "{}{}{}",
        rule("ALLOW", "a", "user", "R.attr.owner == P.id"),
        rule("ALLOW", "b", "user", "R.attr.owner == P.id"),
        rule("ALLOW", "c", "user", "R.attr.onwer == P.id"),
    ));
    let all = found(&text, false);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("warning TG0608: `R.attr.onwer` is read nowhere else, but `R.attr.owner` is"), "{all:?}");
    assert_eq!(found(&text.replace("onwer", "tenant"), false), [""; 0]);
}

#[test]
fn what_nothing_refers_to() {
    let text = "resourcePolicy:
  resource: doc
  version: default
  importDerivedRoles: [roles, more]
  variables: {import: [vars], local: {mine: V.theirs, idle: '1'}}
  constants: {local: {used: 1, spare: 2}}
  rules:
    - actions: [view]
      effect: EFFECT_ALLOW
      derivedRoles: [owner]
      condition: {match: {expr: V.mine == C.used}}
---
derivedRoles:
  name: roles
  definitions:
    - {name: owner, parentRoles: [user]}
    - {name: guest, parentRoles: [user]}
---
derivedRoles:
  name: more
  definitions:
    - {name: boss, parentRoles: [user]}
---
exportVariables:
  name: vars
  definitions: {theirs: '1', nobodys: '2'}
";
    let all: Vec<String> = found(text, false);
    let codes = |code: &str| all.iter().filter(|l| l.contains(code)).cloned().collect::<Vec<_>>();
    let names: Vec<bool> = ["`idle`", "`spare`", "`guest`", "`boss`", "`nobodys`"]
        .iter()
        .map(|n| codes("TG0609").iter().any(|l| l.contains(n)))
        .collect();
    assert_eq!((names, codes("TG0609").len()), (vec![true; 5], 5), "{all:#?}");
    assert_eq!(codes("TG0610").len(), 1, "{all:#?}");
    assert_eq!(all.len(), 6, "{all:#?}");
}

#[test]
fn places_where_the_semantics_differ() {
    let text = "resourcePolicy: {resource: 'a:b', version: default, rules: []}
---
resourcePolicy: {resource: 'a-b', version: default, rules: []}
---
principalPolicy:
  principal: ann
  version: default
  rules: [{resource: 'album:*', actions: [{action: view, effect: EFFECT_ALLOW}]}]
---
rolePolicy: {role: clerk, rules: [{resource: 'a:b', allowActions: [view]}]}
---
resourcePolicy:
  resource: doc
  version: default
  importDerivedRoles: [roles]
  rules: [{actions: [view], effect: EFFECT_ALLOW, derivedRoles: [near]}]
---
derivedRoles: {name: roles, definitions: [{name: near, parentRoles: ['us*']}]}
";
    let all = found(text, false);
    for part in [
        "`a:b` and `a-b` are one resource",
        "`album:*` never matches",
        "role-policy resource `a:b` never matches",
        "`us*` makes no role effective",
        "role policy `clerk` restricts nothing on `a-b`",
    ] {
        assert_eq!(all.iter().filter(|l| l.contains("info TG0611") && l.contains(part)).count(), 1, "{part}: {all:#?}");
    }
    assert!(all.iter().all(|l| l.contains("TG0611")), "{all:#?}");
}

#[test]
fn scopes_that_only_some_kinds_have() {
    let policy =
        |kind: &str, scope: &str| format!("resourcePolicy: {{resource: {kind}, version: default, scope: '{scope}'}}\n");
    let set = |all: &[(&str, &str)]| all.iter().map(|(k, s)| policy(k, s)).collect::<Vec<_>>().join("---\n");
    let all = found(&set(&[("a", ""), ("a", "x"), ("b", "")]), false);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("`b` has no policy in scope `x`"), "{all:?}");
    assert_eq!(found(&set(&[("a", ""), ("a", "x"), ("b", ""), ("b", "x")]), false), [""; 0]);
}
