//! The gRPC methods.

use std::sync::Arc;

use bytes::Bytes;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::check::check;
use super::legacy::{check_batch, check_set};
use super::plan::plan;
use super::server_info;
use crate::proto::cerbos::request::v1::ServerInfoRequest;
use crate::proto::cerbos::response::v1::ServerInfoResponse;
use crate::proto::server::cerbos::cerbos_service_server::CerbosService;
use crate::protocols::{Shared, grpc};
use crate::service::{Failure, Service};
use crate::wire::{encode, protobuf};

/// Answers the message of one `CheckResources`.
pub(in crate::protocols) fn check_message(service: &Service, received: &[u8]) -> Result<Bytes, Failure> {
    service.answer(|turn| {
        let asked = protobuf::check_resources(received, turn.bump, turn.settings.wire)?;
        check(turn, &asked, encode::check_resources)
    })
}

/// `cerbos.svc.v1.CerbosService`
#[derive(Clone, Debug)]
pub(in crate::protocols) struct GrpcApi(pub(in crate::protocols) Arc<Shared>);

#[tonic::async_trait]
impl CerbosService for GrpcApi {
    async fn check_resources(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let answer = check_message(&self.0.service, &request.into_inner());
        answer.map(versioned).map_err(|f| grpc::failed(&f))
    }

    async fn check_resource_set(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answer = self.0.service.answer(|turn| {
            let asked = protobuf::check_resource_set(&received, turn.bump, turn.settings.wire)?;
            check_set(turn, &asked, encode::check_resource_set)
        });
        answer.map(versioned).map_err(|f| grpc::failed(&f))
    }

    async fn check_resource_batch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answer = self.0.service.answer(|turn| {
            let asked = protobuf::check_resource_batch(&received, turn.bump, turn.settings.wire)?;
            check_batch(turn, &asked, encode::check_resource_batch)
        });
        answer.map(versioned).map_err(|f| grpc::failed(&f))
    }

    async fn plan_resources(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let received = request.into_inner();
        let answer = self.0.service.answer(|turn| {
            let asked = protobuf::plan_resources(&received, turn.bump, turn.settings.wire)?;
            plan(turn, &asked, encode::plan_resources)
        });
        answer.map(versioned).map_err(|f| grpc::failed(&f))
    }

    async fn server_info(&self, _: Request<ServerInfoRequest>) -> Result<Response<ServerInfoResponse>, Status> {
        Ok(versioned(server_info()))
    }
}

fn versioned<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    let version = MetadataValue::from_static(env!("CARGO_PKG_VERSION"));
    response.metadata_mut().insert(grpc::VERSION_KEY, version);
    response
}
