//! The Cerbos API: `cerbos.svc.v1.CerbosService` over gRPC, and its REST routes. Clients of the reference find the
//! shapes, codes and words they know.

mod check;
mod grpc;
mod legacy;
mod plan;
mod rest;

use crate::proto::cerbos::response::v1::ServerInfoResponse;

pub(super) use check::answer;
pub(super) use grpc::GrpcApi;
pub(super) use rest::{check_resources_json, routes, versioned};

/// Metadata with our version that comes with every answer.
const VERSION_KEY: &str = "cerbos-version";

/// What `ServerInfo` tells.
fn server_info() -> ServerInfoResponse {
    ServerInfoResponse { version: env!("CARGO_PKG_VERSION").into(), ..ServerInfoResponse::default() }
}
