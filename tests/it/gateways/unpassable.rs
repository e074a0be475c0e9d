//! A message without content lets everything through in Envoy's protocol: no received bytes, however broken, may ever be
//! answered by one, nor by a pass that no policy gave.

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message;
use serde_json::json;
use tokio_stream::StreamExt as _;
use toolgate::config::Address;
use toolgate::proto::agentgateway::dev::ext_mcp::{McpRequestResult, McpResponseResult};
use toolgate::proto::agentgateway::dev::ext_mcp::{mcp_request_result, mcp_response_result};
use toolgate::proto::envoy::service::auth::v3::CheckResponse;
use toolgate::proto::envoy::service::auth::v3::check_response::HttpResponse;

use super::{agentgateway, envoy, pdp};
use crate::support::Pdp;

/// A method, and whether the bytes of its answer block.
type Method = (&'static str, fn(&[u8]) -> bool);

/// The methods of gateways.
pub const METHODS: [Method; 3] = [
    ("/envoy.service.auth.v3.Authorization/Check", |answer| {
        let answer = CheckResponse::decode(answer).expect("a CheckResponse");
        let denied = matches!(&answer.http_response, Some(HttpResponse::DeniedResponse(d)) if d.status.is_some());
        answer.status.is_some_and(|status| status.code != 0 && !status.message.is_empty()) && denied
    }),
    ("/agentgateway.dev.ext_mcp.ExtMcp/CheckRequest", |answer| {
        let answer = McpRequestResult::decode(answer).expect("a McpRequestResult");
        matches!(answer.result, Some(mcp_request_result::Result::Error(e)) if !e.reason.is_empty())
    }),
    ("/agentgateway.dev.ext_mcp.ExtMcp/CheckResponse", |answer| {
        let answer = McpResponseResult::decode(answer).expect("a McpResponseResult");
        matches!(answer.result, Some(mcp_response_result::Result::Error(e)) if !e.reason.is_empty())
    }),
];

/// Settings of all adapters of gateways at once.
pub fn adapters() -> String {
    format!("{}    - claims: {{namespace: agentgateway, id: sub, roles: [roles], agent: agent}}\n", envoy::ADAPTERS)
}

/// Questions that are allowed, in the order of the methods.
pub fn allowed() -> [Vec<u8>; 3] {
    let call = json!({"name": "read", "arguments": {"path": "/work/a"}});
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call});
    let alice = json!({"sub": "alice", "roles": ["user"], "tool": "list"});
    [
        envoy::question(&json!({
            "body": body, "headers": {"x-user": "alice"}, "context_extensions": {"mcp_server": "files"}
        }))
        .encode_to_vec(),
        agentgateway::request(&json!({"params": call, "metadata": alice})).encode_to_vec(),
        agentgateway::response(&json!({"result": {"content": []}, "metadata": alice})).encode_to_vec(),
    ]
}

/// How a question is sent.
#[derive(Clone, Copy, Debug)]
pub enum Sending<'a> {
    /// Whole.
    Whole,
    /// With a header.
    Header(&'a str, &'a str),
    /// With other bytes before it than gRPC's five.
    Framed([u8; 5]),
    /// Its first bytes, and then nothing, though the stream stays open.
    Stalled(usize),
}

/// A client that speaks HTTP/2 and knows nothing of gRPC.
pub type Raw = Client<HttpConnector, http_body_util::combinators::BoxBody<Bytes, std::io::Error>>;

pub fn raw() -> Raw {
    let mut connector = HttpConnector::new();
    // Or every small question waits for the acknowledgement of the one before.
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).http2_only(true).build(connector)
}

/// Asks with raw bytes; the bytes of the answer, which must be a gRPC answer with status 0.
pub async fn ask(client: &Raw, pdp: &Pdp, path: &str, message: &[u8], sending: Sending<'_>) -> Vec<u8> {
    let Address::Tcp { host, port } = &pdp.grpc else { panic!("a TCP port") };
    let mut framed = BytesMut::new();
    if let Sending::Framed(prefix) = sending {
        framed.put_slice(&prefix);
    } else {
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).unwrap());
    }
    framed.put_slice(message);
    let framed = framed.freeze();
    let body = match sending {
        Sending::Stalled(sent) => {
            let first = tokio_stream::once(Ok::<_, std::io::Error>(Frame::data(framed.slice(..sent))));
            BodyExt::boxed(StreamBody::new(first.chain(tokio_stream::pending())))
        }
        _ => BodyExt::boxed(Full::new(framed).map_err(|never| match never {})),
    };
    let mut request = Request::post(format!("http://{host}:{port}{path}"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Sending::Header(name, value) = sending {
        request = request.header(name, value);
    }
    let response = client.request(request.body(body).unwrap()).await.expect("an answer");
    let (head, body) = response.into_parts();
    assert_eq!(head.status, 200, "{path}");
    let collected = body.collect().await.expect("a body");
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let status = head.headers.get("grpc-status").or(trailers.get("grpc-status")).expect("a status").clone();
    assert_eq!(status, "0", "{path}: an explicit answer, which no `failure_mode_allow` turns round");
    let bytes = collected.to_bytes();
    let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
    assert_eq!((bytes[0], bytes.len()), (0, length + 5), "{path}");
    bytes[5..].to_vec()
}

#[tokio::test]
async fn a_question_cut_anywhere_is_blocked() {
    let (pdp, client) = (pdp(&adapters()).await, raw());
    for ((path, blocks), question) in METHODS.iter().zip(allowed()) {
        let whole = ask(&client, &pdp, path, &question, Sending::Whole).await;
        assert!(!blocks(&whole), "{path}: the whole question is allowed");
        for end in 0..question.len() {
            let answer = ask(&client, &pdp, path, &question[..end], Sending::Whole).await;
            assert!(blocks(&answer), "{path}: the first {end} bytes");
        }
    }
}

#[tokio::test]
async fn a_question_of_noise_is_blocked() {
    let (pdp, client) = (pdp(&adapters()).await, raw());
    // A xorshift from a fixed seed: the same noise in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for (path, blocks) in METHODS {
        for length in 0..200 {
            let noise: Vec<u8> = (0..length).map(|_| byte()).collect();
            assert!(blocks(&ask(&client, &pdp, path, &noise, Sending::Whole).await), "{path}: {noise:?}");
        }
    }
}

#[tokio::test]
async fn what_never_arrives_whole_is_blocked() {
    let config = format!("{}server: {{advanced: {{grpc: {{maxRecvMsgSizeBytes: 2000}}}}}}\n", adapters());
    let client = raw();
    let served = pdp(&config).await;
    let impatient = pdp(&adapters().replace("deadline: 30s", "deadline: 20ms")).await;
    let questions = allowed();
    for ((path, blocks), question) in METHODS.iter().zip(&questions) {
        let length = u32::try_from(question.len()).unwrap().to_be_bytes();
        let framed = |first: u8, length: [u8; 4]| [first, length[0], length[1], length[2], length[3]];
        let rows = [
            ("stalled within", Sending::Stalled(question.len() / 2)),
            ("stalled before", Sending::Stalled(3)),
            ("no time", Sending::Header("grpc-timeout", "0n")),
            ("a timeout that is none", Sending::Header("grpc-timeout", "soon")),
            ("compressed by something unknown", Sending::Header("grpc-encoding", "zstd")),
            (
                "longer than it is",
                Sending::Framed(framed(0, (u32::try_from(question.len()).unwrap() + 1).to_be_bytes())),
            ),
            ("longer than anything", Sending::Framed(framed(0, u32::MAX.to_be_bytes()))),
            ("said to be compressed", Sending::Framed(framed(1, length))),
            ("framed by something unknown", Sending::Framed(framed(9, length))),
        ];
        for (what, sending) in rows {
            let stalled = matches!(sending, Sending::Stalled(_));
            let answer = ask(&client, if stalled { &impatient } else { &served }, path, question, sending).await;
            assert!(blocks(&answer), "{path}: {what}");
        }
        let large = vec![b'a'; 3000];
        assert!(blocks(&ask(&client, &served, path, &large, Sending::Whole).await), "{path}: too large");
        assert!(!blocks(&ask(&client, &served, path, question, Sending::Whole).await), "{path}: served all the same");
    }
}
