//! The wire protocols, one a folder. They translate and never decide: bytes in, a [`Service`] asked, bytes out.
//!
//! [`App`] is the whole of what is served: gRPC methods by their path, everything else by HTTP routes. It knows no
//! sockets.

mod cerbos;
mod grpc;
mod health;
mod http;
mod intake;
mod status;
mod toolcall;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tower::Service as _;

use self::intake::{Charged, Intake};
use crate::proto::server::cerbos::cerbos_service_server::CerbosServiceServer;
use crate::proto::server::tool_calls::tool_call_service_server::ToolCallServiceServer;
use crate::service::{Failure, Service};

/// Settings of the protocols.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest time for a request to arrive whole.
    pub read: Duration,
    /// Serve `/_cerbos/metrics`.
    pub metrics: bool,
}

/// Bytes of requests that may be on their way in at a time.
const INTAKE_BYTES: usize = 256 << 20;

/// What every protocol works with.
#[derive(Debug)]
struct Shared {
    service: Arc<Service>,
    settings: Settings,
    /// Largest message in bytes.
    max_bytes: usize,
    intake: Arc<Intake>,
}

/// Answers the JSON of one tool call, as `POST /v1/decide` does, without a transport.
///
/// # Errors
/// What keeps it from being decided.
pub fn decide_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    toolcall::decide_json(service, question)
}

/// Which of the two ports a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// HTTP, and gRPC over HTTP/2.
    Http,
    /// gRPC only.
    Grpc,
}

/// Everything that is served.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    tool_calls: ToolCallServiceServer<toolcall::GrpcApi>,
    cerbos: CerbosServiceServer<cerbos::GrpcApi>,
    health: HealthServer<health::HealthApi>,
    routes: Router,
}

impl App {
    /// Serves a service.
    #[must_use]
    pub fn new(service: Arc<Service>, settings: Settings) -> Self {
        let max_bytes = service.settings().wire.bytes;
        let shared =
            Arc::new(Shared { service, settings, max_bytes, intake: Intake::new(INTAKE_BYTES.max(max_bytes)) });
        Self {
            tool_calls: ToolCallServiceServer::new(toolcall::GrpcApi(Arc::clone(&shared)))
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(usize::MAX),
            cerbos: CerbosServiceServer::new(cerbos::GrpcApi(Arc::clone(&shared)))
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(usize::MAX),
            health: HealthServer::new(health::HealthApi(Arc::clone(&shared))),
            routes: routes(&shared),
            shared,
        }
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>, port: Port) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let over_grpc = request.version() == Version::HTTP_2 && grpc::is_grpc(request.headers());
        let account = self.shared.intake.open();
        let mut request = request.map(|body| Charged::new(body, Arc::clone(&account)));
        match (port, over_grpc) {
            (_, true) => {
                // For streams, which give back what they have answered.
                request.extensions_mut().insert(account);
                self.grpc(request).await
            }
            (Port::Http, false) => {
                let answer = self.routes.clone().call(request.map(axum::body::Body::new)).await;
                // Routes do not fail.
                let Ok(response) = answer;
                response.map(Body::new)
            }
            (Port::Grpc, false) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                response
            }
        }
    }

    async fn grpc<B>(&self, request: Request<Charged<B>>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let patience = match grpc::timeout(request.headers()) {
            Ok(Some(t)) if t.is_zero() => return grpc::failed(&Failure::Deadline).into_http(),
            Ok(t) => t.map_or(self.shared.settings.read, |t| t.min(self.shared.settings.read)),
            Err(f) => return grpc::failed(&f).into_http(),
        };
        // The time is for the request to arrive. Streams answer at once and then take as long as they take.
        match tokio::time::timeout(patience, self.method(request)).await {
            Ok(response) => grpc::reworded(response, self.shared.max_bytes),
            Err(_) => grpc::failed(&Failure::Deadline).into_http(),
        }
    }

    async fn method<B>(&self, request: Request<Charged<B>>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let answer = match request.uri().path() {
            "/toolgate.v1.ToolCallService/Decide"
            | "/toolgate.v1.ToolCallService/DecideBatch"
            | "/toolgate.v1.ToolCallService/DecideStream"
            | "/toolgate.v1.ToolCallService/PlanTools" => self.tool_calls.clone().call(request).await,
            "/cerbos.svc.v1.CerbosService/CheckResources"
            | "/cerbos.svc.v1.CerbosService/PlanResources"
            | "/cerbos.svc.v1.CerbosService/ServerInfo" => self.cerbos.clone().call(request).await,
            "/grpc.health.v1.Health/Check" | "/grpc.health.v1.Health/Watch" => self.health.clone().call(request).await,
            _ => Ok(Status::unimplemented("Unknown service").into_http()),
        };
        // Methods answer with a status, they do not fail.
        let Ok(response) = answer;
        response
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("shared", &self.shared).finish_non_exhaustive()
    }
}

fn routes(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/_cerbos/health", get(health::check).fallback(http::wrong_method))
        .route("/v1/status", get(status::status).fallback(http::wrong_method));
    if shared.settings.metrics {
        router = router.route("/_cerbos/metrics", get(status::metrics).fallback(http::wrong_method));
    }
    router.merge(cerbos::routes()).merge(toolcall::routes()).fallback(http::no_route).with_state(Arc::clone(shared))
}
