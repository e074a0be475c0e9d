//! An expression, a line break, and the attributes it reads as JSON: no panic, no arena beyond what the budget pays for,
//! the same answer when asked again, without folding, and as a condition.

#![no_main]

use std::sync::LazyLock;

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;
use toolgate::cel::value::{Field, FieldType, Map, Message, MessageType, SORTED_ABOVE, Value};
use toolgate::cel::{Budget, Env, Frame, Inputs, Root, RootType, Shown, Truth, UnitBuilder, compile, time};

const fn field(name: &'static str, ty: FieldType) -> Field {
    Field { name, alias: name, ty }
}

static RESOURCE: MessageType =
    MessageType { name: "fuzz.Resource", fields: &[field("id", FieldType::String), field("attr", FieldType::DynMap)] };

static ENVIRONMENT: LazyLock<Env> =
    LazyLock::new(|| Env::new(vec![Root { name: "R".into(), ty: RootType::Message(&RESOURCE), index: 0 }]));

/// Steps and room: one step pays for at most some hundred bytes, and a machine has room that nothing is charged for.
const STEPS: u64 = 20_000;
const ROOM: usize = 16 << 20;

fn value<'a>(bump: &'a Bump, json: &Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Double(n.as_f64().unwrap_or(f64::NAN)),
        Json::String(s) => Value::String(bump.alloc_str(s)),
        Json::Array(a) => Value::list(bump.alloc_slice_fill_iter(a.iter().map(|v| value(bump, v)))),
        Json::Object(o) => {
            let mut all: Vec<_> = o.iter().map(|(k, v)| (&*bump.alloc_str(k), value(bump, v))).collect();
            if all.len() > SORTED_ABOVE {
                all.sort_by_key(|(k, _)| *k);
            }
            Value::Map(Map::Fields(bump.alloc_slice_copy(&all)))
        }
    }
}

fuzz_target!(|text: &str| {
    let (source, attributes) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(checked) = compile(source, &ENVIRONMENT) else { return };
    let Ok(attributes @ Json::Object(_)) = serde_json::from_str(attributes) else { return };
    let data = Bump::new();
    let fields = data.alloc_slice_copy(&[Value::String("r1"), value(&data, &attributes)]);
    let roots = [Value::Message(Message { ty: &RESOURCE, fields })];
    let now = time::parse_timestamp("2025-01-02T03:04:05.678Z").ok();
    let asked = |folding: bool| {
        let mut builder = UnitBuilder::bare(&ENVIRONMENT);
        builder.set_folding(folding);
        let id = builder.add(&checked);
        let (unit, bump, budget) = (builder.build(), Bump::new(), Budget::new(STEPS));
        let inputs = Inputs { roots: &roots, now, bump: &bump, budget: &budget };
        let first = Frame::new(&unit, inputs).value(id);
        let shown = match first {
            Ok(value) => Ok(Shown(value).to_string()),
            Err(e) => Err(e.to_string()),
        };
        assert!(bump.allocated_bytes() < ROOM, "{} bytes", bump.allocated_bytes());
        if budget.is_exhausted() {
            return None;
        }
        let budget = Budget::new(STEPS);
        let truth = Frame::new(&unit, Inputs { budget: &budget, ..inputs }).truth(id);
        match (truth, &first) {
            (Truth::True, Ok(value)) => assert!(holds(*value, true)),
            (Truth::False, Ok(value)) => assert!(holds(*value, false)),
            (Truth::NotBool, Ok(value)) => assert!(!holds(*value, true) && !holds(*value, false)),
            (Truth::Error(e), Err(f)) => assert_eq!(e.to_string(), f.to_string()),
            (truth, value) => panic!("{truth:?} {value:?}"),
        }
        Some(shown)
    };
    let (folded, plain) = (asked(true), asked(false));
    assert_eq!(asked(true), folded);
    // without folding more steps are taken
    if folded.is_some() && plain.is_some() {
        assert_eq!(folded, plain);
    }
});

/// True if the value, or what it holds, is this boolean.
fn holds(value: Value<'_>, expected: bool) -> bool {
    match value {
        Value::Optional(Some(inner)) => holds(*inner, expected),
        Value::Bool(b) => b == expected,
        _ => false,
    }
}
