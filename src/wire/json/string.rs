//! Strings: where they end, and what they say.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// A string whose form is right but which holds no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringFault {
    /// Not UTF-8.
    Utf8,
    /// Half of a surrogate pair; what follows it begins at this offset.
    Surrogate(u32),
}

/// How many bytes stand before the first quote, backslash or control character. Most strings are short: the first words
/// are looked at by themselves, then many bytes together.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    for _ in 0..2 {
        let Some((word, after)) = rest.split_first_chunk::<8>() else { break };
        if let Some(at) = special_in(*word) {
            return bytes.len() - rest.len() + at;
        }
        rest = after;
    }
    bytes.len() - rest.len() + long_plain(rest)
}

#[inline(never)]
fn long_plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<32>() {
        // without a way out in the middle, so that vectors can do it
        if chunk.iter().fold(false, |any, b| any | is_special(*b)) {
            break;
        }
        rest = after;
    }
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        if let Some(at) = special_in(*word) {
            return bytes.len() - rest.len() + at;
        }
        rest = after;
    }
    bytes.len() - rest.len() + rest.iter().position(|b| is_special(*b)).unwrap_or(rest.len())
}

#[expect(clippy::needless_bitwise_bool, reason = "without branches, so that vectors can do it")]
#[inline]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Where the first of the special characters is among eight.
#[inline]
fn special_in(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    // The high bit of each byte that is zero, or below a bound; exact up to the first hit.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * 0x22));
    let backslash = zero(word ^ (ONES * 0x5c));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let hits = (quote | backslash | control) & HIGH;
    (hits != 0).then(|| hits.trailing_zeros() as usize / 8)
}

/// The text between the quotes, which stands at `start` of the whole. Borrowed unless something is escaped.
/// Escapes are known to be well-formed.
#[inline]
pub(super) fn text<'a>(raw: &'a [u8], escaped: bool, start: u32, bump: &'a Bump) -> Result<&'a str, StringFault> {
    if escaped {
        return unescape(raw, start, bump);
    }
    str::from_utf8(raw).map_err(|_| StringFault::Utf8)
}

fn unescape<'a>(raw: &'a [u8], start: u32, bump: &'a Bump) -> Result<&'a str, StringFault> {
    // No escape is shorter than what it stands for.
    let mut out = BumpVec::with_capacity_in(raw.len(), bump);
    let mut rest = raw;
    while let Some(escape) = rest.iter().position(|&b| b == b'\\') {
        let (plain, escape) = rest.split_at_checked(escape).unwrap_or((rest, &[]));
        out.extend_from_slice_copy(plain);
        let (code, after) = escape.split_at_checked(2).unwrap_or((escape, &[]));
        rest = after;
        let simple = match code.get(1) {
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let (c, after) =
                    unicode(rest).map_err(|after| StringFault::Surrogate(start + (raw.len() - after) as u32))?;
                rest = after;
                let mut buffer = [0; 4];
                out.extend_from_slice_copy(c.encode_utf8(&mut buffer).as_bytes());
                continue;
            }
            Some(&other) => other,
            None => break,
        };
        out.push(simple);
    }
    out.extend_from_slice_copy(rest);
    str::from_utf8(out.into_bump_slice()).map_err(|_| StringFault::Utf8)
}

/// The character of four hexadecimal digits, or of a surrogate pair (four digits, `\u`, four digits), and what follows;
/// for half a pair the length of what follows it.
fn unicode(digits: &[u8]) -> Result<(char, &[u8]), usize> {
    let (first, after) = hex4(digits).unwrap_or((0xd800, &[]));
    if let Some(c) = char::from_u32(first) {
        return Ok((c, after));
    }
    if let (0xd800..=0xdbff, Some(second)) = (first, after.strip_prefix(b"\\u"))
        && let Some((second @ 0xdc00..=0xdfff, rest)) = hex4(second)
        && let Some(c) = char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    {
        return Ok((c, rest));
    }
    Err(after.len())
}

fn hex4(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (code, rest) = digits.split_at_checked(4)?;
    let code = code.iter().try_fold(0, |code, &b| Some(code << 4 | char::from(b).to_digit(16)?))?;
    Some((code, rest))
}
