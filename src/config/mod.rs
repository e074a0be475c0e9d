//! What was typed (`tree`, `overrides`) and what it means ([`Config`]). The keys are the reference's wherever the
//! meaning is the same; a key that is unknown or not served is an error that names it and its place, never ignored.
//!
//! Opens no file and no socket, and is never reloaded: texts come in, settings go out.

mod adapters;
mod address;
mod audit;
mod aux_data;
mod duration;
mod expand;
mod hooks;
mod overrides;
mod section;
mod sections;
mod server;
mod tailnet;
mod tree;

use std::path::PathBuf;
use std::time::Duration;

pub use address::Address;
pub use duration::parse_duration;
pub use expand::Environment;

use crate::compile::CompileOptions;
use crate::engine::Params;
use crate::identity;
use crate::protocols::gateway::{Adapters, TailnetSettings};
use crate::protocols::{Cors, Credentials};
use crate::source::{Diagnostic, Severity, SourceFile};
use crate::store::StoreOptions;

/// All settings of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// `server`
    pub server: Server,
    /// `engine`
    pub engine: Engine,
    /// `storage`
    pub storage: Storage,
    /// `auxData.jwt`: how tokens are verified.
    pub aux_data: identity::Settings,
    /// `audit`, if it is enabled.
    pub audit: Option<crate::audit::Settings>,
    /// `toolCalls`
    pub tool_calls: ToolCalls,
}

/// Listeners and their limits.
#[derive(Clone, Debug)]
pub struct Server {
    /// `server.httpListenAddr`
    pub http: Address,
    /// `server.grpcListenAddr`
    pub grpc: Address,
    /// `server.udsFileMode`: permission bits of Unix sockets.
    pub uds_file_mode: u32,
    /// `server.requestLimits`
    pub limits: RequestLimits,
    /// `server.metricsEnabled`: `/_cerbos/metrics` is served.
    pub metrics: bool,
    /// `server.cors`: none if no browser may ask.
    pub cors: Option<Cors>,
    /// `server.reflectionEnabled` (ours)
    pub reflection: bool,
    /// `server.publicURL` (ours): how clients reach the HTTP port.
    pub public_url: Option<String>,
    /// `server.adminAPI`, if it is enabled.
    pub admin: Option<Admin>,
    /// `server.tls`, if connections are protected.
    pub tls: Option<Tls>,
    /// `server.advanced.http`
    pub http_timeouts: HttpTimeouts,
    /// `server.advanced.grpc`
    pub transport: Transport,
    /// `aperture` (ours), if it is served.
    pub aperture: Option<crate::protocols::aperture::Settings>,
    /// `litellm` (ours), if it is served.
    pub litellm: Option<crate::protocols::litellm::Settings>,
    /// `tailnet` (ours), if there is one.
    pub tailnet: Option<TailnetSettings>,
    /// `hooks` (ours)
    pub hooks: Hooks,
    /// `adapters` (ours)
    pub adapters: Adapters,
}

/// The hooks of coding agents.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// `hooks.listenAddr`: a listener of their own beside the two ports.
    pub listen: Option<Address>,
    /// All the rest.
    pub settings: crate::protocols::hooks::Settings,
}

/// The admin API.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `server.adminAPI.adminCredentials`
    pub credentials: Credentials,
}

/// How connections are protected.
#[derive(Clone, Debug)]
pub struct Tls {
    /// `server.tls.cert`: a file of certificates, PEM, our own first.
    pub cert: PathBuf,
    /// `server.tls.key`: a file with its key, PEM.
    pub key: PathBuf,
    /// `server.tls.caCert`: who signs the certificates of clients.
    pub client_ca: Option<PathBuf>,
    /// `server.tls.clientAuth` (ours): what a client without a certificate gets.
    pub client_auth: ClientAuth,
    /// `server.tls.reloadInterval` (ours): how often the files are looked at.
    pub reload_interval: Duration,
}

/// What is asked of clients where their signer is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// A certificate.
    Require,
    /// Nothing; one that is given must be right. This is the reference's.
    VerifyIfGiven,
}

/// What one request may hold.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Actions for one resource.
    pub actions: usize,
    /// Resources, or calls of a batch.
    pub resources: usize,
}

/// Patience with slow HTTP peers.
#[derive(Clone, Copy, Debug)]
pub struct HttpTimeouts {
    /// For a whole request.
    pub read: Duration,
    /// For its head.
    pub header: Duration,
    /// For a peer to take what is sent to it.
    pub write: Duration,
    /// Between requests.
    pub idle: Duration,
}

/// Limits of gRPC connections, which hold for HTTP bodies too.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Largest message.
    pub message_bytes: usize,
    /// Requests in flight on a connection.
    pub streams: u32,
    /// Age at which a connection is asked to go.
    pub connection_age: Duration,
    /// For the handshake of a connection.
    pub handshake: Duration,
}

/// What decisions depend on.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Settings of `decide`.
    pub params: Params,
    /// Settings of `compile`.
    pub compile: CompileOptions,
}

/// Where policies are.
#[derive(Clone, Debug)]
pub struct Storage {
    /// `storage.disk.directory`
    pub directory: PathBuf,
    /// `storage.disk.watchForChanges`
    pub watch: bool,
    /// `storage.disk.debounce` (ours)
    pub debounce: Duration,
    /// `storage.disk.pollInterval` (ours)
    pub poll_interval: Duration,
}

/// How tool calls are seen by policies.
#[derive(Clone, Debug)]
pub struct ToolCalls {
    /// `toolCalls.kindPrefix` (ours): what stands before a server's name in the resource kind.
    pub kind_prefix: String,
    /// `toolCalls.redact` (ours): keys whose values traces do not show, besides passwords and the like.
    pub redact: Vec<String>,
}

/// What was typed on the command line.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The configuration file.
    pub file: Option<SourceFile>,
    /// `--set`, in order.
    pub set: Vec<String>,
    /// The policy directory as an argument: replaces the file's.
    pub directory: Option<PathBuf>,
    /// `--compat cerbos`
    pub cerbos_compat: bool,
    /// `--insecure-listen`
    pub insecure_listen: bool,
}

/// Settings, and the warnings about them; or everything that is wrong.
pub type Loaded = Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>>;

impl Config {
    /// Works out what was typed.
    ///
    /// # Errors
    /// Every fault, each with its place.
    pub fn load(typed: &Typed, environment: Environment<'_>) -> Loaded {
        let (mut tree, mut diagnostics) = match &typed.file {
            Some(file) => tree::read(file, environment),
            None => (tree::Tree::empty(), Vec::new()),
        };
        for argument in &typed.set {
            match overrides::parse(argument) {
                Ok(over) => tree.merge(over),
                Err(d) => diagnostics.push(*d),
            }
        }
        let (config, more) = sections::config(&tree, typed);
        diagnostics.extend(more);
        Diagnostic::sort(&mut diagnostics);
        if diagnostics.iter().any(|d| d.severity == Severity::Error) {
            return Err(diagnostics);
        }
        Ok((config, diagnostics))
    }

    /// What the store is opened with.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            directory: self.storage.directory.clone(),
            watch: self.storage.watch,
            debounce: self.storage.debounce,
            poll_interval: self.storage.poll_interval,
            keep_sources: self.server.admin.is_some(),
            compile: self.engine.compile.clone(),
        }
    }

    /// The name of the semantics that decisions follow, as logs and status pages say it.
    #[must_use]
    pub fn semantics_name(&self) -> &'static str {
        self.engine.params.semantics.name()
    }
}

#[cfg(test)]
mod tests;
