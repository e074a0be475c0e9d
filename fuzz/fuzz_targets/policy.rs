//! Policy text to policy: no panic; a policy comes without errors and has a key; faults can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate::policy::decode_policy;
use toolgate::source::{Severity, SourceFile, render_json, render_terminal};

fuzz_target!(|text: &str| {
    let file = SourceFile::new("a.yaml", text);
    let (policy, diagnostics) = decode_policy(&file);
    let errors = diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert!(policy.is_none() || !errors);
    if let Some(policy) = policy {
        assert!(!policy.key().is_empty());
    }
    if diagnostics.len() < 20 {
        render_terminal(&diagnostics, false);
    }
    render_json(&diagnostics);
});
