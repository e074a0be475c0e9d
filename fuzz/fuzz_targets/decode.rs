//! The protobuf decoder against prost, on raw bytes and on messages shaped from them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate::wire::protobuf::differ;

fuzz_target!(|bytes: &[u8]| {
    if let Some((&mode, rest)) = bytes.split_first() {
        if mode & 1 == 0 { differ::raw(rest) } else { differ::shaped(rest) }
    }
});
