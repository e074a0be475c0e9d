//! The hot path of gRPC: what is answered on the spot is answered as by the ordinary way, and streams keep order,
//! bounds and errors whatever pieces they come in.

use bytes::{Buf, Bytes};
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request};
use prost::Message;
use tokio::net::TcpStream;
use toolgate::config::Address;
use toolgate::proto::cerbos::response::v1::CheckResourcesResponse;
use toolgate::proto::toolgate::v1::{DecideRequest, DecideResponse, Verdict};

use crate::support::{Pdp, Policies, allowing, check_request, question};

pub const DECIDE: &str = "/toolgate.v1.ToolCallService/Decide";
pub const STREAM: &str = "/toolgate.v1.ToolCallService/DecideStream";
pub const CHECK: &str = "/cerbos.svc.v1.CerbosService/CheckResources";

pub fn policies() -> Policies {
    Policies::new(&[("a.yaml", &allowing("a", "read"))])
}

pub async fn connect(address: &Address, builder: &Builder) -> SendRequest<Bytes> {
    let Address::Tcp { host, port } = address else { panic!("a port") };
    let tcp = TcpStream::connect((host.as_str(), *port)).await.unwrap();
    let (client, connection) = builder.handshake(tcp).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    client.ready().await.unwrap()
}

pub fn open(client: &mut SendRequest<Bytes>, path: &str, more: &[(&str, &str)]) -> (ResponseFuture, SendStream<Bytes>) {
    let mut request = Request::builder().method(Method::POST).uri(format!("http://localhost{path}"));
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(more) {
        request = request.header(*name, *value);
    }
    client.send_request(request.body(()).unwrap(), false).unwrap()
}

pub fn framed(message: &[u8]) -> Bytes {
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame.into()
}

/// Head, body, and what ended it.
pub async fn answer(response: ResponseFuture) -> (HeaderMap, Vec<u8>, HeaderMap) {
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap().unwrap_or_default();
    (head.headers, all, trailers)
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    Whole,
    /// The rest follows when the server has seen the beginning.
    InPieces,
    WithTrailers,
    WithDeadline,
}

async fn ask(client: &mut SendRequest<Bytes>, path: &str, body: &Bytes, sent: Sent) -> (HeaderMap, Vec<u8>, HeaderMap) {
    let deadline = [("grpc-timeout", "10S")];
    let (response, mut stream) = open(client, path, if sent == Sent::WithDeadline { &deadline } else { &[] });
    match sent {
        Sent::Whole | Sent::WithDeadline => stream.send_data(body.clone(), true).unwrap(),
        Sent::WithTrailers => {
            stream.send_data(body.clone(), false).unwrap();
            let _ = stream.send_trailers(HeaderMap::new());
        }
        Sent::InPieces => {
            stream.send_data(body.slice(..body.len() / 2), false).unwrap();
            // Once another request is answered, this much has come.
            let (other, mut whole) = open(client, DECIDE, &[]);
            whole.send_data(framed(&question("x", "a", "read").encode_to_vec()), true).unwrap();
            answer(other).await;
            // By then it may have been refused.
            let _ = stream.send_data(body.slice(body.len() / 2..), true);
        }
    }
    answer(response).await
}

/// The answer without what differs from one call to the next.
#[derive(Debug, PartialEq)]
enum Comparable {
    Nothing,
    Decided(Box<DecideResponse>),
    Checked(CheckResourcesResponse),
}

fn comparable(path: &str, (head, body, end): (HeaderMap, Vec<u8>, HeaderMap)) -> (HeaderMap, Comparable, HeaderMap) {
    let message = body.get(5..);
    let message = match (message, path) {
        (None, _) => Comparable::Nothing,
        (Some(message), DECIDE) => {
            let mut answer = DecideResponse::decode(message).unwrap();
            assert_eq!(std::mem::take(&mut answer.decision_id).len(), 26);
            Comparable::Decided(Box::new(answer))
        }
        (Some(message), _) => {
            let mut answer = CheckResourcesResponse::decode(message).unwrap();
            assert_eq!(std::mem::take(&mut answer.cerbos_call_id).len(), 26);
            Comparable::Checked(answer)
        }
    };
    (head, message, end)
}

#[tokio::test]
async fn an_answer_does_not_depend_on_how_the_request_came_in() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut client = connect(&pdp.grpc, &Builder::new()).await;
    let good = question("c", "a", "read").encode_to_vec();
    let checked = check_request("mcp::a", &["read", "write"]).encode_to_vec();
    let cases: [(&str, &str, Bytes, bool); 8] = [
        ("an allow", DECIDE, framed(&good), true),
        ("a deny", DECIDE, framed(&question("c", "a", "write").encode_to_vec()), true),
        ("a check", CHECK, framed(&checked), true),
        ("what breaks rules", DECIDE, framed(&DecideRequest::default().encode_to_vec()), false),
        ("what is no message", CHECK, framed(b"\xff\xff\xff"), false),
        ("two messages, of which the first counts", DECIDE, [framed(&good), framed(&good)].concat().into(), true),
        ("less than it says", DECIDE, framed(&good).slice(..good.len()), false),
        ("a flag for compression", CHECK, [&[1][..], &framed(&checked)[1..]].concat().into(), false),
    ];
    for (what, path, body, fine) in cases {
        let status = |a: &(HeaderMap, Comparable, HeaderMap)| {
            a.0.get("grpc-status").or(a.2.get("grpc-status")).unwrap().to_str().unwrap().to_owned()
        };
        let whole = comparable(path, ask(&mut client, path, &body, Sent::Whole).await);
        assert_eq!(status(&whole) == "0", fine, "{what}: {whole:?}");
        for sent in [Sent::InPieces, Sent::WithTrailers, Sent::WithDeadline] {
            let other = comparable(path, ask(&mut client, path, &body, sent).await);
            if fine {
                assert_eq!(whole, other, "{what}, {sent:?}");
            } else {
                assert_eq!(status(&whole), status(&other), "{what}, {sent:?}: {other:?}");
            }
        }
    }
}

pub async fn read_all(mut body: RecvStream, from: &mut Vec<u8>) -> Vec<DecideResponse> {
    let mut answers = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        from.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len()).unwrap();
        while from.len() >= 5 && from.len() - 5 >= (&from[1..5]).get_u32() as usize {
            let message: Vec<u8> = from.drain(..5 + (&from[1..5]).get_u32() as usize).skip(5).collect();
            answers.push(DecideResponse::decode(message.as_slice()).unwrap());
        }
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    answers
}

#[tokio::test]
async fn a_stream_keeps_its_order_whatever_pieces_it_comes_in_and_however_little_the_client_takes() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    // The library takes no end of small frames that nobody reads.
    for (questions, piece) in [(3000, 1 << 20), (3000, 16_384), (3000, 701), (40, 3), (40, 1)] {
        let mut all = Vec::new();
        for n in 0..questions {
            let tool = if n % 3 == 0 { "write" } else { "read" };
            // Every tenth is no message: it is refused in its place.
            let good = question(&n.to_string(), "a", tool).encode_to_vec();
            all.extend_from_slice(&framed(&if n % 10 == 7 { vec![0xff; n % 5 + 1] } else { good }));
        }
        // Fewer bytes than one answer has.
        let mut client = connect(&pdp.grpc, Builder::new().initial_window_size(100)).await;
        let (response, mut stream) = open(&mut client, STREAM, &[]);
        let mut rest = Bytes::from(all);
        let sent = tokio::spawn(async move {
            while !rest.is_empty() {
                stream.reserve_capacity(piece);
                while stream.capacity() == 0 {
                    std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
                }
                let len = piece.min(rest.len()).min(stream.capacity());
                stream.send_data(rest.split_to(len), false).unwrap();
            }
            stream.send_data(Bytes::new(), true).unwrap();
        });
        let mut partial = Vec::new();
        let answers = read_all(response.await.unwrap().into_body(), &mut partial).await;
        sent.await.unwrap();
        assert!(partial.is_empty());
        assert_eq!(answers.len(), questions);
        for (n, answer) in answers.iter().enumerate() {
            if n % 10 == 7 {
                assert!(answer.error.is_some() && answer.verdict() == Verdict::Deny, "{n}: {answer:?}");
            } else {
                let wanted = if n % 3 == 0 { Verdict::Deny } else { Verdict::Allow };
                assert_eq!((answer.call_id.as_str(), answer.verdict()), (n.to_string().as_str(), wanted));
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_or_is_no_stream_is_answered_up_to_there_and_ended() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let good = framed(&question("c", "a", "read").encode_to_vec());
    let ends: [(&str, Bytes, &str); 4] = [
        ("half a question", good.slice(..good.len() / 2), "13"),
        ("half a head", good.slice(..3), "13"),
        ("a flag for compression", [&[1][..], &good[1..]].concat().into(), "13"),
        ("a question beyond the limit", Bytes::from_static(&[0, 0xff, 0, 0, 0]), "8"),
    ];
    let mut client = connect(&pdp.grpc, &Builder::new()).await;
    for (what, end, status) in ends {
        let (response, mut stream) = open(&mut client, STREAM, &[]);
        stream.send_data(good.clone(), false).unwrap();
        stream.send_data(end, true).unwrap();
        let (_, body, trailers) = answer(response).await;
        assert_eq!(trailers["grpc-status"], status, "{what}");
        assert_eq!(DecideResponse::decode(&body[5..]).unwrap().verdict(), Verdict::Allow, "{what}");
        assert_eq!(body.len(), 5 + (&body[1..5]).get_u32() as usize, "{what}");
    }
}
