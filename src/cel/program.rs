//! Lowered expressions: an arena of small nodes with names, paths, functions and literals already resolved. Immutable
//! once built, and shared by all threads.
//!
//! Only data. `lower` writes it, `machine` runs it.

mod paths;
mod sets;

use std::sync::Arc;

use super::ast::Literal;
use super::functions::{Function, Pattern, Range};
use super::texts::Key;
use super::time::Moment;
use super::value::{Constant, Kind, MessageType, Value};

pub use paths::{Base, Path, Plan, Shortcut, Step};
pub use sets::{Set, Texts};

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At(pub u32);

/// A run of children in [`Program::kids`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kids {
    /// First child.
    pub start: u32,
    /// Number of children.
    pub len: u32,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// String tests with a literal on the right side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `s.startsWith("…")`
    Prefix,
    /// `s.endsWith("…")`
    Suffix,
    /// `s.contains("…")`
    Part,
}

/// A test for a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeTest {
    /// One of the types whose values are all of one kind.
    Kind(Kind),
    /// Any other, by name.
    Name(Arc<str>),
}

impl TypeTest {
    /// The test for the type of this name.
    #[must_use]
    pub fn new(name: Arc<str>) -> Self {
        Kind::of_type(&name).map_or(Self::Name(name), Self::Kind)
    }

    /// True if the value is of the type.
    #[inline]
    #[must_use]
    pub fn fits(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Kind(kind) => value.kind() == *kind,
            Self::Name(name) => is_named(value, name),
        }
    }
}

#[inline(never)]
fn is_named(value: &Value<'_>, name: &str) -> bool {
    value.type_name() == name
}

/// One step of a lowered expression.
#[derive(Clone, Debug)]
pub enum Node {
    /// A literal, a constant, or what folded to one.
    Constant(Constant),
    /// An input of the evaluation.
    Root(u32),
    /// Fields of an input: `R.attr.owner`. Index into [`Program::paths`].
    Path(u32),
    /// A path that is read more than once: path, and its place in the memo.
    Slot(u32, u32),
    /// `has(R.attr.owner)`
    HasPath(u32),
    /// `V.x`
    Variable(u32),
    /// `has(V.x)`
    HasVariable(u32),
    /// `G.x`: input and name.
    Global(u32, Arc<str>),
    /// `has(G.x)`
    HasGlobal(u32, Arc<str>),
    /// `V` alone: the variables that something refers to and that did not fail.
    WholeVariables,
    /// `C` alone: the constants that something refers to.
    WholeConstants,
    /// `V.x` or `C.x` that the policy does not define.
    Undefined(Arc<str>),
    /// A variable of a macro.
    Local(u32),
    /// `e.f`
    Select(At, Box<Key>),
    /// `has(e.f)`
    Has(At, Box<Key>),
    /// `e[i]`
    Index(At, At),
    /// `e.?f`
    OptionalSelect(At, Arc<str>),
    /// `e[?i]`
    OptionalIndex(At, At),
    /// `!e`
    Not(At),
    /// `!V.x`
    NotVariable(u32),
    /// `-e`
    Negate(At),
    /// `a && b && c`
    And(Kids),
    /// `a || b || c`
    Or(Kids),
    /// `c ? a : b`
    Choose(At, At, At),
    /// `a == b`
    Equal(At, At),
    /// `a != b`
    NotEqual(At, At),
    /// `a == "literal"`
    IsText(At, Arc<str>),
    /// `a != "literal"`
    IsNotText(At, Arc<str>),
    /// `type(a) == map`
    IsType(At, TypeTest),
    /// `has(R.attr.owner) && type(R.attr.owner) == string`
    PathIs(u32, TypeTest),
    /// Several of these in a row.
    PathsAre(Box<[(u32, TypeTest)]>),
    /// `has(e.f) && type(e.f) == string`
    FieldIs(At, Box<(Key, TypeTest)>),
    /// `has(e.f) && type(e.f) == string ? e.f : otherwise`
    FieldOr(At, Box<(Key, TypeTest)>, At),
    /// `a < b`
    Compare(Relation, At, At),
    /// `a < 5`: the right side is a number or a point in time.
    CompareWith(Relation, At, Constant),
    /// `timestamp(a) < timestamp("literal")`
    Before(Box<Before>),
    /// `a in b`
    In(At, At),
    /// `a in [literals]`. Index into [`Program::sets`].
    InSet(At, u32),
    /// `a + b`
    Arithmetic(Arithmetic, At, At),
    /// `a.startsWith("literal")`
    Text(TextTest, At, Arc<str>),
    /// `a.matches("literal")`. Index into [`Program::patterns`].
    Matches(At, u32),
    /// `type(a) == string && a.matches("literal")`
    TextMatches(At, u32),
    /// Any other function.
    Call(&'static Function, Kids),
    /// A call of one of the reference's list functions, whose arguments may be errors.
    CallWithErrors(&'static Function, Kids),
    /// A function of the regex library with a literal pattern: which, arguments without it, the pattern.
    Regex(RegexCall, Kids, u32),
    /// `a.inIPAddrRange("literal")`
    InRange(At, Box<Range>),
    /// `a.or(b)`
    OrOptional(At, At),
    /// `a.orValue(b)`
    OrValue(At, At),
    /// `[a, b]`
    List(Kids),
    /// `[a, ?b]`: index into [`Program::optionals`] of the optional elements.
    ListWithOptionals(Kids, u32),
    /// `{k: v, ?k2: v2}`: keys and values in turn; index into [`Program::optionals`].
    Map(Kids, u32),
    /// `google.protobuf.Duration{…}`
    Struct(Box<StructLiteral>),
    /// A macro over a list or map.
    Loop(Box<Loop>),
    /// `cel.bind(x, init, body)`: local, initial value, body.
    Bind(u32, At, At),
    /// A fold of no known shape.
    Fold(Box<Fold>),
    /// A call no function answers to, in an expression that was not checked.
    NoFunction(Box<str>, Kids),
    /// A name that means nothing, in an expression that was not checked.
    Unknown(Box<str>),
}

/// Every step looks one up.
const _: () = assert!(std::mem::size_of::<Node>() == 32);

impl Node {
    /// True for nodes that give a boolean or fail.
    #[inline]
    #[must_use]
    pub fn is_test(&self) -> bool {
        match self {
            Self::Loop(l) => matches!(l.kind, LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne),
            Self::Not(_)
            | Self::NotVariable(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Equal(..)
            | Self::NotEqual(..)
            | Self::IsText(..)
            | Self::IsNotText(..)
            | Self::IsType(..)
            | Self::PathIs(..)
            | Self::PathsAre(_)
            | Self::FieldIs(..)
            | Self::Compare(..)
            | Self::CompareWith(..)
            | Self::Before(_)
            | Self::In(..)
            | Self::InSet(..)
            | Self::Text(..)
            | Self::Matches(..)
            | Self::TextMatches(..)
            | Self::InRange(..)
            | Self::HasPath(_)
            | Self::HasVariable(_)
            | Self::HasGlobal(..)
            | Self::Has(..) => true,
            _ => false,
        }
    }
}

/// The time of a text compared with a literal one.
#[derive(Clone, Debug)]
pub struct Before {
    /// The text.
    pub text: At,
    /// What is asked is the opposite.
    pub opposite: bool,
    /// What times are before if the answer is yes.
    pub bound: Moment,
    /// The same as any comparison, for texts the bound does not do for.
    pub general: At,
}

/// The functions of the regex library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegexCall {
    /// `regex.extract`
    Extract,
    /// `regex.extractAll`
    ExtractAll,
    /// `regex.replace`
    Replace,
}

/// A message literal.
#[derive(Clone, Debug)]
pub struct StructLiteral {
    /// Full name.
    pub name: Box<str>,
    /// Shape, if it is one of the request's messages.
    pub shape: Option<&'static MessageType>,
    /// Field, value, and whether it is optional.
    pub fields: Box<[(Box<str>, At, bool)]>,
}

/// What a macro does with each item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopKind {
    /// `all`
    All,
    /// `exists`
    Exists,
    /// `exists_one`, `existsOne`
    ExistsOne,
    /// `map`, `filter`, `transformList`: the body is the new element
    List,
    /// `transformMap`: the body is the new value
    MapValues,
    /// `transformMapEntry`: the body is a map of entries to add
    MapEntries,
}

/// A predicate over the first variable of a macro.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `x in [literals]`. Index into [`Program::sets`].
    Member(u32),
    /// `x == "literal"`
    Text(Arc<str>),
    /// `type(x) == string && x.matches("literal")`. Index into [`Program::patterns`].
    Matches(u32),
    /// Anything else.
    Other,
}

/// A macro over a list or map.
#[derive(Clone, Debug)]
pub struct Loop {
    /// What it does.
    pub kind: LoopKind,
    /// What it goes over.
    pub range: At,
    /// Local of the first variable.
    pub first: u32,
    /// Local of the second variable, in the two-variable forms.
    pub second: Option<u32>,
    /// Items it is about.
    pub filter: Option<At>,
    /// Predicate or new element.
    pub body: At,
    /// What the predicate asks, if that is simple.
    pub ask: Ask,
    /// The filter is `k in [literals]` and the new element `v`. Index into [`Program::sets`].
    pub picks: Option<u32>,
    /// Steps one item costs.
    pub cost: u32,
}

/// A fold as written in the tree.
#[derive(Clone, Debug)]
pub struct Fold {
    /// What it goes over.
    pub range: At,
    /// Local of the first variable.
    pub first: u32,
    /// Local of the second variable.
    pub second: Option<u32>,
    /// Local of the accumulator.
    pub accumulator: u32,
    /// Initial accumulator.
    pub init: At,
    /// Goes on while this holds.
    pub condition: At,
    /// New accumulator.
    pub step: At,
    /// Result.
    pub result: At,
    /// Steps one item costs.
    pub cost: u32,
}

/// Everything lowered expressions refer to.
#[derive(Debug, Default)]
pub struct Program {
    /// Nodes; children before parents.
    pub nodes: Vec<Node>,
    /// Children of the nodes that have many.
    pub kids: Vec<At>,
    /// Static paths.
    pub paths: Vec<Path>,
    /// What of each path is remembered.
    pub shortcuts: Vec<Shortcut>,
    /// Prepared sets.
    pub sets: Vec<Set>,
    /// Compiled patterns, or what is wrong with them; each with its source.
    pub patterns: Vec<(Arc<str>, Result<Pattern, Box<str>>)>,
    /// Which entries of a literal are optional.
    pub optionals: Vec<Box<[u32]>>,
    /// What [`Node::WholeVariables`] holds: names and positions.
    pub whole_variables: Vec<(Arc<str>, u32)>,
    /// What [`Node::WholeConstants`] is.
    pub whole_constants: Option<Constant>,
    /// Places for macro variables that one expression needs at most.
    pub locals: u32,
}

static MISSING: Node = Node::Constant(Constant::Null);

impl Program {
    /// A node. Ids come from this arena.
    #[inline]
    #[must_use]
    pub fn node(&self, at: At) -> &Node {
        self.nodes.get(at.0 as usize).unwrap_or(&MISSING)
    }

    /// Children.
    #[inline]
    #[must_use]
    pub fn kids(&self, kids: Kids) -> &[At] {
        let start = kids.start as usize;
        self.kids.get(start..start + kids.len as usize).unwrap_or(&[])
    }

    /// True if both are the same variable.
    #[must_use]
    pub fn same_name(&self, a: At, b: At) -> bool {
        match (self.node(a), self.node(b)) {
            (Node::Variable(a), Node::Variable(b)) | (Node::Local(a), Node::Local(b)) => a == b,
            _ => false,
        }
    }

    /// The constant a node is, if it is one.
    #[must_use]
    pub fn constant(&self, at: At) -> Option<&Constant> {
        match self.node(at) {
            Node::Constant(c) => Some(c),
            _ => None,
        }
    }
}

impl From<&Literal> for Constant {
    fn from(literal: &Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(b) => Self::Bool(*b),
            Literal::Int(i) => Self::Int(*i),
            Literal::Uint(u) => Self::Uint(*u),
            Literal::Double(d) => Self::Double(*d),
            Literal::String(s) => Self::String(s.as_ref().into()),
            Literal::Bytes(b) => Self::Bytes(b.as_ref().into()),
        }
    }
}
