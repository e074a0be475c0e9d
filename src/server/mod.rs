//! The listeners: two ports, each TCP or a Unix socket, connections with limits, and an orderly end. Knows no protocol
//! beyond HTTP: what is served is [`App`].

mod authority;
mod connection;
mod http2;
mod listen;
mod patience;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};

use crate::config::{self, Address, HttpTimeouts};
use crate::protocols::gateway::{Caller, Tailnet};
use crate::protocols::{self, App, Port, Settings};
use crate::service::Service;
use listen::{Listener, Peer};
use tls::Acceptor;
pub use tls::TlsError;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 16_384;
/// How long requests in flight may take to end once the server goes down.
const DRAIN: Duration = Duration::from_secs(30);
/// Rest after an accept that failed, as it does when file descriptors run out.
const BREATH: Duration = Duration::from_millis(50);

/// Settings of connections.
#[derive(Clone, Debug)]
struct Options {
    timeouts: HttpTimeouts,
    streams: u32,
    connection_age: Duration,
    handshake: Duration,
}

/// An open server that does not accept yet.
#[derive(Debug)]
pub struct Server {
    http: Listener,
    grpc: Listener,
    hooks: Option<Listener>,
    app: App,
    service: Arc<Service>,
    tls: Option<Arc<Acceptor>>,
    options: Options,
}

/// Why a server could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// Where.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// The tailnet's policy file cannot be used.
    #[error("{0}")]
    Tailnet(String),
    /// Connections cannot be protected as configured.
    #[error("cannot serve TLS: {0}")]
    Tls(#[from] TlsError),
}

impl Server {
    /// Opens both listeners.
    ///
    /// # Errors
    /// If an address cannot be listened on.
    pub async fn open(config: &config::Server, service: Arc<Service>) -> Result<Self, OpenError> {
        let open = async |address: &Address| {
            let opened = Listener::open(address, config.uds_file_mode).await;
            opened.map_err(|source| OpenError::Listen { address: address.clone(), source })
        };
        let tls = config.tls.as_ref().map(Acceptor::open).transpose()?.map(Arc::new);
        let (http, grpc) = (open(&config.http).await?, open(&config.grpc).await?);
        let hooks = match &config.hooks.listen {
            Some(address) => Some(open(address).await?),
            None => None,
        };
        let tailnet = config.tailnet.clone().map(Tailnet::open).transpose().map_err(OpenError::Tailnet)?.map(Arc::new);
        let settings = Settings {
            read: config.http_timeouts.read,
            metrics: config.metrics,
            cors: config.cors.clone(),
            reflection: config.reflection,
            public_url: config.public_url.clone(),
            tls: config.tls.is_some(),
            admin: config.admin.as_ref().map(|a| a.credentials.clone()),
            aperture: config.aperture.clone(),
            litellm: config.litellm.clone(),
            tailnet,
            hooks: config.hooks.settings.clone(),
            adapters: config.adapters.clone(),
        };
        Ok(Self {
            http,
            grpc,
            hooks,
            app: App::new(Arc::clone(&service), settings),
            service,
            tls,
            options: Options {
                timeouts: config.http_timeouts,
                streams: config.transport.streams,
                connection_age: config.transport.connection_age,
                handshake: config.transport.handshake,
            },
        })
    }

    /// Where HTTP is served, with the port that the system chose.
    ///
    /// # Errors
    /// If the system does not know.
    pub fn http_address(&self) -> io::Result<Address> {
        self.http.address()
    }

    /// Where gRPC is served.
    ///
    /// # Errors
    /// If the system does not know.
    pub fn grpc_address(&self) -> io::Result<Address> {
        self.grpc.address()
    }

    /// Where hooks are served, if they have a listener of their own.
    ///
    /// # Errors
    /// If the system does not know.
    pub fn hooks_address(&self) -> io::Result<Option<Address>> {
        self.hooks.as_ref().map(Listener::address).transpose()
    }

    /// Serves until `stop` is ready, then says it is not healthy, accepts no more, and lets requests in flight end.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { http, grpc, hooks, app, service, tls, options } = self;
        // Every connection holds a sender; when all are gone, so are the connections.
        let (alive, mut gone) = mpsc::channel::<()>(1);
        let accept = |listener, port, tls: Option<Arc<Acceptor>>| {
            let (app, options, alive) = (app.clone(), options.clone(), alive.clone());
            tokio::spawn(accept(listener, port, app, tls, options, service.on_drain(), alive))
        };
        let (http, grpc) = (accept(http, Port::Http, tls.clone()), accept(grpc, Port::Grpc, tls.clone()));
        // Nothing but this machine can reach it, and its clients speak no TLS.
        let hooks = hooks.map(|listener| accept(listener, Port::Http, None));
        drop(alive);
        if let Some(tls) = tls {
            tokio::spawn(tls.keep_fresh(service.on_drain()));
        }
        stop.await;
        service.drain();
        tracing::info!("going down: waiting for requests in flight");
        // Both end at once, and close their listeners.
        let _ = (http.await, grpc.await);
        if let Some(hooks) = hooks {
            let _ = hooks.await;
        }
        if tokio::time::timeout(DRAIN, gone.recv()).await.is_err() {
            tracing::warn!("connections are still open and are closed now");
        }
    }
}

async fn accept(
    listener: Listener,
    port: Port,
    app: App,
    tls: Option<Arc<Acceptor>>,
    options: Options,
    mut drain: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            _ = drain.wait_for(|d| *d) => return,
            next = next => next,
        };
        let peer = match accepted {
            Ok(peer) => peer,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let (app, options, drain, alive) = (app.clone(), options.clone(), drain.clone(), alive.clone());
        let tls = tls.clone();
        tokio::spawn(async move {
            let from = protocols::Peer(if let Peer::Tcp(_, address) = &peer { Some(*address) } else { None });
            let origin = connection::Origin { port, peer: from };
            let caller = caller(&peer);
            let app = app.for_caller(caller.clone());
            match (peer, tls) {
                (Peer::Tcp(s, _), None) => connection::serve(s, origin, app, options, drain).await,
                (Peer::Unix(s), None) => connection::serve(s, origin, app, options, drain).await,
                (Peer::Tcp(s, _), Some(tls)) => {
                    connection::protect(s, &tls, origin, caller, app, options, drain).await;
                }
                (Peer::Unix(s), Some(tls)) => {
                    connection::protect(s, &tls, origin, caller, app, options, drain).await;
                }
            }
            drop((place, alive));
        });
    }
}

/// What the transport knows of a peer before a handshake.
fn caller(peer: &Peer) -> Caller {
    match peer {
        Peer::Tcp(_, address) => {
            Caller { address: Some(address.ip().to_canonical()), port: address.port(), ..Caller::default() }
        }
        Peer::Unix(stream) => {
            let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
            Caller { unix: true, uid, ..Caller::default() }
        }
    }
}
