//! Calls as rows of the audit log and as spans: what a call is named, who makes it, and how it ended. Sees heads of
//! requests and responses, never their bodies.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Response, StatusCode, Uri};
use tonic::Status;
use tonic::body::Body;

use super::grpc;
use super::http::{Layout, Refused, failed};
use crate::audit::{Caller, Outcome};
use crate::service::{Ambient, Failure, Id, Service};
use crate::telemetry::Span;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub Option<SocketAddr>);

/// REST routes and the methods that they stand for.
const ROUTES: &[(&str, &str)] = &[
    ("/api/check/resources", "/cerbos.svc.v1.CerbosService/CheckResources"),
    ("/api/check", "/cerbos.svc.v1.CerbosService/CheckResourceSet"),
    ("/api/check_resource_batch", "/cerbos.svc.v1.CerbosService/CheckResourceBatch"),
    ("/api/plan/resources", "/cerbos.svc.v1.CerbosService/PlanResources"),
    ("/api/server_info", "/cerbos.svc.v1.CerbosService/ServerInfo"),
    ("/v1/decide", "/toolgate.v1.ToolCallService/Decide"),
    ("/v1/decide/batch", "/toolgate.v1.ToolCallService/DecideBatch"),
    ("/v1/plan/tools", "/toolgate.v1.ToolCallService/PlanTools"),
    ("/access/v1/evaluation", "/authzen.authorization.v1.AuthorizationService/AccessEvaluation"),
    ("/access/v1/evaluations", "/authzen.authorization.v1.AuthorizationService/AccessEvaluationBatch"),
    ("/.well-known/authzen-configuration", "/authzen.authorization.v1.AuthorizationService/Metadata"),
    ("/admin/policies", "/cerbos.svc.v1.CerbosAdminService/ListPolicies"),
    ("/admin/policies/inspect", "/cerbos.svc.v1.CerbosAdminService/InspectPolicies"),
    ("/admin/policy", "/cerbos.svc.v1.CerbosAdminService/GetPolicy"),
    ("/admin/policy/delete", "/cerbos.svc.v1.CerbosAdminService/DeletePolicy"),
    ("/admin/policy/disable", "/cerbos.svc.v1.CerbosAdminService/DisablePolicy"),
    ("/admin/policy/enable", "/cerbos.svc.v1.CerbosAdminService/EnablePolicy"),
    ("/admin/schemas", "/cerbos.svc.v1.CerbosAdminService/ListSchemas"),
    ("/admin/schema", "/cerbos.svc.v1.CerbosAdminService/GetSchema"),
    ("/admin/store/reload", "/cerbos.svc.v1.CerbosAdminService/ReloadStore"),
    ("/admin/store/revisions", "/cerbos.svc.v1.CerbosAdminService/PurgeStoreRevisions"),
];

/// Paths that say how the server is, not who may do what; asked too often to be worth a row.
const SILENT: &[&str] = &["/_cerbos/", "/v1/status", "/grpc.", "/schema/swagger.json"];

/// The method of a call, or nothing if it is none that matters.
fn method<'p>(path: &'p str, verb: &Method, over_grpc: bool) -> Option<&'p str> {
    if path == "/" || SILENT.iter().any(|s| path.starts_with(s)) {
        return None;
    }
    // Asking the log is no entry of the log, as in the reference.
    if path.starts_with("/admin/auditlog/") || path == "/cerbos.svc.v1.CerbosAdminService/ListAuditLogEntries" {
        return None;
    }
    let writes = matches!(*verb, Method::POST | Method::PUT);
    match (over_grpc, path, verb) {
        (true, ..) => Some(path),
        (_, "/admin/policy", _) if writes => Some("/cerbos.svc.v1.CerbosAdminService/AddOrUpdatePolicy"),
        (_, "/admin/schema", _) if writes => Some("/cerbos.svc.v1.CerbosAdminService/AddOrUpdateSchema"),
        (_, "/admin/policy", &Method::DELETE) => Some("/cerbos.svc.v1.CerbosAdminService/DisablePolicy"),
        (_, "/admin/schema", &Method::DELETE) => Some("/cerbos.svc.v1.CerbosAdminService/DeleteSchema"),
        _ => Some(ROUTES.iter().find(|(route, _)| *route == path).map_or(path, |(_, method)| method)),
    }
}

/// What is seen of a request before its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'r> {
    pub(super) verb: &'r Method,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
    pub(super) over_grpc: bool,
}

/// A call from its head to its end: every call that is answered begins and ends here, however it came in and whoever
/// answers it.
pub(super) struct Call<'s> {
    service: &'s Service,
    /// Nothing if the call has neither rows nor a span.
    ambient: Option<Ambient>,
}

impl<'s> Call<'s> {
    pub(super) fn begin(service: &'s Service, head: Head<'_>, peer: Peer) -> Self {
        let (caller, span) = (caller(service, head, peer), span(service, head));
        let wanted = caller.is_some() || span.is_some();
        Self { service, ambient: wanted.then_some(Ambient { caller, span, in_parts: false }) }
    }

    /// Answers it, within what surrounds it.
    pub(super) async fn serve<F: Future>(&self, answer: F) -> F::Output {
        match &self.ambient {
            Some(ambient) => ambient.clone().serve(answer).await,
            None => answer.await,
        }
    }

    /// Answers it at once, within what surrounds it.
    pub(super) fn enter<T>(&self, answer: impl FnOnce() -> T) -> T {
        match &self.ambient {
            Some(ambient) => ambient.enter(answer),
            None => answer(),
        }
    }

    /// Puts down how it ended. `outcome` is not asked if nobody wants to know.
    ///
    /// # Errors
    /// If the answer must not be given because it could not be put down: the caller gets the error instead.
    pub(super) fn end(&self, outcome: impl FnOnce() -> Option<Outcome>) -> Result<(), Failure> {
        let Some(ambient) = &self.ambient else { return Ok(()) };
        let Some(outcome) = outcome() else { return Ok(()) };
        if let Some(span) = &ambient.span {
            span.ended(outcome.code, &outcome.message);
        }
        let (Some(audit), Some(caller)) = (self.service.audit(), &ambient.caller) else { return Ok(()) };
        match caller.ended(audit, &outcome) {
            Err(_) if outcome.code == 0 => Err(Failure::Unaudited),
            _ => Ok(()),
        }
    }
}

/// The caller of a request, if its call is to have rows.
fn caller(service: &Service, head: Head<'_>, peer: Peer) -> Option<Arc<Caller>> {
    let audit = service.audit()?;
    let method = method(head.uri.path(), head.verb, head.over_grpc)?;
    let id = Id::new(std::time::SystemTime::now()).bytes();
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    Some(Arc::new(Caller::new(audit, id, method, head.headers, authority, peer.0, !head.over_grpc)))
}

/// A span for a call, if it is one that matters and is sampled.
fn span(service: &Service, head: Head<'_>) -> Option<Span> {
    let tracing = service.tracing()?;
    let method = method(head.uri.path(), head.verb, head.over_grpc)?;
    let span = tracing.call(method, head.headers)?;
    if !head.over_grpc {
        span.set("http.request.method", head.verb.as_str().to_owned());
        span.set("url.path", head.uri.path().to_owned());
    }
    Some(span)
}

/// Ends a call that has a response: in place of one that must not be given there is the reason.
pub(super) fn recorded(call: &Call<'_>, response: Response<Body>, over_grpc: bool) -> Response<Body> {
    match call.end(|| outcome(&response, over_grpc)) {
        Ok(()) => response,
        Err(failure) if over_grpc => grpc::failed(&failure).into_http(),
        Err(failure) => failed(&failure, Layout::Compact).map(Body::new),
    }
}

/// How a call ended; nothing if there was none, because nothing is served there.
fn outcome(response: &Response<Body>, over_grpc: bool) -> Option<Outcome> {
    if over_grpc {
        // Only an answer without any message has its status among the headers.
        return Some(match Status::from_header_map(response.headers()) {
            Some(s) if s.message() == super::UNKNOWN_SERVICE => return None,
            Some(s) => Outcome { code: s.code() as i32, message: s.message().to_owned() },
            None => Outcome::default(),
        });
    }
    match response.extensions().get::<Refused>() {
        Some(Refused { code, .. }) if *code == crate::service::Code::NotFound => None,
        Some(Refused { code, message }) => Some(Outcome { code: *code as i32, message: message.clone() }),
        None if response.status() == StatusCode::NOT_FOUND => None,
        None => Some(Outcome::default()),
    }
}
