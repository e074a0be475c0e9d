//! The Cerbos API: `cerbos.svc.v1.CerbosService` over gRPC, and its REST routes. Clients of the reference find the
//! shapes, codes and words they know.

mod check;
mod grpc;
mod legacy;
mod plan;
mod rest;

use http::{HeaderName, HeaderValue};

use crate::proto::cerbos::response::v1::ServerInfoResponse;

pub(super) use check::answer;
pub(super) use grpc::{GrpcApi, check_message};
pub(super) use rest::{routes, versioned};

/// Metadata with our version that comes with every answer.
const VERSION_KEY: &str = "cerbos-version";
/// The same as a header.
pub(super) const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static(VERSION_KEY), HeaderValue::from_static(env!("CARGO_PKG_VERSION")));

/// What `ServerInfo` tells.
fn server_info() -> ServerInfoResponse {
    ServerInfoResponse { version: env!("CARGO_PKG_VERSION").into(), ..ServerInfoResponse::default() }
}
