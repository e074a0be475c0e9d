//! The CI gate: instructions per operation, counted by valgrind. `benches/gate` compares them with the baseline.
//! Each case runs the same seeded input once, with everything that can be prepared prepared before.

#![allow(missing_docs)]

mod support;

use std::hint::black_box;

use bumpalo::Bump;
use gungraun::{library_benchmark, library_benchmark_group, main};
use support::Pdp;

struct Case {
    pdp: &'static Pdp,
    calls: Vec<Vec<u8>>,
    bump: Bump,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn pack() -> Case {
    Case { pdp: leak(Pdp::new(&support::pack())), calls: support::pack_calls(64), bump: Bump::with_capacity(1 << 22) }
}

fn servers(n: usize) -> Case {
    Case {
        pdp: leak(Pdp::new(&support::servers(n, 10))),
        calls: support::server_calls(64, n, 10),
        bump: Bump::with_capacity(1 << 22),
    }
}

type Views = (&'static Pdp, Vec<toolgate::toolcall::View<'static>>, Bump);

fn views(case: Case) -> Views {
    let (calls, arena) = (leak(case.calls), leak(Bump::new()));
    (case.pdp, calls.iter().map(|c| support::view(c, arena)).collect(), case.bump)
}

#[library_benchmark]
#[bench::servers(servers(10))]
fn decode(case: Case) -> Case {
    for call in &case.calls {
        black_box(support::tool_call(call, &case.bump));
    }
    case
}

#[library_benchmark]
#[bench::pack(views(pack()))]
#[bench::servers_10(views(servers(10)))]
#[bench::servers_1000(views(servers(1000)))]
fn decide(case: Views) -> Views {
    for view in &case.1 {
        black_box(case.0.decide(view, &case.2));
    }
    case
}

#[library_benchmark]
#[bench::pack(pack())]
#[bench::servers_10(servers(10))]
fn decode_decide_encode(case: Case) -> Case {
    for call in &case.calls {
        black_box(case.pdp.answer(call, &case.bump));
    }
    case
}

library_benchmark_group!(name = hot_path, benchmarks = [decode, decide, decode_decide_encode]);
main!(library_benchmark_groups = hot_path);
