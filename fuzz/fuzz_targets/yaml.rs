//! YAML text to tree: no panic, and every place lies in the text. Values and offset maps are read as well.

#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate::policy::value::constant;
use toolgate::source::SourceFile;
use toolgate::yaml::{Decoder, Kind, LIMITS, Node, parse};

fuzz_target!(|text: &str| {
    let file = SourceFile::new("a.yaml", text);
    let (root, diagnostics) = parse(&file, LIMITS);
    for span in diagnostics.iter().filter_map(|d| d.span) {
        assert!(text.get(span.start as usize..span.end as usize).is_some());
    }
    if let Some(root) = root {
        let mut d = Decoder::new(&file);
        constant(&mut d, &root);
        visit(&mut d, &root, text);
    }
});

fn visit(d: &mut Decoder<'_>, node: &Node, text: &str) {
    for span in [node.span, node.at, node.outer] {
        assert!(text.get(span.start as usize..span.end as usize).is_some());
    }
    match &node.kind {
        Kind::Scalar(_) => {
            let (decoded, runs) = d.text_with_offsets(node);
            for (at, place) in runs {
                assert!(at as usize <= decoded.len() && place as usize <= text.len());
            }
        }
        Kind::Sequence(items) => items.iter().for_each(|n| visit(d, n, text)),
        Kind::Mapping(m) => m.entries.iter().for_each(|e| visit(d, &e.value, text)),
        Kind::Bad => {}
    }
}
