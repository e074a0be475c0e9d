//! Tokens → [`Ast`], by precedence climbing over the reference's grammar, macros expanded on the way. Faults carry the
//! texts and places the reference gives; the two depth limits are its own, so that whatever it refuses for its depth is
//! refused here, and the recursion of this parser is bounded by the same numbers. No names are resolved here.

pub use primary::is_reserved;

use super::ast::{Ast, Expr, ExprKind, Literal, NodeId};
pub use super::fault::CelError;
use super::lexer::{Token, TokenKind, tokenize};
use super::{literal, macros};
use crate::source::Span;

mod primary;
mod syntax;

/// Longest source in code points.
pub const MAX_CODE_POINTS: usize = 100_000;
/// Deepest nesting and longest left-associated chain.
pub const MAX_DEPTH: u32 = 250;
/// Highest tree after macro expansion. Texts within [`MAX_DEPTH`] stay below it unless they nest several operators and
/// macros at each of 250 levels; whoever walks the tree by recursion can rely on it.
pub const MAX_HEIGHT: u32 = 1200;

/// Parses one expression and expands its macros.
pub fn parse(source: &str) -> Result<Ast, Vec<CelError>> {
    if source.len() > MAX_CODE_POINTS {
        let size = source.chars().count();
        if size > MAX_CODE_POINTS {
            let text = format!("expression code point size exceeds limit: size: {size}, limit {MAX_CODE_POINTS}");
            return Err(vec![CelError::new(0, text)]);
        }
    }
    let (tokens, lexical) = tokenize(source);
    let mut parser = Parser {
        source,
        nodes: Vec::with_capacity(tokens.len()),
        tokens,
        at: 0,
        syntax: lexical,
        semantic: Vec::new(),
        depths: Depths::default(),
    };
    let root = parser.start();
    let Parser { nodes, mut syntax, semantic, .. } = parser;
    let Ok(root) = root else { return Err(syntax) };
    syntax.extend(semantic);
    if !syntax.is_empty() {
        syntax.sort_by_key(|e| e.position);
        return Err(syntax);
    }
    let ast = Ast { source: source.into(), nodes, root };
    if ast.height() > MAX_HEIGHT {
        return Err(vec![CelError::new(0, "max recursion depth exceeded")]);
    }
    Ok(ast)
}

/// Parsing can't go on; the reason is in [`Parser::syntax`].
pub(super) struct Stop;

type Step<T> = Result<T, Stop>;

/// A parsed part and the number of counted levels (chains and ternaries) in its deepest branch.
#[derive(Clone, Copy)]
struct Part {
    id: NodeId,
    levels: u32,
}

/// How deep each grammar rule that can contain itself is entered.
#[derive(Default)]
struct Depths {
    expr: u32,
    relation: u32,
    calc: u32,
}

/// Parser state. Nodes are only ever added after their children, so ids of children are smaller than their parent's.
pub(super) struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    nodes: Vec<Expr>,
    syntax: Vec<CelError>,
    semantic: Vec<CelError>,
    depths: Depths,
}

/// Binding strength of the operators below `&&`.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Strength {
    Relation,
    Sum,
    Product,
}

impl Parser<'_> {
    fn start(&mut self) -> Step<NodeId> {
        let whole = self.expr()?;
        if self.peek() != TokenKind::End {
            self.trailing();
        }
        Ok(whole.id)
    }

    /// `expr: or ('?' or ':' expr)?`
    fn expr(&mut self) -> Step<Part> {
        self.depths.expr += 1;
        self.check_depth(self.depths.expr)?;
        let mut out = self.disjunction()?;
        if self.peek() == TokenKind::Question {
            let op = self.next();
            let yes = self.disjunction()?;
            self.expect(TokenKind::Colon)?;
            let no = self.expr()?;
            let span = self.span(out.id).to(self.span(no.id));
            let levels = out.levels.max(yes.levels).max(no.levels) + 1;
            let args = vec![out.id, yes.id, no.id];
            out = self.counted(span, op.start, call("_?_:_", args), levels)?;
        }
        self.depths.expr -= 1;
        Ok(out)
    }

    /// `or: and ('||' and)*` and `and: relation ('&&' relation)*`, each chain as a balanced tree.
    fn disjunction(&mut self) -> Step<Part> {
        let mut out = self.conjunction()?;
        if self.peek() != TokenKind::Or {
            return Ok(out);
        }
        let mut terms = vec![out.id];
        let mut operators = Vec::new();
        while self.peek() == TokenKind::Or {
            operators.push(self.next().start);
            let term = self.conjunction()?;
            out.levels = out.levels.max(term.levels);
            terms.push(term.id);
        }
        out.id = self.balanced("_||_", &terms, &operators);
        Ok(out)
    }

    fn conjunction(&mut self) -> Step<Part> {
        let mut out = self.operation(Strength::Relation)?;
        if self.peek() != TokenKind::And {
            return Ok(out);
        }
        let mut terms = vec![out.id];
        let mut operators = Vec::new();
        while self.peek() == TokenKind::And {
            operators.push(self.next().start);
            let term = self.operation(Strength::Relation)?;
            out.levels = out.levels.max(term.levels);
            terms.push(term.id);
        }
        out.id = self.balanced("_&&_", &terms, &operators);
        Ok(out)
    }

    /// Builds the tree the reference builds of a chain: the middle operator on top. The depth of this recursion is the
    /// logarithm of the chain's length.
    fn balanced(&mut self, function: &'static str, terms: &[NodeId], operators: &[u32]) -> NodeId {
        let middle = operators.len() / 2;
        let (Some(position), Some((left, right))) = (operators.get(middle), terms.split_at_checked(middle + 1)) else {
            return terms.first().copied().unwrap_or(NodeId(0));
        };
        let left = self.balanced(function, left, operators.get(..middle).unwrap_or(&[]));
        let right = self.balanced(function, right, operators.get(middle + 1..).unwrap_or(&[]));
        let span = self.span(left).to(self.span(right));
        self.add(span, *position, call(function, vec![left, right]))
    }

    /// Comparisons, sums and products, left-associative.
    fn operation(&mut self, least: Strength) -> Step<Part> {
        let relation = u32::from(least == Strength::Relation);
        self.depths.relation += relation;
        self.depths.calc += 1;
        self.check_depth(self.depths.relation.max(self.depths.calc))?;
        let mut left = self.unary()?;
        while let Some((function, strength)) = infix(self.peek()).filter(|(_, s)| *s >= least) {
            let op = self.next();
            let right = match strength {
                Strength::Relation => {
                    self.depths.relation += 1;
                    self.depths.calc -= 1;
                    let right = self.operation(Strength::Sum)?;
                    self.depths.calc += 1;
                    self.depths.relation -= 1;
                    right
                }
                Strength::Sum => self.operation(Strength::Product)?,
                Strength::Product => {
                    self.depths.calc += 1;
                    self.check_depth(self.depths.calc)?;
                    let right = self.unary()?;
                    self.depths.calc -= 1;
                    right
                }
            };
            let span = self.span(left.id).to(self.span(right.id));
            let levels = left.levels.max(right.levels) + 1;
            left = self.counted(span, op.start, call(function, vec![left.id, right.id]), levels)?;
        }
        self.depths.calc -= 1;
        self.depths.relation -= relation;
        Ok(left)
    }

    /// `unary: member | '!'+ member | '-'+ member`; an even number of signs cancels out.
    fn unary(&mut self) -> Step<Part> {
        let sign = self.peek();
        let function = match sign {
            TokenKind::Exclam => "!_",
            TokenKind::Minus if !matches!(self.peek_at(1), TokenKind::Int | TokenKind::Float) => "-_",
            _ => return self.member(),
        };
        let first = self.at;
        let op = self.next();
        let mut odd = true;
        while self.peek() == sign {
            self.next();
            odd = !odd;
        }
        if sign == TokenKind::Minus && !starts_member(self.peek()) {
            self.no_viable_alternative(first);
            return Err(Stop);
        }
        if sign == TokenKind::Exclam && !starts_expr(self.peek()) {
            self.surplus_operand();
            return Err(Stop);
        }
        let mut part = self.member()?;
        if odd {
            let span = Span { start: op.start, end: self.span(part.id).end };
            part.id = self.add(span, op.start, call(function, vec![part.id]));
        }
        Ok(part)
    }

    /// `member: primary ('.' '?'? field | '.' name '(' args ')' | '[' '?'? expr ']')*`
    fn member(&mut self) -> Step<Part> {
        let first = self.primary()?;
        self.suffixes(first)
    }

    fn suffixes(&mut self, mut out: Part) -> Step<Part> {
        loop {
            out = match self.peek() {
                TokenKind::Dot => self.dot(out)?,
                TokenKind::LeftBracket => {
                    let op = self.next();
                    let optional = self.eat(TokenKind::Question);
                    if !starts_expr(self.peek()) {
                        self.bad_operand(if optional { &[] } else { &[TokenKind::Question] })?;
                    }
                    let index = self.expr()?;
                    let close = self.expect(TokenKind::RightBracket)?;
                    let span = Span { start: self.span(out.id).start, end: close };
                    let function = if optional { "_[?_]" } else { "_[_]" };
                    let levels = out.levels.max(index.levels) + 1;
                    self.counted(span, op.start, call(function, vec![out.id, index.id]), levels)?
                }
                _ => return Ok(out),
            };
        }
    }

    /// A selection or a method call; the dot is next.
    fn dot(&mut self, operand: Part) -> Step<Part> {
        let first = self.at;
        let op = self.next();
        let start = self.span(operand.id).start;
        if self.eat(TokenKind::Question) {
            let (field, token) = self.field_name()?;
            let name = self.add(span_of(token), token.start, ExprKind::Literal(Literal::String(field)));
            let span = Span { start, end: token.end };
            return self.counted(span, op.start, call("_?._", vec![operand.id, name]), operand.levels + 1);
        }
        match (self.peek(), self.peek_at(1)) {
            (TokenKind::Ident, TokenKind::LeftParen) => {
                let name = self.next();
                let function: Box<str> = self.text(name).into();
                let open = self.next();
                let (args, inner, end) = self.arguments()?;
                let levels = operand.levels.max(inner) + 1;
                self.check_levels(levels)?;
                let span = Span { start, end };
                let id = self.call_or_macro(span, open.start, Some(operand.id), function, args);
                Ok(Part { id, levels })
            }
            (TokenKind::Ident | TokenKind::EscapedIdent, _) => {
                let (field, token) = self.field_name()?;
                let kind = ExprKind::Select { operand: operand.id, field, test_only: false };
                self.counted(Span { start, end: token.end }, op.start, kind, operand.levels + 1)
            }
            _ => {
                self.no_viable_alternative(first);
                Err(Stop)
            }
        }
    }

    fn field_name(&mut self) -> Step<(Box<str>, Token)> {
        if !matches!(self.peek(), TokenKind::Ident | TokenKind::EscapedIdent) {
            self.mismatched("{IDENTIFIER, ESC_IDENTIFIER}");
            return Err(Stop);
        }
        let token = self.next();
        Ok((self.text(token).trim_matches('`').into(), token))
    }

    /// Arguments after the opening parenthesis, their counted levels, and the end of the closing one.
    fn arguments(&mut self) -> Step<(Vec<NodeId>, u32, u32)> {
        let mut args = Vec::new();
        let mut levels = 0;
        if self.peek() != TokenKind::RightParen {
            if !starts_expr(self.peek()) {
                self.bad_operand(&[TokenKind::RightParen])?;
            }
            if self.peek() == TokenKind::RightParen {
                return Ok((args, levels, self.next().end));
            }
            loop {
                let arg = self.expr()?;
                args.push(arg.id);
                levels = levels.max(arg.levels);
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
        }
        let end = self.expect(TokenKind::RightParen)?;
        Ok((args, levels, end))
    }

    /// A call node, or what its macro expands to. `position` is the opening parenthesis.
    fn call_or_macro(
        &mut self,
        span: Span,
        position: u32,
        target: Option<NodeId>,
        function: Box<str>,
        args: Vec<NodeId>,
    ) -> NodeId {
        let mut builder = macros::Builder { nodes: &mut self.nodes, span, position };
        match macros::expand(&mut builder, target, &function, &args) {
            Ok(Some(id)) => id,
            Ok(None) => self.add(span, position, ExprKind::Call { target, function, args }),
            Err(error) => {
                self.semantic.push(error);
                self.add(span, position, ExprKind::Literal(Literal::Null))
            }
        }
    }

    fn add(&mut self, span: Span, position: u32, kind: ExprKind) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Expr { span, position, kind, macro_call: None });
        id
    }

    /// Adds a node that counts towards the limit on chains.
    fn counted(&mut self, span: Span, position: u32, kind: ExprKind, levels: u32) -> Step<Part> {
        self.check_levels(levels)?;
        Ok(Part { id: self.add(span, position, kind), levels })
    }

    fn check_levels(&mut self, levels: u32) -> Step<()> {
        self.limit(levels > MAX_DEPTH, "max recursion depth exceeded".to_owned())
    }

    fn check_depth(&mut self, depth: u32) -> Step<()> {
        self.limit(depth > MAX_DEPTH, format!("expression recursion limit exceeded: {MAX_DEPTH}"))
    }

    fn span(&self, id: NodeId) -> Span {
        self.nodes.get(id.0 as usize).map_or(Span::default(), |n| n.span)
    }
}

fn span_of(token: Token) -> Span {
    Span { start: token.start, end: token.end }
}

fn call(function: &str, args: Vec<NodeId>) -> ExprKind {
    ExprKind::Call { target: None, function: function.into(), args }
}

fn infix(kind: TokenKind) -> Option<(&'static str, Strength)> {
    Some(match kind {
        TokenKind::Less => ("_<_", Strength::Relation),
        TokenKind::LessEquals => ("_<=_", Strength::Relation),
        TokenKind::GreaterEquals => ("_>=_", Strength::Relation),
        TokenKind::Greater => ("_>_", Strength::Relation),
        TokenKind::EqualsEquals => ("_==_", Strength::Relation),
        TokenKind::NotEquals => ("_!=_", Strength::Relation),
        TokenKind::In => ("@in", Strength::Relation),
        TokenKind::Plus => ("_+_", Strength::Sum),
        TokenKind::Minus => ("_-_", Strength::Sum),
        TokenKind::Star => ("_*_", Strength::Product),
        TokenKind::Slash => ("_/_", Strength::Product),
        TokenKind::Percent => ("_%_", Strength::Product),
        _ => return None,
    })
}

fn starts_expr(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Minus | TokenKind::Exclam) || starts_member(kind)
}

fn starts_member(kind: TokenKind) -> bool {
    use TokenKind as K;
    matches!(
        kind,
        K::LeftBracket
            | K::LeftBrace
            | K::LeftParen
            | K::Dot
            | K::True
            | K::False
            | K::Null
            | K::Float
            | K::Int
            | K::Uint
            | K::String
            | K::Bytes
            | K::Ident
    )
}

#[cfg(test)]
mod tests;
