//! Expression text to tree and back: no panic, faults lie in the text, and what was printed parses and prints the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate::cel::parser::{MAX_CODE_POINTS, MAX_HEIGHT};
use toolgate::cel::{parse, printer};
use toolgate::source::SourceFile;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(ast) => {
            assert!(ast.height() <= MAX_HEIGHT);
            let printed = printer::print(&ast);
            if printed.chars().count() <= MAX_CODE_POINTS {
                let again = parse(&printed).expect("printed text parses");
                assert_eq!(printer::print(&again), printed);
            }
        }
        Err(faults) => {
            let file = SourceFile::new("expr", text);
            assert!(!faults.is_empty());
            for fault in faults.iter().take(20) {
                assert!(fault.position as usize <= text.len());
                let _ = fault.render(&file);
            }
        }
    }
});
