//! `authzen.authorization.v1.AccessEvaluationRequest` and `AccessEvaluationBatchRequest`.

use super::reader::{Key, Merged, Reader, Repeated};
use super::{DecodeError, Decoder};
use crate::cel::value::Value;
use crate::wire::authzen::{Action, Entity, Evaluation, Evaluations};
use crate::wire::message::EMPTY;

/// The fields that a request, an item and the defaults of a batch have in common.
#[derive(Default)]
struct Common<'a> {
    subject: Merged<'a>,
    resource: Merged<'a>,
    action: Merged<'a>,
}

impl<'a> Common<'a> {
    /// Takes a field if it is one of these.
    fn take(
        &mut self,
        key: Key,
        reader: &mut Reader<'a>,
        context: &mut Repeated<'a, (&'a str, Value<'a>)>,
        decoder: &mut Decoder<'a>,
    ) -> Result<bool, DecodeError> {
        match key.field {
            1 => self.subject.push(reader.bytes(key)?, decoder)?,
            2 => self.resource.push(reader.bytes(key)?, decoder)?,
            3 => self.action.push(reader.bytes(key)?, decoder)?,
            4 => {
                let item = decoder.entry(reader.bytes(key)?, decoder.depth)?;
                context.push(item, key, reader, decoder)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(
        self,
        context: Repeated<'a, (&'a str, Value<'a>)>,
        decoder: &mut Decoder<'a>,
    ) -> Result<Evaluation<'a>, DecodeError> {
        Ok(Evaluation {
            subject: self.subject.take().map(|bytes| decoder.entity(bytes)).transpose()?,
            resource: self.resource.take().map(|bytes| decoder.entity(bytes)).transpose()?,
            action: self.action.take().map(|bytes| decoder.action(bytes)).transpose()?,
            context: decoder.map(context.finish())?,
        })
    }
}

impl<'a> Decoder<'a> {
    pub(super) fn evaluation(&mut self, bytes: &'a [u8]) -> Result<Evaluation<'a>, DecodeError> {
        let (mut common, mut context) = (Common::default(), Repeated::new());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            if !common.take(key, &mut reader, &mut context, self)? {
                reader.skip(key)?;
            }
        }
        common.finish(context, self)
    }

    pub(super) fn evaluations(&mut self, bytes: &'a [u8]) -> Result<Evaluations<'a>, DecodeError> {
        let (mut common, mut context) = (Common::default(), Repeated::new());
        let mut items = Repeated::new();
        let mut options = Merged::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            if common.take(key, &mut reader, &mut context, self)? {
                continue;
            }
            match key.field {
                5 => {
                    let item = self.evaluation(reader.bytes(key)?)?;
                    items.push(item, key, &reader, self)?;
                }
                6 => options.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        let mut semantic = "";
        if let Some(options) = options.take() {
            let mut reader = Reader::new(options);
            while let Some(key) = reader.key()? {
                match key.field {
                    1 => semantic = reader.string(key)?,
                    _ => reader.skip(key)?,
                }
            }
        }
        Ok(Evaluations { defaults: common.finish(context, self)?, items: items.finish(), semantic })
    }

    fn entity(&mut self, bytes: &'a [u8]) -> Result<Entity<'a>, DecodeError> {
        let mut properties = Repeated::new();
        let mut entity = Entity { ty: "", id: "", properties: EMPTY };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => entity.ty = reader.string(key)?,
                2 => entity.id = reader.string(key)?,
                3 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    properties.push(item, key, &reader, self)?;
                }
                _ => reader.skip(key)?,
            }
        }
        entity.properties = self.map(properties.finish())?;
        Ok(entity)
    }

    fn action(&mut self, bytes: &'a [u8]) -> Result<Action<'a>, DecodeError> {
        let mut properties = Repeated::new();
        let mut action = Action { name: "", properties: EMPTY };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => action.name = reader.string(key)?,
                2 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    properties.push(item, key, &reader, self)?;
                }
                _ => reader.skip(key)?,
            }
        }
        action.properties = self.map(properties.finish())?;
        Ok(action)
    }
}
