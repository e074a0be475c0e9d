//! The keys there are: what each section means, its defaults, and what of the reference's keys is not served.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::section::{Faults, Section, is};
use super::server::server;
use super::tree::{Item, Scalar, Tree};
use super::{Config, Engine, Server, Storage, ToolCalls, Typed};
use super::{adapters, audit, aux_data, hooks, tailnet};
use crate::cel::value::Constant;
use crate::compile::CompileOptions;
use crate::engine::{Params, Semantics};
use crate::schema::Enforcement;
use crate::source::Diagnostic;
use crate::store::StoreOptions;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Everything the tree says, defaults for the rest, and what is wrong with it.
pub(super) fn config(tree: &Tree, typed: &Typed) -> (Config, Vec<Diagnostic>) {
    let faults = Faults::default();
    let root = Section::root(tree, &faults);
    let engine = engine(&root.section("engine"), enforcement(&root.section("schema")), typed, &faults);
    let tailnet = tailnet::settings(&root, &faults);
    let hooks = hooks::settings(&root.section("hooks"), &faults);
    let adapters = adapters::settings(&root.section("adapters"), tailnet.is_some(), &faults);
    let storage = storage(&root.section("storage"), typed, &faults);
    let server = Server {
        adapters,
        hooks,
        aperture: tailnet::aperture(&root, tailnet.is_some(), &faults),
        litellm: tailnet::litellm(&root, &faults),
        tailnet,
        ..server(&root.section("server"), typed, engine.compile.cerbos_compat, &faults)
    };
    let config = Config {
        server,
        audit: audit::audit(&root.section("audit"), engine.compile.cerbos_compat, &storage.directory, &faults),
        storage,
        aux_data: aux_data::settings(&root.section("auxData"), &faults),
        tool_calls: tool_calls(&root.section("toolCalls")),
        engine,
    };
    root.refused("hub", "the hosted service of Cerbos is not supported", |_| false);
    root.unused("tracing", "as in Cerbos, tracing is configured by the environment variables of OpenTelemetry");
    root.unused("compile", "policies are compiled when they are loaded");
    root.unused("telemetry", "nothing is ever sent anywhere");
    drop(root);
    (config, faults.into_inner())
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
    if s.get("celErrorLogLevel").is_some_and(|t| !is(t, "none")) {
        s.unused(
            "celErrorLogLevel",
            "what errs in a condition is told in the verdict, and no decision writes a log line",
        );
    }
    s.unused("policyLoaderTimeout", "policies are compiled before they are used, however long that takes");
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
            let what = match other {
                "git" | "blob" => "is not supported: have something else keep a directory in step, and watch that",
                "sqlite3" | "postgres" | "mysql" => "is not supported: policies are files here",
                "hub" | "overlay" => "is not supported: the hosted service of Cerbos is not",
                _ => "is unknown",
            };
            faults.push(tree.fault("TG0903", format!("storage driver `{other}` {what}")).with_help("driver: disk"));
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
    ToolCalls {
        kind_prefix: s.text("kindPrefix").unwrap_or_else(|| "mcp::".into()),
        redact: s.texts("redact").unwrap_or_default(),
    }
}
