//! The answers each agent accepts, as tables: what is not in them an agent may take for no answer at all, and let the
//! call run. Whoever hands an answer to an agent holds it against these first.
//!
//! Sources: the agents' hook schemas and parsers (Codex refuses unknown members, empty reasons, `ask`, and `allow`
//! without `updatedInput`; Cursor with `failClosed` takes empty output for a failure).

use serde_json::{Map, Value};

use super::Agent;

/// What a member may hold.
enum Rule {
    /// A text that is not empty.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Any object.
    AnyObject,
    /// Anything.
    Anything,
    /// An object of these members and no others.
    Object(&'static [Member]),
}

/// A member of an object.
struct Member {
    name: &'static str,
    rule: Rule,
    needed: bool,
}

const fn needs(name: &'static str, rule: Rule) -> Member {
    Member { name, rule, needed: true }
}

const fn may(name: &'static str, rule: Rule) -> Member {
    Member { name, rule, needed: false }
}

/// An answer: one object of these members.
type Shape = &'static [Member];

const NOTHING: Shape = &[];

const CLAUDE_CODE: &[Shape] = &[
    NOTHING,
    &[needs(
        "hookSpecificOutput",
        Rule::Object(&[
            needs("hookEventName", Rule::OneOf(&["PreToolUse"])),
            needs("permissionDecision", Rule::OneOf(&["allow", "deny", "ask"])),
            needs("permissionDecisionReason", Rule::Text),
            may("updatedInput", Rule::AnyObject),
            may("additionalContext", Rule::Text),
        ]),
    )],
    &[needs(
        "hookSpecificOutput",
        Rule::Object(&[
            needs("hookEventName", Rule::OneOf(&["PermissionRequest"])),
            needs(
                "decision",
                Rule::Object(&[needs("behavior", Rule::OneOf(&["allow"])), may("updatedInput", Rule::AnyObject)]),
            ),
        ]),
    )],
    &[needs(
        "hookSpecificOutput",
        Rule::Object(&[
            needs("hookEventName", Rule::OneOf(&["PermissionRequest"])),
            needs("decision", Rule::Object(&[needs("behavior", Rule::OneOf(&["deny"])), needs("message", Rule::Text)])),
        ]),
    )],
    &[
        needs("decision", Rule::OneOf(&["block"])),
        needs("reason", Rule::Text),
        may("hookSpecificOutput", POST_TOOL_USE),
    ],
    &[needs("hookSpecificOutput", POST_TOOL_USE)],
];

const POST_TOOL_USE: Rule = Rule::Object(&[
    needs("hookEventName", Rule::OneOf(&["PostToolUse"])),
    may("updatedToolOutput", Rule::Anything),
    may("additionalContext", Rule::Text),
]);

const CODEX: &[Shape] = &[
    NOTHING,
    &[needs(
        "hookSpecificOutput",
        Rule::Object(&[
            needs("hookEventName", Rule::OneOf(&["PreToolUse"])),
            needs("permissionDecision", Rule::OneOf(&["deny"])),
            needs("permissionDecisionReason", Rule::Text),
        ]),
    )],
    &[needs(
        "hookSpecificOutput",
        Rule::Object(&[
            needs("hookEventName", Rule::OneOf(&["PreToolUse"])),
            needs("permissionDecision", Rule::OneOf(&["allow"])),
            needs("updatedInput", Rule::AnyObject),
        ]),
    )],
    &[needs(
        "hookSpecificOutput",
        Rule::Object(&[
            needs("hookEventName", Rule::OneOf(&["PermissionRequest"])),
            needs(
                "decision",
                Rule::Object(&[needs("behavior", Rule::OneOf(&["allow", "deny"])), may("message", Rule::Text)]),
            ),
        ]),
    )],
];

const CURSOR: &[Shape] = &[
    &[needs("permission", Rule::OneOf(&["allow"])), may("updated_input", Rule::AnyObject)],
    &[
        needs("permission", Rule::OneOf(&["deny", "ask"])),
        needs("user_message", Rule::Text),
        needs("agent_message", Rule::Text),
    ],
];

const GEMINI: &[Shape] = &[
    NOTHING,
    &[
        needs("decision", Rule::OneOf(&["allow"])),
        may("hookSpecificOutput", Rule::Object(&[needs("tool_input", Rule::AnyObject)])),
    ],
    &[needs("decision", Rule::OneOf(&["deny"])), needs("reason", Rule::Text)],
];

const COPILOT: &[Shape] = &[
    NOTHING,
    &[needs("permissionDecision", Rule::OneOf(&["allow"])), may("modifiedArgs", Rule::AnyObject)],
    &[needs("permissionDecision", Rule::OneOf(&["deny", "ask"])), needs("permissionDecisionReason", Rule::Text)],
];

fn shapes(agent: Agent) -> &'static [Shape] {
    match agent {
        Agent::ClaudeCode => CLAUDE_CODE,
        Agent::Codex => CODEX,
        Agent::Cursor => CURSOR,
        Agent::Gemini => GEMINI,
        Agent::Copilot => COPILOT,
    }
}

/// Why an answer is not handed to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Not JSON.
    #[error("the server's answer is not JSON")]
    NotJson,
    /// Not one of the shapes.
    #[error("the server's answer is none that the agent accepts")]
    Unknown,
}

/// Whether an agent takes an answer for what it means.
///
/// # Errors
/// If it may take it for something else.
pub fn accepts(agent: Agent, answer: &[u8]) -> Result<(), Misfit> {
    let Ok(value) = serde_json::from_slice::<Value>(answer) else { return Err(Misfit::NotJson) };
    let Value::Object(members) = &value else { return Err(Misfit::Unknown) };
    if shapes(agent).iter().any(|shape| fits(members, shape)) { Ok(()) } else { Err(Misfit::Unknown) }
}

fn fits(members: &Map<String, Value>, shape: Shape) -> bool {
    shape.iter().all(|m| members.get(m.name).map_or(!m.needed, |value| holds(value, &m.rule)))
        && members.keys().all(|name| shape.iter().any(|m| m.name == name))
}

fn holds(value: &Value, rule: &Rule) -> bool {
    match (rule, value) {
        (Rule::Text, Value::String(text)) => !text.trim().is_empty(),
        (Rule::OneOf(all), Value::String(text)) => all.contains(&text.as_str()),
        (Rule::AnyObject, Value::Object(_)) | (Rule::Anything, _) => true,
        (Rule::Object(shape), Value::Object(members)) => fits(members, shape),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_a_call_run_by_mistake_is_refused() {
        let cases: &[(Agent, &str, bool)] = &[
            (Agent::ClaudeCode, "{}", true),
            (Agent::ClaudeCode, "", false),
            (Agent::ClaudeCode, "[]", false),
            (Agent::ClaudeCode, "null", false),
            // Flat members are ignored by the agent.
            (Agent::ClaudeCode, r#"{"permissionDecision":"deny","permissionDecisionReason":"x"}"#, false),
            (Agent::ClaudeCode, r#"{"decision":"block","reason":"x"}"#, true),
            (Agent::ClaudeCode, r#"{"decision":"block"}"#, false),
            (
                Agent::ClaudeCode,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"x"}}"#,
                true,
            ),
            (
                Agent::ClaudeCode,
                r#"{"hookSpecificOutput":{"permissionDecision":"deny","permissionDecisionReason":"x"}}"#,
                false,
            ),
            (
                Agent::Codex,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"x"}}"#,
                true,
            ),
            (
                Agent::Codex,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":" "}}"#,
                false,
            ),
            (
                Agent::Codex,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"x"}}"#,
                false,
            ),
            (
                Agent::Codex,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow"}}"#,
                false,
            ),
            (
                Agent::Codex,
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"x","more":1}}"#,
                false,
            ),
            (Agent::Codex, r#"{"continue":false}"#, false),
            (Agent::Codex, r#"{"suppressOutput":true}"#, false),
            (Agent::Cursor, "{}", false),
            (Agent::Cursor, r#"{"permission":"allow"}"#, true),
            (Agent::Cursor, r#"{"permission":"deny"}"#, false),
            (Agent::Cursor, r#"{"permission":"Deny","user_message":"x","agent_message":"x"}"#, false),
            (Agent::Gemini, r#"{"decision":"ask","reason":"x"}"#, false),
            (Agent::Gemini, r#"{"decision":"deny","reason":"x"}"#, true),
            (Agent::Copilot, r#"{"permissionDecision":"ask","permissionDecisionReason":"x"}"#, true),
            (Agent::Copilot, r#"{"permissionDecision":"defer"}"#, false),
        ];
        for (agent, answer, good) in cases {
            assert_eq!(accepts(*agent, answer.as_bytes()).is_ok(), *good, "{agent:?} {answer}");
        }
    }
}
