//! `toolgate explain`: why a tool call is allowed or denied, decided from a policy directory or by a running server. Both
//! answer the question of `check` with its trace; this prints the trace.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::check::{Call, Question, REFUSED, allows};
use super::{Output, out};
use crate::toolcall::explain::{read, text};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    call: Call,
    /// Do not show values under this key, besides passwords, tokens and the like; may be repeated
    #[arg(long, value_name = "KEY", conflicts_with = "pdp")]
    redact: Vec<String>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(mut args: Explain) -> anyhow::Result<ExitCode> {
    args.call.trace = true;
    let reply = args.question.ask(&args.call, &args.redact)?.reply()?;
    let all = reply.get("explanations").and_then(Value::as_array).cloned().unwrap_or_default();
    match args.output {
        Output::Json => out(&format!("{:#}", Value::Array(all))),
        Output::Text => out(all.iter().map(|e| text(&read(e))).collect::<Vec<_>>().join("\n").trim_end()),
    }
    Ok(if allows(&reply) { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
