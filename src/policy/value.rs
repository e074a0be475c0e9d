//! Any YAML value as a [`Constant`]: numbers are doubles, as in every request. Knows no fields.

use crate::cel::value::Constant;
use crate::yaml::{Decoder, Kind, Node, Resolved};

/// Reads any value.
pub fn constant(d: &mut Decoder<'_>, node: &Node) -> Constant {
    match &node.kind {
        Kind::Bad => Constant::Null,
        Kind::Scalar(s) => match s.value {
            Resolved::Null => Constant::Null,
            Resolved::Bool(b) => Constant::Bool(b),
            Resolved::Int(i) => Constant::Double(i.as_f64()),
            Resolved::Float(f) => Constant::Double(f),
            Resolved::String => Constant::String(s.text.as_str().into()),
            Resolved::Infinity | Resolved::Nan => {
                d.fault("TG0104", node.at, format!("unexpected {}", node.type_name()));
                Constant::Null
            }
        },
        Kind::Sequence(_) => Constant::List(d.list(node, constant).into()),
        Kind::Mapping(_) => Constant::string_map(members(d, node)),
    }
}

/// Reads the members of a mapping as values (`google.protobuf.Struct`); nothing for anything else.
pub fn members(d: &mut Decoder<'_>, node: &Node) -> Vec<(String, Constant)> {
    let Kind::Mapping(mapping) = &node.kind else { return Vec::new() };
    d.entries(&mapping.entries, "unexpected key type", |d, entry| (entry.key.text.clone(), constant(d, &entry.value)))
}
