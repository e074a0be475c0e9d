//! Hostile and odd texts: whatever comes in, an answer comes out, with spans inside the file, and no stack or memory is
//! exhausted. (Reliability goal E1.)

use std::fmt::Write as _;

use super::{Decoder, Kind, LIMITS, Limits, Node, parse};
use crate::source::{Diagnostic, SourceFile};

fn outcome(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let file = SourceFile::new("a.yaml", text);
    let (root, diagnostics) = parse(&file, LIMITS);
    for d in &diagnostics {
        if let Some(span) = d.span {
            assert!(span.start <= span.end && span.end as usize <= text.len(), "{d}");
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{d}");
        }
        assert!(d.message.len() < 2000);
    }
    (root, diagnostics)
}

/// Nine levels of nine aliases each.
fn laughs(list: bool) -> String {
    let mut text = String::from("a0: &a0 x\n");
    for i in 1..10 {
        let previous = i - 1;
        let all = if list {
            format!("[{}]", vec![format!("*a{previous}"); 9].join(", "))
        } else {
            let entries: Vec<String> = (0..9).map(|k| format!("k{k}: *a{previous}")).collect();
            format!("{{{}}}", entries.join(", "))
        };
        writeln!(text, "a{i}: &a{i} {all}").unwrap();
    }
    text
}

fn nested_blocks(depth: usize) -> String {
    (0..depth).fold(String::new(), |text, i| text + &" ".repeat(i) + "k:\n")
}

fn many_keys(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, i| {
        writeln!(text, "k{i}: ").unwrap();
        text
    })
}

#[test]
fn hostile_texts_end_in_an_error() {
    let quadratic = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(5000), "*a,".repeat(5000));
    let anchors = {
        let levels = (0..40).fold(String::new(), |text, i| format!("{text}{}k: &a{i}\n", " ".repeat(i)));
        format!("{levels}{}- [{}]\n", " ".repeat(40), "x,".repeat(90_000))
    };
    let merges = {
        let mut text = String::from("m0: &m0 {k: v}\n");
        for i in 1..500 {
            let entries: Vec<String> = (0..200).map(|k| format!("k{i}_{k}: v")).collect();
            writeln!(text, "m{i}: &m{i} {{<<: *m{}, {}}}", i - 1, entries.join(", ")).unwrap();
        }
        text
    };
    let cases: Vec<(&str, String, &str)> = vec![
        ("flow sequences", "[".repeat(200_000), "TG0109"),
        ("flow mappings", "{".repeat(200_000), "TG01"),
        ("flow pairs", "{a: ".repeat(200_000), "TG01"),
        ("mixed", "[{".repeat(100_000), "TG01"),
        ("block depth", nested_blocks(1300), "TG0109"),
        ("block sequences", "- ".repeat(20_000), "TG01"),
        ("question marks", "? ".repeat(100_000), "TG01"),
        ("colons", ": ".repeat(200_000), "TG01"),
        ("laughs in lists", laughs(true), "TG0109"),
        ("laughs in maps", laughs(false), "TG0109"),
        ("quadratic aliases", quadratic, "TG0109"),
        ("nested anchors", anchors, "TG0109"),
        ("merge chain", merges, "TG0109"),
        ("alias to itself", "a: &a [*a]\n".to_owned(), "TG0107"),
        ("merge of itself", "a: &a {<<: *a}\n".to_owned(), "TG0107"),
        ("too large", format!("a: {}", "x".repeat(1 << 20)), "TG0109"),
        ("too many keys", many_keys(60_000), "TG0109"),
        ("too many elements", format!("[{}]", "1,".repeat(150_000)), "TG0109"),
        ("quotes", "a: \"x\" y\n".repeat(100), "TG0110"),
        ("open quote", format!("a: \"{}", "x".repeat(500_000)), "TG0101"),
        ("tabs", "\t".repeat(500_000) + "a: [", "TG0101"),
        ("tags", format!("a: !{}", "x".repeat(500_000)), ""),
        ("anchors", format!("a: &{} b", "x".repeat(500_000)), ""),
        ("long key", format!("{}: 1", "k".repeat(500_000)), "TG01"),
        ("comments", "# x\n".repeat(200_000), ""),
        ("documents", "---\n".repeat(200_000), "TG0108"),
        ("duplicate keys on one line", format!("{{{}}}", "a: 1, ".repeat(100_000)), "TG01"),
        ("documents with content", "--- a\n".repeat(100_000), "TG0108"),
        ("directive", format!("%FOO {}\n---\na: b\n", "x".repeat(500_000)), "TG01"),
        ("duplicate keys", "a: 1\n".repeat(40_000), "TG0103"),
        ("unknown aliases", "- *a\n".repeat(40_000), "TG0107"),
        ("bidi", "\u{202e}a: b\n".to_owned(), ""),
        ("surrogates", "a: \"\\ud800\\ud800\"".to_owned(), "TG0101"),
        ("control", "a: \u{1}".to_owned(), "TG0101"),
    ];
    for (name, text, code) in cases {
        let (_, found) = outcome(&text);
        if code.is_empty() {
            continue;
        }
        assert!(
            found.iter().any(|d| d.code.starts_with(code)),
            "{name}: {:?}",
            found.iter().take(3).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_scalar_may_be_as_large_as_the_file() {
    for text in [
        format!("a: {}\n", "x".repeat(900_000)),
        format!("a: |\n{}", " x\n".repeat(300_000)),
        format!("a: >\n{}", " x\n".repeat(300_000)),
        format!("a: \"{}\"\n", "\\n".repeat(400_000)),
        format!("a: '{}'\n", "''".repeat(400_000)),
        format!("a: \"{}\"\n", "\\u0041".repeat(150_000)),
        format!("a: x{}\n", "\n  y".repeat(200_000)),
    ] {
        let file = SourceFile::new("a.yaml", text.as_str());
        let (root, found) = parse(&file, LIMITS);
        assert!(found.is_empty());
        let root = root.unwrap();
        let mut d = Decoder::new(&file);
        let (decoded, runs) = d.text_with_offsets(&root.entries().unwrap()[0].value);
        assert!(decoded.len() > 100_000 && !runs.is_empty());
    }
}

#[test]
fn depth_counts_aliases() {
    let limits = Limits { depth: 4, ..LIMITS };
    let deep = |text: &str| {
        let (_, found) = parse(&SourceFile::new("a.yaml", text), limits);
        found.iter().any(|d| d.message == "document is nested more than 4 levels deep")
    };
    assert!(!deep("a: &a [[1]]\nb: [*a]\n"));
    assert!(deep("a: &a [[1]]\nb: [[*a]]\n"));
    assert!(deep("a: [[[[1]]]]\n"));
    assert!(!deep("a: [[[1]]]\n"));
}

#[test]
fn every_prefix_of_a_file_gets_an_answer() {
    let text = "# é\na: &x [1, 'b''c', \"d\\u00e9\"]\n? k\n: |2-\n   lit\n  e: *x\nm:\n  <<: {z: 1}\n  f: >\n    g\n\n   h\n\
                j: \"GB\" in x\n...\n---\nk: !!str 5\n";
    for (end, _) in text.char_indices() {
        let (before, after) = text.split_at(end);
        outcome(before);
        outcome(after);
        outcome(&format!("{before}]{after}"));
    }
}

#[test]
fn places_are_those_of_the_text() {
    let text = "a:  &x  'b'\nc: |\n  d\n  e\nf:\n  - g: 1\n    h: [i, j]\n  - *x\n";
    let (root, found) = outcome(text);
    assert!(found.is_empty());
    let root = root.unwrap();
    let at = |n: &Node| text.get(n.span.start as usize..n.span.end as usize).unwrap().to_owned();
    let entries = root.entries().unwrap();
    assert_eq!(at(&entries[0].value), "'b'");
    assert_eq!(at(&entries[1].value).trim_end(), "|\n  d\n  e");
    assert_eq!(at(&entries[2].value), "- g: 1\n    h: [i, j]\n  - *x");
    let Kind::Sequence(items) = &entries[2].value.kind else { panic!() };
    assert_eq!(at(&items[0]), "g: 1\n    h: [i, j]");
    assert_eq!(text.get(items[0].at.start as usize..items[0].at.end as usize), Some(":"));
    assert_eq!(at(&items[1]), "'b'");
    assert_eq!(text.get(items[1].outer.start as usize..items[1].outer.end as usize), Some("*x"));
}

#[test]
fn a_sequence_starts_at_its_first_dash() {
    for (text, starts) in [
        ("k:\n- a\n- b\n", vec![3]),
        ("k:\n  - a\n", vec![5]),
        ("k:\n- - a\n  - b\n- - c\n", vec![3, 5, 17]),
        ("k: &x\n- a\n-\n- - b\n", vec![6, 14]),
        ("k:\n-", vec![3]),
        ("k:\n- x: 1\n- y:\n  - z\n", vec![3, 17]),
    ] {
        let (root, found) = outcome(text);
        assert!(found.is_empty());
        let mut all = Vec::new();
        collect(&root.unwrap(), &mut all);
        assert_eq!(all, starts, "{text:?}");
    }
}

fn collect(node: &Node, out: &mut Vec<u32>) {
    match &node.kind {
        Kind::Sequence(items) => {
            out.push(node.at.start);
            for node in items {
                collect(node, out);
            }
        }
        Kind::Mapping(m) => {
            for entry in &m.entries {
                collect(&entry.value, out);
            }
        }
        Kind::Scalar(_) | Kind::Bad => {}
    }
}
