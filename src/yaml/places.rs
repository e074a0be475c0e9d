//! Places the parser does not tell: the header of a block scalar and the colon after a key.

/// The `|` or `>` of a block scalar that comes next after `from`.
pub(super) fn find_header(text: &str, from: usize) -> Option<usize> {
    find(text, from, |c| matches!(c, b'|' | b'>'))
}

/// The `:` that comes next after `from`, the end of a key.
pub(super) fn find_colon(text: &str, from: usize) -> Option<usize> {
    find(text, from, |c| c == b':')
}

/// The `-` of a list element that comes next after `from`.
pub(super) fn find_dash(text: &str, from: usize) -> Option<usize> {
    find(text, from, |c| c == b'-')
}

/// Where the plain value starts in which a second colon was met at `colon`: on the same line, or on one before that it
/// continues.
pub(super) fn plain_value_before(text: &str, colon: usize) -> Option<usize> {
    let mut end = colon;
    for _ in 0..20 {
        let line = text.get(..end)?.rfind('\n').map_or(0, |i| i + 1);
        let content = text.get(line..end)?;
        if let Some(i) = content.rfind(": ") {
            let value = content.get(i + 2..)?;
            let at = line + i + 2 + (value.len() - value.trim_start_matches(' ').len());
            let plain =
                !value.trim().is_empty() && !value.trim_start().starts_with(['"', '\'', '[', '{', '|', '>', '#']);
            return (at < colon && (plain || end == colon)).then_some(at);
        }
        if end != colon && content.contains(':') {
            return None;
        }
        end = line.checked_sub(1)?;
    }
    None
}

/// The next wanted byte, over blanks, comments and indicators.
fn find(text: &str, from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let c = *bytes.get(at)?;
        if wanted(c) {
            return Some(at);
        }
        match c {
            b' ' | b'\t' | b'\n' | b'\r' | b'-' | b'?' | b':' => at += 1,
            b'#' => {
                while bytes.get(at).is_some_and(|c| *c != b'\n') {
                    at += 1;
                }
            }
            _ => return None,
        }
    }
}
