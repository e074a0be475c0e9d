//! Expression text through checker and validation of literals: no panic, every node of an accepted tree has a type, and
//! the verdict is the same when asked again.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use toolgate::cel::{Env, compile, parse, resolve};
use toolgate::compile::environment;

static ENVIRONMENT: LazyLock<Env> = LazyLock::new(environment);

fuzz_target!(|text: &str| {
    match compile(text, &ENVIRONMENT) {
        Ok(checked) => {
            assert_eq!(checked.types.len(), checked.ast.nodes.len());
            let _ = checked.ty(checked.ast.root).to_string();
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            assert_eq!(compile(text, &ENVIRONMENT).err(), Some(faults));
            if let Ok(ast) = parse(text) {
                let _ = resolve(ast, &ENVIRONMENT);
            }
        }
    }
});
