//! Opening the places where peers connect: TCP ports and Unix sockets. Takes over no port and no file that somebody
//! else uses.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::config::Address;

/// An open listener. A Unix socket's file goes with it.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A peer that connected.
pub(super) enum Peer {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// The file of a Unix socket, removed when it is no longer listened on.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone already; nobody is left to be told.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Opens an address; `mode` is for the file of a Unix socket.
    pub(super) async fn open(address: &Address, mode: u32) -> io::Result<Self> {
        match address {
            Address::Tcp { host, port } if host.is_empty() => {
                // Both families where there are both.
                match TcpListener::bind(("::", *port)).await {
                    Ok(l) => Ok(Self::Tcp(l)),
                    Err(e) if e.kind() == io::ErrorKind::AddrInUse => Err(e),
                    Err(_) => TcpListener::bind(("0.0.0.0", *port)).await.map(Self::Tcp),
                }
            }
            Address::Tcp { host, port } => TcpListener::bind((host.as_str(), *port)).await.map(Self::Tcp),
            Address::Unix(path) => {
                make_room(path)?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile(path.clone());
                set_mode(path, mode)?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// The next peer.
    pub(super) async fn accept(&self) -> io::Result<Peer> {
        match self {
            Self::Tcp(l) => {
                let (stream, address) = l.accept().await?;
                // A decision is one small message each way: waiting for more to send would only delay it.
                stream.set_nodelay(true)?;
                Ok(Peer::Tcp(stream, address))
            }
            Self::Unix(l, _) => l.accept().await.map(|(stream, _)| Peer::Unix(stream)),
        }
    }

    /// The address as it really is, with the port that the system chose.
    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(l) => l.local_addr().map(|a| Address::Tcp { host: a.ip().to_string(), port: a.port() }),
            Self::Unix(_, file) => Ok(Address::Unix(file.0.clone())),
        }
    }
}

/// Removes the socket of a server that is gone. A live one, and a file that is no socket, stay.
fn make_room(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let kind = match std::fs::symlink_metadata(path) {
        Ok(m) => m.file_type(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is in the way"));
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there"));
    }
    std::fs::remove_file(path)
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_unix_socket_takes_no_ones_place_and_leaves_no_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let address = Address::Unix(path.clone());
        let first = Listener::open(&address, 0o600).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Listener::open(&address, 0o600).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());

        // What a killed server leaves behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Listener::open(&address, 0o600).await.unwrap());

        std::fs::write(&path, "mine").unwrap();
        assert!(Listener::open(&address, 0o600).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error() {
        let any = Address::Tcp { host: "127.0.0.1".into(), port: 0 };
        let first = Listener::open(&any, 0).await.unwrap();
        let taken = first.address().unwrap();
        assert_eq!(Listener::open(&taken, 0).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
