//! Attributes as the validator sees them: a tree in an arena, whose every node charges the decision's budget when it is
//! looked at. Once the budget is spent all nodes are null, so that what is still to be done ends soon; its outcome is
//! then of no use to anybody.

use std::borrow::Cow;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node as JsonNode, NodeIdentity, Object};
use serde_json::Value as Document;

use crate::cel::budget::Budget;
use crate::cel::value::{Map, Value};

/// Deepest value that is validated; requests are refused before they come near.
const MAX_DEPTH: usize = 256;
/// Bytes of text that cost one step.
const BYTES_PER_STEP: usize = 64;

/// A JSON value at a place of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tree<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    List(&'a [Tree<'a>]),
    Object(&'a [(&'a str, Tree<'a>)]),
}

static NULL: Tree<'static> = Tree::Null;

impl<'a> Tree<'a> {
    /// Attributes, copied; `None` if the budget does not reach.
    pub(super) fn of_map(map: Map<'a>, bump: &'a Bump, budget: &Budget) -> Option<Self> {
        Self::object(map, bump, budget, 0)
    }

    fn of(value: Value<'a>, bump: &'a Bump, budget: &Budget, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            // Spends all there is.
            let _ = budget.charge(u64::MAX);
            return None;
        }
        Some(match value {
            Value::Bool(b) => Self::Bool(b),
            Value::Int(i) => Self::Number(i as f64),
            Value::Uint(u) => Self::Number(u as f64),
            // As the reference converts what JSON has no numbers for.
            Value::Double(d) if d.is_nan() => Self::Text("NaN"),
            Value::Double(d) if d.is_infinite() => Self::Text(if d > 0.0 { "Infinity" } else { "-Infinity" }),
            Value::Double(d) => Self::Number(d),
            Value::String(s) => Self::Text(s),
            Value::List(list) => {
                budget.charge_len(list.len()).ok()?;
                let mut items = BumpVec::with_capacity_in(list.len(), bump);
                for item in list.iter() {
                    items.push(Self::of(item, bump, budget, depth + 1)?);
                }
                Self::List(items.into_bump_slice())
            }
            Value::Map(map) => Self::object(map, bump, budget, depth)?,
            // No request has any of these.
            Value::Null
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::Type(_)
            | Value::Optional(_)
            | Value::Message(_)
            | Value::Object(_) => Self::Null,
        })
    }

    fn object(map: Map<'a>, bump: &'a Bump, budget: &Budget, depth: usize) -> Option<Self> {
        budget.charge_len(map.len()).ok()?;
        let mut members = BumpVec::with_capacity_in(map.len(), bump);
        for (key, value) in map.iter() {
            if let Value::String(name) = key {
                members.push((name, Self::of(value, bump, budget, depth + 1)?));
            }
        }
        Some(Self::Object(members.into_bump_slice()))
    }

    /// A schema as a value, to hold it against its meta-schema. The reader of JSON has bounded its depth.
    pub(super) fn of_document(document: &'a Document, bump: &'a Bump) -> Self {
        match document {
            Document::Null => Self::Null,
            Document::Bool(b) => Self::Bool(*b),
            Document::Number(n) => Self::Number(n.as_f64().unwrap_or(0.0)),
            Document::String(s) => Self::Text(s),
            Document::Array(items) => {
                let items = items.iter().map(|item| Self::of_document(item, bump));
                Self::List(BumpVec::from_iter_in(items, bump).into_bump_slice())
            }
            Document::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_str(), Self::of_document(value, bump)));
                Self::Object(BumpVec::from_iter_in(members, bump).into_bump_slice())
            }
        }
    }

    /// The value that a JSON pointer leads to.
    pub(super) fn find(&self, pointer: &str) -> Option<&Tree<'a>> {
        let mut tree = self;
        for segment in pointer.split('/').skip(1) {
            tree = match tree {
                Self::List(items) => items.get(segment.parse::<usize>().ok()?)?,
                Self::Object(members) => {
                    let name = segment.replace("~1", "/").replace("~0", "~");
                    members.iter().find(|(n, _)| *n == name).map(|(_, value)| value)?
                }
                Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => return None,
            };
        }
        Some(tree)
    }

    /// The name of its type; whole numbers are numbers.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Object(_) => "object",
        }
    }

    fn equals(&self, other: &Document) -> bool {
        match (self, other) {
            (Self::Null, Document::Null) => true,
            (Self::Bool(a), Document::Bool(b)) => a == b,
            (Self::Number(a), Document::Number(b)) => b.as_f64() == Some(*a),
            (Self::Text(a), Document::String(b)) => a == b,
            (Self::List(a), Document::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b)),
            (Self::Object(a), Document::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, value)| b.get(*name).is_some_and(|b| value.equals(b)))
            }
            _ => false,
        }
    }

    /// A text that equal values have in common, and no others.
    fn canonical(&self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Self::Null => out.push('n'),
            Self::Bool(b) => out.push(if *b { 't' } else { 'f' }),
            // Zero has two signs and one value.
            Self::Number(n) => drop(write!(out, "#{:x};", (n + 0.0).to_bits())),
            Self::Text(s) => drop(write!(out, "s{}:{s}", s.len())),
            Self::List(items) => {
                let _ = write!(out, "[{}:", items.len());
                items.iter().for_each(|item| item.canonical(out));
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by_key(|(name, _)| *name);
                let _ = write!(out, "{{{}:", sorted.len());
                for (name, value) in sorted {
                    let _ = write!(out, "{}:{name}", name.len());
                    value.canonical(out);
                }
            }
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 1,
            Self::Text(s) => 1 + (s.len() / BYTES_PER_STEP) as u64,
            Self::List(items) => items.iter().fold(1, |sum, item| sum + item.size()),
            Self::Object(members) => members.iter().fold(1, |sum, (_, value)| sum + 1 + value.size()),
        }
    }
}

/// Attributes as a kind of JSON that the validator can read.
pub(super) struct Attributes;

/// A value and who pays for looking at it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) budget: &'a Budget,
}

impl<'a> Node<'a> {
    /// The value, for one step.
    pub(super) fn see(self) -> &'a Tree<'a> {
        self.see_for(1)
    }

    /// The value, for as many steps as it is large.
    fn see_whole(self) -> &'a Tree<'a> {
        if self.budget.is_exhausted() { &NULL } else { self.see_for(self.tree.size()) }
    }

    fn see_for(self, steps: u64) -> &'a Tree<'a> {
        if self.budget.charge(steps).is_err() { &NULL } else { self.tree }
    }

    /// The text, if it is one.
    pub(super) fn text(self) -> Option<&'a str> {
        match self.see() {
            Tree::Text(s) => self.budget.charge_len(s.len() / BYTES_PER_STEP).is_ok().then_some(*s),
            _ => None,
        }
    }

    /// Two elements of a list that are equal: the earliest that has an equal before it, and that one.
    pub(super) fn equal_items(self) -> Option<(usize, usize)> {
        let Tree::List(items) = self.see_whole() else { return None };
        let mut seen = std::collections::BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            let mut text = String::new();
            item.canonical(&mut text);
            if let Some(first) = seen.get(&text) {
                return Some((*first, i));
            }
            seen.insert(text, i);
        }
        None
    }
}

impl Json for Attributes {
    type Node<'a> = Node<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        // Whoever lists the names of an object has paid for each.
        let budget = Budget::new(u64::MAX);
        f(Node { tree: &Tree::Text(string), budget: &budget })
    }
}

impl<'a> JsonNode<'a, Attributes> for Node<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = Number;

    fn as_object(&self) -> Option<Members<'a>> {
        match self.see() {
            Tree::Object(members) => Some(Members { members, budget: self.budget }),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Items<'a>> {
        match self.see() {
            Tree::List(items) => Some(Items { items, node: *self }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.text().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<Number> {
        if let Tree::Number(n) = self.see() { Some(Number(*n)) } else { None }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Tree::Bool(b) = self.see() { Some(*b) } else { None }
    }

    fn is_null(&self) -> bool {
        matches!(self.see(), Tree::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.see() {
            Tree::Null => JsonType::Null,
            Tree::Bool(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::Text(_) => JsonType::String,
            Tree::List(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Document) -> bool {
        self.see_whole().equals(expected)
    }

    /// For errors alone, which find lists and objects by their path: these are never copied.
    fn to_value(&self) -> Cow<'a, Document> {
        Cow::Owned(match self.tree {
            Tree::Bool(b) => Document::Bool(*b),
            Tree::Number(n) => Document::Number(Number(*n).to_number().into_owned()),
            Tree::Text(s) => Document::String((*s).to_owned()),
            Tree::Null | Tree::List(_) | Tree::Object(_) => Document::Null,
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.tree).addr()))
    }
}

/// The members of an object.
pub(super) struct Members<'a> {
    members: &'a [(&'a str, Tree<'a>)],
    budget: &'a Budget,
}

impl<'a> Object<'a, Attributes> for Members<'a> {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &Box<str>) -> Option<Node<'a>> {
        self.budget.charge(1 + (self.members.len() / 16) as u64).ok()?;
        let (_, tree) = self.members.iter().find(|(name, _)| **name == **key)?;
        Some(Node { tree, budget: self.budget })
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter { members: self.members.iter(), budget: self.budget }
    }
}

/// Goes through the members of an object.
pub(super) struct MembersIter<'a> {
    members: std::slice::Iter<'a, (&'a str, Tree<'a>)>,
    budget: &'a Budget,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, tree) = self.members.next()?;
        self.budget.charge(1 + (name.len() / BYTES_PER_STEP) as u64).ok()?;
        Some((name, Node { tree, budget: self.budget }))
    }
}

/// The elements of a list.
pub(super) struct Items<'a> {
    items: &'a [Tree<'a>],
    node: Node<'a>,
}

impl<'a> Array<'a, Attributes> for Items<'a> {
    type Node = Node<'a>;
    type ElementsIter = ItemsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ItemsIter<'a> {
        ItemsIter { items: self.items.iter(), budget: self.node.budget }
    }

    fn is_unique(&self) -> bool {
        self.node.equal_items().is_none()
    }
}

/// Goes through the elements of a list.
pub(super) struct ItemsIter<'a> {
    items: std::slice::Iter<'a, Tree<'a>>,
    budget: &'a Budget,
}

impl<'a> Iterator for ItemsIter<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let tree = self.items.next()?;
        self.budget.charge(1).ok()?;
        Some(Node { tree, budget: self.budget })
    }
}

/// A number: whole if its value is, however it was written.
pub(super) struct Number(f64);

/// The largest double up to which every whole number is one.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl JsonNumber for Number {
    fn as_u64(&self) -> Option<u64> {
        (self.is_integer() && (0.0..=EXACT).contains(&self.0)).then_some(self.0 as u64)
    }

    fn as_i64(&self) -> Option<i64> {
        (self.is_integer() && self.0.abs() <= EXACT).then_some(self.0 as i64)
    }

    fn as_f64(&self) -> Option<f64> {
        Some(self.0)
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        let whole = self.as_i64().map(serde_json::Number::from);
        Cow::Owned(whole.or_else(|| serde_json::Number::from_f64(self.0)).unwrap_or_else(|| 0.into()))
    }

    fn is_integer(&self) -> bool {
        self.0.fract() == 0.0
    }
}
