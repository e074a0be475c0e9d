//! The CI gate: instructions per operation, counted by callgrind. `benches/gate` runs one case at a time under valgrind
//! and compares the counts with `benches/instructions.baseline`. Wall-clock gates are noise on shared machines.
//!
//! Each case prepares a seeded input of 64 different calls and then runs `counted`, the only function that callgrind
//! counts. Without an argument it lists the cases.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod support;

use std::hint::black_box;

use bumpalo::Bump;
use support::Pdp;

const CASES: [&str; 7] = [
    "cel.conditions",
    "decode.servers",
    "decide.pack",
    "decide.servers_10",
    "decide.servers_1000",
    "answer.pack",
    "answer.servers_10",
];

/// Once to warm what a running server has warm (lazily built automata of regular expressions), then counted.
fn measured(work: &mut dyn FnMut()) {
    work();
    counted(work);
}

/// What is counted.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

fn each<T>(items: &[T], work: impl FnMut(&T)) {
    items.iter().for_each(work);
}

fn main() {
    let Some(name) = std::env::args().skip(1).find(|a| !a.starts_with('-')) else {
        for case in CASES {
            println!("{case}");
        }
        return;
    };
    let arena = Bump::with_capacity(1 << 24);
    if name == "cel.conditions" {
        let data = Bump::new();
        let (units, roots) = (support::expressions::units(), support::expressions::roots(&data));
        return measured(&mut || {
            each(&units, |(_, unit, id)| support::expressions::evaluate(unit, *id, &roots, &arena));
        });
    }
    let (what, store) = name.split_once('.').unwrap_or_else(|| panic!("no case `{name}`"));
    let (pdp, calls) = match store {
        "pack" => (Pdp::new(&support::pack()), support::pack_calls(64)),
        "servers_1000" => (Pdp::new(&support::servers(1000, 10)), support::server_calls(64, 1000, 10)),
        _ => (Pdp::new(&support::servers(10, 10)), support::server_calls(64, 10, 10)),
    };
    let inputs = Bump::new();
    let views: Vec<_> = calls.iter().map(|c| support::view(c, &inputs)).collect();
    match what {
        "decode" => measured(&mut || each(&calls, |c| _ = black_box(support::tool_call(c, &arena)))),
        "decide" => measured(&mut || each(&views, |v| _ = black_box(pdp.decide(v, &arena)))),
        "answer" => measured(&mut || each(&calls, |c| _ = black_box(pdp.answer(c, &arena)))),
        _ => panic!("no case `{name}`"),
    }
}
