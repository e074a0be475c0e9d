//! Answers in protobuf's JSON mapping → protobuf, by the descriptors: what the admin API says is put together once.
//! What does not fit a descriptor is left out; a test encodes every kind of answer and reads it back.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions};
use serde_json::Value;

use crate::cel::time::parse_timestamp;
use crate::proto::DESCRIPTORS;
use crate::protocols::value::value;

/// Every message and enum by its full name, with a dot in front.
#[derive(Default)]
struct Pool {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
}

/// The message of this full name that a JSON object says.
pub(super) fn encode(message: &str, json: &Value) -> Vec<u8> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let mut out = Vec::new();
    POOL.get_or_init(Pool::load).message(&format!(".{message}"), json, &mut out);
    out
}

impl Pool {
    fn load() -> Self {
        let mut pool = Self::default();
        let files = FileDescriptorSet::decode(DESCRIPTORS).map(|set| set.file).unwrap_or_default();
        for file in files {
            let package = format!(".{}", file.package());
            for item in file.enum_type {
                pool.enums.insert(format!("{package}.{}", item.name()), item);
            }
            let mut open: Vec<_> = file.message_type.into_iter().map(|m| (package.clone(), m)).collect();
            while let Some((within, message)) = open.pop() {
                let name = format!("{within}.{}", message.name());
                open.extend(message.nested_type.iter().map(|m| (name.clone(), m.clone())));
                for item in &message.enum_type {
                    pool.enums.insert(format!("{name}.{}", item.name()), item.clone());
                }
                pool.messages.insert(name, message);
            }
        }
        pool
    }

    fn message(&self, name: &str, json: &Value, out: &mut Vec<u8>) {
        match name {
            ".google.protobuf.Value" => out.extend(value(json.clone()).encode_to_vec()),
            ".google.protobuf.Timestamp" => timestamp(json, out),
            ".google.protobuf.UInt64Value" => number(1, json, out),
            _ => {
                let (Some(descriptor), Value::Object(members)) = (self.messages.get(name), json) else { return };
                for (key, member) in members {
                    let field = descriptor.field.iter().find(|f| json_name(f) == *key);
                    if let Some(field) = field {
                        self.member(field, member, out);
                    }
                }
            }
        }
    }

    /// A field with all its items or entries.
    fn member(&self, field: &FieldDescriptorProto, json: &Value, out: &mut Vec<u8>) {
        match (self.entry(field), json) {
            (Some(entry), Value::Object(members)) => {
                let part = |number| entry.field.iter().find(move |f| f.number() == number);
                for (key, member) in members {
                    let mut item = Vec::new();
                    for (part, json) in [(part(1), &Value::from(key.as_str())), (part(2), member)] {
                        if let Some(part) = part {
                            self.one(part, json, &mut item);
                        }
                    }
                    delimited(field, &item, out);
                }
            }
            (None, Value::Array(items)) if field.type_name() != ".google.protobuf.Value" => {
                for item in items {
                    self.one(field, item, out);
                }
            }
            _ => self.one(field, json, out),
        }
    }

    /// The type of a map field's entries.
    fn entry(&self, field: &FieldDescriptorProto) -> Option<&DescriptorProto> {
        let message = self.messages.get(field.type_name())?;
        message.options.as_ref().is_some_and(MessageOptions::map_entry).then_some(message)
    }

    fn one(&self, field: &FieldDescriptorProto, json: &Value, out: &mut Vec<u8>) {
        match field.r#type() {
            Type::String => delimited(field, json.as_str().unwrap_or("").as_bytes(), out),
            Type::Bytes => delimited(field, &STANDARD.decode(json.as_str().unwrap_or("")).unwrap_or_default(), out),
            Type::Message => {
                let mut item = Vec::new();
                self.message(field.type_name(), json, &mut item);
                delimited(field, &item, out);
            }
            Type::Enum => {
                let named = self.enums.get(field.type_name()).and_then(|e| {
                    e.value.iter().find(|v| Some(v.name()) == json.as_str()).map(|v| Value::from(v.number()))
                });
                number(field.number(), &named.unwrap_or(Value::Null), out);
            }
            _ => number(field.number(), json, out),
        }
    }
}

/// A point in time, which is a string in RFC 3339.
fn timestamp(json: &Value, out: &mut Vec<u8>) {
    if let Ok(time) = parse_timestamp(json.as_str().unwrap_or("")) {
        let nanos = i32::try_from(time.nanos).unwrap_or(0);
        out.extend(prost_types::Timestamp { seconds: time.seconds, nanos }.encode_to_vec());
    }
}

fn json_name(field: &FieldDescriptorProto) -> String {
    match &field.json_name {
        Some(name) => name.clone(),
        None => {
            let mut upper = false;
            let mut name = String::new();
            for c in field.name().chars() {
                if c == '_' {
                    upper = true;
                } else {
                    name.push(if upper { c.to_ascii_uppercase() } else { c });
                    upper = false;
                }
            }
            name
        }
    }
}

fn tag(field: &FieldDescriptorProto) -> u32 {
    field.number().unsigned_abs()
}

fn delimited(field: &FieldDescriptorProto, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(tag(field), WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A bool, an enum, or a whole number, which is a string if it has 64 bits.
fn number(field: i32, json: &Value, out: &mut Vec<u8>) {
    let number = match json {
        Value::Bool(b) => u64::from(*b),
        Value::String(s) => s.parse().unwrap_or_default(),
        _ => json.as_u64().unwrap_or_default(),
    };
    if number != 0 {
        encode_key(field.unsigned_abs(), WireType::Varint, out);
        encode_varint(number, out);
    }
}
