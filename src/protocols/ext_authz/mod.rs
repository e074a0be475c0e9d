//! Envoy's external authorization (ext_authz v3), which Envoy Gateway, Istio and others speak too. A question holds the
//! HTTP request of a client; the tool call is in its body, or in what Envoy's MCP filter found, or in `Mcp-*` headers.
//!
//! | file | what |
//! |---|---|
//! | `check.rs` | the question: who asks, and for what |
//! | `message.rs` | where the tool call is, and that its places agree |
//! | `reply.rs` | the answer; one that says nothing lets everything through, and cannot be made |

mod check;
mod message;
mod reply;

use std::sync::Arc;

use bytes::Bytes;
use tonic::{Request, Response, Status};

use self::reply::Reply;
use super::Shared;
use super::gateway::Caller;
use crate::proto::server::ext_authz::authorization_server::Authorization;
use crate::service::Failure;

pub(super) use check::check;

/// `envoy.service.auth.v3.Authorization`
#[derive(Clone, Debug)]
pub(super) struct GrpcApi(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl Authorization for GrpcApi {
    async fn check(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let caller = request.extensions().get::<Arc<Caller>>().cloned().unwrap_or_default();
        let received = request.into_inner();
        Ok(Response::new(check(&self.0.service, &self.0.settings.adapters, &caller, &received)))
    }
}

/// The answer to a question that could not be taken in: a denial like any other.
pub(super) fn refused(failure: &Failure) -> Bytes {
    Reply::failed(failure).encode()
}
