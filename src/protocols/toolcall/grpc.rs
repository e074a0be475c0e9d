//! The gRPC methods.

use std::sync::Arc;

use bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use super::decide::{decide, decide_batch};
use super::plan::plan_tools;
use super::stream::Answers;
use crate::proto::server::tool_calls::tool_call_service_server::ToolCallService;
use crate::protocols::{Shared, grpc};
use crate::service::{Failure, Service};
use crate::wire::{encode, protobuf};

/// Answers the message of one `Decide`.
pub(in crate::protocols) fn decide_message(service: &Service, received: &[u8]) -> Result<Bytes, Failure> {
    service.answer(|turn| {
        let asked = protobuf::decide(received, turn.bump, turn.settings.wire)?;
        Ok(encode::decide(&decide(turn, &asked)?))
    })
}

/// `toolgate.v1.ToolCallService`
#[derive(Clone, Debug)]
pub(in crate::protocols) struct GrpcApi(pub(in crate::protocols) Arc<Shared>);

#[tonic::async_trait]
impl ToolCallService for GrpcApi {
    async fn decide(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let answer = decide_message(&self.0.service, &request.into_inner());
        answer.map(Response::new).map_err(|f| grpc::failed(&f))
    }

    async fn decide_batch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answer = self.0.service.answer(|turn| {
            let asked = protobuf::decide_batch(&received, turn.bump, turn.settings.wire)?;
            Ok(encode::decide_batch(decide_batch(turn, asked)?, &turn.snapshot.revision))
        });
        answer.map(Response::new).map_err(|f| grpc::failed(&f))
    }

    async fn plan_tools(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answer = self.0.service.answer(|turn| {
            let asked = protobuf::plan_tools(&received, turn.bump, turn.settings.wire)?;
            Ok(encode::plan_tools(&plan_tools(turn, &asked)?))
        });
        answer.map(Response::new).map_err(|f| grpc::failed(&f))
    }

    type DecideStreamStream = Answers;

    async fn decide_stream(&self, request: Request<Streaming<Bytes>>) -> Result<Response<Answers>, Status> {
        Ok(Response::new(Answers::new(Arc::clone(&self.0), request)))
    }
}
