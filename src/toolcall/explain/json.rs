//! An explanation as JSON: written, and read again from a server's answer.

use serde_json::{Map, Value, json as value};

use super::{Explanation, Nearest, Node, Step};

/// The explanation as JSON.
#[must_use]
pub fn json(e: &Explanation) -> Value {
    let nearest = e.nearest.as_ref().map(|n| value!({ "rule": n.rule, "location": n.place, "lacks": n.lacks }));
    value!({
        "asker": e.asker, "principal": e.principal, "roles": e.roles, "kind": e.kind, "action": e.action,
        "effect": if e.allowed { "EFFECT_ALLOW" } else { "EFFECT_DENY" },
        "policy": e.policy, "reason": e.reason,
        "steps": e.steps.iter().map(step).collect::<Vec<_>>(),
        "nearest": nearest,
    })
}

fn step(step: &Step) -> Value {
    value!({
        "what": step.what, "name": step.name, "policy": step.policy, "location": step.place,
        "outcome": step.outcome, "decides": step.decides, "condition": step.condition.as_ref().map(node),
    })
}

fn node(n: &Node) -> Value {
    let values: Map<String, Value> =
        n.values.iter().map(|(path, shown)| (path.clone(), Value::String(shown.clone()))).collect();
    value!({
        "text": n.text, "result": n.result, "values": values,
        "operands": n.operands.iter().map(node).collect::<Vec<_>>(),
    })
}

/// An explanation that came as JSON; what is missing reads as empty.
#[must_use]
pub fn read(e: &Value) -> Explanation {
    Explanation {
        asker: text(e, "asker"),
        principal: text(e, "principal"),
        roles: texts(e, "roles"),
        kind: text(e, "kind"),
        action: text(e, "action"),
        allowed: text(e, "effect") == "EFFECT_ALLOW",
        policy: text(e, "policy"),
        reason: text(e, "reason"),
        steps: items(e, "steps").map(read_step).collect(),
        nearest: e.get("nearest").filter(|n| n.is_object()).map(|n| Nearest {
            rule: text(n, "rule"),
            place: text(n, "location"),
            lacks: texts(n, "lacks"),
        }),
    }
}

fn read_step(s: &Value) -> Step {
    Step {
        what: text(s, "what").into(),
        name: text(s, "name"),
        policy: text(s, "policy"),
        place: text(s, "location"),
        outcome: text(s, "outcome"),
        decides: s.get("decides").and_then(Value::as_bool).unwrap_or_default(),
        condition: s.get("condition").filter(|n| n.is_object()).map(read_node),
    }
}

/// Recursive: `serde_json` bounds how deep an answer may be.
fn read_node(n: &Value) -> Node {
    let values = n.get("values").and_then(Value::as_object).into_iter().flatten();
    let result = text(n, "result");
    Node {
        text: text(n, "text"),
        holds: result == "true",
        result,
        values: values.map(|(path, shown)| (path.clone(), shown.as_str().unwrap_or_default().to_owned())).collect(),
        operands: items(n, "operands").map(read_node).collect(),
    }
}

fn text(of: &Value, key: &str) -> String {
    of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn items<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts(of: &Value, key: &str) -> Vec<String> {
    items(of, key).filter_map(Value::as_str).map(str::to_owned).collect()
}
