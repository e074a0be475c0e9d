//! The keys there are: what each section means, its defaults, and what of the reference's keys is not served.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::aux_data;
use super::section::{Faults, Section, is, says};
use super::tree::{Item, Scalar, Tree};
use super::{Address, Config, Engine, HttpTimeouts, RequestLimits, Server, Storage, ToolCalls, Transport, Typed};
use crate::cel::value::Constant;
use crate::compile::CompileOptions;
use crate::engine::{Params, Semantics};
use crate::schema::Enforcement;
use crate::source::Diagnostic;
use crate::store::StoreOptions;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Everything the tree says, defaults for the rest, and what is wrong with it.
pub(super) fn config(tree: &Tree, typed: &Typed) -> (Config, Vec<Diagnostic>) {
    let faults = Faults::default();
    let root = Section::root(tree, &faults);
    let config = Config {
        server: server(&root.section("server"), typed, &faults),
        engine: engine(&root.section("engine"), enforcement(&root.section("schema")), typed, &faults),
        storage: storage(&root.section("storage"), typed, &faults),
        aux_data: aux_data::settings(&root.section("auxData"), &faults),
        tool_calls: tool_calls(&root.section("toolCalls")),
    };
    root.unsupported("audit", |t| says(t, "enabled", false));
    root.unsupported("hub", |_| false);
    root.unsupported("tracing", |_| false);
    root.unused("compile", "policies are compiled when they are loaded");
    root.unused("telemetry", "nothing is ever sent anywhere");
    drop(root);
    (config, faults.into_inner())
}

fn server(s: &Section<'_>, typed: &Typed, faults: &Faults) -> Server {
    let address = |key, port| {
        let given = s.parsed(key, Address::parse);
        let open = given.as_ref().filter(|a| !a.is_local() && !typed.insecure_listen);
        if let (Some(a), Some(tree)) = (open, s.get(key)) {
            let message = format!("`{a}` can be reached from other machines, and nothing protects it");
            let help = "listen on 127.0.0.1 or a Unix socket, or say `--insecure-listen`";
            faults.push(tree.fault("TG0906", message).with_help(help));
        }
        given.unwrap_or_else(|| Address::Tcp { host: "127.0.0.1".into(), port })
    };
    let limits = s.section("requestLimits");
    let advanced = s.section("advanced");
    let (http, grpc) = (advanced.section("http"), advanced.section("grpc"));
    let timeout = |section: &Section<'_>, key, default| section.duration(key, MILLISECOND).unwrap_or(default);
    let count = |key| limits.integer(key, 1..=500).and_then(|n| usize::try_from(n).ok()).unwrap_or(50);
    let server = Server {
        http: address("httpListenAddr", 3592),
        grpc: address("grpcListenAddr", 3593),
        uds_file_mode: s.parsed("udsFileMode", file_mode).unwrap_or(0o766),
        limits: RequestLimits { actions: count("maxActionsPerResource"), resources: count("maxResourcesPerRequest") },
        metrics: s.boolean("metricsEnabled").unwrap_or(true),
        http_timeouts: HttpTimeouts {
            read: timeout(&http, "readTimeout", 30 * SECOND),
            header: timeout(&http, "readHeaderTimeout", 15 * SECOND),
            idle: timeout(&http, "idleTimeout", 120 * SECOND),
        },
        transport: Transport {
            message_bytes: grpc
                .integer("maxRecvMsgSizeBytes", 1..=(256 << 20))
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(4 << 20),
            streams: grpc.integer("maxConcurrentStreams", 1..=1_000_000).map_or(1024, |n| n as u32),
            connection_age: grpc.duration("maxConnectionAge", SECOND).unwrap_or(600 * SECOND),
            handshake: timeout(&grpc, "connectionTimeout", 60 * SECOND),
        },
    };
    http.unsupported("writeTimeout", |_| false);
    s.unsupported("tls", |_| false);
    s.unsupported("adminAPI", |t| says(t, "enabled", false));
    s.unsupported("cors", |t| says(t, "disabled", true));
    s.unsupported("apiExplorerEnabled", |t| is(t, "false"));
    s.unsupported("logRequestPayloads", |t| is(t, "false"));
    s.unsupported("playgroundEnabled", |t| is(t, "false"));
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

fn engine(s: &Section<'_>, schemas: Enforcement, typed: &Typed, faults: &Faults) -> Engine {
    let defaults = Params::default();
    let compatibility = s.choice("compatibility", &[("toolgate", false), ("cerbos", true)]);
    let cerbos_compat = typed.cerbos_compat || compatibility.unwrap_or(false);
    let strict = s.boolean("strictEvaluation").unwrap_or(false);
    if let (true, false, Some(tree)) = (strict, cerbos_compat, s.get("strictEvaluation")) {
        let message = "`engine.strictEvaluation` belongs to `engine.compatibility: cerbos`";
        let help = "without it, errors never widen access in the first place";
        faults.push(tree.fault("TG0903", message).with_help(help));
    }
    let version = s.text("defaultPolicyVersion");
    if let (Some(""), Some(tree)) = (version.as_deref(), s.get("defaultPolicyVersion")) {
        faults.push(tree.fault("TG0902", "`engine.defaultPolicyVersion` must not be blank"));
    }
    let globals = globals(s.get("globals"), faults);
    let engine = Engine {
        params: Params {
            default_policy_version: version.unwrap_or(defaults.default_policy_version),
            default_scope: s.text("defaultScope").unwrap_or(defaults.default_scope),
            lenient_scope_search: s.boolean("lenientScopeSearch").unwrap_or(false),
            semantics: match (cerbos_compat, strict) {
                (false, _) => Semantics::Safe,
                (true, false) => Semantics::Cerbos,
                (true, true) => Semantics::CerbosStrict,
            },
            schemas,
            globals: Constant::string_map(globals.clone()),
            step_budget: s.integer("stepBudget", 1_000..=1_000_000_000).unwrap_or(defaults.step_budget),
        },
        compile: CompileOptions { cerbos_compat, globals, schemas },
    };
    s.unsupported("celErrorLogLevel", |t| is(t, "none"));
    s.unsupported("policyLoaderTimeout", |_| false);
    engine
}

fn enforcement(s: &Section<'_>) -> Enforcement {
    s.unused("cacheSize", "compiled schemas are part of the policy set");
    let choices = [("none", Enforcement::None), ("warn", Enforcement::Warn), ("reject", Enforcement::Reject)];
    s.choice("enforcement", &choices).unwrap_or_default()
}

fn globals(tree: Option<&Tree>, faults: &Faults) -> BTreeMap<String, Constant> {
    let Some(tree) = tree else { return BTreeMap::new() };
    let Item::Map(entries) = &tree.item else {
        faults.push(tree.fault("TG0902", "`engine.globals` must be a map of values"));
        return BTreeMap::new();
    };
    for entry in entries.iter().filter(|e| !is_identifier(&e.key)) {
        let message = format!("`{}` cannot be the name of a global: it is not an identifier", entry.key);
        faults.push(Diagnostic::error("TG0902", &entry.value.file, entry.key_span, message));
    }
    entries.iter().map(|e| (e.key.clone(), constant(&e.value))).collect()
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A global as expressions see it. Whole numbers are ints here, unlike in constants and requests: the reference's
/// configuration has it so, and `G.num + 1` depends on it.
fn constant(tree: &Tree) -> Constant {
    match &tree.item {
        Item::Null => Constant::Null,
        Item::List(all) => Constant::List(all.iter().map(constant).collect()),
        Item::Map(entries) => Constant::string_map(entries.iter().map(|e| (e.key.clone(), constant(&e.value)))),
        Item::Scalar(_, Scalar::Bool(b)) => Constant::Bool(*b),
        Item::Scalar(_, Scalar::Int(i)) => Constant::Int(*i),
        Item::Scalar(_, Scalar::Float(f)) => Constant::Double(*f),
        Item::Scalar(text, Scalar::Text) => Constant::String(text.as_str().into()),
    }
}

fn storage(s: &Section<'_>, typed: &Typed, faults: &Faults) -> Storage {
    let disk = s.section("disk");
    let directory = disk.text("directory").map(PathBuf::from);
    let driver = s.text("driver");
    match (driver.as_deref(), s.get("driver")) {
        (Some("disk") | None, _) | (_, None) => {}
        (Some(other), Some(tree)) => {
            let known = ["git", "blob", "sqlite3", "postgres", "mysql", "hub", "overlay"].contains(&other);
            let what = if known { "not supported yet" } else { "unknown" };
            faults.push(tree.fault("TG0903", format!("storage driver `{other}` is {what}")).with_help("driver: disk"));
        }
    }
    if let (Some("disk"), None, None, Some(tree)) = (driver.as_deref(), &directory, &typed.directory, s.get("driver")) {
        faults.push(tree.fault("TG0902", "`storage.disk.directory` is missing"));
    }
    // As in the reference, a directory in a file is watched if the file says so. Without one, it is.
    let from_file = directory.is_some() && typed.directory.is_none();
    let storage = Storage {
        directory: typed.directory.clone().or(directory).unwrap_or_else(|| "policies".into()),
        watch: disk.boolean("watchForChanges").unwrap_or(!from_file),
        debounce: disk.duration("debounce", MILLISECOND).unwrap_or(StoreOptions::DEBOUNCE),
        poll_interval: disk.duration("pollInterval", 10 * MILLISECOND).unwrap_or(StoreOptions::POLL_INTERVAL),
    };
    for other in ["git", "blob", "sqlite3", "postgres", "mysql", "hub", "overlay"] {
        s.unused(other, "the driver is `disk`");
    }
    storage
}

fn tool_calls(s: &Section<'_>) -> ToolCalls {
    ToolCalls { kind_prefix: s.text("kindPrefix").unwrap_or_else(|| "mcp::".into()) }
}
