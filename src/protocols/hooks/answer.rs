//! A verdict → the one answer the agent takes for it at that event. Where there is no word for it, the answer is a
//! denial whose reason says so.

use crate::cel::value::{Map, Value};
use crate::wire::encode::Json;

use super::Agent;
use super::payload::{Call, Event};

/// What an agent is to be told.
#[derive(Clone, Debug)]
pub(super) enum Say<'a> {
    /// Nothing: its own rules decide.
    Nothing,
    /// The call may run, with other arguments if there are any, for this reason.
    Allow {
        /// Why.
        reason: &'a str,
        /// The arguments to make it with.
        arguments: Option<Map<'a>>,
    },
    /// The result may be seen like this.
    Result(Value<'a>),
    /// A person must be asked, for this reason.
    Ask(&'a str),
    /// The call may not run, or its result not be used, for this reason.
    Deny(&'a str),
}

/// The answer.
pub(super) fn answer(agent: Agent, call: &Call<'_>, say: &Say<'_>) -> Vec<u8> {
    match (agent, call.event) {
        (Agent::ClaudeCode | Agent::Codex, Event::Before) => before(agent, say),
        (Agent::ClaudeCode | Agent::Codex, Event::Permission) => permission(say),
        (Agent::ClaudeCode, Event::After) => after(say),
        (Agent::Cursor, _) => cursor(say),
        (Agent::Gemini, _) => gemini(say),
        (Agent::Copilot, _) => copilot(say),
        // There is no such event.
        (Agent::Codex, Event::After) => agent.denial("not an event that is answered"),
    }
}

fn object(fill: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut json = Json::default();
    json.object(fill);
    json.finish()
}

fn nothing() -> Vec<u8> {
    object(|_| {})
}

fn inner(event: &str, fill: impl FnOnce(&mut Json)) -> Vec<u8> {
    object(|json| {
        json.key("hookSpecificOutput");
        json.object(|json| {
            json.text("hookEventName", event);
            fill(json);
        });
    })
}

/// A member that holds arguments. These have a form: they came as JSON, or were checked when they were changed.
fn map(json: &mut Json, name: &str, map: Option<Map<'_>>) {
    if let Some(map) = map {
        json.key(name);
        if json.value(Value::Map(map)).is_err() {
            json.raw(b"null");
        }
    }
}

fn before(agent: Agent, say: &Say<'_>) -> Vec<u8> {
    let (decision, reason, arguments) = match say {
        Say::Nothing | Say::Result(_) => return nothing(),
        // Codex knows no plain allow, and takes one for no answer.
        Say::Allow { arguments: None, .. } if agent == Agent::Codex => return nothing(),
        Say::Allow { reason, arguments } => ("allow", *reason, *arguments),
        Say::Ask(reason) if agent == Agent::Codex => return agent.denial(reason),
        Say::Ask(reason) => ("ask", *reason, None),
        Say::Deny(reason) => return agent.denial(reason),
    };
    inner("PreToolUse", |json| {
        json.text("permissionDecision", decision);
        if agent != Agent::Codex {
            json.text("permissionDecisionReason", reason);
        }
        map(json, "updatedInput", arguments);
    })
}

fn permission(say: &Say<'_>) -> Vec<u8> {
    match say {
        // The prompt is what asks a person.
        Say::Nothing | Say::Ask(_) | Say::Result(_) => nothing(),
        Say::Allow { arguments, .. } => inner("PermissionRequest", |json| {
            json.key("decision");
            json.object(|json| {
                json.text("behavior", "allow");
                map(json, "updatedInput", *arguments);
            });
        }),
        Say::Deny(reason) => inner("PermissionRequest", |json| {
            json.key("decision");
            json.object(|json| {
                json.text("behavior", "deny");
                json.text("message", reason);
            });
        }),
    }
}

fn after(say: &Say<'_>) -> Vec<u8> {
    match say {
        Say::Nothing | Say::Allow { .. } | Say::Ask(_) => nothing(),
        Say::Result(value) => inner("PostToolUse", |json| {
            json.key("updatedToolOutput");
            if json.value(*value).is_err() {
                json.string("[redacted]");
            }
        }),
        Say::Deny(reason) => object(|json| {
            json.text("decision", "block");
            json.text("reason", reason);
            // What must not be used is not shown.
            json.key("hookSpecificOutput");
            json.object(|json| {
                json.text("hookEventName", "PostToolUse");
                json.text("updatedToolOutput", "[withheld]");
            });
        }),
    }
}

fn cursor(say: &Say<'_>) -> Vec<u8> {
    let (permission, reason, arguments) = match say {
        // An empty answer is a failure of the hook.
        Say::Nothing | Say::Result(_) => ("allow", "", None),
        Say::Allow { arguments, .. } => ("allow", "", *arguments),
        Say::Ask(reason) => ("ask", *reason, None),
        Say::Deny(reason) => return Agent::Cursor.denial(reason),
    };
    object(|json| {
        json.text("permission", permission);
        json.text("user_message", reason);
        json.text("agent_message", reason);
        map(json, "updated_input", arguments);
    })
}

fn gemini(say: &Say<'_>) -> Vec<u8> {
    match say {
        Say::Nothing | Say::Result(_) => nothing(),
        Say::Allow { arguments, .. } => object(|json| {
            json.text("decision", "allow");
            if arguments.is_some() {
                json.key("hookSpecificOutput");
                json.object(|json| map(json, "tool_input", *arguments));
            }
        }),
        Say::Ask(reason) | Say::Deny(reason) => Agent::Gemini.denial(reason),
    }
}

fn copilot(say: &Say<'_>) -> Vec<u8> {
    match say {
        Say::Nothing | Say::Result(_) => nothing(),
        Say::Allow { arguments, .. } => object(|json| {
            json.text("permissionDecision", "allow");
            map(json, "modifiedArgs", *arguments);
        }),
        Say::Ask(reason) => object(|json| {
            json.text("permissionDecision", "ask");
            json.text("permissionDecisionReason", reason);
        }),
        Say::Deny(reason) => Agent::Copilot.denial(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::hooks::accepts;
    use crate::wire::message::{Arguments, EMPTY};

    /// Every word at every event: the agent accepts it, and no denial is one that lets the call run.
    #[test]
    fn every_answer_is_one_the_agent_accepts() {
        let says = [
            Say::Nothing,
            Say::Allow { reason: "why", arguments: None },
            Say::Allow { reason: "why", arguments: Some(EMPTY) },
            Say::Ask("why"),
            Say::Deny("why"),
        ];
        for agent in Agent::ALL {
            for event in [Event::Before, Event::Permission, Event::After] {
                for say in &says {
                    let changed = matches!(say, Say::Allow { arguments: Some(_), .. });
                    if changed && (agent, event) == (Agent::Codex, Event::Permission) {
                        // Refused there, and never said: arguments cannot be changed at that event.
                        continue;
                    }
                    let call = Call {
                        event,
                        asks: true,
                        changes: true,
                        server: None,
                        name: "x",
                        arguments: Arguments::Absent,
                        call_id: "",
                        session: "",
                        context: Vec::new(),
                        response: None,
                    };
                    let text = String::from_utf8(answer(agent, &call, say)).unwrap();
                    assert_eq!(accepts(agent, text.as_bytes()), Ok(()), "{agent:?} {event:?} {say:?}: {text}");
                    if matches!(say, Say::Deny(_)) {
                        assert!(text.contains("deny") || text.contains("block"), "{agent:?} {event:?}: {text}");
                    }
                }
            }
        }
        let text = after(&Say::Result(Value::String("x")));
        assert_eq!(accepts(Agent::ClaudeCode, &text), Ok(()));
    }
}
