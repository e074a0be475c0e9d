//! AuthZEN 1.0: `authzen.authorization.v1.AuthorizationService` over gRPC, `/access/v1/…` over HTTP, and the metadata
//! that tells where they are. An evaluation is put as a question of the Cerbos API and decided by the same code; every
//! item of a batch is a question of its own. Evaluations in the shapes of COAZ-MCP are put as tool calls (`coaz.rs`).

mod coaz;
mod evaluate;
mod grpc;
mod rest;

pub(super) use grpc::GrpcApi;
pub(super) use rest::routes;

use http::HeaderMap;
use http::uri::Authority;

use super::Settings;
use crate::proto::authzen::authorization::v1::MetadataResponse;

/// Where the endpoints are, as the caller sees this server.
fn metadata(settings: &Settings, headers: &HeaderMap, authority: Option<&Authority>) -> MetadataResponse {
    let base = settings.public_url.clone().unwrap_or_else(|| seen_by(settings.tls, headers, authority));
    MetadataResponse {
        access_evaluation_endpoint: format!("{base}/access/v1/evaluation"),
        access_evaluations_endpoint: format!("{base}/access/v1/evaluations"),
        policy_decision_point: base,
    }
}

/// The address under which a request came, through whatever stands before this server.
fn seen_by(tls: bool, headers: &HeaderMap, authority: Option<&Authority>) -> String {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let first = |name: &str| header(name)?.split(',').next().map(str::trim).filter(|v| !v.is_empty());
    let scheme = if first("x-forwarded-proto") == Some("https") || tls { "https" } else { "http" };
    let host = first("x-forwarded-host").or(authority.map(Authority::as_str)).or(header("host"));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}
