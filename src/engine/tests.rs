//! `decide` on small stores, in both semantics: each row of docs/semantics.md, and what the walk promises.

use bumpalo::Bump;

use super::decision::{ActionResult, Cause, Decision, Effect, OutputEntry};
use super::request::{AuxData, Principal, Request, Resource};
use super::{Params, RuleTable, Semantics, Wants, decide};

use crate::cel::value::{Map, Value};
use crate::compile::{CompileOptions, compile};
use crate::source::SourceFile;

fn table(policies: &[&str], semantics: Semantics) -> RuleTable {
    let files: Vec<SourceFile> = policies
        .iter()
        .enumerate()
        .map(|(i, p)| SourceFile::new(format!("p{i}.yaml"), format!("apiVersion: api.cerbos.dev/v1\n{p}")))
        .collect();
    let options = CompileOptions { cerbos_compat: semantics != Semantics::Safe, ..CompileOptions::default() };
    let compiled = compile(&files, &options);
    compiled.table.unwrap_or_else(|| panic!("{}", crate::source::render_terminal(&compiled.diagnostics, false)))
}

struct Ask<'a> {
    kind: &'a str,
    action: &'a str,
    roles: &'a [&'a str],
    scope: &'a str,
    attr: &'a [(&'a str, Value<'a>)],
}

const ASK: Ask<'static> = Ask { kind: "doc", action: "view", roles: &["user"], scope: "", attr: &[] };

/// `allow` or `deny`, matched policy, matched scope, reason in a word.
fn answer(policies: &[&str], semantics: Semantics, ask: &Ask<'_>) -> String {
    answer_with(policies, semantics, ask, Params::default())
}

fn answer_with(policies: &[&str], semantics: Semantics, ask: &Ask<'_>, params: Params) -> String {
    decided(policies, semantics, ask, params, |decision| shown(&decision.actions[0]))
}

/// The outputs as `rule=value`, in order; those that speak for the verdict with a `!`.
fn outputs(policies: &[&str], semantics: Semantics, ask: &Ask<'_>) -> String {
    decided(policies, semantics, ask, Params::default(), |decision| {
        let one = |o: &OutputEntry<'_>| {
            let rule = o.src.rsplit('#').next().unwrap_or("");
            let value = match o.value.unwrap() {
                Value::String(text) => text.to_owned(),
                other => format!("{other:?}"),
            };
            format!("{rule}={value}{}", if o.deciding { "!" } else { "" })
        };
        decision.outputs.iter().map(one).collect::<Vec<_>>().join(" ")
    })
}

fn decided(
    policies: &[&str],
    semantics: Semantics,
    ask: &Ask<'_>,
    params: Params,
    show: impl FnOnce(&Decision<'_>) -> String,
) -> String {
    let table = table(policies, semantics);
    let params = Params { semantics, ..params };
    let bump = Bump::new();
    let request = Request {
        principal: Principal { id: "u1", roles: ask.roles, attr: Map::Fields(&[]), policy_version: "", scope: "" },
        resource: Resource {
            kind: ask.kind,
            id: "r",
            attr: Map::Fields(ask.attr),
            policy_version: "",
            scope: ask.scope,
        },
        actions: &[ask.action],
        aux: AuxData::EMPTY,
    };
    show(&decide(&table, &params, &request, None, Wants::default(), &bump))
}

fn shown(result: &ActionResult<'_>) -> String {
    let effect = if result.effect == Effect::Allow { "allow" } else { "deny" };
    let cause = match result.cause {
        Cause::NoPolicy => "no policy".to_owned(),
        Cause::NoRule(None) => "no rule".to_owned(),
        Cause::NoRule(Some(near)) => format!("near {} for `{}` {}", near.rule.name, near.unmet, near.error),
        Cause::Rule(rule) => format!("{} at {}:{}", rule.name, rule.file, rule.line),
        Cause::Error(rule, text) => format!("{} failed: {text}", rule.name),
        Cause::RolePolicy(policy) => policy.to_owned(),
        Cause::Schema => "schema".to_owned(),
        Cause::Budget => "budget".to_owned(),
    };
    format!("{effect} {} [{}] {}", result.policy, result.scope, cause.trim_end())
}

fn resource(name: &str, more: &str, rules: &str) -> String {
    format!("resourcePolicy:\n  resource: {name}\n  version: default\n{more}  rules:\n{rules}")
}

fn rule(name: &str, effect: &str, action: &str, roles: &str, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(", condition: {{match: {condition}}}") };
    format!("    - {{name: {name}, actions: ['{action}'], effect: EFFECT_{effect}, roles: [{roles}]{condition}}}\n")
}

#[test]
fn an_error_in_a_deny_denies_and_the_reason_names_it() {
    let rules = rule("all", "ALLOW", "view", "user", "")
        + &rule("secret", "DENY", "view", "user", "{expr: 'R.attr.level > 3'}");
    let doc = resource("doc", "", &rules);
    assert_eq!(
        answer(&[&doc], Semantics::Safe, &ASK),
        "deny resource.doc.vdefault [] secret failed: no such key: level"
    );
    assert_eq!(answer(&[&doc], Semantics::Cerbos, &ASK), "allow resource.doc.vdefault [] all at p0.yaml:6");
    assert_eq!(
        answer(&[&doc], Semantics::CerbosStrict, &ASK),
        "deny resource.doc.vdefault [] secret failed: no such key: level"
    );
    let low = Ask { attr: &[("level", Value::Double(1.0))], ..ASK };
    assert_eq!(answer(&[&doc], Semantics::Safe, &low), "allow resource.doc.vdefault [] all at p0.yaml:6");
}

#[test]
fn none_over_an_error_never_allows() {
    let doc = resource("doc", "", &rule("a", "ALLOW", "view", "user", "{none: {of: [{expr: 'R.attr.x == 1'}]}}"));
    assert_eq!(
        answer(&[&doc], Semantics::Safe, &ASK),
        "deny resource.doc.vdefault [] near a for `R.attr.x == 1` no such key: x"
    );
    assert!(answer(&[&doc], Semantics::Cerbos, &ASK).starts_with("allow"));
}

#[test]
fn operands_of_all_and_any_may_stand_in_any_order() {
    for (condition, want) in [
        ("{any: {of: [{expr: 'R.attr.x == 1'}, {expr: 'true'}]}}", "allow"),
        ("{any: {of: [{expr: 'true'}, {expr: 'R.attr.x == 1'}]}}", "allow"),
        ("{all: {of: [{expr: 'R.attr.x == 1'}, {expr: 'true'}]}}", "deny"),
        ("{all: {of: [{expr: '\"text\"'}, {expr: 'true'}]}}", "deny"),
    ] {
        let doc = resource("doc", "", &rule("a", "ALLOW", "view", "user", condition));
        assert!(answer(&[&doc], Semantics::Safe, &ASK).starts_with(want), "{condition}");
    }
    for (condition, want) in [
        ("{all: {of: [{expr: 'R.attr.x == 1'}, {expr: 'false'}]}}", "allow"),
        ("{all: {of: [{expr: 'R.attr.x == 1'}, {expr: 'true'}]}}", "deny"),
        ("{expr: '1'}", "deny"),
    ] {
        let rules = rule("a", "ALLOW", "view", "user", "") + &rule("b", "DENY", "view", "user", condition);
        let doc = resource("doc", "", &rules);
        assert!(answer(&[&doc], Semantics::Safe, &ASK).starts_with(want), "{condition}");
    }
}

#[test]
fn a_derived_role_that_errs_is_active_for_denials_only() {
    let roles = "derivedRoles:\n  name: set\n  definitions:\n    - {name: owner, parentRoles: [user], condition: {match: {expr: 'R.attr.owner == P.id'}}}\n";
    let import = "  importDerivedRoles: [set]\n";
    let by_role =
        |effect: &str| format!("    - {{name: by, actions: [view], effect: EFFECT_{effect}, derivedRoles: [owner]}}\n");
    let allow = resource("doc", import, &by_role("ALLOW"));
    let deny = resource("doc", import, &(rule("all", "ALLOW", "view", "user", "") + &by_role("DENY")));
    assert!(answer(&[&allow, roles], Semantics::Safe, &ASK).starts_with("deny"));
    assert!(answer(&[&deny, roles], Semantics::Safe, &ASK).starts_with("deny"));
    assert!(answer(&[&deny, roles], Semantics::Cerbos, &ASK).starts_with("allow"));
    let mine = Ask { attr: &[("owner", Value::String("u1"))], ..ASK };
    assert!(answer(&[&allow, roles], Semantics::Safe, &mine).starts_with("allow"));
}

#[test]
fn kinds_are_compared_exactly() {
    let doc = resource("leave-request", "", &rule("a", "ALLOW", "view", "user", ""));
    let other = Ask { kind: "leave:request", ..ASK };
    assert_eq!(answer(&[&doc], Semantics::Safe, &other), "deny NO_MATCH [] no policy");
    assert!(answer(&[&doc], Semantics::Cerbos, &other).starts_with("allow"));
    let principal = "principalPolicy:\n  principal: u1\n  version: default\n  rules:\n    - {resource: 'album:*', actions: [{action: view, effect: EFFECT_DENY}]}\n";
    let album = resource("'album:object'", "", &rule("a", "ALLOW", "view", "user", ""));
    let ask = Ask { kind: "album:object", ..ASK };
    assert!(answer(&[&album, principal], Semantics::Safe, &ask).starts_with("deny principal.u1.vdefault"));
    assert!(answer(&[&album, principal], Semantics::Cerbos, &ask).starts_with("allow"));
}

#[test]
fn a_scope_exists_for_the_kinds_that_live_in_it() {
    let foo = resource("foo", "", &rule("a", "ALLOW", "view", "user", ""));
    let bar = resource("bar", "", &rule("a", "ALLOW", "view", "user", ""));
    let scoped = resource("bar", "  scope: acme\n", &rule("a", "ALLOW", "zzz", "user", ""));
    let policies = [&*foo, &*bar, &*scoped];
    let ask = Ask { kind: "foo", scope: "acme", ..ASK };
    assert_eq!(answer(&policies, Semantics::Safe, &ask), "deny NO_MATCH [] no policy");
    assert!(answer(&policies, Semantics::Cerbos, &ask).starts_with("allow resource.foo.vdefault/acme []"));
    let lenient = || Params { lenient_scope_search: true, ..Params::default() };
    assert!(answer_with(&policies, Semantics::Safe, &ask, lenient()).starts_with("allow"));
    let ask = Ask { kind: "bar", scope: "acme", ..ASK };
    assert!(answer(&policies, Semantics::Safe, &ask).starts_with("allow resource.bar.vdefault/acme []"));
}

#[test]
fn a_role_policy_restricts_wherever_it_is_in_force() {
    let other = resource("other", "", &rule("a", "ALLOW", "*", "user", ""));
    let role = "rolePolicy:\n  role: custom\n  version: default\n  scope: acme\n  parentRoles: [user]\n  rules:\n    - {resource: plain, allowActions: [view]}\n";
    let ask = Ask { kind: "other", scope: "acme", roles: &["custom"], ..ASK };
    assert!(answer(&[&other, role], Semantics::Cerbos, &ask).starts_with("allow resource.other.vdefault/acme"));
    let lenient = || Params { lenient_scope_search: true, ..Params::default() };
    assert!(answer_with(&[&other, role], Semantics::Safe, &ask, lenient()).starts_with("deny"));
    let at_root = role.replace("  scope: acme\n", "");
    let ask = Ask { kind: "other", roles: &["custom"], ..ASK };
    assert_eq!(answer(&[&other, &at_root], Semantics::Safe, &ask), "deny role.custom.vdefault [] role.custom.vdefault");
}

#[test]
fn the_budget_denies_in_every_semantics_and_stops_the_call() {
    let heavy = "{expr: 'R.attr.l.all(a, R.attr.l.all(b, R.attr.l.all(c, a + b + c >= 0.0)))'}";
    let doc =
        resource("doc", "", &(rule("a", "ALLOW", "view", "user", "") + &rule("b", "DENY", "view", "user", heavy)));
    let numbers: Vec<Value<'_>> = (0..300).map(|i| Value::Double(f64::from(i))).collect();
    let attr = [("l", Value::List(crate::cel::value::List::Values(&numbers)))];
    let ask = Ask { attr: &attr, ..ASK };
    for semantics in [Semantics::Safe, Semantics::Cerbos, Semantics::CerbosStrict] {
        assert_eq!(answer(&[&doc], semantics, &ask), "deny resource.doc.vdefault [] budget", "{semantics:?}");
    }
}

#[test]
fn the_same_expressions_under_all_and_any_are_two_conditions() {
    let operands = "{of: [{expr: 'R.attr.x == 1'}, {expr: 'R.attr.y == 1'}]}";
    let rules = rule("one", "ALLOW", "any", "user", &format!("{{any: {operands}}}"))
        + &rule("two", "ALLOW", "all", "user", &format!("{{all: {operands}}}"));
    let doc = resource("doc", "", &rules);
    let attr = [("x", Value::Double(1.0)), ("y", Value::Double(2.0))];
    for semantics in [Semantics::Safe, Semantics::Cerbos] {
        assert!(answer(&[&doc], semantics, &Ask { action: "any", attr: &attr, ..ASK }).starts_with("allow"));
        assert!(answer(&[&doc], semantics, &Ask { action: "all", attr: &attr, ..ASK }).starts_with("deny"));
    }
}

#[test]
fn a_derived_role_may_build_on_the_effective_ones_of_its_scope() {
    let roles = "derivedRoles:\n  name: set\n  definitions:\n    - {name: base, parentRoles: [user]}\n    - {name: more, parentRoles: [user], condition: {match: {expr: '\"base\" in runtime.effectiveDerivedRoles'}}}\n";
    let doc = resource(
        "doc",
        "  importDerivedRoles: [set]\n",
        "    - {actions: [other], effect: EFFECT_ALLOW, derivedRoles: [base]}\n    - {actions: [view], effect: EFFECT_ALLOW, derivedRoles: [more]}\n",
    );
    for semantics in [Semantics::Safe, Semantics::Cerbos] {
        assert!(answer(&[&doc, roles], semantics, &ASK).starts_with("allow"), "{semantics:?}");
    }
}

#[test]
fn an_approval_is_not_lost_where_a_parent_must_consent() {
    let parent = resource("doc", "", &rule("parent", "ALLOW", "view", "user", ""));
    let scoped = |condition: &str| {
        let rule = format!(
            "    - {{name: ask, actions: [view], effect: EFFECT_ALLOW, roles: [user]{condition}, output: {{when: {{ruleActivated: '\"approve\"', conditionNotMet: '\"no\"'}}}}}}\n"
        );
        resource(
            "doc",
            "  scope: acme\n  scopePermissions: SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS\n",
            &rule,
        )
    };
    let conditional = scoped(", condition: {match: {expr: 'R.attr.x == 1'}}");
    let ask = |x: f64| [("x", Value::Double(x))];
    let (one, two) = (ask(1.0), ask(2.0));
    let met = Ask { scope: "acme", attr: &one, ..ASK };
    let unmet = Ask { scope: "acme", attr: &two, ..ASK };
    for (ask, safe, cerbos) in [(&met, "ask=approve!", "ask=no"), (&unmet, "ask=no!", "ask=approve!")] {
        assert_eq!(outputs(&[&parent, &conditional], Semantics::Safe, ask), safe);
        assert_eq!(outputs(&[&parent, &conditional], Semantics::Cerbos, ask), cerbos);
    }
    assert_eq!(outputs(&[&parent, &scoped("")], Semantics::Safe, &met), "ask=approve!");
    for (policies, want) in
        [([&*parent, &*conditional], "allow"), ([&*parent, "exportConstants: {name: none}\n"], "deny")]
    {
        assert!(answer(&policies, Semantics::Safe, &met).starts_with(want), "{policies:?}");
    }
    assert!(answer(&[&parent, &conditional], Semantics::Safe, &unmet).starts_with("deny"));
}

#[test]
fn an_unmet_condition_is_heard_once() {
    let doc = resource(
        "doc",
        "",
        "    - {name: a, actions: [view, 'v*'], effect: EFFECT_ALLOW, roles: [user, '*'], condition: {match: {expr: 'false'}}, output: {when: {conditionNotMet: '\"no\"'}}}\n",
    );
    let ask = Ask { roles: &["user", "admin"], ..ASK };
    assert_eq!(outputs(&[&doc], Semantics::Safe, &ask), "a=no!");
    assert_eq!(outputs(&[&doc], Semantics::Cerbos, &ask).split(' ').count(), 4);
}

#[test]
fn a_role_policy_reads_derived_roles_that_nobody_else_reads() {
    let doc = resource(
        "doc",
        "  importDerivedRoles: [set]\n",
        "    - {actions: [view], effect: EFFECT_ALLOW, roles: [user]}\n    - {actions: [x], effect: EFFECT_ALLOW, derivedRoles: [own]}\n",
    );
    let set = "derivedRoles:\n  name: set\n  definitions:\n    - {name: own, parentRoles: [user]}\n";
    let role = "rolePolicy:\n  role: user\n  version: default\n  rules:\n    - {resource: doc, allowActions: [view], \
                condition: {match: {expr: \"'own' in runtime.effectiveDerivedRoles\"}}}\n";
    for semantics in [Semantics::Safe, Semantics::Cerbos, Semantics::CerbosStrict] {
        let given = answer(&[&doc, set, role], semantics, &ASK);
        assert!(given.starts_with("allow"), "{semantics:?}: {given}");
    }
}

#[test]
fn a_derived_role_reads_the_roles_of_the_scope_below_that_nobody_else_reads() {
    let leaf = resource(
        "doc",
        "  scope: acme\n  importDerivedRoles: [set]\n",
        "    - {actions: [x], effect: EFFECT_ALLOW, derivedRoles: [own]}\n",
    );
    let root = resource(
        "doc",
        "  importDerivedRoles: [second]\n",
        "    - {actions: [x], effect: EFFECT_ALLOW, derivedRoles: [also]}\n    - {actions: [view], effect: EFFECT_ALLOW, \
         roles: [user], condition: {match: {expr: \"'also' in runtime.effectiveDerivedRoles\"}}}\n",
    );
    let sets = [
        "derivedRoles:\n  name: set\n  definitions:\n    - {name: own, parentRoles: [user]}\n",
        "derivedRoles:\n  name: second\n  definitions:\n    - {name: also, parentRoles: [user], condition: {match: {expr: \"'own' in \
         runtime.effectiveDerivedRoles\"}}}\n",
    ];
    for semantics in [Semantics::Safe, Semantics::Cerbos, Semantics::CerbosStrict] {
        let given = answer(&[&leaf, &root, sets[0], sets[1]], semantics, &Ask { scope: "acme", ..ASK });
        assert!(given.starts_with("allow"), "{semantics:?}: {given}");
    }
}
