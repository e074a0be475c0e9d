//! The section `server`: listeners, TLS, limits, and what is served besides decisions.

use std::path::PathBuf;
use std::time::Duration;

use super::section::{Faults, Section, is};
use super::{Address, Admin, ClientAuth, Hooks, HttpTimeouts, RequestLimits, Server, Tls, Transport, Typed};
use crate::protocols::gateway::Adapters;
use crate::protocols::{Cors, Credentials};
use crate::source::Diagnostic;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// As good as never, and no overflow when added to a clock.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What the section says.
pub(super) fn server(s: &Section<'_>, typed: &Typed, cerbos_compat: bool, faults: &Faults) -> Server {
    let tls = tls(&s.section("tls"), faults);
    let address = |key, port| {
        let given = s.parsed(key, Address::parse);
        let protected = |a: &Address| a.is_local() || tls.is_some() || typed.insecure_listen;
        if let (Some(a), Some(tree)) = (given.as_ref().filter(|a| !protected(a)), s.get(key)) {
            let message = format!("`{a}` can be reached from other machines, and nothing protects it");
            let help = "listen on 127.0.0.1 or a Unix socket, configure `server.tls`, or say `--insecure-listen`";
            faults.push(tree.fault("TG0906", message).with_help(help));
        }
        given.unwrap_or_else(|| Address::Tcp { host: "127.0.0.1".into(), port })
    };
    let (http, grpc) = (address("httpListenAddr", 3592), address("grpcListenAddr", 3593));
    let limits = s.section("requestLimits");
    let advanced = s.section("advanced");
    let (for_http, for_grpc) = (advanced.section("http"), advanced.section("grpc"));
    let timeout = |section: &Section<'_>, key, default| section.duration(key, MILLISECOND).unwrap_or(default);
    let count = |key| limits.integer(key, 1..=500).and_then(|n| usize::try_from(n).ok()).unwrap_or(50);
    let reachable = !(http.is_local() && grpc.is_local());
    let server = Server {
        uds_file_mode: s.parsed("udsFileMode", file_mode).unwrap_or(0o766),
        limits: RequestLimits { actions: count("maxActionsPerResource"), resources: count("maxResourcesPerRequest") },
        metrics: s.boolean("metricsEnabled").unwrap_or(true),
        cors: cors(s, cerbos_compat),
        reflection: s.boolean("reflectionEnabled").unwrap_or(cerbos_compat || !reachable),
        public_url: s.parsed("publicURL", public_url),
        admin: admin(s, cerbos_compat, faults),
        http_timeouts: HttpTimeouts {
            read: timeout(&for_http, "readTimeout", 30 * SECOND),
            header: timeout(&for_http, "readHeaderTimeout", 15 * SECOND),
            write: timeout(&for_http, "writeTimeout", 30 * SECOND),
            idle: timeout(&for_http, "idleTimeout", 120 * SECOND),
        },
        transport: Transport {
            message_bytes: for_grpc
                .integer("maxRecvMsgSizeBytes", 1..=(256 << 20))
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(4 << 20),
            // As in the reference, none is any number.
            streams: for_grpc
                .integer("maxConcurrentStreams", 0..=u64::from(u32::MAX))
                .and_then(|n| u32::try_from(n).ok())
                .map_or(1024, |n| if n == 0 { u32::MAX } else { n }),
            connection_age: match for_grpc.duration("maxConnectionAge", Duration::ZERO) {
                None => 600 * SECOND,
                Some(age) if age.is_zero() => NEVER,
                Some(age) => age.min(NEVER),
            },
            handshake: timeout(&for_grpc, "connectionTimeout", 60 * SECOND),
        },
        tls,
        http,
        grpc,
        adapters: Adapters::default(),
        aperture: None,
        litellm: None,
        tailnet: None,
        hooks: Hooks::default(),
    };
    s.refused("apiExplorerEnabled", "there is no API explorer", |t| is(t, "false"));
    s.refused("logRequestPayloads", "what is asked about does not belong in a log", |t| is(t, "false"));
    s.refused("playgroundEnabled", "the playground is not served", |t| is(t, "false"));
    server
}

/// Octal as `0o766` or `0766`, or decimal; the low nine bits count.
fn file_mode(text: &str) -> Result<u32, String> {
    let octal = text.strip_prefix("0o").or_else(|| text.strip_prefix('0').filter(|t| !t.is_empty()));
    let mode = match octal {
        Some(digits) => u32::from_str_radix(digits, 8),
        None => text.parse(),
    };
    let refuse = || format!("`{text}` is not a file mode: expected something like `0o660`");
    mode.ok().map(|m| m & 0o777).filter(|m| *m > 0).ok_or_else(refuse)
}

fn tls(s: &Section<'_>, faults: &Faults) -> Option<Tls> {
    let (cert, key, ca) = (s.text("cert"), s.text("key"), s.text("caCert"));
    let client_auth =
        s.choice("clientAuth", &[("require", ClientAuth::Require), ("verifyIfGiven", ClientAuth::VerifyIfGiven)]);
    let reload_interval = s.duration("reloadInterval", MILLISECOND).unwrap_or(10 * SECOND);
    let blank = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
    match (blank(&cert), blank(&key)) {
        (true, true) if blank(&ca) => None,
        (false, false) => Some(Tls {
            cert: PathBuf::from(cert.unwrap_or_default()),
            key: PathBuf::from(key.unwrap_or_default()),
            client_ca: ca.filter(|c| !c.is_empty()).map(PathBuf::from),
            client_auth: client_auth.unwrap_or(ClientAuth::Require),
            reload_interval,
        }),
        // The reference serves without any protection then.
        _ => {
            if let Some(tree) = ["cert", "key", "caCert"].into_iter().find_map(|key| s.get(key)) {
                let message = "`server.tls` needs both `cert` and `key`";
                faults.push(tree.fault("TG0902", message));
            }
            None
        }
    }
}

fn cors(s: &Section<'_>, cerbos_compat: bool) -> Option<Cors> {
    let given = s.get("cors").is_some();
    let cors = s.section("cors");
    let disabled = cors.boolean("disabled").unwrap_or(false);
    let origins = cors.texts("allowedOrigins").filter(|o| !o.is_empty()).unwrap_or_else(|| vec!["*".into()]);
    let headers = cors.texts("allowedHeaders").filter(|h| !h.is_empty()).unwrap_or_else(Cors::default_headers);
    let max_age = cors.duration("maxAge", Duration::ZERO).filter(|age| !age.is_zero());
    ((given || cerbos_compat) && !disabled).then(|| Cors::new(&origins, &headers, max_age))
}

/// `https://host[:port]`, without a path, as clients see this server.
fn public_url(text: &str) -> Result<String, String> {
    let refuse = || format!("`{text}` is not a public URL: expected something like `https://pdp.example`");
    let uri: http::Uri = text.parse().map_err(|_| refuse())?;
    let scheme = uri.scheme_str().filter(|s| ["http", "https"].contains(s)).ok_or_else(refuse)?;
    let authority = uri.authority().ok_or_else(refuse)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(refuse());
    }
    Ok(format!("{scheme}://{authority}"))
}

fn admin(s: &Section<'_>, cerbos_compat: bool, faults: &Faults) -> Option<Admin> {
    let section = s.section("adminAPI");
    let enabled = section.boolean("enabled").unwrap_or(false);
    let credentials = section.section("adminCredentials");
    let username = credentials.text("username").unwrap_or_else(|| "cerbos".into());
    let hash = credentials.text("passwordHash").filter(|h| !h.is_empty());
    let tree = s.get("adminAPI").filter(|_| enabled)?;
    let Some(hash) = hash else {
        if !cerbos_compat {
            let message = "`server.adminAPI` needs `adminCredentials.passwordHash`";
            let help =
                "the base64 of a bcrypt hash, such as `htpasswd -niBC 10 admin | cut -d: -f2 | base64 -w0` prints";
            faults.push(tree.fault("TG0906", message).with_help(help));
            return None;
        }
        let message = "the admin API is open to everybody who knows the default password of Cerbos";
        faults.push(Diagnostic::warning("TG0906", &tree.file, tree.span, message));
        return Some(Admin { credentials: Credentials::default_of_cerbos(username) });
    };
    // Not with the text: it is a secret.
    let Some(credentials) = Credentials::new(username, &hash) else {
        let message = "`server.adminAPI.adminCredentials.passwordHash` is not the base64 of a bcrypt hash";
        faults.push(tree.fault("TG0902", message));
        return None;
    };
    Some(Admin { credentials })
}
