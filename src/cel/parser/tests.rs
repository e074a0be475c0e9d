//! What parses and what does not, with the reference's texts.

use super::parse;

#[track_caller]
fn refused(source: &str) -> String {
    let errors = parse(source).expect_err(source);
    errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join(", ")
}

#[test]
fn dump() {
    let path = std::env::var("CEL_DUMP").unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(path) else { return };
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        println!(">> {line}");
        match parse(line) {
            Ok(_) => println!("    None"),
            Err(e) => println!("    [{}]", e.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join(", ")),
        }
    }
}
