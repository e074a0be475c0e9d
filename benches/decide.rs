//! One tool call, in process, by number of policies: decode, decide and encode together, and decide alone.
//! Input: 10 to 100,000 generated tool servers (10 conditional rules each) with calls of about 1 kB, over all of them and
//! over ten; and the shipped pack with reads and writes inside and outside of what it allows. 512 different calls in
//! turn, so nothing is one warmed request. Also counts heap allocations per decision.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use support::Pdp;

/// Counts allocations; otherwise the system's.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator that counts can't be written otherwise; benches only")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn decide(c: &mut Criterion) {
    let mut cases = vec![("pack".to_owned(), Rc::new(Pdp::new(&support::pack())), support::pack_calls(512))];
    for n in [10, 100, 1_000, 10_000, 100_000] {
        let pdp = Rc::new(Pdp::new(&support::servers(n, 10)));
        cases.push((format!("{n} policies"), Rc::clone(&pdp), support::server_calls(512, n, 10)));
        // What the number of policies costs by itself: the same ten are asked in every store.
        if n > 10 {
            cases.push((format!("{n} policies, ten asked"), pdp, support::server_calls(512, 10, 10)));
        }
    }
    for (name, pdp, calls) in &cases {
        let mut group = c.benchmark_group(format!("decide/{name}"));
        let mut bump = Bump::with_capacity(64 << 10);
        let mut next = 0;
        let mut turn = || {
            next = (next + 1) % calls.len();
            next
        };
        group.bench_function("decode+decide+encode", |b| {
            b.iter(|| {
                bump.reset();
                black_box(pdp.answer(&calls[turn()], &bump));
            });
        });
        let arena = Bump::new();
        let views: Vec<_> = calls.iter().map(|call| support::view(call, &arena)).collect();
        group.bench_function("decide", |b| {
            b.iter(|| {
                bump.reset();
                black_box(pdp.decide(&views[turn()], &bump));
            });
        });
        group.finish();
        report(name, pdp, calls, &mut bump);
    }
}

/// Median of single decisions and allocations per decision: criterion gives means.
fn report(name: &str, pdp: &Pdp, calls: &[Vec<u8>], bump: &mut Bump) {
    let arena = Bump::new();
    let views: Vec<_> = calls.iter().map(|call| support::view(call, &arena)).collect();
    let mut times = Vec::with_capacity(views.len() * 40);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..40 {
        for view in &views {
            bump.reset();
            let start = std::time::Instant::now();
            black_box(pdp.decide(view, bump));
            times.push(start.elapsed().as_nanos());
        }
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let count = times.len();
    times.sort_unstable();
    let at = |share: usize| times[count * share / 100];
    eprintln!(
        "{name}: decide p50 {} ns, p90 {} ns, p99 {} ns (clock included), {:.3} allocations each",
        at(50),
        at(90),
        at(99),
        allocations as f64 / count as f64
    );
}

criterion_group!(benches, decide);
criterion_main!(benches);
