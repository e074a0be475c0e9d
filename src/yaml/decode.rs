//! Typed reading of a [`Node`] tree that never stops at a fault: each is noted with its place and YAML path, a default
//! stands in for what could not be read, and the caller looks at the diagnostics at the end. Messages and places are
//! the reference's (spec §3).

use super::node::{Entry, Integer, Key, Kind, Node, Resolved, Scalar, Style};
use super::offsets;
use super::path::{go_quote, quote_name};
use super::suggest::closest;
use crate::source::{Diagnostic, Position, SourceFile, Span};

/// Collects what is wrong while a tree is being read.
pub struct Decoder<'f> {
    pub(super) file: &'f SourceFile,
    diagnostics: Vec<Diagnostic>,
    path: Vec<Step>,
}

/// One step of the path to the value being read.
enum Step {
    /// A field: its declared name and how it was written.
    Field(&'static str, String),
    /// An entry of a map.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// A mapping read as an object of known fields.
pub struct Object<'n> {
    fields: Vec<(&'static str, &'n Entry)>,
    /// Fields that an unknown name was probably meant to be: not to be reported as missing on top.
    meant: Vec<&'static str>,
    /// False if the value was no mapping at all, which was reported.
    sound: bool,
}

impl<'n> Object<'n> {
    /// The entry of a field, if given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'n Entry> {
        self.fields.iter().find(|(n, _)| *n == name).map(|(_, e)| *e)
    }

    /// True if nothing suggests that the field was given: only then is it worth saying that it is missing.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        self.sound && self.get(name).is_none() && !self.meant.contains(&name)
    }
}

impl<'f> Decoder<'f> {
    /// Reads trees of this file.
    #[must_use]
    pub fn new(file: &'f SourceFile) -> Self {
        Self { file, diagnostics: Vec::new(), path: Vec::new() }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &'f SourceFile {
        self.file
    }

    /// What was found, sorted; the same fault in a node used several times counts once.
    #[must_use]
    pub fn finish(self) -> Vec<Diagnostic> {
        let mut all = self.diagnostics;
        Diagnostic::sort(&mut all);
        all.dedup_by(|a, b| a.span == b.span && a.code == b.code && a.message == b.message);
        all
    }

    /// How many faults there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.diagnostics.len()
    }

    /// Notes a fault of the value being read, with its YAML path.
    pub fn fault(&mut self, code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) {
        let d = Diagnostic::error(code, self.file, span, message);
        self.push(d);
    }

    /// Notes a ready-made fault, adding the YAML path of the value being read if it has a place.
    pub fn push(&mut self, mut d: Diagnostic) {
        if d.path.is_none() && d.span.is_some() {
            d.path = Some(self.yaml_path());
        }
        self.diagnostics.push(d);
    }

    /// The path of the value being read as YAML paths are written: `$.resourcePolicy.rules[0].effect`.
    #[must_use]
    pub fn yaml_path(&self) -> String {
        let mut out = String::from("$");
        for step in &self.path {
            match step {
                Step::Field(_, name) | Step::Key(name) => {
                    out.push('.');
                    out.push_str(&quote_name(name));
                }
                Step::Index(i) => {
                    out.push_str(&format!("[{i}]"));
                }
            }
        }
        out
    }

    /// The path of the value being read as field messages begin: `resourcePolicy.rules[0].effect`, declared names.
    #[must_use]
    pub fn field_path(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            match step {
                Step::Field(name, _) => {
                    if !out.is_empty() {
                        out.push('.');
                    }
                    out.push_str(name);
                }
                Step::Key(name) => out.push_str(&format!("[{}]", go_quote(name))),
                Step::Index(i) => out.push_str(&format!("[{i}]")),
            }
        }
        out
    }

    /// Reads the value of a field: `read` runs with the field on the path.
    pub fn field<T>(&mut self, name: &'static str, entry: &Entry, read: impl FnOnce(&mut Self, &Entry) -> T) -> T {
        self.within(Step::Field(name, entry.key.text.clone()), |d| read(d, entry))
    }

    /// Runs with a field on the path that was not written: for what is said about its absence.
    pub fn missing<T>(&mut self, name: &'static str, run: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Field(name, name.to_owned()), run)
    }

    fn within<T>(&mut self, step: Step, run: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let out = run(self);
        self.path.pop();
        out
    }

    /// Reads a mapping as an object with the given fields. Each may be written as declared or in `snake_case`.
    pub fn object<'n>(&mut self, node: &'n Node, known: &[&'static str]) -> Object<'n> {
        let Kind::Mapping(mapping) = &node.kind else {
            if !node.is_bad() {
                self.fault("TG0104", node.outer, format!("expected object got {}", node.type_name()));
            }
            return Object { fields: Vec::new(), meant: Vec::new(), sound: false };
        };
        let mut object = Object { fields: Vec::new(), meant: Vec::new(), sound: true };
        for entry in &mapping.entries {
            let Key { text, span, fault } = &entry.key;
            if let Some(fault) = fault {
                let message = format!("unexpected key type {}", fault.name());
                self.within(Step::Key(text.clone()), |d| d.fault("TG0106", *span, message));
                continue;
            }
            match known.iter().find(|k| is_name(text, k)) {
                Some(name) => self.add_field(&mut object, name, entry),
                None => self.unknown_field(&mut object, entry, known),
            }
        }
        object
    }

    fn add_field<'n>(&mut self, object: &mut Object<'n>, name: &'static str, entry: &'n Entry) {
        let Some(first) = object.get(name) else {
            object.fields.push((name, entry));
            return;
        };
        // The other spelling of the same field. What was merged in yields to what stands here.
        if entry.merged && !first.merged {
            return;
        }
        let Position { line, column } = self.file.position(first.key.span.start);
        let message = format!("duplicate field definition: previous definition at [{line}:{column}]");
        let d = Diagnostic::error("TG0103", self.file, entry.key.span, message).with_related(
            self.file,
            first.key.span,
            "first defined here",
        );
        self.within(Step::Key(entry.key.text.clone()), |d2| d2.push(d));
    }

    fn unknown_field(&mut self, object: &mut Object<'_>, entry: &Entry, known: &[&'static str]) {
        let text = &entry.key.text;
        let message = format!("unknown field {}", go_quote(text));
        let mut d = Diagnostic::error("TG0102", self.file, entry.key.span, message);
        if let Some(rest) = text.strip_prefix('\u{feff}') {
            d = d.with_help("save the file without a byte order mark");
            object.meant.extend(known.iter().filter(|k| is_name(rest, k)));
        } else if let Some(name) = closest(text, known.iter().copied().filter(|k| !k.starts_with('$'))) {
            d = d.with_help(format!("did you mean `{name}`?"));
            object.meant.extend(known.iter().filter(|k| **k == name));
        } else if known.len() <= 12 {
            let names: Vec<String> = known.iter().filter(|k| !k.starts_with('$')).map(|k| format!("`{k}`")).collect();
            d = d.with_help(format!("known fields are {}", names.join(", ")));
        }
        self.within(Step::Key(text.clone()), |d2| d2.push(d));
    }

    /// The one member of a oneof that is set, faulting any further one. What was merged in yields to what stands here.
    pub fn oneof<'n>(&mut self, object: &Object<'n>, members: &[&'static str]) -> Option<(&'static str, &'n Entry)> {
        let mut set: Vec<(&'static str, &'n Entry)> =
            object.fields.iter().filter(|(n, _)| members.contains(n)).copied().collect();
        if set.iter().any(|(_, e)| !e.merged) {
            set.retain(|(_, e)| !e.merged);
        }
        let (name, first) = *set.first()?;
        for (_, entry) in set.iter().skip(1) {
            let Position { line, column } = self.file.position(first.key.span.start);
            let message = format!("invalid value: oneof field is already set at [{line}:{column}]");
            let d = Diagnostic::error("TG0105", self.file, entry.key.span, message).with_related(
                self.file,
                first.key.span,
                "already set here",
            );
            self.within(Step::Key(entry.key.text.clone()), |d2| d2.push(d));
        }
        Some((name, first))
    }

    /// Reads a list; `read` gets each element with its index on the path.
    pub fn list<T>(&mut self, node: &Node, mut read: impl FnMut(&mut Self, &Node) -> T) -> Vec<T> {
        let Kind::Sequence(items) = &node.kind else {
            if !node.is_bad() {
                self.fault("TG0104", node.outer, format!("expected sequence got {}", node.type_name()));
            }
            return Vec::new();
        };
        items.iter().enumerate().map(|(i, n)| self.within(Step::Index(i), |d| read(d, n))).collect()
    }

    /// Reads a map with string keys; `read` gets each entry with its key on the path.
    pub fn map<T>(&mut self, node: &Node, read: impl FnMut(&mut Self, &Entry) -> T) -> Vec<T> {
        let Kind::Mapping(mapping) = &node.kind else {
            if !node.is_bad() {
                self.fault("TG0104", node.outer, format!("expected map got {}", node.type_name()));
            }
            return Vec::new();
        };
        self.entries(&mapping.entries, "expected string got", read)
    }

    /// Reads the entries of a mapping; a key that is no string is refused with these words.
    pub fn entries<T>(
        &mut self,
        entries: &[Entry],
        refusal: &str,
        mut read: impl FnMut(&mut Self, &Entry) -> T,
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(entries.len());
        for entry in entries {
            self.within(Step::Key(entry.key.text.clone()), |d| match entry.key.fault {
                Some(fault) => d.fault("TG0106", entry.key.span, format!("{refusal} {}", fault.name())),
                None => out.push(read(d, entry)),
            });
        }
        out
    }

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

/// True if `written` is the declared name, or that name in snake case.
fn is_name(written: &str, declared: &str) -> bool {
    if written == declared {
        return true;
    }
    if declared.starts_with('$') {
        return false;
    }
    let mut rest = written;
    for c in declared.chars() {
        let next = if c.is_ascii_uppercase() {
            rest.strip_prefix('_').and_then(|r| r.strip_prefix(c.to_ascii_lowercase()))
        } else {
            rest.strip_prefix(c)
        };
        let Some(next) = next else { return false };
        rest = next;
    }
    rest.is_empty()
}
