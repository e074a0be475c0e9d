//! A request's body as it comes in: looked at once on the spot, and otherwise a body as the HTTP libraries have them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use hyper::body::{Body, Frame};

/// A body that is on its way.
pub(super) struct Arrival {
    /// What was looked at, to be read again.
    first: Option<Bytes>,
    stream: RecvStream,
    /// Only trailers may still come.
    ended: bool,
}

impl Arrival {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self { first: None, stream, ended: false }
    }

    /// The body, if all of it has come and in one piece. It stays to be read.
    pub(super) fn whole(&mut self, cx: &mut Context<'_>) -> Option<&[u8]> {
        let Poll::Ready(Some(Ok(data))) = self.poll_data(cx) else { return None };
        self.first = Some(data);
        if self.stream.is_end_stream() { self.first.as_deref() } else { None }
    }

    /// The next piece. Room for as much is given to the client.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let next = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &next {
            // Fails for a stream that is gone, which the next read says.
            let _ = self.stream.flow_control().release_capacity(data.len());
        }
        Poll::Ready(next)
    }
}

impl Body for Arrival {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if !self.ended {
            match ready!(self.poll_data(cx)) {
                Some(data) => return Poll::Ready(Some(data.map(Frame::data))),
                None => self.ended = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx));
        Poll::Ready(trailers.transpose().map(|t| t.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.stream.is_end_stream()
    }
}
