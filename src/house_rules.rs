//! Rules of the house as tests: layering, file heads and sizes, and the one place where an allow is made.

use std::path::{Path, PathBuf};

/// Rooms by layer. An import may point to a lower layer or to the same room.
const LAYERS: &[&[&str]] = &[
    &["source", "proto", "parallel"],
    &["yaml", "cel"],
    &["policy", "schema"],
    &["engine", "plan"],
    &["compile", "wire"],
    &["store", "toolcall", "identity", "audit", "telemetry"],
    &["service"],
    &["protocols", "testing"],
    &["server", "config", "cli", "embed"],
];

/// Imports within a layer that are meant.
const SIBLINGS: &[(&str, &str)] =
    &[("schema", "policy"), ("plan", "engine"), ("cli", "config"), ("cli", "server"), ("server", "config")];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    let mut open = vec![root];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                all.push((path.clone(), std::fs::read_to_string(&path).expect("readable")));
            }
        }
    }
    all.sort();
    all
}

fn is_test_file(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|c| c.as_os_str() == "tests")
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn room(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("under src");
    let first = relative.components().next().expect("a component").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let from = room(&path);
        let Some(own) = layer(&from) else { continue };
        let mut in_tests = is_test_file(&path);
        for (n, line) in text.lines().enumerate() {
            in_tests |= line.trim_start().starts_with("#[cfg(test)]");
            let code = line.split("//").next().unwrap_or("");
            for part in code.split("crate::").skip(1) {
                let to: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(target) = layer(&to) else { continue };
                let sibling = SIBLINGS.contains(&(&*from, &*to));
                if to != from && target >= own && !sibling && !in_tests {
                    wrong.push(format!("{}:{}: `{from}` imports `{to}`", path.display(), n + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports must point to a lower layer:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_has_a_head_and_a_bearable_size() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.lines().take(5).any(|l| l.starts_with("//!")) {
            wrong.push(format!("{}: no `//!` head", path.display()));
        }
        if text.lines().count() > 600 {
            wrong.push(format!("{}: {} lines", path.display(), text.lines().count()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines of non-test code that contain `needle`.
fn mentions(needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        if room(&path) == "house_rules" || is_test_file(&path) {
            continue;
        }
        for (n, line) in text.lines().take_while(|l| !l.starts_with("#[cfg(test)]")).enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if code.contains(needle) {
                found.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn an_allow_is_made_in_one_place() {
    let made: Vec<String> = mentions("Effect::Allow").into_iter().filter(|l| l.contains("(Effect::Allow,")).collect();
    assert_eq!(made.len(), 1, "Effect::Allow is built in one line of engine/walk.rs:\n{}", made.join("\n"));
    assert!(made.first().is_some_and(|l| l.contains("engine/walk.rs")), "{made:?}");
}

#[test]
fn every_code_is_documented() {
    let documented = include_str!("../docs/lints.md");
    let mut missing: Vec<String> = Vec::new();
    for line in mentions("\"TG") {
        for part in line.split("\"TG").skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            let code = format!("TG{digits}");
            if digits.len() == 4 && code != "TG0001" && !documented.contains(&code) && !missing.contains(&code) {
                missing.push(code);
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/lints.md: {}", missing.join(", "));
}
