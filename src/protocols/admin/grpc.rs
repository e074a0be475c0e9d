//! The gRPC methods.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::calls::{NOT_MUTABLE, encode, get_policy, get_schema, inspect_policies, list_policies, list_schemas};
use super::{audit, authenticate, reload};
use crate::proto::cerbos::request::v1::{ListAuditLogEntriesRequest, ReloadStoreRequest};
use crate::proto::server::admin::cerbos_admin_service_server::CerbosAdminService;
use crate::protocols::{Shared, grpc};
use crate::service::{Failure, Service};

/// `cerbos.svc.v1.CerbosAdminService`
#[derive(Clone, Debug)]
pub(in crate::protocols) struct GrpcApi(pub(in crate::protocols) Arc<Shared>);

impl GrpcApi {
    /// Lets the caller in, decodes, asks, and encodes.
    async fn read<T: Message + Default + 'static>(
        &self,
        request: Request<Bytes>,
        response: &'static str,
        ask: impl FnOnce(&Service, &T) -> Result<Value, Failure> + Send + 'static,
    ) -> Result<Response<Bytes>, Status> {
        let asked = self.admit::<T>(request).await?;
        let shared = Arc::clone(&self.0);
        // Reading all policies takes longer than a decision may be kept waiting.
        let answer = tokio::task::spawn_blocking(move || Ok(encode(response, &ask(&shared.service, &asked)?))).await;
        answer.unwrap_or(Err(Failure::Panicked)).map(Response::new).map_err(|f| grpc::failed(&f))
    }

    async fn admit<T: Message + Default>(&self, request: Request<Bytes>) -> Result<T, Status> {
        let header = request.metadata().get("authorization").map(|v| v.as_bytes().to_vec());
        authenticate(&self.0, header).await.map_err(|f| grpc::failed(&f))?;
        let decoded = T::decode(request.into_inner());
        decoded.map_err(|e| Status::internal(format!("grpc: error unmarshalling request: {e}")))
    }

    /// The answer to every method that would change something.
    async fn refuse(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let header = request.metadata().get("authorization").map(|v| v.as_bytes().to_vec());
        authenticate(&self.0, header).await.map_err(|f| grpc::failed(&f))?;
        Err(grpc::failed(&Failure::Unsupported(NOT_MUTABLE)))
    }
}

#[tonic::async_trait]
impl CerbosAdminService for GrpcApi {
    async fn list_policies(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.read(request, "ListPoliciesResponse", list_policies).await
    }

    async fn inspect_policies(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.read(request, "InspectPoliciesResponse", inspect_policies).await
    }

    async fn get_policy(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.read(request, "GetPolicyResponse", get_policy).await
    }

    async fn list_schemas(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.read(request, "ListSchemasResponse", |service, (): &()| Ok(list_schemas(service))).await
    }

    async fn get_schema(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.read(request, "GetSchemaResponse", get_schema).await
    }

    async fn reload_store(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let asked: ReloadStoreRequest = self.admit(request).await?;
        reload(&self.0, asked.wait).await.map_err(|f| grpc::failed(&f))?;
        Ok(Response::new(encode("ReloadStoreResponse", &json!({}))))
    }

    type ListAuditLogEntriesStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

    async fn list_audit_log_entries(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Self::ListAuditLogEntriesStream>, Status> {
        let asked: ListAuditLogEntriesRequest = self.admit(request).await?;
        let rows = audit::list(&self.0.service, &asked).map_err(|f| grpc::failed(&f))?;
        let message = |row: Result<Value, Failure>| {
            row.map(|row| encode("ListAuditLogEntriesResponse", &row)).map_err(|f| grpc::failed(&f))
        };
        Ok(Response::new(Box::pin(ReceiverStream::new(rows).map(message))))
    }

    async fn add_or_update_policy(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }

    async fn delete_policy(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }

    async fn disable_policy(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }

    async fn enable_policy(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }

    async fn add_or_update_schema(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }

    async fn delete_schema(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }

    async fn purge_store_revisions(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        self.refuse(request).await
    }
}
