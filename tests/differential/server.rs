//! Starts and stops the two servers under comparison. A server never outlives its [`Server`] value, nor (where
//! `setpriv` exists) the process that started it. Knows nothing of policies.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::http::{Address, Client};

/// Longest time a server may take to start or to give up: long, as a run may have the lowest priority.
const START_LIMIT: Duration = Duration::from_secs(600);
const SETPRIV: &str = "/usr/bin/setpriv";

/// Which program a side runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The reference.
    Cerbos,
    /// Ours, in compatibility mode.
    Toolgate,
}

/// One side of the comparison.
#[derive(Clone, Debug)]
pub struct Side {
    /// Name in reports and of its files.
    pub name: &'static str,
    /// Executable.
    pub binary: PathBuf,
    /// Command line to use.
    pub flavour: Flavour,
    /// `engine.strictEvaluation`.
    pub strict: bool,
    /// Listen on a loopback port instead of a socket file.
    pub tcp: bool,
}

/// Why a server did not start.
#[derive(Clone, Debug)]
pub enum StartError {
    /// It read the store and refused it: the text it printed.
    Refused(String),
    /// It could not be run or never answered: a fault of the set-up, not of the store.
    Broken(String),
}

/// A running server.
pub struct Server {
    child: Child,
    /// Connection for requests.
    pub client: Client,
}

impl Server {
    /// Processor time it has used so far, in seconds, where the system tells.
    pub fn cpu(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after = text.rsplit(')').next().unwrap_or_default();
        let field = |n: usize| after.split_ascii_whitespace().nth(n).and_then(|f| f.parse::<f64>().ok());
        // User and system time in clock ticks, of which Linux counts 100 a second.
        (field(11).unwrap_or_default() + field(12).unwrap_or_default()) / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broken(what: &str, error: &io::Error) -> StartError {
    StartError::Broken(format!("{what}: {error}"))
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A server that was started and may or may not come up.
pub struct Starting {
    server: Server,
    name: &'static str,
    log: PathBuf,
}

impl Starting {
    /// Waits until the server answers or gives up.
    pub fn ready(mut self) -> Result<Server, StartError> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if let Ok(Some(_)) = self.server.child.try_wait() {
                return Err(StartError::Refused(fs::read_to_string(&self.log).unwrap_or_default()));
            }
            if let Ok(reply) = self.server.client.send("GET", "/_cerbos/health", b"")
                && reply.status == 200
            {
                return Ok(self.server);
            }
            // Readiness of another process can only be polled.
            std::thread::sleep(Duration::from_millis(3));
        }
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        Err(StartError::Broken(format!("{} neither answered nor exited in {START_LIMIT:?}\n{text}", self.name)))
    }
}

impl Side {
    /// Starts a server on `store` with `settings`; its sockets and logs go to `work`. The thread that calls this must
    /// outlive the server: the kernel kills a server whose starting thread ends.
    pub fn spawn(&self, work: &Path, store: &Path, settings: &Json) -> Result<Starting, StartError> {
        let name = self.name;
        let (http, grpc) = (work.join(format!("{name}.http")), work.join(format!("{name}.grpc")));
        let address = if self.tcp {
            Address::Tcp(free_port().map_err(|e| broken("free port", &e))?)
        } else {
            for file in [&http, &grpc] {
                let _ = fs::remove_file(file);
            }
            Address::Unix(http.clone())
        };
        let (http_text, grpc_text) = match &address {
            Address::Unix(_) => (format!("unix:{}", http.display()), format!("unix:{}", grpc.display())),
            Address::Tcp(port) => (format!("127.0.0.1:{port}"), "127.0.0.1:0".to_owned()),
        };
        let config = work.join(format!("{name}.config.yaml"));
        fs::write(&config, self.config(store, settings, &http_text, &grpc_text).to_string())
            .map_err(|e| broken("write config", &e))?;
        let log_path = work.join(format!("{name}.log"));
        let log = File::create(&log_path).map_err(|e| broken("create log", &e))?;
        let log2 = log.try_clone().map_err(|e| broken("create log", &e))?;

        let mut command = if Path::new(SETPRIV).exists() {
            let mut command = Command::new(SETPRIV);
            command.args(["--pdeathsig", "KILL", "--"]).arg(&self.binary);
            command
        } else {
            Command::new(&self.binary)
        };
        match self.flavour {
            Flavour::Cerbos => command.args(["server", "--log-level=warn", "--config"]).arg(&config),
            Flavour::Toolgate => command.arg("serve").arg(store).args(["--compat", "cerbos", "--config"]).arg(&config),
        };
        command.env("CERBOS_NO_TELEMETRY", "1").env("GOMEMLIMIT", "1GiB");
        command.stdin(Stdio::null()).stdout(log).stderr(log2);
        let child = command.spawn().map_err(|e| broken("spawn", &e))?;
        Ok(Starting { server: Server { child, client: Client::new(address) }, name, log: log_path })
    }

    /// The configuration file: the same keys for both sides.
    fn config(&self, store: &Path, settings: &Json, http: &str, grpc: &str) -> Json {
        let mut config = settings.as_object().cloned().unwrap_or_default();
        config.insert("server".into(), json!({"httpListenAddr": http, "grpcListenAddr": grpc}));
        config.insert(
            "storage".into(),
            json!({"driver": "disk", "disk": {"directory": store, "watchForChanges": false}}),
        );
        let engine = config.entry("engine").or_insert_with(|| json!({}));
        if let Some(engine) = engine.as_object_mut() {
            engine.insert("strictEvaluation".into(), json!(self.strict));
            if self.flavour == Flavour::Cerbos {
                engine.insert("celErrorLogLevel".into(), json!("none"));
            }
        }
        Json::Object(config)
    }
}
