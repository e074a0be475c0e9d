//! Coverage as pages to look at: one a policy with its source, hit counts and what was never seen, and an index. Each
//! page holds all it needs; nothing is loaded from anywhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Branch, Coverage, FileCoverage, Hits, ItemKind, Node, Share, Shares};

const STYLE: &str = "
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#1b1f24;background:#fff}
h1{font-size:1.3em} a{color:#0b57d0} table{border-collapse:collapse}
.sum td,.sum th{padding:.25em .9em;border-bottom:1px solid #d8dee4;text-align:right}
.sum td:first-child,.sum th:first-child{text-align:left}
.bar{display:inline-block;width:5em;height:.6em;background:#f3c5c1;margin-right:.5em}
.bar i{display:block;height:100%;background:#4a9d5b}
.src{font:12.5px/1.5 ui-monospace,monospace;width:100%} .src td{padding:0 .6em;white-space:pre-wrap;vertical-align:top}
.src .n{color:#818b98;text-align:right;user-select:none} .src .h{text-align:right;white-space:nowrap;color:#57606a}
.good{background:#e6f4e8} .part{background:#fff4d6} .bad{background:#fde3e1}
.note{font-style:italic;color:#a3261b;padding-left:1em}
@media(prefers-color-scheme:dark){body{background:#0f1318;color:#dbe2ea}a{color:#8ab4f8}
.good{background:#14301b}.part{background:#3a3010}.bad{background:#471c19}.note{color:#ff9d94}
.src .n,.src .h{color:#8b95a1}.sum td,.sum th{border-color:#30363d}}
";

/// The name of a policy's page.
#[must_use]
pub fn page_name(file: &str) -> String {
    let safe = |c: char| match c {
        '/' => "!".to_owned(),
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') => c.to_string(),
        // different names must not fall together
        c => format!("~{:x}~", u32::from(c)),
    };
    format!("{}.html", file.chars().map(safe).collect::<String>())
}

/// The index of all pages.
#[must_use]
pub fn index(coverage: &Coverage) -> String {
    let mut body =
        String::from("<table class=sum><tr><th>policy<th>rules<th>branches<th>derived roles<th>effects</tr>");
    for file in coverage.files() {
        let name = file.plan().file.name();
        let link = format!("<a href=\"{}\">{}</a>", escape(&page_name(name)), escape(name));
        row(&link, Shares::of(file), &mut body);
    }
    row("<b>all</b>", Shares::total(coverage), &mut body);
    body.push_str("</table>");
    document("Policy coverage", &body)
}

fn row(name: &str, shares: Shares, out: &mut String) {
    let _ = write!(out, "<tr><td>{name}");
    for share in [shares.rules, shares.branches, shares.derived_roles, shares.effects] {
        let _ = write!(out, "<td>{}", cell(share));
    }
    out.push_str("</tr>");
}

fn cell(share: Share) -> String {
    if share.all == 0 {
        return "–".to_owned();
    }
    let percent = share.percent();
    format!("<span class=bar><i style=\"width:{percent:.1}%\"></i></span>{}/{}", share.hit, share.all)
}

/// What is said beside a line.
#[derive(Default)]
struct Line {
    class: &'static str,
    hits: String,
    notes: Vec<String>,
}

impl Line {
    /// The worse class stays.
    fn mark(&mut self, class: &'static str) {
        let rank = |c: &str| ["", "good", "part", "bad"].iter().position(|k| *k == c);
        if rank(class) > rank(self.class) {
            self.class = class;
        }
    }

    fn count(&mut self, text: &str) {
        if !self.hits.is_empty() {
            self.hits.push_str("; ");
        }
        self.hits.push_str(text);
    }
}

/// The page of one policy.
#[must_use]
pub fn page(file: FileCoverage<'_>) -> String {
    let source = &file.plan().file;
    let mut lines: BTreeMap<u32, Line> = BTreeMap::new();
    for (item, hits, branches) in file.items() {
        item_line(item.kind, hits, lines.entry(item.line).or_default());
        for (node, branch) in item.nodes.iter().zip(branches).filter(|(n, _)| n.is_expr) {
            node_lines(node, branch, source, &mut lines);
        }
    }
    let mut body = String::from("<p><a href=\"index.html\">all policies</a></p><table class=sum>");
    body.push_str("<tr><th>policy<th>rules<th>branches<th>derived roles<th>effects</tr>");
    row(&escape(&file.plan().key), Shares::of(file), &mut body);
    body.push_str(
        "</table><p>Counts are <b>times true / times false</b> for conditions, <b>times applied / times asked</b> \
                   for rules.</p><table class=src>",
    );
    for number in 1..=source.line_count() {
        let empty = Line::default();
        let line = lines.get(&number).unwrap_or(&empty);
        let _ = write!(
            body,
            "<tr id=L{number} class=\"{}\"><td class=n>{number}<td class=h>{}<td>{}",
            line.class,
            escape(&line.hits),
            escape(source.line(number)),
        );
        for note in &line.notes {
            let _ = write!(body, "<span class=note>← {}</span>", escape(note));
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</table>");
    document(source.name(), &body)
}

fn item_line(kind: ItemKind, hits: Hits, line: &mut Line) {
    line.count(&format!("{} / {}", hits.met, hits.asked));
    let never = if kind == ItemKind::DerivedRole { "never active" } else { "never applied" };
    if hits.asked == 0 {
        line.mark("bad");
        line.notes.push("never asked".to_owned());
    } else if hits.met == 0 {
        line.mark("bad");
        line.notes.push(never.to_owned());
    } else {
        line.mark("good");
    }
}

fn node_lines(node: &Node, branch: Branch, source: &crate::source::SourceFile, lines: &mut BTreeMap<u32, Line>) {
    let (class, note) = match (branch.met, branch.unmet) {
        (0, 0) => ("bad", Some("never evaluated")),
        (0, _) => ("bad", Some("never true")),
        (_, 0) => ("part", Some("never false")),
        _ => ("good", None),
    };
    let last = source.position(node.span.end.saturating_sub(1).max(node.span.start)).line;
    for number in node.line..=last {
        lines.entry(number).or_default().mark(class);
    }
    let line = lines.entry(node.line).or_default();
    let failed = if branch.failed > 0 { format!(" ({} failed)", branch.failed) } else { String::new() };
    line.count(&format!("{} / {}{failed}", branch.met, branch.unmet));
    line.notes.extend(note.map(str::to_owned));
}

fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\
         <h1>{title}</h1>{body}</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
