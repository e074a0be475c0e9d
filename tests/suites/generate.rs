//! A policy set and test suites for it from a seed: cases that pass, fail, err and are skipped, groups, fixtures, outputs,
//! options, and suites that are wrong in the ways the language names.

use std::fmt::Write as _;
use std::path::Path;

use crate::rng::Rng;

/// The policies are the same in every run: what varies is what is asked and expected of them.
const POLICIES: &[(&str, &str)] = &[
    (
        "doc.yaml",
        "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  importDerivedRoles: [roles]
  rules:
    - name: read
      actions: [view, 'list:*']
      roles: [user]
      effect: EFFECT_ALLOW
      condition: {match: {expr: R.attr.level <= P.attr.clearance}}
      output:
        when:
          ruleActivated: '{\"by\": P.id, \"level\": R.attr.level}'
          conditionNotMet: '\"too high\"'
    - name: edit
      actions: [edit]
      derivedRoles: [owner]
      effect: EFFECT_ALLOW
      output: {when: {ruleActivated: R.attr.level + 1}}
    - name: late
      actions: [publish]
      roles: [user]
      effect: EFFECT_ALLOW
      condition: {match: {expr: now() > timestamp(\"2024-01-01T00:00:00Z\")}}
    - name: sealed
      actions: ['*']
      roles: ['*']
      effect: EFFECT_DENY
      condition: {match: {expr: R.attr.sealed}}
      output: {when: {ruleActivated: '[\"sealed\"]'}}
",
    ),
    (
        "roles.yaml",
        "apiVersion: api.cerbos.dev/v1
derivedRoles:
  name: roles
  definitions:
    - name: owner
      parentRoles: [user]
      condition: {match: {expr: R.attr.owner == P.id}}
",
    ),
    (
        "scoped.yaml",
        "apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: doc
  version: default
  scope: acme
  rules:
    - {name: only, actions: [view], roles: [user], effect: EFFECT_DENY, condition: {match: {expr: R.attr.level == 2}}}
    - {name: tokens, actions: [token], roles: [user], effect: EFFECT_ALLOW, condition: {match: {expr: 'request.auxData.jwt.aud == \"here\"'}}}
",
    ),
    (
        "admin.yaml",
        "apiVersion: api.cerbos.dev/v1
principalPolicy:
  principal: root
  version: default
  rules:
    - resource: doc
      actions: [{action: delete, effect: EFFECT_ALLOW, output: {when: {ruleActivated: G.region}}}]
",
    ),
];

const ACTIONS: &[&str] = &["view", "edit", "publish", "delete", "list:all", "token"];
const PRINCIPALS: &[&str] = &["ann", "bob", "root", "guest"];
const RESOURCES: &[&str] = &["low", "mid", "high", "sealed", "scoped"];

/// Writes the set and its suites below `dir`.
pub fn write(dir: &Path, seed: u64, suites: usize, tests: usize) -> std::io::Result<()> {
    for (name, text) in POLICIES {
        std::fs::write(dir.join(name), text)?;
    }
    let mut rng = Rng::new(seed);
    let fixtures = dir.join("tests/testdata");
    std::fs::create_dir_all(&fixtures)?;
    std::fs::write(
        fixtures.join("principals.yaml"),
        format!("principals:\n{}principalGroups:\n  all: {{principals: [ann, bob, root, guest]}}\n", principals()),
    )?;
    std::fs::write(
        fixtures.join("resources.yaml"),
        format!("resources:\n{}resourceGroups:\n  plain: {{resources: [low, mid, high]}}\n", resources()),
    )?;
    std::fs::write(
        fixtures.join("auxdata.yaml"),
        "auxData:\n  here: {jwt: {aud: here}}\n  there: {jwt: {aud: there, n: 1}}\n",
    )?;
    for i in 0..suites {
        std::fs::write(dir.join(format!("tests/suite{i:03}_test.yaml")), suite(&mut rng, i, tests))?;
    }
    Ok(())
}

fn principals() -> String {
    let mut out = String::new();
    for (i, id) in PRINCIPALS.iter().enumerate() {
        let role = if *id == "guest" { "guest" } else { "user" };
        let _ = writeln!(out, "  {id}: {{id: {id}, roles: [{role}], attr: {{clearance: {i}}}}}");
    }
    out
}

fn resources() -> String {
    "  low: {kind: doc, id: '1', attr: {level: 0, owner: ann, sealed: false}}
  mid: {kind: doc, id: '2', attr: {level: 1, owner: bob}}
  high: {kind: doc, id: '3', attr: {level: 3, owner: root, sealed: false}}
  sealed: {kind: doc, id: '4', attr: {level: 0, owner: ann, sealed: true}}
  scoped: {kind: doc, id: '5', scope: acme, attr: {level: 2, owner: ann, sealed: false}}
"
    .to_owned()
}

fn options(rng: &mut Rng, indent: &str) -> String {
    let mut out = format!("{indent}options:\n");
    let mut any = false;
    let mut say = |chance: u64, line: &str, rng: &mut Rng| {
        if rng.chance(chance) {
            let _ = writeln!(out, "{indent}  {line}");
            any = true;
        }
    };
    say(60, "now: '2025-02-03T04:05:06Z'", rng);
    say(50, "globals: {region: emea}", rng);
    say(20, "lenientScopeSearch: true", rng);
    say(10, "defaultScope: acme", rng);
    if any { out } else { String::new() }
}

fn suite(rng: &mut Rng, i: usize, tests: usize) -> String {
    let mut out = format!("name: Suite {i}\n");
    if rng.chance(20) {
        out.push_str("description: Some words\n");
    }
    if rng.chance(6) {
        out.push_str("skip: true\nskipReason: not today\n");
    }
    if rng.chance(40) {
        out.push_str(&options(rng, ""));
    }
    if rng.chance(30) {
        out.push_str("principals:\n  ann: {id: ann, roles: [user, extra], attr: {clearance: 2}}\n");
    }
    if rng.chance(30) {
        let member = if rng.chance(12) { "nobody" } else { "bob" };
        let _ = writeln!(out, "principalGroups:\n  pair: {{principals: [ann, {member}]}}");
    } else {
        out.push_str("principalGroups:\n  pair: {principals: [bob, guest]}\n");
    }
    out.push_str("tests:\n");
    for t in 0..tests {
        out.push_str(&test(rng, t));
    }
    out
}

fn test(rng: &mut Rng, t: usize) -> String {
    let mut out = format!("  - name: {}\n", if rng.chance(1) { "Test 0".to_owned() } else { format!("Test {t}") });
    if rng.chance(5) {
        out.push_str("    skip: true\n    skipReason: later\n");
    }
    if rng.chance(40) {
        out.push_str(&options(rng, "    "));
    }
    let (n, m, k) = (rng.range(1, 3), rng.range(1, 3), rng.range(1, 4));
    let (principals, resources, actions) =
        (rng.sample(PRINCIPALS, n), rng.sample(RESOURCES, m), rng.sample(ACTIONS, k));
    let _ = writeln!(out, "    input:\n      principals: [{}]", principals.join(", "));
    if rng.chance(20) {
        out.push_str("      principalGroups: [pair]\n");
    }
    let _ = writeln!(out, "      resources: [{}]", resources.join(", "));
    if rng.chance(15) {
        out.push_str("      resourceGroups: [plain]\n");
    }
    let _ = writeln!(out, "      actions: ['{}']", actions.join("', '"));
    if rng.chance(25) {
        let _ = writeln!(out, "      auxData: {}", rng.word(&["here", "there", "here", "there", "here", "nowhere"]));
    }
    out.push_str("    expected:\n");
    for principal in &principals {
        let (one, listed) = if rng.chance(20) {
            ("principals", format!("[{}]", principals.join(", ")))
        } else {
            ("principal", (*principal).to_owned())
        };
        let wrong = rng.chance(1);
        let _ = writeln!(out, "      - {one}: {}", if wrong { "root2".to_owned() } else { listed });
        let (one, listed) = if rng.chance(30) {
            ("resources", format!("[{}]", resources.join(", ")))
        } else {
            ("resource", resources[0].to_owned())
        };
        let _ = writeln!(out, "        {one}: {listed}\n        actions:");
        for action in &actions {
            // Two of three are meant; the same for all, so that what is expected twice seldom disagrees.
            let allow = !(action.len() + t).is_multiple_of(3) || rng.chance(2);
            let _ = writeln!(out, "          '{action}': {}", if allow { "EFFECT_ALLOW" } else { "EFFECT_DENY" });
        }
        if rng.chance(2) {
            out.push_str("          unasked: EFFECT_ALLOW\n");
        }
        if rng.chance(35) {
            out.push_str(&outputs(rng, principal, actions[0]));
        }
    }
    out
}

fn outputs(rng: &mut Rng, principal: &str, action: &str) -> String {
    let (src, value) = match rng.below(6) {
        0 => ("resource.doc.vdefault#read", format!("{{by: {principal}, level: {}}}", rng.below(3))),
        1 => ("resource.doc.vdefault#read", "too high".to_owned()),
        2 => ("resource.doc.vdefault#edit", rng.below(4).to_string()),
        3 => ("resource.doc.vdefault#sealed", "[sealed]".to_owned()),
        4 => ("principal.root.vdefault#doc_rule-001", "emea".to_owned()),
        _ => ("resource.doc.vdefault#none", "null".to_owned()),
    };
    format!(
        "        outputs:\n          - action: '{action}'\n            expected:\n              - {{src: '{src}', val: {value}}}\n"
    )
}
