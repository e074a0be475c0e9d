//! stub
use super::Shared;
use axum::Router;
use bytes::Bytes;
use std::sync::Arc;
use tonic::{Request, Response, Status};
#[derive(Clone, Debug)]
pub(in crate::protocols) struct GrpcApi(pub(in crate::protocols) Arc<Shared>);
pub(in crate::protocols) fn routes() -> Router<Arc<Shared>> {
    Router::new()
}
#[tonic::async_trait]
impl crate::proto::server::tool_calls::tool_call_service_server::ToolCallService for GrpcApi {
    async fn decide(&self, _r: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn decide_batch(&self, _r: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Err(Status::unimplemented(""))
    }
    type DecideStreamStream = tokio_stream::Empty<Result<Bytes, Status>>;
    async fn decide_stream(
        &self,
        _r: Request<tonic::Streaming<Bytes>>,
    ) -> Result<Response<Self::DecideStreamStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
