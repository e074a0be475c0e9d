//! `base64.encode`, `base64.decode`, `json.encode`.

use super::super::context::{Context, Text};
use super::super::error::{Eval, EvalError};
use super::super::value::Value;
use super::{Function, global, json};

pub(super) const TABLE: &[Function] =
    &[global("base64.encode", 1, encode), global("base64.decode", 1, decode), global("json.encode", 1, json_encode)];

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Bytes(bytes)] = *args else { return Err(EvalError::MISMATCH) };
    base64_text(cx, bytes).map(Value::String)
}

/// The padded base64 form of `bytes`.
pub fn base64_text<'a>(cx: &Context<'a>, bytes: &[u8]) -> Result<&'a str, EvalError<'a>> {
    let mut out = Text::new(cx);
    base64(&mut out, bytes)?;
    Ok(out.finish())
}

/// Appends the padded base64 form of `bytes`.
pub fn base64<'a>(out: &mut Text<'_, 'a>, bytes: &[u8]) -> Result<(), EvalError<'a>> {
    for chunk in bytes.chunks(3) {
        let mut group = [b'='; 4];
        let word = chunk.iter().fold(0_u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for (i, slot) in group.iter_mut().enumerate().take(chunk.len() + 1) {
            let index = (word >> (18 - 6 * i) & 63) as usize;
            *slot = ALPHABET.get(index).copied().unwrap_or(b'=');
        }
        out.push(std::str::from_utf8(&group).unwrap_or(""))?;
    }
    Ok(())
}

/// Standard alphabet, padding optional, line breaks skipped. The reference names the offending byte.
fn decode<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(text)] = *args else { return Err(EvalError::MISMATCH) };
    cx.charge(text.len())?;
    // the reference tries the padded form first, then the one without, and reports what the second one says
    let decoded = decode_as(cx, text, true).or_else(|_| decode_as(cx, text, false));
    match decoded {
        Ok(bytes) => Ok(Value::Bytes(bytes)),
        Err(at) => Err(cx.error(format_args!("illegal base64 data at input byte {at}"))),
    }
}

fn decode_as<'a>(cx: &Context<'a>, text: &str, padded: bool) -> Result<&'a [u8], usize> {
    let mut out = bumpalo::collections::Vec::with_capacity_in(text.len() / 4 * 3 + 3, cx.bump);
    let bytes = text.as_bytes();
    let mut symbols = bytes.iter().copied().enumerate().filter(|(_, b)| !matches!(b, b'\r' | b'\n')).peekable();
    loop {
        let (mut word, mut count) = (0_u32, 0);
        while count < 4 {
            let Some((at, b)) = symbols.next() else {
                if count == 0 {
                    return Ok(out.into_bump_slice());
                }
                if count == 1 || padded {
                    return Err(bytes.len() - count);
                }
                flush(&mut out, word, count);
                return Ok(out.into_bump_slice());
            };
            if let Some(value) = symbol(b) {
                word = word << 6 | value;
                count += 1;
                continue;
            }
            if b != b'=' || !padded || count < 2 {
                return Err(at);
            }
            if count == 2 && symbols.next_if(|(_, b)| *b == b'=').is_none() {
                return Err(symbols.peek().map_or(bytes.len(), |(at, _)| *at));
            }
            if let Some((at, _)) = symbols.next() {
                return Err(at);
            }
            flush(&mut out, word, count);
            return Ok(out.into_bump_slice());
        }
        flush(&mut out, word, count);
    }
}

fn flush(out: &mut bumpalo::collections::Vec<'_, u8>, word: u32, count: usize) {
    let whole = word << (6 * (4 - count));
    out.extend(whole.to_be_bytes().into_iter().skip(1).take(count - 1));
}

fn symbol(b: u8) -> Option<u32> {
    let value = match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn json_encode<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [value] = *args else { return Err(EvalError::MISMATCH) };
    let mut out = Text::new(cx);
    json::write(cx, &mut out, value, 0)?;
    Ok(Value::String(out.finish()))
}
