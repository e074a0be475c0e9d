//! agentgateway's remote MCP guardrail: it asks before a request goes to its server, and again about the answer. Calls
//! are judged, and made with the arguments that policy obliges to; lists are filtered; results are redacted.
//!
//! | file | what |
//! |---|---|
//! | `request.rs` | before: may this run, and with which arguments |
//! | `response.rs` | after: what of a list, or of a result, may be seen |
//! | `reply.rs` | the answers; one without a result cannot be made |

mod reply;
mod request;
mod response;

use std::sync::Arc;

use bumpalo::Bump;
use bytes::Bytes;
use prost_types::Struct;
use tonic::{Request, Response, Status};

use self::reply::{Answer, Refusal};
use super::Shared;
use super::gateway::{Caller, Evidence, Headers, Sender};
use super::value::map;
use crate::cel::value::{Map, Value};
use crate::proto::agentgateway::dev::ext_mcp::McpHeader;
use crate::proto::server::ext_mcp::ext_mcp_server::ExtMcp;
use crate::service::Failure;

/// The adapter's name in policies, and the namespace of its metadata.
const NAME: &str = "agentgateway";

/// `agentgateway.dev.ext_mcp.ExtMcp`
#[derive(Clone, Debug)]
pub(super) struct GrpcApi(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl ExtMcp for GrpcApi {
    async fn check_request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let caller = caller(&request);
        let received = request.into_inner();
        Ok(Response::new(request::check(&self.0.service, &self.0.settings.adapters, &caller, &received)))
    }

    async fn check_response(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let caller = caller(&request);
        let received = request.into_inner();
        Ok(Response::new(response::check(&self.0.service, &self.0.settings.adapters, &caller, &received)))
    }
}

/// The answer to a question about a request that could not be taken in.
pub(super) fn request_refused(failure: &Failure) -> Bytes {
    Answer::Refuse(Refusal::failed(failure)).for_request()
}

/// The same about a response.
pub(super) fn response_refused(failure: &Failure) -> Bytes {
    Answer::Refuse(Refusal::failed(failure)).for_response()
}

fn caller(request: &Request<Bytes>) -> Arc<Caller> {
    request.extensions().get::<Arc<Caller>>().cloned().unwrap_or_default()
}

/// What agentgateway knows of who asks: headers of the client, and metadata that its configuration computes.
fn evidence<'a>(
    caller: &'a Caller,
    headers: &'a [McpHeader],
    metadata: Option<&'a Struct>,
    bump: &'a Bump,
) -> Evidence<'a> {
    let headers = headers.iter().map(|header| (&*header.key, std::str::from_utf8(&header.value).ok()));
    let headers = Headers(bumpalo::collections::Vec::from_iter_in(headers, bump).into_bump_slice());
    let metadata = metadata.map_or(crate::wire::message::EMPTY, |metadata| map(metadata, bump));
    let spaces = bump.alloc([(NAME, Value::Map(metadata))]);
    Evidence { caller, headers, sender: Sender::Gateway, uris: &[], metadata: Map::Fields(spaces) }
}
