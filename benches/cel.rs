//! Expressions: the time of one evaluation, and the time of loading. Beside other crates: `benches/peers`.
//!
//! Input: a principal and a resource of some 1 kB. There is a frame for each evaluation, as in a decision.
//!
//! `cargo bench --bench cel`

mod support;

use std::hint::black_box;

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use support::expressions::{CONDITIONS, environment, evaluate, roots, units};
use toolgate::cel::{UnitBuilder, compile};

fn evaluation(c: &mut Criterion) {
    let data = Bump::new();
    let roots = roots(&data);
    let mut group = c.benchmark_group("evaluate");
    let mut bump = Bump::with_capacity(1 << 14);
    for (name, unit, id) in units() {
        group.bench_function(name, |b| {
            b.iter(|| {
                evaluate(&unit, id, black_box(&roots), &bump);
                bump.reset();
            });
        });
    }
    group.finish();
}

/// 10,000 conditions that differ from each other: parse, check, lower.
fn loading(c: &mut Criterion) {
    let env = environment();
    let sources: Vec<String> = CONDITIONS
        .iter()
        .cycle()
        .take(10_000)
        .enumerate()
        .map(|(i, (_, source))| format!("({source}) && R.attr.serial != 'n{i}'"))
        .collect();
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    group.bench_function("10000_conditions", |b| {
        b.iter(|| {
            let mut builder = UnitBuilder::bare(&env);
            for source in &sources {
                if let Ok(checked) = compile(source, &env) {
                    builder.add(&checked);
                }
            }
            builder.build().len()
        });
    });
    group.finish();
}

criterion_group!(benches, evaluation, loading);
criterion_main!(benches);
