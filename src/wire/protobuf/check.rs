//! `cerbos.request.v1.CheckResourcesRequest`.

use super::reader::{Merged, Reader, tally};
use super::value::put;
use super::{DecodeError, Decoder};
use crate::cel::value::Value;
use crate::engine::request::{Principal, Resource};
use crate::wire::message::{CheckResources, EMPTY, ResourceEntry, Token, Tokens};

impl<'a> Decoder<'a> {
    pub(super) fn check_resources(&mut self, bytes: &'a [u8]) -> Result<CheckResources<'a>, DecodeError> {
        let [_, _, _, _, resources, ..]: [u32; 5] = tally(bytes)?;
        let resources = self.slots(resources, ResourceEntry { actions: &[], resource: None })?;
        let mut slots = resources.iter_mut();
        let (mut request_id, mut include_meta) = ("", false);
        let (mut principal, mut aux_data, mut context) = (Merged::default(), Merged::default(), Merged::default());
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => request_id = reader.string(key)?,
                2 => include_meta = reader.bool(key)?,
                3 => principal.push(reader.bytes(key)?, self)?,
                4 => put(&mut slots, self.resource_entry(reader.bytes(key)?)?),
                5 => aux_data.push(reader.bytes(key)?, self)?,
                6 => context.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(CheckResources {
            request_id,
            include_meta,
            principal: principal.take().map(|bytes| self.principal(bytes)).transpose()?,
            resources,
            aux_data: aux_data.take().map(|bytes| self.tokens(bytes)).transpose()?,
            request_context: context.take().map(|bytes| self.only_map(bytes, self.depth)).transpose()?,
        })
    }

    fn principal(&mut self, bytes: &'a [u8]) -> Result<Principal<'a>, DecodeError> {
        let [_, _, _, roles, attr] = tally(bytes)?;
        let roles = self.slots(roles, "")?;
        let attr = self.slots(attr, ("", Value::Null))?;
        let (mut role_slots, mut attr_slots) = (roles.iter_mut(), attr.iter_mut());
        let (mut id, mut policy_version, mut scope) = ("", "", "");
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => id = reader.string(key)?,
                2 => policy_version = reader.string(key)?,
                3 => put(&mut role_slots, reader.string(key)?),
                4 => put(&mut attr_slots, self.entry(reader.bytes(key)?, self.depth)?),
                5 => scope = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(Principal { id, roles, attr: self.map(attr)?, policy_version, scope })
    }

    fn resource_entry(&mut self, bytes: &'a [u8]) -> Result<ResourceEntry<'a>, DecodeError> {
        let [_, actions] = tally(bytes)?;
        let actions = self.slots(actions, "")?;
        let mut slots = actions.iter_mut();
        let mut resource = Merged::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => put(&mut slots, reader.string(key)?),
                2 => resource.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        let resource = resource.take().map(|bytes| self.resource(bytes)).transpose()?;
        Ok(ResourceEntry { actions, resource })
    }

    fn resource(&mut self, bytes: &'a [u8]) -> Result<Resource<'a>, DecodeError> {
        let [_, _, _, _, attr] = tally(bytes)?;
        let attr = self.slots(attr, ("", Value::Null))?;
        let mut slots = attr.iter_mut();
        let mut resource = Resource { kind: "", id: "", attr: EMPTY, policy_version: "", scope: "" };
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => resource.kind = reader.string(key)?,
                2 => resource.policy_version = reader.string(key)?,
                3 => resource.id = reader.string(key)?,
                4 => put(&mut slots, self.entry(reader.bytes(key)?, self.depth)?),
                5 => resource.scope = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        resource.attr = self.map(attr)?;
        Ok(resource)
    }

    fn tokens(&mut self, bytes: &'a [u8]) -> Result<Tokens<'a>, DecodeError> {
        let [_, _, jwts] = tally(bytes)?;
        let jwts = self.slots(jwts, ("", Token::default()))?;
        let mut slots = jwts.iter_mut();
        let mut jwt = Merged::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => jwt.push(reader.bytes(key)?, self)?,
                2 => {
                    let (name, token) = self.raw_entry(reader.bytes(key)?)?;
                    put(&mut slots, (name, token_of(token)?));
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(Tokens { jwt: jwt.take().map(token_of).transpose()?, jwts: self.unique(jwts)? })
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
