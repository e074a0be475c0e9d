//! The rules themselves, and the report. Knows no message.

use super::{Element, Field, MAX_VIOLATIONS, RuleElement, Subscript, Violation};
use crate::cel::value::{Map, Value};
use crate::proto::buf::validate::field_path_element::Type;

/// A place in a request: a linked list on the stack, so that a valid request allocates nothing.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    outer: Option<&'p Path<'p>>,
    field: &'static Field,
    at: At<'p>,
}

#[derive(Clone, Copy)]
enum At<'p> {
    Whole,
    Index(usize),
    Key(&'p str),
}

impl<'p> Path<'p> {
    /// A field of the request itself.
    pub(super) fn root(field: &'static Field) -> Self {
        Self { outer: None, field, at: At::Whole }
    }

    /// A field of the message here.
    pub(super) fn field<'q>(&'q self, field: &'static Field) -> Path<'q> {
        Path { outer: Some(self), field, at: At::Whole }
    }

    /// An item of the list here.
    pub(super) fn item(self, index: usize) -> Self {
        Self { at: At::Index(index), ..self }
    }

    /// An entry of the map here.
    pub(super) fn key(self, key: &'p str) -> Self {
        Self { at: At::Key(key), ..self }
    }

    fn elements(&self) -> Vec<Element> {
        let mut elements = self.outer.map(Path::elements).unwrap_or_default();
        let at = match self.at {
            At::Whole => None,
            At::Index(index) => Some(Subscript::Index(index as u64)),
            At::Key(key) => Some(Subscript::Key(key.to_owned())),
        };
        elements.push(Element { field: self.field, at });
        elements
    }

    fn in_map(&self) -> bool {
        matches!(self.at, At::Key(_)) || self.outer.is_some_and(Path::in_map)
    }
}

/// A scalar or message field.
pub(super) const fn field(number: i32, name: &'static str, ty: Type) -> Field {
    Field { number, name, ty }
}

/// A string field.
pub(super) const fn text(number: i32, name: &'static str) -> Field {
    field(number, name, Type::String)
}

/// A message or map field.
pub(super) const fn message(number: i32, name: &'static str) -> Field {
    field(number, name, Type::Message)
}

const fn rule(number: i32, name: &'static str, ty: Type) -> RuleElement {
    RuleElement { number, name, ty }
}

const REQUIRED: &[RuleElement] = &[rule(25, "required", Type::Bool)];
const UNIQUE: &[RuleElement] = &[rule(18, "repeated", Type::Message), rule(3, "unique", Type::Bool)];
const MAX_ITEMS: &[RuleElement] = &[rule(18, "repeated", Type::Message), rule(2, "max_items", Type::Uint64)];
const STRING: RuleElement = rule(14, "string", Type::Message);
const MIN_LEN: RuleElement = rule(2, "min_len", Type::Uint64);
const ITEM_MIN_LEN: &[RuleElement] =
    &[rule(18, "repeated", Type::Message), rule(4, "items", Type::Message), STRING, MIN_LEN];
const KEY_MIN_LEN: &[RuleElement] = &[rule(19, "map", Type::Message), rule(4, "keys", Type::Message), STRING, MIN_LEN];
const PATTERN: &[RuleElement] = &[STRING, rule(6, "pattern", Type::String)];

const AT_LEAST_ONE: &str = "must be at least 1 characters";

/// What was found so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) found: Vec<Violation>,
}

impl Report {
    /// Reports `path`, unless there are enough reports already.
    #[cold]
    pub(super) fn add(
        &mut self,
        path: Path<'_>,
        rule: &'static [RuleElement],
        rule_id: &'static str,
        text: &'static str,
    ) {
        let for_key = path.in_map().then_some(false);
        self.push(path, rule, rule_id, text, for_key);
    }

    /// Reports a map key.
    #[cold]
    pub(super) fn add_key(
        &mut self,
        path: Path<'_>,
        rule: &'static [RuleElement],
        id: &'static str,
        text: &'static str,
    ) {
        self.push(path, rule, id, text, Some(true));
    }

    fn push(
        &mut self,
        path: Path<'_>,
        rule: &'static [RuleElement],
        rule_id: &'static str,
        message: &'static str,
        for_key: Option<bool>,
    ) {
        if !self.full() {
            self.found.push(Violation { field: path.elements(), rule, rule_id, message, for_key });
        }
    }

    /// True once no more is reported.
    pub(super) fn full(&self) -> bool {
        self.found.len() >= MAX_VIOLATIONS
    }

    /// A field that must be set. Gives back whether it is.
    pub(super) fn required(&mut self, path: Path<'_>, set: bool) -> bool {
        if !set {
            self.add(path, REQUIRED, "required", "value is required");
        }
        set
    }

    /// A list of texts none of which is empty, and all different.
    pub(super) fn unique(&mut self, path: Path<'_>, items: &[&str]) {
        if repeats(items) {
            self.add(path, UNIQUE, "repeated.unique", "repeated value must contain unique items");
        }
        self.items(path, items);
    }

    /// A list that is too long, in these words.
    pub(super) fn too_many(&mut self, path: Path<'_>, text: &'static str) {
        self.add(path, MAX_ITEMS, "repeated.max_items", text);
    }

    /// A rule about a whole request.
    pub(super) fn whole(&mut self, rule_id: &'static str, message: &'static str) {
        self.found.push(Violation { field: Vec::new(), rule: &[], rule_id, message, for_key: None });
    }

    /// A list of texts none of which is empty.
    pub(super) fn items(&mut self, path: Path<'_>, items: &[&str]) {
        for (i, _) in items.iter().enumerate().filter(|(_, item)| item.is_empty()) {
            self.add(path.item(i), ITEM_MIN_LEN, "string.min_len", AT_LEAST_ONE);
        }
    }

    /// A map without an empty key.
    pub(super) fn keys(&mut self, path: Path<'_>, map: Map<'_>) {
        if map.get_str("").is_some() {
            self.empty_key(path);
        }
    }

    /// The empty key of a map.
    #[cold]
    pub(super) fn empty_key(&mut self, path: Path<'_>) {
        self.add_key(path.key(""), KEY_MIN_LEN, "string.min_len", AT_LEAST_ONE);
    }

    /// A policy version.
    pub(super) fn version(&mut self, path: Path<'_>, version: &str) {
        if !version.bytes().all(word) {
            self.add(path, PATTERN, "string.pattern", r"does not match regex pattern `^[\w]*$`");
        }
    }

    /// A scope.
    pub(super) fn scope(&mut self, path: Path<'_>, scope: &str) {
        if !is_scope(scope) {
            self.add(
                path,
                PATTERN,
                "string.pattern",
                r"does not match regex pattern `^(^$|\.|[0-9a-zA-Z][\w\-]*(\.\w[\w\-]*)*)$`",
            );
        }
    }
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Empty, `.`, or dotted parts that begin with a letter or digit (later ones also with `_`).
fn is_scope(scope: &str) -> bool {
    if scope.is_empty() || scope == "." {
        return true;
    }
    scope.split('.').enumerate().all(|(i, part)| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|b| if i == 0 { b.is_ascii_alphanumeric() } else { word(b) })
            && bytes.all(|b| word(b) || b == b'-')
    })
}

fn repeats(items: &[&str]) -> bool {
    if items.len() <= 32 {
        return items.iter().enumerate().any(|(i, item)| items.iter().take(i).any(|earlier| earlier == item));
    }
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

/// Whether a map has a member of this name.
pub(super) fn has(map: Map<'_>, name: &str) -> bool {
    map.get_str(name).is_some_and(|_: Value<'_>| true)
}
