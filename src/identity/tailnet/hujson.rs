//! HuJSON, in which tailnet policy files are written: JSON with comments and trailing commas. Both become spaces, so
//! that a place in the text stays the same place.

/// The text as JSON.
#[must_use]
pub(super) fn standard(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    // Where a comma stands that nothing but space and comments has followed.
    let mut comma: Option<usize> = None;
    let byte = |out: &[u8], at: usize| out.get(at).copied().unwrap_or(0);
    while at < out.len() {
        match (byte(&out, at), byte(&out, at + 1)) {
            (b'"', _) => {
                comma = None;
                at += 1;
                while at < out.len() && byte(&out, at) != b'"' {
                    at += if byte(&out, at) == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            (b'/', b'/') => {
                let end = out.iter().skip(at).position(|b| *b == b'\n').map_or(out.len(), |n| at + n);
                blank(&mut out, at, end);
                at = end;
            }
            (b'/', b'*') => {
                let rest = out.get(at + 2..).unwrap_or_default();
                // One that never ends is left for the JSON reader to refuse.
                let Some(n) = rest.windows(2).position(|w| w == b"*/") else { break };
                let end = at + 2 + n + 2;
                blank(&mut out, at, end);
                at = end;
            }
            (b',', _) => {
                comma = Some(at);
                at += 1;
            }
            (b']' | b'}', _) => {
                if let Some(comma) = comma.take() {
                    blank(&mut out, comma, comma + 1);
                }
                at += 1;
            }
            (b' ' | b'\t' | b'\r' | b'\n', _) => at += 1,
            _ => {
                comma = None;
                at += 1;
            }
        }
    }
    // Whole characters were replaced by spaces.
    String::from_utf8(out).unwrap_or_default()
}

fn blank(out: &mut [u8], from: usize, to: usize) {
    for byte in out.get_mut(from..to).unwrap_or_default() {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_go_and_texts_stay() {
        let cases = [
            ("{\"a\": 1, // one\n}", Some("{\"a\":1}")),
            ("/* x */ [1, /* é */ 2 , ] // end", Some("[1,2]")),
            ("{\"u\": \"http://x/*y*/\", \"q\": \"\\\"//,]\",}", Some("{\"u\":\"http://x/*y*/\",\"q\":\"\\\"//,]\"}")),
            ("[[1,],{\"a\":[],},]", Some("[[1],{\"a\":[]}]")),
            ("{\"a\": 1,, }", None),
            ("[,]", Some("[]")),
            ("{ /* never ends }", None),
            ("{\"a", None),
        ];
        for (text, json) in cases {
            let read = serde_json::from_str::<serde_json::Value>(&standard(text)).ok();
            assert_eq!(read.map(|v| v.to_string()).as_deref(), json, "{text}");
        }
    }
}
