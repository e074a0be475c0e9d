//! One connection, from its first byte to its end: HTTP/1.1 or HTTP/2 with limits, put to an end by age, by
//! impatience, or by the server going down.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
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
use super::authority::Renamed;
use super::http2::{self, Http2};
use super::patience::{Activity, Limits, Observed, Patience, Pulse, Sign};
use super::tls::{Acceptor, is_plain_http, uris};
use crate::protocols::gateway::Caller;
use crate::protocols::{App, Peer, Port};

/// Largest head of a request.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes that a client of HTTP/2 may send ahead on a connection.
const AHEAD: u32 = 2 << 20;
/// The same on each of its streams: less, so that one that is not read from leaves room for the others, and so little
/// beside the connection's that many small questions are not taken for an attack (the library bounds small DATA frames
/// that wait by half of the connection's window).
const STREAM_AHEAD: u32 = 128 << 10;

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
pub(super) async fn serve<S>(stream: S, origin: Origin, app: App, options: Options, drain: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let stream = Observed::new(Renamed::new(stream), Arc::clone(&activity));
    match origin.port {
        Port::Grpc => {
            let (streams, head) = (options.streams, HEAD_BYTES as u32);
            let limits = http2::Limits { streams, head, ahead: AHEAD, stream_ahead: STREAM_AHEAD };
            let connection = pin!(Http2::new(stream, app, origin.peer, limits));
            attend(connection, &activity, &options, drain).await;
        }
        Port::Http => {
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
            let builder = builder(&options);
            let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
            attend(connection, &activity, &options, drain).await;
        }
    }
}

/// A connection that can be told to end, and to ask for a sign of life.
trait Attended: Future {
    /// No more requests are taken.
    fn go(self: Pin<&mut Self>);
    /// Whether the peer must be asked from outside if it is there.
    const IS_ASKED: bool;
    /// The peer is asked.
    fn ask(self: Pin<&mut Self>);
}

impl<S: AsyncRead + AsyncWrite + Unpin> Attended for Http2<S> {
    fn go(mut self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }

    const IS_ASKED: bool = true;

    fn ask(mut self: Pin<&mut Self>) {
        self.ping();
    }
}

impl<I, S, B> Attended for hyper_util::server::conn::auto::Connection<'_, I, S, TokioExecutor>
where
    S: hyper::service::Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn go(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }

    /// The library asks those of HTTP/2 by itself.
    const IS_ASKED: bool = false;

    fn ask(self: Pin<&mut Self>) {}
}

/// Stays with a connection to its end, and puts an end to it if need be.
async fn attend<C: Attended>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    options: &Options,
    mut drain: watch::Receiver<bool>,
) {
    let limits = Limits {
        handshake: options.handshake,
        head: options.timeouts.header,
        idle: options.timeouts.idle,
        write: options.timeouts.write,
    };
    let start = Instant::now();
    let mut patience = Patience::new(limits, start);
    let mut pulse = C::IS_ASKED.then(|| Pulse::new(limits.idle, limits.head, start));
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
                connection.as_mut().go();
            }
            () = age.as_mut(), if !going => {
                going = true;
                connection.as_mut().go();
            }
            now = look.tick() => {
                let now = now.into_std();
                if patience.is_over(activity, now) {
                    return;
                }
                match pulse.as_mut().map(|p| p.look(activity, now)) {
                    None | Some(Sign::Wait) => {}
                    Some(Sign::Ask) => connection.as_mut().ask(),
                    Some(Sign::Gone) => return,
                }
            },
        }
    }
}

fn builder(options: &Options) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.streams)
        .max_header_list_size(HEAD_BYTES as u32)
        .initial_connection_window_size(AHEAD)
        .initial_stream_window_size(STREAM_AHEAD)
        .keep_alive_interval(options.timeouts.idle)
        .keep_alive_timeout(options.timeouts.header);
    builder
}
