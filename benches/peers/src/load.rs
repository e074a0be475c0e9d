//! Loads one server for a while and says what it took.

use std::time::{Duration, Instant};

use crate::http1;
use crate::http2::{Answer, Connection};
use crate::process::Server;

pub const DECIDE: &str = "/toolgate.v1.ToolCallService/Decide";
pub const STREAM: &str = "/toolgate.v1.ToolCallService/DecideStream";
pub const CHECK: &str = "/cerbos.svc.v1.CerbosService/CheckResources";
pub const PLAN: &str = "/cerbos.svc.v1.CerbosService/PlanResources";
pub const REST: &str = "/api/check/resources";

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub path: &'static str,
    /// Connections, and requests in flight on each.
    pub connections: usize,
    pub in_flight: usize,
    /// At the HTTP port, where gRPC is answered by way of the library.
    pub by_library: bool,
}

impl Manner {
    /// So many in flight, on one connection.
    pub fn at(path: &'static str, in_flight: usize) -> Self {
        Self { path, connections: 1, in_flight, by_library: false }
    }

    /// The same at the HTTP port.
    pub fn by_library(self) -> Self {
        Self { by_library: true, ..self }
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Run {
    /// Processor time of the server a request, nanoseconds.
    pub cpu: f64,
    pub per_second: f64,
    /// Times of single requests in nanoseconds, sorted; only with one in flight.
    latencies: Vec<u64>,
}

impl Run {
    /// The time within which so many of a thousand requests were answered.
    pub fn quantile(&self, permille: usize) -> f64 {
        let at = self.latencies.len() * permille / 1000;
        self.latencies.get(at).map_or(f64::NAN, |n| *n as f64)
    }
}

/// Counts answers from the start of a measurement.
struct Count {
    answered: usize,
    failed: usize,
}

/// Asks over gRPC for a while.
pub fn grpc(server: &Server, manner: Manner, messages: &[Vec<u8>], time: Duration) -> anyhow::Result<Run> {
    let open = || Connection::open(if manner.by_library { &server.http } else { &server.grpc }, manner.path);
    let mut connections: Vec<Connection> = (0..manner.connections).map(|_| open()).collect::<Result<_, _>>()?;
    let streaming = manner.path == STREAM;
    let mut next = 0;
    let mut waiting = vec![0_usize; connections.len()];
    let mut count = Count { answered: 0, failed: 0 };
    let mut latencies = Vec::new();
    let single = manner.connections * manner.in_flight == 1;
    let mut begun: Option<(Instant, Duration, usize)> = None;
    let start = Instant::now();
    let warm = time / 4;
    loop {
        for (connection, waiting) in connections.iter_mut().zip(&mut waiting) {
            while *waiting < manner.in_flight {
                let question = next % messages.len();
                let asked = match streaming {
                    true => connection.ask_in_stream(question, &messages[question]),
                    false => connection.ask(question, &messages[question]),
                };
                if !asked {
                    break;
                }
                next += 1;
                *waiting += 1;
            }
            let asked = single.then(Instant::now);
            connection.flush()?;
            let before = count.answered;
            let mut take = |answer: Answer<'_>| {
                count.answered += 1;
                count.failed += usize::from(answer.message.is_none());
            };
            connection.read(&mut take)?;
            while single && count.answered == before {
                connection.read(&mut |answer| {
                    count.answered += 1;
                    count.failed += usize::from(answer.message.is_none());
                })?;
            }
            *waiting -= count.answered - before;
            if let (Some(asked), Some(_)) = (asked, begun) {
                latencies.push(asked.elapsed().as_nanos() as u64);
            }
        }
        match begun {
            // What came before is warming up.
            None if start.elapsed() >= warm => begun = Some((Instant::now(), server.cpu(), count.answered)),
            Some((since, cpu, before)) if since.elapsed() >= time => {
                let (elapsed, cpu) = (since.elapsed(), server.cpu() - cpu);
                anyhow::ensure!(count.failed == 0, "{} of {} were refused", count.failed, count.answered);
                return Ok(run(cpu, elapsed, count.answered - before, latencies));
            }
            _ => {}
        }
    }
}

/// Asks over HTTP/1.1 for a while; one in flight on each connection.
pub fn rest(server: &Server, connections: usize, bodies: &[Vec<u8>], time: Duration) -> anyhow::Result<Run> {
    let open = || http1::Connection::open(&server.http, REST);
    let mut connections: Vec<http1::Connection> = (0..connections).map(|_| open()).collect::<Result<_, _>>()?;
    let mut bodies = bodies.iter().cycle();
    let mut ask = |connection: &mut http1::Connection| connection.ask(bodies.next().map_or(&[], |b| b.as_slice()));
    for connection in &mut connections {
        ask(connection)?;
    }
    let (start, warm) = (Instant::now(), time / 4);
    let mut answered = 0;
    let mut begun: Option<(Instant, Duration, usize)> = None;
    loop {
        for connection in &mut connections {
            anyhow::ensure!(connection.answer()?.is_some(), "a request was refused");
            answered += 1;
            ask(connection)?;
        }
        match begun {
            None if start.elapsed() >= warm => begun = Some((Instant::now(), server.cpu(), answered)),
            Some((since, cpu, before)) if since.elapsed() >= time => {
                return Ok(run(server.cpu() - cpu, since.elapsed(), answered - before, Vec::new()));
            }
            _ => {}
        }
    }
}

fn run(cpu: Duration, elapsed: Duration, answered: usize, mut latencies: Vec<u64>) -> Run {
    latencies.sort_unstable();
    Run { cpu: cpu.as_nanos() as f64 / answered as f64, per_second: answered as f64 / elapsed.as_secs_f64(), latencies }
}

/// Asks each question once, and gives the messages of the answers.
pub fn answers(server: &Server, path: &'static str, messages: &[Vec<u8>]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(&server.grpc, path)?;
    let mut answers = vec![Vec::new(); messages.len()];
    for (n, message) in messages.iter().enumerate() {
        anyhow::ensure!(connection.ask(n, message), "the server takes nothing");
        connection.flush()?;
        let mut answered = false;
        while !answered {
            connection.read(&mut |answer| {
                answered = true;
                if let Some(message) = answer.message {
                    answers[answer.question] = message.to_vec();
                }
            })?;
        }
        anyhow::ensure!(!answers[n].is_empty(), "{} refused request {n}", server.name);
    }
    Ok(answers)
}
