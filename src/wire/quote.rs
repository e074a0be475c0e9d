//! Text in quotes as the reference's messages have it (Go's `%q`).

/// A byte in single quotes, shown as the character of its number.
pub(crate) fn byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let mut quoted = "'".to_owned();
            push(char::from(byte), &mut quoted);
            quoted.push('\'');
            quoted
        }
    }
}

/// A text in double quotes; bytes that are not UTF-8 as `\xff`.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut quoted = "\"".to_owned();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '"' { quoted.push_str("\\\"") } else { push(c, &mut quoted) }
        }
        for byte in chunk.invalid() {
            escape('x', 2, u32::from(*byte), &mut quoted);
        }
    }
    quoted.push('"');
    quoted
}

fn push(c: char, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\0'..='\x1f' | '\x7f' => escape('x', 2, u32::from(c), out),
        '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{feff}' => escape('u', 4, u32::from(c), out),
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' => {
            escape('u', 4, u32::from(c), out);
        }
        _ => out.push(c),
    }
}

/// `\x0f`, `\u00ad`
fn escape(kind: char, digits: u32, code: u32, out: &mut String) {
    out.extend(['\\', kind]);
    out.extend((0..digits).rev().filter_map(|digit| char::from_digit(code >> (4 * digit) & 0xf, 16)));
}
