//! An explanation for machines.

use serde_json::{Map, Value, json as value};

use super::{Explanation, Node, Step};

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
