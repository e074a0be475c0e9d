//! What the decision path takes from the heap: nothing but what grows the request's arena. Counted by an allocator of
//! its own, so this is a test program of its own; one test, because the count is the process's.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../benches/support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use bumpalo::Bump;
use support::Pdp;

/// Counts allocations; otherwise the system's.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator that counts can't be written otherwise; this test only")]
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

/// Allocations of the second of two runs: the first makes what is made once, such as the automata of regular
/// expressions.
fn second_run(mut work: impl FnMut()) -> u64 {
    work();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    work();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn the_decision_path_allocates_nothing() {
    let data = Bump::new();
    let roots = support::expressions::roots(&data);
    let mut bump = Bump::with_capacity(64 << 10);
    for (name, unit, id) in support::expressions::units() {
        let count = second_run(|| {
            bump.reset();
            support::expressions::evaluate(&unit, id, &roots, &bump);
        });
        assert_eq!(count, 0, "{name}");
    }
    for (name, files, calls) in [
        ("pack", support::pack(), support::pack_calls(64)),
        ("servers", support::servers(100, 10), support::server_calls(64, 100, 10)),
    ] {
        let pdp = Pdp::new(&files);
        let views: Vec<_> = calls.iter().map(|call| support::view(call, &data)).collect();
        let count = second_run(|| {
            for view in &views {
                bump.reset();
                pdp.decide(view, &bump);
            }
        });
        assert_eq!(count, 0, "{} decisions on {name}", views.len());
    }
}
