//! The gRPC port answers what is hot on the connection's own task; the HTTP port answers the same calls by way of the
//! gRPC library. Nobody but a stopwatch can tell them apart: heads, messages, trailers, rows of the audit log, metrics
//! and spans are those of the same call.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::HeaderMap;
use prost::Message as _;
use serde_json::{Value, json};
use toolgate::config::Address;
use toolgate::proto::cerbos::audit::v1::RequestContext;
use toolgate::proto::cerbos::response::v1::CheckResourcesResponse;
use toolgate::proto::toolgate::v1::{DecideRequest, DecideResponse};
use toolgate::telemetry::Tracing;

use crate::audit::Log;
use crate::direct::{CHECK, DECIDE, STREAM, answer, connect, framed, open, policies};
use crate::support::{Pdp, check_request, question};
use crate::trace::collector;

/// One call: what it shows, its method, its headers, and what is sent.
struct Case {
    what: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Bytes,
}

const PLAIN: &[(&str, &str)] = &[];

fn gzipped(message: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(message).unwrap();
    let mut frame = framed(&encoder.finish().unwrap()).to_vec();
    frame[0] = 1;
    frame.into()
}

fn cases() -> Vec<Case> {
    let case = |what, path, headers, body| Case { what, path, headers, body };
    let good = question("c", "a", "read").encode_to_vec();
    let denied = question("c", "a", "write").encode_to_vec();
    let asked = check_request("mcp::a", &["read", "write"]);
    let checked = asked.encode_to_vec();
    let annotated = {
        let annotations = HashMap::from([("case".to_owned(), prost_types::Value::from(7))]);
        let context = RequestContext { annotations };
        [checked.clone(), field(6, &context.encode_to_vec())].concat()
    };
    let digest = DecideRequest { include_digest: true, ..question("d", "a", "read") }.encode_to_vec();
    let known = &[("x-case", "7"), ("user-agent", "me"), ("x-forwarded-for", "9.9.9.9"), ("authorization", "Bearer x")];
    let many = [framed(&good), framed(&[0xff]), framed(&denied), framed(&[]), framed(&digest)].concat();
    vec![
        case("an allow", DECIDE, PLAIN, framed(&good)),
        case("a deny", DECIDE, known, framed(&denied)),
        case("a digest", DECIDE, PLAIN, framed(&digest)),
        case("a check", CHECK, known, framed(&checked)),
        case("with annotations", CHECK, PLAIN, framed(&annotated)),
        case("what breaks rules", DECIDE, known, framed(&DecideRequest::default().encode_to_vec())),
        case("what breaks a rule of the other", CHECK, PLAIN, framed(&check_request("mcp::a", &[]).encode_to_vec())),
        case("too many actions", CHECK, PLAIN, framed(&check_request("mcp::a", &["x"; 51]).encode_to_vec())),
        case("what is no message", CHECK, PLAIN, framed(b"\xff\xff\xff")),
        case("nothing at all", DECIDE, PLAIN, Bytes::new()),
        case("an empty message", CHECK, PLAIN, framed(&[])),
        case("less than it says", DECIDE, PLAIN, framed(&good).slice(..good.len())),
        case("two messages", DECIDE, PLAIN, [framed(&good), framed(&denied)].concat().into()),
        case("compressed, and said so", DECIDE, &[("grpc-encoding", "gzip")], gzipped(&good)),
        case("compressed, and not said so", DECIDE, PLAIN, gzipped(&good)),
        case("said to be compressed, and not", CHECK, &[("grpc-encoding", "gzip")], framed(&checked)),
        case("an unknown encoding", CHECK, &[("grpc-encoding", "zzz")], framed(&checked)),
        case("no encoding by name", CHECK, &[("grpc-encoding", "identity")], framed(&checked)),
        case("too large", DECIDE, PLAIN, Bytes::from_static(&[0, 0, 0xff, 0, 0, 1])),
        case("a deadline", DECIDE, &[("grpc-timeout", "10S")], framed(&good)),
        case("a deadline that is over", DECIDE, &[("grpc-timeout", "0n")], framed(&good)),
        case("a deadline that is none", CHECK, &[("grpc-timeout", "soon")], framed(&checked)),
        case("a query", DECIDE, PLAIN, framed(&good)),
        case("another method of the service", "/toolgate.v1.ToolCallService/Nope", PLAIN, framed(&good)),
        case("another service", "/nowhere.Nothing/At", PLAIN, framed(&good)),
        case("a stream", STREAM, known, many.clone().into()),
        case("an empty stream", STREAM, PLAIN, Bytes::new()),
        case("a stream that breaks off", STREAM, PLAIN, many[..many.len() - 3].to_vec().into()),
        case("a stream with a flag", STREAM, PLAIN, [&many[..], &[1, 0, 0, 0, 0]].concat().into()),
        case("a stream with too large a question", STREAM, PLAIN, [&many[..], &[0, 0xff, 0, 0, 0]].concat().into()),
        case("a stream that is compressed", STREAM, &[("grpc-encoding", "gzip")], gzipped(&good)),
        case("a stream whose deadline is over", STREAM, &[("grpc-timeout", "0n")], many.into()),
    ]
}

/// A field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A message without what differs from one call to the next, and whether it came compressed.
#[derive(Debug, PartialEq)]
enum Message {
    Decided(bool, Box<DecideResponse>),
    Checked(bool, CheckResourcesResponse),
}

type Answered = (HeaderMap, Vec<Message>, HeaderMap);

async fn ask(client: &mut SendRequest<Bytes>, case: &Case) -> Answered {
    let path = if case.what == "a query" { format!("{}?x=1", case.path) } else { case.path.into() };
    let (response, mut stream) = open(client, &path, case.headers);
    // It may have been refused by then.
    let _ = stream.send_data(case.body.clone(), true);
    let (mut head, body, trailers) = answer(response).await;
    // The HTTP library's.
    head.remove("date");
    let mut messages = Vec::new();
    let mut rest = body.as_slice();
    while let Some((frame, after)) = rest.split_first_chunk::<5>() {
        let (message, after) = after.split_at(u32::from_be_bytes(frame[1..].try_into().unwrap()) as usize);
        messages.push(comparable(case, frame[0] == 1, message));
        rest = after;
    }
    assert!(rest.is_empty(), "{}", case.what);
    (head, messages, trailers)
}

fn comparable(case: &Case, compressed: bool, message: &[u8]) -> Message {
    let mut plain = Vec::new();
    if compressed {
        std::io::copy(&mut flate2::read::GzDecoder::new(message), &mut plain).unwrap();
    } else {
        plain.extend_from_slice(message);
    }
    if case.path == CHECK {
        let mut answer = CheckResourcesResponse::decode(&*plain).unwrap();
        assert_eq!(std::mem::take(&mut answer.cerbos_call_id).len(), 26);
        return Message::Checked(compressed, answer);
    }
    let mut answer = DecideResponse::decode(&*plain).unwrap();
    assert_eq!(std::mem::take(&mut answer.decision_id).len(), 26);
    Message::Decided(compressed, Box::new(answer))
}

/// A row without what differs from one call to the next; ids are replaced by the order in which they appear.
fn plain(rows: Vec<Value>) -> Vec<Value> {
    fn walk(value: &mut Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    match (name.as_str(), &*member) {
                        ("timestamp" | "log.timestamp" | "@timestamp", _) => *member = json!("then"),
                        ("address", Value::String(at)) => {
                            assert!(at.starts_with("127.0.0.1:"), "{at}");
                            *member = json!("127.0.0.1:0");
                        }
                        (":authority" | "directory", _) => *member = json!("here"),
                        ("callId", Value::String(id)) if id.len() == 26 => {
                            let at = ids.iter().position(|i| i == id).unwrap_or_else(|| {
                                ids.push(id.clone());
                                ids.len() - 1
                            });
                            *member = json!(at);
                        }
                        _ => walk(member, ids),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|i| walk(i, ids)),
            _ => {}
        }
    }
    let (mut rows, mut ids) = (rows, Vec::new());
    for row in &mut rows {
        walk(row, &mut ids);
    }
    rows
}

/// What was counted: all that neither depends on time nor on the machine.
fn counts(pdp: &Pdp) -> Vec<String> {
    let text = pdp.service.render_metrics();
    let varies = ["_bucket", "_sum", "process_", "_seconds", "refresh", "poll_count", "queue_bytes", "# "];
    let lines = text.lines().filter(|l| {
        let durations = l.starts_with("toolgate_decision_duration_seconds_count");
        durations || !varies.iter().any(|v| l.contains(v))
    });
    lines.map(str::to_owned).collect()
}

/// All cases one after the other; what came back, the rows, and the counts.
async fn all(port: fn(&Pdp) -> &Address) -> (Vec<Answered>, Vec<Value>, Vec<String>) {
    let (policies, log) = (policies(), Log::new());
    let set = format!("{},audit.decisionLogsEnabled=true", log.set());
    let pdp = Pdp::start_with(policies.path(), &[&set, "audit.includeMetadataKeys={x-case,authorization}"]).await;
    let mut client = connect(port(&pdp), &Builder::new()).await;
    let mut answers = Vec::new();
    for case in cases() {
        answers.push(ask(&mut client, &case).await);
    }
    let rows = log.rows(&pdp);
    (answers, rows, counts(&pdp))
}

#[tokio::test]
async fn answers_rows_and_counts_are_the_same() {
    let (direct, direct_rows, direct_counts) = all(|pdp| &pdp.grpc).await;
    let (library, library_rows, library_counts) = all(|pdp| &pdp.http).await;
    for ((case, direct), library) in cases().iter().zip(direct).zip(library) {
        assert_eq!(direct, library, "{}", case.what);
    }
    assert!(direct_rows.len() > 40, "{}", direct_rows.len());
    for (direct, library) in plain(direct_rows).into_iter().zip(plain(library_rows)) {
        assert_eq!(direct, library);
    }
    assert!(direct_counts.iter().any(|l| l.contains("decision_duration_seconds_count") && !l.ends_with(" 0")));
    assert_eq!(direct_counts, library_counts);
}

#[tokio::test]
async fn evidence_is_kept_or_nothing_is_answered() {
    let policies = policies();
    let set = "audit.enabled=true,audit.backend=file,audit.file.path=/dev/full,audit.onFailure=evidence";
    let pdp = Pdp::start_with(policies.path(), &[set]).await;
    let (mut direct, mut library) =
        (connect(&pdp.grpc, &Builder::new()).await, connect(&pdp.http, &Builder::new()).await);
    let cases = cases();
    ask(&mut direct, &cases[0]).await;
    while !pdp.service.audit().unwrap().is_down() {
        tokio::task::yield_now().await;
    }
    for case in cases {
        let (seen, wanted) = (ask(&mut direct, &case).await, ask(&mut library, &case).await);
        assert_eq!(seen, wanted, "{}", case.what);
        // Nothing but a stream without questions is answered at all, and that with nothing.
        let refused = |m: &Message| matches!(m, Message::Decided(_, answer) if answer.error.is_some());
        assert!(seen.1.iter().all(refused), "{}: {seen:?}", case.what);
    }
}

/// The spans of all cases, each with a parent of its own: names, parents, statuses, and what they say.
async fn spans(port: fn(&Pdp) -> &Address) -> Vec<String> {
    let (collector, endpoint) = collector().await;
    let variables = HashMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())]);
    let tracing = Tracing::open(&|name| variables.get(name).map(|v| (*v).to_owned())).unwrap().unwrap();
    let tracing = Arc::new(tracing);
    let policies = policies();
    let pdp = Pdp::start_traced(policies.path(), Arc::clone(&tracing)).await;
    let mut client = connect(port(&pdp), &Builder::new()).await;
    for (n, case) in cases().iter().enumerate() {
        // Every fourth is of a trace that nobody samples.
        let parent = format!("00-{:032x}-{:016x}-0{}", n + 1, n + 1, u8::from(n % 4 != 3));
        let (response, mut stream) = open(&mut client, case.path, &[("traceparent", &parent)]);
        let _ = stream.send_data(case.body.clone(), true);
        answer(response).await;
    }
    tokio::task::spawn_blocking(move || tracing.close()).await.unwrap();
    let spans = collector.0.lock().unwrap().clone();
    let mut spans: Vec<String> = spans
        .into_iter()
        .map(|(_, s)| {
            let root = s.name.contains('/').then_some(&s.parent_span_id);
            format!("{:?} {} {root:?} {:?} {:?} {:?}", s.trace_id, s.name, s.kind, s.status, s.attributes)
        })
        .collect();
    spans.sort();
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_the_same() {
    let (direct, library) = (spans(|pdp| &pdp.grpc).await, spans(|pdp| &pdp.http).await);
    assert!(direct.len() > 30, "{direct:#?}");
    assert_eq!(direct, library);
}

#[tokio::test]
async fn a_server_that_goes_down_ends_what_was_begun() {
    for port in [(|pdp| &pdp.grpc) as fn(&Pdp) -> &Address, |pdp| &pdp.http] {
        let policies = policies();
        let mut pdp = Pdp::start(policies.path()).await;
        let mut client = connect(port(&pdp), &Builder::new()).await;
        let good = framed(&question("c", "a", "read").encode_to_vec());
        let (unary, mut begun) = open(&mut client, DECIDE, &[]);
        begun.send_data(good.slice(..20), false).unwrap();
        let (stream, mut questions) = open(&mut client, STREAM, &[]);
        questions.send_data(good.clone(), false).unwrap();
        let stream = stream.await.unwrap();
        // Another answer says that both have come.
        let (other, mut whole) = open(&mut client, DECIDE, &[]);
        whole.send_data(good.clone(), true).unwrap();
        answer(other).await;

        pdp.stop();
        let mut body = stream.into_body();
        let mut seen = Vec::new();
        while let Some(data) = body.data().await {
            seen.extend_from_slice(&data.unwrap());
        }
        assert!(seen.len() > 5, "what was asked is answered");
        let trailers = body.trailers().await.unwrap().unwrap();
        assert_eq!(trailers["grpc-status"], "14");
        // It was told to go elsewhere with the next one.
        while poll_fn(|cx| client.poll_ready(cx)).await.is_ok() {
            tokio::task::yield_now().await;
        }
        begun.send_data(good.slice(20..), true).unwrap();
        let (_, body, trailers) = answer(unary).await;
        assert_eq!((trailers["grpc-status"].to_str().unwrap(), body[0]), ("0", 0));
        pdp.down().await;
    }
}

#[tokio::test]
async fn who_gives_up_costs_nobody_else_an_answer() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = connect(address, &Builder::new()).await;
        let good = framed(&question("c", "a", "read").encode_to_vec());
        for n in 0..300 {
            let path = if n % 2 == 0 { DECIDE } else { STREAM };
            let mut ready = client.clone().ready().await.unwrap();
            let (given_up, mut stream) = open(&mut ready, path, &[]);
            let _ = stream.send_data(good.slice(..n % good.len()), false);
            let (kept, mut whole) = open(&mut client, DECIDE, &[]);
            whole.send_data(good.clone(), true).unwrap();
            stream.send_reset(h2::Reason::CANCEL);
            drop(given_up);
            let (_, body, trailers) = answer(kept).await;
            assert_eq!((trailers["grpc-status"].to_str().unwrap(), body[0]), ("0", 0));
        }
    }
}

#[tokio::test]
async fn heads_and_streams_are_bounded() {
    let policies = policies();
    let pdp = Pdp::start_with(policies.path(), &["server.advanced.grpc.maxConcurrentStreams=10"]).await;
    for address in [&pdp.grpc, &pdp.http] {
        // A client that does not heed what it is told.
        let mut client = connect(address, Builder::new().initial_max_send_streams(1000)).await;
        let large = "x".repeat(70_000);
        let (refused, _kept) = open(&mut client, DECIDE, &[("x-large", &large)]);
        let refused = refused.await.map(|r| r.status());
        assert!(refused.is_err() || refused.is_ok_and(|s| s == 431), "a head beyond the limit");
        let mut client = connect(address, &Builder::new()).await;
        let open_ones: Vec<_> = (0..10).map(|_| open(&mut client, STREAM, &[])).collect();
        // An eleventh waits for one of them to end.
        let good = framed(&question("c", "a", "read").encode_to_vec());
        let mut ended = open_ones.into_iter();
        for (response, mut questions) in ended.by_ref().take(1) {
            questions.send_data(good.clone(), true).unwrap();
            assert_eq!(answer(response).await.2["grpc-status"], "0");
        }
        let mut client = client.ready().await.unwrap();
        let (response, mut eleventh) = open(&mut client, STREAM, &[]);
        eleventh.send_data(good, true).unwrap();
        assert_eq!(answer(response).await.2["grpc-status"], "0");
    }
}

#[tokio::test]
async fn who_does_not_read_is_not_read_from_and_holds_up_nobody() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = connect(address, Builder::new().initial_connection_window_size(1 << 20)).await;
        // Small ones, of which many fit into a window: they must not be taken for an attack with small frames.
        let good = framed(&question("c", "a", "read").encode_to_vec());
        let (response, mut questions) = open(&mut client, STREAM, &[]);
        let body = response.await.unwrap().into_body();
        // As much as is taken, until nothing more is over many answers to others.
        let (mut sent, mut idle) = (0, 0);
        while idle < 200 {
            questions.reserve_capacity(good.len());
            let room = poll_fn(|cx| {
                let _ = questions.poll_capacity(cx);
                std::task::Poll::Ready(questions.capacity())
            })
            .await;
            if room >= good.len() {
                questions.send_data(good.clone(), false).unwrap();
                (sent, idle) = (sent + 1, 0);
                assert!(sent * good.len() < 16 << 20, "what is in flight has no bound");
                continue;
            }
            idle += 1;
            let mut ready = client.clone().ready().await.unwrap();
            let (other, mut whole) = open(&mut ready, DECIDE, &[]);
            whole.send_data(good.clone(), true).unwrap();
            assert_eq!(answer(other).await.2["grpc-status"], "0");
        }
        // All of it is answered once it is read.
        questions.send_data(Bytes::new(), true).unwrap();
        let mut partial = Vec::new();
        let answers = crate::direct::read_all(body, &mut partial).await;
        assert_eq!(answers.len(), sent);
    }
}
