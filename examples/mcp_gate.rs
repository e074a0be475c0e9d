//! An enforcement point in front of an MCP server that speaks over stdio: every tool call is put to Toolgate before the
//! server sees it, and the list of tools shows what could be allowed.
//!
//! ```sh
//! cargo run --example mcp_gate -- --pdp 127.0.0.1:3592 --server filesystem --id alice --role agent -- npx -y @modelcontextprotocol/server-filesystem /workspace
//! ```
//!
//! An MCP client runs it in place of the server. It is an example of what an enforcement point must do, in one file:
//!
//! 1. Read messages strictly, before anything acts on them: the server may read `Name` for `name`, or the second of two
//!    `arguments`.
//! 2. Say who asks from what is known here, not from what the message says.
//! 3. Let through nothing but an explicit allow. No answer, a late one, one that is not understood: a denial.
//! 4. Forward the very bytes that were judged: the digest in the verdict is that of what is sent on.
//! 5. Deny what cannot be carried out: this gate cannot ask a person, nor change arguments or results.

#![allow(clippy::indexing_slicing, reason = "members of JSON values that are not there read as null")]
#![expect(clippy::print_stderr, reason = "a program tells its user what is wrong")]

use std::collections::HashSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bumpalo::Bump;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use toolgate::wire::json::{mcp, mcp_list};
use toolgate::wire::limits::Limits;
use toolgate::wire::mcp::{Asked, Mcp};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Longer than any decision takes, shorter than any client waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Methods that do nothing but set up a session.
const PROTOCOL: &[&str] = &["initialize", "ping", "tools/list", "logging/setLevel"];

/// What was typed.
#[derive(Default)]
struct Typed {
    pdp: String,
    server: String,
    id: String,
    roles: Vec<String>,
    command: Vec<String>,
}

/// What both directions work with.
struct Gate {
    typed: Typed,
    /// Ids of requests for lists of tools whose answers are still to come.
    lists: Mutex<HashSet<Vec<u8>>>,
    client: Mutex<std::io::Stdout>,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mcp_gate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<ExitCode> {
    let typed = typed()?;
    let (program, arguments) = typed.command.split_first().ok_or("no command")?;
    let mut server = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run `{program}`: {e}"))?;
    let (mut to_server, from_server) =
        (server.stdin.take().ok_or("no stdin")?, server.stdout.take().ok_or("no stdout")?);
    let gate = Arc::new(Gate { typed, lists: Mutex::default(), client: Mutex::new(std::io::stdout()) });
    let back = Arc::clone(&gate);
    let answers = std::thread::spawn(move || {
        for line in BufReader::new(from_server).split(b'\n').map_while(Result::ok) {
            back.tell_client(&back.answered(line));
        }
    });
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match gate.asked(&line) {
            Ok(()) => {
                // The very bytes that were judged.
                to_server.write_all(&line)?;
                to_server.write_all(b"\n")?;
                to_server.flush()?;
            }
            Err(answer) => gate.tell_client(&answer),
        }
    }
    drop(to_server);
    let status = server.wait()?;
    let _ = answers.join();
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Gate {
    /// Whether a message of the client may go to the server; the answer to the client if it may not.
    fn asked(&self, line: &[u8]) -> Result<(), Vec<u8>> {
        let bump = Bump::new();
        let message = match mcp(line, &bump, Limits::default()) {
            Ok(([message], false)) => *message,
            Ok(_) => return Err(error(b"null", -32600, "a batch of messages: send one at a time")),
            Err(e) => return Err(error(b"null", -32600, &e.located())),
        };
        match message {
            Mcp::Notification { method } if method.starts_with("notifications/") => Ok(()),
            Mcp::Notification { method } => {
                Err(error(b"null", -32600, &format!("`{method}` is no notification: `id` is missing")))
            }
            Mcp::Response { .. } => Ok(()),
            Mcp::Request { id, asked } if PROTOCOL.contains(&asked.method) => {
                if asked.method == "tools/list" {
                    self.lists.lock().map_err(|_| error(id, -32603, "out of order"))?.insert(id.to_vec());
                }
                Ok(())
            }
            Mcp::Request { id, asked } => match self.allowed(&asked) {
                Ok(None) => Ok(()),
                Ok(Some(reason)) => Err(error(id, -32001, &reason)),
                Err(e) => Err(error(id, -32603, &format!("no decision, and therefore no call: {e}"))),
            },
        }
    }

    /// Asks Toolgate; the reason if the call is not allowed.
    fn allowed(&self, asked: &Asked<'_>) -> Fallible<Option<String>> {
        // Other methods than calls are judged by their name, as the adapters do it.
        let (tool, raw) = match asked.params.call {
            Some(call) if call.name.starts_with("mcp:") => return Err("a tool with a reserved name".into()),
            Some(call) => (call.name.to_owned(), call.raw),
            None => (format!("mcp:{}", asked.method), asked.params.raw),
        };
        let raw = if raw.is_empty() { b"{}" } else { raw };
        let question = format!(
            r#"{{"identity":{},"tool":{},"includeDigest":true,"arguments":{}}}"#,
            self.identity(),
            json!({"server": self.typed.server, "name": tool}),
            std::str::from_utf8(raw)?
        );
        let verdict = self.post("/v1/decide", question.as_bytes())?;
        let reason = verdict["reason"].as_str().unwrap_or("no reason given").to_owned();
        match verdict["verdict"].as_str() {
            Some("VERDICT_ALLOW") => {}
            Some("VERDICT_DENY") => return Ok(Some(reason)),
            Some("VERDICT_ASK") => {
                return Ok(Some(format!("a person must approve this, and nobody can be asked here: {reason}")));
            }
            _ => return Err("the answer holds no verdict".into()),
        }
        if verdict.get("obligations").is_some_and(|o| o.as_array().is_none_or(|o| !o.is_empty())) {
            return Ok(Some(format!("policy obliges to something that cannot be done here: {reason}")));
        }
        let digest: String = Sha256::digest(raw).iter().map(|byte| format!("{byte:02x}")).collect();
        if verdict["argumentsSha256"] != json!(digest) {
            return Err("other arguments were judged than are sent".into());
        }
        Ok(None)
    }

    /// An answer of the server as the client gets it.
    fn answered(&self, line: Vec<u8>) -> Vec<u8> {
        let bump = Bump::new();
        let Ok(([Mcp::Response { id }], false)) = mcp(&line, &bump, Limits::default()) else { return line };
        let listed = self.lists.lock().is_ok_and(|mut lists| lists.remove(*id));
        if !listed {
            return line;
        }
        let id = id.to_vec();
        self.filtered(&line, &id)
            .unwrap_or_else(|e| error(&id, -32603, &format!("the list of tools cannot be shown: {e}")))
    }

    /// A list of tools without those that are never allowed.
    fn filtered(&self, line: &[u8], id: &[u8]) -> Fallible<Vec<u8>> {
        let message: Value = serde_json::from_slice(line)?;
        if message.get("error").is_some() {
            return Ok(line.to_vec());
        }
        let bump = Bump::new();
        let result = bump.alloc_slice_copy(message["result"].to_string().as_bytes());
        let listing = mcp_list("tools", result, &bump, Limits::default()).map_err(|e| e.located())?;
        let items = listing.items.ok_or("it is missing")?;
        if items.is_empty() {
            return Ok(line.to_vec());
        }
        let tools: Vec<Value> = items.iter().map(|t| json!({"server": self.typed.server, "name": t.name})).collect();
        let question = json!({"identity": self.identity(), "tools": tools});
        let plan = self.post("/v1/plan/tools", question.to_string().as_bytes())?;
        let plans = plan["tools"].as_array().filter(|plans| plans.len() == items.len()).ok_or("it was not planned")?;
        let mut shown = message["result"].clone();
        let all = shown["tools"].as_array().cloned().unwrap_or_default();
        let kept = all.into_iter().zip(plans).filter(|(_, plan)| plan["availability"] != "AVAILABILITY_DENIED");
        shown["tools"] = kept.map(|(tool, _)| tool).collect();
        let id: Value = serde_json::from_slice(id)?;
        Ok(json!({"jsonrpc": "2.0", "id": id, "result": shown}).to_string().into_bytes())
    }

    fn identity(&self) -> Value {
        json!({"id": self.typed.id, "roles": self.typed.roles})
    }

    /// One HTTP request and the JSON of its answer, which must be a 200.
    fn post(&self, path: &str, body: &[u8]) -> Fallible<Value> {
        let mut stream = connect(&self.typed.pdp)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: toolgate\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let (head, body) = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .and_then(|at| Some((answer.get(..at)?, answer.get(at + 4..)?)))
            .ok_or("the answer broke off")?;
        let status = String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_owned();
        if !status.starts_with("HTTP/1.1 200") {
            return Err(format!("{status}: {}", String::from_utf8_lossy(body)).into());
        }
        Ok(serde_json::from_slice(body)?)
    }

    fn tell_client(&self, line: &[u8]) {
        let Ok(mut client) = self.client.lock() else { return };
        // A client that is gone cannot be told.
        let _ = client.write_all(line).and_then(|()| client.write_all(b"\n")).and_then(|()| client.flush());
    }
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

fn connect(pdp: &str) -> Fallible<Box<dyn Stream>> {
    if let Some(path) = pdp.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        return Ok(Box::new(stream));
    }
    let stream = TcpStream::connect(pdp)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Box::new(stream))
}

fn error(id: &[u8], code: i32, message: &str) -> Vec<u8> {
    let id: Value = serde_json::from_slice(id).unwrap_or(Value::Null);
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string().into_bytes()
}

fn typed() -> Fallible<Typed> {
    let mut typed = Typed { pdp: "127.0.0.1:3592".into(), ..Typed::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--pdp" => typed.pdp = value()?,
            "--server" => typed.server = value()?,
            "--id" => typed.id = value()?,
            "--role" => typed.roles.push(value()?),
            "--" => {
                typed.command = arguments.collect();
                break;
            }
            other => return Err(format!("unknown option `{other}`").into()),
        }
    }
    if typed.server.is_empty() || typed.id.is_empty() || typed.roles.is_empty() || typed.command.is_empty() {
        return Err("usage: mcp_gate [--pdp HOST:PORT|unix:PATH] --server NAME --id ID --role ROLE… -- COMMAND…".into());
    }
    Ok(typed)
}
