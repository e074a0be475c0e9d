//! Servers as processes of their own, held to one core: started, watched, and ended with the value that stands for
//! them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use crate::echo;

/// Core of the servers, and of the client.
const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;

/// Holds this process, which is the client, to its core.
pub fn hold_client() -> anyhow::Result<()> {
    // SAFETY: the set is plain data, initialised by the macros meant for it.
    let done = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(CLIENT_CORE, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    anyhow::ensure!(done == 0, "this needs two cores: {}", std::io::Error::last_os_error());
    Ok(())
}

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Ours, with its own semantics or with the reference's.
    Toolgate { compat: bool },
    /// The reference.
    Cerbos,
}

/// The executables.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub toolgate: PathBuf,
    pub cerbos: PathBuf,
}

/// A running server.
pub struct Server {
    child: Child,
    pub name: String,
    pub http: String,
    pub grpc: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free() -> anyhow::Result<String> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    Ok(format!("127.0.0.1:{port}"))
}

/// Ends with us, and runs on the servers' core.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &SERVER_CORE.to_string()]).arg(program);
    command
}

impl Server {
    /// Starts a PDP on a directory of policies; it may not be ready yet.
    pub fn start(program: Program, binaries: &Binaries, policies: &Path, work: &Path) -> anyhow::Result<Self> {
        let (http, grpc) = (free()?, free()?);
        let config = json!({
            "server": {"httpListenAddr": http, "grpcListenAddr": grpc},
            "storage": {"driver": "disk", "disk": {"directory": policies, "watchForChanges": false}},
        });
        let name = match program {
            Program::Toolgate { compat: false } => "toolgate",
            Program::Toolgate { compat: true } => "toolgate --compat cerbos",
            Program::Cerbos => "cerbos",
        };
        let file = work.join(format!("{}.yaml", grpc.replace([':', '.'], "_")));
        fs::write(&file, config.to_string())?;
        let mut command = match program {
            Program::Toolgate { compat } => {
                let mut command = pinned(&binaries.toolgate);
                command.args(["serve", "--log-level=warn"]);
                if compat {
                    command.args(["--compat", "cerbos"]);
                }
                command
            }
            Program::Cerbos => {
                let mut command = pinned(&binaries.cerbos);
                command.args(["server", "--log-level=error"]).env("CERBOS_NO_TELEMETRY", "1");
                command
            }
        };
        let log = File::create(file.with_extension("log"))?;
        command.arg("--config").arg(&file).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.into(), http, grpc })
    }

    /// Starts an echo server.
    pub fn echo(kind: echo::Kind, current_thread: bool) -> anyhow::Result<Self> {
        let grpc = free()?;
        let mut command = pinned(&std::env::current_exe()?);
        let text = match kind {
            echo::Kind::Tonic => "tonic",
            echo::Kind::H2 => "h2",
        };
        command.args(["echo", text, &grpc]);
        if current_thread {
            command.arg("--current-thread");
        }
        let child = command.stdin(Stdio::null()).spawn()?;
        Ok(Self { child, name: format!("echo ({text})"), http: grpc.clone(), grpc })
    }

    /// Waits until somebody listens.
    pub fn ready(mut self, limit: Duration) -> anyhow::Result<Self> {
        let end = Instant::now() + limit;
        loop {
            if std::net::TcpStream::connect(&self.grpc).is_ok() && std::net::TcpStream::connect(&self.http).is_ok() {
                return Ok(self);
            }
            anyhow::ensure!(self.child.try_wait()?.is_none(), "{} ended: see its log", self.name);
            anyhow::ensure!(Instant::now() < end, "{} does not listen after {limit:?}", self.name);
            // Readiness of another process can only be polled.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Processor time so far, of all its threads.
    pub fn cpu(&self) -> Duration {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.child.id())) else { return Duration::ZERO };
        let nanos = tasks.flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
    }
}
