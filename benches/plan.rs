//! Query plans in process, JSON to JSON, as `POST /v1/plan/tools` and `POST /api/plan/resources` answer them:
//! `cargo bench --bench plan`. Beside the reference, over the wire: `benches/peers/run servers --row plans`.
//!
//! Input: 50 generated tool servers with 10 tools each, every tool with one condition of ten kinds; 64 different
//! identities in turn, each asking about all 500 tools. And single actions of one server.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value as Json, json};
use support::Rng;
use toolgate::compile::CompileOptions;
use toolgate::protocols::{plan_resources_json, plan_tools_json};
use toolgate::service::{Service, Settings};
use toolgate::source::SourceFile;
use toolgate::store::Store;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERVERS: usize = 50;
const TOOLS: usize = 10;
const IDENTITIES: usize = 64;

fn service(files: Vec<SourceFile>) -> Service {
    let store = Store::in_memory(files, &CompileOptions::default());
    Service::new(store.expect("the policies are sound"), Settings::default())
}

fn identity(rng: &mut Rng) -> Json {
    let user = rng.below(100_000);
    let role = ["agent", "agent", "agent", "admin", "guest"][rng.below(5)];
    let team = ["core", "infra", "data"][user % 3];
    json!({"id": format!("user{user}@example.com"), "roles": [role, "user"], "attr": {"team": team, "site": "eu-1"}})
}

/// Questions about lists of tools.
fn lists() -> Vec<Vec<u8>> {
    let mut rng = Rng(41);
    let tool = |n: usize| json!({"server": format!("server{}", n / TOOLS), "name": format!("tool{}", n % TOOLS)});
    let tools: Vec<Json> = (0..SERVERS * TOOLS).map(tool).collect();
    (0..IDENTITIES)
        .map(|_| {
            let question = json!({
                "identity": identity(&mut rng),
                "tools": tools,
                "session": {"id": format!("s{:x}", rng.next()), "labels": ["interactive"]},
                "context": {"model": "large-1"},
            });
            serde_json::to_vec(&question).unwrap()
        })
        .collect()
}

/// Questions about one action of a kind.
fn kinds() -> Vec<Vec<u8>> {
    let mut rng = Rng(43);
    (0..IDENTITIES)
        .map(|n| {
            let (server, tool) = (rng.below(SERVERS), rng.below(TOOLS));
            let question = json!({
                "requestId": format!("r{n}"),
                "action": format!("tool{tool}"),
                "principal": identity(&mut rng),
                "resource": {"kind": format!("mcp::server{server}")},
            });
            serde_json::to_vec(&question).unwrap()
        })
        .collect()
}

fn plans(c: &mut Criterion) {
    let servers = service(support::servers(SERVERS, TOOLS));
    let (lists, kinds) = (lists(), kinds());
    let answer = plan_tools_json(&servers, &lists[0]).unwrap();
    let answer: Json = serde_json::from_slice(&answer).unwrap();
    eprintln!("availabilities of the first list: {}", tally(&answer));
    let mut group = c.benchmark_group("plan");
    let mut next = 0;
    let mut turn = |all: &[Vec<u8>]| {
        next = (next + 1) % all.len();
        next
    };
    group.throughput(Throughput::Elements((SERVERS * TOOLS) as u64));
    group.bench_function("500 tools", |b| {
        b.iter(|| black_box(plan_tools_json(&servers, &lists[turn(&lists)]).unwrap()));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("PlanResources, one action", |b| {
        b.iter(|| black_box(plan_resources_json(&servers, &kinds[turn(&kinds)]).unwrap()));
    });
    group.finish();
}

/// How many tools are allowed, denied, and depend on their arguments.
fn tally(answer: &Json) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for tool in answer["tools"].as_array().into_iter().flatten() {
        *counts.entry(tool["availability"].as_str().unwrap_or("none")).or_insert(0) += 1;
    }
    format!("{counts:?}")
}

criterion_group!(benches, plans);
criterion_main!(benches);
