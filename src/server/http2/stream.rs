//! A stream of tool calls: what has come is read, answered, and sent in one piece. While answers wait for room nothing
//! more is read, so what is in flight is bounded by the windows of the connection.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Response, header};
use tokio::task::coop::consume_budget;
use tonic::Status;

use super::{fine, ordinary};
use crate::protocols::Dialogue;

/// Answers that are sent although more questions have come.
const FULL: usize = 16 << 10;

/// What happens next.
enum Event {
    /// Questions came.
    Came(Bytes),
    /// Nothing more has come for now.
    Quiet,
    /// No more will come, or is wanted.
    End(Status),
    /// The client is gone.
    Gone,
}

/// Answers questions until there are no more.
pub(super) async fn converse(mut dialogue: Dialogue, mut questions: RecvStream, mut respond: SendResponse<Bytes>) {
    let mut response = Response::new(());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let Ok(mut answers) = respond.send_response(response, false) else { return };
    let mut out = Vec::new();
    loop {
        let event = next(&mut dialogue, &mut questions, out.is_empty()).await;
        let quiet = matches!(event, Event::Quiet);
        let end = match event {
            Event::Came(data) => {
                // Fails for a stream that is gone, which the next read says.
                let _ = questions.flow_control().release_capacity(data.len());
                dialogue.take(&data, &mut out).err()
            }
            Event::Quiet => None,
            Event::End(status) => Some(status),
            Event::Gone => return,
        };
        if (quiet || end.is_some() || out.len() >= FULL) && send(&mut out, &mut answers).await.is_err() {
            return;
        }
        if let Some(status) = end {
            // If the client is gone, nobody is left to be told.
            let _ = answers.send_trailers(trailers(&status));
            return;
        }
        consume_budget().await;
    }
}

/// Waits for the next event; is quiet only where something waits to be sent.
async fn next(dialogue: &mut Dialogue, questions: &mut RecvStream, wait: bool) -> Event {
    poll_fn(|cx| {
        Poll::Ready(match questions.poll_data(cx) {
            Poll::Ready(Some(Ok(data))) => Event::Came(data),
            Poll::Ready(Some(Err(_))) => Event::Gone,
            Poll::Ready(None) => Event::End(dialogue.end()),
            Poll::Pending if !wait => Event::Quiet,
            Poll::Pending => match dialogue.poll_drain(cx) {
                Poll::Ready(status) => Event::End(status),
                Poll::Pending => return Poll::Pending,
            },
        })
    })
    .await
}

/// Sends answers in one piece, or as much at a time as the client has room for.
async fn send(out: &mut Vec<u8>, answers: &mut SendStream<Bytes>) -> Result<(), ordinary::Broken> {
    if out.is_empty() {
        return Ok(());
    }
    // As much will be needed again.
    let next = Vec::with_capacity(out.len());
    ordinary::send(std::mem::replace(out, next).into(), answers).await
}

fn trailers(status: &Status) -> HeaderMap {
    if status.code() == tonic::Code::Ok {
        return fine();
    }
    let headers = status.clone().into_http::<()>().into_parts().0.headers;
    headers
        .into_iter()
        .filter_map(|(name, value)| Some((name?, value)))
        .filter(|(n, _)| *n != header::CONTENT_TYPE)
        .collect()
}
