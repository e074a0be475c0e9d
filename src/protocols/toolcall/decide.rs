//! One tool call, or a batch of them, whatever they came as: checked, mapped, decided, and the reply to encode.

use std::fmt::Write;

use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use prost::Message;

use crate::audit::ToolFacts;
use crate::engine::Wants;
use crate::engine::decision::Decision;
use crate::engine::request::Request;
use crate::service::{Failure, Id, Turn};
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
    decide_in(turn, asked, &turn.settings.kind_prefix)
}

/// The same of a tool whose kind begins otherwise.
///
/// # Errors
/// If the call breaks a rule.
pub(in crate::protocols) fn decide_in<'a>(
    turn: &Turn<'a>,
    asked: &Decide<'a>,
    prefix: &str,
) -> Result<DecideReply<'a>, Failure> {
    decide_as(turn, asked, prefix, turn.decision_id())
}

fn decide_as<'a>(turn: &Turn<'a>, asked: &Decide<'a>, prefix: &str, id: Id) -> Result<DecideReply<'a>, Failure> {
    let call = ToolCall::new(asked, turn.bump, turn.settings.wire)?;
    let view = View::of(&call, prefix, turn.bump);
    let mut explained = BumpVec::new_in(turn.bump);
    let identity = ask(turn, &call, "identity", &view.identity, &mut explained);
    let agent = view.agent.as_ref().map(|request| ask(turn, &call, "agent", request, &mut explained));
    let mut reply = verdict(&call, &view, &identity, agent.as_ref(), turn.bump);
    reply.explanations = explained.into_bump_slice();
    let recorded = turn.is_recorded();
    let mut digest = "";
    if call.include_digest || recorded {
        let mut hex = BumpString::with_capacity_in(64, turn.bump);
        // Writing to a string cannot fail.
        let _ = write!(hex, "{}", Digest::of(call.arguments));
        digest = hex.into_bump_str();
    }
    if call.include_digest {
        reply.arguments_sha256 = digest;
    }
    turn.count(reply.verdict);
    if recorded {
        let (policy, rule, location) = (reply.policy, reply.rule, reply.location);
        let (call_id, verdict, reason) = (reply.call_id, reply.verdict, reply.reason);
        let facts = ToolFacts { call_id, verdict, reason, policy, rule, location, arguments_sha256: digest };
        turn.conclude(id, &facts);
    }
    Ok(identified(turn, reply, id))
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
    decide_one_in(turn, asked, &turn.settings.kind_prefix)
}

/// The same of a tool whose kind begins otherwise.
pub(in crate::protocols) fn decide_one_in<'a>(turn: &Turn<'a>, asked: &Decide<'a>, prefix: &str) -> DecideReply<'a> {
    let id = turn.new_id();
    decide_as(turn, asked, prefix, id).unwrap_or_else(|failure| refused(turn, asked.call_id, &failure))
}

/// The reply to a call that could not be decided.
pub(in crate::protocols) fn refused<'a>(turn: &Turn<'a>, call_id: &'a str, failure: &Failure) -> DecideReply<'a> {
    turn.count_refused();
    let mut message = BumpString::new_in(turn.bump);
    let _ = write!(message, "{failure}");
    let id = turn.new_id();
    turn.conclude_refused(id, call_id, failure);
    identified(turn, DecideReply::failure(call_id, failure.code() as i32, message.into_bump_str()), id)
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

fn identified<'a>(turn: &Turn<'a>, reply: DecideReply<'a>, id: Id) -> DecideReply<'a> {
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
