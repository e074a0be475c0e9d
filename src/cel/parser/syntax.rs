//! The token cursor and the reports about tokens that fit nowhere, with the texts an ANTLR parser gives: one surplus
//! token is skipped, one missing is assumed, anything else ends the parse.

use super::super::fault::CelError;
use super::super::lexer::{Token, TokenKind};
use super::{Parser, Step, Stop, starts_expr};

/// Every token in the order the reference lists them.
const EXPECTED: &[(TokenKind, &str)] = &[
    (TokenKind::LeftBracket, "'['"),
    (TokenKind::RightBracket, "']'"),
    (TokenKind::LeftBrace, "'{'"),
    (TokenKind::RightBrace, "'}'"),
    (TokenKind::LeftParen, "'('"),
    (TokenKind::RightParen, "')'"),
    (TokenKind::Dot, "'.'"),
    (TokenKind::Comma, "','"),
    (TokenKind::Minus, "'-'"),
    (TokenKind::Exclam, "'!'"),
    (TokenKind::Question, "'?'"),
    (TokenKind::True, "'true'"),
    (TokenKind::False, "'false'"),
    (TokenKind::Null, "'null'"),
    (TokenKind::Float, "NUM_FLOAT"),
    (TokenKind::Int, "NUM_INT"),
    (TokenKind::Uint, "NUM_UINT"),
    (TokenKind::String, "STRING"),
    (TokenKind::Bytes, "BYTES"),
    (TokenKind::Ident, "IDENTIFIER"),
];

impl Parser<'_> {
    pub(super) fn token(&self) -> Token {
        self.token_at(0)
    }

    fn token_at(&self, ahead: usize) -> Token {
        let end = u32::try_from(self.source.len()).unwrap_or(u32::MAX);
        self.tokens.get(self.at + ahead).copied().unwrap_or(Token { kind: TokenKind::End, start: end, end })
    }

    /// Index of the next token.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> TokenKind {
        self.token().kind
    }

    pub(super) fn peek_at(&self, ahead: usize) -> TokenKind {
        self.token_at(ahead).kind
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.token();
        self.at += 1;
        token
    }

    pub(super) fn eat(&mut self, kind: TokenKind) -> bool {
        let hit = self.peek() == kind;
        self.at += usize::from(hit);
        hit
    }

    pub(super) fn text(&self, token: Token) -> &str {
        self.source.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// Consumes a token of this kind, skipping one surplus token or assuming a missing one; gives its end.
    pub(super) fn expect(&mut self, kind: TokenKind) -> Step<u32> {
        if self.peek() == kind {
            return Ok(self.next().end);
        }
        let name = match kind {
            TokenKind::Colon => "':'",
            _ => EXPECTED.iter().find(|(k, _)| *k == kind).map_or("", |(_, name)| name),
        };
        if self.peek_at(1) == kind && self.peek() != TokenKind::End {
            self.report("extraneous input", &format!(" expecting {name}"));
            self.next();
            return Ok(self.next().end);
        }
        let fits_after = match kind {
            TokenKind::Colon => starts_expr(self.peek()),
            // Whatever could go on after the closing token; the end only where nothing else is open.
            _ => match self.peek() {
                TokenKind::End => self.depths.expr == 1,
                TokenKind::Dot | TokenKind::LeftBracket | TokenKind::Question | TokenKind::And | TokenKind::Or => true,
                other => super::infix(other).is_some(),
            },
        };
        if fits_after {
            let at = self.token();
            let text = format!("Syntax error: missing {name} at '{}'", self.shown(at));
            self.syntax.push(CelError::new(at.start, text));
            return Ok(at.start);
        }
        self.mismatched(name);
        Err(Stop)
    }

    /// The next token starts no operand. Skips it if the one after does; `extra` kinds are welcome, too.
    pub(super) fn bad_operand(&mut self, extra: &[TokenKind]) -> Step<()> {
        let expected = operands(extra);
        self.unexpected(&expected, |k| starts_expr(k) || extra.contains(&k))
    }

    pub(super) fn mismatched_operand(&mut self, extra: &[TokenKind]) {
        let expected = operands(extra);
        self.mismatched(&expected);
    }

    /// Reports the next token and skips it if the one after is `welcome`.
    pub(super) fn unexpected(&mut self, expected: &str, welcome: impl Fn(TokenKind) -> bool) -> Step<()> {
        if self.peek() != TokenKind::End && welcome(self.peek_at(1)) {
            self.report("extraneous input", &format!(" expecting {expected}"));
            self.next();
            return Ok(());
        }
        self.mismatched(expected);
        Err(Stop)
    }

    pub(super) fn mismatched(&mut self, expected: &str) {
        self.report("mismatched input", &format!(" expecting {expected}"));
    }

    /// The whole expression is read, and something follows.
    pub(super) fn trailing(&mut self) {
        let what = if self.peek_at(1) == TokenKind::End { "extraneous input" } else { "mismatched input" };
        self.report(what, " expecting <EOF>");
    }

    /// Nothing to negate after `!`, which the reference words like a surplus token.
    pub(super) fn surplus_operand(&mut self) {
        self.report("extraneous input", &format!(" expecting {}", operands(&[])));
    }

    /// No rule fits the text from token `first` up to the next one.
    pub(super) fn no_viable_alternative(&mut self, first: usize) {
        let from = self.tokens.get(first).map_or(0, |t| t.start);
        let at = self.token();
        let last = if at.kind == TokenKind::End { self.at.saturating_sub(1) } else { self.at };
        let to = self.tokens.get(last).map_or(from, |t| t.end);
        let text = self.source.get(from as usize..to as usize).unwrap_or("");
        let text = format!("Syntax error: no viable alternative at input '{}'", escape(text));
        self.syntax.push(CelError::new(at.start, text));
    }

    pub(super) fn limit(&mut self, exceeded: bool, message: String) -> Step<()> {
        if exceeded {
            self.syntax.push(CelError::new(0, message));
            return Err(Stop);
        }
        Ok(())
    }

    fn report(&mut self, what: &str, expecting: &str) {
        let at = self.token();
        let text = format!("Syntax error: {what} '{}'{expecting}", self.shown(at));
        self.syntax.push(CelError::new(at.start, text));
    }

    fn shown(&self, token: Token) -> String {
        if token.kind == TokenKind::End { "<EOF>".to_owned() } else { escape(self.text(token)) }
    }
}

fn escape(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

/// The set of tokens an operand starts with, and some more.
fn operands(extra: &[TokenKind]) -> String {
    let mut out = String::from("{");
    for (kind, name) in EXPECTED.iter().filter(|(k, _)| starts_expr(*k) || extra.contains(k)) {
        let _ = kind;
        if out.len() > 1 {
            out.push_str(", ");
        }
        out.push_str(name);
    }
    out.push('}');
    out
}
