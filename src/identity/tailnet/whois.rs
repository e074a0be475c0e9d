//! Asking the local daemon who has an address: `whois` of its API on a Unix socket, which Tailscale's client serves with
//! Tailscale's servers and with Headscale alike. Answers are remembered for a short time; failures are not.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use moka::sync::Cache;
use serde_json::Value;
use tokio::net::UnixStream;

use super::Peer;

/// Longest question.
const PATIENCE: Duration = Duration::from_millis(500);
/// Largest answer.
const MAX_BYTES: usize = 1 << 20;
/// Addresses that are remembered.
const REMEMBERED: u64 = 10_000;
/// What a tagged device has instead of a user.
const TAGGED: &str = "tagged-devices";

/// The local daemon.
#[derive(Debug)]
pub struct Daemon {
    socket: PathBuf,
    known: Cache<IpAddr, Arc<Peer>>,
}

/// Why nobody is known to have an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhoisError {
    /// The daemon cannot be asked.
    #[error("the tailnet daemon cannot be asked: {0}")]
    Daemon(String),
    /// The daemon knows nobody there.
    #[error("the tailnet daemon knows nobody at this address")]
    Nobody,
    /// What it says cannot be used.
    #[error("the tailnet daemon's answer cannot be understood")]
    Strange,
}

impl Daemon {
    /// The daemon at a socket, whose answers hold for `ttl`.
    #[must_use]
    pub fn new(socket: PathBuf, ttl: Duration) -> Self {
        Self { socket, known: Cache::builder().max_capacity(REMEMBERED).time_to_live(ttl).build() }
    }

    /// Who has an address.
    ///
    /// # Errors
    /// If nobody is known to.
    pub async fn whois(&self, address: SocketAddr) -> Result<Arc<Peer>, WhoisError> {
        if let Some(peer) = self.known.get(&address.ip()) {
            return Ok(peer);
        }
        let asked = tokio::time::timeout(PATIENCE, self.ask(address)).await;
        let text = asked.map_err(|_| WhoisError::Daemon(format!("no answer within {PATIENCE:?}")))??;
        let peer = Arc::new(read(&text).ok_or(WhoisError::Strange)?);
        self.known.insert(address.ip(), Arc::clone(&peer));
        Ok(peer)
    }

    async fn ask(&self, address: SocketAddr) -> Result<Bytes, WhoisError> {
        let failed = |e: &dyn std::fmt::Display| WhoisError::Daemon(e.to_string());
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| failed(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        tokio::spawn(connection);
        let request = Request::get(format!("/localapi/v0/whois?addr={address}"))
            .header(header::HOST, "local-tailscaled.sock")
            .body(Empty::<Bytes>::new())
            .map_err(|e| failed(&e))?;
        let answer = sender.send_request(request).await.map_err(|e| failed(&e))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(WhoisError::Nobody),
            other => return Err(failed(&other)),
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES)
            .collect()
            .await
            .map_err(|e| WhoisError::Daemon(e.to_string()))?;
        Ok(body.to_bytes())
    }
}

fn read(text: &[u8]) -> Option<Peer> {
    let answer: Value = serde_json::from_slice(text).ok()?;
    let node = answer.get("Node")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
    let tags: Vec<String> = match node.get("Tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(tags) => tags.as_array()?.iter().map(|t| t.as_str().map(str::to_owned)).collect::<Option<_>>()?,
    };
    let login = text(answer.get("UserProfile").and_then(|u| u.get("LoginName")));
    // A tagged device acts for nobody, whoever set it up.
    let login = if login == TAGGED || !tags.is_empty() { String::new() } else { login };
    let peer = Peer {
        login,
        name: text(answer.get("UserProfile").and_then(|u| u.get("DisplayName"))),
        node: text(node.get("Name")).trim_end_matches('.').to_owned(),
        node_id: text(node.get("StableID")),
        tags,
        capabilities: match answer.get("CapMap") {
            None | Some(Value::Null) => serde_json::Map::new(),
            Some(Value::Object(map)) => map.clone(),
            Some(_) => return None,
        },
    };
    let somebody = !peer.login.is_empty() || !peer.tags.is_empty();
    (somebody && !peer.node_id.is_empty()).then_some(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagged_device_is_no_user_and_nonsense_is_nobody() {
        let user = br#"{"Node": {"Name": "laptop.example.ts.net.", "StableID": "nA1", "Tags": null},
            "UserProfile": {"LoginName": "alice@example.com", "DisplayName": "Alice"}, "CapMap": {"a/b": [{"x": 1}]}}"#;
        let peer = read(user).unwrap();
        assert_eq!((peer.login.as_str(), peer.node.as_str()), ("alice@example.com", "laptop.example.ts.net"));
        assert_eq!(peer.capabilities["a/b"][0]["x"], 1);
        let tagged = br#"{"Node": {"Name": "ci.", "StableID": "nB2", "Tags": ["tag:ci"]},
            "UserProfile": {"LoginName": "alice@example.com"}}"#;
        let peer = read(tagged).unwrap();
        assert_eq!((peer.login.as_str(), peer.tags.as_slice()), ("", ["tag:ci".to_owned()].as_slice()));
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"Node": {"StableID": "n", "Tags": [1]}, "UserProfile": {"LoginName": "a"}}"#,
            r#"{"Node": {"StableID": ""}, "UserProfile": {"LoginName": "a"}}"#,
            r#"{"Node": {"StableID": "n"}, "UserProfile": {"LoginName": "tagged-devices"}}"#,
            r#"{"Node": {"StableID": "n"}, "UserProfile": {"LoginName": "a"}, "CapMap": []}"#,
        ] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
