//! `toolgate.v1.DecideRequest` and `DecideBatchRequest`.

use super::reader::{Merged, Reader, Repeated};
use super::{DecodeError, Decoder};
use crate::wire::message::{Agent, Arguments, Decide, EMPTY, Identity, Session, SessionCall, Tool};

/// The arguments so far: parts of a struct merge until the other form replaces it.
enum Form<'a> {
    None,
    Json(&'a [u8]),
    Struct(Merged<'a>),
}

impl<'a> Decoder<'a> {
    pub(super) fn decide_batch(&mut self, bytes: &'a [u8]) -> Result<&'a [Decide<'a>], DecodeError> {
        let mut calls = Repeated::new();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => {
                    let item = self.decide(reader.bytes(key)?)?;
                    calls.push(item, key, &reader, self)?;
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(calls.finish())
    }

    pub(super) fn decide(&mut self, bytes: &'a [u8]) -> Result<Decide<'a>, DecodeError> {
        let mut context = Repeated::new();
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
                8 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    context.push(item, key, &reader, self)?;
                }
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
        call.context = self.map(context.finish())?;
        Ok(call)
    }

    fn arguments(&mut self, form: Form<'a>) -> Result<Arguments<'a>, DecodeError> {
        Ok(match form {
            Form::None => Arguments::Absent,
            Form::Json(raw) => Arguments::Json(raw),
            Form::Struct(merged) => Arguments::Struct(self.only_map(merged.take().unwrap_or_default(), self.depth)?),
        })
    }

    pub(super) fn identity(&mut self, bytes: &'a [u8]) -> Result<Identity<'a>, DecodeError> {
        let mut roles = Repeated::new();
        let mut attr = Repeated::new();
        let (mut id, mut scope, mut policy_version) = ("", "", "");
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => roles.push(reader.string(key)?, key, &reader, self)?,
                3 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    attr.push(item, key, &reader, self)?;
                }
                4 => scope = reader.string(key)?,
                5 => policy_version = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(Identity { id, roles: roles.finish(), attr: self.map(attr.finish())?, scope, policy_version })
    }

    pub(super) fn agent(&mut self, bytes: &'a [u8]) -> Result<Agent<'a>, DecodeError> {
        let mut roles = Repeated::new();
        let mut attr = Repeated::new();
        let mut chain = Repeated::new();
        let mut id = "";
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => roles.push(reader.string(key)?, key, &reader, self)?,
                3 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    attr.push(item, key, &reader, self)?;
                }
                4 => chain.push(reader.string(key)?, key, &reader, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(Agent { id, roles: roles.finish(), attr: self.map(attr.finish())?, chain: chain.finish() })
    }

    pub(super) fn tool(&mut self, bytes: &'a [u8]) -> Result<Tool<'a>, DecodeError> {
        let mut annotations = Repeated::new();
        let mut tool = Tool { server: "", name: "", annotations: EMPTY, pinned: false };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => tool.server = reader.string(key)?,
                2 => tool.name = reader.string(key)?,
                3 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    annotations.push(item, key, &reader, self)?;
                }
                4 => tool.pinned = reader.bool(key)?,
                _ => reader.skip(key)?,
            }
        }
        tool.annotations = self.map(annotations.finish())?;
        Ok(tool)
    }

    pub(super) fn session(&mut self, bytes: &'a [u8]) -> Result<Session<'a>, DecodeError> {
        let mut labels = Repeated::new();
        let mut calls = Repeated::new();
        let (mut id, mut user) = ("", "");
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => user = reader.string(key)?,
                3 => labels.push(reader.string(key)?, key, &reader, self)?,
                4 => calls.push(session_call(reader.bytes(key)?)?, key, &reader, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(Session { id, user, labels: labels.finish(), calls: calls.finish() })
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
