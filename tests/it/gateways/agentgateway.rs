//! agentgateway's guardrail: golden files. A file holds `phase`, `adapters`, `request` and `answer`.

use serde_json::{Value, json};
use toolgate::proto::agentgateway::dev::ext_mcp::authorization_error::Code;
use toolgate::proto::agentgateway::dev::ext_mcp::ext_mcp_client::ExtMcpClient;
use toolgate::proto::agentgateway::dev::ext_mcp::{
    AuthorizationError, McpHeader, McpRequest, McpRequestResult, McpResponse, McpResponseResult, mcp_request_result,
    mcp_response_result,
};

use super::{compare, golden, pdp, stable, structure};

/// Alice by what the gateway's configuration computes.
pub const ADAPTERS: &str = "adapters:\n  deadline: 30s\n  identity:\n    - claims: {namespace: agentgateway, id: sub, roles: [roles], agent: agent}\n";

/// A question about a request from its JSON.
pub fn request(value: &Value) -> McpRequest {
    let headers = value["headers"].as_array().into_iter().flatten();
    McpRequest {
        service_names: services(value),
        method: value["method"].as_str().unwrap_or("tools/call").into(),
        metadata_context: value["metadata"].is_object().then(|| structure(&value["metadata"])),
        mcp_request: bytes(&value["params"]),
        headers: headers
            .map(|pair| McpHeader { key: pair[0].as_str().unwrap().into(), value: pair[1].as_str().unwrap().into() })
            .collect(),
    }
}

/// A question about an answer from its JSON.
pub fn response(value: &Value) -> McpResponse {
    McpResponse {
        service_names: services(value),
        method: value["method"].as_str().unwrap_or("tools/call").into(),
        metadata_context: value["metadata"].is_object().then(|| structure(&value["metadata"])),
        mcp_response: bytes(&value["result"]).unwrap_or_default(),
    }
}

fn services(value: &Value) -> Vec<String> {
    let names = value["services"].as_array().map(|all| all.iter().map(|s| s.as_str().unwrap().to_owned()).collect());
    names.unwrap_or_else(|| vec!["files".to_owned()])
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        message => Some(message.to_string().into_bytes()),
    }
}

fn refused(error: &AuthorizationError) -> Value {
    assert!(!error.reason.is_empty());
    let data = error.mcp_error.as_ref().map(|data| serde_json::from_slice::<Value>(data).expect("JSON"));
    json!({"error": Code::try_from(error.code).unwrap().as_str_name(), "reason": error.reason, "data": data})
}

/// An answer about a request as JSON.
pub fn shown_request(answer: &McpRequestResult) -> Value {
    let mut shown = match answer.result.as_ref().expect("a result") {
        mcp_request_result::Result::Pass(_) => json!({"pass": true}),
        mcp_request_result::Result::Mutated(bytes) => {
            json!({"mutated": serde_json::from_slice::<Value>(bytes).expect("JSON")})
        }
        mcp_request_result::Result::Error(error) => refused(error),
    };
    shown["metadata"] = super::json(answer.metadata.as_ref().unwrap());
    shown
}

/// An answer about a response as JSON.
pub fn shown_response(answer: &McpResponseResult) -> Value {
    match answer.result.as_ref().expect("a result") {
        mcp_response_result::Result::Pass(_) => json!({"pass": true}),
        mcp_response_result::Result::Mutated(bytes) => {
            json!({"mutated": serde_json::from_slice::<Value>(bytes).expect("JSON")})
        }
        mcp_response_result::Result::Error(error) => refused(error),
    }
}

#[tokio::test]
async fn golden_files() {
    for (path, file) in golden("agentgateway") {
        let more = file["adapters"].as_str().unwrap_or("");
        let pdp = pdp(&format!("{ADAPTERS}{more}")).await;
        let mut client = ExtMcpClient::new(pdp.channel().await);
        let answer = if file["phase"] == "request" {
            let answer = client.check_request(request(&file["request"])).await.expect("an answer");
            shown_request(&answer.into_inner())
        } else {
            let answer = client.check_response(response(&file["request"])).await.expect("an answer");
            shown_response(&answer.into_inner())
        };
        compare(&path, file, stable(answer));
    }
}
