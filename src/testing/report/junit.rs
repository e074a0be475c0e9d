//! JUnit XML as the reference writes it, with its non-standard `success` elements.

use std::fmt::Write as _;

use super::value;
use crate::testing::results::{ActualOutput, Case, Details, Report, SuiteResult, Verdict};

/// The report as XML.
#[must_use]
pub fn junit(report: &Report) -> String {
    let tally = report.tally();
    let suites = |verdict| report.suites.iter().filter(|s| s.verdict() == verdict).count();
    let mut xml = Xml::default();
    let counts = [
        ("errors", (tally.of(Verdict::Errored) + suites(Verdict::Errored)).to_string()),
        ("failures", tally.of(Verdict::Failed).to_string()),
        ("skipped", (tally.of(Verdict::Skipped) + suites(Verdict::Skipped)).to_string()),
        ("tests", tally.total().to_string()),
    ];
    xml.element("testsuites", &counts, |xml| {
        for s in &report.suites {
            suite(xml, s);
        }
    });
    xml.out.push('\n');
    xml.out
}

fn suite(xml: &mut Xml, suite: &SuiteResult) {
    let verdict = suite.verdict();
    let cases = |v| suite.cases.iter().filter(|c| c.details.verdict() == v).count();
    let (errors, failures, skipped) = match verdict {
        Verdict::Errored => (1, 0, 0),
        Verdict::Skipped => (0, 0, 1),
        Verdict::Passed | Verdict::Failed => (0, cases(Verdict::Failed), cases(Verdict::Skipped)),
    };
    let mut attributes = Vec::new();
    if !suite.description.is_empty() {
        attributes.push(("description", suite.description.clone()));
    }
    attributes.push(("name", suite.name.clone()));
    attributes.push(("file", suite.file.clone()));
    attributes.push(("errors", errors.to_string()));
    attributes.push(("failures", failures.to_string()));
    attributes.push(("skipped", skipped.to_string()));
    attributes.push(("tests", suite.tally().total().to_string()));
    xml.element("testsuite", &attributes, |xml| {
        if verdict == Verdict::Errored {
            xml.leaf("error", &[("type", verdict.name().to_owned())], suite.error.as_deref().unwrap_or(""));
        }
        xml.leaf("properties", &[], "");
        if matches!(verdict, Verdict::Passed | Verdict::Failed) {
            for c in &suite.cases {
                case(xml, &suite.file, c);
            }
        }
    });
}

fn effect(allow: bool) -> &'static str {
    if allow { "EFFECT_ALLOW" } else { "EFFECT_DENY" }
}

fn case(xml: &mut Xml, file: &str, case: &Case) {
    let attributes = [
        ("file", file.to_owned()),
        ("classname", format!("{}.{}.{}", case.principal, case.resource, case.action)),
        ("name", case.test.clone()),
    ];
    xml.element("testcase", &attributes, |xml| {
        details(xml, &case.details);
        xml.element("properties", &[], |xml| {
            for (name, text) in [("principal", &case.principal), ("resource", &case.resource), ("action", &case.action)]
            {
                xml.leaf("property", &[("name", name.to_owned())], text);
            }
        });
    });
}

fn details(xml: &mut Xml, details: &Details) {
    let kind = ("type", details.verdict().name().to_owned());
    match details {
        Details::Skipped { .. } => xml.leaf("skipped", &[("message", "This test was skipped".to_owned())], ""),
        Details::Errored(error) => xml.leaf("error", &[kind], error),
        Details::Passed { allow, outputs } => xml.element("success", &[kind], |xml| {
            let outputs = outputs.iter().map(|(src, value)| {
                let shown = match value {
                    Ok(v) => value::compact(v),
                    Err(e) => failed_output(e),
                };
                (src.as_str(), shown.clone(), Some(shown))
            });
            output_list(xml, outputs.collect());
            effects(xml, *allow, *allow);
        }),
        Details::Failed { expected, actual, outputs } => {
            let what = if outputs.is_empty() { "Effect" } else { "Output" };
            let attributes = [kind, ("message", format!("{what} expectation unsatisfied"))];
            xml.element("failure", &attributes, |xml| {
                let outputs = outputs.iter().map(|o| {
                    let actual = match &o.actual {
                        ActualOutput::Missing => None,
                        ActualOutput::Value(v) => Some(value::compact(v)),
                        ActualOutput::Error(e) => Some(failed_output(e)),
                    };
                    (o.src.as_str(), value::compact(&o.expected), actual)
                });
                output_list(xml, outputs.collect());
                effects(xml, *expected, *actual);
            });
        }
    }
}

fn failed_output(error: &str) -> String {
    format!("Failed to evaluate output expression: {error}")
}

fn effects(xml: &mut Xml, expected: bool, actual: bool) {
    xml.leaf("actual", &[], effect(actual));
    xml.leaf("expected", &[], effect(expected));
}

fn output_list(xml: &mut Xml, outputs: Vec<(&str, String, Option<String>)>) {
    if outputs.is_empty() {
        return;
    }
    xml.element("outputs", &[], |xml| {
        for (src, expected, actual) in outputs {
            xml.element("output", &[("src", src.to_owned())], |xml| {
                xml.cdata("expected", &expected);
                match actual {
                    Some(actual) => xml.cdata("actual", &actual),
                    None => xml.leaf("actual", &[], ""),
                }
            });
        }
    });
}

/// Writes indented XML.
#[derive(Default)]
struct Xml {
    out: String,
    depth: usize,
}

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, String)]) {
        if !self.out.is_empty() {
            self.line();
        }
        let _ = write!(self.out, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.out, " {key}=\"{}\"", escape(value));
        }
        self.out.push('>');
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&"  ".repeat(self.depth));
    }

    fn element(&mut self, name: &str, attributes: &[(&str, String)], inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        let before = self.out.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        if self.out.len() > before {
            self.line();
        }
        let _ = write!(self.out, "</{name}>");
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, String)], text: &str) {
        self.open(name, attributes);
        let _ = write!(self.out, "{}</{name}>", escape(text));
    }

    fn cdata(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        let text = clean(text).replace("]]>", "]]]]><![CDATA[>");
        let _ = write!(self.out, "<![CDATA[{text}]]></{name}>");
    }
}

/// What XML 1.0 can hold.
fn clean(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
    out
}
