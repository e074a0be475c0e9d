//! From file texts to a rule table: what a start or a reload costs, by number of policies.
//! Input: the shipped pack, and generated tool servers with 10 conditional rules each.

#![allow(missing_docs, clippy::expect_used)]

mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use toolgate::compile::{CompileOptions, compile};

fn reload(c: &mut Criterion) {
    let mut group = c.benchmark_group("reload");
    group.sample_size(10);
    let mut stores = vec![("pack".to_owned(), support::pack())];
    for n in [10, 100, 1_000, 10_000] {
        stores.push((format!("{n} policies"), support::servers(n, 10)));
    }
    for (name, files) in stores {
        group.throughput(Throughput::Elements(files.len() as u64));
        group.bench_function(name, |b| {
            b.iter_batched(
                || (),
                |()| compile(&files, &CompileOptions::default()).table.expect("compiles"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

// The binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(benches, reload);
criterion_main!(benches);
