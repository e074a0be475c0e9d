//! Settings of the hooks of coding agents.

use std::time::Duration;

/// What stands before an agent's name in the kind of its own tools.
pub(in crate::protocols) const NATIVE: &str = "agent::";

/// Settings of the hooks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a call gets that no policy is about.
    pub no_opinion: NoOpinion,
    /// What a call gets that policy allows.
    pub on_allow: OnAllow,
    /// Claude Code asks about results too: an allow may oblige to redact them.
    pub results: bool,
    /// Names of the MCP servers of agents that do not tell them: the URL or command a server goes by, and its name.
    pub servers: Vec<(String, String)>,
    /// How long a question may take to arrive.
    pub deadline: Duration,
}

/// What a call gets that no policy is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOpinion {
    /// A denial.
    Deny,
    /// No answer: the agent's own rules decide, which may let it run.
    Pass,
}

/// What a call gets that policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAllow {
    /// It runs, and the agent does not ask its user.
    Allow,
    /// No answer: the agent's own rules decide, and may ask.
    Pass,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            no_opinion: NoOpinion::Deny,
            on_allow: OnAllow::Allow,
            results: false,
            servers: Vec::new(),
            deadline: Duration::from_secs(1),
        }
    }
}
