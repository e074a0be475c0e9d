//! Suite and fixture files to `model`. Collects every fault of a file.

use std::collections::BTreeMap;

use super::check::{REQUESTED_SCOPE, SOME_UNIQUE, UNIQUE, exclude, require_one};
use super::decode_fixtures::{fixtures, globals};
use super::model::{Expectation, ExpectedOutputs, Fixtures, Input, Selection, Suite, Test, TestOptions};
use super::timestamp;
use crate::policy::value::constant;
use crate::source::{Diagnostic, Severity, SourceFile, Span};
use crate::yaml::{self, Decoder, Entry, Kind, ListRule, Mapping, Node, Object, Resolved, TextRule, go_quote};

const ANY: TextRule = TextRule::ANY;
const REQUIRED: TextRule = TextRule::REQUIRED;

/// The kinds of fixture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FixtureKind {
    Principals,
    Resources,
    Aux,
}

impl FixtureKind {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Principals => &["$schema", "principals", "principalGroups"],
            Self::Resources => &["$schema", "resources", "resourceGroups"],
            Self::Aux => &["$schema", "auxData"],
        }
    }
}

/// Decodes a suite; `None` if it has faults.
pub(super) fn decode_suite(file: &SourceFile) -> (Option<Suite>, Vec<Diagnostic>) {
    decode(file, suite)
}

/// Decodes a fixture file; `None` if it has faults.
pub(super) fn decode_fixtures(file: &SourceFile, kind: FixtureKind) -> (Option<Fixtures>, Vec<Diagnostic>) {
    decode(file, |d, root| {
        let object = d.object(root, kind.fields());
        d.text(&object, "$schema", ANY);
        fixtures(d, &object)
    })
}

fn decode<T>(file: &SourceFile, read: impl FnOnce(&mut Decoder<'_>, &Node) -> T) -> (Option<T>, Vec<Diagnostic>) {
    let (root, mut diagnostics) = yaml::parse(file, yaml::LIMITS);
    // Nothing in the file is an empty mapping: whatever is required is missing.
    let empty = Node {
        kind: Kind::Mapping(Mapping::default()),
        span: Span::default(),
        at: Span::default(),
        outer: Span::default(),
    };
    let root = root.or_else(|| diagnostics.is_empty().then_some(empty));
    let read = root.map(|root| {
        let mut d = Decoder::new(file);
        let read = read(&mut d, &root);
        diagnostics.extend(d.finish());
        read
    });
    Diagnostic::sort(&mut diagnostics);
    let broken = diagnostics.iter().any(|d| d.severity == Severity::Error);
    (read.filter(|_| !broken), diagnostics)
}

fn suite(d: &mut Decoder<'_>, root: &Node) -> Suite {
    const FIELDS: &[&str] = &[
        "$schema",
        "name",
        "description",
        "skip",
        "skipReason",
        "options",
        "principals",
        "resources",
        "auxData",
        "principalGroups",
        "resourceGroups",
        "tests",
    ];
    let object = d.object(root, FIELDS);
    d.text(&object, "$schema", ANY);
    Suite {
        name: d.text(&object, "name", REQUIRED).value,
        description: d.text(&object, "description", ANY).value,
        skip: flag(d, &object, "skip"),
        skip_reason: d.text(&object, "skipReason", ANY).value,
        options: options(d, &object).unwrap_or_default(),
        fixtures: fixtures(d, &object),
        tests: d.items(&object, "tests", true, test),
    }
}

fn flag(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str) -> bool {
    object.get(name).is_some_and(|e| d.field(name, e, |d, e| d.boolean(&e.value)))
}

fn strings(d: &mut Decoder<'_>, object: &Object<'_>, name: &'static str, rule: ListRule) -> Vec<String> {
    d.texts(object, name, rule).into_iter().map(|r| r.value).collect()
}

fn options(d: &mut Decoder<'_>, object: &Object<'_>) -> Option<TestOptions> {
    const FIELDS: &[&str] =
        &["now", "lenientScopeSearch", "strictEvaluation", "globals", "defaultPolicyVersion", "defaultScope"];
    let entry = object.get("options")?;
    Some(d.field("options", entry, |d, entry| {
        let object = d.object(&entry.value, FIELDS);
        let default = TestOptions::default();
        TestOptions {
            now: object.get("now").and_then(|e| d.field("now", e, now)),
            lenient_scope_search: flag(d, &object, "lenientScopeSearch"),
            strict_evaluation: flag(d, &object, "strictEvaluation"),
            globals: object
                .get("globals")
                .map_or(default.globals, |e| d.field("globals", e, |d, e| globals(d, &e.value))),
            default_policy_version: d.text(&object, "defaultPolicyVersion", ANY).value,
            default_scope: d.text(&object, "defaultScope", REQUESTED_SCOPE).value,
        }
    }))
}

fn now(d: &mut Decoder<'_>, entry: &Entry) -> Option<crate::cel::value::Timestamp> {
    let node = &entry.value;
    let Kind::Scalar(scalar) = &node.kind else {
        if !node.is_bad() {
            d.fault("TG0104", node.at, format!("expected string got {}", node.type_name()));
        }
        return None;
    };
    if scalar.value != Resolved::String {
        d.fault("TG0104", node.at, format!("expected string got {}", node.type_name()));
        return None;
    }
    match timestamp::parse(&scalar.text) {
        Ok(timestamp) => Some(timestamp),
        Err(why) => {
            d.fault("TG0104", node.at, format!("invalid timestamp value {}: {why}", go_quote(&scalar.text)));
            None
        }
    }
}

fn test(d: &mut Decoder<'_>, node: &Node) -> Test {
    let object = d.object(node, &["name", "description", "skip", "skipReason", "options", "input", "expected"]);
    let input = if let Some(entry) = object.get("input") {
        d.field("input", entry, input)
    } else {
        d.require(&object, "input");
        Input::default()
    };
    Test {
        name: d.text(&object, "name", REQUIRED).value,
        description: d.text(&object, "description", ANY).value,
        skip: flag(d, &object, "skip"),
        skip_reason: d.text(&object, "skipReason", ANY).value,
        options: options(d, &object),
        input,
        expected: d.items(&object, "expected", true, expectation),
    }
}

fn input(d: &mut Decoder<'_>, entry: &Entry) -> Input {
    const FIELDS: &[&str] = &["principals", "principalGroups", "resources", "resourceGroups", "actions", "auxData"];
    let object = d.object(&entry.value, FIELDS);
    let at = entry.key.span;
    let fields = ["principals", "principalGroups"];
    require_one(d, &object, at, &fields, "principals or principalGroups must be present");
    let fields = ["resources", "resourceGroups"];
    require_one(d, &object, at, &fields, "resources or resourceGroups must be present");
    Input {
        principals: Selection {
            names: strings(d, &object, "principals", UNIQUE),
            groups: strings(d, &object, "principalGroups", UNIQUE),
        },
        resources: Selection {
            names: strings(d, &object, "resources", UNIQUE),
            groups: strings(d, &object, "resourceGroups", UNIQUE),
        },
        actions: strings(d, &object, "actions", SOME_UNIQUE),
        aux: d.text(&object, "auxData", ANY).value,
    }
}

fn expectation(d: &mut Decoder<'_>, node: &Node) -> Expectation {
    const FIELDS: &[&str] = &[
        "principal",
        "principals",
        "principalGroups",
        "resource",
        "resources",
        "resourceGroups",
        "actions",
        "outputs",
    ];
    let object = d.object(node, FIELDS);
    let fields = ["principal", "principals", "principalGroups"];
    require_one(d, &object, node.at, &fields, "principal, principals, or principalGroups must be present");
    let fields = ["resource", "resources", "resourceGroups"];
    require_one(d, &object, node.at, &fields, "resource, resources, or resourceGroups must be present");
    let fields = ["principal", "principals"];
    exclude(d, &object, node.at, fields, "principal and principals may not both be present");
    let fields = ["resource", "resources"];
    exclude(d, &object, node.at, fields, "resource and resources may not both be present");
    let one = |d: &mut Decoder<'_>, name| Some(d.text(&object, name, ANY).value).filter(|n| !n.is_empty());
    let mut principals = Selection {
        names: strings(d, &object, "principals", UNIQUE),
        groups: strings(d, &object, "principalGroups", UNIQUE),
    };
    principals.names.extend(one(d, "principal"));
    let mut resources = Selection {
        names: strings(d, &object, "resources", UNIQUE),
        groups: strings(d, &object, "resourceGroups", UNIQUE),
    };
    resources.names.extend(one(d, "resource"));
    Expectation {
        principals,
        resources,
        actions: effects(d, &object),
        outputs: d.items(&object, "outputs", false, outputs),
    }
}

fn effects(d: &mut Decoder<'_>, object: &Object<'_>) -> BTreeMap<String, bool> {
    const NAMES: &[(&str, i64)] =
        &[("EFFECT_UNSPECIFIED", 0), ("EFFECT_ALLOW", 1), ("EFFECT_DENY", 2), ("EFFECT_NO_MATCH", 3)];
    let Some(entry) = object.get("actions") else {
        d.require(object, "actions");
        return BTreeMap::new();
    };
    d.field("actions", entry, |d, entry| {
        let before = d.count();
        let effects: BTreeMap<String, bool> = d
            .map(&entry.value, |d, e| {
                if e.key.text.is_empty() {
                    d.violation("TG0204", e.value.at, "must be at least 1 characters");
                }
                let effect = d.enumeration(&e.value, NAMES);
                if effect.is_some_and(|n| !matches!(n, 1 | 2)) {
                    d.violation("TG0206", e.value.at, "must be one of [EFFECT_ALLOW, EFFECT_DENY]");
                }
                (e.key.text.clone(), effect == Some(1))
            })
            .into_iter()
            .collect();
        if effects.is_empty() && d.count() == before {
            d.violation("TG0201", entry.key.span, "value is required");
        }
        effects
    })
}

fn outputs(d: &mut Decoder<'_>, node: &Node) -> ExpectedOutputs {
    let object = d.object(node, &["action", "expected"]);
    ExpectedOutputs {
        action: d.text(&object, "action", REQUIRED).value,
        expected: d.items(&object, "expected", true, |d, node| {
            let object = d.object(node, &["src", "val"]);
            let src = d.text(&object, "src", ANY).value;
            let val = object.get("val").map(|e| d.field("val", e, |d, e| constant(d, &e.value)));
            (src, val.unwrap_or(crate::cel::value::Constant::Null))
        }),
    }
}
