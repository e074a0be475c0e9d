//! The rules of `toolgate.v1.DecideRequest`, in the style of the reference's.

use super::rules::{Path, Report, has, message, text};
use super::{Field, Violations};
use crate::cel::value::Map;
use crate::wire::message::{Agent, Decide, Identity, Session, Tool};

static CALLS: Field = message(1, "calls");
pub(super) static IDENTITY: Field = message(2, "identity");
pub(super) static AGENT: Field = message(3, "agent");
static TOOL: Field = message(4, "tool");
pub(super) static SESSION: Field = message(7, "session");
pub(super) static CONTEXT: Field = message(8, "context");
static ID: Field = text(1, "id");
static ROLES: Field = text(2, "roles");
static ATTR: Field = message(3, "attr");
static SCOPE: Field = text(4, "scope");
static POLICY_VERSION: Field = text(5, "policy_version");
static CHAIN: Field = text(4, "chain");
static SERVER: Field = text(1, "server");
static NAME: Field = text(2, "name");
static ANNOTATIONS: Field = message(3, "annotations");
static LABELS: Field = text(3, "labels");
static SESSION_CALLS: Field = message(4, "calls");

/// The attribute under which policies see the agent. A caller cannot send it as an attribute of
/// identity or agent.
pub const RESERVED_ATTRIBUTE: &str = "agent";

/// Checks a `DecideRequest`.
pub fn decide(call: &Decide<'_>) -> Result<(), Violations> {
    let mut report = Report::default();
    let path = Path::root(&IDENTITY);
    match &call.identity {
        Some(identity) => report.identity(path, identity),
        None => _ = report.required(path, false),
    }
    if let Some(agent) = &call.agent {
        report.agent(Path::root(&AGENT), agent);
    }
    let path = Path::root(&TOOL);
    match &call.tool {
        Some(tool) => report.tool(path, tool),
        None => _ = report.required(path, false),
    }
    if let Some(session) = &call.session {
        report.session(Path::root(&SESSION), session);
    }
    report.keys(Path::root(&CONTEXT), call.context);
    Violations::of(report.found)
}

/// Checks that a `DecideBatchRequest` has calls; each is checked, and answered, by itself.
pub fn decide_batch(calls: &[Decide<'_>]) -> Result<(), Violations> {
    let mut report = Report::default();
    report.required(Path::root(&CALLS), !calls.is_empty());
    Violations::of(report.found)
}

impl Report {
    pub(super) fn identity(&mut self, path: Path<'_>, identity: &Identity<'_>) {
        self.required(path.field(&ID), !identity.id.is_empty());
        if self.required(path.field(&ROLES), !identity.roles.is_empty()) {
            self.unique(path.field(&ROLES), identity.roles);
        }
        self.attributes(path.field(&ATTR), identity.attr);
        self.scope(path.field(&SCOPE), identity.scope);
        self.version(path.field(&POLICY_VERSION), identity.policy_version);
    }

    /// Attributes of a principal: policies see the agent among them, and nobody may pretend to be it.
    fn attributes(&mut self, path: Path<'_>, attr: Map<'_>) {
        self.keys(path, attr);
        if has(attr, RESERVED_ATTRIBUTE) {
            let text = "this name is reserved for the agent of the call";
            self.add_key(path.key(RESERVED_ATTRIBUTE), &[], "reserved_attribute", text);
        }
    }

    pub(super) fn agent(&mut self, path: Path<'_>, agent: &Agent<'_>) {
        self.required(path.field(&ID), !agent.id.is_empty());
        self.unique(path.field(&ROLES), agent.roles);
        self.attributes(path.field(&ATTR), agent.attr);
        self.items(path.field(&CHAIN), agent.chain);
    }

    pub(super) fn tool(&mut self, path: Path<'_>, tool: &Tool<'_>) {
        self.required(path.field(&SERVER), !tool.server.is_empty());
        self.required(path.field(&NAME), !tool.name.is_empty());
        self.keys(path.field(&ANNOTATIONS), tool.annotations);
    }

    pub(super) fn session(&mut self, path: Path<'_>, session: &Session<'_>) {
        self.items(path.field(&LABELS), session.labels);
        let calls = path.field(&SESSION_CALLS);
        for (i, call) in session.calls.iter().enumerate() {
            if self.full() {
                break;
            }
            let path = calls.item(i);
            self.required(path.field(&SERVER), !call.server.is_empty());
            self.required(path.field(&NAME), !call.name.is_empty());
        }
    }
}
