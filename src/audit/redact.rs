//! What is left out of rows: values under keys that look like secrets, while a row is made, and whole places of a row
//! before it is written.

use serde_json::Value;

/// Keys whose values are left out unless something else is configured.
pub const SECRET_KEYS: &[&str] = &[
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*secret*",
    "*token",
    "*apikey*",
    "*accesskey*",
    "*privatekey*",
    "*credential*",
    "*authorization",
    "*cookie",
    "*jwt",
];

/// Keys longer than this are looked at to here.
const LONGEST: usize = 64;

/// Patterns of keys: a word with `*` at either end or both. Case, `_`, `-`, `.` and spaces do not count.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Word>);

#[derive(Clone, Debug)]
struct Word {
    text: Vec<u8>,
    letters: u64,
    open_start: bool,
    open_end: bool,
}

/// A pattern or a path that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// A pattern of keys.
    #[error(
        "`{0}` is not a pattern of keys: expected a word such as `password`, `*password`, `password*` or `*password*`"
    )]
    Pattern(String),
    /// A path.
    #[error(
        "`{0}` is not a path in a row: expected something like `peer.address`, `checkResources.inputs[*].auxData` or \
         `metadata['x-user']`"
    )]
    Path(String),
}

impl Keys {
    /// Reads patterns.
    ///
    /// # Errors
    /// If one is none.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, RedactError> {
        patterns.into_iter().map(|p| word(p.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the value of a key is left out.
    #[must_use]
    pub fn hide(&self, key: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let mut buffer = [0; LONGEST];
        let (mut len, mut letters) = (0, 0);
        for (slot, byte) in buffer.iter_mut().zip(key.bytes().filter(|b| counts(*b))) {
            *slot = byte.to_ascii_lowercase();
            letters |= bit(*slot);
            len += 1;
        }
        let key = buffer.get(..len).unwrap_or(&buffer);
        // Hardly a key has all the letters of a pattern.
        self.0.iter().any(|word| word.letters & !letters == 0 && word.matches(key))
    }
}

impl Word {
    fn matches(&self, key: &[u8]) -> bool {
        let text = &*self.text;
        match (self.open_start, self.open_end) {
            (false, false) => key == text,
            (true, false) => key.ends_with(text),
            (false, true) => key.starts_with(text),
            (true, true) => key.windows(text.len()).any(|w| w == text),
        }
    }
}

fn word(pattern: &str) -> Result<Word, RedactError> {
    let refuse = || RedactError::Pattern(pattern.to_owned());
    let (open_start, rest) = pattern.strip_prefix('*').map_or((false, pattern), |rest| (true, rest));
    let (open_end, rest) = rest.strip_suffix('*').map_or((false, rest), |rest| (true, rest));
    let text: Vec<u8> = rest.bytes().filter(|b| counts(*b)).map(|b| b.to_ascii_lowercase()).collect();
    if text.is_empty() || text.len() > LONGEST || text.contains(&b'*') {
        return Err(refuse());
    }
    let letters = text.iter().fold(0, |all, b| all | bit(*b));
    Ok(Word { text, letters, open_start, open_end })
}

fn counts(byte: u8) -> bool {
    !matches!(byte, b'_' | b'-' | b'.' | b' ')
}

fn bit(byte: u8) -> u64 {
    1 << (byte & 63)
}

/// Places in rows that are left out: names joined by dots, `['a name']`, `[0]` and `[*]`.
#[derive(Clone, Debug, Default)]
pub struct Paths(Vec<Vec<Step>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Item(usize),
    Every,
}

impl Paths {
    /// Reads paths.
    ///
    /// # Errors
    /// If one is none.
    pub fn new<S: AsRef<str>>(paths: impl IntoIterator<Item = S>) -> Result<Self, RedactError> {
        let path = |p: S| steps(p.as_ref()).ok_or_else(|| RedactError::Path(p.as_ref().to_owned()));
        paths.into_iter().map(path).collect::<Result<_, _>>().map(Self)
    }

    /// True if nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The row without what is left out; `None` if it is no JSON.
    #[must_use]
    pub fn apply(&self, row: &[u8]) -> Option<Vec<u8>> {
        let mut row = parse(row)?;
        self.0.iter().for_each(|path| remove(&mut row, path));
        serde_json::to_vec(&row).ok()
    }
}

/// A row as JSON, however deep it is: what is in it was bounded when it was a request.
#[must_use]
pub fn parse(row: &[u8]) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_slice(row);
    reader.disable_recursion_limit();
    serde::Deserialize::deserialize(&mut reader).ok()
}

fn remove(value: &mut Value, path: &[Step]) {
    let Some((step, rest)) = path.split_first() else { return };
    match (value, step, rest) {
        (Value::Object(members), Step::Name(name), []) => _ = members.shift_remove(name),
        (Value::Object(members), Step::Name(name), rest) => {
            if let Some(member) = members.get_mut(name) {
                remove(member, rest);
            }
        }
        (Value::Object(members), Step::Every, []) => members.clear(),
        (Value::Object(members), Step::Every, rest) => members.values_mut().for_each(|m| remove(m, rest)),
        (Value::Array(items), Step::Every, []) => items.clear(),
        (Value::Array(items), Step::Every, rest) => items.iter_mut().for_each(|item| remove(item, rest)),
        // Items keep their places: one that is left out is null.
        (Value::Array(items), Step::Item(at), rest) => match (items.get_mut(*at), rest) {
            (Some(item), []) => *item = Value::Null,
            (Some(item), rest) => remove(item, rest),
            (None, _) => {}
        },
        _ => {}
    }
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut all = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']")?;
            all.push(Step::Name(name.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']')?;
            all.push(if index == "*" { Step::Every } else { Step::Item(index.parse().ok()?) });
            rest = after;
        } else {
            let name = if all.is_empty() { rest } else { rest.strip_prefix('.')? };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end)?;
            match name {
                "" => return None,
                "*" => all.push(Step::Every),
                name => all.push(Step::Name(name.to_owned())),
            }
            rest = after;
        }
    }
    (!all.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_look_like_secrets_are_hidden_however_they_are_written() {
        let keys = Keys::new(SECRET_KEYS).unwrap();
        for secret in [
            "password",
            "Password",
            "DB_PASSWORD",
            "db-password-2",
            "api_key",
            "apiKey",
            "X-API-Key",
            "token",
            "access_token",
            "client.secret",
            "private key",
            "Authorization",
            "Set-Cookie",
            "aws_credentials",
            "jwt",
        ] {
            assert!(keys.hide(secret), "{secret}");
        }
        for plain in ["", "path", "max_tokens", "tokens_used", "author", "cookies_accepted", "key", "owner", "pass"] {
            assert!(!keys.hide(plain), "{plain}");
        }
        assert!(!Keys::default().hide("password"));
        assert!(keys.hide(&format!("password{}", "x".repeat(100))));
    }

    #[test]
    fn patterns_and_paths_are_read_or_refused() {
        for wrong in ["", "*", "**", "a*b", "_", "*-*"] {
            assert_eq!(Keys::new([wrong]).unwrap_err(), RedactError::Pattern(wrong.into()), "{wrong}");
        }
        for wrong in ["", ".", "a.", "a..b", ".a", "a[", "a[x]", "a['b", "a[-1]", "['a']b"] {
            assert_eq!(Paths::new([wrong]).unwrap_err(), RedactError::Path(wrong.into()), "{wrong}");
        }
    }

    #[test]
    fn paths_are_left_out() {
        let row = br#"{"a":{"b":1,"c":[{"d":1,"e":2},{"d":3}]},"m":{"x.y":1,"z":2},"p":[1,2]}"#;
        let without = |paths: &[&str]| {
            let row = Paths::new(paths).unwrap().apply(row).unwrap();
            String::from_utf8(row).unwrap()
        };
        assert_eq!(without(&["a", "m"]), r#"{"p":[1,2]}"#);
        assert_eq!(
            without(&["a.c[*].d", "m['x.y']", "p[0]"]),
            r#"{"a":{"b":1,"c":[{"e":2},{}]},"m":{"z":2},"p":[null,2]}"#
        );
        assert_eq!(without(&["a.*", "m.*", "p[*]"]), r#"{"a":{},"m":{},"p":[]}"#);
        assert_eq!(without(&["x.y", "a.b.c", "p[7]", "a[0]"]), String::from_utf8_lossy(row));
        assert_eq!(Paths::new(["a"]).unwrap().apply(b"{"), None);
    }
}
