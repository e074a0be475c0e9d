//! The admin API: `cerbos.svc.v1.CerbosAdminService` over gRPC, and its REST routes. Reads policies, schemas and the
//! audit log, and has policies read again; changes nothing, because policies are files here. Nobody is told anything before he has
//! proved who he is.

mod audit;
mod auth;
mod calls;
mod grpc;
mod inspect;
mod json;
mod query;
mod references;
mod rest;
#[cfg(test)]
mod tests;
mod transcode;

use std::sync::Arc;

pub use auth::Credentials;
pub(super) use grpc::GrpcApi;
pub(super) use rest::routes;

use super::Shared;
use crate::service::Failure;

/// The answer to everybody where there is no admin API.
pub(super) const DISABLED: &str = "Admin service is disabled by the configuration";
/// Passwords that are checked at a time: each takes a core for as long as its hash is meant to take.
pub(super) const CHECKS: usize = 2;

/// Lets a caller in who proves who he is.
async fn authenticate(shared: &Arc<Shared>, header: Option<Vec<u8>>) -> Result<(), Failure> {
    let Some(credentials) = shared.settings.admin.clone() else { return Err(Failure::Unsupported(DISABLED)) };
    // The semaphore is never closed.
    let permit = Arc::clone(&shared.admin_checks).acquire_owned().await.map_err(|_| Failure::ShuttingDown)?;
    let checked = tokio::task::spawn_blocking(move || {
        let result = credentials.check(header.as_deref());
        drop(permit);
        result
    });
    checked.await.unwrap_or(Err(Failure::Panicked))
}

/// Has the policies read again, and waits for the result if asked to.
async fn reload(shared: &Arc<Shared>, wait: bool) -> Result<(), Failure> {
    let service = Arc::clone(&shared.service);
    let reloading = tokio::task::spawn_blocking(move || calls::reload_store(&service));
    if wait { reloading.await.unwrap_or(Err(Failure::Panicked)) } else { Ok(()) }
}
