//! The wire protocols, one a folder. They translate and never decide: bytes in, a [`Service`] asked, bytes out.
//!
//! | for | rooms |
//! |---|---|
//! | clients of ours and of Cerbos, and AuthZEN | `toolcall`, `cerbos`, `authzen`, `admin`, `health` |
//! | gateways | [`gateway`], what adapters share; `ext_authz` (Envoy), `ext_mcp` (agentgateway) |
//!
//! [`App`] is the whole of what is served: gRPC methods by their path, everything else by HTTP routes. It knows no
//! sockets.

mod access;
mod admin;
pub mod aperture;
mod authzen;
mod cerbos;
mod cors;
mod direct;
mod docker;
mod ext_authz;
mod ext_mcp;
pub mod gateway;
mod grpc;
mod health;
pub mod hooks;
mod http;
mod intake;
pub mod litellm;
mod reflection;
mod status;
mod toolcall;
mod value;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tower::{Service as _, ServiceExt as _};

use self::access::{Call, Head};
use self::intake::{Charged, Intake};
use crate::proto::server::admin::cerbos_admin_service_server::CerbosAdminServiceServer;
use crate::proto::server::authzen::authorization_service_server::AuthorizationServiceServer;
use crate::proto::server::cerbos::cerbos_service_server::CerbosServiceServer;
use crate::proto::server::ext_authz::authorization_server::AuthorizationServer;
use crate::proto::server::ext_mcp::ext_mcp_server::ExtMcpServer;
use crate::proto::server::health::health_server::HealthServer as AllHealthServer;
use crate::proto::server::tool_calls::tool_call_service_server::ToolCallServiceServer;
use crate::service::{Failure, Service, Turn};
use crate::wire::message::Decide;
use crate::wire::reply::DecideReply;

pub use self::access::Peer;
pub use self::admin::Credentials;
pub use self::cors::Cors;
pub use self::direct::{Answer, Unary};
use self::gateway::{Adapters, Caller, Tailnet};

/// Settings of the protocols.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest time for a request to arrive whole.
    pub read: Duration,
    /// Serve `/_cerbos/metrics`.
    pub metrics: bool,
    /// Cross-origin requests, unless nobody may make any.
    pub cors: Option<Cors>,
    /// Serve server reflection.
    pub reflection: bool,
    /// How clients reach the HTTP port, if that is known.
    pub public_url: Option<String>,
    /// Connections are protected.
    pub tls: bool,
    /// Who may use the admin API, if it is served.
    pub admin: Option<Credentials>,
    /// The hook of Tailscale Aperture, if it is served.
    pub aperture: Option<aperture::Settings>,
    /// The guardrail of LiteLLM, if it is served.
    pub litellm: Option<litellm::Settings>,
    /// The tailnet, if identities come from one.
    pub tailnet: Option<Arc<Tailnet>>,
    /// Settings of the hooks of coding agents.
    pub hooks: hooks::Settings,
    /// Settings of the adapters for gateways and agents.
    pub adapters: Adapters,
}

/// Bytes of requests that may be on their way in at a time.
const INTAKE_BYTES: usize = 256 << 20;

const GZIP: CompressionEncoding = CompressionEncoding::Gzip;

/// What every protocol works with.
#[derive(Debug)]
struct Shared {
    service: Arc<Service>,
    settings: Settings,
    /// Largest message in bytes.
    max_bytes: usize,
    intake: Arc<Intake>,
    /// Bounds how many passwords are checked at a time.
    admin_checks: Arc<Semaphore>,
}

/// Answers the JSON of one tool call, as `POST /v1/decide` does, without a transport.
///
/// # Errors
/// What keeps it from being decided.
pub fn decide_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    toolcall::decide_json(service, question)
}

/// The reply to one tool call, in a turn of the service; what transports encode, and programs own.
///
/// # Errors
/// If the call breaks a rule.
pub fn decide<'a>(turn: &Turn<'a>, asked: &Decide<'a>) -> Result<DecideReply<'a>, Failure> {
    toolcall::decide(turn, asked)
}

/// The reply to one call of several: what is wrong with it is part of its reply.
#[must_use]
pub fn decide_one_of<'a>(turn: &Turn<'a>, asked: &Decide<'a>) -> DecideReply<'a> {
    toolcall::decide_one_of(turn, asked)
}

/// The reply to one call of several that could not even be read.
#[must_use]
pub fn refused<'a>(turn: &Turn<'a>, call_id: &'a str, failure: &Failure) -> DecideReply<'a> {
    toolcall::refused(turn, call_id, failure)
}

/// Answers the JSON of a `CheckResources` request, as `POST /api/check/resources` does, without a transport.
///
/// # Errors
/// What keeps it from being decided.
pub fn check_resources_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    service.answer(|turn| cerbos::check_resources_json(turn, question))
}

/// Answers the JSON of a `PlanResources` request, as `POST /api/plan/resources` does, without a transport.
///
/// # Errors
/// What keeps it from being planned.
pub fn plan_resources_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    service.answer(|turn| cerbos::plan_resources_json(turn, question))
}

/// Answers the JSON of a list of tools, as `POST /v1/plan/tools` does, without a transport.
///
/// # Errors
/// What keeps it from being planned.
pub fn plan_tools_json(service: &Service, question: &[u8]) -> Result<Vec<u8>, Failure> {
    toolcall::plan_tools_json(service, question)
}

/// Which of the two ports a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// HTTP, and gRPC over HTTP/2.
    Http,
    /// gRPC only.
    Grpc,
}

/// Everything that is served, to one caller. Cheap to clone, which happens for every request.
#[derive(Clone)]
pub struct App(Arc<Served>, Arc<Caller>);

struct Served {
    shared: Arc<Shared>,
    tool_calls: ToolCallServiceServer<toolcall::GrpcApi>,
    ext_authz: AuthorizationServer<ext_authz::GrpcApi>,
    ext_mcp: ExtMcpServer<ext_mcp::GrpcApi>,
    cerbos: CerbosServiceServer<cerbos::GrpcApi>,
    health: HealthServer<health::HealthApi>,
    all_health: AllHealthServer<health::HealthApi>,
    /// gRPC services that are not on the hot path.
    others: Routes,
    routes: Router,
}

impl App {
    /// Serves a service.
    #[must_use]
    pub fn new(service: Arc<Service>, settings: Settings) -> Self {
        let max_bytes = service.settings().wire.bytes;
        let shared = Arc::new(Shared {
            service,
            settings,
            max_bytes,
            intake: Intake::new(INTAKE_BYTES.max(max_bytes)),
            admin_checks: Arc::new(Semaphore::new(admin::CHECKS)),
        });
        let served = Arc::new(Served {
            tool_calls: ToolCallServiceServer::new(toolcall::GrpcApi(Arc::clone(&shared)))
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(usize::MAX)
                .accept_compressed(GZIP),
            cerbos: CerbosServiceServer::new(cerbos::GrpcApi(Arc::clone(&shared)))
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(usize::MAX)
                .accept_compressed(GZIP),
            ext_authz: AuthorizationServer::new(ext_authz::GrpcApi(Arc::clone(&shared)))
                .max_decoding_message_size(max_bytes)
                .accept_compressed(GZIP),
            ext_mcp: ExtMcpServer::new(ext_mcp::GrpcApi(Arc::clone(&shared)))
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(usize::MAX)
                .accept_compressed(GZIP),
            others: others(&shared),
            health: HealthServer::new(health::HealthApi(Arc::clone(&shared))),
            all_health: AllHealthServer::new(health::HealthApi(Arc::clone(&shared))),
            routes: routes(&shared),
            shared,
        });
        Self(served, Arc::default())
    }

    /// The same for the peer of one connection.
    #[must_use]
    pub fn for_caller(&self, caller: Caller) -> Self {
        Self(Arc::clone(&self.0), Arc::new(caller))
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>, port: Port, peer: Peer) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let over_grpc = request.version() == Version::HTTP_2 && grpc::is_grpc(request.headers());
        let head = Head { verb: request.method(), uri: request.uri(), headers: request.headers(), over_grpc };
        let call = Call::begin(&self.0.shared.service, head, peer);
        let response = call.serve(self.respond(request, port, over_grpc)).await;
        access::recorded(&call, response, over_grpc)
    }

    async fn respond<B>(&self, request: Request<B>, port: Port, over_grpc: bool) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let account = self.0.shared.intake.open();
        let mut request = request.map(|body| Charged::new(body, Arc::clone(&account)));
        match (port, over_grpc) {
            (_, true) => {
                // For streams, which give back what they have answered.
                request.extensions_mut().insert(account);
                self.grpc(request).await
            }
            (Port::Http, false) => self.http(request).await.map(Body::new),
            (Port::Grpc, false) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                response
            }
        }
    }

    async fn http<B>(&self, request: Request<Charged<B>>) -> Response<axum::body::Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let cors = self.0.shared.settings.cors.as_ref();
        if let Some(answer) = cors.and_then(|c| c.preflight(request.method(), request.headers())) {
            return answer;
        }
        let grant = cors.map(|c| c.grant(request.headers()));
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Arc::clone(&self.1));
        let answer = self.0.routes.clone().call(request).await;
        // Routes do not fail.
        let Ok(mut response) = answer;
        if let Some(grant) = grant {
            grant.apply(response.headers_mut());
        }
        response
    }

    async fn grpc<B>(&self, request: Request<Charged<B>>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        let adapter = adapter(request.uri().path());
        let settings = &self.0.shared.settings;
        // An adapter's caller is answered before it loses patience: what it does then is not in our hands.
        let read = if adapter.is_some() { settings.read.min(settings.adapters.deadline) } else { settings.read };
        let patience = match grpc::timeout(request.headers()) {
            Ok(Some(t)) if t.is_zero() => return explicit(adapter, &Failure::Deadline),
            Ok(Some(t)) if adapter.is_some() => (t.saturating_mul(3) / 4).min(read),
            Ok(t) => t.map_or(read, |t| t.min(read)),
            Err(f) => return explicit(adapter, &f),
        };
        // The time is for the request to arrive. Streams answer at once and then take as long as they take.
        match tokio::time::timeout(patience, self.method(request)).await {
            Ok(response) => match (grpc::refusal(&response, self.0.shared.max_bytes), adapter) {
                (Some(failure), Some(_)) => explicit(adapter, &failure),
                _ => grpc::reworded(response, self.0.shared.max_bytes),
            },
            Err(_) => explicit(adapter, &Failure::Deadline),
        }
    }

    async fn method<B>(&self, mut request: Request<Charged<B>>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        // Compressed for those who compress, as the reference does it; not for all who could read it.
        let gzip = request.headers().get("grpc-encoding").is_some_and(|e| e.as_bytes() == b"gzip");
        let answer = match request.uri().path() {
            "/toolgate.v1.ToolCallService/Decide"
            | "/toolgate.v1.ToolCallService/DecideBatch"
            | "/toolgate.v1.ToolCallService/DecideStream"
            | "/toolgate.v1.ToolCallService/PlanTools" => {
                let mut server = self.0.tool_calls.clone();
                if gzip {
                    server = server.send_compressed(GZIP);
                }
                server.call(request).await
            }
            "/cerbos.svc.v1.CerbosService/CheckResources"
            | "/cerbos.svc.v1.CerbosService/CheckResourceSet"
            | "/cerbos.svc.v1.CerbosService/CheckResourceBatch"
            | "/cerbos.svc.v1.CerbosService/PlanResources"
            | "/cerbos.svc.v1.CerbosService/ServerInfo" => {
                let mut server = self.0.cerbos.clone();
                if gzip {
                    server = server.send_compressed(GZIP);
                }
                server.call(request).await
            }
            EXT_AUTHZ => {
                request.extensions_mut().insert(Arc::clone(&self.1));
                self.0.ext_authz.clone().call(request).await
            }
            EXT_MCP_REQUEST | EXT_MCP_RESPONSE => {
                request.extensions_mut().insert(Arc::clone(&self.1));
                self.0.ext_mcp.clone().call(request).await
            }
            "/grpc.health.v1.Health/List" => self.0.all_health.clone().call(request).await.map(grpc::versioned),
            "/grpc.health.v1.Health/Check" | "/grpc.health.v1.Health/Watch" => {
                self.0.health.clone().call(request).await.map(grpc::versioned)
            }
            path if path.starts_with(ADMIN) && self.0.shared.settings.admin.is_none() => {
                Ok(grpc::failed(&Failure::Unsupported(admin::DISABLED)).into_http())
            }
            path if path.starts_with(PLAYGROUND) => {
                Ok(grpc::failed(&Failure::Unsupported(http::NO_PLAYGROUND)).into_http())
            }
            path if is_other(path) => {
                if let Some(authority) = request.uri().authority().cloned() {
                    request.extensions_mut().insert(authority);
                }
                // The boxed services want to be ready first, which they always are.
                match self.0.others.clone().oneshot(request.map(Body::new)).await {
                    Ok(response) => Ok(grpc::versioned(response)),
                    Err(never) => match never {},
                }
            }
            _ => Ok(Status::unimplemented(UNKNOWN_SERVICE).into_http()),
        };
        // Methods answer with a status, they do not fail.
        let Ok(response) = answer;
        response
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("shared", &self.0.shared).finish_non_exhaustive()
    }
}

/// The answer to methods that nobody knows.
const UNKNOWN_SERVICE: &str = "Unknown service";
const EXT_AUTHZ: &str = "/envoy.service.auth.v3.Authorization/Check";
const EXT_MCP_REQUEST: &str = "/agentgateway.dev.ext_mcp.ExtMcp/CheckRequest";
const EXT_MCP_RESPONSE: &str = "/agentgateway.dev.ext_mcp.ExtMcp/CheckResponse";
const ADMIN: &str = "/cerbos.svc.v1.CerbosAdminService/";
const PLAYGROUND: &str = "/cerbos.svc.v1.CerbosPlaygroundService/";

/// How an adapter refuses a question that could not be taken in.
type Refuse = fn(&Failure) -> Bytes;

/// The adapter that serves a path.
fn adapter(path: &str) -> Option<Refuse> {
    match path {
        EXT_AUTHZ => Some(ext_authz::refused),
        EXT_MCP_REQUEST => Some(ext_mcp::request_refused),
        EXT_MCP_RESPONSE => Some(ext_mcp::response_refused),
        _ => None,
    }
}

/// A failure as an answer. A gateway may be told to let through what is not answered: an adapter answers all the same.
fn explicit(adapter: Option<Refuse>, failure: &Failure) -> Response<Body> {
    match adapter {
        Some(refuse) => grpc::message(&refuse(failure)),
        None => grpc::failed(failure).into_http(),
    }
}

/// True for the paths of services that [`others`] serves, if they are switched on.
fn is_other(path: &str) -> bool {
    [
        ADMIN,
        "/authzen.authorization.v1.AuthorizationService/",
        "/grpc.reflection.v1.ServerReflection/",
        "/grpc.reflection.v1alpha.ServerReflection/",
    ]
    .iter()
    .any(|service| path.starts_with(service))
}

fn others(shared: &Arc<Shared>) -> Routes {
    let mut routes = Routes::builder();
    routes.add_service(
        AuthorizationServiceServer::new(authzen::GrpcApi(Arc::clone(shared)))
            .max_decoding_message_size(shared.max_bytes)
            .max_encoding_message_size(usize::MAX)
            .accept_compressed(GZIP),
    );
    if shared.settings.admin.is_some() {
        routes.add_service(
            CerbosAdminServiceServer::new(admin::GrpcApi(Arc::clone(shared)))
                .max_decoding_message_size(shared.max_bytes)
                .max_encoding_message_size(usize::MAX)
                .accept_compressed(GZIP),
        );
    }
    if shared.settings.reflection {
        reflection::add(&mut routes);
    }
    routes.routes()
}

fn routes(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/_cerbos/health", get(health::check).fallback(http::wrong_method))
        .route("/v1/status", get(status::status).fallback(http::wrong_method));
    if shared.settings.metrics {
        router = router.route("/_cerbos/metrics", get(status::metrics).fallback(http::wrong_method));
    }
    if shared.settings.admin.is_some() {
        router = router.merge(admin::routes());
    }
    router
        .merge(authzen::routes())
        .merge(cerbos::routes())
        .merge(docker::routes())
        .merge(hooks::routes())
        .merge(litellm::routes(shared.settings.litellm.as_ref()))
        .merge(aperture::routes(shared.settings.aperture.as_ref()))
        .merge(toolcall::routes())
        .fallback(http::no_route)
        .with_state(Arc::clone(shared))
}
