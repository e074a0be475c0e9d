//! `toolgate serve`: the policy decision point.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::settings::{Options, open_identity, open_store, service};
use crate::audit::Audit;
use crate::config::Config;
use crate::identity::{Refresh, Source};
use crate::server::Server;
use crate::service::Service;
use crate::telemetry::{LogFormat, Tracing, start_log};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Policy directory [default: the configuration's, or `policies`]
    directory: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
    /// Listen beyond this machine although nothing protects the connection
    #[arg(long)]
    insecure_listen: bool,
    /// Log level, or a filter such as `toolgate=debug`
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "TOOLGATE_LOG_LEVEL")]
    log_level: String,
    /// Log format [default: text on a terminal, JSON otherwise]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn run(serve: Serve) -> anyhow::Result<ExitCode> {
    let config = serve.options.load(serve.directory, serve.insecure_listen)?;
    let format = match serve.log_format {
        None => LogFormat::Auto,
        Some(Format::Text) => LogFormat::Text,
        Some(Format::Json) => LogFormat::Json,
    };
    start_log(&serve.log_level, format).map_err(anyhow::Error::msg)?;
    log_panics();
    let identity = open_identity(&config)?;
    warn_of_insecure_tokens(&config);
    let refreshes = identity.refreshes();
    let service = service(&config, open_store(&config)?).with_identity(identity);
    let audit = config.audit.clone().map(Audit::open).transpose()?.map(Arc::new);
    let service = match &audit {
        Some(audit) => service.with_audit(Arc::clone(audit)),
        None => service,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        // Before anybody is told that we serve: a signal that comes then is not lost.
        let stopped = stopped()?;
        let tracing = Tracing::open(&|name| std::env::var(name).ok())?.map(Arc::new);
        let service = Arc::new(match &tracing {
            Some(tracing) => service.with_tracing(Arc::clone(tracing)),
            None => service,
        });
        fetch_keys(refreshes).await;
        let server = Server::open(&config.server, Arc::clone(&service)).await?;
        let (http, grpc) = (server.http_address()?, server.grpc_address()?);
        log_start(&service);
        let hooks = server.hooks_address()?.map(|a| a.to_string());
        tracing::info!(%http, %grpc, hooks, "serving");
        server.run(stopped).await;
        if let Some(tracing) = tracing {
            // It waits for the collector.
            let _ = tokio::task::spawn_blocking(move || tracing.close()).await;
        }
        anyhow::Ok(())
    })?;
    // What is still running holds nothing that must be saved.
    runtime.shutdown_background();
    if let Some(audit) = audit {
        audit.close();
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Fetches the key sets of URLs, and goes on doing so. What cannot be had now is tried again while we serve: requests
/// with such tokens are refused until then.
async fn fetch_keys(refreshes: Vec<Refresh>) {
    let mut first = tokio::task::JoinSet::new();
    for refresh in refreshes {
        first.spawn(async move {
            let mut failures = 0;
            let pause = refresh.fetch_and_log(&mut failures).await;
            (refresh, pause, failures)
        });
    }
    while let Some(fetched) = first.join_next().await {
        if let Ok((refresh, pause, failures)) = fetched {
            tokio::spawn(refresh.run(pause, failures));
        }
    }
}

fn warn_of_insecure_tokens(config: &Config) {
    if config.aux_data.disable_verification {
        tracing::warn!("insecure: tokens are believed without verification (`auxData.jwt.disableVerification`)");
    }
    for set in &config.aux_data.key_sets {
        if let Source::Url(url, _) = &set.source
            && url.scheme_str() == Some("http")
            && !matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
        {
            tracing::warn!(key_set = %set.id, "insecure: a key set comes over http, where it can be replaced on the way");
        }
    }
    for set in config.aux_data.key_sets.iter().filter(|s| s.optional_alg || s.optional_kid) {
        let (optional_alg, optional_kid) = (set.optional_alg, set.optional_kid);
        tracing::warn!(key_set = %set.id, optional_alg, optional_kid, "insecure: a key set with optional fields");
    }
}

fn log_start(service: &Service) {
    let snapshot = service.store().snapshot();
    for warning in &snapshot.warnings {
        tracing::warn!(code = warning.code, "{warning}");
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        semantics = service.settings().semantics,
        revision = %snapshot.revision,
        policies = snapshot.policies,
        rules = snapshot.rules,
        "policies loaded"
    );
}

/// Ready at the first SIGINT or SIGTERM. A second one ends the process as if nobody listened.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(1);
        });
    })
}

/// A panic is logged by its place alone: its message may hold what was being decided.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked (this is a defect of toolgate)");
    }));
}
