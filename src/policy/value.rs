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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;
    use crate::yaml;

    fn json(c: &Constant) -> serde_json::Value {
        match c {
            Constant::Null => serde_json::Value::Null,
            Constant::Bool(b) => (*b).into(),
            Constant::Double(d) => (*d).into(),
            Constant::String(s) => s.as_ref().into(),
            Constant::List(l) => l.iter().map(json).collect::<Vec<_>>().into(),
            Constant::Map(m) => m
                .iter()
                .map(|(k, v)| (json(k).as_str().unwrap().to_owned(), json(v)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => panic!("{other:?}"),
        }
    }

    fn doubles(v: &serde_json::Value) -> serde_json::Value {
        match v {
            serde_json::Value::Number(n) => n.as_f64().unwrap().into(),
            serde_json::Value::Array(a) => a.iter().map(doubles).collect::<Vec<_>>().into(),
            serde_json::Value::Object(o) => {
                o.iter().map(|(k, v)| (k.clone(), doubles(v))).collect::<serde_json::Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    /// `tests/data/values/values.json`: YAML as the value of a constant, and what the reference makes of it.
    #[test]
    fn values_are_those_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/values/values.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut wrong = Vec::new();
        for case in &cases {
            let text = format!("constants:\n    local:\n      k: {}\n      last: 1\n", case["yaml"].as_str().unwrap());
            let file = SourceFile::new("a.yaml", text.as_str());
            let (root, mut found) = yaml::parse(&file, yaml::LIMITS);
            let mut d = Decoder::new(&file);
            let value = root.map(|r| json(&constant(&mut d, &r)));
            found.extend(d.finish());
            let got = value.map(|v| v["constants"]["local"]["k"].clone()).filter(|_| found.is_empty());
            let want = (case["refused"] != true).then(|| doubles(&case["value"]));
            if got != want && case["differs"].is_null() {
                wrong.push(format!("{text}want {want:?}\ngot {got:?} {found:?}\n"));
            }
        }
        assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }
}
