//! The error reply: `google.rpc.Status` with the violations of a request as its details, in protobuf (trailer
//! `grpc-status-details-bin`) and in JSON (REST body). Off the hot path.

use prost::Message;
use serde_json::{Map, Value, json};

use super::validate::{Element, RuleElement, Subscript, Violation};
use crate::proto::buf::validate as proto;
use crate::proto::buf::validate::field_path_element::{Subscript as ProtoSubscript, Type};
use crate::proto::google::rpc::Status;

const VIOLATIONS: &str = "type.googleapis.com/buf.validate.Violations";

/// A status as protobuf.
#[must_use]
pub fn to_protobuf(code: i32, message: &str, violations: &[Violation]) -> Vec<u8> {
    let mut details = Vec::new();
    if !violations.is_empty() {
        let value = proto::Violations { violations: violations.iter().map(violation).collect() }.encode_to_vec();
        details.push(prost_types::Any { type_url: VIOLATIONS.to_owned(), value });
    }
    Status { code, message: message.to_owned(), details }.encode_to_vec()
}

/// A status as a JSON object: the body of a REST error.
#[must_use]
pub fn to_json(code: i32, message: &str, violations: &[Violation]) -> Value {
    let mut status = Map::new();
    if code != 0 {
        status.insert("code".to_owned(), code.into());
    }
    if !message.is_empty() {
        status.insert("message".to_owned(), message.into());
    }
    if !violations.is_empty() {
        let violations: Vec<Value> = violations.iter().map(violation_json).collect();
        status.insert("details".to_owned(), json!([{ "@type": VIOLATIONS, "violations": violations }]));
    }
    Value::Object(status)
}

fn violation(violation: &Violation) -> proto::Violation {
    proto::Violation {
        // A rule of the whole message has no field.
        field: (!violation.field.is_empty())
            .then(|| proto::FieldPath { elements: violation.field.iter().map(element).collect() }),
        rule: (!violation.rule.is_empty())
            .then(|| proto::FieldPath { elements: violation.rule.iter().map(rule_element).collect() }),
        rule_id: Some(violation.rule_id.to_owned()),
        message: Some(violation.message.to_owned()),
        for_key: violation.for_key,
    }
}

fn element(element: &Element) -> proto::FieldPathElement {
    let in_map = matches!(element.at, Some(Subscript::Key(_)));
    proto::FieldPathElement {
        field_number: (element.field.number != 0).then_some(element.field.number),
        field_name: Some(element.field.name.to_owned()),
        field_type: (element.field.number != 0).then(|| element.field.ty.into()),
        key_type: in_map.then_some(Type::String.into()),
        value_type: in_map.then_some(Type::Message.into()),
        subscript: element.at.as_ref().map(|at| match at {
            Subscript::Index(index) => ProtoSubscript::Index(*index),
            Subscript::Key(key) => ProtoSubscript::StringKey(key.clone()),
        }),
    }
}

fn rule_element(rule: &RuleElement) -> proto::FieldPathElement {
    proto::FieldPathElement {
        field_number: Some(rule.number),
        field_name: Some(rule.name.to_owned()),
        field_type: Some(rule.ty.into()),
        ..proto::FieldPathElement::default()
    }
}

fn violation_json(violation: &Violation) -> Value {
    let mut object = Map::new();
    if !violation.field.is_empty() {
        let elements: Vec<Value> = violation.field.iter().map(element_json).collect();
        object.insert("field".to_owned(), json!({ "elements": elements }));
    }
    if !violation.rule.is_empty() {
        let elements: Vec<Value> =
            violation.rule.iter().map(|rule| field_json(rule.number, rule.name, rule.ty)).collect();
        object.insert("rule".to_owned(), json!({ "elements": elements }));
    }
    object.insert("ruleId".to_owned(), violation.rule_id.into());
    object.insert("message".to_owned(), violation.message.into());
    if let Some(for_key) = violation.for_key {
        object.insert("forKey".to_owned(), for_key.into());
    }
    Value::Object(object)
}

fn element_json(element: &Element) -> Value {
    let mut object = field_json(element.field.number, element.field.name, element.field.ty);
    if let Value::Object(object) = &mut object {
        match &element.at {
            None => {}
            // 64-bit integers are strings in protobuf's JSON.
            Some(Subscript::Index(index)) => _ = object.insert("index".to_owned(), index.to_string().into()),
            Some(Subscript::Key(key)) => {
                object.insert("keyType".to_owned(), Type::String.as_str_name().into());
                object.insert("valueType".to_owned(), Type::Message.as_str_name().into());
                object.insert("stringKey".to_owned(), key.as_str().into());
            }
        }
    }
    object
}

fn field_json(number: i32, name: &str, ty: Type) -> Value {
    if number == 0 {
        // A oneof.
        return json!({ "fieldName": name });
    }
    json!({ "fieldNumber": number, "fieldName": name, "fieldType": ty.as_str_name() })
}
