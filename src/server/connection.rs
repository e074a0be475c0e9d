//! One connection, from its first byte to its end: HTTP/1.1 or HTTP/2 with limits, put to an end by age, by
//! impatience, or by the server going down.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Options;
use super::patience::{Activity, Limits, Observed, Patience};
use super::tls::{Acceptor, is_plain_http, uris};
use crate::protocols::gateway::Caller;
use crate::protocols::{App, Peer, Port};

/// Largest head of a request.
const HEAD_BYTES: usize = 64 << 10;

/// What a connection came in by, and from where.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) port: Port,
    pub(super) peer: Peer,
}

/// Shakes hands with a peer, and serves the connection to its end.
pub(super) async fn protect<S>(
    mut stream: S,
    tls: &Acceptor,
    origin: Origin,
    caller: Caller,
    app: App,
    options: Options,
    mut drain: watch::Receiver<bool>,
) where
    S: Plain + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = async {
        if stream.refuse_plain().await? {
            return Ok(None);
        }
        tls.accept(stream, origin.port).await.map(Some)
    };
    let accepted = tokio::select! {
        biased;
        _ = drain.wait_for(|d| *d) => return,
        accepted = timeout(options.handshake, handshake) => accepted,
    };
    match accepted {
        Ok(Ok(Some(stream))) => {
            let caller = Caller { uris: uris(&stream), ..caller };
            serve(stream, origin, app.for_caller(caller), options, drain).await;
        }
        // It was told.
        Ok(Ok(None)) => {}
        // Peers come and go; whose certificate is refused is worth a line for who looks for it.
        Ok(Err(error)) => tracing::debug!(%error, "a connection could not be protected"),
        Err(_) => tracing::debug!("a connection took too long to be protected"),
    }
}

/// A stream that can tell whether its peer speaks plain HTTP before a handshake.
pub(super) trait Plain {
    /// Refuses a peer that does; true if it did.
    fn refuse_plain(&mut self) -> impl Future<Output = io::Result<bool>> + Send;
}

impl Plain for TcpStream {
    fn refuse_plain(&mut self) -> impl Future<Output = io::Result<bool>> + Send {
        is_plain_http(self)
    }
}

impl Plain for UnixStream {
    /// Nothing can be read of it without taking it.
    async fn refuse_plain(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<S>(stream: S, origin: Origin, app: App, options: Options, mut drain: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let io = TokioIo::new(Observed::new(stream, Arc::clone(&activity)));
    let seen = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let app = app.clone();
        let answering = seen.begin();
        async move {
            let response = app.call(request, origin.port, origin.peer).await;
            drop(answering);
            Ok::<_, Infallible>(response)
        }
    });
    let builder = builder(origin.port, &options);
    let mut connection = pin!(builder.serve_connection(io, service));

    let limits = Limits {
        handshake: options.handshake,
        head: options.timeouts.header,
        idle: options.timeouts.idle,
        write: options.timeouts.write,
    };
    let mut patience = Patience::new(limits, Instant::now());
    let mut look = interval(limits.interval());
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut age = pin!(sleep(options.connection_age));
    let mut going = false;
    loop {
        tokio::select! {
            biased;
            // However it ends, there is nobody left to tell: peers come and go.
            _ = connection.as_mut() => return,
            _ = drain.wait_for(|d| *d), if !going => {
                going = true;
                connection.as_mut().graceful_shutdown();
            }
            () = age.as_mut(), if !going => {
                going = true;
                connection.as_mut().graceful_shutdown();
            }
            now = look.tick() => if patience.is_over(&activity, now.into_std()) {
                return;
            },
        }
    }
}

fn builder(port: Port, options: &Options) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.streams)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(options.timeouts.idle)
        .keep_alive_timeout(options.timeouts.header);
    match port {
        Port::Http => builder,
        Port::Grpc => builder.http2_only(),
    }
}
