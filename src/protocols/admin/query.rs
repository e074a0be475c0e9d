//! Query strings as the fields of a request: names in either spelling, lists by repetition, unknown names skipped.

use crate::service::Failure;

/// The pairs of a query string, decoded.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|p| !p.is_empty());
        Self(pairs.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decode(k), decode(v))).collect())
    }

    /// All values of a field, by its JSON name or its proto name.
    pub(super) fn all(&self, json: &str, proto: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == json || key == proto).map(|(_, value)| value.clone()).collect()
    }

    /// The last value of a text field.
    pub(super) fn text(&self, json: &str, proto: &str) -> String {
        self.all(json, proto).pop().unwrap_or_default()
    }

    /// A bool field.
    pub(super) fn flag(&self, json: &str, proto: &str) -> Result<bool, Failure> {
        let Some(value) = self.all(json, proto).pop() else { return Ok(false) };
        match value.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(Failure::Query(format!(
                "parsing field \"{proto}\": strconv.ParseBool: parsing {value:?}: invalid syntax"
            ))),
        }
    }
}

/// Percent signs and plus signs undone; what is no such thing stays.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => break,
            [b'+', tail @ ..] => {
                out.push(b' ');
                tail
            }
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |b: &u8| char::from(*b).to_digit(16).unwrap_or(0) as u8;
                out.push(digit(high) << 4 | digit(low));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let query = Query::parse("policyId=a%2Fb+c&policy_id=%zz&x&includeDisabled=T&wait=maybe");
        assert_eq!(query.all("policyId", "policy_id"), ["a/b c", "%zz"]);
        assert_eq!(query.flag("includeDisabled", "include_disabled"), Ok(true));
        assert_eq!(query.flag("none", "none"), Ok(false));
        assert_eq!(query.text("x", "x"), "");
        let refused = query.flag("wait", "wait").unwrap_err().to_string();
        assert_eq!(refused, "parsing field \"wait\": strconv.ParseBool: parsing \"maybe\": invalid syntax");
    }
}
