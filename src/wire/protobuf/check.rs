//! `cerbos.request.v1.CheckResourcesRequest`.

use super::reader::{Merged, Reader, Repeated};
use super::{DecodeError, Decoder};
use crate::engine::request::{Principal, Resource};
use crate::wire::message::{CheckResources, EMPTY, ResourceEntry, Token, Tokens};

impl<'a> Decoder<'a> {
    pub(super) fn check_resources(&mut self, bytes: &'a [u8]) -> Result<CheckResources<'a>, DecodeError> {
        let mut resources = Repeated::new();
        let (mut request_id, mut include_meta) = ("", false);
        let (mut principal, mut aux_data, mut context) = (Merged::default(), Merged::default(), Merged::default());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => request_id = reader.string(key)?,
                2 => include_meta = reader.bool(key)?,
                3 => principal.push(reader.bytes(key)?, self)?,
                4 => {
                    let item = self.resource_entry(reader.bytes(key)?)?;
                    resources.push(item, key, &reader, self)?;
                }
                5 => aux_data.push(reader.bytes(key)?, self)?,
                6 => context.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(CheckResources {
            request_id,
            include_meta,
            principal: principal.take().map(|bytes| self.principal(bytes)).transpose()?,
            resources: resources.finish(),
            aux_data: aux_data.take().map(|bytes| self.tokens(bytes)).transpose()?,
            request_context: context.take().map(|bytes| self.only_map(bytes, self.depth)).transpose()?,
        })
    }

    pub(super) fn principal(&mut self, bytes: &'a [u8]) -> Result<Principal<'a>, DecodeError> {
        let mut roles = Repeated::new();
        let mut attr = Repeated::new();
        let (mut id, mut policy_version, mut scope) = ("", "", "");
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => policy_version = reader.string(key)?,
                3 => roles.push(reader.string(key)?, key, &reader, self)?,
                4 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    attr.push(item, key, &reader, self)?;
                }
                5 => scope = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(Principal { id, roles: roles.finish(), attr: self.map(attr.finish())?, policy_version, scope })
    }

    pub(super) fn resource_entry(&mut self, bytes: &'a [u8]) -> Result<ResourceEntry<'a>, DecodeError> {
        let mut actions = Repeated::new();
        let mut resource = Merged::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => actions.push(reader.string(key)?, key, &reader, self)?,
                2 => resource.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        let resource = resource.take().map(|bytes| self.resource(bytes)).transpose()?;
        Ok(ResourceEntry { actions: actions.finish(), resource })
    }

    fn resource(&mut self, bytes: &'a [u8]) -> Result<Resource<'a>, DecodeError> {
        let mut attr = Repeated::new();
        let mut resource = Resource { kind: "", id: "", attr: EMPTY, policy_version: "", scope: "" };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => resource.kind = reader.string(key)?,
                2 => resource.policy_version = reader.string(key)?,
                3 => resource.id = reader.string(key)?,
                4 => {
                    let item = self.entry(reader.bytes(key)?, self.depth)?;
                    attr.push(item, key, &reader, self)?;
                }
                5 => resource.scope = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        resource.attr = self.map(attr.finish())?;
        Ok(resource)
    }

    pub(super) fn tokens(&mut self, bytes: &'a [u8]) -> Result<Tokens<'a>, DecodeError> {
        let mut jwts = Repeated::new();
        let mut jwt = Merged::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => jwt.push(reader.bytes(key)?, self)?,
                2 => {
                    let (name, token) = self.raw_entry(reader.bytes(key)?)?;
                    jwts.push((name, token_of(token)?), key, &reader, self)?;
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(Tokens { jwt: jwt.take().map(token_of).transpose()?, jwts: self.unique(jwts.finish())? })
    }
}

fn token_of(bytes: &[u8]) -> Result<Token<'_>, DecodeError> {
    let mut token = Token::default();
    let mut reader = Reader::new(bytes);
    while let Some(key) = reader.key()? {
        match key.field {
            1 => token.token = reader.string(key)?,
            2 => token.key_set_id = reader.string(key)?,
            _ => reader.skip(key)?,
        }
    }
    Ok(token)
}
