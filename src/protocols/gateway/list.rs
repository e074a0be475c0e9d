//! A list of tools, of which only those are left that this identity could be allowed to call with some arguments: the
//! plan of each, from one snapshot. A rule whose condition reads arguments keeps the tool: it may be allowed. So does a
//! condition that cannot be planned; the call is judged when it comes.

use bumpalo::collections::Vec as BumpVec;

use super::ask::{context, session};
use super::identity::Who;
use crate::plan::Filter;
use crate::protocols::toolcall;
use crate::service::{Failure, Turn};
use crate::wire::message::{PlanTools, Tool};

/// Which of the tools may be listed, in their order.
///
/// # Errors
/// If the question breaks a rule, such as a tool without a name.
pub(in crate::protocols) fn filter<'a>(
    turn: &Turn<'a>,
    who: &Who<'a>,
    gateway: &'static str,
    session_id: &'a str,
    tools: &'a [Tool<'a>],
) -> Result<&'a [bool], Failure> {
    filter_in(turn, who, gateway, session_id, tools, None)
}

/// The same of tools whose kinds may begin otherwise.
///
/// # Errors
/// As above.
pub(in crate::protocols) fn filter_in<'a>(
    turn: &Turn<'a>,
    who: &Who<'a>,
    gateway: &'static str,
    session_id: &'a str,
    tools: &'a [Tool<'a>],
    prefix: Option<&str>,
) -> Result<&'a [bool], Failure> {
    if tools.is_empty() {
        return Ok(&[]);
    }
    let asked = PlanTools {
        identity: Some(who.identity),
        agent: who.agent,
        tools,
        session: session(who, session_id),
        context: context(turn, who, gateway, &[]),
    };
    let reply = toolcall::plan_tools_in(turn, &asked, prefix.unwrap_or(&turn.settings.kind_prefix))?;
    let kept = reply.tools.iter().map(|tool| !matches!(tool.filter, Ok(Filter::Never { .. })));
    Ok(BumpVec::from_iter_in(kept, turn.bump).into_bump_slice())
}

/// Whether a tool may be called whatever its arguments are.
///
/// # Errors
/// If the question breaks a rule.
pub(in crate::protocols) fn listed_always<'a>(
    turn: &Turn<'a>,
    who: &Who<'a>,
    gateway: &'static str,
    tool: Tool<'a>,
    prefix: Option<&str>,
) -> Result<bool, Failure> {
    let asked = PlanTools {
        identity: Some(who.identity),
        agent: who.agent,
        tools: turn.bump.alloc([tool]),
        session: session(who, ""),
        context: context(turn, who, gateway, &[]),
    };
    let reply = toolcall::plan_tools_in(turn, &asked, prefix.unwrap_or(&turn.settings.kind_prefix))?;
    Ok(reply.tools.iter().all(|tool| matches!(tool.filter, Ok(Filter::Always))) && !reply.tools.is_empty())
}
