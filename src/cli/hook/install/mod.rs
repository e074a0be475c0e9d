//! `toolgate hook install`: the hook in the agent's own configuration file.

pub(super) mod entry;
pub(super) mod merge;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::client::{Ask, PATIENCE, SERVER};
use crate::cli::client::here;
use crate::cli::{err, out};
use crate::config::Address;
use crate::protocols::hooks::Agent;
use crate::wire::json;
use crate::wire::limits::Limits;
use entry::{How, Wanted, entries, quoted};

/// Arguments of `hook install`.
#[derive(Debug, Args)]
pub(super) struct Install {
    /// The agent
    #[arg(value_parser = agent)]
    agent: Agent,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    ask: Ask,
    /// The program to run [default: this one]
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Claude Code posts to the server itself; `--server` is a port then
    #[arg(long)]
    http: bool,
    /// With `--http`: the environment variable that holds the token
    #[arg(long, value_name = "NAME", requires = "http")]
    token_env: Option<String>,
    /// Answer permission prompts too (Claude Code, Codex): what policy allows is approved
    #[arg(long)]
    approvals: bool,
    /// Look at results too (Claude Code)
    #[arg(long)]
    results: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Which configuration.
#[derive(Clone, Debug, Args)]
pub(super) struct Place {
    /// The configuration of this project directory instead of the user's
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    project: Option<PathBuf>,
    /// This configuration file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The agent of a name.
pub(super) fn agent(name: &str) -> Result<Agent, String> {
    let all: Vec<&str> = Agent::ALL.iter().map(|a| a.name()).collect();
    Agent::named(name).ok_or_else(|| format!("expected one of {}", all.join(", ")))
}

impl Place {
    /// The file where an agent looks.
    pub(super) fn of(&self, agent: Agent) -> anyhow::Result<PathBuf> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let (user, project) = match agent {
            Agent::ClaudeCode => (".claude/settings.json", ".claude/settings.json"),
            Agent::Codex => (".codex/hooks.json", ".codex/hooks.json"),
            Agent::Cursor => (".cursor/hooks.json", ".cursor/hooks.json"),
            Agent::Gemini => (".gemini/settings.json", ".gemini/settings.json"),
            Agent::Copilot => (".copilot/hooks/toolgate.json", ".github/hooks/toolgate.json"),
        };
        if let Some(directory) = &self.project {
            return Ok(directory.join(project));
        }
        let home = std::env::home_dir().filter(|h| h.is_absolute()).context("there is no home directory")?;
        Ok(home.join(user))
    }
}

pub(super) fn run(install: &Install) -> anyhow::Result<ExitCode> {
    let wanted = install.wanted()?;
    let file = install.place.of(install.agent)?;
    // What a link leads to is what is changed.
    let file = fs::canonicalize(&file).unwrap_or(file);
    let before = read(&file)?;
    let mut config = parse(before.as_deref().unwrap_or(""), &file)?;
    let refuse = || format!("`{}` is left as it is", file.display());
    merge::merge(&mut config, install.agent, entries(&wanted)).with_context(refuse)?;
    let after = format!("{config:#}\n");
    let before = before.unwrap_or_default();
    // A file of the same meaning is not laid out anew.
    if parse(&before, &file).is_ok_and(|old| old == config) && !before.is_empty() {
        out(&format!("{}: nothing to change", file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    if install.dry_run {
        out(&diff(&before, &after, &file));
        return Ok(ExitCode::SUCCESS);
    }
    write(&file, &after).with_context(|| format!("cannot write `{}`", file.display()))?;
    out(&format!("{}: written", file.display()));
    for line in notes(install.agent) {
        out(line);
    }
    if !wanted_program_exists(&wanted) {
        err("warning: the program of this hook does not exist; the agent may let calls run until it does");
    }
    out(&format!("next: toolgate hook doctor {}", install.agent.name()));
    Ok(ExitCode::SUCCESS)
}

/// What else an agent needs.
fn notes(agent: Agent) -> &'static [&'static str] {
    match agent {
        Agent::Codex => &["Codex asks once whether this hook is trusted: say yes, or it does not run."],
        Agent::ClaudeCode => &["`onFailure: \"block\"` needs Claude Code 2.1.295 or newer; restart running sessions."],
        Agent::Cursor | Agent::Gemini | Agent::Copilot => &[],
    }
}

impl Install {
    fn wanted(&self) -> anyhow::Result<Wanted> {
        let how = if self.http {
            anyhow::ensure!(self.agent == Agent::ClaudeCode, "only Claude Code has hooks that post by themselves");
            let Address::Tcp { host, port } = &self.ask.server else {
                anyhow::bail!("`--http` needs a port: `--server 127.0.0.1:3592`");
            };
            let url = Address::Tcp { host: here(host).to_owned(), port: *port };
            let url = format!("http://{url}{}", self.agent.path());
            How::Http { url, token: self.token_env.clone() }
        } else {
            How::Command(self.command()?)
        };
        let (approvals, results) = (self.approvals, self.results);
        Ok(Wanted { agent: self.agent, how, patience: self.ask.timeout, approvals, results })
    }

    fn command(&self) -> anyhow::Result<String> {
        let program = match &self.binary {
            Some(file) => std::path::absolute(file)?,
            None => std::env::current_exe().context("cannot tell where this program is")?,
        };
        let program = program.to_str().context("the path of the program is not UTF-8")?;
        let mut command = format!("{} hook {}", quoted(program), self.agent.name());
        let server = self.ask.server.to_string();
        if server != SERVER {
            command.push_str(" --server ");
            command.push_str(&quoted(&server));
        }
        if let Some(file) = &self.ask.token_file {
            let file = std::path::absolute(file)?;
            command.push_str(" --token-file ");
            command.push_str(&quoted(file.to_str().context("a path is not UTF-8")?));
        }
        let timeout = format!("{:?}", self.ask.timeout);
        if timeout != PATIENCE {
            command.push_str(" --timeout ");
            command.push_str(&timeout);
        }
        Ok(command)
    }
}

fn wanted_program_exists(wanted: &Wanted) -> bool {
    match &wanted.how {
        How::Http { .. } => true,
        How::Command(command) => {
            entry::words(command).and_then(|w| w.first().map(|program| Path::new(program).is_file())).unwrap_or(false)
        }
    }
}

/// The text of a file; none if there is none.
pub(super) fn read(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("cannot read `{}`", file.display())),
    }
}

/// The JSON of a file; an empty one is an empty object.
pub(super) fn parse(text: &str, file: &Path) -> anyhow::Result<Value> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let bump = bumpalo::Bump::new();
    // A member that stands twice would be lost.
    json::value(text.as_bytes(), &bump, Limits::default())
        .map_err(|e| anyhow::anyhow!("`{}` cannot be read, and is left as it is: {}", file.display(), e.located()))?;
    serde_json::from_str(text).with_context(|| format!("`{}` is not JSON, and is left as it is", file.display()))
}

/// Beside it, then over it, with the permissions it had.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let directory = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let beside = directory.join(name);
    let done = (|| {
        let mut new = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        if let Ok(old) = fs::metadata(file) {
            fs::set_permissions(&beside, old.permissions())?;
        }
        fs::rename(&beside, file)
    })();
    if done.is_err() {
        // What was begun is not left behind; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    done
}

/// What would change, as `diff -u` shows it.
fn diff(before: &str, after: &str, file: &Path) -> String {
    let name = file.display().to_string();
    similar::TextDiff::from_lines(before, after).unified_diff().header(&name, &name).to_string().trim_end().to_owned()
}
