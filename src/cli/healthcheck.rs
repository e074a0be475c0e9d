//! `toolgate healthcheck`: for containers and scripts. Prints the status; exit code 0 means that the server serves.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use http::{Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsConnector;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;

use super::client::{ask, connect};
use super::settings::Options;
use super::{err, out, tls};
use crate::config::{Address, parse_duration};

/// Arguments of `healthcheck`.
#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    /// Protocol to ask by
    #[arg(long, value_enum, default_value = "http")]
    kind: Kind,
    /// Where the server listens: `host:port` or `unix:/path` [default: the configuration's]
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse)]
    host_port: Option<Address>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    tls: tls::Protection,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Http,
    Grpc,
}

/// A duration as the configuration writes it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).filter(|d| !d.is_zero()).ok_or_else(|| "expected something like `500ms` or `2s`".to_owned())
}

pub(super) fn run(check: &Healthcheck) -> anyhow::Result<ExitCode> {
    let server = check.options.load(None, true)?.server;
    let configured = match check.kind {
        Kind::Http => server.http,
        Kind::Grpc => server.grpc,
    };
    let address = check.host_port.clone().unwrap_or(configured);
    let tls = check.tls.connector(server.tls.as_ref())?;
    let status = match check.kind {
        Kind::Http => over_http(&address, tls.as_ref(), check.timeout)?,
        Kind::Grpc => over_grpc(&address, tls, check.timeout)?,
    };
    if status == "SERVING" {
        out(&status);
        return Ok(ExitCode::SUCCESS);
    }
    err(&status);
    Ok(ExitCode::FAILURE)
}

fn over_http(address: &Address, tls: Option<&TlsConnector>, patience: Duration) -> anyhow::Result<String> {
    let (status, body) = ask(address, tls, Method::GET, "/_cerbos/health", Vec::new(), patience)?;
    let body: serde_json::Value = serde_json::from_slice(&body).context("the answer is not JSON")?;
    let text = |key: &str| body.get(key).and_then(|v| v.as_str()).unwrap_or("UNKNOWN").to_owned();
    Ok(if status == StatusCode::OK { text("status") } else { text("message") })
}

fn over_grpc(address: &Address, tls: Option<TlsConnector>, patience: Duration) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let target = address.clone();
    let asking = async {
        let endpoint = Endpoint::from_static("http://toolgate");
        let dial = move |_: Uri| {
            let (address, tls) = (target.clone(), tls.clone());
            async move { connect(&address, tls.as_ref()).await.map(TokioIo::new) }
        };
        let channel = endpoint.connect_with_connector(service_fn(dial)).await?;
        let answer = HealthClient::new(channel).check(HealthCheckRequest { service: String::new() }).await?;
        anyhow::Ok(answer.into_inner())
    };
    let answer = runtime
        .block_on(async { tokio::time::timeout(patience, asking).await })
        .map_err(|_| anyhow::anyhow!("no answer within {patience:?}"))
        .and_then(|answer| answer)
        .with_context(|| format!("cannot ask the server at `{address}`"))?;
    Ok(ServingStatus::try_from(answer.status).unwrap_or(ServingStatus::Unknown).as_str_name().to_owned())
}
