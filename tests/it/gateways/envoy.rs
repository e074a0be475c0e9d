//! Envoy's ext_authz: golden files. A file holds `adapters` (settings over the common ones), `request` and `answer`.

use std::collections::HashMap;

use serde_json::{Value, json};
use toolgate::proto::envoy::config::core::v3::{Address, HeaderMap, HeaderValue, Metadata, SocketAddress, address};
use toolgate::proto::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use toolgate::proto::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use toolgate::proto::envoy::service::auth::v3::check_response::HttpResponse;
use toolgate::proto::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};

use super::{compare, golden, pdp, stable, structure};

/// Alice, by a header of a proxy on 10.0.0.9.
pub const ADAPTERS: &str = "adapters:\n  deadline: 30s\n  identity:\n    - headers: {from: [10.0.0.9], id: x-user, giveRoles: [user]}\n    \
                            - claims: {namespace: envoy.filters.http.jwt_authn, key: corp, roles: [roles]}\n    \
                            - spiffe: {trustDomains: [corp.example], giveRoles: [user]}\n";

/// A question from its JSON.
pub fn question(request: &Value) -> CheckRequest {
    let texts = |value: &Value| -> HashMap<String, String> {
        value.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()
    };
    let text = |name: &str, default: &str| request[name].as_str().unwrap_or(default).to_owned();
    let body = match &request["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        message => message.to_string(),
    };
    let raw = request["raw_headers"].as_array().map(|all| HeaderMap {
        headers: all
            .iter()
            .map(|pair| HeaderValue {
                key: pair[0].as_str().unwrap().into(),
                raw_value: pair[1].as_str().unwrap().into(),
                ..HeaderValue::default()
            })
            .collect(),
    });
    let http = HttpRequest {
        method: text("method", "POST"),
        path: "/mcp".into(),
        headers: texts(&request["headers"]),
        header_map: raw,
        raw_body: body.into(),
        ..HttpRequest::default()
    };
    let source = Peer {
        address: Some(Address {
            address: Some(address::Address::SocketAddress(SocketAddress { address: text("from", "10.0.0.9") })),
        }),
        principal: text("principal", ""),
    };
    let metadata = request["metadata"].as_object().into_iter().flatten();
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(source),
            request: Some(Request { http: Some(http) }),
            context_extensions: texts(&request["context_extensions"]),
            metadata_context: Some(Metadata {
                filter_metadata: metadata.map(|(name, value)| (name.clone(), structure(value))).collect(),
            }),
        }),
    }
}

/// An answer as JSON.
pub fn shown(answer: &CheckResponse) -> Value {
    let status = answer.status.as_ref().expect("an explicit status");
    let headers = |all: &[toolgate::proto::envoy::config::core::v3::HeaderValueOption]| -> Value {
        let pair = |h: &toolgate::proto::envoy::config::core::v3::HeaderValueOption| {
            assert_eq!(h.append_action, 2, "headers replace what is there");
            let header = h.header.clone().unwrap();
            (header.key, Value::from(header.value))
        };
        all.iter().map(pair).collect::<serde_json::Map<_, _>>().into()
    };
    let mut shown = match answer.http_response.as_ref().expect("a response") {
        HttpResponse::OkResponse(ok) => {
            assert_eq!(status.code, 0);
            json!({"allow": true, "headers": headers(&ok.headers), "remove": ok.headers_to_remove})
        }
        HttpResponse::DeniedResponse(denied) => {
            assert_ne!(status.code, 0);
            assert!(!status.message.is_empty());
            json!({
                "allow": false, "code": status.code, "http": denied.status.as_ref().unwrap().code,
                "headers": headers(&denied.headers),
                "body": serde_json::from_str::<Value>(&denied.body).expect("JSON"),
            })
        }
    };
    shown["metadata"] = super::json(answer.dynamic_metadata.as_ref().unwrap());
    shown
}

#[tokio::test]
async fn golden_files() {
    for (path, file) in golden("envoy") {
        let more = file["adapters"].as_str().unwrap_or("");
        let pdp = pdp(&format!("{ADAPTERS}{more}")).await;
        let mut client = AuthorizationClient::new(pdp.channel().await);
        let answer = client.check(question(&file["request"])).await.expect("an answer").into_inner();
        compare(&path, file, stable(shown(&answer)));
    }
}
