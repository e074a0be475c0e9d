//! The failure matrix: for each method of each gateway and each thing that can go wrong, the call is blocked.

use serde_json::json;
use toolgate::config::Address;
use toolgate::proto::envoy::service::auth::v3::authorization_client::AuthorizationClient;

use super::unpassable::{METHODS, Sending, adapters, allowed, ask, raw};
use super::{data, envoy};
use crate::support::{Pdp, Policies, eventually};

fn policies() -> Policies {
    let text = std::fs::read_to_string(data("policies/files.yaml")).unwrap();
    Policies::new(&[("files.yaml", &text)])
}

/// Whether a question is blocked, in the order of the methods.
async fn blocked(pdp: &Pdp, questions: &[Vec<u8>; 3]) -> [bool; 3] {
    let client = raw();
    let mut blocked = [false; 3];
    for (i, (path, blocks)) in METHODS.iter().enumerate() {
        blocked[i] = blocks(&ask(&client, pdp, path, &questions[i], Sending::Whole).await);
    }
    blocked
}

#[tokio::test]
async fn without_an_identity_or_a_source_of_one() {
    // No `adapters` at all, which is the default: nobody is identified.
    let none = Pdp::start(policies().path()).await;
    assert_eq!(blocked(&none, &allowed()).await, [true; 3]);
    // A source that these questions have no evidence for.
    let other = "adapters: {identity: [{static: {id: me, roles: [user]}}]}\n";
    let other = Pdp::start_from(policies().path(), other).await;
    assert_eq!(blocked(&other, &allowed()).await, [true; 3]);
}

#[tokio::test]
async fn with_a_bad_token() {
    let jwt = "auxData: {jwt: {keySets: [{id: k, local: {file: tests/data/jwt/keys.json}}]}}\nadapters:\n  identity:\n    - jwt: \
               {audience: [mcp], giveRoles: [user]}\n    - headers: {from: [10.0.0.9], id: x-user, giveRoles: [user]}\n    \
               - claims: {namespace: agentgateway, id: sub, roles: [roles]}\n";
    let policies = policies();
    let pdp = Pdp::start_from(policies.path(), jwt).await;
    let mut client = AuthorizationClient::new(pdp.channel().await);
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "list"}});
    // What another source would allow does not count once a token is there.
    for token in
        ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "bearer e30.e30.", "Bearer a,Bearer b"]
    {
        let headers = json!({"x-user": "alice", "authorization": token});
        let question = json!({"body": body, "headers": headers, "context_extensions": {"mcp_server": "files"}});
        let answer = client.check(envoy::question(&question)).await.unwrap().into_inner();
        let shown = envoy::shown(&answer);
        assert_eq!((&shown["code"], &shown["http"]), (&json!(16), &json!(401)), "{token}: {shown}");
        assert_eq!(shown["body"]["error"]["message"], "the token was refused", "{token}");
        assert_eq!(shown["headers"]["www-authenticate"], "Bearer");
    }
    let question = json!({"body": body, "headers": {"x-user": "alice"}, "context_extensions": {"mcp_server": "files"}});
    let answer = client.check(envoy::question(&question)).await.unwrap().into_inner();
    assert_eq!(envoy::shown(&answer)["allow"], true, "without a token the next source is asked");
}

#[tokio::test]
async fn while_policies_are_broken() {
    let policies = policies();
    let pdp = Pdp::start_from(policies.path(), &adapters()).await;
    assert_eq!(blocked(&pdp, &allowed()).await, [false; 3]);
    let good = std::fs::read_to_string(data("policies/files.yaml")).unwrap();
    policies.write("files.yaml", "apiVersion: api.cerbos.dev/v1\nresourcePolicy: {resource: 7");
    eventually("degraded", async || pdp.get("/v1/status").await.json()["store"]["failure"].is_object().then_some(()))
        .await;
    // The last good ones go on deciding: what they deny is denied, what they allow is allowed.
    assert_eq!(blocked(&pdp, &allowed()).await, [false; 3]);
    // Policies that allow nothing block everything.
    policies.write("files.yaml", &good.replace("EFFECT_ALLOW", "EFFECT_DENY"));
    eventually("blocked", async || (blocked(&pdp, &allowed()).await == [true; 3]).then_some(())).await;
}

#[tokio::test]
async fn when_the_server_is_down() {
    let policies = policies();
    let pdp = Pdp::start_from(policies.path(), &adapters()).await;
    let (channel, address) = (pdp.channel().await, pdp.grpc.clone());
    pdp.down().await;
    let mut client = AuthorizationClient::new(channel);
    let question = json!({"headers": {"x-user": "alice"}});
    assert!(client.check(envoy::question(&question)).await.is_err(), "an error, which Envoy takes for a denial");
    let Address::Tcp { host, port } = address else { panic!("a TCP port") };
    assert!(tokio::net::TcpStream::connect((host, port)).await.is_err());
}
