//! What the audit log costs a decision, in instructions: the JSON of 64 different calls on the shipped pack, answered
//! without a log and with one. Callgrind counts `counted` alone, on the thread that decides:
//!
//! `valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect='*audit::counted*'
//! <the bench> off|on`
//!
//! Run plainly it tells the time, for what that is worth on a machine that others use.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use toolgate::audit::settings::{Filters, Metadata, Output, Queue, Redaction};
use toolgate::audit::{Audit, Backend, OnFailure, Settings, redact};
use toolgate::protocols::decide_json;
use toolgate::service::{Service, Settings as ServiceSettings};
use toolgate::store::Store;

const CALLS: usize = 64;

fn service(audit: bool) -> Service {
    let files = std::fs::read_dir("policies").unwrap().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        let yaml = name.ends_with(".yaml");
        yaml.then(|| toolgate::source::SourceFile::new(name, std::fs::read_to_string(entry.path()).unwrap()))
    });
    let store = Store::in_memory(files.collect(), &toolgate::compile::CompileOptions::default()).unwrap();
    let service = Service::new(store, ServiceSettings::default());
    if !audit {
        return service;
    }
    let log = Audit::open(Settings {
        access: true,
        decisions: true,
        metadata: Metadata::default(),
        filters: Filters::default(),
        redaction: Redaction { keys: redact::SECRET_KEYS.iter().map(|k| (*k).to_owned()).collect(), paths: Vec::new() },
        backend: Backend::Lines { outputs: vec![Output::File("/dev/null".into())], rotation: None },
        on_failure: OnFailure::Availability,
        queue: Queue::default(),
        policy_directory: "policies".into(),
    });
    service.with_audit(Arc::new(log.unwrap()))
}

#[inline(never)]
fn counted(service: &Service, calls: &[String]) {
    for call in calls {
        let _ = black_box(decide_json(service, call.as_bytes()));
    }
}

fn main() {
    let calls: Vec<String> = (0..CALLS)
        .map(|n| {
            format!(
                r#"{{"identity": {{"id": "user{n}", "roles": ["agent"]}}, "tool": {{"server": "filesystem", "name": "read_text_file"}}, "arguments": {{"path": "/workspace/{n}/notes.md", "head": {n}}}, "session": {{"id": "s{n}", "labels": ["ci"]}}}}"#
            )
        })
        .collect();
    let which = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    for name in ["off", "on"] {
        if which.as_deref().is_some_and(|w| w != name) {
            continue;
        }
        let service = service(name == "on");
        for call in &calls {
            assert!(decide_json(&service, call.as_bytes()).is_ok());
        }
        let started = Instant::now();
        counted(&service, &calls);
        println!("audit {name}: {:?} a call", started.elapsed() / u32::try_from(CALLS).unwrap());
    }
}
