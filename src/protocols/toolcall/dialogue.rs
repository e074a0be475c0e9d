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
use crate::protocols::{Shared, grpc};
use crate::service::{Ambient, Failure, Service};
use crate::wire::{encode, protobuf};

/// One stream, from its first question to its end.
pub struct Dialogue {
    shared: Arc<Shared>,
    ambient: Option<Ambient>,
    begun: Begun,
    drain: WatchStream<bool>,
}

/// The beginning of a question whose rest is still to come.
struct Begun {
    bytes: Vec<u8>,
    account: Arc<Account>,
}

impl Dialogue {
    /// `ambient` is what surrounds each question.
    pub(in crate::protocols) fn new(shared: &Arc<Shared>, ambient: Option<Ambient>) -> Self {
        let drain = WatchStream::new(shared.service.on_drain());
        let begun = Begun { bytes: Vec::new(), account: shared.intake.open() };
        Self { shared: Arc::clone(shared), ambient, begun, drain }
    }

    /// Answers the questions that are whole now, in order; `answers` gets them.
    ///
    /// # Errors
    /// What ends the stream, once the answers so far are sent.
    pub fn take(&mut self, received: &[u8], answers: &mut Vec<u8>) -> Result<(), Status> {
        let Self { shared, ambient, begun, .. } = self;
        let service = &*shared.service;
        begun.take(received, shared.max_bytes, |question| {
            let answer = match ambient {
                Some(ambient) => ambient.enter(|| answer(service, question)),
                None => answer(service, question),
            };
            frame(&answer, answers);
        })
    }

    /// How the stream ends when no more questions come.
    #[must_use]
    pub fn end(&self) -> Status {
        if self.begun.bytes.is_empty() { Status::ok("") } else { Status::internal("Unexpected EOF decoding stream.") }
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

impl Begun {
    /// Hands each message that is whole now to `each`, in order, and keeps the rest.
    fn take(&mut self, received: &[u8], max: usize, each: impl FnMut(&[u8])) -> Result<(), Status> {
        if !self.account.charge(received.len()) {
            return Err(grpc::failed(&Failure::Overloaded));
        }
        let before = if self.bytes.is_empty() { 0 } else { self.bytes.len() + received.len() };
        if before == 0 {
            let rest = each_message(received, max, each)?;
            self.bytes.extend_from_slice(rest);
        } else {
            self.bytes.extend_from_slice(received);
            let rest = each_message(&self.bytes, max, each)?.len();
            self.bytes.drain(..before.saturating_sub(rest));
        }
        if self.bytes.is_empty() {
            // A large question is not remembered for ever.
            self.bytes = Vec::new();
        }
        // What was answered is done with; what is kept stays charged, and fitted before.
        self.account.give_back();
        self.account.charge(self.bytes.len());
        Ok(())
    }
}

/// Goes through the messages that are whole; gives the rest.
fn each_message(mut rest: &[u8], max: usize, mut each: impl FnMut(&[u8])) -> Result<&[u8], Status> {
    while let Some((message, after)) = unframe(rest, max)? {
        each(message);
        rest = after;
    }
    Ok(rest)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::intake::Intake;

    #[test]
    fn only_what_is_kept_stays_charged_however_long_a_stream_is() {
        let intake = Intake::new(1000);
        let mut begun = Begun { bytes: Vec::new(), account: intake.open() };
        let mut text = Vec::new();
        (0..500_u32).for_each(|n| frame(&n.to_be_bytes(), &mut text));
        let mut seen = Vec::new();
        // 13 bytes and 9 a message: almost every piece ends within one.
        for piece in text.chunks(13) {
            begun.take(piece, 100, |message| seen.push(message.to_vec())).unwrap();
            assert_eq!(intake.has_room(1000), begun.bytes.is_empty());
            assert!(intake.has_room(1000 - begun.bytes.len()));
        }
        let wanted: Vec<Vec<u8>> = (0..500_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        assert_eq!(seen, wanted);
        assert!(begun.bytes.is_empty() && intake.has_room(1000));

        // One that is refused gives back all when it ends.
        begun.take(&text[..8], 100, |_| {}).unwrap();
        let refused = begun.take(&[0; 999], 5000, |_| {}).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(!intake.has_room(1));
        drop(begun);
        assert!(intake.has_room(1000));
    }
}
