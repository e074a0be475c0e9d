//! Spans as a collector gets them: of which calls, within which trace, and what is within them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;
use toolgate::telemetry::Tracing;

use crate::support::{Pdp, Policies, allowing, check_request};

/// A collector that keeps what it gets, and the service it came from.
#[derive(Clone, Default)]
pub struct Collector(pub Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let name = attributes.into_iter().find(|a| a.key == "service.name").and_then(|a| a.value);
            let name = format!("{:?}", name.and_then(|v| v.value));
            for spans in resource.scope_spans {
                self.0.lock().unwrap().extend(spans.spans.into_iter().map(|s| (name.clone(), s)));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

pub async fn collector() -> (Collector, String) {
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    let served = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(served.serve_with_incoming(TcpListenerStream::new(listener)));
    (collector, endpoint)
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// The spans that are sent for two calls with a sampled parent, one with a parent that is not, and one without.
async fn spans(sampler: Option<&str>) -> Vec<(String, Span)> {
    let (collector, endpoint) = collector().await;
    let mut variables =
        HashMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_SERVICE_NAME", "pdp")]);
    variables.extend(sampler.map(|s| ("OTEL_TRACES_SAMPLER", s)));
    let tracing = Tracing::open(&|name| variables.get(name).map(|v| (*v).to_owned())).unwrap().unwrap();
    let tracing = Arc::new(tracing);
    let policies = Policies::new(&[("a.yaml", &allowing("a", "read"))]);
    let pdp = Pdp::start_traced(policies.path(), Arc::clone(&tracing)).await;

    let sampled = format!("00-{TRACE}-{PARENT}-01");
    let call = r#"{"identity": {"id": "alice", "roles": ["agent"]}, "tool": {"server": "a", "name": "read"}}"#;
    let answer = pdp.send_with(Method::POST, "/v1/decide", &[("traceparent", &sampled)], call).await;
    assert_eq!(answer.status, 200);
    let mut grpc = CerbosServiceClient::new(pdp.channel().await);
    let mut refused = Request::new(check_request("mcp::a", &[]));
    refused.metadata_mut().insert("traceparent", sampled.parse().unwrap());
    assert!(grpc.check_resources(refused).await.is_err());
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    pdp.send_with(Method::POST, "/v1/decide", &[("traceparent", &unsampled)], call).await;
    pdp.post("/v1/decide", call).await;
    pdp.get("/_cerbos/health").await;

    tokio::task::spawn_blocking(move || tracing.close()).await.unwrap();
    collector.0.lock().unwrap().clone()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_continue_the_callers_trace_and_only_where_it_is_sampled() {
    let spans = spans(None).await;
    let named = |name: &str| spans.iter().filter(|(_, s)| s.name == name).map(|(_, s)| s).collect::<Vec<_>>();
    let decide = named("toolgate.v1.ToolCallService/Decide");
    let [decide] = decide.as_slice() else { panic!("{spans:?}") };
    assert!(spans.iter().all(|(service, _)| service.contains("pdp")));
    assert_eq!((hex(&decide.trace_id), hex(&decide.parent_span_id)), (TRACE.into(), PARENT.into()));
    let [within] = named("engine.Check")[..] else { panic!("{spans:?}") };
    assert_eq!((&within.trace_id, &within.parent_span_id), (&decide.trace_id, &decide.span_id));
    let [refused] = named("cerbos.svc.v1.CerbosService/CheckResources")[..] else { panic!("{spans:?}") };
    let status = refused.status.as_ref().unwrap();
    assert_eq!(
        (status.code, status.message.as_str()),
        (2, "validation error: resources[0].actions: value is required")
    );
    assert_eq!(spans.len(), 3, "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_parent_begin_a_trace_if_all_are_to_be_sampled() {
    let spans = spans(Some("parentbased_always_on")).await;
    let roots: Vec<_> = spans.iter().filter(|(_, s)| s.parent_span_id.is_empty()).collect();
    let [(_, root)] = roots.as_slice() else { panic!("{spans:?}") };
    assert_eq!(root.name, "toolgate.v1.ToolCallService/Decide");
    assert_ne!(hex(&root.trace_id), TRACE);
}
