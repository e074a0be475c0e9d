//! Cross-origin requests of browsers, answered as the reference does.

use http::Method;

use crate::support::{Answer, Pdp, Policies, allowing};

const PATH: &str = "/api/check/resources";
const PREFLIGHT: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |v| v.to_str().unwrap())
}

async fn preflight(pdp: &Pdp, origin: &str, method: &str, headers: &str) -> (u16, [String; 4]) {
    let mut sent = vec![("access-control-request-method", method)];
    if !origin.is_empty() {
        sent.push(("origin", origin));
    }
    if !headers.is_empty() {
        sent.push(("access-control-request-headers", headers));
    }
    let answer = pdp.send_with(Method::OPTIONS, PATH, &sent, "").await;
    assert_eq!(header(&answer, "vary"), PREFLIGHT);
    assert!(answer.body.is_empty());
    let names = ["allow-origin", "allow-methods", "allow-headers", "max-age"];
    (answer.status.as_u16(), names.map(|n| header(&answer, &format!("access-control-{n}")).to_owned()))
}

#[tokio::test]
async fn every_origin_is_the_default_and_preflights_are_answered() {
    let policies = Policies::new(&[("github.yaml", &allowing("github", "list_issues"))]);
    let pdp = Pdp::start_with(policies.path(), &["server.cors.disabled=false"]).await;
    let rows = [
        (("http://x", "POST", "content-type"), ["*", "POST", "content-type", ""]),
        (("http://x", "POST", ""), ["*", "POST", "", ""]),
        (("http://x", "POST", "X-Requested-With, accept"), ["*", "POST", "X-Requested-With, accept", ""]),
        (("http://x", "POST", "x-foo"), ["", "", "", ""]),
        (("http://x", "FOO", ""), ["", "", "", ""]),
        (("", "POST", ""), ["", "", "", ""]),
    ];
    for ((origin, method, headers), expected) in rows {
        let expected = (204, expected.map(str::to_owned));
        assert_eq!(preflight(&pdp, origin, method, headers).await, expected, "{origin} {method} {headers}");
    }
    // Without the headers of a preflight it is a request like any other.
    let plain = pdp.send_with(Method::OPTIONS, PATH, &[("origin", "http://x")], "").await;
    assert_eq!((plain.status.as_u16(), header(&plain, "access-control-allow-origin")), (501, "*"));
    for path in ["/api/server_info", "/nothing", "/_cerbos/health"] {
        let with = pdp.send_with(Method::GET, path, &[("origin", "http://x")], "").await;
        assert_eq!((header(&with, "access-control-allow-origin"), header(&with, "vary")), ("*", "Origin"), "{path}");
        let without = pdp.get(path).await;
        assert_eq!((header(&without, "access-control-allow-origin"), header(&without, "vary")), ("", "Origin"));
    }
}

#[tokio::test]
async fn origins_and_headers_can_be_listed() {
    let policies = Policies::new(&[("github.yaml", &allowing("github", "list_issues"))]);
    let set =
        "server.cors.allowedOrigins={http://a,http://*.b},server.cors.allowedHeaders={X-Foo},server.cors.maxAge=1m";
    let pdp = Pdp::start_with(policies.path(), &[set]).await;
    let granted = |origin: &str, headers: &str| (204, [origin, "POST", headers, "60"].map(str::to_owned));
    let refused = (204, ["", "", "", ""].map(str::to_owned));
    assert_eq!(preflight(&pdp, "http://a", "POST", "x-foo").await, granted("http://a", "x-foo"));
    assert_eq!(preflight(&pdp, "http://x.b", "POST", "").await, granted("http://x.b", ""));
    assert_eq!(preflight(&pdp, "http://c", "POST", "").await, refused);
    assert_eq!(preflight(&pdp, "http://a", "POST", "content-type").await, refused);
}

#[tokio::test]
async fn nobody_is_let_in_unless_it_is_configured() {
    let policies = Policies::new(&[("github.yaml", &allowing("github", "list_issues"))]);
    for set in [&[][..], &["server.cors.disabled=true"]] {
        let pdp = Pdp::start_with(policies.path(), set).await;
        let sent = [("origin", "http://x"), ("access-control-request-method", "POST")];
        let answer = pdp.send_with(Method::OPTIONS, PATH, &sent, "").await;
        assert_eq!((answer.status.as_u16(), header(&answer, "access-control-allow-origin")), (501, ""));
    }
}
