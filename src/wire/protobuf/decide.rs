//! `toolgate.v1.DecideRequest` and `DecideBatchRequest`.

use super::reader::{Merged, Reader, tally};
use super::value::put;
use super::{DecodeError, Decoder};
use crate::cel::value::Value;
use crate::wire::message::{Agent, Arguments, Decide, EMPTY, Identity, Session, SessionCall, Tool};

/// The arguments so far: parts of a struct merge until the other form replaces it.
enum Form<'a> {
    None,
    Json(&'a [u8]),
    Struct(Merged<'a>),
}

impl<'a> Decoder<'a> {
    pub(super) fn decide_batch(&mut self, bytes: &'a [u8]) -> Result<&'a [Decide<'a>], DecodeError> {
        let [_, calls] = tally(bytes)?;
        let calls = self.slots(calls, Decide::EMPTY)?;
        let mut slots = calls.iter_mut();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => put(&mut slots, self.decide(reader.bytes(key)?)?),
                _ => reader.skip(key)?,
            }
        }
        Ok(calls)
    }

    pub(super) fn decide(&mut self, bytes: &'a [u8]) -> Result<Decide<'a>, DecodeError> {
        let [_, _, _, _, _, _, _, _, context] = tally(bytes)?;
        let context = self.slots(context, ("", Value::Null))?;
        let mut slots = context.iter_mut();
        let mut call = Decide::EMPTY;
        let (mut identity, mut agent, mut tool, mut session) =
            (Merged::default(), Merged::default(), Merged::default(), Merged::default());
        let mut form = Form::None;
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => call.call_id = reader.string(key)?,
                2 => identity.push(reader.bytes(key)?, self)?,
                3 => agent.push(reader.bytes(key)?, self)?,
                4 => tool.push(reader.bytes(key)?, self)?,
                5 => {
                    let replaced = std::mem::replace(&mut form, Form::Json(reader.bytes(key)?));
                    self.arguments(replaced)?;
                }
                6 => {
                    if !matches!(form, Form::Struct(_)) {
                        form = Form::Struct(Merged::default());
                    }
                    if let Form::Struct(merged) = &mut form {
                        merged.push(reader.bytes(key)?, self)?;
                    }
                }
                7 => session.push(reader.bytes(key)?, self)?,
                8 => put(&mut slots, self.entry(reader.bytes(key)?, self.depth)?),
                9 => call.include_digest = reader.bool(key)?,
                10 => call.include_trace = reader.bool(key)?,
                _ => reader.skip(key)?,
            }
        }
        call.identity = identity.take().map(|bytes| self.identity(bytes)).transpose()?;
        call.agent = agent.take().map(|bytes| self.agent(bytes)).transpose()?;
        call.tool = tool.take().map(|bytes| self.tool(bytes)).transpose()?;
        call.arguments = self.arguments(form)?;
        call.session = session.take().map(|bytes| self.session(bytes)).transpose()?;
        call.context = self.map(context)?;
        Ok(call)
    }

    fn arguments(&mut self, form: Form<'a>) -> Result<Arguments<'a>, DecodeError> {
        Ok(match form {
            Form::None => Arguments::Absent,
            Form::Json(raw) => Arguments::Json(raw),
            Form::Struct(merged) => Arguments::Struct(self.structure(merged.take().unwrap_or_default(), self.depth)?),
        })
    }

    fn identity(&mut self, bytes: &'a [u8]) -> Result<Identity<'a>, DecodeError> {
        let [_, _, roles, attr] = tally(bytes)?;
        let roles = self.slots(roles, "")?;
        let attr = self.slots(attr, ("", Value::Null))?;
        let (mut role_slots, mut attr_slots) = (roles.iter_mut(), attr.iter_mut());
        let (mut id, mut scope, mut policy_version) = ("", "", "");
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => put(&mut role_slots, reader.string(key)?),
                3 => put(&mut attr_slots, self.entry(reader.bytes(key)?, self.depth)?),
                4 => scope = reader.string(key)?,
                5 => policy_version = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(Identity { id, roles, attr: self.map(attr)?, scope, policy_version })
    }

    fn agent(&mut self, bytes: &'a [u8]) -> Result<Agent<'a>, DecodeError> {
        let [_, _, roles, attr, chain] = tally(bytes)?;
        let roles = self.slots(roles, "")?;
        let attr = self.slots(attr, ("", Value::Null))?;
        let chain = self.slots(chain, "")?;
        let (mut role_slots, mut attr_slots, mut chain_slots) = (roles.iter_mut(), attr.iter_mut(), chain.iter_mut());
        let mut id = "";
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => put(&mut role_slots, reader.string(key)?),
                3 => put(&mut attr_slots, self.entry(reader.bytes(key)?, self.depth)?),
                4 => put(&mut chain_slots, reader.string(key)?),
                _ => reader.skip(key)?,
            }
        }
        Ok(Agent { id, roles, attr: self.map(attr)?, chain })
    }

    fn tool(&mut self, bytes: &'a [u8]) -> Result<Tool<'a>, DecodeError> {
        let [_, _, _, annotations] = tally(bytes)?;
        let annotations = self.slots(annotations, ("", Value::Null))?;
        let mut slots = annotations.iter_mut();
        let mut tool = Tool { server: "", name: "", annotations: EMPTY, pinned: false };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => tool.server = reader.string(key)?,
                2 => tool.name = reader.string(key)?,
                3 => put(&mut slots, self.entry(reader.bytes(key)?, self.depth)?),
                4 => tool.pinned = reader.bool(key)?,
                _ => reader.skip(key)?,
            }
        }
        tool.annotations = self.map(annotations)?;
        Ok(tool)
    }

    fn session(&mut self, bytes: &'a [u8]) -> Result<Session<'a>, DecodeError> {
        let [_, _, _, labels, calls] = tally(bytes)?;
        let labels = self.slots(labels, "")?;
        let calls = self.slots(calls, SessionCall::default())?;
        let (mut label_slots, mut call_slots) = (labels.iter_mut(), calls.iter_mut());
        let (mut id, mut user) = ("", "");
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => user = reader.string(key)?,
                3 => put(&mut label_slots, reader.string(key)?),
                4 => put(&mut call_slots, session_call(reader.bytes(key)?)?),
                _ => reader.skip(key)?,
            }
        }
        Ok(Session { id, user, labels, calls })
    }
}

fn session_call(bytes: &[u8]) -> Result<SessionCall<'_>, DecodeError> {
    let mut call = SessionCall::default();
    let mut reader = Reader::new(bytes);
    while let Some(key) = reader.key()? {
        match key.field {
            1 => call.server = reader.string(key)?,
            2 => call.name = reader.string(key)?,
            _ => reader.skip(key)?,
        }
    }
    Ok(call)
}
