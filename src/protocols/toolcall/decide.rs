//! One tool call, or a batch of them, whatever they came as: checked, mapped, decided, and the reply to encode.

use std::fmt::Write;

use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use prost::Message;

use crate::engine::Wants;
use crate::engine::decision::Decision;
use crate::engine::request::Request;
use crate::service::{Failure, Turn};
use crate::toolcall::explain::{explain, json, message};
use crate::toolcall::{CallError, Digest, ToolCall, View, verdict};
use crate::wire::message::Decide;
use crate::wire::reply::{DecideReply, Encoded};
use crate::wire::validate;

/// The verdict on one call.
///
/// # Errors
/// If the call breaks a rule.
pub(in crate::protocols) fn decide<'a>(turn: &Turn<'a>, asked: &Decide<'a>) -> Result<DecideReply<'a>, Failure> {
    let call = ToolCall::new(asked, turn.bump, turn.settings.wire)?;
    let view = View::of(&call, &turn.settings.kind_prefix, turn.bump);
    let mut explained = BumpVec::new_in(turn.bump);
    let identity = ask(turn, &call, "identity", &view.identity, &mut explained);
    let agent = view.agent.as_ref().map(|request| ask(turn, &call, "agent", request, &mut explained));
    let mut reply = verdict(&call, &view, &identity, agent.as_ref(), turn.bump);
    reply.explanations = explained.into_bump_slice();
    if call.include_digest {
        let mut hex = BumpString::with_capacity_in(64, turn.bump);
        // Writing to a string cannot fail.
        let _ = write!(hex, "{}", Digest::of(call.arguments));
        reply.arguments_sha256 = hex.into_bump_str();
    }
    turn.count(reply.verdict);
    Ok(identified(turn, reply))
}

/// Decides for one of the call's principals, and says why if the call wants to know.
fn ask<'a>(
    turn: &Turn<'a>,
    call: &ToolCall<'a>,
    asker: &str,
    request: &Request<'a>,
    explained: &mut BumpVec<'a, Encoded<'a>>,
) -> Decision<'a> {
    if !call.include_trace {
        return turn.decide(request, Wants::default());
    }
    let (decision, seen) = turn.decide_seen(request);
    let (table, params) = (&turn.snapshot.table, &turn.settings.params);
    let why = explain(asker, table, params, request, (&decision, seen), &turn.settings.redaction);
    explained.push(Encoded {
        protobuf: turn.bump.alloc_slice_copy(&message(&why).encode_to_vec()),
        json: turn.bump.alloc_str(&json(&why).to_string()),
    });
    decision
}

/// The verdict on one call of several: what is wrong with it is part of its reply and of no other.
pub(in crate::protocols) fn decide_one_of<'a>(turn: &Turn<'a>, asked: &Decide<'a>) -> DecideReply<'a> {
    decide(turn, asked).unwrap_or_else(|failure| refused(turn, asked.call_id, &failure))
}

/// The reply to a call that could not be decided.
pub(in crate::protocols) fn refused<'a>(turn: &Turn<'a>, call_id: &'a str, failure: &Failure) -> DecideReply<'a> {
    turn.count_refused();
    let mut message = BumpString::new_in(turn.bump);
    let _ = write!(message, "{failure}");
    identified(turn, DecideReply::failure(call_id, failure.code() as i32, message.into_bump_str()))
}

/// The verdicts on a batch, in order, all from one snapshot and one clock reading.
///
/// # Errors
/// If there are no calls, or too many.
pub(super) fn decide_batch<'a>(turn: &Turn<'a>, asked: &[Decide<'a>]) -> Result<&'a [DecideReply<'a>], Failure> {
    validate::decide_batch(asked)?;
    turn.limit_calls(asked.len())?;
    let replies = asked.iter().map(|call| decide_one_of(turn, call));
    Ok(BumpVec::from_iter_in(replies, turn.bump).into_bump_slice())
}

fn identified<'a>(turn: &Turn<'a>, reply: DecideReply<'a>) -> DecideReply<'a> {
    let id = turn.new_id();
    DecideReply { revision: &turn.snapshot.revision, decision_id: turn.bump.alloc_str(id.as_str()), ..reply }
}

impl From<CallError> for Failure {
    fn from(e: CallError) -> Self {
        match e {
            CallError::Violations(v) => Self::Invalid(v),
            CallError::Arguments(_) | CallError::Struct(_) => Self::Arguments(e.to_string()),
        }
    }
}
