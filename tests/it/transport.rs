//! What gRPC clients expect of any server: compression, reflection, health by name, on both ports.

use std::sync::Arc;
use std::sync::Mutex;

use http::{HeaderMap, Request, Response};
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::{Code, body::Body};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use tonic_reflection::pb::v1alpha;
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;
use toolgate::proto::toolgate::v1::Verdict;
use toolgate::proto::toolgate::v1::tool_call_service_client::ToolCallServiceClient;
use tower::Service;
use tower::ServiceExt;

use crate::support::{Pdp, Policies, allowing, channel, check_request, question};

fn policies() -> Policies {
    Policies::new(&[("github.yaml", &allowing("github", "list_issues, get_issue"))])
}

/// A channel that keeps the headers of the last answer.
#[derive(Clone)]
struct Seen(tonic::transport::Channel, Arc<Mutex<HeaderMap>>);

impl Service<Request<Body>> for Seen {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (mut channel, seen) = (self.0.clone(), Arc::clone(&self.1));
        Box::pin(async move {
            let answer = channel.ready().await?.call(request).await?;
            seen.lock().unwrap().clone_from(answer.headers());
            Ok(answer)
        })
    }
}

#[tokio::test]
async fn messages_are_compressed_both_ways_for_who_compresses() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    for address in [&pdp.grpc, &pdp.http] {
        let seen = Seen(channel(address).await, Arc::default());
        let encoding =
            |seen: &Seen| seen.1.lock().unwrap().get("grpc-encoding").map(|v| v.to_str().unwrap().to_owned());
        let asked = || check_request("mcp::github", &["get_issue"]);

        let client = CerbosServiceClient::new(seen.clone());
        let mut client = client.send_compressed(Gzip).accept_compressed(Gzip);
        let answer = client.check_resources(asked()).await.unwrap().into_inner();
        assert_eq!(answer.results[0].actions["get_issue"], 1);
        assert_eq!(encoding(&seen).as_deref(), Some("gzip"));
        // Who could read it but does not write it is spared the work.
        let mut client = CerbosServiceClient::new(seen.clone()).accept_compressed(Gzip);
        client.check_resources(asked()).await.unwrap();
        assert_eq!(encoding(&seen), None);

        let client = ToolCallServiceClient::new(seen.clone());
        let mut client = client.send_compressed(Gzip).accept_compressed(Gzip);
        let answer = client.decide(question("c", "github", "list_issues")).await.unwrap().into_inner();
        assert_eq!((answer.verdict(), encoding(&seen).as_deref()), (Verdict::Allow, Some("gzip")));
        let asked = tokio_stream::iter([question("c", "github", "list_issues")]);
        let mut answers = client.decide_stream(asked).await.unwrap().into_inner();
        assert_eq!(answers.next().await.unwrap().unwrap().verdict(), Verdict::Allow);
    }
}

#[tokio::test]
async fn a_small_message_that_unpacks_to_a_large_one_is_refused() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let mut client = CerbosServiceClient::new(pdp.channel().await).send_compressed(Gzip);
    let mut asked = check_request("mcp::github", &["get_issue"]);
    asked.request_id = "x".repeat(5 << 20);
    let refused = client.check_resources(asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
}

#[tokio::test]
async fn reflection_names_every_service_and_its_messages() {
    let policies = policies();
    let pdp = Pdp::start(policies.path()).await;
    let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    for address in [&pdp.grpc, &pdp.http] {
        let mut client = ServerReflectionClient::new(channel(address).await);
        let questions = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol("cerbos.svc.v1.CerbosService".into())),
        ];
        let mut answers = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap().into_inner();
        let mut next = async || -> ServerReflectionResponse { answers.next().await.unwrap().unwrap() };
        let Some(MessageResponse::ListServicesResponse(list)) = next().await.message_response else { panic!() };
        let names: Vec<&str> = list.service.iter().map(|s| s.name.as_str()).collect();
        for name in ["cerbos.svc.v1.CerbosService", "toolgate.v1.ToolCallService", "grpc.health.v1.Health"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        let Some(MessageResponse::FileDescriptorResponse(file)) = next().await.message_response else { panic!() };
        assert!(!file.file_descriptor_proto.is_empty());

        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel(address).await);
        let request = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
        let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
        assert!(answers.next().await.unwrap().is_ok());
    }
    let off = Pdp::start_with(policies.path(), &["server.reflectionEnabled=false"]).await;
    let mut client = ServerReflectionClient::new(off.channel().await);
    let asked = tokio_stream::iter([ask(MessageRequest::ListServices(String::new()))]);
    assert_eq!(client.server_reflection_info(asked).await.unwrap_err().code(), Code::Unimplemented);
}
