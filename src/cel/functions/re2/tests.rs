//! Answers of the reference.

use super::*;

fn answer(pattern: &str, text: &str) -> Result<bool, String> {
    Pattern::compile(pattern, Origin::Policy).map(|p| p.is_match(text)).map_err(|e| e.to_string())
}

#[test]
fn matching() {
    for (text, pattern, expect) in [
        ("abc", "^b", false),
        ("K", "(?i)k", true),
        ("ſ", "(?i)s", true),
        ("é", r"\w", false),
        ("٣", r"\d", false),
        ("\u{a0}", r"\s", false),
        ("\u{b}", r"\s", false),
        ("a.b", r"\Qa.b\E", true),
        ("a.b", r"\Qa.b", true),
        ("abc", r"c\z", true),
        ("abc", r"\Aabc", true),
        ("a\nb", "a.b", false),
        ("a\nb", "(?s)a.b", true),
        ("a\nb", "^b", false),
        ("a\nb", "(?m)^b", true),
        ("abc", "(?U)a+", true),
        ("ab", "(?P<n>a)(?<n>b)", true),
        ("abc", "a*?", true),
        ("a{2", "a{2", true),
        ("a{,2}", "a{,2}", true),
        ("abc", "[]a]", true),
        ("abc", "[^]a]", true),
        ("abc", "[[:alpha:]]+", true),
        ("abc", "[:alpha:]", true),
        ("α", r"\p{greek}", true),
        ("abc", r"\p{^Greek}", true),
        ("abc", r"\PL", false),
        ("a", r"\P{^L}", true),
        ("A", r"\x{41}", true),
        ("a", r"\x{d800}", false),
        ("a", r"[\x{d800}]", false),
        ("a", r"[^\x{d800}]", true),
        ("a", r"\p{Cs}", false),
        ("-", r"\-", true),
        ("a]", "a]", true),
        ("a}", "a}", true),
        ("", "", true),
        ("abc", "(?i)(?-i)ABC", false),
        ("éa", r"\ba", true),
        ("\u{1}", r"\001", true),
        ("S", r"\123", true),
        ("a", r"\0141", false),
        ("a", r"\141", true),
        ("a&&b", "[a&&b]{4}", true),
        ("a", "[[a]", true),
        ("~", "[a~~b]", true),
        ("aa", r"\Qaa\E+", true),
        ("abc", "[a-z-9]", true),
        ("abc", "[--9]", false),
        ("abc", r"[\d-z]", false),
        ("abc", r"[\w-]", true),
        ("abc", r"[^\D]", false),
        ("abc\n", "c$", false),
        ("abc\n", "(?m)c$", true),
        ("a#b", "a#b", true),
        ("\u{212a}", "(?i)[a-z]", true),
        ("\u{212a}", r"(?i)\w", true),
        ("A", r"(?i)\p{Ll}", true),
        ("A", "(?i)[[:lower:]]", true),
        ("a", r"\B", false),
        ("ab", r"a\Bb", true),
        ("a", "^*", true),
        ("a", "$+", true),
        ("a", r"\b+", true),
        ("a", "()*", true),
        ("a", "||a", true),
        ("a", "a(?i)*", true),
        ("a", "(?i:)*", true),
        ("a", "a{0}", true),
        ("a", "a{01}", false),
        ("a", "(a*){1000}", true),
        ("a", "(a{500}b{500}){2}", false),
        ("a", "(a{1000}){0}", true),
        ("a", "(?imsU-imsU)a", true),
        ("a", "(?ii)A", true),
        ("a", r"\Q\Ea", true),
        (r"a\", r"\Qa\", true),
        ("é", "(?i)É", true),
        ("σ", "(?i)ς", true),
        ("a\r", "a$", false),
        ("\r", ".", true),
        ("c", "a(?i)b|C", true),
        ("(a|b)", r"\Q(a|b)\E", true),
        ("a b", "[ ]", true),
        ("^", "[\\^]", true),
        ("a", "(?:a|b)(?:)", true),
    ] {
        assert_eq!(answer(pattern, text), Ok(expect), "{pattern} on {text:?}");
    }
}

#[test]
fn refusing() {
    for (pattern, expect) in [
        ("(", "missing closing ): `(`"),
        ("(a|b", "missing closing ): `(a|b`"),
        ("a)b", "unexpected ): `a)b`"),
        ("(a))", "unexpected ): `(a))`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{1,1001}", "invalid repeat count: `{1,1001}`"),
        ("a{1001,}", "invalid repeat count: `{1001,}`"),
        ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
        ("x{2,1}", "invalid repeat count: `{2,1}`"),
        ("(a{100}){100}", "invalid repeat count: `{100}`"),
        ("((a{10}){10}){11}", "invalid repeat count: `{11}`"),
        ("(a{2,}){501}", "invalid repeat count: `{501}`"),
        ("(a{0,1000}){2}", "invalid repeat count: `{2}`"),
        (r"c\Z", r"invalid escape sequence: `\Z`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\18", r"invalid escape sequence: `\1`"),
        (r"\x", r"invalid escape sequence: `\x`"),
        (r"\x6g", r"invalid escape sequence: `\x6g`"),
        (r"\x{6g}", r"invalid escape sequence: `\x{6g`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\é", r"invalid escape sequence: `\é`"),
        (r"a\Eb", r"invalid escape sequence: `\E`"),
        (r"[\Qa]", r"invalid escape sequence: `\Q`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        ("\\", "trailing backslash at end of expression: ``"),
        ("[a\\", "trailing backslash at end of expression: ``"),
        ("(?x)a b c", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?i-s-m:a)", "invalid or unsupported Perl syntax: `(?i-s-`"),
        ("(?", "invalid or unsupported Perl syntax: `(?`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
        ("(?P<>a)", "invalid named capture: `(?P<>`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<n-a>a)", "invalid named capture: `(?P<n-a>`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+*", "invalid nested repetition operator: `+*`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{2}??", "invalid nested repetition operator: `{2}??`"),
        ("a+?+", "invalid nested repetition operator: `+?+`"),
        ("a???", "invalid nested repetition operator: `???`"),
        ("a+++", "invalid nested repetition operator: `++`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("(*a)", "missing argument to repetition operator: `*`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("({1})", "missing argument to repetition operator: `{1}`"),
        (r"\Q\E*", "missing argument to repetition operator: `*`"),
        ("(?i)*", "missing argument to repetition operator: `*`"),
        ("[a", "missing closing ]: `[a`"),
        ("[]", "missing closing ]: `[]`"),
        ("[^]", "missing closing ]: `[^]`"),
        ("[[:alpha:]", "missing closing ]: `[[:alpha:]`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[a--b]", "invalid character class range: `a--`"),
        ("[a-[:alpha:]]", "invalid character class range: `a-[`"),
        ("[[:foo:]]+", "invalid character class range: `[:foo:]`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p{IsGreek}", r"invalid character class range: `\p{IsGreek}`"),
        (r"\p{Old_Italic}", r"invalid character class range: `\p{Old_Italic}`"),
        (r"\pN\p", r"invalid character class range: `\p`"),
        (r"\p{", r"invalid character class range: `\p{`"),
    ] {
        assert_eq!(answer(pattern, ""), Err(format!("error parsing regexp: {expect}")), "{pattern}");
    }
}

#[test]
fn every_class_name_is_known_to_the_matcher() {
    let known = names::all().filter(|name| answer(&format!(r"\p{{{name}}}"), "").is_err()).collect::<Vec<_>>();
    assert_eq!(known, Vec::<&str>::new());
    for class in names::POSIX {
        assert!(answer(&format!("[[:{class}:]][[:^{class}:]]"), "").is_ok(), "{class}");
    }
}

#[test]
fn bombs_are_refused_or_small() {
    let deep = format!("{}a{}", "(".repeat(200), ")".repeat(200));
    assert!(answer(&deep, "a").is_err_and(|e| e.contains("nests too deeply")));
    let bomb = r"(?:\pL{1000}|\pN{1000}){1}".repeat(20);
    assert!(Pattern::compile(&bomb, Origin::Request).is_err());
}
