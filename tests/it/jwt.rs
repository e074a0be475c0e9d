//! Tokens through the whole server: claims that policies read, refusals, and key sets that come from URLs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::Code;
use toolgate::proto::cerbos::request::v1::{AuxData, aux_data::Jwt};
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;

use crate::support::{Pdp, Policies, check_request, eventually};

const KEYS: &str = include_str!("../data/jwt/keys.json");
const OTHER_KEYS: &str = include_str!("../data/jwt/dup.json");

pub fn token(payload: &Value) -> String {
    let key = EncodingKey::from_rsa_pem(include_bytes!("../data/jwt/rs.private.pem")).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"r1"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload.to_string()));
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::RS256).unwrap())
}

pub fn in_seconds(from_now: i64) -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + from_now
}

fn policies() -> Policies {
    Policies::new(&[(
        "doc.yaml",
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: doc\n  version: default\n  rules:\n    - actions: \
         [view]\n      effect: EFFECT_ALLOW\n      roles: ['*']\n      condition: {match: {expr: \"request.auxData.jwt.team \
         == 'sec' && 'docs' in request.auxData.jwt.aud\"}}\n    - actions: [named]\n      effect: EFFECT_ALLOW\n      \
         roles: ['*']\n      condition: {match: {expr: \"request.auxData.jwts.user.claims.sub == 'alice'\"}}\n",
    )])
}

/// The effect, or the error as the caller sees it.
async fn ask(pdp: &Pdp, action: &str, aux: Value) -> String {
    let request = json!({
        "principal": {"id": "alice", "roles": ["user"]},
        "resources": [{"actions": [action], "resource": {"kind": "doc", "id": "1"}}],
        "auxData": aux,
    });
    let answer = pdp.post("/api/check/resources", request.to_string()).await;
    match answer.json()["results"][0]["actions"][action].as_str() {
        Some(effect) => effect.to_owned(),
        None => format!("{} {}", answer.status.as_u16(), answer.json()),
    }
}

const INVALID: &str = r#"400 {"code":3,"message":"invalid auxData"}"#;

fn local(id: &str) -> String {
    format!("auxData: {{jwt: {{keySets: [{{id: {id}, local: {{data: {}}}}}]}}}}", STANDARD.encode(KEYS))
}

#[tokio::test]
async fn policies_read_verified_claims() {
    let policies = policies();
    let pdp = Pdp::start_from(policies.path(), &local("a")).await;
    let good = token(&json!({"team": "sec", "aud": "docs", "exp": in_seconds(600)}));
    let other = token(&json!({"team": "art", "aud": "docs"}));
    let expired = token(&json!({"team": "sec", "aud": "docs", "exp": in_seconds(-600)}));
    let alice = token(&json!({"sub": "alice"}));
    for (action, aux, expected) in [
        ("view", json!({"jwt": {"token": good}}), "EFFECT_ALLOW"),
        ("view", json!({"jwt": {"token": good}}), "EFFECT_ALLOW"),
        ("view", json!({"jwt": {"token": good, "keySetId": "a"}}), "EFFECT_ALLOW"),
        ("view", json!({"jwt": {"token": good, "keySetId": "b"}}), INVALID),
        ("view", json!({"jwt": {"token": other}}), "EFFECT_DENY"),
        ("view", json!({"jwt": {"token": expired}}), INVALID),
        ("view", json!({"jwt": {"token": "x.y.z"}}), INVALID),
        ("view", json!({}), "EFFECT_DENY"),
        ("named", json!({"jwts": {"user": {"token": alice}, "svc": {"token": good}}}), "EFFECT_ALLOW"),
        ("named", json!({"jwts": {"user": {"token": good}}}), "EFFECT_DENY"),
        ("named", json!({"jwts": {"user": {"token": alice}, "svc": {"token": expired}}}), INVALID),
    ] {
        assert_eq!(ask(&pdp, action, aux.clone()).await, expected, "{action} {aux}");
    }
    let mut client = CerbosServiceClient::new(pdp.channel().await);
    let mut request = check_request("doc", &["view"]);
    let jwt = |token: String| Some(AuxData { jwt: Some(Jwt { token, ..Jwt::default() }), ..AuxData::default() });
    request.aux_data = jwt(good);
    let answer = client.check_resources(request.clone()).await.unwrap().into_inner();
    assert_eq!(answer.results[0].actions["view"], 1);
    request.aux_data = jwt(expired);
    let refused = client.check_resources(request).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "invalid auxData"));
}

#[tokio::test]
async fn without_keys_no_token_is_believed_unless_all_are() {
    let policies = policies();
    let good = token(&json!({"team": "sec", "aud": "docs"}));
    let pdp = Pdp::start(policies.path()).await;
    assert_eq!(ask(&pdp, "view", json!({"jwt": {"token": good}})).await, INVALID);
    let pdp = Pdp::start_with(policies.path(), &["auxData.jwt.disableVerification=true"]).await;
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_eq!(ask(&pdp, "view", json!({"jwt": {"token": unsigned, "keySetId": "x"}})).await, "EFFECT_ALLOW");
    let expired = token(&json!({"team": "sec", "aud": "docs", "exp": in_seconds(-1)}));
    assert_eq!(ask(&pdp, "view", json!({"jwt": {"token": expired}})).await, INVALID);
}

/// Answers every request with what `answer` says for its number, from 0; counts them.
async fn web(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let text = answer(count.fetch_add(1, Ordering::SeqCst));
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, asked)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn remote(url: &str) -> String {
    format!("auxData: {{jwt: {{keySets: [{{id: web, remote: {{url: '{url}', refreshInterval: 20ms}}}}]}}}}")
}

#[tokio::test]
async fn keys_of_a_url_are_fetched_and_follow_it() {
    let policies = policies();
    // First down, then with the keys, then broken for a while, then with other keys.
    let (url, asked) = web(|n| match n {
        0 => "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into(),
        1 => ok(KEYS),
        2 => ok("{"),
        _ => ok(OTHER_KEYS),
    })
    .await;
    let pdp = Pdp::start_from(policies.path(), &remote(&url)).await;
    let good = json!({"jwt": {"token": token(&json!({"team": "sec", "aud": "docs"}))}});
    // Refused until the keys are there, and again when they are gone.
    assert_eq!(ask(&pdp, "view", good.clone()).await, INVALID);
    eventually("the keys", async || (ask(&pdp, "view", good.clone()).await == "EFFECT_ALLOW").then_some(())).await;
    assert!(asked.load(Ordering::SeqCst) >= 2);
    eventually("other keys", async || (ask(&pdp, "view", good.clone()).await == INVALID).then_some(())).await;
    assert!(asked.load(Ordering::SeqCst) >= 4);
}

#[tokio::test]
async fn neither_redirects_nor_endless_answers_are_followed() {
    let policies = policies();
    let (elsewhere, reached) = web(|_| ok(KEYS)).await;
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (redirecting, _) = web(move |_| redirect.clone()).await;
    let large = ok(&format!("{}{}", KEYS, " ".repeat(2 << 20)));
    let (endless, _) = web(move |_| large.clone()).await;
    for url in [redirecting, endless] {
        let pdp = Pdp::start_from(policies.path(), &remote(&url)).await;
        let [refresh] = &pdp.service.identity().refreshes()[..] else { panic!("one key set") };
        assert!(refresh.fetch().await.is_err());
        let good = json!({"jwt": {"token": token(&json!({"team": "sec", "aud": "docs"}))}});
        assert_eq!(ask(&pdp, "view", good).await, INVALID);
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[test]
fn a_key_file_that_is_missing_keeps_the_server_from_starting() {
    let policies = policies();
    let config =
        policies.write("config.txt", "auxData: {jwt: {keySets: [{id: a, local: {file: /nowhere/keys.json}}]}}");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(["serve", policies.path().to_str().unwrap(), "--config", config.to_str().unwrap()])
        .args(["--set", "server.httpListenAddr=127.0.0.1:0,server.grpcListenAddr=127.0.0.1:0"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("key set `a` cannot be used: cannot read `/nowhere/keys.json`: No such file"), "{told}");
}
