//! The same ten tool rules, written for each of four engines as its users would write them, held to the same answers on
//! the same requests, and timed: from the bytes of a request, and with the request built beforehand.
//!
//! The rules: an agent may call tool N of the server `tools` if condition N holds; an admin may call any; nobody may
//! call a tool that deletes in a tainted session. Conditions need nothing that one of the engines has not (so no
//! regular expressions).

mod casbin;
mod cedar;
mod regorus;
mod toolgate;

use serde_json::{Value as Json, json};

use crate::race::{Contender, race};
use crate::support::Rng;
use crate::table::{Table, nanos, times};
use crate::workload::pick;

/// An engine with its policies loaded.
pub trait Engine {
    /// A request as this engine takes it.
    type Request;
    /// Builds a request from what a gateway received.
    fn request(&self, bytes: &[u8]) -> Self::Request;
    /// True if the call may run.
    fn decide(&mut self, request: &Self::Request) -> bool;
}

/// Different calls of about 1 kB, as JSON.
fn requests(count: usize) -> Vec<Json> {
    let mut rng = Rng(23);
    let teams = ["core", "infra", "data"];
    (0..count)
        .map(|_| {
            let user = rng.below(100_000);
            let n = rng.below(11);
            let tool = if n == 10 { "delete_all".to_owned() } else { format!("tool{n}") };
            let role = ["agent", "agent", "agent", "agent", "agent", "agent", "admin", "guest"][rng.below(8)];
            let labels = if rng.below(8) == 0 { json!(["tainted"]) } else { json!(["interactive"]) };
            let mut context = json!({"device": "laptop"});
            if rng.below(4) > 0 {
                context["model"] = ["large-1", "small-2", "unknown"][rng.below(3)].into();
            }
            json!({
                "callId": format!("call-{:016x}", rng.next()),
                "identity": {
                    "id": format!("user{user}@example.com"),
                    "roles": [role, "user"],
                    "attr": {"team": teams[user % 3], "site": "eu-1"},
                },
                "tool": {"server": "tools", "name": tool},
                "arguments": {
                    "owner": pick(&mut rng, &["acme", "acme", "other"]),
                    "repo": pick(&mut rng, &["api", "web", "secret"]),
                    "limit": rng.below(900),
                    "path": format!("{}/{:x}/report.csv", pick(&mut rng, &["/srv/data", "/srv/data", "/etc", "/srv/data/.."]), rng.next()),
                    "query": format!("{} a, b from t{}", pick(&mut rng, &["select", "select", "drop"]), pick(&mut rng, &["", "; drop t"])),
                    "team": teams[rng.below(3)],
                    "tags": if rng.below(2) == 0 { json!(["new", "reviewed"]) } else { json!(["new"]) },
                    "priority": rng.below(6),
                    "body": "lorem ipsum dolor sit amet ".repeat(6 + rng.below(10)),
                },
                "session": {"id": format!("session-{:x}", rng.next()), "user": format!("user{user}"), "labels": labels},
                "context": context,
            })
        })
        .collect()
}

/// Lines an engine: from bytes, and prebuilt.
pub fn table() -> anyhow::Result<Table> {
    let calls = requests(1024);
    let texts: Vec<Vec<u8>> = calls.iter().map(serde_json::to_vec).collect::<Result<_, _>>()?;
    let ours = toolgate::Toolgate::new(&calls);
    let mut cedar = cedar::Cedar::new()?;
    let mut regorus = regorus::Regorus::new()?;
    let mut machine = regorus::Machine::new()?;
    let mut casbin = casbin::Casbin::new()?;

    let mut bump = bumpalo::Bump::with_capacity(64 << 10);
    let wanted: Vec<bool> = (0..calls.len()).map(|n| ours.json(&texts[n])).collect();
    let protobuf: Vec<bool> = (0..calls.len()).map(|n| ours.protobuf(n, &mut bump)).collect();
    anyhow::ensure!(protobuf == wanted, "toolgate answers JSON and protobuf differently");
    let allowed = wanted.iter().filter(|w| **w).count();
    anyhow::ensure!((200..800).contains(&allowed), "requests that are all answered alike measure nothing: {allowed}");
    same("cedar", &mut cedar, &texts, &wanted)?;
    same("regorus", &mut regorus, &texts, &wanted)?;
    same("regorus (machine)", &mut machine, &texts, &wanted)?;
    same("casbin", &mut casbin, &texts, &wanted)?;

    let built = (build(&cedar, &texts), build(&regorus, &texts), build(&machine, &texts), build(&casbin, &texts));
    let mask = texts.len() - 1;
    let prebuilt = {
        let views = ours.views();
        let mut bump = bumpalo::Bump::with_capacity(64 << 10);
        race(vec![
            Contender::new("toolgate", |n| {
                bump.reset();
                std::hint::black_box(ours.decide(&views[n & mask], &bump));
            }),
            Contender::new("cedar-policy", |n| _ = cedar.decide(&built.0[n & mask])),
            Contender::new("regorus", |n| _ = regorus.decide(&built.1[n & mask])),
            Contender::new("regorus, its machine", |n| _ = machine.decide(&built.2[n & mask])),
            Contender::new("casbin", |n| _ = casbin.decide(&built.3[n & mask])),
        ])
    };
    let whole = race(vec![
        Contender::new("toolgate", |n| _ = ours.protobuf(n & mask, &mut bump)),
        Contender::new("toolgate, JSON", |n| _ = ours.json(&texts[n & mask])),
        Contender::new("cedar-policy", |n| _ = both(&mut cedar, &texts[n & mask])),
        Contender::new("regorus", |n| _ = both(&mut regorus, &texts[n & mask])),
        Contender::new("regorus, its machine", |n| _ = both(&mut machine, &texts[n & mask])),
        Contender::new("casbin", |n| _ = both(&mut casbin, &texts[n & mask])),
    ]);

    let mut table = Table::new("Ten tool rules, in process", &["engine", "from bytes", "", "request prebuilt", ""]);
    let base = (whole[0].nanos, prebuilt[0].nanos);
    for taken in &whole {
        let alone = prebuilt.iter().find(|p| p.name == taken.name);
        table.line(vec![
            taken.name.into(),
            nanos(taken.nanos),
            times(taken.nanos / base.0),
            alone.map_or(String::new(), |a| nanos(a.nanos)),
            alone.map_or(String::new(), |a| times(a.nanos / base.1)),
        ]);
    }
    Ok(table)
}

fn same<E: Engine>(name: &str, engine: &mut E, texts: &[Vec<u8>], wanted: &[bool]) -> anyhow::Result<()> {
    for (text, wanted) in texts.iter().zip(wanted) {
        let got = both(engine, text);
        anyhow::ensure!(got == *wanted, "{name} answers {got}: {}", String::from_utf8_lossy(text));
    }
    Ok(())
}

fn both<E: Engine>(engine: &mut E, text: &[u8]) -> bool {
    let request = engine.request(text);
    std::hint::black_box(engine.decide(&request))
}

fn build<E: Engine>(engine: &E, texts: &[Vec<u8>]) -> Vec<E::Request> {
    texts.iter().map(|t| engine.request(t)).collect()
}
