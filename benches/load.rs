//! A large store, from the disk to its answers: start, memory, one file changed, and decisions meanwhile.
//!
//! `cargo bench --bench load -- [POLICIES]` writes so many generated tool servers (12 rules each; 10,000 by default) into a
//! temporary directory, and prints a table. With the binary's allocator. Changes are heard of from the system, as a
//! server hears of them; the debounce is subtracted. Decisions are asked by one thread through the library's `Pdp`.

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

use std::alloc::{GlobalAlloc, Layout};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use toolgate::store::Outcome;
use toolgate::{Call, Identity, Pdp};

/// The binary's allocator, counting what is alive while it is told to.
struct Counting;

static INNER: mimalloc::MiMalloc = mimalloc::MiMalloc;
static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);

#[expect(unsafe_code, reason = "an allocator that counts can't be written otherwise; benches only")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            LIVE.fetch_add(layout.size() as i64, Ordering::Relaxed);
        }
        unsafe { INNER.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        }
        unsafe { INNER.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const DEBOUNCE: Duration = Duration::from_millis(20);
const TOOLS: usize = 10;

fn main() {
    let policies = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(10_000);
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = 0;
    for file in support::servers(policies, TOOLS) {
        bytes += file.text().len();
        std::fs::write(dir.path().join(file.name()), file.text()).unwrap();
    }
    println!("{policies} policies, {TOOLS} tools each, {} KiB of text", bytes >> 10);
    // Files that have just been written are read again at every change, because their times say nothing yet.
    std::thread::sleep(Duration::from_secs(4));
    start(dir.path(), policies);
    memory(dir.path(), policies);
    let pdp = Pdp::builder(dir.path()).debounce(DEBOUNCE).open().unwrap();
    // The first look of the watcher.
    std::thread::sleep(Duration::from_secs(1));
    let quiet = latencies(&pdp, policies, || std::thread::sleep(Duration::from_secs(2)));
    let mut changes = Vec::new();
    let busy = latencies(&pdp, policies, || {
        for n in 0..20 {
            changes.push(change(&pdp, dir.path(), n));
        }
    });
    changes.sort();
    println!("one file changed, until answers follow, less {DEBOUNCE:?}: {}", spread(&changes));
    println!("decisions while nothing changes: {}", spread(&quiet));
    println!("decisions during those reloads:  {}", spread(&busy));
    let began = Instant::now();
    assert_eq!(pdp.reload(), Outcome::Unchanged);
    println!("every file read and compared: {:.1?}", began.elapsed());
}

fn start(root: &Path, policies: usize) {
    let began = Instant::now();
    let pdp = Pdp::builder(root).watch(false).open().unwrap();
    let loaded = began.elapsed();
    assert!(pdp.decide(&call(policies / 2)).is_ok());
    println!("start to first decision: {:.1?} (loaded after {loaded:.1?})", began.elapsed());
}

fn memory(root: &Path, policies: usize) {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
    };
    let before = resident();
    COUNTS.store(true, Ordering::Relaxed);
    let pdp = Pdp::builder(root).watch(false).open().unwrap();
    let live = LIVE.load(Ordering::Relaxed);
    COUNTS.store(false, Ordering::Relaxed);
    let grown = (resident() - before) / policies as i64;
    println!("memory: {} bytes a policy alive (resident grew by {grown})", live / policies as i64);
    drop(pdp);
}

/// Rewrites one file and waits for the answers to follow.
fn change(pdp: &Pdp, root: &Path, n: usize) -> Duration {
    let path = root.join(format!("server{}.yaml", n * 7));
    let text = std::fs::read_to_string(&path).unwrap();
    let known = pdp.revision();
    let began = Instant::now();
    std::fs::write(&path, format!("{text}# {n}\n")).unwrap();
    while pdp.revision() == known {
        std::thread::sleep(Duration::from_micros(200));
    }
    let took = began.elapsed().saturating_sub(DEBOUNCE);
    std::thread::sleep(Duration::from_millis(100));
    took
}

/// Time of each decision that one thread makes while `work` runs.
fn latencies(pdp: &Pdp, policies: usize, work: impl FnOnce()) -> Vec<Duration> {
    let over = AtomicBool::new(false);
    let mut all = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut all = Vec::with_capacity(1 << 22);
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer = pdp.decide(&call(n % policies));
                all.push(began.elapsed());
                assert!(answer.is_ok());
                n += 13;
            }
            all
        });
        work();
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    all.sort();
    all
}

fn call(server: usize) -> Call<'static> {
    static NAMES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let names = NAMES.get_or_init(|| (0..100_000).map(|i| format!("server{i}")).collect());
    Call {
        identity: Identity { id: "user", roles: &["agent"], attr: br#"{"team": "core"}"#, ..Identity::default() },
        server: &names[server],
        tool: "tool1",
        arguments: br#"{"owner":"acme","repo":"api","limit":10,"path":"/srv/data/1/report.csv","query":"select a from t","team":"core","tags":["new","reviewed"],"priority":3,"body":"lorem ipsum"}"#,
        context: br#"{"model": "large-1"}"#,
        ..Call::default()
    }
}

fn spread(sorted: &[Duration]) -> String {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    format!(
        "p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, most {:.1?} ({} in all)",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        sorted.len()
    )
}
