//! How many bytes of requests may be on their way in at a time, over all connections. Each message is bounded by
//! itself, but connections times streams times messages is more memory than any machine has: beyond this bound a
//! request is refused before it has arrived.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use tonic::Status;

use super::grpc;
use crate::service::Failure;

/// The bytes that are on their way in.
#[derive(Debug)]
pub(super) struct Intake {
    taken: AtomicUsize,
    limit: usize,
}

impl Intake {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), limit })
    }

    /// True if so many bytes more may come in: for a request that is answered at once.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.taken.load(Ordering::Relaxed).saturating_add(bytes) <= self.limit
    }

    /// The account of one request.
    pub(super) fn open(self: &Arc<Self>) -> Arc<Account> {
        Arc::new(Account { intake: Arc::clone(self), charged: AtomicUsize::new(0) })
    }
}

/// What one request has taken in. Given back when the request is done with, or, for a stream, with each message.
#[derive(Debug)]
pub(super) struct Account {
    intake: Arc<Intake>,
    charged: AtomicUsize,
}

impl Account {
    /// False if that is too much; it is charged all the same, until it is given back.
    pub(super) fn charge(&self, bytes: usize) -> bool {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
        let before = self.intake.taken.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.intake.limit
    }

    /// Everything charged so far has been dealt with.
    pub(super) fn give_back(&self) {
        let charged = self.charged.swap(0, Ordering::Relaxed);
        if charged > 0 {
            self.intake.taken.fetch_sub(charged, Ordering::Relaxed);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A request's body, charged as it comes in.
pub(super) struct Charged<B> {
    body: B,
    account: Arc<Account>,
}

impl<B> Charged<B> {
    pub(super) fn new(body: B, account: Arc<Account>) -> Self {
        Self { body, account }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Charged<B> {
    type Data = Bytes;
    /// A status, because that is what reaches the caller whole through the layers between.
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None => None,
            Some(Err(_)) => Some(Err(grpc::failed(&Failure::BrokenBody))),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                let fits = bytes == 0 || self.account.charge(bytes);
                Some(if fits { Ok(frame) } else { Err(grpc::failed(&Failure::Overloaded)) })
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn what_is_taken_in_is_bounded_and_given_back() {
        let intake = Intake::new(10);
        let body =
            |n: usize, account: &Arc<Account>| Charged::new(Full::new(Bytes::from(vec![0; n])), Arc::clone(account));
        let (first, second) = (intake.open(), intake.open());
        assert!(body(6, &first).collect().await.is_ok());
        let refused = body(5, &second).collect().await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        drop(second);
        assert!(body(4, &first).collect().await.is_ok());
        // A stream gives back with each message.
        first.give_back();
        assert!(body(10, &first).collect().await.is_ok());
        drop(first);
        assert_eq!(intake.taken.load(Ordering::Relaxed), 0);
    }
}
