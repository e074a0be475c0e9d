//! Who a call is made by, and everything that makes nobody of them.

use super::support::{nobody, turn};
use crate::cel::value::{List, Map, Value};
use crate::protocols::gateway::{Caller, Evidence, HeaderSource, Headers, Mapping, Network, Sender, Source, identify};

fn seen(sources: &[Source], evidence: &Evidence<'_>) -> String {
    turn(|turn| match identify(turn, sources, evidence) {
        Ok(who) => {
            let agent = who.agent.map_or("", |a| a.id);
            let attr: Vec<String> = who
                .identity
                .attr
                .iter()
                .map(|(k, _)| if let Value::String(k) = k { k.to_owned() } else { String::new() })
                .collect();
            format!("{} {:?} {:?} {} {} {}", who.identity.id, who.identity.roles, attr, agent, who.session, who.source)
        }
        Err(unknown) => format!("refused: {unknown}"),
    })
}

fn headers() -> Source {
    Source::Headers(HeaderSource {
        from: ["10.0.0.0/8", "::1", "gateway"].iter().map(|t| Network::parse(t).unwrap()).collect(),
        id: "x-user".into(),
        roles: Some("x-roles".into()),
        attr: vec![("email".into(), "x-email".into())],
        agent: Some("x-agent".into()),
        give_roles: Vec::new(),
    })
}

#[test]
fn headers_are_believed_from_trusted_senders_alone() {
    let caller = Caller::default();
    let sent: &[(&str, Option<&str>)] = &[
        ("x-user", Some("alice")),
        ("x-roles", Some("user, admin ,,user")),
        ("x-email", Some("a@b")),
        ("x-agent", Some("bot")),
    ];
    let from = |sender| Evidence { headers: Headers(sent), sender, ..nobody(&caller) };
    let ok = r#"alice ["user", "admin"] ["email"] bot  headers"#;
    let refused = "refused: header `x-user` does not come from a trusted proxy";
    let rows = [
        (Sender::Address("10.1.2.3".parse().unwrap()), ok),
        (Sender::Address("::ffff:10.1.2.3".parse().unwrap()), ok),
        (Sender::Address("::1".parse().unwrap()), ok),
        (Sender::Gateway, ok),
        (Sender::Address("11.1.2.3".parse().unwrap()), refused),
        (Sender::Address("127.0.0.1".parse().unwrap()), refused),
        (Sender::Unix, refused),
        (Sender::Unknown, refused),
    ];
    for (sender, expected) in rows {
        assert_eq!(seen(&[headers()], &from(sender)), expected, "{sender:?}");
    }
    // A refused source is not passed over for the next.
    let both = [headers(), Source::Static { id: "me".into(), roles: vec!["user".into()], uids: vec![] }];
    let unix = Caller { unix: true, ..Caller::default() };
    let evidence = Evidence { headers: Headers(sent), sender: Sender::Unix, ..nobody(&unix) };
    assert_eq!(seen(&both, &evidence), refused);
}

#[test]
fn a_header_that_is_not_one_text_refuses() {
    let caller = Caller::default();
    let rows: [(&[(&str, Option<&str>)], &str); 6] = [
        (
            &[("x-user", Some("a")), ("X-User", Some("b")), ("x-roles", Some("user"))],
            "refused: header `x-user` is there more than once, or is no text",
        ),
        (
            &[("x-user", None), ("x-roles", Some("user"))],
            "refused: header `x-user` is there more than once, or is no text",
        ),
        (
            &[("x-user", Some("a")), ("x-roles", Some("user")), ("x-roles", Some("admin"))],
            "refused: header `x-roles` is there more than once, or is no text",
        ),
        (&[("x-user", Some("a"))], "refused: the identity has no roles"),
        (&[("x-user", Some("  ")), ("x-roles", Some("user"))], "refused: the request comes without an identity"),
        (&[("x-roles", Some("admin"))], "refused: the request comes without an identity"),
    ];
    for (sent, expected) in rows {
        let evidence = Evidence { headers: Headers(sent), sender: Sender::Gateway, ..nobody(&caller) };
        assert_eq!(seen(&[headers()], &evidence), expected, "{sent:?}");
    }
    assert_eq!(seen(&[], &nobody(&caller)), "refused: no source of identities is configured (`adapters.identity`)");
}

#[test]
fn claims_are_mapped_and_wrong_types_refuse() {
    let source = Source::Claims {
        namespace: "jwt".into(),
        key: String::new(),
        mapping: Mapping {
            id: "sub".into(),
            roles: vec!["groups".into(), "realm.roles".into(), "https://x.example/role".into()],
            give_roles: vec!["user".into()],
            attr: vec![("tenant".into(), "org.id".into()), ("absent".into(), "no.such".into())],
            agent: Some("azp".into()),
            agent_roles: Vec::new(),
            session: Some("sid".into()),
        },
    };
    let caller = Caller::default();
    let list = Value::List(List::Values(&[Value::String("dev"), Value::String("user")]));
    let realm = [("roles", list)];
    let org = [("id", Value::Double(7.0))];
    let good = [
        ("azp", Value::String("bot")),
        ("groups", Value::String("eng team")),
        ("https://x.example/role", Value::String("r")),
        ("org", Value::Map(Map::Fields(&org))),
        ("realm", Value::Map(Map::Fields(&realm))),
        ("sid", Value::String("s1")),
        ("sub", Value::String("alice")),
    ];
    let run = |claims: &[(&str, Value<'_>)]| {
        let spaces = [("jwt", Value::Map(Map::Fields(claims)))];
        seen(std::slice::from_ref(&source), &Evidence { metadata: Map::Fields(&spaces), ..nobody(&caller) })
    };
    assert_eq!(run(&good), r#"alice ["eng team", "dev", "user", "r"] ["tenant"] bot s1 claims"#);
    assert_eq!(run(&[]), "refused: the request comes without an identity");
    assert_eq!(run(&[("sub", Value::String(""))]), "refused: claim `sub` is missing");
    assert_eq!(run(&[("sub", Value::Double(1.0))]), "refused: claim `sub` is not a text or a list of texts");
    let mixed = Value::List(List::Values(&[Value::String("dev"), Value::Null]));
    let odd = run(&[("groups", mixed), ("sub", Value::String("a"))]);
    assert_eq!(odd, "refused: claim `groups` is not a text or a list of texts");
}

#[test]
fn spiffe_ids_of_known_trust_domains_alone() {
    let source = [Source::Spiffe { trust_domains: vec!["corp.example".into()], give_roles: vec!["workload".into()] }];
    let caller = Caller::default();
    let refused = "refused: the client certificate names no trusted SPIFFE id";
    let rows: [(&[&str], &str); 8] = [
        (
            &["spiffe://corp.example/ns/a/sa/b"],
            r#"spiffe://corp.example/ns/a/sa/b ["workload"] ["trust_domain", "spiffe_path"]   spiffe"#,
        ),
        (&[], "refused: the request comes without an identity"),
        (&["spiffe://other.example/x"], refused),
        (&["spiffe://corp.example"], refused),
        (&["spiffe://corp.example/"], refused),
        (&["spiffe://corp.example.evil/x"], refused),
        (&["https://corp.example/x"], refused),
        (&["spiffe://corp.example/a", "spiffe://corp.example/b"], refused),
    ];
    for (uris, expected) in rows {
        assert_eq!(seen(&source, &Evidence { uris, ..nobody(&caller) }), expected, "{uris:?}");
    }
}

#[test]
fn a_static_identity_is_for_the_local_socket() {
    let one = |uids| [Source::Static { id: "me".into(), roles: vec!["user".into()], uids }];
    let tcp = Caller { address: Some("127.0.0.1".parse().unwrap()), ..Caller::default() };
    let unix = Caller { unix: true, uid: Some(1000), ..Caller::default() };
    let none = "refused: the request comes without an identity";
    assert_eq!(seen(&one(vec![]), &nobody(&tcp)), none);
    assert_eq!(seen(&one(vec![]), &nobody(&unix)), r#"me ["user"] []   static"#);
    assert_eq!(seen(&one(vec![1000]), &nobody(&unix)), r#"me ["user"] []   static"#);
    assert_eq!(seen(&one(vec![0]), &nobody(&unix)), none);
}
