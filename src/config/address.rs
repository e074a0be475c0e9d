//! Where a listener listens: `host:port`, `:port` (every interface) or `unix:/path`.

use std::net::IpAddr;
use std::path::PathBuf;

/// A listening address as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port. An empty host is every interface.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port; 0 lets the system choose.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads an address; the error says what one looks like.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not an address: expected `host:port`, `:port` or `unix:/path`");
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(refuse()) } else { Ok(Self::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        let port = port.parse().map_err(|_| refuse())?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if bare.is_none() && host.contains([':', '[', ']', '/']) {
            return Err(refuse());
        }
        Ok(Self::Tcp { host: bare.unwrap_or(host).to_owned(), port })
    }

    /// True if nobody on another machine can reach it. Names other than `localhost` count as reachable.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_told_apart() {
        let cases = [
            ("127.0.0.1:3592", Some(("127.0.0.1:3592", true))),
            ("127.8.8.8:1", Some(("127.8.8.8:1", true))),
            ("localhost:0", Some(("localhost:0", true))),
            ("LOCALHOST:0", Some(("LOCALHOST:0", true))),
            ("[::1]:3592", Some(("[::1]:3592", true))),
            (":3592", Some((":3592", false))),
            ("0.0.0.0:3592", Some(("0.0.0.0:3592", false))),
            ("[::]:3592", Some(("[::]:3592", false))),
            ("[::ffff:127.0.0.1]:1", Some(("[::ffff:127.0.0.1]:1", false))),
            ("pdp.example:3592", Some(("pdp.example:3592", false))),
            ("localhost.example:1", Some(("localhost.example:1", false))),
            ("unix:/run/t.sock", Some(("unix:/run/t.sock", true))),
            ("unix:///run/t.sock", Some(("unix:/run/t.sock", true))),
            ("unix:", None),
            ("127.0.0.1", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:65536", None),
            ("::1:3592", None),
            ("http://x:1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let seen = Address::parse(text).ok().map(|a| (a.to_string(), a.is_local()));
            assert_eq!(seen.as_ref().map(|(s, l)| (s.as_str(), *l)), expected, "{text}");
        }
    }
}
