//! Two faces of a [`Diagnostic`]: rustc-style text for people (through `annotate-snippets`, named in this file
//! alone) and JSON for machines. Decides nothing and prints nothing: it returns strings.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Severity, SourceFile};

/// Renders diagnostics as a person reads them: message, file, source line, caret, help.
#[must_use]
pub fn render_terminal(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for d in diagnostics {
        out.push_str(&render_one(&renderer, d));
        out.push_str("\n\n");
    }
    out
}

fn render_one(renderer: &Renderer, d: &Diagnostic) -> String {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::NOTE,
    };
    let title = level.primary_title(d.message.as_str()).id(d.code);
    let mut group = Group::with_title(title);
    match d.span {
        Some(span) => {
            let main = Label { file: d.file.clone(), span, text: d.label.clone() };
            let (same, other): (Vec<&Label>, Vec<&Label>) = d.related.iter().partition(|l| l.file == d.file);
            group = group.element(snippet(&d.file, Some(&main), &same));
            for label in other {
                group = group.element(snippet(&label.file, None, &[label]));
            }
        }
        None => group = group.element(annotate_snippets::Origin::path(d.file.name())),
    }
    let mut report = vec![group];
    if let Some(help) = &d.help {
        report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    renderer.render(&report)
}

fn snippet<'a>(
    file: &'a SourceFile,
    main: Option<&Label>,
    others: &[&'a Label],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let len = file.text().len();
    let range = |l: &Label| {
        let start = floor_boundary(file.text(), (l.span.start as usize).min(len));
        let end = floor_boundary(file.text(), (l.span.end as usize).clamp(start, len));
        start..end
    };
    let mut snippet = Snippet::source(file.text()).path(file.name()).fold(true);
    if let Some(m) = main {
        let mut a = AnnotationKind::Primary.span(range(m));
        if !m.text.is_empty() {
            a = a.label(m.text.clone());
        }
        snippet = snippet.annotation(a);
    }
    for l in others {
        snippet = snippet.annotation(AnnotationKind::Context.span(range(l)).label(l.text.as_str()));
    }
    snippet
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Renders diagnostics as a JSON array: `[{code, severity, file, position{line, column}, message, help, path}]`.
#[must_use]
pub fn render_json(diagnostics: &[Diagnostic]) -> String {
    let all: Vec<serde_json::Value> = diagnostics
        .iter()
        .map(|d| {
            let mut o = serde_json::json!({
                "code": d.code,
                "severity": d.severity.as_str(),
                "file": d.file.name(),
                "message": d.message,
            });
            if let Some(map) = o.as_object_mut() {
                if let Some(p) = d.position() {
                    map.insert("position".into(), serde_json::json!({"line": p.line, "column": p.column}));
                }
                if let Some(h) = &d.help {
                    map.insert("help".into(), h.as_str().into());
                }
                if let Some(p) = &d.path {
                    map.insert("path".into(), p.as_str().into());
                }
            }
            o
        })
        .collect();
    serde_json::Value::Array(all).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn terminal_face_shows_place_line_caret_and_help() {
        let f = SourceFile::new("p/a.yaml", "resourcePolicy:\n  efect: 1\n");
        let d = Diagnostic::error("TG0102", &f, Span::new(18, 23), "unknown field `efect`")
            .with_help("did you mean `effect`?");
        let text = render_terminal(&[d], false);
        assert!(text.contains("error[TG0102]: unknown field `efect`"), "{text}");
        assert!(text.contains("p/a.yaml:2:3"), "{text}");
        assert!(text.contains("^^^^^"), "{text}");
        assert!(text.contains("did you mean `effect`?"), "{text}");
    }

    #[test]
    fn spans_outside_or_inside_a_code_point_do_not_panic() {
        let f = SourceFile::new("a", "é");
        for (s, e) in [(0, 1), (1, 1), (1, 99), (50, 60)] {
            let d = Diagnostic::error("TG0001", &f, Span::new(s, e), "x");
            assert!(!render_terminal(&[d], false).is_empty());
        }
    }
}
