//! A server in this process, clients for it, and policies to serve.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use toolgate::audit::Audit;
use toolgate::config::{Address, Config, Typed};
use toolgate::identity::Identity;
use toolgate::proto::cerbos::engine::v1 as cerbos;
use toolgate::proto::toolgate::v1 as toolgate_v1;
use toolgate::server::Server;
use toolgate::service::{Service, Settings};
use toolgate::source::SourceFile;
use toolgate::store::Store;
use toolgate::telemetry::Tracing;
use toolgate::wire::limits::Limits;

/// A server in this process; goes down when dropped.
pub struct Pdp {
    pub http: Address,
    pub grpc: Address,
    pub hooks: Option<Address>,
    pub service: Arc<Service>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Pdp {
    /// Serves a directory, quick to notice changes, on ports that the system chooses.
    pub async fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[]).await
    }

    /// The same with settings as for `--set`.
    pub async fn start_with(directory: &Path, set: &[&str]) -> Self {
        Self::launch(directory, set, None, None).await
    }

    /// The same with a configuration file of this text.
    pub async fn start_from(directory: &Path, file: &str) -> Self {
        Self::launch(directory, &[], Some(file), None).await
    }

    /// The same with spans.
    pub async fn start_traced(directory: &Path, tracing: Arc<Tracing>) -> Self {
        Self::launch(directory, &[], None, Some(tracing)).await
    }

    async fn launch(directory: &Path, set: &[&str], file: Option<&str>, tracing: Option<Arc<Tracing>>) -> Self {
        let quick = "server.httpListenAddr=127.0.0.1:0,server.grpcListenAddr=127.0.0.1:0,\
                     storage.disk.debounce=10ms,storage.disk.pollInterval=50ms";
        let set = std::iter::once(quick).chain(set.iter().copied()).map(String::from).collect();
        let file = file.map(|text| SourceFile::new("config.yaml", text));
        let typed = Typed { directory: Some(directory.into()), set, file, ..Typed::default() };
        let (config, _) = Config::load(&typed, &|_| None).expect("a configuration");
        let store = Store::open(config.store_options()).expect("policies");
        let settings = Settings {
            params: config.engine.params.clone(),
            wire: Limits::default().with_bytes(config.server.transport.message_bytes),
            ..Settings::default()
        };
        let identity = Identity::open(&config.aux_data).expect("keys");
        for refresh in identity.refreshes() {
            tokio::spawn(refresh.run(Duration::ZERO, 0));
        }
        let mut service = Service::new(store, settings).with_identity(identity);
        if let Some(audit) = &config.audit {
            service = service.with_audit(Arc::new(Audit::open(audit.clone()).expect("an audit log")));
        }
        if let Some(tracing) = tracing {
            service = service.with_tracing(tracing);
        }
        let service = Arc::new(service);
        let server = Server::open(&config.server, Arc::clone(&service)).await.expect("ports");
        let (http, grpc) = (server.http_address().unwrap(), server.grpc_address().unwrap());
        let hooks = server.hooks_address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { http, grpc, hooks, service, stop: Some(stop), task: Some(task) }
    }

    /// Tells it to go down; `down` waits for that.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits until it is down.
    pub async fn down(mut self) {
        self.stop();
        if let Some(task) = self.task.take() {
            task.await.expect("an orderly end");
        }
    }

    /// A gRPC connection to the gRPC port.
    pub async fn channel(&self) -> Channel {
        channel(&self.grpc).await
    }

    /// One HTTP request.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        send(&self.http, method, path, body.into()).await
    }

    /// One HTTP request with headers of its own.
    pub async fn send_with(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        send_with(&self.http, method, path, headers, Bytes::copy_from_slice(body.as_bytes())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, body).await
    }
}

impl Drop for Pdp {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A gRPC connection to an address.
pub async fn channel(address: &Address) -> Channel {
    let address = address.clone();
    let dial = move |_| {
        let address = address.clone();
        async move {
            let stream: Box<dyn Stream> = match address {
                Address::Tcp { host, port } => {
                    let stream = TcpStream::connect((host, port)).await?;
                    // Or every small request waits for the acknowledgement of the one before.
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            };
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    };
    let endpoint = Endpoint::from_static("http://toolgate");
    endpoint.connect_with_connector(tower::service_fn(dial)).await.expect("a connection")
}

/// Any connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One HTTP/1.1 request over a connection of its own.
pub async fn send(address: &Address, method: Method, path: &str, body: Bytes) -> Answer {
    send_with(address, method, path, &[], body).await
}

/// The same with headers of its own.
pub async fn send_with(address: &Address, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
    let stream: Box<dyn Stream> = match address {
        Address::Tcp { host, port } => Box::new(TcpStream::connect((host.as_str(), *port)).await.expect("connected")),
        Address::Unix(path) => Box::new(UnixStream::connect(path).await.expect("connected")),
    };
    exchange(stream, method, path, headers, body).await
}

/// One HTTP/1.1 request over an open connection.
pub async fn exchange(
    stream: impl Stream + 'static,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Answer {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "t");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).unwrap();
    let answer = sender.send_request(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

/// Asks again and again until there is an answer; gives up after many tries, not after some time.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..4000 {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened: {what}")
}

/// A directory of policies.
pub struct Policies(pub tempfile::TempDir);

impl Policies {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let policies = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            policies.write(name, text);
        }
        policies
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file as editors do: beside it, then over it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = path.with_extension("new~");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, &path).unwrap();
        path
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }
}

/// A policy for the tool server `server`: role `agent` may call `tools`, nobody else anything.
pub fn allowing(server: &str, tools: &str) -> String {
    format!(
        "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: mcp::{server}\n  version: default\n  rules:\n    \
         - name: reads\n      actions: [{tools}]\n      effect: EFFECT_ALLOW\n      roles: [agent]\n"
    )
}

/// A policy that no tool call gets anything from.
pub fn denying(server: &str) -> String {
    allowing(server, "nothing_there_is")
}

/// A tool call by alice in role `agent`.
pub fn question(call_id: &str, server: &str, tool: &str) -> toolgate_v1::DecideRequest {
    toolgate_v1::DecideRequest {
        call_id: call_id.into(),
        identity: Some(toolgate_v1::Identity { id: "alice".into(), roles: vec!["agent".into()], ..Default::default() }),
        tool: Some(toolgate_v1::Tool { server: server.into(), name: tool.into(), ..Default::default() }),
        ..Default::default()
    }
}

/// A check request of the Cerbos API by alice in role `agent`.
pub fn check_request(kind: &str, actions: &[&str]) -> toolgate::proto::cerbos::request::v1::CheckResourcesRequest {
    use toolgate::proto::cerbos::request::v1::{CheckResourcesRequest, check_resources_request::ResourceEntry};
    CheckResourcesRequest {
        request_id: "r1".into(),
        include_meta: true,
        principal: Some(cerbos::Principal { id: "alice".into(), roles: vec!["agent".into()], ..Default::default() }),
        resources: vec![ResourceEntry {
            actions: actions.iter().map(|a| (*a).to_owned()).collect(),
            resource: Some(cerbos::Resource { kind: kind.into(), id: "1".into(), ..Default::default() }),
        }],
        ..Default::default()
    }
}

/// The revision of a set of files, as the server must give it.
pub fn revision_of(files: &BTreeMap<String, String>) -> String {
    let files: Vec<_> = files.iter().map(|(n, t)| toolgate::source::SourceFile::new(n.as_str(), t.as_str())).collect();
    toolgate::store::revision(&files).into()
}
