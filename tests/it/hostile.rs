//! Peers that send what they should not. Each gets an error or is hung up on; none gets a decision, and the server
//! goes on serving everybody else.

use bytes::Bytes;
use http::{HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use toolgate::config::Address;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;
use toolgate::proto::toolgate::v1::{DecideRequest, Verdict};

use crate::support::{Pdp, Policies, allowing, channel, question};

fn policies() -> Policies {
    Policies::new(&[("a.yaml", &allowing("a", "read"))])
}

async fn serves(pdp: &Pdp) {
    let mut client = ToolCallServiceClient::new(channel(&pdp.grpc).await);
    let answer = client.decide(question("c", "a", "read")).await.unwrap().into_inner();
    assert_eq!(answer.verdict(), Verdict::Allow);
}

async fn connect(address: &Address) -> TcpStream {
    let Address::Tcp { host, port } = address else { panic!("{address}") };
    TcpStream::connect((host.as_str(), *port)).await.unwrap()
}

/// One gRPC call whose request body is exactly `body`. Gives the status code and message.
async fn raw_call(address: &Address, path: &str, body: Vec<u8>) -> (i32, String) {
    let io = TokioIo::new(connect(address).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://t{path}"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let find = |name: &str| {
        let value = trailers.get(name).or_else(|| head.headers.get(name));
        value.map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    (find("grpc-status").parse().unwrap(), find("grpc-message"))
}

/// A message in gRPC's frame.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

/// A length-delimited protobuf field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

const METHODS: [&str; 3] = [
    "/toolgate.v1.ToolCallService/Decide",
    "/toolgate.v1.ToolCallService/DecideBatch",
    "/cerbos.svc.v1.CerbosService/CheckResources",
];

#[tokio::test]
async fn bytes_that_are_no_message_are_refused() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let good = question("c", "a", "read").encode_to_vec();
    let messages: Vec<Vec<u8>> = vec![
        good[..good.len() - 1].to_vec(),
        vec![0xff; 20],
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x07],
        vec![0x0a, 0x02, 0xc3, 0x28],
        vec![0x00],
        vec![0x0b],
        vec![0x0f, 0x01],
    ];
    for message in &messages {
        for method in METHODS {
            let (code, text) = raw_call(&pdp.grpc, method, framed(message)).await;
            assert_eq!(code, 13, "{method} {message:?}: {text}");
            assert!(text.starts_with("grpc:%20error%20unmarshalling%20request:%20"), "{method}: {text}");
        }
    }
    serves(&pdp).await;
}

#[tokio::test]
async fn frames_that_lie_are_refused() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let good = question("c", "a", "read").encode_to_vec();
    let frames: Vec<(&str, Vec<u8>)> = vec![
        ("a length of 2^31 and no such message", [&[0, 0x80, 0, 0, 0][..], &good].concat()),
        ("compressed, which nobody agreed on", [&[1][..], &framed(&good)[1..]].concat()),
        ("a flag that does not exist", [&[7][..], &framed(&good)[1..]].concat()),
        ("shorter than it says", framed(&good)[..good.len()].to_vec()),
        ("no message at all", Vec::new()),
        ("half a head", vec![0, 0, 0]),
    ];
    for (what, frame) in frames {
        let (code, text) = raw_call(&pdp.grpc, METHODS[0], frame).await;
        assert!(code != 0, "{what}: {text}");
    }
    serves(&pdp).await;
}

#[tokio::test]
async fn messages_beyond_the_limits_are_refused() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut client = ToolCallServiceClient::new(channel(&pdp.grpc).await).max_encoding_message_size(64 << 20);
    let large = DecideRequest { call_id: "x".repeat(4 << 20), ..question("", "a", "read") };
    let refused = client.decide(large.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let len = large.encoded_len();
    assert_eq!(refused.message(), format!("grpc: received message larger than max ({len} vs. 4194304)"));
    let mut stream = client.decide_stream(tokio_stream::iter([large])).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::ResourceExhausted);

    // A struct that is nested too deep, in both formats.
    // By hand: prost's own encoder recurses.
    let mut value = Vec::new();
    for _ in 0..5000 {
        value = field(6, &field(1, &value));
    }
    let entry = [field(1, b"k"), field(2, &value)].concat();
    let deep = [question("c", "a", "read").encode_to_vec(), field(8, &entry)].concat();
    let (code, text) = raw_call(&pdp.grpc, METHODS[0], framed(&deep)).await;
    assert_eq!((code, text.ends_with("exceeded%20max%20depth")), (13, true), "{text}");
    let nested = format!(
        r#"{{"identity":{{"id":"a","roles":["agent"]}},"tool":{{"server":"a","name":"read"}},"arguments":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let answer = pdp.post("/v1/decide", nested).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    serves(&pdp).await;
}

#[tokio::test]
async fn json_that_could_mean_two_things_is_refused() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let call = |arguments: &str| {
        format!(
            r#"{{"identity":{{"id":"alice","roles":["agent"]}},"tool":{{"server":"a","name":"read"}},"arguments":{arguments}}}"#
        )
        .into_bytes()
    };
    assert_eq!(pdp.post("/v1/decide", call(r#"{"a":1}"#)).await.json()["verdict"], "VERDICT_ALLOW");
    let mut bodies: Vec<Vec<u8>> = vec![
        call(r#"{"a":1,"a":2}"#),
        call(r#"{"a":{"b":1,"b":1}}"#),
        call(r#"{"a":NaN}"#),
        call(r#"{"a":1e400}"#),
        call(r#"{"a":01}"#),
        call(r#"{"a":"\ud800"}"#),
        call(r#"{"a":1,}"#),
        call("[1]"),
        call("\"x\""),
        call("{\"a\":\"\x01\"}"),
        [b"\xef\xbb\xbf".to_vec(), call("{}")].concat(),
        [call("{}"), b"x".to_vec()].concat(),
        br#"{"callId":"a","call_id":"b"}"#.to_vec(),
        br#"{"nope":1}"#.to_vec(),
        br#"{"identity":[]}"#.to_vec(),
        b"\xff".to_vec(),
    ];
    let mut bad_utf8 = call(r#"{"a":"?"}"#);
    let at = bad_utf8.iter().position(|b| *b == b'?').unwrap();
    bad_utf8[at] = 0xff;
    bodies.push(bad_utf8);
    for body in bodies {
        let answer = pdp.post("/v1/decide", body.clone()).await;
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!(3)), "{shown}: {}", answer.text());
        assert!(answer.json().get("verdict").is_none());
    }
    serves(&pdp).await;
}

/// Sends bytes on a fresh connection and reads until the server hangs up.
async fn until_hung_up(address: &Address, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is a way of hanging up.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn peers_that_dawdle_are_hung_up_on() {
    let policies = policies();
    let quick = "server.advanced.http.readTimeout=50ms,server.advanced.http.readHeaderTimeout=50ms,\
                 server.advanced.http.idleTimeout=60ms,server.advanced.grpc.connectionTimeout=50ms";
    let pdp = Pdp::start_with(policies.path(), &[quick]).await;
    // Nothing; half a head; half of HTTP/2's preface; on both ports.
    for address in [&pdp.http, &pdp.grpc] {
        for bytes in [&b""[..], b"POST /v1/dec", b"PRI * HTTP/2.0\r\n"] {
            until_hung_up(address, bytes).await;
        }
    }
    // A head, and a body that does not come.
    let head = b"POST /v1/decide HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n{";
    let answer = until_hung_up(&pdp.http, head).await;
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("context deadline exceeded"), "{answer}");
    // A request, and then nothing more.
    let answer = until_hung_up(&pdp.http, b"GET /_cerbos/health HTTP/1.1\r\nhost: t\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    serves(&pdp).await;
}

#[tokio::test]
async fn what_is_no_http_is_hung_up_on() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let large = format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let cases: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/decide HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        large.as_bytes(),
    ];
    for bytes in cases {
        let answer = until_hung_up(&pdp.http, bytes).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    // The gRPC port speaks HTTP/2 only.
    let answer = until_hung_up(&pdp.grpc, b"GET /_cerbos/health HTTP/1.1\r\nhost: t\r\n\r\n").await;
    assert!(!answer.contains("SERVING"), "{answer}");
    serves(&pdp).await;
}

#[tokio::test]
async fn a_smuggled_second_request_is_not_served() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let both =
        b"POST /v1/decide HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
                 GET /_cerbos/health HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    let answer = until_hung_up(&pdp.http, both).await;
    // Either refused as a whole, or read as chunked with the length ignored: never both readings.
    assert!(answer.matches("HTTP/1.1 ").count() <= 2, "{answer}");
    serves(&pdp).await;
}

#[tokio::test]
async fn headers_that_change_the_protocol() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let io = TokioIo::new(connect(&pdp.http).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let body = || Full::new(Bytes::from(framed(&question("c", "a", "read").encode_to_vec())));
    let request = |kind: &'static str| Request::post(format!("http://t{}", METHODS[0])).header("content-type", kind);
    // gRPC-Web is not served, and JSON on a gRPC path is a path that does not exist.
    for kind in ["application/grpc-web", "application/grpc-web+proto", "application/json"] {
        let answer = sender.send_request(request(kind).body(body()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 404, "{kind}");
    }
    // Deadlines that are none, and one that has passed.
    for (timeout, code) in [("1x", "3"), ("", "3"), ("0n", "4")] {
        let value = HeaderValue::from_static(timeout);
        let call = request("application/grpc").header("grpc-timeout", value).body(body()).unwrap();
        let answer = sender.send_request(call).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], code, "{timeout}");
    }
    // The gRPC port takes nothing else.
    let io = TokioIo::new(connect(&pdp.grpc).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let answer = sender.send_request(request("application/json").body(body()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 415);
}

#[tokio::test]
async fn streams_that_are_reset_at_once_leave_the_server_serving() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    for _ in 0..5 {
        let io = TokioIo::new(connect(&pdp.grpc).await);
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..500 {
            let request = Request::post(format!("http://t{}", METHODS[0]))
                .header("content-type", "application/grpc")
                .body(Full::new(Bytes::new()))
                .unwrap();
            // Dropped before it is answered: a reset.
            drop(sender.send_request(request));
            tokio::task::yield_now().await;
        }
    }
    serves(&pdp).await;
}

/// Any bytes at all, on any method, in any format: an answer that is an error or a decision that a well-formed
/// message could have got, and a server that lives.
#[tokio::test]
async fn mutated_messages_never_get_an_allow_for_something_else() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let denied = question("c", "a", "write").encode_to_vec();
    let mut client = ToolCallServiceClient::new(channel(&pdp.grpc).await);
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % n as u64).unwrap()
    };
    let mut tried = 0;
    while tried < 500 {
        let mut message = denied.clone();
        for _ in 0..=random(3) {
            let at = random(message.len());
            match random(3) {
                0 => message[at] = u8::try_from(random(256)).unwrap(),
                1 => drop(message.remove(at)),
                _ => message.insert(at, u8::try_from(random(256)).unwrap()),
            }
        }
        // What prost can read is sent as such; the rest is for the raw calls above.
        let Ok(request) = DecideRequest::decode(&message[..]) else { continue };
        tried += 1;
        let may = request.tool.as_ref().is_some_and(|t| t.server == "a" && t.name == "read");
        match client.decide(request).await {
            Ok(answer) => assert!(may || answer.into_inner().verdict() != Verdict::Allow, "{message:?}"),
            Err(status) => assert_ne!(status.code(), Code::Ok),
        }
    }
}
