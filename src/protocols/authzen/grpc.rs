//! The gRPC methods.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::Authority;
use prost::Message;
use prost_types::Value;
use prost_types::value::Kind;
use tonic::{Request, Response, Status};

use super::evaluate::{Answer, batch, one};
use super::metadata;
use crate::proto::authzen::authorization::v1::{
    AccessEvaluationBatchResponse, AccessEvaluationResponse, MetadataRequest, MetadataResponse,
};
use crate::proto::server::authzen::authorization_service_server::AuthorizationService;
use crate::protocols::value::value;
use crate::protocols::{Shared, grpc};
use crate::wire::{protobuf, validate};

/// `authzen.authorization.v1.AuthorizationService`
#[derive(Clone, Debug)]
pub(in crate::protocols) struct GrpcApi(pub(in crate::protocols) Arc<Shared>);

#[tonic::async_trait]
impl AuthorizationService for GrpcApi {
    async fn metadata(&self, request: Request<MetadataRequest>) -> Result<Response<MetadataResponse>, Status> {
        let authority = request.extensions().get::<Authority>().cloned();
        let headers = request.metadata().clone().into_headers();
        Ok(Response::new(metadata(&self.0.settings, &headers, authority.as_ref())))
    }

    async fn access_evaluation(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answer = self.0.service.answer(|turn| {
            let asked = protobuf::evaluation(&received, turn.bump, turn.settings.wire)?;
            one(turn, &asked, self.0.settings.adapters.authzen_server.as_deref())
        });
        answer.map(|a| Response::new(message(&a).encode_to_vec().into())).map_err(|f| grpc::failed(&f))
    }

    async fn access_evaluation_batch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answers = self.0.service.answer(|turn| {
            let asked = protobuf::evaluations(&received, turn.bump, turn.settings.wire)?;
            if asked.items.is_empty() {
                // This message has no form for a single answer.
                return Err(validate::no_evaluations().into());
            }
            batch(turn, &asked, self.0.settings.adapters.authzen_server.as_deref())
        });
        let encode = |answers: Vec<Answer>| {
            let evaluations = answers.iter().map(message).collect();
            Response::new(AccessEvaluationBatchResponse { evaluations }.encode_to_vec().into())
        };
        answers.map(encode).map_err(|f| grpc::failed(&f))
    }
}

fn message(answer: &Answer) -> AccessEvaluationResponse {
    let context = answer.context.as_ref().and_then(|c| serde_json::from_slice(&c.to_json()).ok());
    let context = match context.map(value) {
        Some(Value { kind: Some(Kind::StructValue(context)) }) => context.fields.into_iter().collect(),
        _ => HashMap::new(),
    };
    AccessEvaluationResponse { decision: Some(answer.decision), context }
}
