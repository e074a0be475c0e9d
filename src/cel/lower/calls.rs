//! Operators and functions.

use std::sync::Arc;

use super::super::ast::{ExprKind, Literal, NodeId};
use super::super::functions::{self, Origin, Pattern, Range, Style};
use super::super::program::{Arithmetic, At, Node, RegexCall, Relation, TextTest};
use super::super::value::Constant;
use super::One;

impl One<'_, '_> {
    pub(super) fn call(&mut self, id: NodeId) -> At {
        let ExprKind::Call { target, function, args } = self.kind(id) else { return At(0) };
        let (target, function, args) = (*target, function.clone(), args.clone());
        match (target, &*function, args.as_slice()) {
            (None, "_&&_" | "_||_", [_, _]) => self.logic(id, &function),
            (None, "!_", [e]) => self.unary(*e, Node::Not),
            (None, "-_", [e]) => self.unary(*e, Node::Negate),
            (None, "_?_:_", [c, a, b]) => self.choose(*c, *a, *b),
            (None, "_?._", [e, field]) => match self.kind(*field) {
                ExprKind::Literal(Literal::String(field)) => {
                    let field = Arc::from(&**field);
                    let e = self.expr(*e);
                    self.add(Node::OptionalSelect(e, field))
                }
                _ => self.function(None, &function, &args),
            },
            (None, "_[_]", [e, key]) => self.index(*e, *key),
            (None, "_[?_]", [e, key]) => self.binary(*e, *key, Node::OptionalIndex),
            (None, "@not_strictly_false", [e]) => {
                // only folds of no known shape keep this; they stop when their condition is not true
                self.expr(*e)
            }
            (None, operator, [a, b]) => match binary(operator) {
                Some(node) => self.operator(*a, *b, node),
                None => self.function(None, &function, &args),
            },
            (None, "dyn" | "id", [e]) => self.expr(*e),
            (Some(e), "id", []) => self.expr(e),
            (Some(a), "or", [b]) => self.binary(a, *b, Node::OrOptional),
            (Some(a), "orValue", [b]) => self.binary(a, *b, Node::OrValue),
            _ => self.function(target, &function, &args),
        }
    }

    fn unary(&mut self, e: NodeId, node: fn(At) -> Node) -> At {
        let e = self.expr(e);
        let at = self.add(node(e));
        self.folded(at, &[e])
    }

    fn binary(&mut self, a: NodeId, b: NodeId, node: fn(At, At) -> Node) -> At {
        let a = self.expr(a);
        let b = self.expr(b);
        self.add(node(a, b))
    }

    /// A chain of `&&` or `||`, however it is nested, as one node.
    fn logic(&mut self, id: NodeId, function: &str) -> At {
        let mut operands = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match self.kind(id) {
                ExprKind::Call { target: None, function: f, args } if **f == *function && args.len() == 2 => {
                    open.extend(args.iter().rev());
                }
                _ => operands.push(id),
            }
        }
        let ats: Vec<At> = operands.iter().map(|o| self.expr(*o)).collect();
        let kids = self.kids(&ats);
        let at = self.add(if function == "_&&_" { Node::And(kids) } else { Node::Or(kids) });
        self.folded(at, &ats)
    }

    fn choose(&mut self, c: NodeId, a: NodeId, b: NodeId) -> At {
        let c = self.expr(c);
        match self.to.program.constant(c) {
            Some(Constant::Bool(true)) => self.expr(a),
            Some(Constant::Bool(false)) => self.expr(b),
            _ => {
                let a = self.expr(a);
                let b = self.expr(b);
                self.add(Node::Choose(c, a, b))
            }
        }
    }

    fn index(&mut self, e: NodeId, key: NodeId) -> At {
        if let ExprKind::Literal(Literal::String(field)) = self.kind(key) {
            let field = field.clone();
            let e = self.expr(e);
            return self.field_of(e, &field, false);
        }
        let e = self.expr(e);
        let key = self.expr(key);
        let at = self.add(Node::Index(e, key));
        self.folded(at, &[e, key])
    }

    fn operator(&mut self, a: NodeId, b: NodeId, node: fn(At, At) -> Node) -> At {
        let a = self.expr(a);
        let b = self.expr(b);
        let general = node(a, b);
        let literal = self.to.program.constant(b).cloned();
        let special = match (&general, literal) {
            _ if self.to.index.keeps_all => general,
            (Node::Equal(..), Some(Constant::String(text))) => Node::IsText(a, text),
            (Node::NotEqual(..), Some(Constant::String(text))) => Node::IsNotText(a, text),
            (Node::In(..), Some(Constant::List(elements))) => {
                let set = self.set(&elements);
                Node::InSet(a, set)
            }
            _ => general,
        };
        let at = self.add(special);
        self.folded(at, &[a, b])
    }

    fn function(&mut self, target: Option<NodeId>, name: &str, args: &[NodeId]) -> At {
        let all: Vec<NodeId> = target.into_iter().chain(args.iter().copied()).collect();
        let style = if target.is_some() { Style::Member } else { Style::Global };
        let ats: Vec<At> = all.iter().map(|e| self.expr(*e)).collect();
        if !self.to.index.keeps_all
            && let Some(special) = self.special(name, style, &ats)
        {
            let at = self.add(special);
            return self.folded(at, &ats);
        }
        let kids = self.kids(&ats);
        let Some(function) = functions::find(name, style, ats.len()) else {
            return self.add(Node::NoFunction(name.into(), kids));
        };
        let at = self.add(match style {
            Style::Global if TAKES_ERRORS.contains(&name) => Node::CallWithErrors(function, kids),
            _ => Node::Call(function, kids),
        });
        if function.reads_clock() {
            self.to.index.reads_clock = true;
            return at;
        }
        self.folded(at, &ats)
    }

    /// Calls with a literal argument that can be prepared.
    fn special(&mut self, name: &str, style: Style, ats: &[At]) -> Option<Node> {
        let text = |i: usize| match ats.get(i).and_then(|at| self.to.program.constant(*at)) {
            Some(Constant::String(s)) => Some(s.clone()),
            _ => None,
        };
        Some(match (name, style, ats) {
            ("startsWith", Style::Member, [e, _]) => Node::Text(TextTest::Prefix, *e, text(1)?),
            ("endsWith", Style::Member, [e, _]) => Node::Text(TextTest::Suffix, *e, text(1)?),
            ("contains", Style::Member, [e, _]) => Node::Text(TextTest::Part, *e, text(1)?),
            ("inIPAddrRange", Style::Member, [e, _]) => Node::InRange(*e, Box::new(Range::parse(&text(1)?)?)),
            ("matches", _, [e, _]) => {
                let pattern = text(1)?;
                Node::Matches(*e, self.pattern(&pattern))
            }
            ("regex.extract", Style::Global, [_, _]) => self.regex(RegexCall::Extract, ats)?,
            ("regex.extractAll", Style::Global, [_, _]) => self.regex(RegexCall::ExtractAll, ats)?,
            ("regex.replace", Style::Global, [_, _, _] | [_, _, _, _]) => self.regex(RegexCall::Replace, ats)?,
            _ => return None,
        })
    }

    fn regex(&mut self, call: RegexCall, ats: &[At]) -> Option<Node> {
        let Some(Constant::String(pattern)) = ats.get(1).and_then(|at| self.to.program.constant(*at)) else {
            return None;
        };
        let pattern = pattern.clone();
        let pattern = self.pattern(&pattern);
        let kids = self.kids(ats);
        Some(Node::Regex(call, kids, pattern))
    }

    /// Compiles a literal pattern, once per program.
    fn pattern(&mut self, text: &Arc<str>) -> u32 {
        if let Some(known) = self.to.index.patterns.get(text) {
            return *known;
        }
        let compiled = Pattern::compile(text, Origin::Policy).map_err(|why| why.to_string().into());
        let patterns = &mut self.to.program.patterns;
        patterns.push((text.clone(), compiled));
        let number = u32::try_from(patterns.len() - 1).unwrap_or(u32::MAX);
        self.to.index.patterns.insert(text.clone(), number);
        number
    }
}

/// The reference's own list functions.
const TAKES_ERRORS: [&str; 6] = ["hasIntersection", "has_intersection", "intersect", "except", "isSubset", "is_subset"];

fn binary(operator: &str) -> Option<fn(At, At) -> Node> {
    Some(match operator {
        "_==_" => Node::Equal,
        "_!=_" => Node::NotEqual,
        "@in" => Node::In,
        "_<_" => |a, b| Node::Compare(Relation::Less, a, b),
        "_<=_" => |a, b| Node::Compare(Relation::LessEqual, a, b),
        "_>_" => |a, b| Node::Compare(Relation::Greater, a, b),
        "_>=_" => |a, b| Node::Compare(Relation::GreaterEqual, a, b),
        "_+_" => |a, b| Node::Arithmetic(Arithmetic::Add, a, b),
        "_-_" => |a, b| Node::Arithmetic(Arithmetic::Subtract, a, b),
        "_*_" => |a, b| Node::Arithmetic(Arithmetic::Multiply, a, b),
        "_/_" => |a, b| Node::Arithmetic(Arithmetic::Divide, a, b),
        "_%_" => |a, b| Node::Arithmetic(Arithmetic::Remainder, a, b),
        _ => return None,
    })
}
