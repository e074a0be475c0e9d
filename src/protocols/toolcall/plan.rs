//! A list of tools, whatever it came as: checked, planned one by one from one snapshot, and the reply to encode.

use bumpalo::collections::Vec as BumpVec;

use crate::plan::Filter;
use crate::service::{Failure, Turn};
use crate::toolcall::tools;
use crate::wire::message::{PlanTools, Tool};
use crate::wire::reply::{PlanToolsReply, ToolPlan};
use crate::wire::validate;

/// What may be used of a list of tools.
///
/// # Errors
/// If the request breaks a rule.
pub(in crate::protocols) fn plan_tools<'a>(
    turn: &Turn<'a>,
    asked: &PlanTools<'a>,
) -> Result<PlanToolsReply<'a>, Failure> {
    plan_tools_in(turn, asked, &turn.settings.kind_prefix)
}

/// The same of tools whose kinds begin otherwise.
///
/// # Errors
/// If the request breaks a rule.
pub(in crate::protocols) fn plan_tools_in<'a>(
    turn: &Turn<'a>,
    asked: &PlanTools<'a>,
    prefix: &str,
) -> Result<PlanToolsReply<'a>, Failure> {
    validate::plan_tools(asked)?;
    let plans = asked.tools.iter().map(|tool| {
        let filter = one(turn, asked, *tool, prefix).map_err(|why| &*turn.bump.alloc_str(&why.to_string()));
        ToolPlan { server: tool.server, name: tool.name, filter }
    });
    let tools = BumpVec::from_iter_in(plans, turn.bump).into_bump_slice();
    Ok(PlanToolsReply { tools, revision: &turn.snapshot.revision })
}

fn one<'a>(turn: &Turn<'a>, asked: &PlanTools<'a>, tool: Tool<'a>, prefix: &str) -> Result<Filter<'a>, Failure> {
    let questions = tools::questions(asked, tool, prefix, turn.bump);
    // An identity is there: the rules were checked.
    let Some((identity, agent)) = questions else { return Ok(Filter::Never { no_match: true }) };
    let identity = turn.plan_with(&identity, &[tools::ARGUMENTS], false)?.filter;
    let agent =
        agent.map(|agent| turn.plan_with(&agent, &[tools::ARGUMENTS], false).map(|plan| plan.filter)).transpose()?;
    tools::together(identity, agent, turn.bump).map_err(Failure::NoPlan)
}
