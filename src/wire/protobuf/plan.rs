//! `cerbos.request.v1.PlanResourcesRequest`.

use super::reader::{Merged, Reader, Repeated};
use super::{DecodeError, Decoder};
use crate::engine::request::Resource;
use crate::wire::message::{EMPTY, PlanResources};

impl<'a> Decoder<'a> {
    pub(super) fn plan_resources(&mut self, bytes: &'a [u8]) -> Result<PlanResources<'a>, DecodeError> {
        let mut request = PlanResources::EMPTY;
        let mut actions = Repeated::new();
        let (mut principal, mut resource) = (Merged::default(), Merged::default());
        let (mut aux_data, mut context) = (Merged::default(), Merged::default());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => request.request_id = reader.string(key)?,
                2 => request.action = reader.string(key)?,
                3 => principal.push(reader.bytes(key)?, self)?,
                4 => resource.push(reader.bytes(key)?, self)?,
                5 => aux_data.push(reader.bytes(key)?, self)?,
                6 => request.include_meta = reader.bool(key)?,
                7 => actions.push(reader.string(key)?, key, &reader, self)?,
                8 => context.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        request.actions = actions.finish();
        request.principal = principal.take().map(|bytes| self.principal(bytes)).transpose()?;
        request.resource = resource.take().map(|bytes| self.known_resource(bytes)).transpose()?;
        request.aux_data = aux_data.take().map(|bytes| self.tokens(bytes)).transpose()?;
        request.request_context = context.take().map(|bytes| self.only_map(bytes, self.depth)).transpose()?;
        Ok(request)
    }

    fn known_resource(&mut self, bytes: &'a [u8]) -> Result<Resource<'a>, DecodeError> {
        let mut attr = Repeated::new();
        let mut resource = Resource { kind: "", id: "", attr: EMPTY, policy_version: "", scope: "" };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => resource.kind = reader.string(key)?,
                2 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    attr.push(item, key, &reader, self)?;
                }
                3 => resource.policy_version = reader.string(key)?,
                4 => resource.scope = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        resource.attr = self.map(attr.finish())?;
        Ok(resource)
    }
}
