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
