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
    let reply = toolcall::plan_tools(turn, &asked)?;
    let kept = reply.tools.iter().map(|tool| !matches!(tool.filter, Ok(Filter::Never { .. })));
    Ok(BumpVec::from_iter_in(kept, turn.bump).into_bump_slice())
}
