//! Health over gRPC (`grpc.health.v1`) and HTTP (`/_cerbos/health`). A broken policy directory never makes the server
//! unhealthy, because the last good policies serve: `/v1/status` tells about that.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, Response, StatusCode, Uri};
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::Shared;
use super::grpc;
use super::http::{Layout, failed, json};
use crate::service::Failure;

/// What health may be asked about; the empty name is the whole server.
const SERVICES: &[&str] = &[
    "",
    "authzen.authorization.v1.AuthorizationService",
    "cerbos.svc.v1.CerbosService",
    "toolgate.v1.ToolCallService",
];

fn is_known(shared: &Shared, service: &str) -> bool {
    SERVICES.contains(&service) || (service == "cerbos.svc.v1.CerbosAdminService" && shared.settings.admin.is_some())
}

/// The health service.
#[derive(Clone, Debug)]
pub(super) struct HealthApi(pub(super) Arc<Shared>);

fn response(draining: bool) -> HealthCheckResponse {
    let status = if draining { ServingStatus::NotServing } else { ServingStatus::Serving };
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for HealthApi {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        if !is_known(&self.0, &request.get_ref().service) {
            return Err(grpc::failed(&Failure::UnknownService));
        }
        Ok(tonic::Response::new(response(self.0.service.is_draining())))
    }

    type WatchStream = Watching;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<tonic::Response<Watching>, Status> {
        let watching = if is_known(&self.0, &request.get_ref().service) {
            Watching::Known(WatchStream::new(self.0.service.on_drain()))
        } else {
            Watching::Unknown(WatchStream::new(self.0.service.on_drain()))
        };
        Ok(tonic::Response::new(watching))
    }
}

/// Answers of a watch: one now and one at every change. It ends with the server, after its last word.
pub(super) enum Watching {
    /// Of a service that exists.
    Known(WatchStream<bool>),
    /// Of one that does not, and nothing was said yet.
    Unknown(WatchStream<bool>),
    /// Of one that does not: there is nothing more to say.
    Silent(WatchStream<bool>),
    /// The server is going down.
    Over,
}

impl Stream for Watching {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut *self, Self::Over) {
                Self::Over => return Poll::Ready(None),
                Self::Unknown(drain) => {
                    *self = Self::Silent(drain);
                    let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() };
                    return Poll::Ready(Some(Ok(unknown)));
                }
                Self::Known(mut drain) => match Pin::new(&mut drain).poll_next(cx) {
                    Poll::Ready(Some(true)) => return Poll::Ready(Some(Ok(response(true)))),
                    Poll::Ready(Some(false)) => {
                        *self = Self::Known(drain);
                        return Poll::Ready(Some(Ok(response(false))));
                    }
                    Poll::Ready(None) => {}
                    Poll::Pending => {
                        *self = Self::Known(drain);
                        return Poll::Pending;
                    }
                },
                Self::Silent(mut drain) => match Pin::new(&mut drain).poll_next(cx) {
                    Poll::Ready(Some(false)) => *self = Self::Silent(drain),
                    Poll::Ready(_) => {}
                    Poll::Pending => {
                        *self = Self::Silent(drain);
                        return Poll::Pending;
                    }
                },
            }
        }
    }
}

/// `GET /_cerbos/health[?service=…]`
pub(super) async fn check(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let layout = Layout::of(&uri, &headers);
    let query = uri.query().unwrap_or("");
    let service = query.split('&').find_map(|p| p.strip_prefix("service=")).unwrap_or("");
    if !is_known(&shared, service) {
        return failed(&Failure::UnknownService, layout);
    }
    if shared.service.is_draining() {
        return failed(&Failure::ShuttingDown, layout);
    }
    json(StatusCode::OK, r#"{"status":"SERVING"}"#, layout)
}
