//! The list of known differences: `differences.toml`, of which this reads the little that it uses (`[[difference]]`
//! tables of `key = "value"` lines).

use crate::compare::Mismatch;
use crate::store::Store;

/// One known difference: every given part must be found in the shrunk case.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Number in docs/differences.md.
    pub id: String,
    /// Field that differs.
    pub field: Option<String>,
    /// Part of the reference's answer.
    pub theirs: Option<String>,
    /// Part of ours.
    pub ours: Option<String>,
    /// Part that ours must not have.
    pub ours_lack: Option<String>,
    /// Part of the store's text.
    pub store: Option<String>,
    /// The one code of our errors.
    pub only: Option<String>,
    /// Part of the request.
    pub request: Option<String>,
}

/// Reads the list.
pub fn parse(text: &str) -> Result<Vec<Difference>, String> {
    let mut list: Vec<Difference> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[[difference]]" {
            list.push(Difference::default());
            continue;
        }
        let fault = || format!("differences.toml:{}: expected `[[difference]]` or `key = \"value\"`", i + 1);
        let (key, value) = line.split_once('=').ok_or_else(fault)?;
        let value: String = serde_json::from_str(value.trim()).map_err(|_| fault())?;
        let entry = list.last_mut().ok_or_else(fault)?;
        match key.trim() {
            "id" => entry.id = value,
            "reason" => {}
            "field" => entry.field = Some(value),
            "theirs" => entry.theirs = Some(value),
            "ours" => entry.ours = Some(value),
            "ours_lack" => entry.ours_lack = Some(value),
            "store" => entry.store = Some(value),
            "only" => entry.only = Some(value),
            "request" => entry.request = Some(value),
            other => return Err(format!("differences.toml:{}: unknown key `{other}`", i + 1)),
        }
    }
    Ok(list)
}

/// The first known difference that fits.
pub fn explain<'a>(
    list: &'a [Difference],
    mismatch: &Mismatch,
    store: &Store,
    request: &str,
) -> Option<&'a Difference> {
    let text: String = store.files.iter().map(|f| format!("{}\n{}", f.path, f.text())).collect();
    let holds = |part: &Option<String>, text: &str| part.as_ref().is_none_or(|part| text.contains(part));
    list.iter().find(|d| {
        d.field.as_ref().is_none_or(|f| f == mismatch.field)
            && holds(&d.theirs, &mismatch.theirs)
            && holds(&d.ours, &mismatch.ours)
            && d.ours_lack.as_ref().is_none_or(|part| !mismatch.ours.contains(part))
            && holds(&d.store, &text)
            && holds(&d.request, request)
            && d.only.as_ref().is_none_or(|code| only(code, &mismatch.ours))
    })
}

/// True if our refusal names errors of this code and no others, which needs no shrinking to be seen.
fn only(code: &str, ours: &str) -> bool {
    let mut errors = ours.split("error[").skip(1).peekable();
    errors.peek().is_some() && errors.all(|text| text.starts_with(code))
}
