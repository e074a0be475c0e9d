//! The audit log from outside: rows of every protocol, questions to the store, and what is left after a kill.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tonic::Code;
use toolgate::proto::cerbos::audit::v1::decision_log_entry;
use toolgate::proto::cerbos::request::v1::ListAuditLogEntriesRequest;
use toolgate::proto::cerbos::request::v1::list_audit_log_entries_request::{Filter, TimeRange};
use toolgate::proto::cerbos::response::v1::list_audit_log_entries_response::Entry;
use toolgate::proto::cerbos::svc::v1::cerbos_admin_service_client::CerbosAdminServiceClient;
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;

use crate::support::{Answer, Pdp, Policies, allowing, check_request, question};

pub struct Log(tempfile::TempDir);

impl Log {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("audit.log")
    }

    pub fn set(&self) -> String {
        format!("audit.enabled=true,audit.backend=file,audit.file.path={}", self.path().display())
    }

    /// What is written once everything before is.
    pub fn rows(&self, pdp: &Pdp) -> Vec<Value> {
        pdp.service.audit().unwrap().flush(std::time::Duration::MAX);
        let text = std::fs::read_to_string(self.path()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn of_kind<'r>(rows: &'r [Value], kind: &str) -> Vec<&'r Value> {
    rows.iter().filter(|r| r["log.kind"] == kind).collect()
}

fn tool_call(tool: &str) -> String {
    json!({
        "callId": "c1",
        "identity": {"id": "alice", "roles": ["agent"]},
        "tool": {"server": "a", "name": tool},
        "arguments": {"path": "/x", "apiKey": "s3cr3t"},
    })
    .to_string()
}

const CHECK: &str = r#"{"requestId":"r1","principal":{"id":"alice","roles":["agent"]},"resources":[{"actions":["read","write"],"resource":{"kind":"mcp::a","id":"1"}}],"requestContext":{"annotations":{"case":7}}}"#;

#[tokio::test]
async fn every_protocols_calls_and_decisions_have_rows() {
    let (policies, log) = (Policies::new(&[("a.yaml", &allowing("a", "read"))]), Log::new());
    let pdp = Pdp::start_with(policies.path(), &[&log.set(), "audit.includeMetadataKeys={x-case,authorization}"]).await;
    let headers =
        [("x-case", "7"), ("authorization", "Bearer x"), ("user-agent", "me"), ("x-forwarded-for", "9.9.9.9")];

    let checked = pdp.send_with(Method::POST, "/api/check/resources", &headers, CHECK).await.json();
    let decided = pdp.post("/v1/decide", tool_call("write")).await.json();
    let authzen =
        r#"{"subject":{"type":"agent","id":"alice"},"resource":{"type":"mcp::a","id":"1"},"action":{"name":"read"}}"#;
    let json = [("content-type", "application/json")];
    assert_eq!(pdp.send_with(Method::POST, "/access/v1/evaluation", &json, authzen).await.json()["decision"], true);
    let mut grpc = CerbosServiceClient::new(pdp.channel().await);
    grpc.check_resources(check_request("mcp::a", &["read"])).await.unwrap();
    let plan = r#"{"requestId":"p","actions":["read"],"principal":{"id":"alice","roles":["agent"]},"resource":{"kind":"mcp::a"}}"#;
    pdp.post("/api/plan/resources", plan).await;
    let batch = json!({"calls": [serde_json::from_str::<Value>(&tool_call("read")).unwrap(), {"callId": "bad"}]});
    let batch = pdp.post("/v1/decide/batch", batch.to_string()).await.json();

    let rows = log.rows(&pdp);
    let (access, decisions) = (of_kind(&rows, "access"), of_kind(&rows, "decision"));
    let methods: Vec<&str> = access.iter().map(|r| r["method"].as_str().unwrap()).collect();
    assert_eq!(
        methods,
        [
            "/cerbos.svc.v1.CerbosService/CheckResources",
            "/toolgate.v1.ToolCallService/Decide",
            "/authzen.authorization.v1.AuthorizationService/AccessEvaluation",
            "/cerbos.svc.v1.CerbosService/CheckResources",
            "/cerbos.svc.v1.CerbosService/PlanResources",
            "/toolgate.v1.ToolCallService/DecideBatch",
        ]
    );
    assert_eq!(decisions.len(), 7, "{decisions:#?}");

    // The Cerbos API: one id for the answer, the call and the decision.
    let first = decisions[0];
    assert_eq!((&first["callId"], &access[0]["callId"]), (&checked["cerbosCallId"], &checked["cerbosCallId"]));
    assert_eq!(first["metadata"], json!({"x-case": {"values": ["7"]}}));
    assert_eq!(first["peer"]["userAgent"], "me");
    assert_eq!(first["peer"]["forwardedFor"], "9.9.9.9, 127.0.0.1");
    assert!(first["peer"]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(first["requestContext"], json!({"annotations": {"case": 7}}));
    assert_eq!(access[0]["requestContext"], first["requestContext"]);
    assert_eq!(first["toolgate"]["revision"], decided["revision"]);
    let reasons = &first["toolgate"]["reasons"][0];
    assert!(reasons["read"].as_str().unwrap().starts_with("allowed by rule `reads` (a.yaml:"), "{reasons}");
    let effects = &first["checkResources"]["outputs"][0]["actions"];
    assert_eq!(
        (&effects["read"]["effect"], &effects["write"]["effect"]),
        (&json!("EFFECT_ALLOW"), &json!("EFFECT_DENY"))
    );

    // A tool call: its verdict, its reason, a digest of the arguments, and no secret among them.
    let tool = decisions[1];
    assert_eq!((&tool["callId"], &tool["callId"]), (&decided["decisionId"], &access[1]["callId"]));
    assert_eq!(
        (&tool["toolgate"]["reason"], &tool["toolgate"]["verdict"]),
        (&decided["reason"], &json!("VERDICT_DENY"))
    );
    assert_eq!(tool["toolgate"]["argumentsSha256"].as_str().map(str::len), Some(64));
    let arguments = &tool["checkResources"]["inputs"][0]["resource"]["attr"]["arguments"];
    assert_eq!(*arguments, json!({"path": "/x", "apiKey": "[redacted]"}));

    assert_eq!(decisions[3]["peer"].get("forwardedFor"), None);
    assert_eq!(decisions[4]["planResources"]["output"]["filter"]["kind"], "KIND_ALWAYS_ALLOWED");
    // Parts of a batch have ids of their own, and name the call.
    for (n, row) in decisions[5..].iter().enumerate() {
        assert_eq!(row["callId"], batch["results"][n]["decisionId"]);
        assert_eq!(row["toolgate"]["callId"], access[5]["callId"]);
    }
    assert!(decisions[6]["checkResources"]["error"].as_str().unwrap().contains("identity"), "{}", decisions[6]);
}

#[tokio::test]
async fn refused_calls_have_rows_that_say_why_and_streams_have_one_a_decision() {
    let (policies, log) = (Policies::new(&[("a.yaml", &allowing("a", "read"))]), Log::new());
    let pdp = Pdp::start_with(policies.path(), &[&log.set()]).await;
    assert_eq!(pdp.post("/api/check/resources", "{}").await.status, 400);
    assert_eq!(pdp.get("/api/check/resources").await.status, 501);
    let mut grpc = CerbosServiceClient::new(pdp.channel().await);
    let refused = grpc.check_resources(check_request("mcp::a", &[])).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut calls = ToolCallServiceClient::new(pdp.channel().await);
    let questions = tokio_stream::iter([question("1", "a", "read"), question("2", "a", "write")]);
    let answers: Vec<_> = calls.decide_stream(questions).await.unwrap().into_inner().collect().await;
    // None of these is a call.
    for path in ["/_cerbos/health", "/_cerbos/metrics", "/v1/status", "/nowhere", "/api/nowhere"] {
        pdp.get(path).await;
    }

    let rows = log.rows(&pdp);
    let access = of_kind(&rows, "access");
    let seen: Vec<_> = access.iter().map(|r| (r["statusCode"].as_i64(), r["toolgate"]["reason"].as_str())).collect();
    let missing = "validation errors:\n - principal: value is required\n - resources: value is required";
    assert_eq!(seen[0], (Some(3), Some(missing)));
    assert_eq!(seen[1], (Some(12), Some("Method Not Allowed")));
    assert_eq!(seen[2], (Some(3), Some("validation error: resources[0].actions: value is required")));
    assert_eq!(seen[3], (None, None));
    assert_eq!(seen.len(), 4, "{access:#?}");
    let decisions = of_kind(&rows, "decision");
    let ids: Vec<_> = answers.into_iter().map(|a| json!(a.unwrap().decision_id)).collect();
    assert_eq!(decisions.iter().map(|r| r["callId"].clone()).collect::<Vec<_>>(), ids);
    assert!(decisions.iter().all(|r| r["toolgate"]["callId"] == access[3]["callId"]));
}

#[tokio::test]
async fn who_asks_for_a_trace_is_recorded_like_anybody() {
    let (policies, log) = (Policies::new(&[("a.yaml", &allowing("a", "read"))]), Log::new());
    let pdp = Pdp::start_with(policies.path(), &[&log.set()]).await;
    let call = tool_call("read").replacen('{', r#"{"includeTrace": true, "#, 1);
    let decided = pdp.post("/v1/decide", call).await.json();
    let rows = log.rows(&pdp);
    let [row] = of_kind(&rows, "decision")[..] else { panic!("{rows:?}") };
    assert_eq!((&row["callId"], &row["toolgate"]["verdict"]), (&decided["decisionId"], &json!("VERDICT_ALLOW")));
    assert!(row["auditTrail"]["effectivePolicies"].get("resource.mcp::a.vdefault").is_some());
}

#[tokio::test]
async fn evidence_refuses_what_cannot_be_written_and_availability_does_not() {
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    for (how, refuses) in [("evidence", true), ("availability", false)] {
        let set = format!("audit.enabled=true,audit.backend=file,audit.file.path=/dev/full,audit.onFailure={how}");
        let pdp = Pdp::start_with(policies.path(), &[&set]).await;
        let answer = pdp.post("/v1/decide", tool_call("read")).await;
        if !refuses {
            assert_eq!(answer.status, 200);
            pdp.service.audit().unwrap().flush(std::time::Duration::MAX);
            let metrics = pdp.get("/_cerbos/metrics").await;
            assert!(metrics.text().contains("toolgate_audit_entries_lost_total{kind=\"decision\"} 1"), "{metrics:?}");
            continue;
        }
        // The first may still be answered: it was queued before the output failed.
        while !pdp.service.audit().unwrap().is_down() {
            tokio::task::yield_now().await;
        }
        let refused = pdp.post("/v1/decide", tool_call("read")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["message"].as_str()),
            (503, Some("audit log cannot be written"))
        );
        let mut grpc = CerbosServiceClient::new(pdp.channel().await);
        let refused = grpc.check_resources(check_request("mcp::a", &["read"])).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "audit log cannot be written"));
        assert!(pdp.get("/_cerbos/metrics").await.text().contains("toolgate_audit_failing 1"));
    }
}

fn admin() -> String {
    let hash = STANDARD.encode(bcrypt::hash("secret", 4).unwrap());
    format!(
        "server.adminAPI.enabled=true,server.adminAPI.adminCredentials.username=admin,\
         server.adminAPI.adminCredentials.passwordHash={hash}"
    )
}

async fn list(pdp: &Pdp, path: &str) -> Answer {
    let header = format!("Basic {}", STANDARD.encode("admin:secret"));
    pdp.send_with(Method::GET, &format!("/admin/auditlog/list/{path}"), &[("authorization", &header)], "").await
}

fn lines(answer: &Answer) -> Vec<Value> {
    answer.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[tokio::test]
async fn the_store_answers_over_both_transports() {
    let (policies, log) = (Policies::new(&[("a.yaml", &allowing("a", "read"))]), Log::new());
    let set = format!("audit.enabled=true,audit.backend=local,audit.local.storagePath={}", log.0.path().display());
    let pdp = Pdp::start_with(policies.path(), &[&set, &admin()]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(pdp.post("/api/check/resources", CHECK).await.json()["cerbosCallId"].clone());
    }
    // Ids made within one millisecond are in no order, and rows are in that of their ids.
    ids.sort_by_key(ToString::to_string);
    let called = |answer: &Answer, kind: &str| {
        lines(answer).iter().map(|l| l["result"][kind]["callId"].clone()).collect::<Vec<_>>()
    };
    let tail = list(&pdp, "KIND_DECISION?tail=2").await;
    assert_eq!(tail.headers["content-type"], "application/x-ndjson");
    assert_eq!(called(&tail, "decisionLogEntry"), [ids[2].clone(), ids[1].clone()]);
    assert_eq!(called(&list(&pdp, "1?since=1h").await, "accessLogEntry"), ids);
    let between = "KIND_ACCESS?between.start=2020-01-01T00:00:00Z&between.end=2020-01-02T00:00:00Z";
    assert_eq!(list(&pdp, between).await.text(), "");
    let id = ids[1].as_str().unwrap();
    assert_eq!(called(&list(&pdp, &format!("2?lookup={id}")).await, "decisionLogEntry"), [json!(id)]);

    for (path, status, code, message) in [
        ("KIND_X?tail=1", 400, 3, "type mismatch, parameter: kind, error: KIND_X is not valid"),
        ("KIND_ACCESS?tail=1&lookup=x", 400, 3, "field already set for oneof \"filter\""),
        ("KIND_ACCESS?since=x", 400, 3, "parsing field \"since\": time: invalid duration \"x\""),
    ] {
        let refused = list(&pdp, path).await;
        let body = refused.json();
        assert_eq!((refused.status.as_u16(), &body["code"], &body["message"]), (status, &json!(code), &json!(message)));
    }
    let range = "must be greater than or equal to 1 and less than or equal to 1000";
    for (path, message) in [
        ("KIND_ACCESS", "validation error: filter: exactly one field is required in oneof".to_owned()),
        ("0?tail=1", "validation error: kind: value is required".to_owned()),
        ("KIND_ACCESS?tail=1001", format!("validation error: tail: {range}")),
        ("KIND_ACCESS?tail=0", format!("validation error: tail: {range}")),
        ("KIND_ACCESS?between.start=2020-01-01T00:00:00Z", "validation error: between.end: value is required".into()),
        (
            "KIND_ACCESS?between.start=2020-01-01T00:00:00Z&between.end=2999-01-01T00:00:00Z",
            "validation error: between.end: must be less than now".into(),
        ),
        (
            "KIND_ACCESS?lookup=xx",
            "validation error: lookup: does not match regex pattern `^[0123456789ABCDEFGHJKMNPQRSTVWXYZ]{26}$`".into(),
        ),
    ] {
        let refused = list(&pdp, path).await;
        let error = &lines(&refused)[0]["error"];
        assert_eq!(
            (refused.status.as_u16(), &error["code"], &error["message"]),
            (400, &json!(3), &json!(message)),
            "{path}"
        );
    }
    let nobody = pdp.get("/admin/auditlog/list/KIND_ACCESS?tail=1").await;
    assert_eq!((nobody.status.as_u16(), &nobody.json()["error"]["code"]), (401, &json!(16)));

    let header: tonic::metadata::MetadataValue<_> =
        format!("Basic {}", STANDARD.encode("admin:secret")).parse().unwrap();
    let with_header = move |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("authorization", header.clone());
        Ok(request)
    };
    let mut client = CerbosAdminServiceClient::with_interceptor(pdp.channel().await, with_header);
    let asked = |kind, filter| ListAuditLogEntriesRequest { kind, filter: Some(filter) };
    let entries = client.list_audit_log_entries(asked(2, Filter::Lookup(id.into()))).await.unwrap().into_inner();
    let entries: Vec<_> = entries.collect().await;
    let [Ok(entry)] = entries.as_slice() else { panic!("{entries:?}") };
    let Some(Entry::DecisionLogEntry(entry)) = &entry.entry else { panic!("{entry:?}") };
    assert_eq!(entry.call_id, id);
    assert!(entry.timestamp.as_ref().unwrap().seconds > 1_700_000_000);
    assert_eq!(entry.peer.as_ref().unwrap().forwarded_for, "127.0.0.1");
    assert!(entry.audit_trail.as_ref().unwrap().effective_policies.contains_key("resource.mcp::a.vdefault"));
    let Some(decision_log_entry::Method::CheckResources(checked)) = &entry.method else { panic!("{entry:?}") };
    assert_eq!(checked.inputs[0].actions, ["read", "write"]);
    assert_eq!(checked.outputs[0].actions["write"].effect, 2);
    assert!(entry.toolgate.is_some());
    let early = Some(prost_types::Timestamp { seconds: 5, nanos: 0 });
    let none = client.list_audit_log_entries(asked(1, Filter::Between(TimeRange { start: early, end: early }))).await;
    assert_eq!(none.unwrap().into_inner().collect::<Vec<_>>().await.len(), 0);
    let refused = client.list_audit_log_entries(asked(1, Filter::Tail(0))).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn who_has_no_store_is_told_so() {
    let (policies, log) = (Policies::new(&[]), Log::new());
    for (set, message) in
        [(String::new(), "Audit logs are not enabled"), (log.set(), "Audit log backend does not support querying")]
    {
        let settings = [admin(), set];
        let set: Vec<&str> = settings.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        let pdp = Pdp::start_with(policies.path(), &set).await;
        let refused = list(&pdp, "KIND_ACCESS?tail=1").await;
        assert_eq!(
            (refused.status.as_u16(), &lines(&refused)[0]),
            (501, &json!({"error": {"code": 12, "message": message}}))
        );
    }
}

/// A server of its own process, and where it serves HTTP.
fn program(policies: &Path, set: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .arg("serve")
        .arg(policies)
        .args(["--log-format", "json", "--set", set])
        .args(["--set", "server.httpListenAddr=127.0.0.1:0", "--set", "server.grpcListenAddr=127.0.0.1:0"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while log.read_line(&mut line).unwrap() > 0 {
        if let Ok(said) = serde_json::from_str::<Value>(&line)
            && let Some(http) = said["http"].as_str()
        {
            // Whoever writes a log wants somebody to read it.
            let http = http.to_owned();
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return (child, http);
        }
        line.clear();
    }
    panic!("it never served");
}

/// One request over a connection that is kept. False if the server is gone.
fn ask(stream: &mut TcpStream, body: &str) -> bool {
    let request = format!("POST /v1/decide HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    if stream.write_all(request.as_bytes()).is_err() {
        return false;
    }
    let mut answer = [0; 4096];
    matches!(stream.read(&mut answer), Ok(n) if n > 0)
}

/// Asks over and over from several threads until the server is gone; says how often there was an answer.
fn load(http: &str, enough: &std::sync::mpsc::Sender<()>) -> Vec<std::thread::JoinHandle<usize>> {
    let body = tool_call("read");
    let worker = || {
        let (body, mut stream, enough) = (body.clone(), TcpStream::connect(http).unwrap(), enough.clone());
        std::thread::spawn(move || {
            let mut answered = 0;
            while ask(&mut stream, &body) {
                answered += 1;
                if answered == 300 {
                    let _ = enough.send(());
                }
            }
            answered
        })
    };
    (0..3).map(|_| worker()).collect()
}

/// Every line of a file but a last one that has no end.
fn whole_lines(path: &Path) -> (Vec<Value>, usize) {
    let text = std::fs::read(path).unwrap();
    let end = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let rows = text[..end].split(|b| *b == b'\n').filter(|l| !l.is_empty());
    (rows.map(|line| serde_json::from_slice(line).expect("a whole row")).collect(), text.len() - end)
}

#[test]
fn a_kill_leaves_a_valid_prefix_and_the_next_server_goes_on_after_it() {
    let (policies, log) = (Policies::new(&[("a.yaml", &allowing("a", "read"))]), Log::new());
    let (mut child, http) = program(policies.path(), &log.set());
    let (enough, reached) = std::sync::mpsc::channel();
    let workers = load(&http, &enough);
    reached.recv().unwrap();
    // SIGKILL, in the middle of it.
    child.kill().unwrap();
    child.wait().unwrap();
    let answered: usize = workers.into_iter().map(|w| w.join().unwrap()).sum();
    let (rows, _) = whole_lines(&log.path());
    assert!(!rows.is_empty() && rows.len() <= 2 * (answered + 3), "{} rows of {answered} answers", rows.len());

    // What a kill in the middle of a line would have left.
    std::fs::OpenOptions::new().append(true).open(log.path()).unwrap().write_all(b"{\"log.logger\":\"cerb").unwrap();
    let (mut child, http) = program(policies.path(), &log.set());
    assert!(ask(&mut TcpStream::connect(&http).unwrap(), &tool_call("read")));
    terminate(&mut child);
    let text = std::fs::read_to_string(log.path()).unwrap();
    let torn = text.lines().filter(|l| serde_json::from_str::<Value>(l).is_err()).count();
    assert_eq!(torn, 1);
    assert!(text.ends_with('\n') && text.lines().count() >= rows.len() + 3, "{}", text.lines().count());
}

fn terminate(child: &mut Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_orderly_end_loses_nothing() {
    let (policies, log) = (Policies::new(&[("a.yaml", &allowing("a", "read"))]), Log::new());
    for backend in ["file", "local"] {
        let set = if backend == "file" {
            log.set()
        } else {
            format!("audit.enabled=true,audit.backend=local,audit.local.storagePath={}", log.0.path().display())
        };
        let (mut child, http) = program(policies.path(), &set);
        let mut stream = TcpStream::connect(&http).unwrap();
        for _ in 0..200 {
            assert!(ask(&mut stream, &tool_call("read")));
        }
        drop(stream);
        terminate(&mut child);
    }
    let (rows, rest) = whole_lines(&log.path());
    assert_eq!((of_kind(&rows, "access").len(), of_kind(&rows, "decision").len(), rest), (200, 200, 0));
    let store = toolgate::audit::Rowstore::open(log.0.path()).unwrap();
    let mut found = 0;
    store
        .find(toolgate::audit::Kind::Decision, &toolgate::audit::Filter::Tail(1000), |_| {
            found += 1;
            true
        })
        .unwrap();
    assert_eq!(found, 200);
}
