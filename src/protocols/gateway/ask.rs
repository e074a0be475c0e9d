//! One tool call of an adapter, asked about by the path of `/v1/decide`, and what comes of it for an enforcement point
//! that can do some things and not others. What cannot be carried out is a denial with a reason that says so.

use std::fmt::Write;

use bumpalo::collections::String as BumpString;

use super::identity::Who;
use super::obligations::Duties;
use crate::cel::value::{Map, Value};
use crate::plan::Filter;
use crate::protocols::toolcall;
use crate::service::Turn;
use crate::wire::map::sort;
use crate::wire::message::{Arguments, Decide, EMPTY, PlanTools, Session, Tool};
use crate::wire::reply::{DecideReply, Verdict};

/// A tool call as adapters know it.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocols) struct Question<'a> {
    /// The call's id; may be empty.
    pub(in crate::protocols) call_id: &'a str,
    /// What stands before the server in the kind, where that is not what the configuration says.
    pub(in crate::protocols) prefix: Option<&'static str>,
    /// The tool's server.
    pub(in crate::protocols) server: &'a str,
    /// The tool.
    pub(in crate::protocols) name: &'a str,
    /// Its arguments.
    pub(in crate::protocols) arguments: Arguments<'a>,
    /// What the tool says of itself.
    pub(in crate::protocols) annotations: Map<'a>,
    /// The session, if the adapter knows it better than the identity does.
    pub(in crate::protocols) session: &'a str,
    /// The adapter's name: policies see it as `R.attr.context.gateway`.
    pub(in crate::protocols) gateway: &'static str,
    /// More context, by name.
    pub(in crate::protocols) context: &'a [(&'a str, Value<'a>)],
    /// The digest of the arguments is wanted.
    pub(in crate::protocols) digest: bool,
}

impl Question<'_> {
    /// Nothing said.
    pub(in crate::protocols) const EMPTY: Question<'static> = Question {
        call_id: "",
        prefix: None,
        server: "",
        name: "",
        arguments: Arguments::Absent,
        annotations: EMPTY,
        session: "",
        gateway: "",
        context: &[],
        digest: false,
    };
}

/// What was decided.
#[derive(Clone, Debug)]
pub(in crate::protocols) enum Outcome<'a> {
    /// It may run as it is.
    Allow(DecideReply<'a>),
    /// It may run if the enforcement point does what it is obliged to.
    Oblige(DecideReply<'a>, Duties<'a>),
    /// It may run once a person approves.
    Ask(DecideReply<'a>),
    /// It may not run.
    Deny(DecideReply<'a>),
}

/// What an enforcement point can do.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::protocols) struct Able {
    /// Ask a person.
    pub(in crate::protocols) ask: bool,
    /// Send other arguments than the caller's.
    pub(in crate::protocols) arguments: bool,
    /// Change results.
    pub(in crate::protocols) results: bool,
}

/// What an enforcement point must do.
#[derive(Clone, Debug)]
pub(in crate::protocols) enum Gate<'a> {
    /// Let the call run, with what it is obliged to.
    Open(DecideReply<'a>, Duties<'a>),
    /// Ask a person.
    Ask(DecideReply<'a>),
    /// Keep it from running. The reason is never empty.
    Shut(DecideReply<'a>),
}

/// Asks about a call. Whatever keeps it from being decided is a denial.
pub(in crate::protocols) fn ask<'a>(turn: &Turn<'a>, who: &Who<'a>, question: &Question<'a>) -> Outcome<'a> {
    let asked = Decide {
        call_id: question.call_id,
        identity: Some(who.identity),
        agent: who.agent,
        tool: Some(Tool {
            server: question.server,
            name: question.name,
            annotations: question.annotations,
            pinned: false,
        }),
        arguments: question.arguments,
        session: session(who, question.session),
        context: context(turn, who, question.gateway, question.context),
        include_digest: question.digest,
        include_trace: false,
    };
    // Each under an id of its own: a question of a gateway can hold several calls.
    let prefix = question.prefix.unwrap_or(&turn.settings.kind_prefix);
    Outcome::of(turn, toolcall::decide_one_in(turn, &asked, prefix))
}

/// Asks about a call whose arguments are not known. It is allowed only if it would be whatever they are; obligations
/// are those of an empty call, so that a rule which looks at arguments and obliges to something is not seen.
pub(in crate::protocols) fn ask_without_arguments<'a>(
    turn: &Turn<'a>,
    who: &Who<'a>,
    question: &Question<'a>,
) -> Outcome<'a> {
    let question = Question { arguments: Arguments::Absent, digest: false, ..*question };
    let tool = Tool { server: question.server, name: question.name, annotations: question.annotations, pinned: false };
    let asked = PlanTools {
        identity: Some(who.identity),
        agent: who.agent,
        tools: turn.bump.alloc([tool]),
        session: session(who, question.session),
        context: context(turn, who, question.gateway, question.context),
    };
    let planned = match toolcall::plan_tools(turn, &asked) {
        Ok(planned) => planned,
        Err(failure) => return Outcome::Deny(toolcall::refused(turn, question.call_id, &failure)),
    };
    match (planned.tools.first().map(|tool| tool.filter), ask(turn, who, &question)) {
        (_, denied @ Outcome::Deny(_)) | (Some(Ok(Filter::Always)), denied) => denied,
        (_, Outcome::Allow(reply) | Outcome::Oblige(reply, _) | Outcome::Ask(reply)) => {
            let why = "policy reads the arguments, and this gateway does not send them";
            Outcome::Deny(DecideReply { verdict: Verdict::Deny, reason: why, obligations: &[], ..reply })
        }
    }
}

/// The session as policies see it.
pub(super) fn session<'a>(who: &Who<'a>, known: &'a str) -> Option<Session<'a>> {
    let id = if known.is_empty() { who.session } else { known };
    (!id.is_empty()).then(|| Session { id, ..Session::default() })
}

/// The context as policies see it.
pub(super) fn context<'a>(
    turn: &Turn<'a>,
    who: &Who<'a>,
    gateway: &'static str,
    more: &[(&'a str, Value<'a>)],
) -> Map<'a> {
    let known: [(&str, Value<'a>); 2] =
        [("gateway", Value::String(gateway)), ("identity_source", Value::String(who.source))];
    let more = more.iter().filter(|(name, _)| known.iter().all(|(k, _)| k != name)).copied();
    let all = bumpalo::collections::Vec::from_iter_in(known.iter().copied().chain(more), turn.bump);
    let all = all.into_bump_slice_mut();
    sort(all);
    Map::Fields(all)
}

impl<'a> Outcome<'a> {
    fn of(turn: &Turn<'a>, reply: DecideReply<'a>) -> Self {
        let reply = if reply.reason.is_empty() { DecideReply { reason: "no reason given", ..reply } } else { reply };
        if reply.error.is_some() {
            return Self::Deny(reply);
        }
        match reply.verdict {
            Verdict::Deny => Self::Deny(reply),
            Verdict::Ask => Self::Ask(reply),
            Verdict::Allow => match Duties::read(reply.obligations, turn.bump) {
                Ok(_) if reply.obligations.is_empty() => Self::Allow(reply),
                Ok(duties) => Self::Oblige(reply, duties),
                Err(why) => Self::Deny(because(turn, reply, &why)),
            },
        }
    }

    /// What an enforcement point must do that can do no more than `able` says. A denial is said to be one: what the
    /// reason of an allow says would mislead.
    pub(in crate::protocols) fn within(self, turn: &Turn<'a>, able: Able) -> Gate<'a> {
        match self {
            Self::Allow(reply) => Gate::Open(reply, Duties::NONE),
            Self::Oblige(reply, duties) => {
                if duties.changes_arguments() && !able.arguments {
                    return Gate::Shut(because(
                        turn,
                        reply,
                        "this gateway cannot change arguments, as policy obliges it to",
                    ));
                }
                if duties.changes_results() && !able.results {
                    return Gate::Shut(because(
                        turn,
                        reply,
                        "this gateway cannot redact results, as policy obliges it to",
                    ));
                }
                Gate::Open(reply, duties)
            }
            Self::Ask(reply) if able.ask => Gate::Ask(reply),
            Self::Ask(reply) => {
                Gate::Shut(because(turn, reply, "a person must approve this, and this gateway cannot ask"))
            }
            Self::Deny(reply) => Gate::Shut(reply),
        }
    }
}

/// A denial of what policy did not deny itself: what stands in the way, and what policy said.
fn because<'a>(turn: &Turn<'a>, reply: DecideReply<'a>, why: &str) -> DecideReply<'a> {
    let mut reason = BumpString::new_in(turn.bump);
    // Writing to a string cannot fail.
    let _ = write!(reason, "{why}: {}", reply.reason);
    DecideReply { verdict: Verdict::Deny, reason: reason.into_bump_str(), obligations: &[], ..reply }
}
