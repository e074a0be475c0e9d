//! A list of tools in the policy language: each a call without arguments, which are what a plan does not know; and what
//! the plans of identity and agent say together.

use bumpalo::Bump;

use super::map::View;
use super::model::{JudgedArguments, ToolCall};
use crate::cel::value::{Map, Value};
use crate::engine::request::Request;
use crate::plan::{Filter, PlanError, Term};
use crate::wire::message::{PlanTools, Tool};

/// The attribute under which policies see arguments: a map, always.
pub const ARGUMENTS: &str = "arguments";
/// The path of it in a plan.
const PATH: &str = "request.resource.attr.arguments";

/// The questions about one tool; `None` without an identity. All must be allowed.
pub fn questions<'a>(
    asked: &PlanTools<'a>,
    tool: Tool<'a>,
    kind_prefix: &str,
    bump: &'a Bump,
) -> Option<(Request<'a>, Option<Request<'a>>)> {
    let call = ToolCall {
        call_id: "",
        identity: asked.identity?,
        agent: asked.agent,
        tool,
        arguments: JudgedArguments::Absent,
        session: asked.session.unwrap_or_default(),
        context: asked.context,
        include_digest: false,
        include_trace: false,
    };
    let view = View::of(&call, kind_prefix, bump);
    Some((without_arguments(view.identity, bump), view.agent.map(|agent| without_arguments(agent, bump))))
}

fn without_arguments<'a>(request: Request<'a>, bump: &'a Bump) -> Request<'a> {
    let mut fields = bumpalo::collections::Vec::with_capacity_in(request.resource.attr.len(), bump);
    fields.extend(request.resource.attr.iter().filter_map(|(key, value)| match key {
        Value::String(name) if name != ARGUMENTS => Some((name, value)),
        _ => None,
    }));
    let mut request = request;
    request.resource.attr = Map::Fields(fields.into_bump_slice());
    request
}

/// Both plans at once, over `arguments` instead of the path under which policies see them.
///
/// # Errors
/// If that would be too large.
pub fn together<'a>(identity: Filter<'a>, agent: Option<Filter<'a>>, bump: &'a Bump) -> Result<Filter<'a>, PlanError> {
    let both = match (identity, agent) {
        (never @ Filter::Never { .. }, _) | (_, Some(never @ Filter::Never { .. })) => return Ok(never),
        (Filter::If(a), Some(Filter::If(b))) if !a.same(b) => Term::apply(bump, "and", &[a, b])?,
        (Filter::If(term), _) | (Filter::Always, Some(Filter::If(term))) => term,
        (Filter::Always, None | Some(Filter::Always)) => return Ok(Filter::Always),
    };
    renamed(both, bump).map(Filter::If)
}

fn renamed<'a>(term: Term<'a>, bump: &'a Bump) -> Result<Term<'a>, PlanError> {
    match term {
        Term::Variable(path) => match path.strip_prefix(PATH) {
            Some("") => Ok(Term::Variable(ARGUMENTS)),
            Some(rest) if rest.starts_with('.') => Ok(Term::Variable(bump.alloc_str(&format!("arguments{rest}")))),
            _ => Ok(term),
        },
        Term::Apply(a) => {
            let operands = a.operands.iter().map(|o| renamed(*o, bump)).collect::<Result<Vec<_>, _>>()?;
            Ok(Term::apply(bump, a.operator, &operands)?)
        }
        other => Ok(other),
    }
}
