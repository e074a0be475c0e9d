//! The run: workers take stores by number, compare, shrink what differs and file it; one summary at the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::compare::{self, Mismatch};
use crate::differences::{self, Difference};
use crate::features::Feature;
use crate::lab::{Lab, Verdict};
use crate::plans;
use crate::requests;
use crate::rng::Rng;
use crate::settings::Settings;
use crate::shrink::{self, Case};
use crate::store::world::World;
use crate::store::{self, Store, breaking, permute};

const CHECKS: &str = "/api/check/resources";
const PLANS: &str = "/api/plan/resources";

/// What a run has seen so far.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    broken: u64,
    broken_accepted: u64,
    decisions: u64,
    allows: u64,
    order_dependent: u64,
    bad_requests: u64,
    known: BTreeMap<String, u64>,
    unstable: u64,
    failures: Vec<String>,
}

struct Shared<'a> {
    settings: &'a Settings,
    known: Vec<Difference>,
    tally: Mutex<Tally>,
    next: AtomicU64,
    stop: AtomicBool,
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

/// Runs; true if every difference is explained.
pub fn run(settings: &Settings) -> Result<bool, String> {
    let list = home().join("differences.toml");
    let text = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let shared = Shared {
        settings,
        known: differences::parse(&text)?,
        tally: Mutex::default(),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    println!(
        "differential: seed {}, at least {} stores and {} decisions, {} requests a store, strict {}, {} against {}\nfeatures: {}",
        settings.seed,
        settings.stores,
        settings.decisions,
        settings.requests,
        settings.theirs.strict,
        settings.theirs.binary.display(),
        settings.ours.binary.display(),
        settings.features,
    );
    let start = Instant::now();
    let faults: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..settings.jobs).map(|_| scope.spawn(|| worker(&shared))).collect();
        workers.into_iter().filter_map(|w| w.join().unwrap_or_else(|_| Err("a worker panicked".into())).err()).collect()
    });
    let tally = shared.tally.into_inner().unwrap_or_default();
    report(&tally, settings.plans, start.elapsed().as_secs_f64());
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault);
    }
    if tally.accepted * 2 < settings.stores && tally.failures.is_empty() {
        return Err(format!(
            "only {} of {} stores were accepted: the generator is at fault",
            tally.accepted, settings.stores
        ));
    }
    Ok(tally.failures.is_empty())
}

fn report(tally: &Tally, plans: bool, seconds: f64) {
    println!(
        "\n{} stores accepted by both, {} refused by both; {} broken stores ({} of them accepted by both)",
        tally.accepted, tally.refused, tally.broken, tally.broken_accepted
    );
    println!(
        "{} {} ({} % {}), {} bad requests, {seconds:.1} s, {:.0} decisions/s",
        tally.decisions,
        if plans { "plans" } else { "decisions" },
        tally.allows * 100 / tally.decisions.max(1),
        if plans { "conditional" } else { "allowed" },
        tally.bad_requests,
        tally.decisions as f64 / seconds
    );
    if tally.order_dependent > 0 {
        println!("{} decisions left out: the reference answers otherwise in another order", tally.order_dependent);
    }
    for (id, count) in &tally.known {
        println!("known difference {id}: {count}");
    }
    println!("reference unstable: {}", tally.unstable);
    println!("unexplained differences: {}", tally.failures.len());
    for failure in &tally.failures {
        println!("- {failure}");
    }
}

fn worker(shared: &Shared<'_>) -> Result<(), String> {
    let settings = shared.settings;
    let lab = Lab::new(&settings.theirs, &settings.ours, if settings.plans { PLANS } else { CHECKS })?;
    while !shared.stop.load(Ordering::Relaxed) {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        let enough = index >= settings.stores
            && (shared.tally.lock().map_or(true, |t| t.decisions >= settings.decisions)
                || index >= settings.stores * 4);
        if enough {
            break;
        }
        if let Err(fault) = one_store(shared, &lab, settings.seed + index) {
            shared.stop.store(true, Ordering::Relaxed);
            return Err(format!("seed {}: {fault}", settings.seed + index));
        }
    }
    Ok(())
}

fn one_store(shared: &Shared<'_>, lab: &Lab, seed: u64) -> Result<(), String> {
    let settings = shared.settings;
    let mut rng = Rng::stream(seed, 1);
    // What the reference takes to start grows with the number of files: most stores are small, a few are not.
    let size = *rng.pick(&[1, 1, 1, 1, 2, 2, 3, 4]);
    let mut world = World::new(&mut rng, &settings.features, size);
    let expressions = settings.plans && Rng::stream(seed, 5).chance(30);
    if expressions {
        plans::many_actions(&mut world);
    } else if settings.plans {
        plans::focus(&mut world);
    }
    let make = if expressions { store::expressions } else { store::generate };
    let mut store = make(&mut rng, &world, &settings.features);
    let asks_given = settings.plans && plans::keep_out(&mut rng, &mut store);
    if settings.theirs.strict {
        permute::name_rules(&mut store);
    }
    let mut rng = Rng::stream(seed, 2);
    let mut bodies: Vec<String> = (0..settings.requests)
        .map(|_| {
            if settings.plans {
                return plans::generate(&mut rng, &world, &settings.features, asks_given).to_string();
            }
            let (resources, actions) = *rng.pick(&[(1, 4), (5, 8), (10, 20), (20, 12), (25, 20), (50, 8)]);
            requests::generate(&mut rng, &world, &settings.features, resources, actions).to_string()
        })
        .collect();
    let good = bodies.len();
    if settings.features.has(Feature::BadRequests) {
        for _ in 0..6 {
            if settings.plans {
                let request = plans::generate(&mut rng, &world, &settings.features, asks_given);
                bodies.push(plans::bad(&mut rng, &request));
                continue;
            }
            let request = requests::generate(&mut rng, &world, &settings.features, 2, 3);
            bodies.push(requests::bad(&mut rng, &request));
        }
    }
    if let Some(dir) = &settings.dump {
        return dump(&dir.join(seed.to_string()), &store, &bodies).map_err(|e| format!("{}: {e}", dir.display()));
    }
    let start = Instant::now();
    let verdict = lab.serve(&store)?;
    let served = start.elapsed();
    match verdict {
        Verdict::Accepted(mut pair) => {
            let started = pair.cpu();
            let replies = pair.ask(&bodies)?;
            if settings.verbose {
                let (both, after) = (pair.cpu(), start.elapsed());
                println!(
                    "seed {seed}: {} files served after {served:.2?} (CPU {:.2} s, ours {:.2} s), {} requests answered \
                     after {after:.2?} (CPU {:.2} s, ours {:.2} s)",
                    store.files.len(),
                    started.0,
                    started.1,
                    bodies.len(),
                    both.0 - started.0,
                    both.1 - started.1,
                );
            }
            drop(pair);
            judge(shared, lab, seed, &store, &bodies, &replies, good)?;
        }
        Verdict::Refused(theirs, ours) => {
            if settings.verbose {
                println!("seed {seed}: refused by both\n{}\n{}", tail(&theirs), tail(&ours));
            }
            add(shared, |t| t.refused += 1);
        }
        Verdict::Differ(mismatch) => differ(shared, lab, seed, &store, "", mismatch, "")?,
    }
    if settings.features.has(Feature::Broken) && Rng::stream(seed, 4).chance(settings.broken) {
        let mut rng = Rng::stream(seed, 3);
        let world = World::new(&mut rng, &settings.features, 1);
        let mut broken = store::generate(&mut rng, &world, &settings.features);
        if let Some(what) = breaking::apply(&mut rng, &mut broken) {
            broken_store(shared, lab, seed, &broken, &what)?;
        }
    }
    Ok(())
}

fn broken_store(shared: &Shared<'_>, lab: &Lab, seed: u64, store: &Store, what: &str) -> Result<(), String> {
    match lab.serve(store)? {
        Verdict::Accepted(_) => {
            if shared.settings.verbose {
                println!("seed {seed}: accepted by both after {what}");
            }
            add(shared, |t| {
                t.broken += 1;
                t.broken_accepted += 1;
            });
        }
        Verdict::Refused(..) => add(shared, |t| t.broken += 1),
        Verdict::Differ(mismatch) => differ(shared, lab, seed, store, "", mismatch, what)?,
    }
    Ok(())
}

fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(2000);
    text.get(start..).unwrap_or(text)
}

fn add(shared: &Shared<'_>, change: impl FnOnce(&mut Tally)) {
    if let Ok(mut tally) = shared.tally.lock() {
        change(&mut tally);
    }
}

fn judge(
    shared: &Shared<'_>,
    lab: &Lab,
    seed: u64,
    store: &Store,
    bodies: &[String],
    replies: &[crate::lab::Replies],
    good: usize,
) -> Result<(), String> {
    let mut fields: Vec<&str> = Vec::new();
    let mut found: Vec<(usize, Mismatch)> = Vec::new();
    let (mut decisions, mut allows, mut order_dependent) = (0, 0, 0);
    for (i, replies) in replies.iter().enumerate() {
        let compared = compare::answers(replies);
        order_dependent += compared.order_dependent;
        decisions += compared.decisions;
        allows += compared.allows;
        for mismatch in compared.found {
            if !fields.contains(&mismatch.field) {
                fields.push(mismatch.field);
                found.push((i, mismatch));
            }
        }
    }
    add(shared, |t| {
        t.accepted += 1;
        t.decisions += decisions;
        t.allows += allows;
        t.order_dependent += order_dependent;
        t.bad_requests += (bodies.len() - good) as u64;
        if t.accepted % 100 == 0 {
            println!("so far {} stores, {} decisions, {} differences", t.accepted, t.decisions, t.failures.len());
        }
    });
    // One cause often shows in several fields; the first two tell enough of a store.
    for (i, mismatch) in found.into_iter().take(2) {
        // What an action's outputs are may depend on the order in which the reference asks roles, which changes from
        // start to start (docs/differences.md, D9 and D10). What the effect is may not.
        let may_vary = ["outputs", "copies", "policy"].contains(&mismatch.field) && !shared.settings.theirs.strict;
        if may_vary && lab.by_luck(store, &bodies[i], &replies[i].ours, &mismatch)? {
            add(shared, |t| {
                *t.known.entry("(the reference's own answer after another start)".into()).or_default() += 1;
            });
            continue;
        }
        differ(shared, lab, seed, store, &bodies[i], mismatch, "")?;
    }
    Ok(())
}

/// Shrinks a difference, looks whether it is known, files it if not.
fn differ(
    shared: &Shared<'_>,
    lab: &Lab,
    seed: u64,
    store: &Store,
    request: &str,
    mismatch: Mismatch,
    note: &str,
) -> Result<(), String> {
    let settings = shared.settings;
    let plain = shared.known.iter().filter(|d| d.only.is_some()).cloned().collect::<Vec<_>>();
    if let Some(known) = differences::explain(&plain, &mismatch, store, request) {
        add(shared, |t| *t.known.entry(known.id.clone()).or_default() += 1);
        return Ok(());
    }
    let first = shrink::observe(lab, store, request, mismatch.field)?;
    let gone = first.is_none();
    let whole = Case { store: store.clone(), request: request.to_owned(), mismatch, replies: Default::default() };
    let case = match first {
        Some(case) => shrink::shrink(lab, case, settings.shrink)?,
        None => whole,
    };
    if let Some(known) = differences::explain(&shared.known, &case.mismatch, &case.store, &case.request) {
        if settings.verbose {
            println!("{seed}: {} {}", known.id, case.mismatch);
        }
        add(shared, |t| *t.known.entry(known.id.clone()).or_default() += 1);
        return Ok(());
    }
    let body = (!case.request.is_empty()).then_some(case.request.as_str());
    if !settings.self_check && (gone || lab.unstable(&case.store, body)?) {
        add(shared, |t| t.unstable += 1);
    }
    let mut count = 0;
    add(shared, |t| {
        let dir = format!("{seed}-{}", t.failures.iter().filter(|f| f.starts_with(&format!("{seed}-"))).count());
        let note = format!("{dir}: {note} {}{}", case.mismatch, if gone { " (not seen again)" } else { "" });
        t.failures.push(note);
        if let Err(error) = file(&home().join("failures").join(&dir), &case) {
            t.failures.push(format!("could not write {dir}: {error}"));
        }
        println!("{}", t.failures.last().map_or("", String::as_str));
        count = t.failures.len();
    });
    if count >= settings.max_failures {
        shared.stop.store(true, Ordering::Relaxed);
    }
    Ok(())
}

fn dump(dir: &Path, store: &Store, bodies: &[String]) -> std::io::Result<()> {
    store.write(&dir.join("store"))?;
    fs::write(dir.join("settings.json"), format!("{:#}\n", store.settings))?;
    fs::write(dir.join("requests.ndjson"), bodies.join("\n"))
}

/// Writes the case: the store, its settings, the request and both answers.
fn file(dir: &Path, case: &Case) -> std::io::Result<()> {
    case.store.write(&dir.join("store"))?;
    fs::write(dir.join("settings.json"), format!("{:#}\n", case.store.settings))?;
    fs::write(dir.join("difference.txt"), format!("{}\n", case.mismatch))?;
    if !case.request.is_empty() {
        let pretty = serde_json::from_str::<serde_json::Value>(&case.request)
            .map_or_else(|_| case.request.clone(), |v| format!("{v:#}\n"));
        fs::write(dir.join("request.json"), pretty)?;
        fs::write(dir.join("reference.json"), &case.replies.0)?;
        fs::write(dir.join("ours.json"), &case.replies.1)?;
    }
    Ok(())
}
