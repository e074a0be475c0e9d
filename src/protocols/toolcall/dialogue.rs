//! `DecideStream` as bytes: questions are taken apart and answered on the spot, in order, each under the policies of
//! that moment, and what one arrival asks is answered by one piece of text. Nothing is queued here but the part of a
//! question that is still to come. Knows no connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;

use super::decide::{decide_one_of, refused};
use crate::protocols::direct::{frame, unframe};
use crate::protocols::intake::Account;
use crate::protocols::{App, Shared, grpc};
use crate::service::{Failure, Service};
use crate::wire::{encode, protobuf};

/// One stream, from its first question to its end.
pub struct Dialogue {
    shared: Arc<Shared>,
    account: Arc<Account>,
    /// The beginning of a question.
    begun: Vec<u8>,
    drain: WatchStream<bool>,
}

impl App {
    /// Opens a stream of tool calls.
    #[must_use]
    pub fn dialogue(&self) -> Dialogue {
        Dialogue::new(&self.0.shared)
    }
}

impl Dialogue {
    fn new(shared: &Arc<Shared>) -> Self {
        let drain = WatchStream::new(shared.service.on_drain());
        Self { shared: Arc::clone(shared), account: shared.intake.open(), begun: Vec::new(), drain }
    }

    /// Answers the questions that are whole now, in order; `answers` gets them.
    ///
    /// # Errors
    /// What ends the stream, once the answers so far are sent.
    pub fn take(&mut self, received: &[u8], answers: &mut Vec<u8>) -> Result<(), Status> {
        if !self.account.charge(received.len()) {
            return Err(grpc::failed(&Failure::Overloaded));
        }
        if self.begun.is_empty() {
            let rest = self.answer(received, answers)?;
            self.begun.extend_from_slice(rest);
        } else {
            let mut begun = std::mem::take(&mut self.begun);
            begun.extend_from_slice(received);
            let rest = self.answer(&begun, answers)?.len();
            begun.drain(..begun.len().saturating_sub(rest));
            self.begun = begun;
        }
        if self.begun.is_empty() {
            self.begun = Vec::new();
            self.account.give_back();
        }
        Ok(())
    }

    fn answer<'r>(&self, mut rest: &'r [u8], answers: &mut Vec<u8>) -> Result<&'r [u8], Status> {
        while let Some((question, after)) = unframe(rest, self.shared.max_bytes)? {
            frame(&answer(&self.shared.service, question), answers);
            rest = after;
        }
        Ok(rest)
    }

    /// How the stream ends when no more questions come.
    #[must_use]
    pub fn end(&self) -> Status {
        if self.begun.is_empty() { Status::ok("") } else { Status::internal("Unexpected EOF decoding stream.") }
    }

    /// Ready with the end of the stream once the server goes down: everything that was asked is answered, and nobody
    /// is made to wait for such a server.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        while let Poll::Ready(change) = Pin::new(&mut self.drain).poll_next(cx) {
            if change != Some(false) {
                return Poll::Ready(grpc::failed(&Failure::ShuttingDown));
            }
        }
        Poll::Pending
    }
}

/// The answer to one question of a stream.
pub(super) fn answer(service: &Service, received: &[u8]) -> Bytes {
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
