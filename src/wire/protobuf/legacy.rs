//! The deprecated `cerbos.request.v1.CheckResourceSetRequest` and `CheckResourceBatchRequest`.

use super::reader::{Merged, Reader, Repeated};
use super::{DecodeError, Decoder};
use crate::wire::message::{CheckResourceSet, CheckResources, ResourceSet};

impl<'a> Decoder<'a> {
    pub(super) fn check_resource_set(&mut self, bytes: &'a [u8]) -> Result<CheckResourceSet<'a>, DecodeError> {
        let mut actions = Repeated::new();
        let (mut request_id, mut include_meta) = ("", false);
        let (mut principal, mut resource, mut aux_data) = (Merged::default(), Merged::default(), Merged::default());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => request_id = reader.string(key)?,
                2 => actions.push(reader.string(key)?, key, &reader, self)?,
                3 => principal.push(reader.bytes(key)?, self)?,
                4 => resource.push(reader.bytes(key)?, self)?,
                5 => include_meta = reader.bool(key)?,
                6 => aux_data.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(CheckResourceSet {
            request_id,
            actions: actions.finish(),
            principal: principal.take().map(|bytes| self.principal(bytes)).transpose()?,
            resource: resource.take().map(|bytes| self.resource_set(bytes)).transpose()?,
            include_meta,
            aux_data: aux_data.take().map(|bytes| self.tokens(bytes)).transpose()?,
        })
    }

    fn resource_set(&mut self, bytes: &'a [u8]) -> Result<ResourceSet<'a>, DecodeError> {
        let mut instances = Repeated::new();
        let mut set = ResourceSet::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => set.kind = reader.string(key)?,
                2 => set.policy_version = reader.string(key)?,
                3 => {
                    let (id, attributes) = self.raw_entry(reader.bytes(key)?)?;
                    let item = (id, self.only_map(attributes, self.depth)?);
                    instances.push(item, key, &reader, self)?;
                }
                4 => set.scope = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        set.instances = self.unique(instances.finish())?;
        Ok(set)
    }

    pub(super) fn check_resource_batch(&mut self, bytes: &'a [u8]) -> Result<CheckResources<'a>, DecodeError> {
        let mut resources = Repeated::new();
        let mut request_id = "";
        let (mut principal, mut aux_data) = (Merged::default(), Merged::default());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => request_id = reader.string(key)?,
                2 => principal.push(reader.bytes(key)?, self)?,
                3 => {
                    let item = self.resource_entry(reader.bytes(key)?)?;
                    resources.push(item, key, &reader, self)?;
                }
                4 => aux_data.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(CheckResources {
            request_id,
            include_meta: false,
            principal: principal.take().map(|bytes| self.principal(bytes)).transpose()?,
            resources: resources.finish(),
            aux_data: aux_data.take().map(|bytes| self.tokens(bytes)).transpose()?,
            request_context: None,
        })
    }
}
