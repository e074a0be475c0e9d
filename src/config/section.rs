//! Reading one section of the settings, key by key, so that nothing stays unread: what is not asked for is unknown,
//! and what is not supported is refused by name. Knows no key.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::parse_duration;
use super::tree::{Entry, Item, Scalar, Tree};
use crate::source::{Diagnostic, SourceFile, Span};
use crate::yaml::closest;

/// Everything that is wrong, and what is worth a warning, in one place.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<Diagnostic>>);

impl Faults {
    pub(super) fn push(&self, d: Diagnostic) {
        self.0.borrow_mut().push(d);
    }

    pub(super) fn into_inner(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }
}

/// A map of settings and where it stands.
pub(super) struct Section<'t> {
    path: String,
    entries: &'t [Entry],
    known: RefCell<Vec<&'static str>>,
    faults: &'t Faults,
}

impl<'t> Section<'t> {
    /// The whole configuration.
    pub(super) fn root(tree: &'t Tree, faults: &'t Faults) -> Self {
        Self::over(Some(tree), String::new(), faults)
    }

    fn over(tree: Option<&'t Tree>, path: String, faults: &'t Faults) -> Self {
        let entries: &[Entry] = match tree.map(|t| &t.item) {
            Some(Item::Map(entries)) => entries,
            Some(Item::Null) | None => &[],
            Some(Item::Scalar(..) | Item::List(_)) => {
                if let Some(t) = tree {
                    faults.push(t.fault("TG0902", format!("`{path}` must be a map of settings")));
                }
                &[]
            }
        };
        Self { path, entries, known: RefCell::default(), faults }
    }

    /// The whole path of a key.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key, unless it is absent or null.
    pub(super) fn get(&self, key: &'static str) -> Option<&'t Tree> {
        self.known.borrow_mut().push(key);
        let entry = self.entries.iter().find(|e| e.key == key)?;
        (!matches!(entry.value.item, Item::Null)).then_some(&entry.value)
    }

    /// A section within this one; empty if it is absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'t> {
        Self::over(self.get(key), self.path(key), self.faults)
    }

    /// The sections of a list, each with where it stands; none if the list is absent.
    pub(super) fn sections(&self, key: &'static str) -> Vec<(Section<'t>, &'t Tree)> {
        let items: &[Tree] = match self.get(key).map(|t| (&t.item, t)) {
            Some((Item::List(items), _)) => items,
            Some((_, tree)) => {
                self.faults.push(tree.fault("TG0902", format!("`{}` must be a list", self.path(key))));
                &[]
            }
            None => &[],
        };
        let path = |i: usize| format!("{}[{i}]", self.path(key));
        items.iter().enumerate().map(|(i, t)| (Self::over(Some(t), path(i), self.faults), t)).collect()
    }

    /// Reads a value; a `None` of `read` is reported as not being `what`.
    fn read<T>(&self, key: &'static str, what: &str, read: impl FnOnce(&str, Scalar) -> Option<T>) -> Option<T> {
        let tree = self.get(key)?;
        let value = match &tree.item {
            Item::Scalar(text, kind) => read(text, *kind),
            Item::Null | Item::List(_) | Item::Map(_) => None,
        };
        if value.is_none() {
            self.faults.push(tree.fault("TG0902", format!("`{}` must be {what}", self.path(key))));
        }
        value
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.read(key, "`true` or `false`", |_, kind| if let Scalar::Bool(b) = kind { Some(b) } else { None })
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, "a text", |text, _| Some(text.to_owned()))
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let tree = self.get(key)?;
        let texts = if let Item::List(all) = &tree.item {
            let text = |t: &Tree| if let Item::Scalar(text, _) = &t.item { Some(text.clone()) } else { None };
            all.iter().map(text).collect()
        } else {
            None
        };
        if texts.is_none() {
            self.faults.push(tree.fault("TG0902", format!("`{}` must be a list of texts", self.path(key))));
        }
        texts
    }

    /// A map from names to texts.
    pub(super) fn pairs(&self, key: &'static str) -> Vec<(String, String)> {
        let Some(tree) = self.get(key) else { return Vec::new() };
        let Item::Map(entries) = &tree.item else {
            self.faults.push(tree.fault("TG0902", format!("`{}` must be a map of texts", self.path(key))));
            return Vec::new();
        };
        let pair = |entry: &Entry| match &entry.value.item {
            Item::Scalar(text, _) => Some((entry.key.clone(), text.clone())),
            Item::Null | Item::List(_) | Item::Map(_) => {
                let what = format!("`{}.{}` must be a text", self.path(key), entry.key);
                self.faults.push(entry.value.fault("TG0902", what));
                None
            }
        };
        entries.iter().filter_map(pair).collect()
    }

    pub(super) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &what, |_, kind| match kind {
            Scalar::Int(i) => u64::try_from(i).ok().filter(|i| range.contains(i)),
            Scalar::Bool(_) | Scalar::Float(_) | Scalar::Text => None,
        })
    }

    pub(super) fn duration(&self, key: &'static str, least: Duration) -> Option<Duration> {
        let what = format!("a duration such as `500ms`, `2s` or `1h30m`, at least {least:?}");
        self.read(key, &what, |text, _| parse_duration(text).filter(|d| *d >= least))
    }

    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
        let what = format!("one of {}", names.join(", "));
        self.read(key, &what, |text, _| choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value))
    }

    /// A value with a reading of its own; its error is the message.
    pub(super) fn parsed<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                if let Some(tree) = self.get(key) {
                    self.faults.push(tree.fault("TG0902", message));
                }
                None
            }
        }
    }

    /// A key that is not there and must be.
    pub(super) fn missing(&self, key: &'static str, what: &str) {
        let place = self.entries.first().map(|e| (&e.value.file, e.key_span));
        let (file, span) = place.map_or((SourceFile::new("<defaults>", ""), Span::default()), |(f, s)| (f.clone(), s));
        let message = format!("`{}` is missing: {what}", self.path(key));
        self.faults.push(Diagnostic::error("TG0902", &file, span, message));
    }

    /// A key that is known but never served, and why; refused unless it says what is the case anyway.
    pub(super) fn refused(&self, key: &'static str, why: &str, harmless: impl FnOnce(&Tree) -> bool) {
        if let Some(tree) = self.get(key).filter(|t| !is_empty(t) && !harmless(t)) {
            let message = format!("`{}` is not supported: {why}", self.path(key));
            self.faults.push(tree.fault("TG0903", message));
        }
    }

    /// A key without any effect here, worth a warning.
    pub(super) fn unused(&self, key: &'static str, why: &str) {
        if let Some(tree) = self.get(key).filter(|t| !is_empty(t)) {
            let message = format!("`{}` has no effect: {why}", self.path(key));
            self.faults.push(Diagnostic::warning("TG0907", &tree.file, tree.span, message));
        }
    }
}

impl Drop for Section<'_> {
    /// Reports the keys that nobody asked for: a section that has been read is done with.
    fn drop(&mut self) {
        let known = self.known.borrow();
        for entry in self.entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            let message = format!("unknown key `{}`", self.path(&entry.key));
            let mut d = Diagnostic::error("TG0901", &entry.value.file, entry.key_span, message);
            if let Some(meant) = closest(&entry.key, known.iter().copied()) {
                d = d.with_help(format!("did you mean `{meant}`?"));
            }
            self.faults.push(d);
        }
    }
}

fn is_empty(tree: &Tree) -> bool {
    match &tree.item {
        Item::Null => true,
        Item::Map(entries) => entries.iter().all(|e| is_empty(&e.value)),
        Item::List(all) => all.is_empty(),
        Item::Scalar(..) => false,
    }
}

/// True for the given scalar.
pub(super) fn is(tree: &Tree, text: &str) -> bool {
    matches!(&tree.item, Item::Scalar(t, _) if t == text)
}
