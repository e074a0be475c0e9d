//! The parts that several kinds of policy share: texts, variables, constants, conditions, outputs, schemas.

use super::model::{
    Condition, Constants, ExprText, Match, Output, RuleEffect, SchemaRef, Schemas, ScopePermissions, Spanned, Text,
    Variables,
};
use super::names;
use super::value::constant;
use crate::cel::value::Constant;
use crate::yaml::{Decoder, Entry, ListRule, Node, Object, Read, TextRule};

/// A unique list of names of sets.
pub(super) const IMPORTS: ListRule =
    ListRule { required: false, unique: true, item: TextRule::ANY.matching(names::SET_NAME) };

/// A unique list of non-empty texts.
pub(super) const UNIQUE: ListRule = ListRule { required: false, unique: true, item: TextRule::NOT_EMPTY };

/// A unique, non-empty list of non-empty texts.
pub(super) const SOME_UNIQUE: ListRule = ListRule { required: true, ..UNIQUE };

pub(super) fn text(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str, rule: TextRule) -> Text {
    spanned(d.text(object, name, rule))
}

pub(super) fn texts(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str, rule: ListRule) -> Vec<Text> {
    d.texts(object, name, rule).into_iter().map(spanned).collect()
}

fn spanned(read: Read) -> Text {
    Spanned { value: read.value, at: read.at, span: read.span }
}

/// A list of role patterns; just `*` if any of them is `*`.
pub(super) fn roles(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str, rule: ListRule) -> Vec<Text> {
    let mut all = texts(d, object, name, rule);
    if let Some(i) = all.iter().position(|t| t.value == "*") {
        return vec![all.swap_remove(i)];
    }
    all
}

/// An expression under `entry`, reported at its key.
fn expression(d: &mut Decoder<'_>, entry: &Entry) -> ExprText {
    let (text, offsets) = d.text_with_offsets(&entry.value);
    ExprText { text, at: entry.key.span, span: entry.value.span, offsets }
}

/// An expression field; `None` if it is not given or empty.
fn optional_expression(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str) -> Option<ExprText> {
    object.get(name).map(|e| d.field(name, e, expression)).filter(|e| !e.text.is_empty())
}

/// A map of names to expressions.
pub(super) fn variables_map(d: &mut Decoder<'_>, node: &Node) -> Vec<(Text, ExprText)> {
    d.map(node, |d, entry| {
        let expr = ExprText { at: entry.value.at, ..expression(d, entry) };
        (key(entry), expr)
    })
}

/// A map of names to values.
pub(super) fn constants_map(d: &mut Decoder<'_>, node: &Node) -> Vec<(Text, Spanned<Constant>)> {
    d.map(node, |d, entry| {
        let value = constant(d, &entry.value);
        (key(entry), Spanned { value, at: entry.value.at, span: entry.value.span })
    })
}

fn key(entry: &Entry) -> Text {
    Spanned { value: entry.key.text.clone(), at: entry.key.span, span: entry.key.span }
}

pub(super) fn variables(d: &mut Decoder<'_>, object: &Object<'_>) -> Variables {
    object.get("variables").map_or_else(Variables::default, |e| {
        d.field("variables", e, |d, e| {
            let object = d.object(&e.value, &["import", "local"]);
            let import = texts(d, &object, "import", IMPORTS);
            let local = object.get("local").map(|e| d.field("local", e, |d, e| variables_map(d, &e.value)));
            Variables { import, local: local.unwrap_or_default() }
        })
    })
}

pub(super) fn constants(d: &mut Decoder<'_>, object: &Object<'_>) -> Constants {
    object.get("constants").map_or_else(Constants::default, |e| {
        d.field("constants", e, |d, e| {
            let object = d.object(&e.value, &["import", "local"]);
            let import = texts(d, &object, "import", IMPORTS);
            let local = object.get("local").map(|e| d.field("local", e, |d, e| constants_map(d, &e.value)));
            Constants { import, local: local.unwrap_or_default() }
        })
    })
}

/// `scopePermissions`; the reference takes any number here.
pub(super) fn scope_permissions(d: &mut Decoder<'_>, object: &Object<'_>) -> Spanned<ScopePermissions> {
    let (value, at, span) = scope_permissions_number(d, object);
    let value = match value {
        Some(1) => ScopePermissions::OverrideParent,
        Some(2) => ScopePermissions::RequireParentalConsent,
        _ => ScopePermissions::Unspecified,
    };
    Spanned { value, at, span }
}

pub(super) fn scope_permissions_number(
    d: &mut Decoder<'_>,
    object: &Object<'_>,
) -> (Option<i64>, crate::source::Span, crate::source::Span) {
    const NAMES: &[(&str, i64)] = &[
        ("SCOPE_PERMISSIONS_UNSPECIFIED", 0),
        ("SCOPE_PERMISSIONS_OVERRIDE_PARENT", 1),
        ("SCOPE_PERMISSIONS_REQUIRE_PARENTAL_CONSENT_FOR_ALLOWS", 2),
    ];
    let Some(entry) = object.get("scopePermissions") else {
        return (None, crate::source::Span::default(), crate::source::Span::default());
    };
    let number = d.field("scopePermissions", entry, |d, e| d.enumeration(&e.value, NAMES));
    (number, entry.key.span, entry.value.span)
}

/// `effect`, required.
pub(super) fn effect(d: &mut Decoder<'_>, object: &Object<'_>) -> RuleEffect {
    const NAMES: &[(&str, i64)] =
        &[("EFFECT_UNSPECIFIED", 0), ("EFFECT_ALLOW", 1), ("EFFECT_DENY", 2), ("EFFECT_NO_MATCH", 3)];
    let Some(entry) = object.get("effect") else {
        d.require(object, "effect");
        return RuleEffect::Deny;
    };
    d.field("effect", entry, |d, entry| match d.enumeration(&entry.value, NAMES) {
        Some(1) => RuleEffect::Allow,
        Some(2) | None => RuleEffect::Deny,
        Some(0) => {
            d.violation("TG0201", entry.key.span, "value is required");
            RuleEffect::Deny
        }
        Some(_) => {
            d.violation("TG0206", entry.key.span, "must be one of [EFFECT_ALLOW, EFFECT_DENY]");
            RuleEffect::Deny
        }
    })
}

pub(super) fn condition(d: &mut Decoder<'_>, object: &Object<'_>) -> Option<Condition> {
    let entry = object.get("condition")?;
    let at = entry.key.span;
    d.field("condition", entry, |d, entry| {
        let object = d.object(&entry.value, &["match", "script"]);
        match d.oneof(&object, &["match", "script"]) {
            Some(("match", e)) => d.field("match", e, |d, e| matching(d, &e.value)).map(Condition::Match),
            Some((name, e)) => Some(Condition::Script(d.field(name, e, |d, e| Spanned {
                value: d.string(&e.value),
                at,
                span: e.value.span,
            }))),
            None => {
                require_oneof(d, &object, "condition", &["match", "script"]);
                None
            }
        }
    })
}

/// One node of a condition. Recursive: the depth of a document is bounded.
fn matching(d: &mut Decoder<'_>, node: &Node) -> Option<Match> {
    const MEMBERS: &[&str] = &["all", "any", "none", "expr"];
    let object = d.object(node, MEMBERS);
    let Some((name, entry)) = d.oneof(&object, MEMBERS) else {
        require_oneof(d, &object, "op", MEMBERS);
        return None;
    };
    d.field(name, entry, |d, entry| {
        if name == "expr" {
            return Some(Match::Expr(expression(d, entry)));
        }
        let list = d.object(&entry.value, &["of"]);
        let of: Vec<Match> = d.items(&list, "of", true, matching).into_iter().flatten().collect();
        Some(match name {
            "all" => Match::All(of),
            "any" => Match::Any(of),
            _ => Match::None(of),
        })
    })
}

/// Notes that a oneof has no member, unless one seems to be there under a wrong name.
pub(super) fn require_oneof(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str, members: &[&'static str]) {
    if members.iter().all(|m| object.lacks(m)) {
        d.missing(name, |d| d.violation("TG0207", None, "exactly one field is required in oneof"));
    }
}

pub(super) fn output(d: &mut Decoder<'_>, object: &Object<'_>) -> Option<Output> {
    let entry = object.get("output")?;
    d.field("output", entry, |d, entry| {
        let object = d.object(&entry.value, &["expr", "when"]);
        let deprecated = optional_expression(d, &object, "expr");
        let when = object.get("when").map(|e| {
            d.field("when", e, |d, e| {
                let when = d.object(&e.value, &["ruleActivated", "conditionNotMet"]);
                let activated = optional_expression(d, &when, "ruleActivated");
                (activated, optional_expression(d, &when, "conditionNotMet"))
            })
        });
        let (activated, condition_not_met) = when.unwrap_or((None, None));
        let (rule_activated, overruled) = match activated {
            Some(activated) => (Some(activated), deprecated),
            None => (deprecated, None),
        };
        Some(Output { at: entry.key.span, rule_activated, condition_not_met, overruled })
    })
}

pub(super) fn schemas(d: &mut Decoder<'_>, object: &Object<'_>) -> Schemas {
    object.get("schemas").map_or_else(Schemas::default, |e| {
        d.field("schemas", e, |d, e| {
            let object = d.object(&e.value, &["principalSchema", "resourceSchema"]);
            let principal = schema_ref(d, &object, "principalSchema");
            Schemas { principal, resource: schema_ref(d, &object, "resourceSchema") }
        })
    })
}

fn schema_ref(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str) -> Option<SchemaRef> {
    let entry = object.get(name)?;
    Some(d.field(name, entry, |d, e| {
        let object = d.object(&e.value, &["ref", "ignoreWhen"]);
        let reference = text(d, &object, "ref", TextRule::REQUIRED);
        let actions = object.get("ignoreWhen").map(|e| {
            d.field("ignoreWhen", e, |d, e| {
                let object = d.object(&e.value, &["actions"]);
                texts(d, &object, "actions", SOME_UNIQUE)
            })
        });
        SchemaRef { reference, ignore_when_actions: actions.unwrap_or_default() }
    }))
}
