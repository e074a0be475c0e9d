//! A request that is not of the hot path: answered by [`App::call`] in a task of its own, given up when the client
//! gives it up, and sent as fast as the client takes it.

use std::future::poll_fn;

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::Arrival;
use crate::protocols::{App, Peer, Port};

/// Answers a request.
pub(super) async fn answer(app: App, peer: Peer, request: Request<Arrival>, mut respond: SendResponse<Bytes>) {
    let response = tokio::select! {
        biased;
        // Nobody waits for the answer any more.
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
        response = app.call(request, Port::Grpc, peer) => response,
    };
    let (head, body) = response.into_parts();
    let empty = body.is_end_stream();
    let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), empty) else { return };
    if !empty && send_body(body, &mut stream).await.is_err() {
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    }
}

/// A body could not be sent whole.
struct Broken;

async fn send_body<B: Body<Data = Bytes> + Unpin>(mut body: B, stream: &mut SendStream<Bytes>) -> Result<(), Broken> {
    loop {
        let frame = tokio::select! {
            biased;
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Ok(()),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else { return stream.send_data(Bytes::new(), true).map_err(|_| Broken) };
        match frame.map_err(|_| Broken)?.into_data() {
            Ok(data) => send(data, stream).await?,
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => return stream.send_trailers(trailers).map_err(|_| Broken),
                Err(_) => return Err(Broken),
            },
        }
    }
}

/// Sends as much at a time as the client has room for.
async fn send(mut data: Bytes, stream: &mut SendStream<Bytes>) -> Result<(), Broken> {
    while !data.is_empty() {
        let room = room(data.len(), stream).await?;
        stream.send_data(data.split_to(room), false).map_err(|_| Broken)?;
    }
    Ok(())
}

/// Waits for room for at most `wanted` bytes, and at least one.
async fn room(wanted: usize, stream: &mut SendStream<Bytes>) -> Result<usize, Broken> {
    stream.reserve_capacity(wanted);
    while stream.capacity() == 0 {
        match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(Broken),
        }
    }
    Ok(stream.capacity().min(wanted))
}
