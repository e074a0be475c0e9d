//! An HTTP/2 connection for gRPC, served with as little as possible between the socket and a decision. All requests
//! that have come are taken, those of the hot path are answered on the spot, in this task, and then everything is
//! written at once. Other requests, streams of tool calls among them, go the ordinary way, in tasks of their own: see
//! [`ordinary`].
//!
//! Only this room names the `h2` library. It knows no message.

mod arrival;
mod ordinary;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::{Builder, Connection, Handshake, SendResponse};
use h2::{Ping, PingPong, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use self::arrival::Arrival;
use crate::protocols::{Answer, App, Peer};

/// Requests taken before the first of them is answered.
const BATCH: usize = 64;

/// Limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Streams at a time.
    pub(super) streams: u32,
    /// Bytes of a request's head.
    pub(super) head: u32,
    /// Bytes that a client may send ahead.
    pub(super) ahead: u32,
    /// The same on each of its streams.
    pub(super) stream_ahead: u32,
}

/// A connection; ready when it is over.
pub(super) struct Http2<S> {
    state: State<S>,
    app: App,
    peer: Peer,
    going: bool,
    batch: Vec<(Request<RecvStream>, SendResponse<Bytes>)>,
    ping: Option<PingPong>,
}

enum State<S> {
    Greeting(Handshake<S, Bytes>),
    Open(Connection<S, Bytes>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http2<S> {
    pub(super) fn new(stream: S, app: App, peer: Peer, limits: Limits) -> Self {
        let greeting = Builder::new()
            .initial_connection_window_size(limits.ahead)
            .initial_window_size(limits.stream_ahead)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(limits.head)
            .handshake(stream);
        Self { state: State::Greeting(greeting), app, peer, going: false, batch: Vec::new(), ping: None }
    }

    /// Takes no more requests and ends when those taken are answered.
    pub(super) fn graceful_shutdown(&mut self) {
        self.going = true;
        if let State::Open(connection) = &mut self.state {
            connection.graceful_shutdown();
        }
    }

    /// Asks the peer for a sign of life.
    pub(super) fn ping(&mut self) {
        if let Some(ping) = &mut self.ping {
            // One that is still on its way is sign enough.
            let _ = ping.send_ping(Ping::opaque());
        }
    }

    /// Takes all requests that have come. Meanwhile the connection reads, and writes what was answered.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Over>> {
        if let State::Greeting(greeting) = &mut self.state {
            if self.going {
                // Nothing was asked yet.
                return Poll::Ready(Err(Over));
            }
            let mut connection = ready!(Pin::new(greeting).poll(cx)).map_err(|_| Over)?;
            self.ping = connection.ping_pong();
            self.state = State::Open(connection);
        }
        let State::Open(connection) = &mut self.state else { return Poll::Pending };
        while self.batch.len() < BATCH {
            match connection.poll_accept(cx) {
                Poll::Ready(Some(Ok(next))) => self.batch.push(next),
                // However it ends, there is nobody left to tell: peers come and go.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Over)),
                Poll::Pending if self.batch.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A connection has ended.
struct Over;

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Http2<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        // Ends: the socket is read within the budget of the task, and then has nothing more.
        loop {
            if let Some(ping) = &mut me.ping {
                // Whether there was an answer is seen by the bytes received.
                let _ = ping.poll_pong(cx);
            }
            if ready!(me.poll_batch(cx)).is_err() {
                return Poll::Ready(());
            }
            for (request, respond) in me.batch.drain(..) {
                serve(&me.app, me.peer, request, respond, cx);
            }
        }
    }
}

/// Answers a request on the spot, or has it answered.
fn serve(app: &App, peer: Peer, request: Request<RecvStream>, respond: SendResponse<Bytes>, cx: &mut Context<'_>) {
    let (head, body) = request.into_parts();
    let mut arrival = Arrival::new(body);
    if let Some(method) = app.unary(&head)
        && let Some(received) = arrival.whole(cx)
        && let Some(answer) = app.answer(method, &head, peer, received)
    {
        // The stream may be gone; then so is whoever asked.
        let _ = reply(respond, answer);
        return;
    }
    tokio::spawn(ordinary::answer(app.clone(), peer, Request::from_parts(head, arrival), respond));
}

fn reply(mut respond: SendResponse<Bytes>, answer: Answer) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.headers_mut() = answer.head;
    if answer.body.is_empty() {
        return respond.send_response(response, true).map(drop);
    }
    let mut stream = respond.send_response(response, false)?;
    stream.send_data(answer.body, false)?;
    stream.send_trailers(fine())
}

/// The end of an answer that is none of a failure.
fn fine() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers
}
