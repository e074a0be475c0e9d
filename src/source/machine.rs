//! Two more faces of a [`Diagnostic`] for machines: SARIF for code scanning, and the annotation lines of CI workflows.

use serde_json::{Value, json};

use super::{Diagnostic, Severity};

/// SARIF 2.1.0, one run. `root` stands before file names.
#[must_use]
pub fn render_sarif(diagnostics: &[Diagnostic], root: &str) -> String {
    let mut codes: Vec<&str> = diagnostics.iter().map(|d| d.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|d| {
            let mut place = json!({ "artifactLocation": { "uri": under(root, d) } });
            if let (Some(at), Some(map)) = (d.position(), place.as_object_mut()) {
                map.insert("region".into(), json!({ "startLine": at.line, "startColumn": at.column }));
            }
            let level = match d.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "note",
            };
            json!({
                "ruleId": d.code, "level": level, "message": { "text": with_help(d, "\n") },
                "locations": [{ "physicalLocation": place }],
            })
        })
        .collect();
    let tool = json!({ "driver": { "name": "toolgate", "version": env!("CARGO_PKG_VERSION"), "rules": rules } });
    let schema = "https://json.schemastore.org/sarif-2.1.0.json";
    let log = json!({ "$schema": schema, "version": "2.1.0", "runs": [{ "tool": tool, "results": results }] });
    format!("{log:#}")
}

/// A `::error file=…,line=…,col=…,title=…::message` line each, which CI systems show beside the change.
#[must_use]
pub fn render_annotations(diagnostics: &[Diagnostic], root: &str) -> String {
    let lines: Vec<String> = diagnostics
        .iter()
        .map(|d| {
            let level = match d.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "notice",
            };
            let place = d.position().map_or(String::new(), |p| format!(",line={},col={}", p.line, p.column));
            let file = property(&under(root, d));
            format!("::{level} file={file}{place},title={}::{}", d.code, message(&with_help(d, "\n")))
        })
        .collect();
    lines.join("\n")
}

fn under(root: &str, d: &Diagnostic) -> String {
    match root.trim_end_matches('/') {
        "" | "." => d.file.name().to_owned(),
        root => format!("{root}/{}", d.file.name()),
    }
}

fn with_help(d: &Diagnostic, between: &str) -> String {
    match &d.help {
        Some(help) => format!("{}{between}{help}", d.message),
        None => d.message.clone(),
    }
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceFile, Span};

    fn two() -> Vec<Diagnostic> {
        let file = SourceFile::new("a,b.yaml", "one\ntwo\n");
        vec![
            Diagnostic::error("TG0102", &file, Span::new(4, 7), "50% wrong").with_help("do it right"),
            Diagnostic::warning("TG0601", &file, None, "odd"),
        ]
    }

    #[test]
    fn annotations_are_escaped() {
        let want = "::error file=policies/a%2Cb.yaml,line=2,col=1,title=TG0102::50%25 wrong%0Ado it right\n\
                    ::warning file=policies/a%2Cb.yaml,title=TG0601::odd";
        assert_eq!(render_annotations(&two(), "policies/"), want);
    }

    #[test]
    fn sarif_names_rules_and_places() {
        let log: Value = serde_json::from_str(&render_sarif(&two(), ".")).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "TG0601");
        let first = &run["results"][0];
        assert_eq!((first["ruleId"].as_str(), first["level"].as_str()), (Some("TG0102"), Some("error")));
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a,b.yaml");
        assert_eq!(place["region"]["startLine"], 2);
    }
}
