//! `toolgate hook`: the client that coding agents run at their hooks, what installs it, and what checks that it blocks.

mod ask;
mod client;
mod doctor;
mod install;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(super) use client::BLOCKED;

use crate::protocols::hooks::Agent;

/// Arguments of `hook`.
#[derive(Debug, Args)]
pub(super) struct Hook {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Answer a hook of Claude Code or Grok
    ClaudeCode(client::Ask),
    /// Answer a hook of Codex
    Codex(client::Ask),
    /// Answer a hook of Cursor
    Cursor(client::Ask),
    /// Answer a hook of Gemini CLI
    Gemini(client::Ask),
    /// Answer a hook of GitHub Copilot
    Copilot(client::Ask),
    /// Write the hook into an agent's configuration
    Install(Box<install::Install>),
    /// Check that an agent's hook is there, and that it blocks
    Doctor(doctor::Doctor),
}

/// Runs what was asked for.
pub(super) fn run(hook: Hook) -> anyhow::Result<ExitCode> {
    Ok(match hook.what {
        What::Install(install) => return install::run(&install),
        What::Doctor(doctor) => return doctor::run(&doctor),
        What::ClaudeCode(ask) => client::run(Agent::ClaudeCode, &ask),
        What::Codex(ask) => client::run(Agent::Codex, &ask),
        What::Cursor(ask) => client::run(Agent::Cursor, &ask),
        What::Gemini(ask) => client::run(Agent::Gemini, &ask),
        What::Copilot(ask) => client::run(Agent::Copilot, &ask),
    })
}
