//! Expressions beside the `cel` and `cel-core` crates.
//!
//! Input: a principal and a resource of some 1 kB. Ours makes a frame for each evaluation, as a decision does; the
//! rivals get a context that is built once, which flatters them. A crate whose answer differs is left out.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use bumpalo::Bump;
use serde_json::Value as Json;

use crate::race::{Contender, race};
use crate::support::expressions::{CONDITIONS, evaluate, principal, resource, roots, units};
use crate::table::{Table, nanos, times};

fn cel_value(json: &Json) -> cel::Value {
    match json {
        Json::Null => cel::Value::Null,
        Json::Bool(b) => cel::Value::Bool(*b),
        Json::Number(n) => cel::Value::Float(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => cel::Value::from(s.as_str()),
        Json::Array(a) => cel::Value::from(a.iter().map(cel_value).collect::<Vec<_>>()),
        Json::Object(o) => {
            cel::Value::from(o.iter().map(|(k, v)| (k.clone(), cel_value(v))).collect::<HashMap<_, _>>())
        }
    }
}

fn core_value(json: &Json) -> cel_core::Value {
    use cel_core::Value as V;
    match json {
        Json::Null => V::Null,
        Json::Bool(b) => V::Bool(*b),
        Json::Number(n) => V::Double(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => V::String(s.as_str().into()),
        Json::Array(a) => V::List(a.iter().map(core_value).collect::<Vec<_>>().into()),
        Json::Object(o) => V::Map(Arc::new(cel_core::ValueMap::from_entries(
            o.iter().map(|(k, v)| (cel_core::MapKey::String(k.as_str().into()), core_value(v))),
        ))),
    }
}

/// One line a condition.
pub fn table() -> Table {
    let mut table = Table::new("Expressions", &["condition", "toolgate", "`cel` 0.15", "", "`cel-core` 0.5", ""]);
    let data = Bump::new();
    let roots = roots(&data);
    for ((name, unit, id), (_, source)) in units().into_iter().zip(CONDITIONS) {
        let mut bump = Bump::with_capacity(1 << 14);
        let mut context = cel::Context::default();
        context.add_variable_from_value("P", cel_value(&principal()));
        context.add_variable_from_value("R", cel_value(&resource()));
        let env = cel_core::Env::with_standard_library()
            .with_variable("P", cel_core::CelType::Dyn)
            .with_variable("R", cel_core::CelType::Dyn);
        let mut activation = cel_core::MapActivation::new();
        activation.insert("P", core_value(&principal()));
        activation.insert("R", core_value(&resource()));
        let (context, activation) = (&context, &activation);
        let mut contenders = vec![Contender::new("toolgate", |_| {
            evaluate(&unit, id, black_box(&roots), &bump);
            bump.reset();
        })];
        if let Ok(program) = cel::Program::compile(source)
            && matches!(program.execute(context), Ok(cel::Value::Bool(true)))
        {
            contenders.push(Contender::new("cel", move |_| drop(black_box(program.execute(black_box(context))))));
        }
        if let Ok(ast) = env.compile(source)
            && let Ok(program) = env.program(&ast)
            && matches!(program.eval(activation), cel_core::Value::Bool(true))
        {
            contenders.push(Contender::new("cel-core", move |_| drop(black_box(program.eval(black_box(activation))))));
        }
        let taken = race(contenders);
        let of = |name: &str| taken.iter().find(|t| t.name == name).map(|t| t.nanos);
        let ours = of("toolgate").unwrap_or(f64::NAN);
        let mut line = vec![name.replace('_', " "), nanos(ours)];
        for rival in ["cel", "cel-core"] {
            line.push(of(rival).map_or("another answer".into(), nanos));
            line.push(of(rival).map_or(String::new(), |n| times(n / ours)));
        }
        table.line(line);
    }
    table
}
