//! Servers that answer every call with one and the same verdict: what the transport alone costs. One is tonic's server
//! with Toolgate's codec, as one would write it; one speaks gRPC over `h2` by hand, which is the least that this
//! machine's HTTP/2 libraries allow.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::server::SendResponse;
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tonic::{Request, Response, Status, Streaming};
use toolgate::proto::server::tool_calls::tool_call_service_server::{ToolCallService, ToolCallServiceServer};
use toolgate::proto::toolgate::v1::DecideResponse;

/// Which server.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Kind {
    Tonic,
    H2,
}

/// A verdict of ordinary length.
fn verdict() -> Bytes {
    let answer = DecideResponse {
        call_id: "call-0123456789abcdef".into(),
        verdict: 1,
        reason: "allowed by rule `tool7` (server17.yaml:61)".into(),
        policy: "resource.mcp::server17.vdefault".into(),
        rule: "tool7".into(),
        location: "server17.yaml:61".into(),
        revision: "23081393456befb039d5c740b64ac3c0".into(),
        decision_id: "01M82WPRG3MT03Q5Y49NKFFCQZ".into(),
        ..Default::default()
    };
    answer.encode_to_vec().into()
}

/// Serves until the process is ended.
pub fn serve(kind: Kind, listen: SocketAddr, current_thread: bool) -> anyhow::Result<()> {
    let mut runtime = match current_thread {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        match kind {
            Kind::Tonic => {
                let service = ToolCallServiceServer::new(Echo(verdict()));
                tonic::transport::Server::builder().tcp_nodelay(true).add_service(service).serve(listen).await?;
            }
            Kind::H2 => {
                let listener = TcpListener::bind(listen).await?;
                loop {
                    let (socket, _) = listener.accept().await?;
                    socket.set_nodelay(true)?;
                    tokio::spawn(connection(socket, verdict()));
                }
            }
        }
        Ok(())
    })
}

struct Echo(Bytes);

type Answers = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<Bytes, Status>> + Send>>;

#[tonic::async_trait]
impl ToolCallService for Echo {
    async fn decide(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn decide_batch(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn plan_tools(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Err(Status::unimplemented(""))
    }

    type DecideStreamStream = Answers;

    async fn decide_stream(&self, request: Request<Streaming<Bytes>>) -> Result<Response<Answers>, Status> {
        use tokio_stream::StreamExt as _;
        let answer = self.0.clone();
        Ok(Response::new(Box::pin(request.into_inner().map(move |question| question.map(|_| answer.clone())))))
    }
}

/// Takes all requests that have come, answers them all, and only then lets the connection write.
async fn connection(socket: TcpStream, verdict: Bytes) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new()
        .initial_connection_window_size(1 << 20)
        .initial_window_size(1 << 20)
        .handshake::<_, Bytes>(socket)
        .await?;
    let mut framed = vec![0];
    framed.extend_from_slice(&(verdict.len() as u32).to_be_bytes());
    framed.extend_from_slice(&verdict);
    let framed = Bytes::from(framed);
    let mut batch = Vec::new();
    loop {
        let more = std::future::poll_fn(|cx| {
            loop {
                match connection.poll_accept(cx) {
                    std::task::Poll::Ready(Some(Ok(next))) => batch.push(next),
                    std::task::Poll::Ready(_) => return std::task::Poll::Ready(false),
                    std::task::Poll::Pending if batch.is_empty() => return std::task::Poll::Pending,
                    std::task::Poll::Pending => return std::task::Poll::Ready(true),
                }
            }
        })
        .await;
        if !more {
            return Ok(());
        }
        for (request, respond) in batch.drain(..) {
            let streams = request.uri().path().ends_with("Stream");
            let mut body = request.into_body();
            if streams {
                tokio::spawn(answer_all(body, respond, framed.clone()));
                continue;
            }
            // Small requests have come whole.
            let whole = tokio_test_poll(&mut body);
            if whole {
                answer(respond, &framed)?;
            } else {
                let framed = framed.clone();
                tokio::spawn(async move {
                    while let Some(Ok(data)) = body.data().await {
                        let _ = body.flow_control().release_capacity(data.len());
                    }
                    answer(respond, &framed)
                });
            }
        }
    }
}

/// Answers each message of a stream; what one DATA frame asks is answered by one.
async fn answer_all(
    mut questions: h2::RecvStream,
    mut respond: SendResponse<Bytes>,
    framed: Bytes,
) -> Result<(), h2::Error> {
    let response = http::Response::builder().header("content-type", "application/grpc").body(());
    let Ok(response) = response else { return Ok(()) };
    let mut answers = respond.send_response(response, false)?;
    let (mut rest, mut out) = (Vec::new(), Vec::new());
    loop {
        let data = std::future::poll_fn(|cx| match questions.poll_data(cx) {
            // All that has come is answered at once.
            std::task::Poll::Pending if !out.is_empty() => std::task::Poll::Ready(None),
            next => next.map(Some),
        })
        .await;
        match data {
            Some(Some(data)) => {
                let data = data?;
                questions.flow_control().release_capacity(data.len())?;
                rest.extend_from_slice(&data);
                let mut at = 0;
                while let Some(len) = rest.get(at + 1..at + 5) {
                    let end = at + 5 + u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize;
                    if end > rest.len() {
                        break;
                    }
                    out.extend_from_slice(&framed);
                    at = end;
                }
                rest.drain(..at);
            }
            // The client lets everything be sent ahead.
            None => answers.send_data(std::mem::take(&mut out).into(), false)?,
            Some(None) => return Ok(()),
        }
    }
}

/// True if all of the body is there, which is then taken.
fn tokio_test_poll(body: &mut h2::RecvStream) -> bool {
    let waker = std::task::Waker::noop();
    let mut cx = std::task::Context::from_waker(waker);
    loop {
        match body.poll_data(&mut cx) {
            std::task::Poll::Ready(Some(Ok(data))) => {
                std::hint::black_box(&data);
                let _ = body.flow_control().release_capacity(data.len());
            }
            std::task::Poll::Ready(Some(Err(_))) | std::task::Poll::Pending => return false,
            std::task::Poll::Ready(None) => return true,
        }
        if body.is_end_stream() {
            return true;
        }
    }
}

fn answer(mut respond: SendResponse<Bytes>, framed: &Bytes) -> Result<(), h2::Error> {
    let response = http::Response::builder().header("content-type", "application/grpc").body(());
    let Ok(response) = response else { return Ok(()) };
    let mut stream = respond.send_response(response, false)?;
    stream.send_data(framed.clone(), false)?;
    let mut trailers = http::HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}
