//! `toolgate hook <agent>`: reads a hook's JSON on standard input, asks the server, and prints exactly what the agent
//! accepts. Whatever goes wrong, in here or at the server, blocks the call in the agent's own way.

use std::io::{Read, Write};
use std::panic::Location;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use super::ask::post;
use crate::cli::healthcheck::duration;
use crate::config::Address;
use crate::protocols::hooks::{Agent, Block, accepts};

/// Where the server is expected.
pub(super) const SERVER: &str = "unix:/run/toolgate/hooks.sock";
/// How long a question may take. The hooks that `install` writes wait longer.
pub(super) const PATIENCE: &str = "3s";
/// How long an answer may take to be written once the time is up.
const WRITE: Duration = Duration::from_secs(1);
/// Largest question.
const QUESTION: u64 = 16 << 20;
/// The exit code that blocks; every other one lets the call run, in most agents.
pub(in crate::cli) const BLOCKED: u8 = 2;

/// How to ask.
#[derive(Clone, Debug, Args)]
pub(super) struct Ask {
    /// Where the server listens: `unix:/path`, or `host:port` on this machine
    #[arg(long, value_name = "ADDRESS", default_value = SERVER, value_parser = local)]
    pub(super) server: Address,
    /// File with the token that says who asks, where the socket does not
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<std::path::PathBuf>,
    /// How long to wait for everything together; keep it below the time-out of the hook
    #[arg(long, value_name = "DURATION", default_value = PATIENCE, value_parser = duration)]
    pub(super) timeout: Duration,
}

/// An address on this machine: what is asked and answered is not protected.
pub(super) fn local(text: &str) -> Result<Address, String> {
    let address = Address::parse(text)?;
    if address.is_local() { Ok(address) } else { Err(format!("`{address}` is not on this machine")) }
}

/// Answers one hook.
pub(super) fn run(agent: Agent, ask: &Ask) -> ExitCode {
    let voice = Arc::new(Voice { agent, used: AtomicBool::new(false) });
    block_panics(&voice);
    watch(&voice, ask.timeout);
    match answer(agent, ask) {
        Ok(answer) => voice.answer(&answer),
        Err(reason) => voice.block(&reason),
    }
}

fn answer(agent: Agent, ask: &Ask) -> Result<Vec<u8>, String> {
    let mut question = Vec::with_capacity(4096);
    let read = std::io::stdin().lock().take(QUESTION + 1).read_to_end(&mut question);
    read.map_err(|e| format!("the hook's input cannot be read: {e}"))?;
    if question.len() as u64 > QUESTION {
        return Err(format!("the hook's input is larger than {} MiB", QUESTION >> 20));
    }
    let token = match &ask.token_file {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|e| format!("cannot read the token in `{}`: {e}", file.display()))?;
            let token = text.trim().to_owned();
            if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(format!("there is no token in `{}`", file.display()));
            }
            Some(token)
        }
    };
    let answer = post(&ask.server, agent.path(), token.as_deref(), &question).map_err(|e| e.to_string())?;
    accepts(agent, &answer).map_err(|e| e.to_string())?;
    Ok(answer)
}

/// What is said to the agent: once, by whoever comes first, be it the answer, the clock or a panic.
struct Voice {
    agent: Agent,
    used: AtomicBool,
}

impl Voice {
    /// True for the first who asks.
    fn take(&self) -> bool {
        !self.used.swap(true, Ordering::SeqCst)
    }

    /// Waits for the end of the process, which whoever speaks brings about.
    fn yield_to_other(&self) -> ! {
        loop {
            std::thread::park();
        }
    }

    fn answer(&self, answer: &[u8]) -> ExitCode {
        if !self.take() {
            self.yield_to_other();
        }
        match print(answer) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => ExitCode::from(complain(&format!("the answer cannot be written: {e}"))),
        }
    }

    fn block(&self, reason: &str) -> ExitCode {
        if !self.take() {
            self.yield_to_other();
        }
        ExitCode::from(self.say_blocked(reason))
    }

    /// Blocks the call; gives the exit code.
    fn say_blocked(&self, reason: &str) -> u8 {
        let reason = format!("toolgate: {reason}; the call is blocked");
        if self.agent.block() == Block::Answer && print(&self.agent.denial(&reason)).is_ok() {
            return 0;
        }
        complain(&reason)
    }
}

fn print(answer: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(answer)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn complain(reason: &str) -> u8 {
    let _ = writeln!(std::io::stderr(), "{reason}");
    BLOCKED
}

/// Blocks when the time is up, whatever is waited for: input, the server, or a full pipe.
fn watch(voice: &Arc<Voice>, patience: Duration) {
    let watched = Arc::clone(voice);
    let clock = move || {
        std::thread::sleep(patience);
        if watched.take() {
            std::process::exit(i32::from(watched.say_blocked(&format!("no answer within {patience:?}"))));
        }
        // An answer is being written. Whoever does not take it gets none.
        std::thread::sleep(WRITE);
        std::process::exit(i32::from(BLOCKED));
    };
    if std::thread::Builder::new().stack_size(64 << 10).spawn(clock).is_err() {
        std::process::exit(i32::from(voice.say_blocked("no thread can be started")));
    }
}

/// A panic would end with an exit code that lets the call run.
fn block_panics(voice: &Arc<Voice>) {
    let voice = Arc::clone(voice);
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(Location::to_string).unwrap_or_default();
        let reason = format!("a defect of toolgate at {place}");
        let code = if voice.take() { voice.say_blocked(&reason) } else { complain(&reason) };
        std::process::exit(i32::from(code));
    }));
}
