//! `DecideStream`: each question is answered on the spot, in order, under the policies of that moment. A question is
//! read when there is room for its answer, so that what is in flight is bounded by the connection's windows: nothing
//! is queued here.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Status, Streaming};

use super::decide::{decide_one_of, refused};
use crate::protocols::intake::Account;
use crate::protocols::{Shared, grpc};
use crate::service::{Ambient, Failure};
use crate::wire::{encode, protobuf};

/// The answers of one stream.
pub(in crate::protocols) struct Answers {
    shared: Arc<Shared>,
    questions: Streaming<Bytes>,
    account: Option<Arc<Account>>,
    ambient: Ambient,
    drain: WatchStream<bool>,
    over: bool,
}

impl Answers {
    pub(super) fn new(shared: Arc<Shared>, request: Request<Streaming<Bytes>>) -> Self {
        let drain = WatchStream::new(shared.service.on_drain());
        let account = request.extensions().get::<Arc<Account>>().cloned();
        // The task that polls a stream is no longer the one that serves the call.
        let ambient = Ambient { in_parts: true, ..Ambient::current() };
        Self { shared, questions: request.into_inner(), account, ambient, drain, over: false }
    }

    fn answer(&self, received: &[u8]) -> Bytes {
        let service = &self.shared.service;
        let answer = service.answer(|turn| {
            let reply = match protobuf::decide(received, turn.bump, turn.settings.wire) {
                Ok(asked) => decide_one_of(turn, &asked),
                Err(e) => refused(turn, "", &e.into()),
            };
            Ok(encode::decide(&reply))
        });
        // A panic: whose question it was is lost, but order tells.
        answer.or_else(|f| service.answer(|turn| Ok(encode::decide(&refused(turn, "", &f))))).unwrap_or_default()
    }

    /// True once the server goes down.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> bool {
        while let Poll::Ready(change) = Pin::new(&mut self.drain).poll_next(cx) {
            if change != Some(false) {
                return true;
            }
        }
        false
    }

    fn end(&mut self, status: Status) -> Poll<Option<Result<Bytes, Status>>> {
        self.over = true;
        Poll::Ready(Some(Err(status)))
    }
}

impl Stream for Answers {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.questions).poll_next(cx) {
            Poll::Ready(Some(Ok(received))) => {
                if let Some(account) = &self.account {
                    account.give_back();
                }
                let answer = self.ambient.enter(|| self.answer(&received));
                Poll::Ready(Some(Ok(answer)))
            }
            Poll::Ready(Some(Err(status))) => {
                let failure = grpc::oversized(&status, self.shared.max_bytes);
                self.end(failure.map_or(status, |f| grpc::failed(&f)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            // Everything that was asked is answered; nobody is made to wait for a server that goes down.
            Poll::Pending if self.poll_drain(cx) => self.end(grpc::failed(&Failure::ShuttingDown)),
            Poll::Pending => Poll::Pending,
        }
    }
}
