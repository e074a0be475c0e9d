//! One connection, from its first byte to its end: HTTP/1.1 or HTTP/2 with limits, put to an end by age, by
//! impatience, or by the server going down.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Options;
use super::patience::{Activity, Limits, Observed, Patience};
use crate::protocols::{App, Port};

/// Largest head of a request.
const HEAD_BYTES: usize = 64 << 10;

/// Serves one connection to its end.
pub(super) async fn serve<S>(stream: S, port: Port, app: App, options: Options, mut drain: watch::Receiver<bool>)
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
            let response = app.call(request, port).await;
            drop(answering);
            Ok::<_, Infallible>(response)
        }
    });
    let builder = builder(port, &options);
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
