//! Folds back to what they were written as. The macros expand to a handful of shapes; each is recognised here and run
//! as a loop. A fold of any other shape runs as it stands.

use super::super::ast::{Comprehension, ExprKind, Literal, NodeId};
use super::super::macros::UNUSED;
use super::super::program::{Ask, At, Fold, Loop, LoopKind, Node};
use super::super::value::Constant;
use super::{Bound, One};

/// Literals a macro may go over to be written out, and nodes that its body may have then.
const MOST_UNROLLED: usize = 8;
const MOST_NODES: usize = 16;

/// What the shape of a fold says.
enum Shape {
    Bind,
    Loop { kind: LoopKind, filter: Option<NodeId>, body: NodeId },
}

impl One<'_, '_> {
    pub(super) fn comprehension(&mut self, id: NodeId) -> At {
        let ExprKind::Comprehension(c) = self.kind(id) else { return At(0) };
        let c = (**c).clone();
        match self.shape(&c) {
            Some(Shape::Bind) => self.bind(&c),
            Some(Shape::Loop { kind, filter, body }) => self.run(&c, kind, filter, body),
            None => self.fold(&c),
        }
    }

    fn shape(&self, c: &Comprehension) -> Option<Shape> {
        if *c.iter_var == *UNUSED && self.is_bool(c.condition, false) && self.is_name(c.step, &c.accu_var) {
            return Some(Shape::Bind);
        }
        let accumulator = &*c.accu_var;
        if let ExprKind::Literal(Literal::Bool(all)) = self.kind(c.init) {
            return self.quantifier(c, *all);
        }
        if !self.is_bool(c.condition, true) {
            return None;
        }
        // an optional filter around the step: `filter ? step : accumulator`
        let (filter, step) = match self.args(c.step, "_?_:_") {
            Some([filter, step, kept]) if self.is_name(*kept, accumulator) => (Some(*filter), *step),
            _ => (None, c.step),
        };
        if let ExprKind::Literal(Literal::Int(0)) = self.kind(c.init) {
            let [counted, one] = self.args(step, "_+_")? else { return None };
            let [result, expected] = self.args(c.result, "_==_")? else { return None };
            let fits = self.is_name(*counted, accumulator)
                && self.is_one(*one)
                && self.is_name(*result, accumulator)
                && self.is_one(*expected);
            let body = filter?;
            return fits.then_some(Shape::Loop { kind: LoopKind::ExistsOne, filter: Some(body), body });
        }
        if !self.is_name(c.result, accumulator) {
            return None;
        }
        match self.kind(c.init) {
            ExprKind::List { elements, .. } if elements.is_empty() => {
                let [list, appended] = self.args(step, "_+_")? else { return None };
                let ExprKind::List { elements, optional } = self.kind(*appended) else { return None };
                let [body] = **elements else { return None };
                let fits = self.is_name(*list, accumulator) && optional.is_empty();
                fits.then_some(Shape::Loop { kind: LoopKind::List, filter, body })
            }
            ExprKind::Map(entries) if entries.is_empty() => match self.args(step, "cel.@mapInsert")? {
                [map, key, body] if self.is_name(*map, accumulator) && self.is_name(*key, &c.iter_var) => {
                    Some(Shape::Loop { kind: LoopKind::MapValues, filter, body: *body })
                }
                [map, body] if self.is_name(*map, accumulator) => {
                    Some(Shape::Loop { kind: LoopKind::MapEntries, filter, body: *body })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn quantifier(&self, c: &Comprehension, all: bool) -> Option<Shape> {
        let [condition] = self.args(c.condition, "@not_strictly_false")? else { return None };
        let tested = if all {
            *condition
        } else {
            let [negated] = self.args(*condition, "!_")? else { return None };
            *negated
        };
        let [accumulated, body] = self.args(c.step, if all { "_&&_" } else { "_||_" })? else { return None };
        let fits = [tested, *accumulated, c.result].iter().all(|id| self.is_name(*id, &c.accu_var));
        let kind = if all { LoopKind::All } else { LoopKind::Exists };
        fits.then_some(Shape::Loop { kind, filter: None, body: *body })
    }

    /// The arguments of a call of an operator.
    fn args(&self, id: NodeId, operator: &str) -> Option<&[NodeId]> {
        match self.kind(id) {
            ExprKind::Call { target: None, function, args } if **function == *operator => Some(args),
            _ => None,
        }
    }

    fn is_name(&self, id: NodeId, name: &str) -> bool {
        matches!(self.kind(id), ExprKind::Ident(n) if **n == *name)
    }

    fn is_bool(&self, id: NodeId, expected: bool) -> bool {
        matches!(self.kind(id), ExprKind::Literal(Literal::Bool(b)) if *b == expected)
    }

    fn is_one(&self, id: NodeId) -> bool {
        matches!(self.kind(id), ExprKind::Literal(Literal::Int(1)))
    }

    /// A place for a macro variable, until the scope ends.
    fn declare(&mut self, name: &str) -> u32 {
        let place = self.next_local;
        self.next_local += 1;
        self.most_locals = self.most_locals.max(self.next_local);
        self.scope.push((name.into(), Bound::Place(place)));
        place
    }

    fn forget(&mut self, variables: usize) {
        for _ in 0..variables {
            self.scope.pop();
            self.next_local = self.next_local.saturating_sub(1);
        }
    }

    fn bind(&mut self, c: &Comprehension) -> At {
        let init = self.expr(c.init);
        let place = self.declare(&c.accu_var);
        let body = self.expr(c.result);
        self.forget(1);
        self.add(Node::Bind(place, init, body))
    }

    fn run(&mut self, c: &Comprehension, kind: LoopKind, filter: Option<NodeId>, body: NodeId) -> At {
        if self.is_empty_literal(c.range) {
            return match kind {
                LoopKind::All => self.constant(Constant::Bool(true)),
                LoopKind::Exists | LoopKind::ExistsOne => self.constant(Constant::Bool(false)),
                LoopKind::List => self.constant(Constant::List([].into())),
                LoopKind::MapValues | LoopKind::MapEntries => self.constant(Constant::Map([].into())),
            };
        }
        let range = self.expr(c.range);
        if let Some(unrolled) = self.unrolled(c, kind, body, range) {
            return unrolled;
        }
        let outside = std::mem::replace(&mut self.steps, 0);
        let first = self.declare(&c.iter_var);
        let second = c.iter_var2.as_deref().map(|name| self.declare(name));
        let filter = filter.map(|f| self.expr(f));
        let body = match (kind, filter) {
            (LoopKind::ExistsOne, Some(filter)) => filter,
            _ => self.expr(body),
        };
        self.forget(if second.is_some() { 2 } else { 1 });
        let cost = std::mem::replace(&mut self.steps, outside).saturating_add(1);
        let is_item = |e: At| matches!(self.to.program.node(e), Node::Local(i) if *i == first);
        let ask = match self.to.program.node(body) {
            Node::InSet(e, set) if second.is_none() && is_item(*e) => Ask::Member(*set),
            Node::IsText(e, text) if second.is_none() && is_item(*e) => Ask::Text(text.clone()),
            Node::TextMatches(e, pattern) if second.is_none() && is_item(*e) => Ask::Matches(*pattern),
            _ => Ask::Other,
        };
        let picks = match (filter.map(|f| self.to.program.node(f)), self.to.program.node(body)) {
            (Some(Node::InSet(e, set)), Node::Local(value)) if is_item(*e) && Some(*value) == second => Some(*set),
            _ => None,
        };
        self.add(Node::Loop(Box::new(Loop { kind, range, first, second, filter, body, ask, picks, cost })))
    }

    /// `all` and `exists` over a few constants as `&&` and `||`: in each operand the variable is a literal, and what
    /// depends on it alone is worked out here. Errors are absorbed in the same way.
    fn unrolled(&mut self, c: &Comprehension, kind: LoopKind, body: NodeId, range: At) -> Option<At> {
        let Some(Constant::List(elements)) = self.to.program.constant(range) else { return None };
        let short = (1..=MOST_UNROLLED).contains(&elements.len()) && c.iter_var2.is_none();
        if !short || self.unrolling || self.to.index.keeps_all || !self.is_small(body) {
            return None;
        }
        let elements = elements.clone();
        if !matches!(kind, LoopKind::All | LoopKind::Exists) {
            return None;
        }
        self.unrolling = true;
        let mut ats = Vec::with_capacity(elements.len());
        for element in &*elements {
            self.scope.push((c.iter_var.clone(), Bound::Literal(element.clone())));
            let at = self.expr(body);
            self.scope.pop();
            match (self.to.program.node(at), kind) {
                (Node::And(kids), LoopKind::All) | (Node::Or(kids), LoopKind::Exists) => {
                    ats.extend_from_slice(self.to.program.kids(*kids));
                }
                _ => ats.push(at),
            }
        }
        self.unrolling = false;
        let kids = self.kids(&ats);
        let at = self.add(if kind == LoopKind::All { Node::And(kids) } else { Node::Or(kids) });
        Some(self.folded(at, &ats))
    }

    /// True if a tree has few nodes and no macro in it.
    fn is_small(&self, body: NodeId) -> bool {
        let mut open = vec![body];
        let mut seen = 0;
        while let Some(id) = open.pop() {
            seen += 1;
            match self.kind(id) {
                _ if seen > MOST_NODES => return false,
                ExprKind::Literal(_) | ExprKind::Ident(_) => {}
                ExprKind::Select { operand, .. } => open.push(*operand),
                ExprKind::Call { target, args, .. } => open.extend(target.iter().chain(args)),
                ExprKind::List { elements, .. } => open.extend(elements),
                ExprKind::Map(_) | ExprKind::Struct { .. } | ExprKind::Comprehension(_) => return false,
            }
        }
        true
    }

    fn fold(&mut self, c: &Comprehension) -> At {
        let range = self.expr(c.range);
        let init = self.expr(c.init);
        let outside = std::mem::replace(&mut self.steps, 0);
        let accumulator = self.declare(&c.accu_var);
        let first = self.declare(&c.iter_var);
        let second = c.iter_var2.as_deref().map(|name| self.declare(name));
        let condition = self.expr(c.condition);
        let step = self.expr(c.step);
        let cost = std::mem::replace(&mut self.steps, outside).saturating_add(1);
        self.forget(if second.is_some() { 2 } else { 1 });
        let result = self.expr(c.result);
        self.forget(1);
        let fold = Fold { range, first, second, accumulator, init, condition, step, result, cost };
        self.add(Node::Fold(Box::new(fold)))
    }
}
