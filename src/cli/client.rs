//! A small HTTP client for talking to a running server, over TCP or a Unix socket.

use std::io;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::config::Address;

/// Largest answer that is read.
const MAX_ANSWER: usize = 64 << 20;

/// Sends one request and reads the answer.
pub(super) fn ask(
    address: &Address,
    tls: Option<&TlsConnector>,
    method: Method,
    path: &str,
    body: Vec<u8>,
    patience: Duration,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asking = async { send(connect(address, tls).await?, method, path, body).await };
    runtime
        .block_on(async { tokio::time::timeout(patience, asking).await })
        .map_err(|_| anyhow::anyhow!("no answer within {patience:?}"))
        .and_then(|answer| answer)
        .with_context(|| format!("cannot ask the server at `{address}`"))
}

/// A connection to a server, protected or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to a server.
pub(super) async fn connect(address: &Address, tls: Option<&TlsConnector>) -> io::Result<Box<dyn Stream>> {
    let (name, stream): (&str, Box<dyn Stream>) = match address {
        Address::Unix(file) => ("localhost", Box::new(UnixStream::connect(file).await?)),
        Address::Tcp { host, port } => (here(host), Box::new(TcpStream::connect((here(host), *port)).await?)),
    };
    let Some(tls) = tls else { return Ok(stream) };
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(tls.connect(name, stream).await?))
}

/// Where to connect to for a server that listens on every interface.
pub(super) fn here(host: &str) -> &str {
    match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        other => other,
    }
}

async fn send(
    stream: Box<dyn Stream>,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "toolgate")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|e| anyhow::anyhow!(e))?;
    Ok((status, body.to_bytes()))
}
