//! Types every node of a tree by cel-go's rules and refuses what the reference refuses, with its messages. Works off an
//! explicit list of tasks, so that no tree is too high for it, and counts its steps, so that none takes too long.

use super::ast::{Ast, Comprehension, ExprKind, Literal, NodeId};
use super::env::Env;
use super::fault::CelError;
use super::types::Type;
use super::{parser, validate};
use unify::Unifier;

mod aggregate;
mod call;
mod name;
mod unify;

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The tree, with calls of namespaced functions (`math.abs(x)`) rewritten to plain calls and names of types and
    /// enum values (`google.protobuf.Duration`) to plain identifiers.
    pub ast: Ast,
    /// Type of each node, by node. Nodes outside the tree are `dyn`.
    pub types: Vec<Type>,
    /// What each identifier refers to, by node.
    pub references: Vec<Option<Reference>>,
}

/// What an identifier refers to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A variable of a macro.
    Local,
    /// An entry of [`Env::roots`].
    Root(usize),
    /// A type as a value.
    Type(Type),
    /// The value of an enum.
    Enum(i64),
}

impl Checked {
    /// The type of a node.
    #[must_use]
    pub fn ty(&self, id: NodeId) -> &Type {
        self.types.get(id.0 as usize).unwrap_or(&Type::Dyn)
    }

    /// What an identifier refers to; `None` if it is no identifier, or is unknown in an expression that was not checked.
    #[must_use]
    pub fn reference(&self, id: NodeId) -> Option<&Reference> {
        self.references.get(id.0 as usize).and_then(Option::as_ref)
    }
}

/// Parses and checks an expression, literal arguments included.
pub fn compile(source: &str, env: &Env) -> Result<Checked, Vec<CelError>> {
    let checked = check(parser::parse(source)?, env)?;
    let faults = validate::literals(&checked);
    if faults.is_empty() { Ok(checked) } else { Err(faults) }
}

/// Checks a parsed expression.
pub fn check(ast: Ast, env: &Env) -> Result<Checked, Vec<CelError>> {
    let (checked, errors) = run(ast, env);
    if errors.is_empty() { Ok(checked) } else { Err(errors) }
}

/// Resolves names without refusing anything, for expressions that are to be evaluated unchecked.
#[must_use]
pub fn resolve(ast: Ast, env: &Env) -> Checked {
    run(ast, env).0
}

fn run(ast: Ast, env: &Env) -> (Checked, Vec<CelError>) {
    let count = ast.nodes.len();
    let root = ast.root;
    let mut checker = Checker {
        env,
        ast,
        types: vec![Type::Dyn; count],
        references: vec![None; count],
        unifier: Unifier::default(),
        scope: Vec::new(),
        joins: Vec::new(),
        tasks: vec![Task::Visit(root)],
        errors: Vec::new(),
    };
    while let Some(task) = checker.tasks.pop() {
        checker.step(task);
        if checker.unifier.exhausted() {
            let text = "expression is too complex to check";
            checker.errors = vec![CelError::new(0, text)];
            break;
        }
    }
    let Checker { ast, mut types, references, mut unifier, mut errors, .. } = checker;
    for ty in types.iter_mut().filter(|t| t.is_variable()) {
        *ty = unifier.resolve(ty, true);
    }
    errors.sort_by_key(|e| e.position);
    (Checked { ast, types, references }, errors)
}

/// Something still to be done; what a node needs done after its children waits under them.
#[derive(Clone, Copy)]
enum Task {
    Visit(NodeId),
    Select(NodeId),
    Call(NodeId),
    Element(NodeId, usize),
    EndList(NodeId),
    Key(NodeId, usize),
    Value(NodeId, usize),
    EndMap(NodeId),
    Field(NodeId, usize),
    EnterFold(NodeId),
    CheckCondition(NodeId),
    CheckStep(NodeId),
    EndFold(NodeId),
}

struct Checker<'e> {
    env: &'e Env,
    ast: Ast,
    types: Vec<Type>,
    references: Vec<Option<Reference>>,
    unifier: Unifier,
    /// Variables of the macros around the current node, innermost last.
    scope: Vec<(Box<str>, Type)>,
    /// Element types of the lists and maps being checked, innermost last.
    joins: Vec<Option<Type>>,
    tasks: Vec<Task>,
    errors: Vec<CelError>,
}

impl Checker<'_> {
    fn step(&mut self, task: Task) {
        match task {
            Task::Visit(id) => self.visit(id),
            Task::Select(id) => self.select(id),
            Task::Call(id) => self.call(id),
            Task::Element(id, i) => self.element(id, i),
            Task::EndList(id) => self.end_list(id),
            Task::Key(id, i) => self.key(id, i),
            Task::Value(id, i) => self.value(id, i),
            Task::EndMap(id) => self.end_map(id),
            Task::Field(id, i) => self.field(id, i),
            Task::EnterFold(id) => self.enter_fold(id),
            Task::CheckCondition(id) => self.check_condition(id),
            Task::CheckStep(id) => self.check_step(id),
            Task::EndFold(id) => self.end_fold(id),
        }
    }

    fn visit(&mut self, id: NodeId) {
        match &self.ast.node(id).kind {
            ExprKind::Literal(literal) => {
                let ty = literal_type(literal);
                self.set(id, ty);
            }
            ExprKind::Ident(_) => self.ident(id),
            ExprKind::Select { operand, test_only, .. } => {
                let (operand, test_only) = (*operand, *test_only);
                if test_only || !self.qualified_value(id) {
                    self.tasks.extend([Task::Select(id), Task::Visit(operand)]);
                }
            }
            ExprKind::Call { .. } => self.visit_call(id),
            ExprKind::List { elements, .. } => {
                let tasks = elements.iter().enumerate().rev();
                let tasks = tasks.flat_map(|(i, e)| [Task::Element(id, i), Task::Visit(*e)]);
                self.tasks.push(Task::EndList(id));
                self.tasks.extend(tasks);
                self.joins.push(None);
            }
            ExprKind::Map(entries) => {
                let tasks = entries.iter().enumerate().rev().flat_map(|(i, e)| {
                    [Task::Value(id, i), Task::Visit(e.value), Task::Key(id, i), Task::Visit(e.key)]
                });
                self.tasks.push(Task::EndMap(id));
                self.tasks.extend(tasks);
                self.joins.extend([None, None]);
            }
            ExprKind::Struct { .. } => self.visit_struct(id),
            ExprKind::Comprehension(c) => {
                let (range, init) = (c.range, c.init);
                self.tasks.extend([Task::EnterFold(id), Task::Visit(init), Task::Visit(range)]);
            }
        }
    }

    fn fold(&self, id: NodeId) -> Option<Comprehension> {
        match &self.ast.node(id).kind {
            ExprKind::Comprehension(c) => Some((**c).clone()),
            _ => None,
        }
    }

    /// Range and initial value are checked: brings the accumulator and the iteration variables into scope.
    fn enter_fold(&mut self, id: NodeId) {
        let Some(fold) = self.fold(id) else { return };
        let range = self.resolved(fold.range);
        let two = fold.iter_var2.is_some();
        let (first, second) = match &range {
            Type::List(a) if two => (Type::Int, a.first.clone()),
            Type::List(a) => (a.first.clone(), Type::Dyn),
            Type::Map(a) => (a.first.clone(), a.second.clone()),
            Type::Dyn | Type::Error | Type::Param(_) => {
                self.unifier.assignable(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            _ => {
                let text = format!(
                    "expression of type '{range}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.report(fold.range, text);
                (Type::Error, Type::Error)
            }
        };
        let accumulator = self.ty(fold.init);
        self.scope.push((fold.accu_var, accumulator));
        self.scope.push((fold.iter_var, first));
        if let Some(name) = fold.iter_var2 {
            self.scope.push((name, second));
        }
        self.tasks.extend([
            Task::EndFold(id),
            Task::Visit(fold.result),
            Task::CheckStep(id),
            Task::Visit(fold.step),
            Task::CheckCondition(id),
            Task::Visit(fold.condition),
        ]);
    }

    fn check_condition(&mut self, id: NodeId) {
        if let Some(fold) = self.fold(id) {
            self.expect(fold.condition, &Type::Bool);
        }
    }

    /// The loop is checked: the iteration variables go, the accumulator stays for the result.
    fn check_step(&mut self, id: NodeId) {
        let Some(fold) = self.fold(id) else { return };
        let accumulator = self.ty(fold.init);
        self.expect(fold.step, &accumulator);
        let variables = 1 + usize::from(fold.iter_var2.is_some());
        self.scope.truncate(self.scope.len().saturating_sub(variables));
    }

    fn end_fold(&mut self, id: NodeId) {
        let Some(fold) = self.fold(id) else { return };
        self.scope.pop();
        let ty = self.resolved(fold.result);
        self.set(id, ty);
    }

    fn expect(&mut self, id: NodeId, ty: &Type) {
        let found = self.ty(id);
        if !self.unifier.assignable(ty, &found) {
            self.mismatch(id, ty, &found);
        }
    }

    fn mismatch(&mut self, id: NodeId, expected: &Type, found: &Type) {
        self.report(id, format!("expected type '{expected}' but found '{found}'"));
    }

    fn ty(&self, id: NodeId) -> Type {
        self.types.get(id.0 as usize).cloned().unwrap_or(Type::Dyn)
    }

    /// The type with the type variables found so far replaced.
    fn resolved(&mut self, id: NodeId) -> Type {
        let ty = self.ty(id);
        self.unifier.resolve(&ty, false)
    }

    fn set(&mut self, id: NodeId, ty: Type) {
        if let Some(slot) = self.types.get_mut(id.0 as usize) {
            *slot = ty;
        }
    }

    fn refer(&mut self, id: NodeId, reference: Reference) {
        if let Some(slot) = self.references.get_mut(id.0 as usize) {
            *slot = Some(reference);
        }
    }

    fn report(&mut self, id: NodeId, message: String) {
        self.report_at(self.ast.node(id).position, message, None);
    }

    fn report_at(&mut self, position: u32, message: String, help: Option<String>) {
        self.errors.push(CelError::new(position, message).with_help(help));
    }

    /// Reports a name that means nothing here.
    fn undeclared(&mut self, id: NodeId, name: &str, similar: Option<String>) {
        let text = format!("undeclared reference to '{name}' (in container '{}')", self.env.container);
        let help = similar.map(|s| format!("did you mean `{s}`?"));
        self.report_at(self.ast.node(id).position, text, help);
        self.set(id, Type::Error);
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}

#[cfg(test)]
mod tests;
