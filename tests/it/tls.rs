//! Protected connections: with and without certificates of clients, on both ports and on Unix sockets, and files that
//! change or cannot be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use toolgate::config::{Address, Config, Typed};
use toolgate::proto::cerbos::svc::v1::cerbos_service_client::CerbosServiceClient;
use toolgate::server::Server;
use toolgate::service::{Service, Settings};
use toolgate::store::Store;

use crate::support::{Answer, Pdp, Policies, Stream, allowing, check_request, eventually, exchange};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

fn policies() -> Policies {
    Policies::new(&[("github.yaml", &allowing("github", "list_issues, get_issue"))])
}

fn settings(more: &str) -> String {
    let path = |name| file(name).display().to_string();
    format!("server.tls.cert={},server.tls.key={}{more}", path("server.crt"), path("server.key"))
}

fn mutual(more: &str) -> String {
    settings(&format!(",server.tls.caCert={}{more}", file("ca.crt").display()))
}

/// Shakes hands, with a certificate or without, offering some protocols.
async fn shake<S: Stream>(stream: S, who: Option<&str>, alpn: &[&str]) -> std::io::Result<TlsStream<S>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match who {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(file(&format!("{name}.crt"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn connect(address: &Address) -> Box<dyn Stream> {
    match address {
        Address::Tcp { host, port } => Box::new(TcpStream::connect((host.as_str(), *port)).await.unwrap()),
        Address::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
    }
}

/// `GET /_cerbos/health` over a protected connection.
async fn health(address: &Address, who: Option<&'static str>) -> Answer {
    let stream = shake(connect(address).await, who, &[]).await.unwrap();
    exchange(stream, Method::GET, "/_cerbos/health", &[], Bytes::new()).await
}

async fn channel(address: &Address, who: Option<&'static str>) -> Result<Channel, tonic::transport::Error> {
    let address = address.clone();
    let dial = move |_| {
        let address = address.clone();
        async move { shake(connect(&address).await, who, &["h2"]).await.map(TokioIo::new) }
    };
    Endpoint::from_static("http://localhost").connect_with_connector(tower::service_fn(dial)).await
}

/// True if a decision can be had over gRPC.
async fn decides(address: &Address, who: Option<&'static str>) -> bool {
    let Ok(channel) = channel(address, who).await else { return false };
    let mut client = CerbosServiceClient::new(channel);
    let answer = client.check_resources(check_request("mcp::github", &["get_issue"])).await;
    answer.is_ok_and(|a| a.into_inner().results[0].actions["get_issue"] == 1)
}

#[tokio::test]
async fn both_ports_are_protected() {
    let policies = policies();
    let pdp = Pdp::start_with(policies.path(), &[&settings("")]).await;
    assert_eq!(health(&pdp.http, None).await.status, 200);
    assert!(decides(&pdp.http, None).await);
    assert!(decides(&pdp.grpc, None).await);
    // Who speaks plainly is told.
    let plain = pdp.get("/_cerbos/health").await;
    assert_eq!((plain.status.as_u16(), plain.text()), (400, "Client sent an HTTP request to an HTTPS server.\n"));
    pdp.down().await;
}

#[tokio::test]
async fn clients_must_show_a_certificate_of_the_right_signer() {
    let policies = policies();
    let pdp = Pdp::start_with(policies.path(), &[&mutual("")]).await;
    for address in [&pdp.http, &pdp.grpc] {
        assert!(decides(address, Some("client")).await);
        assert!(!decides(address, None).await);
        assert!(!decides(address, Some("stranger")).await);
    }
    // As the reference has it, one that is given must be right.
    let pdp = Pdp::start_with(policies.path(), &[&mutual(",server.tls.clientAuth=verifyIfGiven")]).await;
    assert!(decides(&pdp.grpc, Some("client")).await);
    assert!(decides(&pdp.grpc, None).await);
    assert!(!decides(&pdp.grpc, Some("stranger")).await);
}

#[tokio::test]
async fn unix_sockets_are_protected_too() {
    let policies = policies();
    let dir = tempfile::tempdir().unwrap();
    let listen = format!("server.grpcListenAddr=unix:{}", dir.path().join("g").display());
    let pdp = Pdp::start_with(policies.path(), &[&mutual(""), &listen]).await;
    assert!(decides(&pdp.grpc, Some("client")).await);
    assert!(!decides(&pdp.grpc, None).await);
}

#[tokio::test]
async fn renewed_certificates_are_taken_up_and_broken_ones_are_not() {
    let policies = policies();
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    let copy = |name: &str| {
        std::fs::copy(file(&format!("{name}.crt")), &cert).unwrap();
        std::fs::copy(file(&format!("{name}.key")), &key).unwrap();
    };
    copy("server");
    let set = format!("server.tls.cert={},server.tls.key={}", cert.display(), key.display());
    let pdp = Pdp::start_with(policies.path(), &[&set, "server.tls.reloadInterval=5ms"]).await;
    let presented = async || {
        let stream = shake(connect(&pdp.http).await, None, &[]).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let expected = |name: &str| CertificateDer::from_pem_file(file(name)).unwrap();
    assert_eq!(presented().await, expected("server.crt"));
    copy("renewed");
    eventually("the renewed certificate", async || (presented().await == expected("renewed.crt")).then_some(())).await;
    // Half of a renewal, and none at all.
    std::fs::copy(file("server.key"), &key).unwrap();
    std::fs::remove_file(&cert).unwrap();
    for _ in 0..5 {
        assert_eq!(presented().await, expected("renewed.crt"));
    }
    copy("server");
    eventually("the first certificate again", async || (presented().await == expected("server.crt")).then_some(()))
        .await;
}

#[tokio::test]
async fn what_cannot_be_used_keeps_the_server_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    std::fs::write(&text, "hello").unwrap();
    let (cert, key, ca) = (file("server.crt"), file("server.key"), file("ca.crt"));
    let missing = dir.path().join("none");
    let rows = [
        (&missing, &key, &ca, "cannot read `"),
        (&cert, &missing, &ca, "cannot read `"),
        (&cert, &key, &missing, "cannot read `"),
        (&text, &key, &ca, "holds no certificate"),
        (&cert, &text, &ca, "is not PEM of a private key"),
        (&cert, &key, &text, "holds no certificate"),
        (&cert, &file("client.key"), &ca, "and its key cannot be used"),
    ];
    for (cert, key, ca, words) in rows {
        let tls = format!(
            "server.tls.cert={},server.tls.key={},server.tls.caCert={}",
            cert.display(),
            key.display(),
            ca.display()
        );
        let listen = "server.httpListenAddr=127.0.0.1:0,server.grpcListenAddr=127.0.0.1:0".to_owned();
        let typed = Typed { set: vec![listen, tls], ..Typed::default() };
        let (config, _) = Config::load(&typed, &|_| None).unwrap();
        let store = Store::in_memory(Vec::new(), &config.engine.compile).unwrap();
        let service = Arc::new(Service::new(store, Settings::default()));
        let refused = Server::open(&config.server, service).await.unwrap_err().to_string();
        assert!(refused.starts_with("cannot serve TLS: ") && refused.contains(words), "{refused}");
    }
}
