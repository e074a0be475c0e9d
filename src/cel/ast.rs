//! The syntax tree of one expression, after macro expansion, as an arena of nodes.
//!
//! Shapes follow cel-go's AST (operators are calls named `_+_`, `_&&_`, `!_`, `_[_]`, `_?_:_` …; macros expand to
//! [`ExprKind::Comprehension`]), so that type checking, error texts and query plans can follow the reference. Every
//! node remembers its place in the source, and every expanded macro remembers the call it came from.
//! No types, no values, no evaluation here.

use crate::source::Span;

/// Index of a node in [`Ast::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// One parsed expression. `nodes` holds children before parents; nodes that only a [`MacroCall`] refers to (`a.b` in
/// `has(a.b)`, the `x` of `l.all(x, …)`) are there, too. A node may have more than one parent there, never in the tree.
#[derive(Clone, Debug)]
pub struct Ast {
    /// The source text the spans point into.
    pub source: Box<str>,
    /// All nodes.
    pub nodes: Vec<Expr>,
    /// The whole expression.
    pub root: NodeId,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Byte range in [`Ast::source`]; for a call, the range cel-go reports for it starts at `position`.
    pub span: Span,
    /// The byte offset errors about this node are reported at (for `a + b` the operator, for `a.b` the dot, for
    /// `f(x)` the opening parenthesis, as cel-go does).
    pub position: u32,
    /// What it is.
    pub kind: ExprKind,
    /// If this node was made by a macro: the call as written, for printing and query plans.
    pub macro_call: Option<Box<MacroCall>>,
}

/// A macro call as written, before expansion. Arguments refer to (already expanded) nodes of the same arena.
#[derive(Clone, Debug, PartialEq)]
pub struct MacroCall {
    /// Receiver, for `e.all(…)`.
    pub target: Option<NodeId>,
    /// `all`, `has`, `bind` …
    pub function: Box<str>,
    /// Arguments as written.
    pub args: Vec<NodeId>,
}

/// The kinds of node.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// A name; with a leading dot (`.a`) it is looked up from the root container and starts with `.`.
    Ident(Box<str>),
    /// `operand.field`; with `test_only`, `has(operand.field)`.
    Select {
        /// What is selected from.
        operand: NodeId,
        /// The field, unescaped.
        field: Box<str>,
        /// True for the presence test made by `has`.
        test_only: bool,
    },
    /// A function, method or operator call. `a.?b` is `_?._(a, "b")`, `a[?b]` is `_[?_](a, b)`.
    Call {
        /// Receiver of a method call. `math.greatest(x)`, too, parses with the target `math`.
        target: Option<NodeId>,
        /// Function name or operator name, such as `_+_`.
        function: Box<str>,
        /// Arguments without the receiver.
        args: Vec<NodeId>,
    },
    /// `[a, ?b]`; `optional` holds the indices of elements written with `?`.
    List {
        /// Elements in order.
        elements: Vec<NodeId>,
        /// Indices of optional elements, ascending.
        optional: Vec<u32>,
    },
    /// `{k: v, ?k2: v2}`.
    Map(Vec<MapEntry>),
    /// `pkg.Message{field: value}`.
    Struct {
        /// Type name as written.
        name: Box<str>,
        /// Fields in order.
        fields: Vec<StructField>,
    },
    /// A fold, what all standard macros expand to.
    Comprehension(Box<Comprehension>),
}

/// One entry of a map literal.
#[derive(Clone, Debug, PartialEq)]
pub struct MapEntry {
    /// Key expression.
    pub key: NodeId,
    /// Value expression.
    pub value: NodeId,
    /// Written with `?`.
    pub optional: bool,
    /// Where errors about the entry are reported (the colon, as cel-go does).
    pub position: u32,
}

/// One field of a message literal.
#[derive(Clone, Debug, PartialEq)]
pub struct StructField {
    /// Field name, unescaped.
    pub name: Box<str>,
    /// Value expression.
    pub value: NodeId,
    /// Written with `?`.
    pub optional: bool,
    /// Where errors about the field are reported.
    pub position: u32,
}

/// `result` after folding `step` over `range` into the accumulator while `condition` holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Comprehension {
    /// What is iterated: list, or map (keys).
    pub range: NodeId,
    /// First iteration variable: element, key, or index in the two-variable form over a list.
    pub iter_var: Box<str>,
    /// Second iteration variable of the two-variable forms: value.
    pub iter_var2: Option<Box<str>>,
    /// Accumulator name: `@result`, or the user's name for `cel.bind`.
    pub accu_var: Box<str>,
    /// Initial accumulator.
    pub init: NodeId,
    /// Tested before each step.
    pub condition: NodeId,
    /// New accumulator.
    pub step: NodeId,
    /// Value of the whole.
    pub result: NodeId,
}

/// A literal value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1`, `-1`, `0x1F`
    Int(i64),
    /// `1u`
    Uint(u64),
    /// `1.5`
    Double(f64),
    /// `"a"`
    String(Box<str>),
    /// `b"a"`
    Bytes(Box<[u8]>),
}

impl Ast {
    /// The node of an id. Ids come from this arena; a foreign id gives the root.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Expr {
        let fallback = self.nodes.last();
        match self.nodes.get(id.0 as usize).or(fallback) {
            Some(expr) => expr,
            None => &EMPTY,
        }
    }

    /// Height of the tree under the root, macros expanded; a leaf has 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        let mut heights: Vec<u32> = Vec::with_capacity(self.nodes.len());
        for (i, node) in self.nodes.iter().enumerate() {
            let mut below = 0;
            // A parent is always made after its children; an arena that breaks this is as high as it is long.
            node.kind.for_each_child(|c| below = below.max(heights.get(c.0 as usize).copied().unwrap_or(i as u32)));
            heights.push(below + 1);
        }
        heights.get(self.root.0 as usize).copied().unwrap_or(0)
    }

    /// The root node.
    #[must_use]
    pub fn root(&self) -> &Expr {
        self.node(self.root)
    }
}

impl ExprKind {
    /// Calls `f` with each child in source order (a comprehension: range, init, condition, step, result).
    pub fn for_each_child(&self, mut f: impl FnMut(NodeId)) {
        match self {
            Self::Literal(_) | Self::Ident(_) => {}
            Self::Select { operand, .. } => f(*operand),
            Self::Call { target, args, .. } => target.iter().chain(args).for_each(|c| f(*c)),
            Self::List { elements, .. } => elements.iter().for_each(|c| f(*c)),
            Self::Map(entries) => entries.iter().for_each(|e| {
                f(e.key);
                f(e.value);
            }),
            Self::Struct { fields, .. } => fields.iter().for_each(|e| f(e.value)),
            Self::Comprehension(c) => [c.range, c.init, c.condition, c.step, c.result].into_iter().for_each(f),
        }
    }
}

static EMPTY: Expr =
    Expr { span: Span { start: 0, end: 0 }, position: 0, kind: ExprKind::Literal(Literal::Null), macro_call: None };
