//! Tokens that a gateway passes on and Toolgate verifies itself: whom they identify, and which identify nobody.

use serde_json::{Value, json};
use toolgate::proto::envoy::service::auth::v3::authorization_client::AuthorizationClient;

use super::{data, envoy};
use crate::jwt::{in_seconds, token};
use crate::support::Pdp;

const CONFIG: &str = "auxData: {jwt: {keySets: [{id: k, local: {file: tests/data/jwt/keys.json}}]}}\nadapters:\n  deadline: 30s\n  \
                      identity:\n    - jwt: {audience: [mcp], issuers: [idp], roles: [groups], agent: azp}\n";

#[tokio::test]
async fn tokens_for_us_that_expire_identify() {
    let pdp = Pdp::start_from(&data("policies"), CONFIG).await;
    let mut client = AuthorizationClient::new(pdp.channel().await);
    let good = json!({"sub": "alice", "aud": ["mcp"], "iss": "idp", "groups": ["user"], "exp": in_seconds(300)});
    let with = |changes: Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        token(&claims)
    };
    let refused = "the token was refused";
    let rows = [
        (with(json!({})), "allowed"),
        (with(json!({"aud": "mcp"})), "allowed"),
        (with(json!({"azp": "bot"})), "allowed"),
        (with(json!({"groups": "user"})), "allowed"),
        (with(json!({"aud": ["other"]})), refused),
        (with(json!({"aud": null})), refused),
        (with(json!({"iss": "evil"})), refused),
        (with(json!({"iss": null})), refused),
        (with(json!({"exp": null})), refused),
        (with(json!({"exp": in_seconds(-10)})), refused),
        (with(json!({"nbf": in_seconds(300)})), refused),
        (with(json!({})) + "x", refused),
        (with(json!({"sub": null})), "claim `sub` is missing"),
        (with(json!({"groups": null})), "the identity has no roles"),
        (with(json!({"groups": {"user": true}})), "claim `groups` is not a text or a list of texts"),
        (with(json!({"azp": 7})), "claim `azp` is not a text or a list of texts"),
        (with(json!({"groups": ["stranger"]})), "no rule allows `list` on `mcp::files` for role `stranger`"),
    ];
    for (token, expected) in rows {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "list"}});
        let headers = json!({"authorization": format!("Bearer {token}")});
        let question = json!({"body": body, "headers": headers, "context_extensions": {"mcp_server": "files"}});
        let answer = client.check(envoy::question(&question)).await.unwrap().into_inner();
        let shown = envoy::shown(&answer);
        let seen = if shown["allow"] == true { "allowed" } else { shown["body"]["error"]["message"].as_str().unwrap() };
        assert_eq!(seen, expected, "{token}");
    }
}
