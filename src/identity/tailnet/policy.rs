//! The tailnet policy file: which users are in which groups, and which tags there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::hujson::standard;

/// Largest file.
const MAX_BYTES: u64 = 8 << 20;
/// How often the file is looked at, at most.
const LOOK: Duration = Duration::from_secs(10);

/// Groups and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Users by group, both as the file writes them, users in lower case.
    groups: BTreeMap<String, BTreeSet<String>>,
    tags: BTreeSet<String>,
}

impl Groups {
    /// Reads a policy file's text.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json = standard(text);
        // Strictly: of a group that stands twice, nobody knows which counts.
        let bump = bumpalo::Bump::new();
        let limits = crate::wire::limits::Limits::default().with_bytes(MAX_BYTES as usize);
        crate::wire::json::value(json.as_bytes(), &bump, limits).map_err(|e| e.located())?;
        let Ok(Value::Object(file)) = serde_json::from_str(&json) else { return Err("not an object".into()) };
        let mut read = Self::default();
        match file.get("groups") {
            None => {}
            Some(Value::Object(groups)) => {
                for (name, members) in groups {
                    let refuse = || format!("`groups.{name}` is not a list of texts");
                    let Value::Array(members) = members else { return Err(refuse()) };
                    let texts = members.iter().map(|m| m.as_str().map(str::to_ascii_lowercase).ok_or_else(refuse));
                    read.groups.insert(name.clone(), texts.collect::<Result<_, _>>()?);
                }
            }
            Some(_) => return Err("`groups` is not an object".into()),
        }
        match file.get("tagOwners") {
            None => {}
            Some(Value::Object(tags)) => read.tags.extend(tags.keys().cloned()),
            Some(_) => return Err("`tagOwners` is not an object".into()),
        }
        Ok(read)
    }

    /// The groups of a user, by name of group.
    pub fn of<'g>(&'g self, login: &str) -> impl Iterator<Item = &'g str> {
        let login = login.to_ascii_lowercase();
        self.groups.iter().filter(move |(_, members)| members.contains(&login)).map(|(name, _)| name.as_str())
    }

    /// Whether the file declares a tag.
    #[must_use]
    pub fn declares(&self, tag: &str) -> bool {
        self.tags.contains(tag)
    }
}

/// A policy file that is read again when it changes. What was read last stays if what is there cannot be read.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    groups: Groups,
    modified: Option<SystemTime>,
    looked: Instant,
}

impl PolicyFile {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path) -> Result<Self, String> {
        let (groups, modified) = load(path)?;
        let state = Mutex::new(State { groups, modified, looked: Instant::now() });
        Ok(Self { path: path.to_owned(), state })
    }

    /// What `ask` finds in the groups of now.
    pub fn with<T>(&self, ask: impl FnOnce(&Groups) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            let modified = std::fs::metadata(&self.path).and_then(|m| m.modified()).ok();
            if modified != state.modified {
                match load(&self.path) {
                    Ok((groups, modified)) => (state.groups, state.modified) = (groups, modified),
                    Err(error) => tracing::warn!(%error, "the tailnet policy file stays as it was read before"),
                }
            }
        }
        ask(&state.groups)
    }
}

fn load(path: &Path) -> Result<(Groups, Option<SystemTime>), String> {
    let failed = |e: std::io::Error| format!("cannot read tailnet policy file `{}`: {e}", path.display());
    let facts = std::fs::metadata(path).map_err(failed)?;
    if facts.len() > MAX_BYTES {
        return Err(format!("tailnet policy file `{}` is larger than {} MiB", path.display(), MAX_BYTES >> 20));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let groups = Groups::parse(&text).map_err(|e| format!("tailnet policy file `{}`: {e}", path.display()))?;
    Ok((groups, facts.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_tags_are_read_from_hujson() {
        let text = r#"{
            // people
            "groups": {
                "group:eng": ["Alice@example.com", "bob@example.com",],
                "group:ops": ["bob@example.com"], /* more soon */
            },
            "tagOwners": {"tag:ci": ["group:eng"]},
            "acls": [],
        }"#;
        let groups = Groups::parse(text).unwrap();
        assert_eq!(groups.of("alice@example.com").collect::<Vec<_>>(), ["group:eng"]);
        assert_eq!(groups.of("bob@Example.com").collect::<Vec<_>>(), ["group:eng", "group:ops"]);
        assert_eq!(groups.of("carol@example.com").count(), 0);
        assert!(groups.declares("tag:ci") && !groups.declares("tag:prod"));
        for bad in [
            "",
            "[]",
            "{\"groups\": []}",
            "{\"groups\": {\"group:a\": \"x\"}}",
            "{\"groups\": {\"group:a\": [1]}}",
            "{\"groups\": {\"group:a\": [], \"group:a\": []}}",
            "{\"tagOwners\": []}",
        ] {
            assert!(Groups::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_breaks_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.hujson");
        assert!(PolicyFile::open(&path).is_err());
        std::fs::write(&path, "{\"groups\": {\"group:a\": [\"x@y\"]}}").unwrap();
        let file = PolicyFile::open(&path).unwrap();
        let groups = |file: &PolicyFile| file.with(|g| g.of("x@y").map(str::to_owned).collect::<Vec<_>>());
        let look_again = |file: &PolicyFile| {
            let mut state = file.state.lock().unwrap();
            state.looked = state.looked.checked_sub(LOOK).unwrap();
            state.modified = None;
        };
        assert_eq!(groups(&file), ["group:a"]);
        std::fs::write(&path, "{\"groups\": {").unwrap();
        look_again(&file);
        assert_eq!(groups(&file), ["group:a"]);
        std::fs::write(&path, "{\"groups\": {\"group:b\": [\"x@y\"]}}").unwrap();
        look_again(&file);
        assert_eq!(groups(&file), ["group:b"]);
    }
}
