//! The strict JSON parser against another one, and REST bodies against panics.

#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use toolgate::wire::json::{self, Trailing, differ};
use toolgate::wire::limits::Limits;

fuzz_target!(|bytes: &[u8]| {
    differ::agrees(bytes);
    let bump = Bump::new();
    let _ = json::check_resources(bytes, &bump, Limits::default(), Trailing::Ignore);
    let _ = json::decide(bytes, &bump, Limits::default());
});
