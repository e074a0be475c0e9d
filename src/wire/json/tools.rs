//! `toolgate.v1.PlanToolsRequest` in JSON.

use super::error::JsonError;
use super::node::Node;
use super::walk::{Name, Walk};
use crate::wire::message::{EMPTY, PlanTools, Tool};

const REQUEST: &[Name] =
    &[("identity", "identity"), ("agent", "agent"), ("tools", "tools"), ("session", "session"), ("context", "context")];

impl<'a> Walk<'a> {
    pub(super) fn plan_tools(&self, node: &'a Node<'a>) -> Result<PlanTools<'a>, JsonError> {
        let mut request = PlanTools::EMPTY;
        self.message(node, REQUEST, |field, node| {
            match field {
                0 => request.identity = Some(self.identity(node)?),
                1 => request.agent = Some(self.agent(node)?),
                2 => {
                    let empty = Tool { server: "", name: "", annotations: EMPTY, pinned: false };
                    request.tools = self.repeated(node, empty, |node| self.tool(node))?;
                }
                3 => request.session = Some(self.session(node)?),
                _ => request.context = self.values(node, self.depth)?,
            }
            Ok(())
        })?;
        Ok(request)
    }
}
