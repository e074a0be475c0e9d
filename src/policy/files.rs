//! What a file in a policy repository is, by its path alone. Spec: policy-language §2. Reads no files.

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileClass {
    /// A policy.
    Policy,
    /// A test suite.
    Suite,
    /// In a `testdata` directory: perhaps a fixture of the suites beside it.
    Fixture,
    /// A JSON schema under `_schemas`.
    Schema,
    /// In a `_schemas` directory that is not at the root: the whole directory is refused.
    MisplacedSchemas,
    /// Nothing of ours.
    Ignored,
}

/// The message for [`FileClass::MisplacedSchemas`].
pub const MISPLACED_SCHEMAS: &str = "_schemas directory must be under the root of the storage directory";

/// Classifies a path relative to the repository's root, written with `/`.
#[must_use]
pub fn classify(path: &str) -> FileClass {
    let segments: Vec<&str> = path.split('/').filter(|s| !matches!(*s, "" | "." | "..")).collect();
    let Some((name, directories)) = segments.split_last() else { return FileClass::Ignored };
    if segments.iter().any(|s| s.starts_with('.')) {
        return FileClass::Ignored;
    }
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
    if directories.first() == Some(&"_schemas") {
        return if extension.as_deref() == Some("json") { FileClass::Schema } else { FileClass::Ignored };
    }
    for directory in directories {
        match *directory {
            "testdata" => return FileClass::Fixture,
            "_schemas" => return FileClass::MisplacedSchemas,
            _ => {}
        }
    }
    match extension.as_deref() {
        Some("yaml" | "yml" | "json") if is_suite_name(name) => FileClass::Suite,
        Some("yaml" | "yml" | "json") => FileClass::Policy,
        _ => FileClass::Ignored,
    }
}

/// True if a file of this name is a test suite, wherever it lies.
#[must_use]
pub fn is_suite_name(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    matches!(extension.to_ascii_lowercase().as_str(), "yaml" | "yml" | "json")
        && stem.to_ascii_lowercase().ends_with("_test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_classified() {
        for (path, want) in [
            ("a.yaml", FileClass::Policy),
            ("x/y/A.YML", FileClass::Policy),
            ("a.json", FileClass::Policy),
            ("a_test.yaml", FileClass::Suite),
            ("a_TEST.json", FileClass::Suite),
            ("_test.yml", FileClass::Suite),
            ("a_test.txt", FileClass::Ignored),
            ("README.md", FileClass::Ignored),
            ("yaml", FileClass::Ignored),
            (".hidden/a.yaml", FileClass::Ignored),
            ("x/.a.yaml", FileClass::Ignored),
            ("./x/../a.yaml", FileClass::Policy),
            ("x/testdata/principals.yaml", FileClass::Fixture),
            ("testdata/x/a.yaml", FileClass::Fixture),
            ("testdata.yaml", FileClass::Policy),
            ("_schemas/a.json", FileClass::Schema),
            ("_schemas/x/A.JSON", FileClass::Schema),
            ("_schemas/testdata/a.json", FileClass::Schema),
            ("_schemas/a.yaml", FileClass::Ignored),
            ("x/_schemas/a.json", FileClass::MisplacedSchemas),
            ("x/_schemas/a.yaml", FileClass::MisplacedSchemas),
            ("", FileClass::Ignored),
        ] {
            assert_eq!(classify(path), want, "{path}");
        }
    }
}
