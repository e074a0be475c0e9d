//! Texts of the reference, strictness, agreement with a second parser.

use bumpalo::Bump;
use proptest::prelude::*;

use super::differ::agrees;
use super::*;

/// The message a body gets, or `ok`.
fn refusal(body: &[u8]) -> String {
    match check_resources(body, &Bump::new(), Limits::default(), Trailing::Ignore) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn bodies_are_refused_in_the_words_of_the_reference() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "ok"),
        (b"  ", "ok"),
        (b"{}", "ok"),
        (b"{} trailing", "ok"),
        (b"[", "unexpected EOF"),
        (b"{\"", "unexpected EOF"),
        (b"{\"foo\":1,", "unexpected EOF"),
        (b"nul", "unexpected EOF"),
        (b"{\"a\":\"\\", "unexpected EOF"),
        (b"[]", "proto: syntax error (line 1:1): unexpected token ["),
        (b"null", "proto: syntax error (line 1:1): unexpected token null"),
        (b"1", "proto: syntax error (line 1:1): unexpected token 1"),
        (b"\"a\"", "proto: syntax error (line 1:1): unexpected token \"a\""),
        (b"{\"foo\":1}", "proto: (line 1:2): unknown field \"foo\""),
        (b"\n\n {\"foo\":1}", "proto: (line 1:2): unknown field \"foo\""),
        (b"{\"\":1}", "proto: (line 1:2): unknown field \"\""),
        (b"{\"foo\\u0041\":1}", "proto: (line 1:2): unknown field \"foo\\u0041\""),
        (b"{\"a\":\"\\ud800abcdefgh\"}", "proto: (line 1:2): unknown field \"a\""),
        (b"{\"a\":1e400}", "proto: (line 1:2): unknown field \"a\""),
        (b"{\"requestId\":1}", "proto: (line 1:14): invalid value for string field requestId: 1"),
        (b"{\"request\\u0049d\":3}", "proto: (line 1:19): invalid value for string field requestId: 3"),
        (b"{\"requestId\":\"a\",\"requestId\":\"b\"}", "proto: (line 1:18): duplicate field \"requestId\""),
        (b"{\"requestId\":\"a\",\"request_id\":\"b\"}", "proto: (line 1:18): duplicate field \"request_id\""),
        (b"{\"principal\":null,\"principal\":null}", "proto: (line 1:19): duplicate field \"principal\""),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"{x}", "invalid character 'x' looking for beginning of object key string"),
        (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
        (b"{,}", "invalid character ',' looking for beginning of object key string"),
        (b"{\"requestId\":\"a\",}", "invalid character '}' looking for beginning of object key string"),
        (b"{1:2}", "invalid character '1' looking for beginning of object key string"),
        (b"{\"a\" 1}", "invalid character '1' after object key"),
        (b"{\"a\"}", "invalid character '}' after object key"),
        (b"{\"a\"\0:1}", "invalid character '\\x00' after object key"),
        (b"{\"a\":1 2}", "invalid character '2' after object key:value pair"),
        (b"{\"a\":01}", "invalid character '1' after object key:value pair"),
        (b"{\"a\":nulll}", "invalid character 'l' after object key:value pair"),
        (b"{\"a\":1.5.5}", "invalid character '.' after object key:value pair"),
        (b"{\"a\":[1 2]}", "invalid character '2' after array element"),
        (b"{\"a\":[1}", "invalid character '}' after array element"),
        (b"{\"a\":[1,]}", "invalid character ']' looking for beginning of value"),
        (b"{\"a\":}", "invalid character '}' looking for beginning of value"),
        (b"{\"a\":+1}", "invalid character '+' looking for beginning of value"),
        (b"{\"a\":.5}", "invalid character '.' looking for beginning of value"),
        (b"{\"a\":\xff}", "invalid character '\u{ff}' looking for beginning of value"),
        (b"{\"a\":\x7f}", "invalid character '\\x7f' looking for beginning of value"),
        (b"{\"a\":\\}", "invalid character '\\\\' looking for beginning of value"),
        (b"\xef\xbb\xbf{}", "invalid character '\u{ef}' looking for beginning of value"),
        (b"{\"a\":tru}", "invalid character '}' in literal true (expecting 'e')"),
        (b"{\"a\":falsy}", "invalid character 'y' in literal false (expecting 'e')"),
        (b"{\"a\":1.}", "invalid character '}' after decimal point in numeric literal"),
        (b"{\"a\":-}", "invalid character '}' in numeric literal"),
        (b"{\"a\":1e+}", "invalid character '}' in exponent of numeric literal"),
        (b"{\"a\":\"\\x\"}", "invalid character 'x' in string escape code"),
        (b"{\"a\":\"\\u12g\"}", "invalid character 'g' in \\u hexadecimal character escape"),
        (b"{\"a\":\"\n\"}", "invalid character '\\n' in string literal"),
        (b"{\"a\":\"\x01\"}", "invalid character '\\x01' in string literal"),
        (b"{\"requestId\":\"\xff\"}", "proto: syntax error (line 1:14): invalid UTF-8 in string"),
        (b"{\"requestId\":\"\\ud800\"}", "proto: unexpected EOF"),
        (b"{\"requestId\":\"\\ud800\"} trailing", "proto: unexpected EOF"),
        (
            b"{\"requestId\":\"\\ud800\\u0041\"}",
            "proto: syntax error (line 1:14): invalid escape code \"\\\\u0041\" in string",
        ),
        (
            b"{\"requestId\":\"\\udc00abcdefgh\"}",
            "proto: syntax error (line 1:14): invalid escape code \"abcdef\" in string",
        ),
        (
            b"{\"requestId\":\"\\ud800\\\"12345678\"}",
            "proto: syntax error (line 1:14): invalid escape code \"\\\\\\\"1234\" in string",
        ),
        (b"{\"requestId\":\"\\uD83D\\uDE00 ok\", \"x\":1}", "proto: (line 1:33): unknown field \"x\""),
        (b"{\"principal\":1}", "proto: syntax error (line 1:14): unexpected token 1"),
        (b"{\"principal\":\"x\"}", "proto: syntax error (line 1:14): unexpected token \"x\""),
        (b"{\"principal\":null}", "ok"),
        (b"{\"principal\":{\"id\":{}}}", "proto: (line 1:20): invalid value for string field id: {"),
        (b"{\"principal\":{\"id\":[]}}", "proto: (line 1:20): invalid value for string field id: ["),
        (b"{\"principal\":{\"roles\":null}}", "ok"),
        (b"{\"principal\":{\"roles\":[[\"a\"]]}}", "proto: (line 1:24): invalid value for string field roles: ["),
        (
            "{\"principal\":{\"id\":\"é\",\"roles\":5}}".as_bytes(),
            "proto: syntax error (line 1:32): unexpected token 5",
        ),
        (b"{\n\n  \"principal\":\n\t5}", "proto: syntax error (line 4:2): unexpected token 5"),
        (b"{\"principal\":{\"attr\":[]}}", "proto: syntax error (line 1:22): unexpected token ["),
        (b"{\"principal\":{\"attr\":{\"a\":null,\"\":1}}}", "ok"),
        (b"{\"principal\":{\"attr\":{\"a\":1e400}}}", "proto: (line 1:27): invalid google.protobuf.Value: 1e400"),
        (b"{\"principal\":{\"attr\":{\"a\":1,\"a\":2}}}", "proto: (line 1:29): duplicate map key \"a\""),
        (b"{\"principal\":{\"attr\":{\"a\":{\"b\":1,\"b\":2}}}}", "proto: (line 1:34): duplicate map key \"b\""),
        (b"{\"principal\":{\"attr\":{\"a\":\"\\ud800\"}}}", "proto: unexpected EOF"),
        (b"{\"resources\":{}}", "proto: syntax error (line 1:14): unexpected token {"),
        (b"{\"resources\":[null]}", "proto: syntax error (line 1:15): unexpected token null"),
        (b"{\"resources\":[{\"actions\":[null]}]}", "proto: (line 1:27): invalid value for string field actions: null"),
        (b"{\"resources\":[{\"actions\":\"x\"}]}", "proto: syntax error (line 1:26): unexpected token \"x\""),
        (b"{\"includeMeta\":\"true\"}", "proto: (line 1:16): invalid value for bool field includeMeta: \"true\""),
        (b"{\"includeMeta\":1}", "proto: (line 1:16): invalid value for bool field includeMeta: 1"),
        (b"{\"auxData\":{\"jwt\":{\"token\":1}}}", "proto: (line 1:28): invalid value for string field token: 1"),
        (b"{\"auxData\":{\"jwts\":{\"a\":null}}}", "proto: syntax error (line 1:25): unexpected token null"),
        (b"{\"auxData\":{\"jwts\":{\"a\":{\"token\":\"x\"},\"a\":{}}}}", "proto: (line 1:39): duplicate map key \"a\""),
    ];
    for (body, expected) in cases {
        assert_eq!(refusal(body), *expected, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn depth_is_the_same_as_in_protobuf() {
    for (levels, accepted) in [(127, true), (128, false), (20_000, false)] {
        let value = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let body = format!("{{\"resources\":[{{\"resource\":{{\"attr\":{{\"a\":{value}}}}}}}]}}");
        let expected = if accepted { "ok" } else { "exceeded max depth" };
        assert!(refusal(body.as_bytes()).contains(expected), "{levels} levels in a body");
        let arguments = format!("{{\"a\":{value}}}");
        assert_eq!(object(arguments.as_bytes(), &Bump::new(), Limits::default()).is_ok(), accepted, "{levels} levels");
    }
    let deepest = format!("{{\"a\":{}1{}}}", "[".repeat(127), "]".repeat(127));
    let parse = move || object(deepest.as_bytes(), &Bump::new(), Limits::default()).is_ok();
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(parse).unwrap();
    assert!(thread.join().unwrap(), "the deepest value fits a small stack");
}

#[test]
fn small_elements_cannot_claim_unbounded_memory() {
    for body in [
        format!("{{\"calls\":[{}{{}}]}}", "{},".repeat(700_000)),
        format!("{{\"context\":{{\"a\":[{}1]}}}}", "1,".repeat(1_500_000)),
    ] {
        let bump = Bump::new();
        assert!(body.len() < 4 << 20);
        assert_eq!(decide_batch(body.as_bytes(), &bump, Limits::default()).err(), Some(JsonError::TooMany));
        assert!(bump.allocated_bytes() <= 64 << 20, "{}", bump.allocated_bytes());
    }
}

#[test]
fn arguments_are_read_strictly() {
    let cases: &[(&[u8], &str)] = &[
        (b"{}", "ok"),
        (b" {\"a\": [1, -0, 2.5e3, \"\\u00e9\\n\", true, null, {}]} \n", "ok"),
        (b"", "line 1:1: unexpected EOF"),
        (b"[]", "not a JSON object"),
        (b"{} {}", "line 1:4: invalid character '{' after top-level value"),
        (b"{}\0", "line 1:3: invalid character '\\x00' after top-level value"),
        (b"\xef\xbb\xbf{}", "line 1:1: invalid character '\u{ef}' looking for beginning of value"),
        (b"{\"a\":1,\n \"a\":2}", "line 2:2: duplicate map key \"a\""),
        (b"{\"a\":1,\"\\u0061\":2}", "line 1:8: duplicate map key \"\\u0061\""),
        (b"{\"a\":1e400}", "line 1:6: invalid google.protobuf.Value: 1e400"),
        (b"{\"a\":NaN}", "line 1:6: invalid character 'N' looking for beginning of value"),
        (b"{\"a\":Infinity}", "line 1:6: invalid character 'I' looking for beginning of value"),
        (b"{\"a\":\"\\ud83d\"}", "line 1:6: unpaired surrogate in string"),
        (b"{\"\\ud83dxxxxxxx\":1}", "line 1:2: invalid escape code \"xxxxxx\" in string"),
        (b"{\"a\":\"\xc0\xaf\"}", "line 1:6: invalid UTF-8 in string"),
        (b"{\"a\":\"\xed\xa0\x80\"}", "line 1:6: invalid UTF-8 in string"),
    ];
    for (text, expected) in cases {
        let got = object(text, &Bump::new(), Limits::default()).map_or_else(|e| e.located(), |_| "ok".to_owned());
        assert_eq!(got, *expected, "{}", String::from_utf8_lossy(text));
    }
    let many: Vec<String> = (0..40).map(|i| format!("\"k{}\":{i}", i % 39)).collect();
    let text = format!("{{{}}}", many.join(","));
    let error = object(text.as_bytes(), &Bump::new(), Limits::default()).unwrap_err();
    assert!(error.to_string().contains("duplicate map key \"k0\""), "{error}");
}

#[test]
fn tool_call_body() {
    let body = br#" {"callId":"c1","identity":{"id":"alice","roles":["dev"],"attr":{"team":"core"}},
        "agent":{"id":"bot","chain":["x"]},"tool":{"server":"github","name":"create_issue","pinned":true},
        "arguments": {"repo" : "acme/app", "n":12345678901234567890} , "session":{"labels":["tainted"],
        "calls":[{"server":"web","name":"fetch"}]},"context":{"model":"m"},"include_digest":true}"#;
    let bump = Bump::new();
    let call = decide(body, &bump, Limits::default()).unwrap();
    assert_eq!((call.call_id, call.include_digest, call.include_trace), ("c1", true, false));
    let crate::wire::message::Arguments::Parsed { raw, map } = call.arguments else { panic!("{:?}", call.arguments) };
    assert_eq!(raw, br#"{"repo" : "acme/app", "n":12345678901234567890}"#);
    assert!(matches!(map.get_str("n"), Some(Value::Double(n)) if n == 12_345_678_901_234_567_890_f64));
    assert_eq!(call.session.unwrap().calls[0].name, "fetch");
    for (body, expected) in [
        (&b"{\"calls\":[{\"callId\":1}]}"[..], "proto: (line 1:21): invalid value for string field callId: 1"),
        (b"{\"calls\":[{\"argumentsJson\":\"e30=\"}]}", "proto: (line 1:12): unknown field \"argumentsJson\""),
        (b"{\"calls\":[{\"arguments\":[]}]}", "proto: syntax error (line 1:24): unexpected token ["),
        (b"{\"calls\":[]} x", "invalid character 'x' after top-level value"),
    ] {
        let error = decide_batch(body, &bump, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{}", String::from_utf8_lossy(body));
    }
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "\"\"",
    "\"\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"é\"",
    "1",
    "-0",
    "0.5",
    "1e3",
    "1E-400",
    "1e400",
    "01",
    "123456789012345678",
    "true",
    "false",
    "null",
    " ",
    "\n",
    "\u{feff}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn agrees_with_another_parser_on_pieces(pieces in prop::collection::vec(0..PIECES.len(), 0..14)) {
        let text: String = pieces.iter().map(|i| PIECES[*i]).collect();
        agrees(text.as_bytes());
    }

    #[test]
    fn plain_text_ends_at_the_first_special_byte(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let expected = bytes.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(bytes.len());
        prop_assert_eq!(string::plain(&bytes), expected);
    }

    #[test]
    fn numbers_are_exact(n in any::<f64>().prop_filter("finite", |n| n.is_finite()), i in any::<i64>()) {
        let bump = Bump::new();
        for (text, expected) in [(format!("{n:?}"), n), (format!("{n:e}"), n), (i.to_string(), i as f64)] {
            let got = value(text.as_bytes(), &bump, Limits::default());
            prop_assert!(matches!(got, Ok(Value::Double(d)) if d.to_bits() == expected.to_bits()), "{text}: {got:?}");
        }
    }

    #[test]
    fn agrees_with_another_parser_on_damaged_values(
        names in prop::collection::vec("[a-c\\\\\"\u{0}-\u{20}é]{0,3}", 0..25),
        numbers in prop::collection::vec(any::<f64>(), 1..6),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let value = names.iter().enumerate().fold(serde_json::json!({}), |mut map, (i, name)| {
            map[name] = serde_json::json!([numbers[i % numbers.len()], name, {"x": i}]);
            map
        });
        let mut text = serde_json::to_vec(&value).unwrap();
        agrees(&text);
        let at = cut.index(text.len());
        text[at] = byte;
        agrees(&text);
        text.truncate(at);
        agrees(&text);
        let _ = refusal(&text);
    }
}
