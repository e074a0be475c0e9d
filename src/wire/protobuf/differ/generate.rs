//! Messages from entropy: a small grammar over the fields of the request messages, with repeated, merged, unknown,
//! mistyped and cut fields.

/// What a field holds.
#[derive(Clone, Copy)]
enum Ty {
    Text,
    Bool,
    Double,
    Message(Name),
}

#[derive(Clone, Copy)]
enum Name {
    Check,
    Principal,
    ResourceEntry,
    Tokens,
    Token,
    NamedToken,
    Decide,
    Batch,
    Tool,
    Session,
    Map,
    Entry,
    Value,
    List,
}

/// The known fields of a message. Some are listed twice to come up more often.
fn fields(name: Name) -> &'static [(u32, Ty)] {
    use Name::{Entry, List, Map, Principal, ResourceEntry, Session, Token, Tokens, Tool, Value};
    use Ty::{Bool, Double, Message, Text};
    match name {
        Name::Check => &[
            (1, Text),
            (2, Bool),
            (3, Message(Principal)),
            (4, Message(ResourceEntry)),
            (5, Message(Tokens)),
            (6, Message(Map)),
        ],
        // Resource, Identity and Agent are near enough.
        Principal => &[(1, Text), (2, Text), (3, Text), (3, Message(Entry)), (4, Message(Entry)), (5, Text)],
        ResourceEntry => &[(1, Text), (2, Message(Principal))],
        Tokens => &[(1, Message(Token)), (2, Message(Name::NamedToken))],
        Token => &[(1, Text), (2, Text)],
        Name::NamedToken => &[(1, Text), (2, Message(Token))],
        Name::Decide => &[
            (1, Text),
            (2, Message(Principal)),
            (3, Message(Principal)),
            (4, Message(Tool)),
            (5, Text),
            (6, Message(Map)),
            (7, Message(Session)),
            (8, Message(Entry)),
            (9, Bool),
            (10, Bool),
        ],
        Name::Batch => &[(1, Message(Name::Decide))],
        Tool => &[(1, Text), (2, Text), (3, Message(Entry)), (4, Bool)],
        Session => &[(1, Text), (2, Text), (3, Text), (4, Message(Token))],
        Map => &[(1, Message(Entry))],
        Entry => &[(1, Text), (2, Message(Value))],
        Value => {
            &[(1, Bool), (2, Double), (3, Text), (4, Bool), (5, Message(Map)), (6, Message(List)), (6, Message(List))]
        }
        List => &[(1, Message(Value)), (1, Message(Value))],
    }
}

const TEXTS: &[&[u8]] =
    &[b"", b"a", b"b", b"id", b"\xc3\xa9", b"\xff", b"\xed\xa0\x80", b"{\"a\":1}", b"a long string of some length"];

/// A message of one of the request types.
pub(super) fn message(entropy: &[u8]) -> Vec<u8> {
    let mut dice = Dice(entropy);
    let schema = [Name::Check, Name::Decide, Name::Batch].get(dice.roll(3)).copied().unwrap_or(Name::Check);
    let clumsy = dice.roll(4) == 0;
    let mut out = Vec::new();
    dice.fields(schema, 0, clumsy, &mut out);
    if clumsy && dice.roll(2) == 0 && !out.is_empty() {
        let at = (dice.roll(256) * 256 + dice.roll(256)) % out.len();
        match dice.roll(3) {
            0 => out.truncate(at),
            1 => out.insert(at, dice.roll(256) as u8),
            _ => {
                if let Some(byte) = out.get_mut(at) {
                    *byte = dice.roll(256) as u8;
                }
            }
        }
    }
    out
}

/// Choices from bytes; zero once they run out.
struct Dice<'e>(&'e [u8]);

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(byte) % sides
    }

    fn fields(&mut self, schema: Name, depth: usize, clumsy: bool, out: &mut Vec<u8>) {
        if depth > 300 {
            return;
        }
        let schema = fields(schema);
        let count = match self.roll(16) {
            0 => 0,
            n @ 1..=8 => 1 + n / 3,
            15 => self.roll(40),
            n => n - 5,
        };
        for _ in 0..count {
            if self.0.is_empty() {
                return;
            }
            if clumsy && self.roll(12) == 0 {
                self.oddity(schema.len() as u32 + 2, out, 0);
                continue;
            }
            let Some(&(field, ty)) = schema.get(self.roll(schema.len())) else { continue };
            self.field(field, ty, depth, clumsy, out);
        }
    }

    fn field(&mut self, field: u32, ty: Ty, depth: usize, clumsy: bool, out: &mut Vec<u8>) {
        match ty {
            Ty::Text => {
                let texts = if clumsy { TEXTS.len() } else { 5 };
                delimited(field, TEXTS.get(self.roll(texts)).copied().unwrap_or_default(), out);
            }
            Ty::Bool => {
                varint(u64::from(field) << 3, out);
                self.odd_varint(clumsy, out);
            }
            Ty::Double => {
                varint(u64::from(field) << 3 | 1, out);
                for _ in 0..8 {
                    out.push(self.roll(256) as u8);
                }
            }
            Ty::Message(inner) => {
                let mut body = Vec::new();
                self.fields(inner, depth + 1, clumsy, &mut body);
                delimited(field, &body, out);
            }
        }
    }

    fn odd_varint(&mut self, clumsy: bool, out: &mut Vec<u8>) {
        match self.roll(8) {
            0 if clumsy => out.extend_from_slice(&[0xff; 9]),
            1 if clumsy => out.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            2 if clumsy => out.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
            3 => out.extend_from_slice(&[0x80, 0x80, 0x00]),
            n => varint((n & 1) as u64, out),
        }
    }

    /// A field that does not belong: any number, any wire type, groups.
    fn oddity(&mut self, up_to: u32, out: &mut Vec<u8>, depth: usize) {
        let field =
            if self.roll(3) == 0 { self.roll(256) as u64 * 3_000_000 } else { self.roll(up_to as usize) as u64 };
        let wire = self.roll(if depth > 120 { 3 } else { 8 }) as u64;
        varint(field << 3 | wire, out);
        match wire {
            0 => self.odd_varint(true, out),
            1 => out.extend_from_slice(&[1; 8]),
            2 => {
                let len = self.roll(5);
                varint(len as u64, out);
                out.extend(std::iter::repeat_n(0, len));
            }
            3 => {
                for _ in 0..self.roll(4) {
                    self.oddity(up_to, out, depth + 1);
                }
                varint(field << 3 | 4, out);
            }
            5 => out.extend_from_slice(&[1; 4]),
            _ => {}
        }
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn delimited(field: u32, body: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(field) << 3 | 2, out);
    varint(body.len() as u64, out);
    out.extend_from_slice(body);
}
