//! Macro calls → what they stand for, in cel-go's shapes, so that checking, costs, plans and error places follow the
//! reference. A macro whose name and argument count fit but whose receiver does not is an ordinary call.

use super::ast::{Comprehension, Expr, ExprKind, Literal, MacroCall, NodeId};
use super::fault::CelError;
use crate::source::Span;

mod ext;
mod standard;

/// The accumulator of the standard macros; no source text can name it.
pub const ACCUMULATOR: &str = "@result";
/// The iteration variable of a fold that only binds a name.
pub const UNUSED: &str = "#unused";

/// Adds the nodes of one expansion; all of them stand at the call.
pub(super) struct Builder<'n> {
    pub(super) nodes: &'n mut Vec<Expr>,
    /// The whole call.
    pub(super) span: Span,
    /// Its opening parenthesis.
    pub(super) position: u32,
}

type Expansion = Result<Option<NodeId>, CelError>;

/// Expands a call if it is a macro; `None` if it is not.
pub(super) fn expand(b: &mut Builder<'_>, target: Option<NodeId>, function: &str, args: &[NodeId]) -> Expansion {
    let expanded = match (target, args) {
        (None, [field]) if function == "has" => standard::has(b, *field).map(Some),
        (None, _) => Ok(None),
        (Some(target), _) => standard::expand(b, target, function, args).and_then(|found| match found {
            None => ext::expand(b, target, function, args),
            some => Ok(some),
        }),
    }?;
    if let Some(node) = expanded.and_then(|id| b.nodes.get_mut(id.0 as usize)) {
        let call = MacroCall { target, function: function.into(), args: args.to_vec() };
        node.macro_call = Some(Box::new(call));
    }
    Ok(expanded)
}

impl Builder<'_> {
    fn kind(&self, id: NodeId) -> Option<&ExprKind> {
        self.nodes.get(id.0 as usize).map(|n| &n.kind)
    }

    fn error<T>(&self, at: NodeId, message: &str) -> Result<T, CelError> {
        let position = self.nodes.get(at.0 as usize).map_or(self.position, |n| n.position);
        Err(CelError::new(position, message))
    }

    fn add(&mut self, kind: ExprKind) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Expr { span: self.span, position: self.position, kind, macro_call: None });
        id
    }

    fn literal(&mut self, value: Literal) -> NodeId {
        self.add(ExprKind::Literal(value))
    }

    fn ident(&mut self, name: &str) -> NodeId {
        self.add(ExprKind::Ident(name.into()))
    }

    fn accumulator(&mut self) -> NodeId {
        self.ident(ACCUMULATOR)
    }

    fn call(&mut self, function: &str, args: Vec<NodeId>) -> NodeId {
        self.add(ExprKind::Call { target: None, function: function.into(), args })
    }

    fn method(&mut self, function: &str, target: NodeId, args: Vec<NodeId>) -> NodeId {
        self.add(ExprKind::Call { target: Some(target), function: function.into(), args })
    }

    fn list(&mut self, elements: Vec<NodeId>) -> NodeId {
        self.add(ExprKind::List { elements, optional: Vec::new() })
    }

    fn fold(&mut self, fold: Comprehension) -> NodeId {
        self.add(ExprKind::Comprehension(Box::new(fold)))
    }

    /// `result` with `name` standing for `init`.
    fn bind(&mut self, name: &str, init: NodeId, result: NodeId) -> NodeId {
        let range = self.list(Vec::new());
        let condition = self.literal(Literal::Bool(false));
        let step = self.ident(name);
        self.fold(Comprehension {
            range,
            iter_var: UNUSED.into(),
            iter_var2: None,
            accu_var: name.into(),
            init,
            condition,
            step,
            result,
        })
    }

    /// The name an argument consists of.
    fn simple_name(&self, id: NodeId) -> Option<Box<str>> {
        match self.kind(id) {
            Some(ExprKind::Ident(name)) => Some(name.clone()),
            _ => None,
        }
    }

    /// True if `target` is just the name of a function library.
    fn is_namespace(&self, target: NodeId, name: &str) -> bool {
        matches!(self.kind(target), Some(ExprKind::Ident(n)) if &**n == name)
    }
}
