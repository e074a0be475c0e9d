//! TLS: certificates from files, TLS 1.2 and 1.3 with modern suites, clients' certificates checked where their signer
//! is configured. Files are looked at again now and then, and at SIGHUP; what cannot be used replaces nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{ClientAuth, Tls};
use crate::protocols::Port;

/// Larger files are no certificates.
const MAX_BYTES: u64 = 1 << 20;

/// Why connections cannot be protected as configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` is not PEM of {what}: {source}", path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// A file holds no certificate.
    #[error("`{}` holds no certificate", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Certificate and key do not fit together, or are of no use.
    #[error("`{}` and its key cannot be used: {source}", path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Certificates of signers that cannot sign for clients.
    #[error("`{}` cannot be used to check clients: {source}", path.display())]
    ClientAuth {
        /// The file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

/// What is presented to clients, and replaced when the files change.
#[derive(Debug)]
pub(super) struct Acceptor {
    settings: Tls,
    current: ArcSwap<Loaded>,
}

/// One reading of the files.
#[derive(Debug)]
struct Loaded {
    http: Arc<ServerConfig>,
    grpc: Arc<ServerConfig>,
    fingerprint: [u8; 32],
}

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// If anything of what is configured cannot be had: nothing is served with less protection than was asked for.
    pub(super) fn open(settings: &Tls) -> Result<Self, TlsError> {
        let loaded = Files::read(settings)?.load(settings)?;
        Ok(Self { settings: settings.clone(), current: ArcSwap::from_pointee(loaded) })
    }

    /// Shakes hands with a peer.
    pub(super) async fn accept<S>(&self, stream: S, port: Port) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = {
            let loaded = self.current.load();
            Arc::clone(if port == Port::Http { &loaded.http } else { &loaded.grpc })
        };
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Looks at the files again and again, until the server goes down.
    pub(super) async fn keep_fresh(self: Arc<Self>, mut drain: watch::Receiver<bool>) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(s) => Some(s),
            Err(error) => {
                tracing::warn!(%error, "certificates are not read again at SIGHUP");
                None
            }
        };
        let mut look = interval(self.settings.reload_interval);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = String::new();
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(signal) => _ = signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            let told = tokio::select! {
                biased;
                _ = drain.wait_for(|d| *d) => return,
                () = hung_up => true,
                _ = look.tick() => false,
            };
            let acceptor = Arc::clone(&self);
            // Reading files takes what it takes; connections go on meanwhile.
            let reloaded = tokio::task::spawn_blocking(move || acceptor.reload()).await;
            match reloaded {
                Ok(Ok(changed)) => {
                    failing.clear();
                    if changed || told {
                        tracing::info!(changed, "certificates read again");
                    }
                }
                Ok(Err(error)) if told || failing != error.to_string() => {
                    failing = error.to_string();
                    tracing::error!(%error, "certificates cannot be read again, the last good ones stay in use");
                }
                // Said before, or the runtime is going down.
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }

    /// Reads the files again; true if they changed.
    fn reload(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.settings)?;
        if files.fingerprint() == self.current.load().fingerprint {
            return Ok(false);
        }
        self.current.store(Arc::new(files.load(&self.settings)?));
        Ok(true)
    }
}

/// The bytes of the files.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Option<Vec<u8>>,
}

impl Files {
    fn read(settings: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            cert: read(&settings.cert)?,
            key: read(&settings.key)?,
            ca: settings.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [Some(&self.cert), Some(&self.key), self.ca.as_ref()].into_iter().flatten() {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn load(self, settings: &Tls) -> Result<Loaded, TlsError> {
        let fingerprint = self.fingerprint();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&settings.cert, &self.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| TlsError::NotPem {
            path: settings.key.clone(),
            what: "a private key",
            source,
        })?;
        let unusable = |source| TlsError::Unusable { path: settings.cert.clone(), source };
        // The default versions are 1.2 and 1.3; all suites of this library are ECDHE with AES-GCM or ChaCha20.
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match (&settings.client_ca, &self.ca) {
            (Some(path), Some(text)) => {
                builder.with_client_cert_verifier(client_verifier(path, text, settings.client_auth, provider)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut http = builder.with_single_cert(chain, key).map_err(unusable)?;
        let mut grpc = http.clone();
        http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        grpc.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Loaded { http: Arc::new(http), grpc: Arc::new(grpc), fingerprint })
    }
}

fn client_verifier(
    path: &Path,
    text: &[u8],
    auth: ClientAuth,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, text)? {
        roots.add(certificate).map_err(|source| TlsError::Unusable { path: path.to_owned(), source })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match auth {
        ClientAuth::Require => builder,
        ClientAuth::VerifyIfGiven => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|source| TlsError::ClientAuth { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_BYTES {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB")));
    }
    std::fs::read(path).map_err(unreadable)
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let not_pem = |source| TlsError::NotPem { path: path.to_owned(), what: "certificates", source };
    let all = all.map_err(not_pem)?;
    if all.is_empty() { Err(TlsError::Empty { path: path.to_owned() }) } else { Ok(all) }
}

/// The URIs (SPIFFE ids) that the certificate of a client names, which the handshake has verified.
pub(super) fn uris<S>(stream: &TlsStream<S>) -> Arc<[String]> {
    let (_, session) = stream.get_ref();
    let Some(first) = session.peer_certificates().and_then(<[_]>::first) else { return Arc::default() };
    let Ok(certificate) = webpki::EndEntityCert::try_from(first) else { return Arc::default() };
    certificate.valid_uri_names().map(str::to_owned).collect()
}

/// What a peer that speaks plain HTTP is told.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Tells a peer so if it speaks plain HTTP; true if it did.
pub(super) async fn is_plain_http(stream: &mut TcpStream) -> io::Result<bool> {
    let mut first = [0; 1];
    // The first byte of a handshake is 22; methods begin with letters.
    if stream.peek(&mut first).await? == 0 || !first.iter().all(u8::is_ascii_uppercase) {
        return Ok(false);
    }
    stream.write_all(PLAIN).await?;
    stream.shutdown().await?;
    // What it sent is read, or the answer might be lost with the connection.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(true)
}
