//! The Cerbos API: `cerbos.svc.v1.CerbosService` over gRPC, and its REST routes. Clients of the reference find the
//! shapes, codes and words they know.

mod check;
mod grpc;
mod legacy;
mod plan;
mod rest;

use crate::proto::cerbos::response::v1::ServerInfoResponse;

pub(super) use super::http::versioned;
pub(super) use check::answer;
pub(super) use grpc::{GrpcApi, check_message};
pub(super) use rest::{check_resources_json, plan_resources_json, routes};

/// What `ServerInfo` tells. Commit and date are those that whoever built the binary set in the environment.
fn server_info() -> ServerInfoResponse {
    ServerInfoResponse {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: option_env!("TOOLGATE_COMMIT").unwrap_or_default().into(),
        build_date: option_env!("TOOLGATE_BUILD_DATE").unwrap_or_default().into(),
    }
}
