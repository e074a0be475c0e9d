//! The coding agents whose hooks are answered, and how each is told that a call may not run when nothing else can be
//! said any more. Knows no payload.

use crate::wire::encode::Json;

/// A coding agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Agent {
    /// Claude Code; Grok reads the same hooks.
    ClaudeCode,
    /// OpenAI Codex.
    Codex,
    /// Cursor.
    Cursor,
    /// Gemini CLI.
    Gemini,
    /// GitHub Copilot.
    Copilot,
}

/// How a call is blocked when there is no answer to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Exit code 2 and the reason on standard error; every other exit code lets the call run.
    Exit,
    /// The agent's own words on standard output and exit code 0: it treats an exit code as a defect of the hook, which
    /// blocks too but hides the reason.
    Answer,
}

impl Agent {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::ClaudeCode, Self::Codex, Self::Cursor, Self::Gemini, Self::Copilot];

    /// The name on the command line, in paths and in kinds of resources.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Cursor => "cursor",
            Self::Gemini => "gemini",
            Self::Copilot => "copilot",
        }
    }

    /// The agent of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agent| agent.name() == name)
    }

    /// Where the server answers its hooks.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ClaudeCode => "/v1/hooks/claude-code",
            Self::Codex => "/v1/hooks/codex",
            Self::Cursor => "/v1/hooks/cursor",
            Self::Gemini => "/v1/hooks/gemini",
            Self::Copilot => "/v1/hooks/copilot",
        }
    }

    /// How a call is blocked when the server cannot be asked.
    #[must_use]
    pub fn block(self) -> Block {
        match self {
            Self::ClaudeCode | Self::Codex | Self::Gemini => Block::Exit,
            Self::Cursor | Self::Copilot => Block::Answer,
        }
    }

    /// The answer that blocks a call before it runs, whatever the event was if it is not known.
    #[must_use]
    pub fn denial(self, reason: &str) -> Vec<u8> {
        let reason = if reason.is_empty() { "denied" } else { reason };
        let mut json = Json::default();
        json.object(|json| match self {
            Self::ClaudeCode | Self::Codex => {
                json.key("hookSpecificOutput");
                json.object(|json| {
                    json.text("hookEventName", "PreToolUse");
                    json.text("permissionDecision", "deny");
                    json.text("permissionDecisionReason", reason);
                });
            }
            Self::Cursor => {
                json.text("permission", "deny");
                json.text("user_message", reason);
                json.text("agent_message", reason);
            }
            Self::Gemini => {
                json.text("decision", "deny");
                json.text("reason", reason);
            }
            Self::Copilot => {
                json.text("permissionDecision", "deny");
                json.text("permissionDecisionReason", reason);
            }
        });
        json.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_denials_are_what_the_agent_accepts() {
        for agent in Agent::ALL {
            assert_eq!(Agent::named(agent.name()), Some(agent));
            assert_eq!(agent.path(), format!("/v1/hooks/{}", agent.name()));
            for reason in ["why", ""] {
                let denial = agent.denial(reason);
                assert_eq!(super::super::shape::accepts(agent, &denial), Ok(()), "{agent:?}");
            }
        }
        assert_eq!(Agent::named("Codex"), None);
    }
}
