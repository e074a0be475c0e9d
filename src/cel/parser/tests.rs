//! What parses and what does not, hostile texts above all: every one must give an answer, soon, and within the stack of
//! a test thread.

use super::super::ast::{ExprKind, Literal};
use super::super::tests::environment::policy_environment;
use super::super::tests::generate::Generator;
use super::super::{compile, printer};
use super::parse;

#[track_caller]
fn refused(source: &str) -> String {
    let errors = parse(source).expect_err("must be refused");
    errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join(", ")
}

const TOO_DEEP: &str = "expression recursion limit exceeded: 250";
const TOO_LONG: &str = "max recursion depth exceeded";

#[test]
fn nesting_and_chains_end_at_250() {
    // (how n of them are written, how many are accepted, message for one more)
    type Shape = fn(usize) -> String;
    let shapes: &[(Shape, usize, &str)] = &[
        (|n| format!("{}1{}", "(".repeat(n), ")".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}1{}", "[".repeat(n), "]".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}1{}", "{1:".repeat(n), "}".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}1{}", "-(".repeat(n), ")".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}1{}", "dyn(".repeat(n), ")".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}true{}", "[1].all(x,".repeat(n), ")".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}1{}", "cel.bind(x,1,".repeat(n), ")".repeat(n)), 249, TOO_DEEP),
        (|n| format!("{}1", "true?1:".repeat(n)), 249, TOO_DEEP),
        (|n| format!("1{}", "+1".repeat(n)), 250, TOO_LONG),
        (|n| format!("1{}", "*1".repeat(n)), 250, TOO_LONG),
        (|n| format!("1{}", "==dyn(1)".repeat(n)), 250, TOO_LONG),
        (|n| format!("P{}", ".a".repeat(n)), 250, TOO_LONG),
        (|n| format!("P{}", ".?a".repeat(n)), 250, TOO_LONG),
        (|n| format!("P{}", "[0]".repeat(n)), 250, TOO_LONG),
        (|n| format!("P{}", ".trim()".repeat(n)), 250, TOO_LONG),
        (|n| format!("dyn({}1{}{}", "dyn(".repeat(n - 1), "+1".repeat(n), ")".repeat(n)), 248, TOO_DEEP),
        (|n| format!("(1{}){}", "+1".repeat(n), "+1".repeat(n)), 125, TOO_LONG),
        (
            |n| format!("{}1{}{}", "[1].all(x,".repeat(n), "+1".repeat(n), "==1)".to_owned() + &")".repeat(n - 1)),
            124,
            TOO_LONG,
        ),
        (|n| format!("1{}{}", "*1".repeat(n), "+1".repeat(n)), 125, TOO_LONG),
    ];
    for (shape, most, message) in shapes {
        let accepted = shape(*most);
        assert!(parse(&accepted).is_ok(), "{accepted}");
        let surplus = shape(most + 1);
        assert_eq!(refused(&surplus), *message, "{surplus}");
        let far = shape(12_000).chars().take(super::MAX_CODE_POINTS).collect::<String>();
        assert!(parse(&far).is_err());
    }
}

#[test]
fn signs_and_logic_have_no_depth() {
    for source in [
        format!("{}true", "!".repeat(20_000)),
        format!("{}x", "-".repeat(20_001)),
        format!("true{}", "&&true".repeat(15_000)),
        format!("true{}", "||true".repeat(15_000)),
        format!("true{}", "||true&&false".repeat(7_000)),
    ] {
        let ast = parse(&source).unwrap();
        assert!(ast.height() < 40);
        assert!(!printer::print(&ast).is_empty());
    }
    assert!(compile(&format!("true{}", "||true".repeat(15_000)), &policy_environment()).is_ok());
}

#[test]
fn size_is_counted_in_code_points() {
    let text = |n| format!("\"{}\"", "é".repeat(n));
    assert!(parse(&text(99_998)).is_ok());
    assert_eq!(refused(&text(99_999)), "expression code point size exceeds limit: size: 100001, limit 100000");
    assert!(refused(&"x".repeat(1_000_000)).starts_with("expression code point size"));
}

#[test]
fn trees_stay_below_the_height_others_rely_on() {
    let level = format!("!({}", "x&&".repeat(127));
    let source = |n: usize| format!("{}x{}", level.repeat(n), ")".repeat(n));
    assert_eq!(refused(&source(200)), TOO_LONG);
    assert!(parse(&source(100)).unwrap().height() > 800);
}

#[test]
fn repeated_fragments_give_an_answer() {
    let environment = policy_environment();
    let fragments = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "[?",
        "{?",
        ".",
        "..",
        ".?",
        ",",
        "-",
        "!",
        "-!",
        "?",
        ":",
        "?:",
        "1?",
        "a.",
        "a[",
        "a(",
        "a.b(",
        "`",
        "`a`",
        "\"",
        "'",
        "\"\"\"",
        "r'",
        "b'",
        "\\",
        "\"\\",
        "//",
        "/*",
        "0x",
        "1e",
        "1.",
        "1..",
        "@",
        "#",
        "\u{0}",
        "é",
        "\u{feff}",
        "\u{1F600}",
        "&&",
        "||",
        "&",
        "in",
        "in ",
        "has(",
        "has(a.",
        "[1].all(x,",
        "x.map(x,",
        "cel.bind(x,",
        "math.greatest(",
        "a.optMap(x,",
        "x.sortBy(",
        "a{",
        "a{b:",
        "true?",
        "[[],",
        "[{},",
        "{[]:",
        "null.",
        "\n",
        "\r",
        "1 ",
        "a ",
        "+1",
        "-x",
        "optional.of(",
        "x.optMap(x,x)",
        ".optMap(x,[x,x])",
    ];
    for fragment in fragments {
        for count in [1, 2, 3, 50, 300, 20_000] {
            let source: String = fragment.repeat(count).chars().take(super::MAX_CODE_POINTS).collect();
            let _ = compile(&source, &environment);
            let _ = compile(&format!("1{source}"), &environment);
            let _ = compile(&format!("{source}1"), &environment);
        }
    }
}

#[test]
fn types_that_grow_give_an_answer() {
    let environment = policy_environment();
    let nested = |step: &str| format!("{}a{}", step.repeat(240), ")".repeat(240));
    for source in [
        nested("cel.bind(a, {a: a}, "),
        nested("cel.bind(a, [[[[[[[[[[a]]]]]]]]]], "),
        nested("cel.bind(a, [], "),
        nested("cel.bind(a, [a, [a]], "),
        nested("cel.bind(a, {a: [a], [a]: a}, "),
        nested("cel.bind(a, optional.of([a]), "),
        nested("cel.bind(a, [].map(x, [x, a]), "),
        nested("cel.bind(a, type(a), "),
        format!("[{}]", vec!["[[[[[[[[1]]]]]]]]"; 2_000].join(",")),
        format!("[{}]", vec!["[]"; 20_000].join(",")),
        format!("[{}]", vec!["{}"; 20_000].join("==[],")),
        format!("cel.bind(a, [], cel.bind(b, {{}}, [{}]))", ["a == [b]", "b == {b: a}"].join(", ")),
        format!("x{}", ".optMap(x, x)".repeat(200)),
        format!("optional.none(){}", ".optMap(x, [x, x])".repeat(200)),
    ] {
        let _ = compile(&source, &environment);
    }
}

#[test]
fn noise_gives_an_answer() {
    let environment = policy_environment();
    let mut generator = Generator::new(3);
    for _ in 0..20_000 {
        let mut text: Vec<char> = generator.expression(3).chars().collect();
        for _ in 0..=generator.below(4) {
            let at = generator.below(text.len() + 1);
            let noise = ['(', ')', '[', ']', '{', '}', '"', '\'', '\\', '.', '?', ':', '`', 'x', '0', 'é', '\n', '@'];
            match generator.below(3) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => text.truncate(at),
                _ => text.insert(at, noise[generator.below(noise.len())]),
            }
        }
        let _ = compile(&text.into_iter().collect::<String>(), &environment);
    }
}

#[test]
fn literals() {
    let cases: &[(&str, Literal)] = &[
        ("-9223372036854775808", Literal::Int(i64::MIN)),
        ("0x7fffffffffffffff", Literal::Int(i64::MAX)),
        ("- 0x10", Literal::Int(-16)),
        ("18446744073709551615u", Literal::Uint(u64::MAX)),
        ("0xFFu", Literal::Uint(255)),
        (".5e-1", Literal::Double(0.05)),
        ("'a\\x41\\u00e9\\U0001F600\\101\\n\\?'", Literal::String("aA\u{e9}\u{1F600}A\n?".into())),
        ("r'\\d\\'", Literal::String("\\d\\".into())),
        ("'''a'\r\nb'''", Literal::String("a'\nb".into())),
        ("b'\\xff\\377é'", Literal::Bytes([0xff, 0xff, 0xc3, 0xa9].into())),
        ("br\"\\n\"", Literal::Bytes(b"\\n".as_slice().into())),
        ("\"\"\"\"\"\"", Literal::String("".into())),
    ];
    for (source, expected) in cases {
        assert_eq!(parse(source).unwrap().root().kind, ExprKind::Literal(expected.clone()), "{source}");
    }
    assert_eq!(refused("9223372036854775808"), "invalid int literal");
    assert_eq!(refused("--9223372036854775808"), "invalid int literal");
    assert_eq!(refused("18446744073709551616u"), "invalid uint literal");
    assert_eq!(refused("1e999"), "invalid double literal");
    assert_eq!(refused("'\\ud800'"), "invalid unicode code point");
}

#[test]
fn faults_are_rendered_as_the_reference_prints_them() {
    let file = crate::source::SourceFile::new("<input>", "1 +\n 'é' + 'a' + )");
    let errors = parse(file.text()).unwrap_err();
    let shown = errors.first().unwrap().render(&file);
    assert!(shown.starts_with("ERROR: <input>:2:14: Syntax error: mismatched input ')' expecting"), "{shown}");
    assert!(shown.ends_with("\n |  'é' + 'a' + )\n | .............^"), "{shown}");
}
