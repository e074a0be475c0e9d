//! Field rules: required, pattern, unique, least length. Each violation is noted with the reference's message, and
//! reading goes on.

use std::collections::HashMap;

use super::decode::{Decoder, Object};
use super::node::{Entry, Node};
use crate::source::Span;

/// What a text must look like: the pattern as messages show it, and the same as code.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// The reference's regular expression.
    pub text: &'static str,
    /// True if a text matches it.
    pub accepts: fn(&str) -> bool,
}

/// What a text must satisfy.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextRule {
    /// Must be given and not be empty.
    pub required: bool,
    /// Must not be empty, with the message of list elements and map keys.
    pub not_empty: bool,
    /// Must match.
    pub pattern: Option<Pattern>,
}

/// What a list must satisfy.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListRule {
    /// Must be given and not be empty.
    pub required: bool,
    /// No element may come twice.
    pub unique: bool,
    /// What each element must satisfy.
    pub item: TextRule,
}

impl TextRule {
    /// Anything goes.
    pub const ANY: Self = Self { required: false, not_empty: false, pattern: None };
    /// Must be given.
    pub const REQUIRED: Self = Self { required: true, not_empty: false, pattern: None };
    /// An element that must not be empty.
    pub const NOT_EMPTY: Self = Self { required: false, not_empty: true, pattern: None };

    /// The same, with a pattern.
    #[must_use]
    pub const fn matching(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }
}

/// A string that was read, with the places for `policy::model`'s texts.
pub struct Read {
    /// The string; empty if it was not given or could not be read.
    pub value: String,
    /// Where a fault about it is reported.
    pub at: Span,
    /// Its own text.
    pub span: Span,
}

/// Message prefix: `path: `.
#[must_use]
pub fn path_of(d: &Decoder<'_>, message: &str) -> String {
    let path = d.field_path();
    if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") }
}

impl Decoder<'_> {
    /// Notes a violation of a field rule, with the field's path in front.
    pub fn violation(&mut self, code: &'static str, span: impl Into<Option<Span>>, message: &str) {
        let message = if self.is_full() { String::new() } else { path_of(self, message) };
        self.fault(code, span, message);
    }

    /// Notes that a required field is missing, unless it seems to be there under a wrong name.
    pub fn require(&mut self, object: &Object<'_>, name: &'static str) {
        if object.lacks(name) {
            self.missing(name, |d| d.violation("TG0201", None, "value is required"));
        }
    }

    /// Reads a string field under a rule.
    pub fn text(&mut self, object: &Object<'_>, name: &'static str, rule: TextRule) -> Read {
        let Some(entry) = object.get(name) else {
            if rule.required {
                self.require(object, name);
            }
            return Read { value: String::new(), at: Span::default(), span: Span::default() };
        };
        self.field(name, entry, |d, entry| {
            let before = d.count();
            let value = d.string(&entry.value);
            if d.count() == before && !entry.value.is_bad() {
                d.check_text(&value, entry.key.span, rule);
            }
            Read { value, at: entry.key.span, span: entry.value.span }
        })
    }

    /// Reads a list of strings under a rule.
    pub fn texts(&mut self, object: &Object<'_>, name: &'static str, rule: ListRule) -> Vec<Read> {
        let Some(entry) = object.get(name) else {
            if rule.required {
                self.require(object, name);
            }
            return Vec::new();
        };
        self.field(name, entry, |d, entry| {
            let before = d.count();
            let items = d.list(&entry.value, |d, node| {
                let before = d.count();
                let value = d.string(node);
                if d.count() == before && !node.is_bad() {
                    d.check_text(&value, node.at, rule.item);
                }
                Read { value, at: node.at, span: node.span }
            });
            if rule.required && items.is_empty() && d.count() == before && !entry.value.is_bad() {
                d.violation("TG0201", entry.key.span, "value is required");
            }
            if rule.unique {
                d.check_unique(&items, entry);
            }
            items
        })
    }

    /// Reads a list of anything; `read` gets each element.
    pub fn items<T>(
        &mut self,
        object: &Object<'_>,
        name: &'static str,
        required: bool,
        read: impl FnMut(&mut Self, &Node) -> T,
    ) -> Vec<T> {
        let Some(entry) = object.get(name) else {
            if required {
                self.require(object, name);
            }
            return Vec::new();
        };
        self.field(name, entry, |d, entry| {
            let before = d.count();
            let items = d.list(&entry.value, read);
            if required && items.is_empty() && d.count() == before && !entry.value.is_bad() {
                d.violation("TG0201", entry.key.span, "value is required");
            }
            items
        })
    }

    fn check_text(&mut self, value: &str, at: Span, rule: TextRule) {
        if rule.required && value.is_empty() {
            self.violation("TG0201", at, "value is required");
        } else if rule.not_empty && value.is_empty() {
            self.violation("TG0204", at, "must be at least 1 characters");
        } else if let Some(pattern) = rule.pattern
            && !(pattern.accepts)(value)
        {
            self.violation("TG0202", at, &format!("does not match regex pattern `{}`", pattern.text));
        }
    }

    fn check_unique(&mut self, items: &[Read], entry: &Entry) {
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(items.len());
        for item in items {
            if let Some(first) = seen.insert(&item.value, item.span) {
                let message = path_of(self, "repeated value must contain unique items");
                let file = self.file();
                let d = crate::source::Diagnostic::error("TG0203", file, entry.key.span, message)
                    .with_related(file, first, "given here")
                    .with_related(file, item.span, "and here");
                self.push(d);
                return;
            }
        }
    }
}
