//! Typed reading of a [`Node`] tree that never stops at a fault: each is noted with its place and YAML path, a default
//! stands in for what could not be read, and the caller looks at the diagnostics at the end. Messages and places are
//! the reference's (spec §3).

use std::fmt::Write as _;

use super::load::MOST_FAULTS;
use super::node::{Entry, Key, Kind, Node};
use super::path::{go_quote, quote_name};
use super::suggest::closest;
use crate::source::{Diagnostic, Position, SourceFile, Span};

/// Collects what is wrong while a tree is being read.
pub struct Decoder<'f> {
    pub(super) file: &'f SourceFile,
    diagnostics: Vec<Diagnostic>,
    /// Faults found, kept or not.
    found: usize,
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
        Self { file, diagnostics: Vec::new(), found: 0, path: Vec::new() }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &'f SourceFile {
        self.file
    }

    /// What was found, sorted; the same fault in a node used several times counts once.
    #[must_use]
    pub fn finish(self) -> Vec<Diagnostic> {
        let more = self.found.saturating_sub(self.diagnostics.len());
        let mut all = self.diagnostics;
        if more > 0 {
            let message = format!("{more} more faults in this file are not shown");
            all.push(Diagnostic::error("TG0100", self.file, None, message));
        }
        Diagnostic::sort(&mut all);
        all.dedup_by(|a, b| a.span == b.span && a.code == b.code && a.message == b.message);
        all
    }

    /// How many faults there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found
    }

    /// True if enough faults are kept: no more need be worded.
    pub(super) fn is_full(&self) -> bool {
        self.diagnostics.len() >= MOST_FAULTS
    }

    /// Notes a fault of the value being read, with its YAML path.
    pub fn fault(&mut self, code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) {
        if self.is_full() {
            self.found += 1;
            return;
        }
        let d = Diagnostic::error(code, self.file, span, message);
        self.push(d);
    }

    /// Notes a ready-made fault, adding the YAML path of the value being read if it has a place.
    pub fn push(&mut self, mut d: Diagnostic) {
        self.found += 1;
        if self.is_full() {
            return;
        }
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
                    let _ = write!(out, "[{i}]");
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
                Step::Key(name) => {
                    let _ = write!(out, "[{}]", go_quote(name));
                }
                Step::Index(i) => {
                    let _ = write!(out, "[{i}]");
                }
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
        let mut object = Object { fields: Vec::new(), meant: Vec::new(), sound: !mapping.incomplete };
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
        if self.is_full() {
            self.found += 1;
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
        if self.is_full() {
            self.found += 1;
            return;
        }
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
