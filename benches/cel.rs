//! Expressions: the time of one evaluation beside the `cel` and `cel-core` crates, and the time of loading.
//!
//! Input: a principal and a resource of some 1 kB. Ours makes a frame for each evaluation, as a decision does; the
//! rivals get a context that is built once, which flatters them. All three run in this process, one after the other.
//!
//! `cargo bench --bench cel`

mod support;

use std::hint::black_box;
use std::sync::Arc;

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Value as Json;
use support::expressions::{CONDITIONS, environment, evaluate, principal, resource, roots, units};
use toolgate::cel::{UnitBuilder, compile};

fn theirs(json: &Json) -> cel::Value {
    match json {
        Json::Null => cel::Value::Null,
        Json::Bool(b) => cel::Value::Bool(*b),
        Json::Number(n) => cel::Value::Float(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => cel::Value::from(s.as_str()),
        Json::Array(a) => cel::Value::from(a.iter().map(theirs).collect::<Vec<_>>()),
        Json::Object(o) => {
            cel::Value::from(o.iter().map(|(k, v)| (k.clone(), theirs(v))).collect::<std::collections::HashMap<_, _>>())
        }
    }
}

fn core(json: &Json) -> cel_core::Value {
    use cel_core::Value as V;
    match json {
        Json::Null => V::Null,
        Json::Bool(b) => V::Bool(*b),
        Json::Number(n) => V::Double(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => V::String(s.as_str().into()),
        Json::Array(a) => V::List(a.iter().map(core).collect::<Vec<_>>().into()),
        Json::Object(o) => V::Map(Arc::new(cel_core::ValueMap::from_entries(
            o.iter().map(|(k, v)| (cel_core::MapKey::String(k.as_str().into()), core(v))),
        ))),
    }
}

fn evaluation(c: &mut Criterion) {
    let data = Bump::new();
    let roots = roots(&data);
    for ((name, unit, id), (_, source)) in units().into_iter().zip(CONDITIONS) {
        let mut group = c.benchmark_group(name);
        let mut bump = Bump::with_capacity(1 << 14);
        group.bench_function("toolgate", |b| {
            b.iter(|| {
                evaluate(&unit, id, black_box(&roots), &bump);
                bump.reset();
            });
        });

        let program = cel::Program::compile(source).ok();
        let mut context = cel::Context::default();
        context.add_variable_from_value("P", theirs(&principal()));
        context.add_variable_from_value("R", theirs(&resource()));
        if let Some(program) = program
            && matches!(program.execute(&context), Ok(cel::Value::Bool(true)))
        {
            group.bench_function("cel", |b| b.iter(|| program.execute(black_box(&context))));
        }

        let rival = cel_core::Env::with_standard_library()
            .with_variable("P", cel_core::CelType::Dyn)
            .with_variable("R", cel_core::CelType::Dyn);
        let mut activation = cel_core::MapActivation::new();
        activation.insert("P", core(&principal()));
        activation.insert("R", core(&resource()));
        if let Ok(ast) = rival.compile(source)
            && let Ok(program) = rival.program(&ast)
            && matches!(program.eval(&activation), cel_core::Value::Bool(true))
        {
            group.bench_function("cel-core", |b| b.iter(|| program.eval(black_box(&activation))));
        }
        group.finish();
    }
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
