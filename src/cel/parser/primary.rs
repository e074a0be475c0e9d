//! Names, calls, literals, lists, maps and messages: what an expression starts with.

use super::super::ast::{ExprKind, Literal, MapEntry, NodeId, StructField};
use super::super::fault::CelError;
use super::super::lexer::{Token, TokenKind};
use super::{Parser, Part, Step, Stop, literal, starts_expr};
use crate::source::Span;

/// Names kept for other languages CEL is embedded in; usable as field and method names only.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// True if `name` can't be the name of a variable or a global function.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Step<Part> {
        use TokenKind as K;
        if !starts_expr(self.peek()) {
            self.bad_operand(&[])?;
        }
        match self.peek() {
            K::Ident => self.name(None),
            K::Dot => {
                let first = self.position();
                let dot = self.next();
                if self.peek() == K::Ident {
                    return self.name(Some(dot));
                }
                self.no_viable_alternative(first);
                Err(Stop)
            }
            K::LeftParen => {
                let open = self.next();
                if !starts_expr(self.peek()) {
                    self.bad_operand(&[])?;
                }
                let inner = self.expr()?;
                let end = self.expect(K::RightParen)?;
                self.widen(inner.id, Span { start: open.start, end });
                Ok(inner)
            }
            K::LeftBracket => self.list(),
            K::LeftBrace => self.map(),
            K::Minus => {
                let first = self.position();
                let minus = self.next();
                if matches!(self.peek(), K::Int | K::Float) {
                    let token = self.next();
                    return Ok(self.literal(token, Some(minus)));
                }
                self.no_viable_alternative(first);
                Err(Stop)
            }
            K::Exclam => {
                self.mismatched_operand(&[]);
                Err(Stop)
            }
            _ => {
                let token = self.next();
                Ok(self.literal(token, None))
            }
        }
    }

    fn literal(&mut self, token: Token, minus: Option<Token>) -> Part {
        let text = self.text(token);
        let value = match token.kind {
            TokenKind::Int => literal::int(text, minus.is_some()),
            TokenKind::Uint => literal::uint(text),
            TokenKind::Float => literal::double(text, minus.is_some()),
            TokenKind::String => literal::string(text),
            TokenKind::Bytes => literal::bytes(text),
            TokenKind::True => Ok(Literal::Bool(true)),
            TokenKind::False => Ok(Literal::Bool(false)),
            _ => Ok(Literal::Null),
        };
        let start = minus.unwrap_or(token).start;
        let value = value.unwrap_or_else(|message| {
            self.semantic.push(CelError::new(start, message));
            Literal::Null
        });
        let id = self.add(Span { start, end: token.end }, start, ExprKind::Literal(value));
        Part { id, levels: 0 }
    }

    /// A name, a global call, or a message literal; the name is next.
    fn name(&mut self, dot: Option<Token>) -> Step<Part> {
        if self.message_ahead() {
            return self.message(dot);
        }
        let token = self.next();
        let text = self.text(token);
        let start = dot.unwrap_or(token).start;
        let mut name = String::with_capacity(text.len() + 1);
        if dot.is_some() {
            name.push('.');
        }
        name.push_str(text);
        if is_reserved(text) {
            self.semantic.push(CelError::new(start, format!("reserved identifier: {text}")));
        }
        if self.peek() == TokenKind::LeftParen {
            let open = self.next();
            let (args, levels, end) = self.arguments()?;
            let id = self.call_or_macro(Span { start, end }, open.start, None, name.into(), args);
            return Ok(Part { id, levels });
        }
        let span = Span { start, end: token.end };
        Ok(Part { id: self.add(span, token.start, ExprKind::Ident(name.into())), levels: 0 })
    }

    /// True if `a.b.c {` is next. Looks only over a dotted name, which the message or the selections then consume.
    fn message_ahead(&self) -> bool {
        let mut i = 1;
        while self.peek_at(i) == TokenKind::Dot && self.peek_at(i + 1) == TokenKind::Ident {
            i += 2;
        }
        self.peek_at(i) == TokenKind::LeftBrace
    }

    fn message(&mut self, dot: Option<Token>) -> Step<Part> {
        let first = self.next();
        let mut name = String::new();
        if dot.is_some() {
            name.push('.');
        }
        name.push_str(self.text(first));
        while self.eat(TokenKind::Dot) {
            let part = self.next();
            name.push('.');
            name.push_str(self.text(part));
        }
        let open = self.next();
        let mut fields = Vec::new();
        let mut levels = 0;
        let end = self.fields(|p| {
            let optional = p.eat(TokenKind::Question);
            let (name, _) = p.field_name()?;
            let position = p.position_of_colon()?;
            let value = p.expr()?;
            levels = levels.max(value.levels);
            fields.push(StructField { name, value: value.id, optional, position });
            Ok(())
        })?;
        let span = Span { start: dot.unwrap_or(first).start, end };
        let id = self.add(span, open.start, ExprKind::Struct { name: name.into(), fields });
        Ok(Part { id, levels })
    }

    fn list(&mut self) -> Step<Part> {
        let open = self.next();
        let mut elements: Vec<NodeId> = Vec::new();
        let mut optional = Vec::new();
        let mut levels = 0;
        let end = self.elements(TokenKind::RightBracket, |p| {
            if p.eat(TokenKind::Question) {
                optional.push(u32::try_from(elements.len()).unwrap_or(u32::MAX));
            }
            let element = p.expr()?;
            levels = levels.max(element.levels);
            elements.push(element.id);
            Ok(())
        })?;
        let span = Span { start: open.start, end };
        let id = self.add(span, open.start, ExprKind::List { elements, optional });
        Ok(Part { id, levels })
    }

    fn map(&mut self) -> Step<Part> {
        let open = self.next();
        let mut entries = Vec::new();
        let mut levels = 0;
        let end = self.elements(TokenKind::RightBrace, |p| {
            let optional = p.eat(TokenKind::Question);
            let key = p.expr()?;
            let position = p.position_of_colon()?;
            let value = p.expr()?;
            levels = levels.max(key.levels).max(value.levels);
            entries.push(MapEntry { key: key.id, value: value.id, optional, position });
            Ok(())
        })?;
        let span = Span { start: open.start, end };
        let id = self.add(span, open.start, ExprKind::Map(entries));
        Ok(Part { id, levels })
    }

    fn position_of_colon(&mut self) -> Step<u32> {
        let at = self.token().start;
        self.expect(TokenKind::Colon)?;
        Ok(at)
    }

    /// `element (',' element)* ','? close`, or `','? close`; gives the end of `close`.
    fn elements(&mut self, close: TokenKind, mut element: impl FnMut(&mut Self) -> Step<()>) -> Step<u32> {
        if self.peek() != close && !self.eat(TokenKind::Comma) {
            loop {
                if !self.starts_element() {
                    self.bad_operand(&[close, TokenKind::Comma, TokenKind::Question])?;
                    if self.peek() == close {
                        break;
                    }
                }
                element(self)?;
                if self.peek() != TokenKind::Comma && self.peek() != close {
                    let expected = if close == TokenKind::RightBrace { "{'}', ','}" } else { "{']', ','}" };
                    self.unexpected(expected, |k| k == close || k == TokenKind::Comma)?;
                }
                if !self.eat(TokenKind::Comma) || !self.starts_element() {
                    break;
                }
            }
        }
        self.expect(close)
    }

    /// `field (',' field)* ','? '}'`, or `','? '}'`
    fn fields(&mut self, mut field: impl FnMut(&mut Self) -> Step<()>) -> Step<u32> {
        use TokenKind as K;
        let starts = |p: &Self| matches!(p.peek(), K::Question | K::Ident | K::EscapedIdent);
        if self.peek() != K::RightBrace && !self.eat(K::Comma) {
            loop {
                if !starts(self) {
                    self.unexpected("{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}", |k| {
                        matches!(k, K::RightBrace | K::Comma | K::Question | K::Ident | K::EscapedIdent)
                    })?;
                    if !starts(self) {
                        break;
                    }
                }
                field(self)?;
                if self.peek() != K::Comma && self.peek() != K::RightBrace {
                    self.unexpected("{'}', ','}", |k| matches!(k, K::RightBrace | K::Comma))?;
                }
                if !self.eat(K::Comma) || !starts(self) {
                    break;
                }
            }
        }
        self.expect(K::RightBrace)
    }

    fn starts_element(&self) -> bool {
        starts_expr(self.peek()) || self.peek() == TokenKind::Question
    }

    /// Makes the parentheses around an expression part of its span.
    fn widen(&mut self, id: NodeId, span: Span) {
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.span = span;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn reserved_names_are_sorted() {
        assert!(super::RESERVED.is_sorted());
        assert!(super::is_reserved("while") && super::is_reserved("as") && !super::is_reserved("in2"));
    }
}
