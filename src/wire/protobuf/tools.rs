//! `toolgate.v1.PlanToolsRequest`.

use super::reader::{Merged, Reader, Repeated};
use super::{DecodeError, Decoder};
use crate::wire::message::PlanTools;

impl<'a> Decoder<'a> {
    pub(super) fn plan_tools(&mut self, bytes: &'a [u8]) -> Result<PlanTools<'a>, DecodeError> {
        let (mut tools, mut context) = (Repeated::new(), Repeated::new());
        let (mut identity, mut agent, mut session) = (Merged::default(), Merged::default(), Merged::default());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                2 => identity.push(reader.bytes(key)?, self)?,
                3 => agent.push(reader.bytes(key)?, self)?,
                4 => {
                    let item = self.tool(reader.bytes(key)?)?;
                    tools.push(item, key, &reader, self)?;
                }
                7 => session.push(reader.bytes(key)?, self)?,
                8 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    context.push(item, key, &reader, self)?;
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(PlanTools {
            identity: identity.take().map(|bytes| self.identity(bytes)).transpose()?,
            agent: agent.take().map(|bytes| self.agent(bytes)).transpose()?,
            tools: tools.finish(),
            session: session.take().map(|bytes| self.session(bytes)).transpose()?,
            context: self.map(context.finish())?,
        })
    }
}
