//! Checked trees → nodes of a program: names become inputs, paths, variables and constants, macros become loops, calls
//! become functions, and whatever depends on nothing is worked out here.
//!
//! Lowering never refuses: an expression that can only fail fails when it runs, with the reference's words.

mod calls;
mod fold;
mod macros;

use std::sync::Arc;

use bumpalo::Bump;
use foldhash::HashMap;

use super::ast::{ExprKind, NodeId};
use super::checker::{Checked, Reference};
use super::env::{Env, RootType};
use super::program::{At, Kids, Node, Path, Program, Step, StructLiteral};
use super::texts::Key;
use super::types::Type;
use super::value::{Constant, FieldType, MessageType};

/// What names of a policy's own stand for.
#[derive(Debug, Default)]
pub struct Names {
    /// `C.x`
    pub constants: std::collections::BTreeMap<String, Constant>,
    /// `V.x`, by position.
    pub variables: HashMap<String, u32>,
}

/// Writes expressions into one program.
pub struct Lower<'u> {
    pub(super) env: &'u Env,
    pub(super) names: &'u Names,
    pub(super) program: &'u mut Program,
    pub(super) index: &'u mut Index,
}

/// What was seen while lowering; one per program.
#[derive(Debug, Default)]
pub struct Index {
    paths: HashMap<Path, u32>,
    /// How often each path is read.
    pub uses: Vec<u32>,
    patterns: HashMap<Arc<str>, u32>,
    /// True if anything reads the clock.
    pub reads_clock: bool,
    /// Leaves everything to run time; for tests.
    pub keeps_all: bool,
    scratch: Bump,
}

/// A lowered expression.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// Its node.
    pub root: At,
    /// Steps one evaluation costs, loops aside.
    pub cost: u32,
    /// Places for macro variables it needs.
    pub locals: u32,
    /// Nodes it was lowered to: more than its tree is high.
    pub nodes: u32,
    /// It gives a boolean or fails.
    pub is_test: bool,
    /// It is nothing but a variable that gives a boolean or fails.
    pub asks_variable: bool,
    /// Variables it refers to.
    pub variables: Vec<u32>,
    /// Variables and constants it names, what folding cut away left out.
    pub names: Vec<PolicyName>,
    /// It takes the variables as a whole.
    pub whole: bool,
}

/// A name of a policy's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// `V.x`
    Variable(Box<str>),
    /// `C.x`
    Constant(Box<str>),
}

impl Lower<'_> {
    /// Lowers one expression.
    pub fn lower(&mut self, checked: &Checked) -> Lowered {
        let mut one = One {
            to: self,
            checked,
            scope: Vec::new(),
            unrolling: false,
            next_local: 0,
            most_locals: 0,
            steps: 0,
            variables: Vec::new(),
            names: Vec::new(),
            whole: false,
        };
        let before = one.to.program.nodes.len();
        let root = one.expr(checked.ast.root);
        let nodes = u32::try_from(one.to.program.nodes.len() - before).unwrap_or(u32::MAX);
        let is_test = one.to.program.node(root).is_test();
        let (cost, locals) = (one.steps.max(1), one.most_locals);
        let mut variables = one.variables;
        variables.sort_unstable();
        variables.dedup();
        let (mut names, whole) = (one.names, one.whole);
        names.sort_unstable();
        names.dedup();
        Lowered { root, cost, locals, nodes, is_test, asks_variable: false, variables, names, whole }
    }
}

/// What a variable of a macro is.
#[derive(Clone, Debug)]
enum Bound {
    /// A place in the machine.
    Place(u32),
    /// The same wherever the body is written out for it.
    Literal(Constant),
}

/// The state of lowering one expression.
struct One<'l, 'u> {
    to: &'l mut Lower<'u>,
    checked: &'l Checked,
    /// Macro variables in scope, innermost last.
    scope: Vec<(Box<str>, Bound)>,
    /// In the body of a macro that is written out.
    unrolling: bool,
    next_local: u32,
    most_locals: u32,
    /// Steps of the expression or loop body that is being lowered.
    steps: u32,
    variables: Vec<u32>,
    names: Vec<PolicyName>,
    whole: bool,
}

impl One<'_, '_> {
    fn kind(&self, id: NodeId) -> &ExprKind {
        &self.checked.ast.node(id).kind
    }

    fn add(&mut self, node: Node) -> At {
        self.steps = self.steps.saturating_add(1);
        let at = At(u32::try_from(self.to.program.nodes.len()).unwrap_or(u32::MAX));
        self.to.program.nodes.push(node);
        at
    }

    fn constant(&mut self, constant: impl Into<Constant>) -> At {
        let constant = constant.into();
        self.add(Node::Constant(constant))
    }

    fn kids(&mut self, ats: &[At]) -> Kids {
        let kids = &mut self.to.program.kids;
        let start = u32::try_from(kids.len()).unwrap_or(u32::MAX);
        kids.extend_from_slice(ats);
        Kids { start, len: u32::try_from(ats.len()).unwrap_or(u32::MAX) }
    }

    fn expr(&mut self, id: NodeId) -> At {
        match self.kind(id) {
            ExprKind::Literal(literal) => {
                let constant = Constant::from(literal);
                self.constant(constant)
            }
            ExprKind::Ident(_) => self.ident(id),
            ExprKind::Select { .. } => self.select(id),
            ExprKind::Call { .. } => self.call(id),
            ExprKind::List { .. } => self.list(id),
            ExprKind::Map(_) => self.map(id),
            ExprKind::Struct { .. } => self.message(id),
            ExprKind::Comprehension(_) => self.comprehension(id),
        }
    }

    fn ident(&mut self, id: NodeId) -> At {
        let ExprKind::Ident(name) = self.kind(id) else { return At(0) };
        let name = name.clone();
        match self.checked.reference(id) {
            Some(Reference::Root(i)) => {
                let i = *i;
                self.root(i)
            }
            Some(Reference::Type(ty)) => {
                let ty = type_name(ty);
                self.add(Node::Constant(Constant::Type(ty.into())))
            }
            Some(Reference::Enum(i)) => {
                let i = *i;
                self.add(Node::Constant(Constant::Int(i)))
            }
            Some(Reference::Local) | None => match self.bound(&name) {
                Some(Bound::Place(place)) => self.add(Node::Local(place)),
                Some(Bound::Literal(constant)) => self.constant(constant),
                None => self.add(Node::Unknown(name)),
            },
        }
    }

    /// What a macro variable is.
    fn bound(&self, name: &str) -> Option<Bound> {
        self.scope.iter().rev().find(|(n, _)| **n == *name).map(|(_, bound)| bound.clone())
    }

    fn root(&mut self, i: usize) -> At {
        let Some(root) = self.to.env.roots.get(i) else { return self.constant(Constant::Null) };
        match root.ty {
            RootType::Message(_) | RootType::Dyn => {
                let index = root.index as u32;
                self.add(Node::Root(index))
            }
            RootType::Globals => {
                let index = root.index as u32;
                self.add(Node::Root(index))
            }
            RootType::Constants => self.add(Node::WholeConstants),
            RootType::Variables => {
                self.whole = true;
                self.add(Node::WholeVariables)
            }
        }
    }

    /// The root an identifier names, if it names one.
    fn named_root(&self, id: NodeId) -> Option<&super::env::Root> {
        match (self.kind(id), self.checked.reference(id)) {
            (ExprKind::Ident(_), Some(Reference::Root(i))) => self.to.env.roots.get(*i),
            _ => None,
        }
    }

    fn select(&mut self, id: NodeId) -> At {
        let ExprKind::Select { operand, field, test_only } = self.kind(id) else { return At(0) };
        let (operand, field, test_only) = (*operand, field.clone(), *test_only);
        if let Some(root) = self.named_root(operand) {
            let (ty, index) = (root.ty, root.index as u32);
            match ty {
                RootType::Variables => return self.variable(&field, test_only),
                RootType::Constants => return self.named_constant(&field, test_only),
                RootType::Globals => {
                    let name = field.into();
                    return self.add(match test_only {
                        true => Node::HasGlobal(index, name),
                        false => Node::Global(index, name),
                    });
                }
                RootType::Message(_) | RootType::Dyn => {}
            }
        }
        let e = self.expr(operand);
        self.field_of(e, &field, test_only)
    }

    fn variable(&mut self, name: &str, test_only: bool) -> At {
        self.names.push(PolicyName::Variable(name.into()));
        match self.to.names.variables.get(name) {
            Some(i) => {
                let i = *i;
                self.variables.push(i);
                self.add(if test_only { Node::HasVariable(i) } else { Node::Variable(i) })
            }
            None if test_only => self.constant(Constant::Bool(false)),
            None => self.add(Node::Undefined(name.into())),
        }
    }

    fn named_constant(&mut self, name: &str, test_only: bool) -> At {
        self.names.push(PolicyName::Constant(name.into()));
        match self.to.names.constants.get(name) {
            found if test_only => {
                let found = found.is_some();
                self.constant(Constant::Bool(found))
            }
            Some(constant) => {
                let constant = constant.clone();
                self.constant(constant)
            }
            None => self.add(Node::Undefined(name.into())),
        }
    }

    /// `e.field`, as a longer path where `e` is one.
    fn field_of(&mut self, e: At, field: &str, test_only: bool) -> At {
        let Some(path) = self.extended(e, field) else {
            let key = Box::new(Key::new(field.into()));
            let node = if test_only { Node::Has(e, key) } else { Node::Select(e, key) };
            let at = self.add(node);
            return self.folded(at, &[e]);
        };
        // the shorter path is not read by itself any more
        self.unread(e);
        let path = self.path(path);
        self.add(if test_only { Node::HasPath(path) } else { Node::Path(path) })
    }

    /// The static path of `e.field`, if `e` is an input or a path.
    fn extended(&self, e: At, field: &str) -> Option<Path> {
        let (root, mut steps, shape) = match self.to.program.node(e) {
            Node::Root(root) => (*root, Vec::new(), self.root_shape(*root)),
            Node::Path(p) => {
                let path = self.to.program.paths.get(*p as usize)?;
                (path.root, path.steps.to_vec(), self.shape_of(path))
            }
            _ => return None,
        };
        steps.push(match shape {
            Some(shape) => {
                let position = shape.field(field)?;
                Step::Field(position as u32, shape.fields.get(position)?.name)
            }
            None => Step::Key(field.into()),
        });
        Some(Path { root, steps: steps.into() })
    }

    fn root_shape(&self, root: u32) -> Option<&'static MessageType> {
        self.to.env.roots.iter().find_map(|r| match r.ty {
            RootType::Message(shape) if r.index == root as usize => Some(shape),
            _ => None,
        })
    }

    /// The message a path leads to, if it leads to one.
    fn shape_of(&self, path: &Path) -> Option<&'static MessageType> {
        let mut ty = FieldType::Message(self.root_shape(path.root)?);
        for step in &path.steps {
            ty = match (ty, step) {
                (FieldType::Message(shape), Step::Field(i, _)) => shape.fields.get(*i as usize)?.ty,
                (FieldType::MessageMap(shape), Step::Key(_)) => FieldType::Message(shape),
                _ => return None,
            };
        }
        match ty {
            FieldType::Message(shape) => Some(shape),
            _ => None,
        }
    }

    /// The number of a path; counts its use.
    fn path(&mut self, path: Path) -> u32 {
        let index = &mut *self.to.index;
        let next = u32::try_from(index.paths.len()).unwrap_or(u32::MAX);
        let number = *index.paths.entry(path).or_insert_with_key(|path| {
            self.to.program.paths.push(path.clone());
            index.uses.push(0);
            next
        });
        if let Some(uses) = index.uses.get_mut(number as usize) {
            *uses += 1;
        }
        number
    }

    /// How many variables and names there are, to forget those of a part that is cut away.
    fn mark(&self) -> (usize, usize) {
        (self.variables.len(), self.names.len())
    }

    fn cut(&mut self, mark: (usize, usize)) {
        self.variables.truncate(mark.0);
        self.names.truncate(mark.1);
    }

    fn unread(&mut self, e: At) {
        if let Node::Path(p) = self.to.program.node(e)
            && let Some(uses) = self.to.index.uses.get_mut(*p as usize)
        {
            *uses = uses.saturating_sub(1);
        }
        self.steps = self.steps.saturating_sub(1);
        // the node was the last one made, and nothing else refers to it
        if e.0 as usize + 1 == self.to.program.nodes.len() {
            self.to.program.nodes.pop();
        }
    }

    fn list(&mut self, id: NodeId) -> At {
        let ExprKind::List { elements, optional } = self.kind(id) else { return At(0) };
        let (elements, optional) = (elements.clone(), optional.clone());
        let ats: Vec<At> = elements.iter().map(|e| self.expr(*e)).collect();
        if optional.is_empty() {
            let constants: Option<Vec<Constant>> =
                ats.iter().map(|at| self.to.program.constant(*at).cloned()).collect();
            if let Some(constants) = constants {
                return self.constant(Constant::List(constants.into()));
            }
        }
        let kids = self.kids(&ats);
        if optional.is_empty() {
            return self.add(Node::List(kids));
        }
        let optional = self.optionals(optional);
        self.add(Node::ListWithOptionals(kids, optional))
    }

    fn optionals(&mut self, indices: Vec<u32>) -> u32 {
        let optionals = &mut self.to.program.optionals;
        optionals.push(indices.into());
        u32::try_from(optionals.len() - 1).unwrap_or(u32::MAX)
    }

    fn map(&mut self, id: NodeId) -> At {
        let ExprKind::Map(entries) = self.kind(id) else { return At(0) };
        let entries = entries.clone();
        let mut ats = Vec::with_capacity(entries.len() * 2);
        let mut optional = Vec::new();
        for (i, entry) in (0_u32..).zip(&entries) {
            ats.push(self.expr(entry.key));
            ats.push(self.expr(entry.value));
            if entry.optional {
                optional.push(i);
            }
        }
        let kids = self.kids(&ats);
        let optional = self.optionals(optional);
        let at = self.add(Node::Map(kids, optional));
        self.folded(at, &ats)
    }

    fn message(&mut self, id: NodeId) -> At {
        let ExprKind::Struct { name, fields } = self.kind(id) else { return At(0) };
        let (name, fields) = (name.clone(), fields.clone());
        let name: Box<str> = match self.checked.ty(id) {
            Type::Struct(full) => (*full).into(),
            _ => name.trim_start_matches('.').into(),
        };
        let shape = self.to.env.message(&name).or_else(|| super::machine::shape(&name));
        let fields = fields.iter().map(|f| (f.name.clone(), self.expr(f.value), f.optional)).collect();
        self.add(Node::Struct(Box::new(StructLiteral { name, shape, fields })))
    }
}

/// The name of a type as a value.
pub(super) fn type_name(ty: &Type) -> &'static str {
    match ty {
        Type::Dyn | Type::Error | Type::Param(_) => "dyn",
        Type::Any => "google.protobuf.Any",
        Type::Null => "null_type",
        Type::Bool => "bool",
        Type::Int => "int",
        Type::Uint => "uint",
        Type::Double => "double",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Timestamp => "google.protobuf.Timestamp",
        Type::Duration => "google.protobuf.Duration",
        Type::Wrapper(scalar) => type_name(&scalar.ty()),
        Type::List(_) => "list",
        Type::Map(_) => "map",
        Type::Optional(_) => "optional_type",
        Type::Type(_) | Type::AnyType => "type",
        Type::Opaque(name) | Type::Struct(name) => name,
    }
}
