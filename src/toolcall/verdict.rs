//! Decisions → one verdict. Everything unclear is a deny.

use std::fmt::Write;

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use super::Verdict;
use super::map::View;
use super::model::ToolCall;
use super::obligation::Findings;
use super::reason::{self, Reason};
use crate::engine::decision::{ActionResult, Cause, Decision, Effect};
use crate::engine::request::Request;
use crate::wire::reply::DecideReply;

/// One principal's question and its answer.
struct Answer<'r, 'a> {
    who: &'static str,
    request: &'r Request<'a>,
    decision: &'r Decision<'a>,
    result: &'r ActionResult<'a>,
}

/// The verdict on a call from the decisions on its [`View`]: an allow only if the identity and, where the agent is a
/// principal of its own, the agent are both allowed, and it is clear what that obliges to. What the caller knows
/// (revision, decision id, digest, whether it was cached) is left empty.
pub fn verdict<'a>(
    call: &ToolCall<'a>,
    view: &View<'a>,
    identity: &Decision<'a>,
    agent: Option<&Decision<'a>>,
    bump: &'a Bump,
) -> DecideReply<'a> {
    let Some(user) = answer("identity", &view.identity, identity) else {
        return DecideReply::deny(call.call_id, "not decided");
    };
    let asked = match (&view.agent, agent) {
        (None, _) => Some(None),
        (Some(request), Some(decision)) => answer("agent", request, decision).map(Some),
        (Some(_), None) => None,
    };
    let trace = if call.include_trace { trace(identity, agent, bump) } else { &[] };
    if user.result.effect == Effect::Deny {
        return denied(call, &user, view.agent.is_some(), trace, bump);
    }
    let Some(agent) = asked else {
        return DecideReply::deny(call.call_id, "not decided for the agent");
    };
    if let Some(agent) = agent.as_ref().filter(|agent| agent.result.effect == Effect::Deny) {
        return denied(call, agent, true, trace, bump);
    }
    allowed(call, &user, agent.as_ref(), trace, bump)
}

fn answer<'r, 'a>(who: &'static str, request: &'r Request<'a>, decision: &'r Decision<'a>) -> Option<Answer<'r, 'a>> {
    let result = decision.actions.first().filter(|result| request.actions.first() == Some(&result.action))?;
    Some(Answer { who, request, decision, result })
}

fn denied<'a>(
    call: &ToolCall<'a>,
    answer: &Answer<'_, 'a>,
    two: bool,
    trace: &'a [&'a str],
    bump: &'a Bump,
) -> DecideReply<'a> {
    let mut findings = Findings::new(bump);
    findings.read(answer.decision.outputs);
    let mut text = BumpString::new_in(bump);
    if two {
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, "{} `{}`: ", answer.who, answer.request.principal.id);
    }
    match findings.reason {
        Some(reason) => {
            text.push_str(reason);
            // The rule denies because its condition erred, and its words do not say so.
            if let Cause::Error(_, error) = answer.result.cause {
                let _ = write!(text, " (its condition could not be evaluated: {error})");
            }
        }
        None => _ = write!(text, "{}", answer.reason()),
    }
    answer.reply(call, Verdict::Deny, text.into_bump_str(), findings, trace, bump)
}

fn allowed<'a>(
    call: &ToolCall<'a>,
    user: &Answer<'_, 'a>,
    agent: Option<&Answer<'_, 'a>>,
    trace: &'a [&'a str],
    bump: &'a Bump,
) -> DecideReply<'a> {
    // The answer whose policy asks for approval speaks for the verdict.
    let (speaker, other) = match agent {
        Some(agent) if !user.asks(bump) && agent.asks(bump) => (agent, Some(user)),
        agent => (user, agent),
    };
    let mut findings = Findings::new(bump);
    findings.read(speaker.decision.outputs);
    let given = findings.reason;
    if let Some(other) = other {
        findings.read(other.decision.outputs);
    }
    if let Some((src, why)) = findings.unclear {
        let text = bumpalo::format!(in bump, "`{src}` allows this, but its output cannot be understood: {why}",);
        return speaker.reply(call, Verdict::Deny, text.into_bump_str(), findings, trace, bump);
    }
    let verdict = if findings.approval() { Verdict::Ask } else { Verdict::Allow };
    let reason = match given {
        Some(reason) => reason,
        None if verdict == Verdict::Ask => {
            bumpalo::format!(in bump, "needs approval: {}", speaker.reason()).into_bump_str()
        }
        None => bumpalo::format!(in bump, "{}", speaker.reason()).into_bump_str(),
    };
    speaker.reply(call, verdict, reason, findings, trace, bump)
}

impl<'r, 'a> Answer<'r, 'a> {
    fn reason(&self) -> Reason<'r, 'a> {
        Reason { request: self.request, decision: self.decision, result: self.result }
    }

    /// Whether its outputs ask for approval.
    fn asks(&self, bump: &'a Bump) -> bool {
        let mut findings = Findings::new(bump);
        findings.read(self.decision.outputs);
        findings.approval()
    }

    fn reply(
        &self,
        call: &ToolCall<'a>,
        verdict: Verdict,
        reason: &'a str,
        findings: Findings<'a>,
        trace: &'a [&'a str],
        bump: &'a Bump,
    ) -> DecideReply<'a> {
        let rule = reason::rule(&self.result.cause);
        let location = rule.map_or("", |rule| bumpalo::format!(in bump, "{}:{}", rule.file, rule.line).into_bump_str());
        DecideReply {
            verdict,
            policy: self.result.policy,
            rule: rule.map_or("", |rule| rule.name),
            location,
            obligations: findings.obligations.into_bump_slice(),
            outputs: findings.outputs.into_bump_slice(),
            trace,
            ..DecideReply::deny(call.call_id, reason)
        }
    }
}

fn trace<'a>(identity: &Decision<'a>, agent: Option<&Decision<'a>>, bump: &'a Bump) -> &'a [&'a str] {
    let Some(agent) = agent else { return identity.trace };
    let mut lines = BumpVec::with_capacity_in(identity.trace.len() + agent.trace.len(), bump);
    for (who, decision) in [("identity", identity), ("agent", agent)] {
        lines.extend(
            decision
                .trace
                .iter()
                .map(|line| -> &'a str { bumpalo::format!(in bump, "{who}: {line}",).into_bump_str() }),
        );
    }
    lines.into_bump_slice()
}
