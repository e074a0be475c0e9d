//! Reading scalars as strings, booleans, enums and integers, with the reference's refusals.

use super::decode::Decoder;
use super::node::{Integer, Kind, Node, Resolved, Scalar, Style};
use super::offsets;
use super::path::go_quote;
use super::suggest::closest;
use crate::source::Diagnostic;

impl Decoder<'_> {
    /// Reads a string. Integers, booleans and null are strings too where one is expected.
    pub fn string(&mut self, node: &Node) -> String {
        match &node.kind {
            Kind::Scalar(s) => match s.value {
                Resolved::String | Resolved::Bool(_) => s.text.clone(),
                Resolved::Null => String::new(),
                Resolved::Int(Integer::Unsigned(u)) => u.to_string(),
                Resolved::Int(Integer::Signed(i)) => i.to_string(),
                Resolved::Float(_) | Resolved::Infinity | Resolved::Nan => {
                    self.wrong_scalar(node, s, "string");
                    String::new()
                }
            },
            Kind::Bad => String::new(),
            Kind::Sequence(_) | Kind::Mapping(_) => {
                self.fault("TG0104", node.at, format!("expected string value got {}", node.type_name()));
                String::new()
            }
        }
    }

    fn wrong_scalar(&mut self, node: &Node, scalar: &Scalar, wanted: &str) {
        let message = format!("expected {wanted} value got {}", node.type_name());
        let mut d = Diagnostic::error("TG0104", self.file, node.at, message);
        if wanted == "string" && scalar.style == Style::Plain {
            d = d.with_help(format!("put it in quotes: \"{}\"", scalar.text));
        }
        self.push(d);
    }

    /// Reads a string with the map from its bytes to the file's: runs `(offset in text, offset in file)`.
    pub fn text_with_offsets(&mut self, node: &Node) -> (String, Vec<(u32, u32)>) {
        let text = self.string(node);
        let runs = match &node.kind {
            Kind::Scalar(s) => offsets::runs(self.file, node.span, s),
            Kind::Sequence(_) | Kind::Mapping(_) | Kind::Bad => Vec::new(),
        };
        (text, runs)
    }

    /// Reads a boolean.
    pub fn boolean(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Scalar(Scalar { value: Resolved::Bool(b), .. }) => *b,
            Kind::Bad => false,
            Kind::Scalar(Scalar { .. }) | Kind::Sequence(_) | Kind::Mapping(_) => {
                self.fault("TG0104", node.at, format!("expected boolean value got {}", node.type_name()));
                false
            }
        }
    }

    /// Reads an enum value by name or number; 0 if it could not be read. Numbers need not be known.
    pub fn enumeration(&mut self, node: &Node, names: &[(&'static str, i64)]) -> Option<i64> {
        if let Kind::Scalar(s) = &node.kind {
            match s.value {
                Resolved::Null => return Some(0),
                Resolved::Int(Integer::Unsigned(u)) => return Some(i64::try_from(u).unwrap_or(i64::MAX)),
                Resolved::Int(Integer::Signed(i)) => return Some(i),
                Resolved::String => {
                    if let Some((_, number)) = names.iter().find(|(n, _)| *n == s.text) {
                        return Some(*number);
                    }
                    let message = format!("invalid enum value {}", go_quote(&s.text));
                    let mut d = Diagnostic::error("TG0104", self.file, node.at, message);
                    if let Some(help) = enum_help(&s.text, names) {
                        d = d.with_help(help);
                    }
                    self.push(d);
                    return None;
                }
                Resolved::Bool(_) | Resolved::Float(_) | Resolved::Infinity | Resolved::Nan => {}
            }
        }
        if !node.is_bad() {
            self.fault("TG0104", node.at, "invalid enum value");
        }
        None
    }

    /// Reads an unsigned 64-bit integer, which may be quoted.
    pub fn unsigned(&mut self, node: &Node) -> u64 {
        let Kind::Scalar(s) = &node.kind else {
            if !node.is_bad() {
                self.fault("TG0104", node.at, format!("unexpected {}", node.type_name()));
            }
            return 0;
        };
        match s.value {
            // The reference takes a block for no number, whatever it holds.
            Resolved::String if matches!(s.style, Style::Literal | Style::Folded) => {
                self.fault("TG0104", node.at, format!("unexpected {}", node.type_name()));
                0
            }
            Resolved::Int(Integer::Unsigned(u)) => u,
            Resolved::Int(Integer::Signed(i)) => {
                self.fault("TG0104", node.at, format!("unexpected negative value {i}"));
                0
            }
            Resolved::Null => 0,
            Resolved::String => s.text.parse().unwrap_or_else(|_| {
                let digits = !s.text.is_empty() && s.text.bytes().all(|b| b.is_ascii_digit());
                let why = if digits { "value out of range" } else { "invalid syntax" };
                let text = go_quote(&s.text);
                let message = format!("invalid integer value {text}: strconv.ParseUint: parsing {text}: {why}");
                self.fault("TG0104", node.at, message);
                0
            }),
            Resolved::Bool(_) | Resolved::Float(_) | Resolved::Infinity | Resolved::Nan => {
                self.fault("TG0104", node.at, format!("unexpected {}", node.type_name()));
                0
            }
        }
    }
}

fn enum_help(written: &str, names: &[(&'static str, i64)]) -> Option<String> {
    let offered = || names.iter().filter(|(_, n)| *n != 0).map(|(name, _)| *name);
    let ending = offered().find(|n| !written.is_empty() && n.to_lowercase().ends_with(&written.to_lowercase()));
    ending.or_else(|| closest(written, offered())).map(|name| format!("did you mean `{name}`?"))
}
