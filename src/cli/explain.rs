//! `toolgate explain`: why a tool call is allowed or denied, decided from a policy directory.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::check::Call;
use super::settings::{Options, open_store, service};
use super::{Output, out};
use crate::service::Failure;
use crate::toolcall::explain::{Explanation, Redaction, explain, json, text};
use crate::toolcall::{ToolCall, View};
use crate::wire;

/// Not allowed.
const REFUSED: u8 = 2;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Policy directory [default: the configuration's, or `policies`]
    directory: Option<PathBuf>,
    #[command(flatten)]
    call: Call,
    #[command(flatten)]
    options: Options,
    /// Do not show values under this key, besides passwords, tokens and the like; may be repeated
    #[arg(long, value_name = "KEY")]
    redact: Vec<String>,
    /// How to print
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: Explain) -> anyhow::Result<ExitCode> {
    let question = args.call.question()?;
    let mut config = args.options.load(args.directory, true)?;
    config.storage.watch = false;
    let service = service(&config, open_store(&config)?);
    let redaction = Redaction::new(&args.redact);
    let all = service.answer(|turn| -> Result<Vec<Explanation>, Failure> {
        let asked = wire::json::decide(&question, turn.bump, turn.settings.wire)?;
        let call = ToolCall::new(&asked, turn.bump, turn.settings.wire)?;
        let view = View::of(&call, &turn.settings.kind_prefix, turn.bump);
        let askers = [("identity", Some(view.identity)), ("agent", view.agent)];
        let one = |(asker, request): (&str, _)| {
            let request = request?;
            let (decision, seen) = turn.decide_seen(&request);
            let (table, params) = (&turn.snapshot.table, &turn.settings.params);
            Some(explain(asker, table, params, &request, (&decision, seen), &redaction))
        };
        Ok(askers.into_iter().filter_map(one).collect())
    })?;
    match args.output {
        Output::Json => out(&format!("{:#}", serde_json::Value::Array(all.iter().map(json).collect()))),
        Output::Text => out(all.iter().map(text).collect::<Vec<_>>().join("\n").trim_end()),
    }
    let allowed = all.iter().all(|e| e.allowed);
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
