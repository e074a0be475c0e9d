//! An explanation as the message of the API (`toolgate.v1.Explanation`).

use super::{Explanation, Nearest, Node, Step};
use crate::proto::toolgate::v1::{Explanation as Message, explanation as part};

/// The explanation as a message.
#[must_use]
pub fn message(e: &Explanation) -> Message {
    Message {
        asker: e.asker.clone(),
        principal: e.principal.clone(),
        roles: e.roles.clone(),
        kind: e.kind.clone(),
        action: e.action.clone(),
        effect: if e.allowed { "EFFECT_ALLOW" } else { "EFFECT_DENY" }.to_owned(),
        policy: e.policy.clone(),
        reason: e.reason.clone(),
        steps: e.steps.iter().map(step).collect(),
        nearest: e.nearest.as_ref().map(nearest),
    }
}

fn step(s: &Step) -> part::Step {
    part::Step {
        what: s.what.clone().into_owned(),
        name: s.name.clone(),
        policy: s.policy.clone(),
        location: s.place.clone(),
        outcome: s.outcome.clone(),
        decides: s.decides,
        condition: s.condition.as_ref().map(node),
    }
}

/// Recursive: conditions are as deep as policy files may be.
fn node(n: &Node) -> part::Node {
    part::Node {
        text: n.text.clone(),
        result: n.result.clone(),
        values: n.values.iter().cloned().collect(),
        operands: n.operands.iter().map(node).collect(),
    }
}

fn nearest(n: &Nearest) -> part::Nearest {
    part::Nearest { rule: n.rule.clone(), location: n.place.clone(), lacks: n.lacks.clone() }
}
