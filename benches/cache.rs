//! What a cache of decisions would cost and save, measured before anybody builds one: `cargo bench --bench cache`.
//!
//! The least a sound cache does for a call, hit or miss: write everything the decision can read (the read-set that the
//! compiler knows for the kind, plus action, principal, roles, scopes and versions) as one injective key, type and
//! length before every part, look it up, and compare the whole key. Not counted, though a cache would need them: a copy
//! of the answer, eviction, metrics, and, for a miss, storing. Compared with deciding, in the same process, in turns.
//!
//! Input: the shipped pack and 100 generated tool servers; 512 different calls, all of which hit.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic
)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hint::black_box;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use foldhash::fast::RandomState;
use support::Pdp;
use toolgate::cel::value::{List, Map, Value};
use toolgate::engine::request::Request;
use toolgate::engine::{RuleTable, roots};
use toolgate::toolcall::View;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Paths that decisions about a kind can read, shortest first; a path below another is part of it.
type ReadSet = Vec<(usize, Vec<String>)>;

fn read_sets(table: &RuleTable) -> BTreeMap<String, ReadSet> {
    let mut sets: BTreeMap<String, BTreeSet<(usize, Vec<String>)>> = BTreeMap::new();
    for (name, policy) in table.resources.iter() {
        let units = std::iter::once(&policy.unit).chain(policy.derived.iter().map(|d| &d.set.unit));
        let all = sets.entry(name.name.to_string()).or_default();
        for path in units.flat_map(|unit| unit.reads()) {
            // `request.resource.attr` is `R.attr`.
            let steps: Vec<String> = path.steps.iter().map(|s| (*s).to_owned()).collect();
            match (path.root, steps.first().map(String::as_str)) {
                (roots::REQUEST, Some("principal")) => all.insert((roots::PRINCIPAL, steps[1..].to_vec())),
                (roots::REQUEST, Some("resource")) => all.insert((roots::RESOURCE, steps[1..].to_vec())),
                _ => all.insert((path.root, steps)),
            };
        }
    }
    let minimal = |all: BTreeSet<(usize, Vec<String>)>| -> ReadSet {
        let shorter = |p: &(usize, Vec<String>)| all.iter().any(|q| q != p && q.0 == p.0 && p.1.starts_with(&q.1));
        all.iter().filter(|p| !shorter(p)).cloned().collect()
    };
    sets.into_iter().map(|(kind, all)| (kind, minimal(all))).collect()
}

fn text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn value(out: &mut Vec<u8>, v: Option<Value<'_>>) {
    match v {
        None => out.push(0),
        Some(Value::Null) => out.push(1),
        Some(Value::Bool(b)) => out.extend_from_slice(&[2, u8::from(b)]),
        Some(Value::Int(i)) => {
            out.push(3);
            out.extend_from_slice(&i.to_le_bytes());
        }
        Some(Value::Double(d)) => {
            out.push(4);
            out.extend_from_slice(&d.to_bits().to_le_bytes());
        }
        Some(Value::String(s)) => text(out, 5, s),
        Some(Value::List(list)) => {
            out.push(6);
            out.extend_from_slice(&(list.len() as u32).to_le_bytes());
            match list {
                List::Values(all) => all.iter().for_each(|v| value(out, Some(*v))),
                List::Strings(all) => all.iter().for_each(|s| text(out, 5, s)),
                List::Constants(_) => panic!("no constant comes with a request"),
            }
        }
        Some(Value::Map(map)) => {
            out.push(7);
            out.extend_from_slice(&(map.len() as u32).to_le_bytes());
            for (k, v) in map.iter() {
                value(out, Some(k));
                value(out, Some(v));
            }
        }
        Some(other) => panic!("{other:?} does not come with a request"),
    }
}

fn attribute<'a>(attr: Map<'a>, steps: &[String]) -> Option<Value<'a>> {
    let mut at = Value::Map(attr);
    for step in steps {
        let Value::Map(map) = at else { return None };
        at = map.get_str(step)?;
    }
    Some(at)
}

fn key(out: &mut Vec<u8>, request: &Request<'_>, reads: &ReadSet) {
    out.clear();
    let (p, r) = (&request.principal, &request.resource);
    for part in [r.kind, r.scope, r.policy_version, p.scope, p.policy_version] {
        text(out, 5, part);
    }
    value(out, Some(Value::List(List::Strings(request.actions))));
    value(out, Some(Value::List(List::Strings(p.roles))));
    for (root, steps) in reads {
        let (attr, id) = if *root == roots::PRINCIPAL { (p.attr, p.id) } else { (r.attr, r.id) };
        match steps.split_first() {
            Some((first, rest)) if first == "attr" => value(out, attribute(attr, rest)),
            Some((first, _)) if first == "id" => text(out, 5, id),
            // Roles and the like are in there already.
            _ => {}
        }
    }
}

fn main() {
    let cases = [
        ("shipped pack", support::pack(), support::pack_calls(512)),
        ("100 servers", support::servers(100, 10), support::server_calls(512, 100, 10)),
    ];
    for (name, files, calls) in cases {
        let pdp = Pdp::new(&files);
        let sets = read_sets(&support::table(&files));
        let arena = Bump::new();
        let views: Vec<View<'_>> = calls.iter().map(|call| support::view(call, &arena)).collect();
        let none = ReadSet::new();
        let reads: Vec<&ReadSet> = views.iter().map(|v| sets.get(v.identity.resource.kind).unwrap_or(&none)).collect();
        let mut cache: HashMap<Box<[u8]>, usize, RandomState> = HashMap::default();
        let mut out = Vec::with_capacity(8192);
        let mut bytes = 0;
        for (i, view) in views.iter().enumerate() {
            key(&mut out, &view.identity, reads[i]);
            bytes += out.len();
            cache.insert(out.clone().into(), i);
        }
        let mut bump = Bump::with_capacity(64 << 10);
        let mut best = [Duration::MAX; 2];
        for _ in 0..200 {
            let began = Instant::now();
            for (view, reads) in views.iter().zip(&reads) {
                key(&mut out, &view.identity, reads);
                black_box(cache.get(&*out)).expect("was put there");
            }
            best[0] = best[0].min(began.elapsed());
            let began = Instant::now();
            for view in &views {
                bump.reset();
                black_box(pdp.decide(view, &bump));
            }
            best[1] = best[1].min(began.elapsed());
        }
        let [hit, decide] = best.map(|d| d.as_nanos() / 512);
        println!(
            "{name}: key and look-up {hit} ns, deciding {decide} ns; {} bytes a key, {} keys for 512 calls; a cache pays above {} hits in 100",
            bytes / 512,
            cache.len(),
            hit * 100 / decide.max(1),
        );
    }
}
