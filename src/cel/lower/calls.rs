//! Operators and functions.

use std::sync::Arc;

use super::super::ast::{ExprKind, Literal, NodeId};
use super::super::functions::{self, Origin, Pattern, Range, Style};
use super::super::program::{Arithmetic, At, Before, Node, RegexCall, Relation, TextTest, TypeTest};
use super::super::time::Moment;
use super::super::value::{Constant, Kind};
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
        let node = match (node(e), self.to.program.node(e)) {
            (Node::Not(_), Node::Variable(i)) => Node::NotVariable(*i),
            (other, _) => other,
        };
        let at = self.add(node);
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
        let mark = self.mark();
        let mut ats: Vec<At> = operands.iter().map(|o| self.expr(*o)).collect();
        let decides = function == "_||_";
        let decided = |at: &At| matches!(self.to.program.constant(*at), Some(Constant::Bool(b)) if *b == decides);
        if !self.to.index.keeps_all && ats.iter().any(decided) {
            self.cut(mark);
            return self.constant(Constant::Bool(decides));
        }
        if function == "_&&_" && !self.to.index.keeps_all {
            self.fuse(&mut ats);
            self.fuse_paths(&mut ats);
            if let [one] = *ats {
                return one;
            }
        }
        let kids = self.kids(&ats);
        let at = self.add(if function == "_&&_" { Node::And(kids) } else { Node::Or(kids) });
        self.folded(at, &ats)
    }

    /// `has(e.f) && type(e.f) == t`, and `type(e) == string && e.matches("literal")`, as one test.
    fn fuse(&mut self, operands: &mut Vec<At>) {
        let mut i = 0;
        while let Some([first, second]) = operands.get(i..i + 2) {
            if let Some(test) = self.fused(*first, *second) {
                let test = self.add(test);
                operands.splice(i..i + 2, [test]);
            }
            i += 1;
        }
    }

    /// What asks for paths and their types one after the other, as one test.
    fn fuse_paths(&mut self, operands: &mut Vec<At>) {
        let mut fused = Vec::with_capacity(operands.len());
        let mut run: Vec<(u32, TypeTest)> = Vec::new();
        let mut last = None;
        for at in operands.drain(..).map(Some).chain([None]) {
            if let Some(at) = at
                && let Node::PathIs(path, ty) = self.to.program.node(at)
            {
                run.push((*path, ty.clone()));
                last = Some(at);
                continue;
            }
            match (run.len(), last) {
                (1, Some(one)) => fused.push(one),
                (0, _) => {}
                _ => {
                    let tests = std::mem::take(&mut run).into();
                    fused.push(self.add(Node::PathsAre(tests)));
                }
            }
            run.clear();
            fused.extend(at);
        }
        *operands = fused;
    }

    fn fused(&mut self, first: At, second: At) -> Option<Node> {
        let program = &*self.to.program;
        if let (Node::IsType(e, TypeTest::Kind(Kind::String)), Node::Matches(f, pattern)) =
            (program.node(first), program.node(second))
            && program.same_name(*e, *f)
        {
            return Some(Node::TextMatches(*e, *pattern));
        }
        let Node::IsType(of, ty) = program.node(second) else { return None };
        match (program.node(first), program.node(*of)) {
            (Node::HasPath(p), Node::Path(q)) if p == q => {
                let (path, ty) = (*p, ty.clone());
                // one reader instead of two
                if let Some(uses) = self.to.index.uses.get_mut(path as usize) {
                    *uses = uses.saturating_sub(1);
                }
                Some(Node::PathIs(path, ty))
            }
            (Node::Has(e, key), Node::Select(f, other)) if key == other && program.same_name(*e, *f) => {
                Some(Node::FieldIs(*e, Box::new(((**key).clone(), ty.clone()))))
            }
            _ => None,
        }
    }

    fn choose(&mut self, c: NodeId, a: NodeId, b: NodeId) -> At {
        let c = self.expr(c);
        match self.to.program.constant(c) {
            Some(Constant::Bool(true)) => self.expr(a),
            Some(Constant::Bool(false)) => self.expr(b),
            _ => {
                let a = self.expr(a);
                let b = self.expr(b);
                let choice = self.field_or(c, a, b).unwrap_or(Node::Choose(c, a, b));
                self.add(choice)
            }
        }
    }

    /// `has(e.f) && type(e.f) == string ? e.f : otherwise` looks once.
    fn field_or(&self, c: At, a: At, b: At) -> Option<Node> {
        let program = &*self.to.program;
        match (program.node(c), program.node(a)) {
            (Node::FieldIs(e, test), Node::Select(f, key)) if test.0 == **key && program.same_name(*e, *f) => {
                Some(Node::FieldOr(*e, test.clone(), b))
            }
            _ => None,
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
        let (mark, right) = (self.mark(), b);
        let a = self.expr(a);
        let b = self.expr(b);
        let general = node(a, b);
        if matches!(general, Node::In(..)) && self.is_empty_literal(right) {
            self.cut(mark);
            return self.constant(Constant::Bool(false));
        }
        let literal = self.to.program.constant(b).cloned();
        let special = match (&general, literal) {
            _ if self.to.index.keeps_all => general,
            (Node::Equal(..), Some(Constant::String(text))) => Node::IsText(a, text),
            (Node::NotEqual(..), Some(Constant::String(text))) => Node::IsNotText(a, text),
            (Node::Equal(..), Some(Constant::Type(name))) => self.is_type(a, name).unwrap_or(general),
            (Node::NotEqual(..), Some(Constant::Type(name))) => match self.is_type(a, name) {
                Some(is) => Node::Not(self.add(is)),
                None => general,
            },
            (
                Node::Compare(relation, ..),
                Some(c @ (Constant::Double(_) | Constant::Int(_) | Constant::Uint(_) | Constant::Timestamp(_))),
            ) => {
                let compare = Node::CompareWith(*relation, a, c);
                self.before(compare)
            }
            (Node::In(..), Some(Constant::List(elements))) => {
                let set = self.set(&elements);
                Node::InSet(a, set)
            }
            _ => general,
        };
        let at = self.add(special);
        self.folded(at, &[a, b])
    }

    /// `timestamp(e) < timestamp("literal")` reads no more of a date than its order.
    fn before(&mut self, compare: Node) -> Node {
        let program = &*self.to.program;
        if let Node::CompareWith(relation, call, Constant::Timestamp(literal)) = &compare
            && let Node::Call(function, kids) = program.node(*call)
            && function.name == "timestamp"
            && let [text] = *program.kids(*kids)
            && let or_at = matches!(relation, Relation::LessEqual | Relation::Greater)
            && let Some(bound) = Moment::bound(*literal, or_at)
        {
            let opposite = matches!(relation, Relation::Greater | Relation::GreaterEqual);
            return Node::Before(Box::new(Before { text, opposite, bound, general: self.add(compare) }));
        }
        compare
    }

    /// `[]` as written: nothing is in it, and the reference does not even ask what is looked for.
    pub(super) fn is_empty_literal(&self, id: NodeId) -> bool {
        matches!(self.kind(id), ExprKind::List { elements, .. } if elements.is_empty())
    }

    /// A test for the type's name, if the node is `type(e)`.
    fn is_type(&self, at: At, name: Arc<str>) -> Option<Node> {
        match self.to.program.node(at) {
            Node::Call(function, kids) if function.name == "type" => {
                self.to.program.kids(*kids).first().map(|e| Node::IsType(*e, TypeTest::new(name)))
            }
            _ => None,
        }
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
