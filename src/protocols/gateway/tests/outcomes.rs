//! What is decided, and what becomes of it where an enforcement point can do only some things.

use super::support::turn;
use crate::cel::value::Map;
use crate::protocols::gateway::{Able, Gate, Question, Who, ask, filter};
use crate::wire::encode::value_json;
use crate::wire::json;
use crate::wire::message::{Arguments, EMPTY, Identity, Tool};

fn who() -> Who<'static> {
    let identity = Identity { id: "alice", roles: &["user"], attr: EMPTY, scope: "", policy_version: "" };
    Who { identity, agent: None, session: "", source: "static" }
}

const ALL: Able = Able { ask: true, arguments: true, results: true };

/// `open`, `ask` or `shut`, the reason, and the arguments as they must be sent.
fn gate(name: &str, arguments: &'static str, able: Able) -> (String, String, String) {
    turn(|turn| {
        let map = json::object(arguments.as_bytes(), turn.bump, turn.settings.wire).unwrap();
        let arguments = Arguments::Parsed { raw: arguments.as_bytes(), map };
        let name = turn.bump.alloc_str(name);
        let question = Question { server: "files", name, arguments, gateway: "test", digest: true, ..Question::EMPTY };
        match ask(turn, &who(), &question).within(turn, able) {
            Gate::Open(reply, duties) => {
                let sent = duties.arguments(map, turn.bump).unwrap();
                let sent = value_json(crate::cel::value::Value::Map(sent)).unwrap();
                ("open".into(), reply.reason.to_owned(), String::from_utf8(sent).unwrap())
            }
            Gate::Ask(reply) => ("ask".into(), reply.reason.to_owned(), String::new()),
            Gate::Shut(reply) => ("shut".into(), reply.reason.to_owned(), String::new()),
        }
    })
}

#[test]
fn every_outcome_and_what_cannot_be_carried_out() {
    let none = Able::default();
    let (open, _, _) = gate("read", r#"{"path":"/work/a"}"#, none);
    assert_eq!(open, "open");
    let (shut, reason, _) = gate("read", r#"{"path":"/etc/a"}"#, ALL);
    assert!(shut == "shut" && reason.contains("rule `read`"), "{reason}");
    let (_, reason, _) = gate("gone", "{}", ALL);
    assert!(reason.contains("no rule allows `gone`"), "{reason}");

    let (open, reason, sent) = gate("mail", r#"{"to":{"name":"bob"},"bcc":"eve","body":"x"}"#, ALL);
    assert_eq!((&*open, &*reason), ("open", "Mail goes inside only."));
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent, serde_json::json!({"to": {"name": "bob", "domain": "corp.example"}, "limit": 3, "body": "x"}));
    let (shut, reason, _) = gate("mail", r#"{"to":{}}"#, Able { arguments: false, ..ALL });
    assert_eq!(
        (&*shut, &*reason),
        ("shut", "this gateway cannot change arguments, as policy obliges it to: Mail goes inside only.")
    );

    let (shut, reason, _) = gate("show", "{}", Able { results: false, ..ALL });
    assert!(shut == "shut" && reason.starts_with("this gateway cannot redact results"), "{reason}");
    let (shut, reason, _) = gate("odd", "{}", ALL);
    assert!(shut == "shut" && reason.starts_with("obligation `tell_the_king` cannot be kept"), "{reason}");

    assert_eq!(gate("pay", "{}", ALL).0, "ask");
    let (shut, reason, _) = gate("pay", "{}", none);
    assert_eq!(
        (&*shut, &*reason),
        ("shut", "a person must approve this, and this gateway cannot ask: Paying needs a person.")
    );
}

#[test]
fn a_change_that_cannot_be_made_is_an_error() {
    turn(|turn| {
        let map = json::object(br#"{"to":"bob"}"#, turn.bump, turn.settings.wire).unwrap();
        let question = Question { server: "files", name: "mail", ..Question::EMPTY };
        let Gate::Open(_, duties) = ask(turn, &who(), &question).within(turn, ALL) else { panic!("not open") };
        assert_eq!(duties.arguments(map, turn.bump).unwrap_err(), "`set_arguments` cannot change `/to/domain`");
    });
}

#[test]
fn results_are_redacted() {
    turn(|turn| {
        let question = Question { server: "files", name: "show", ..Question::EMPTY };
        let Gate::Open(_, duties) = ask(turn, &who(), &question).within(turn, ALL) else { panic!("not open") };
        assert!(duties.changes_results());
        let text = br#"{"content":[{"type":"text","text":"call 555-1234 now"}],"structuredContent":{"ssn":{"a":1},"n":["555-9999",7]},"isError":false}"#;
        let result: Map<'_> = json::object(text, turn.bump, turn.settings.wire).unwrap();
        let seen = value_json(crate::cel::value::Value::Map(duties.result(result, turn.bump))).unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&seen).unwrap();
        let expected = serde_json::json!({
            "content": [{"type": "text", "text": "call [redacted] now"}],
            "structuredContent": {"ssn": "[redacted]", "n": ["[redacted]", 7]}, "isError": false
        });
        assert_eq!(seen, expected);
    });
}

#[test]
fn lists_keep_what_could_be_allowed() {
    let names = ["read", "list", "gone", "mail", "pay", "mcp:resources/read"];
    let kept = turn(|turn| {
        let tools = names.map(|name| Tool { server: "files", name, annotations: EMPTY, pinned: false });
        let tools = turn.bump.alloc(tools);
        filter(turn, &who(), "test", "", tools).unwrap().to_vec()
    });
    assert_eq!(kept, [true, true, false, true, true, true]);
    let nobody = Who { identity: Identity { roles: &["stranger"], ..who().identity }, ..who() };
    let kept = turn(|turn| {
        let tools = turn.bump.alloc([Tool { server: "files", name: "read", annotations: EMPTY, pinned: false }]);
        filter(turn, &nobody, "test", "", tools).unwrap().to_vec()
    });
    assert_eq!(kept, [false]);
}
