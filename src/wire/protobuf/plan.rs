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

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use prost::Message;
    use serde_json::json;

    use crate::proto::cerbos::engine::v1::Principal;
    use crate::proto::cerbos::engine::v1::plan_resources_input::Resource;
    use crate::proto::cerbos::request::v1::aux_data::Jwt;
    use crate::proto::cerbos::request::v1::{AuxData, PlanResourcesRequest};
    use crate::wire::json::Trailing;
    use crate::wire::limits::Limits;
    use crate::wire::{json, protobuf};

    /// Both formats of one request give the same message.
    #[test]
    fn every_field_is_read() {
        let number = |n: f64| prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(n)) };
        let request = PlanResourcesRequest {
            request_id: "r".into(),
            action: "a".into(),
            actions: vec!["b".into(), "c".into()],
            principal: Some(Principal {
                id: "p".into(),
                policy_version: "1".into(),
                roles: vec!["x".into()],
                attr: [("k".to_owned(), number(1.0))].into(),
                scope: "s".into(),
            }),
            resource: Some(Resource {
                kind: "k".into(),
                attr: [("l".to_owned(), number(2.0))].into(),
                policy_version: "2".into(),
                scope: "t".into(),
            }),
            aux_data: Some(AuxData {
                jwt: Some(Jwt { token: "t".into(), key_set_id: "i".into() }),
                ..AuxData::default()
            }),
            include_meta: true,
            request_context: Some(crate::proto::cerbos::audit::v1::RequestContext::default()),
        };
        let text = json!({
            "requestId": "r", "action": "a", "actions": ["b", "c"],
            "principal": {"id": "p", "policyVersion": "1", "roles": ["x"], "attr": {"k": 1}, "scope": "s"},
            "resource": {"kind": "k", "policyVersion": "2", "attr": {"l": 2}, "scope": "t"},
            "auxData": {"jwt": {"token": "t", "keySetId": "i"}}, "includeMeta": true, "requestContext": {},
        })
        .to_string();
        let bump = Bump::new();
        let bytes = request.encode_to_vec();
        let one = protobuf::plan_resources(&bytes, &bump, Limits::default()).expect("a message");
        let other =
            json::plan_resources(text.as_bytes(), &bump, Limits::default(), Trailing::Refuse).expect("a message");
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert_eq!((one.actions, one.resource.map(|r| r.policy_version)), (&["b", "c"][..], Some("2")));
    }
}
