//! MCP messages that two readers could read in two ways, or that are no messages: all are refused before anything is
//! decided, and what is refused is said.

use super::support::turn;
use crate::protocols::gateway::{Wish, read, wish};

fn refused(text: &[u8]) -> Option<String> {
    turn(|turn| {
        let result = read(turn, text).and_then(|message| wish(turn, &message, "files"));
        result.err().map(|failure| failure.to_string())
    })
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"read","arguments":{{"a":{}{}}}}}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let call = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    let rows: Vec<(String, &str)> = vec![
        (String::new(), "unexpected EOF"),
        ("  \n".into(), "unexpected EOF"),
        ("null".into(), "must be an object"),
        ("{}".into(), "`jsonrpc` is missing"),
        ("\u{feff}{}".into(), "invalid character"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#.into(), "a batch of messages"),
        ("[]".into(), "a batch without messages"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#.into(), "must be \"2.0\""),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#.into(), "jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.into(), "`id` must be"),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#.into(), "`id` must be"),
        (r#"{"jsonrpc":"2.0","id":1e0,"method":"ping"}"#.into(), "`id` must be"),
        (r#"{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}"#.into(), "does not hold"),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#.into(), "`id` must be"),
        (r#"{"jsonrpc":"2.0","id":1,"method":""}"#.into(), "`method` is empty"),
        (r#"{"jsonrpc":"2.0","id":1}"#.into(), "neither a request nor an answer"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#.into(), "both a request and an answer"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#.into(), "either `result` or `error`"),
        (r#"{"jsonrpc":"2.0","result":{}}"#.into(), "`id` is missing"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#.into(), "does not have"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#.into(), "is not `method`"),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.into(), "duplicate member"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}"#.into(), "duplicate member"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#.into(), "`params` is missing"),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read"}}"#.into(), "`id` is missing"),
        (call("[]"), "must be an object"),
        (call("null"), "must be an object"),
        (call("{}"), "`name` is missing"),
        (call(r#"{"name":""}"#), "`name` is missing"),
        (call(r#"{"name":7}"#), "name"),
        (call(r#"{"name":"list","Name":"read"}"#), "is not `name`"),
        (call(r#"{"name":"list","NAME":"read"}"#), "is not `name`"),
        (call(r#"{"name":"list","argumentſ":{}}"#), "is not `arguments`"),
        (call(r#"{"name":"list","name":"read"}"#), "duplicate"),
        (call(r#"{"name":"list","arguments":null}"#), "must be an object"),
        (call(r#"{"name":"list","arguments":[1]}"#), "must be an object"),
        (call(r#"{"name":"list","arguments":"{}"}"#), "must be an object"),
        (call(r#"{"name":"list","arguments":{"a":1,"a":2}}"#), "duplicate"),
        (call(r#"{"name":"list","arguments":{"a":{"b":1,"b":2}}}"#), "duplicate"),
        (call(r#"{"name":"list","_meta":{"b":1,"b":2}}"#), "duplicate"),
        (call(r#"{"name":"list","arguments":{"n":9007199254740993}}"#), "does not hold"),
        (call(r#"{"name":"list","arguments":{"n":-9007199254740993}}"#), "does not hold"),
        (call(r#"{"name":"list","arguments":{"n":18446744073709551617}}"#), "does not hold"),
        (call(r#"{"name":"list","arguments":{"n":-0}}"#), "zero with a sign"),
        (call(r#"{"name":"list","arguments":{"n":-0.0e7}}"#), "zero with a sign"),
        (call(r#"{"name":"list","arguments":{"n":1e-400}}"#), "too small"),
        (call(r#"{"name":"list","arguments":{"n":1e400}}"#), "invalid"),
        (call(r#"{"name":"list","arguments":{"n":NaN}}"#), "invalid character"),
        (call(r#"{"name":"list","arguments":{"n":01}}"#), "invalid character"),
        (call(r#"{"name":"list","arguments":{"s":"\ud800"}}"#), "surrogate"),
        (call(r#"{"name":"mcp:resources/read"}"#), "stand for methods"),
        (call(r#"{"name":"list"}"#) + "{}", "after top-level value"),
        (call(r#"{"name":"list"}"#) + "\0", "after top-level value"),
        (deep, "max depth"),
    ];
    for (text, expected) in rows {
        let why = refused(text.as_bytes());
        let found = why.as_deref().is_some_and(|w| w.contains(expected));
        assert!(found, "{text:.160}: {why:?}");
    }
    assert!(refused(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\xffng\"}").is_some());
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let whole = br#"{"jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"name":"read","arguments":{"path":"/work/a","n":[1,{"b":true}]}}}"#;
    assert_eq!(refused(whole), None);
    for end in 0..whole.len() {
        assert!(refused(&whole[..end]).is_some(), "{end}");
    }
}

#[test]
fn what_messages_want() {
    let is = |text: &str| {
        turn(|turn| {
            let message = read(turn, text.as_bytes()).unwrap();
            match wish(turn, &message, "files").unwrap() {
                Wish::Judge(q) => format!("judge {} {} {}", q.server, q.name, q.call_id),
                Wish::List => "list".to_owned(),
                Wish::Protocol => "protocol".to_owned(),
            }
        })
    };
    let rows = [
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read"}}"#, "judge files read 7"),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"Read","arguments":{"Name":1}}}"#,
            "judge files Read x",
        ),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#, "list"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#, "protocol"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#, "protocol"),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "protocol"),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"Name":1}}"#, "protocol"),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"x"}}"#, "protocol"),
        // Methods that read or do something are judged by their name, and unknown ones too.
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"file:///x"}}"#,
            "judge files mcp:resources/read 7",
        ),
        (r#"{"jsonrpc":"2.0","id":7,"method":"Tools/call","params":{"name":"read"}}"#, "judge files mcp:Tools/call 7"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"notifications/x"}"#, "judge files mcp:notifications/x 7"),
    ];
    for (text, expected) in rows {
        assert_eq!(is(text), expected, "{text}");
    }
}
