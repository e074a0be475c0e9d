//! Decoded requests, as they came: presence is kept, rules are not checked yet. Everything
//! borrows from the received bytes or the request's arena.

use crate::cel::value::Map;
use crate::engine::request::{Principal, Resource};

/// A map without entries.
pub const EMPTY: Map<'static> = Map::Fields(&[]);

/// `cerbos.request.v1.CheckResourcesRequest`
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckResources<'a> {
    /// Chosen by the caller; echoed.
    pub request_id: &'a str,
    /// Whether the reply names policies and scopes.
    pub include_meta: bool,
    /// Who acts.
    pub principal: Option<Principal<'a>>,
    /// What on, in order.
    pub resources: &'a [ResourceEntry<'a>],
    /// Unverified tokens.
    pub aux_data: Option<Tokens<'a>>,
    /// Annotations for the audit log; policies never see them.
    pub request_context: Option<Map<'a>>,
}

/// `cerbos.request.v1.PlanResourcesRequest`
#[derive(Clone, Copy, Debug)]
pub struct PlanResources<'a> {
    /// Chosen by the caller; echoed.
    pub request_id: &'a str,
    /// The single action of the older form; empty in the other.
    pub action: &'a str,
    /// Actions in request order.
    pub actions: &'a [&'a str],
    /// Who acts.
    pub principal: Option<Principal<'a>>,
    /// What is known of the resources; the id is not.
    pub resource: Option<Resource<'a>>,
    /// Unverified tokens.
    pub aux_data: Option<Tokens<'a>>,
    /// Whether the reply shows the filter as text, and scopes.
    pub include_meta: bool,
    /// Annotations for the audit log; policies never see them.
    pub request_context: Option<Map<'a>>,
}

impl PlanResources<'_> {
    /// A request with nothing set.
    pub const EMPTY: PlanResources<'static> = PlanResources {
        request_id: "",
        action: "",
        actions: &[],
        principal: None,
        resource: None,
        aux_data: None,
        include_meta: false,
        request_context: None,
    };
}

/// One resource and the actions asked about.
#[derive(Clone, Copy, Debug)]
pub struct ResourceEntry<'a> {
    /// Actions in request order.
    pub actions: &'a [&'a str],
    /// The resource.
    pub resource: Option<Resource<'a>>,
}

/// `cerbos.request.v1.CheckResourceSetRequest`: the same actions on several instances of a kind.
#[derive(Clone, Copy, Debug)]
pub struct CheckResourceSet<'a> {
    /// Chosen by the caller; echoed.
    pub request_id: &'a str,
    /// Actions in request order.
    pub actions: &'a [&'a str],
    /// Who acts.
    pub principal: Option<Principal<'a>>,
    /// What on.
    pub resource: Option<ResourceSet<'a>>,
    /// Whether the reply names policies and scopes.
    pub include_meta: bool,
    /// Unverified tokens.
    pub aux_data: Option<Tokens<'a>>,
}

/// `cerbos.request.v1.ResourceSet`
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceSet<'a> {
    /// Kind of all instances.
    pub kind: &'a str,
    /// Requested policy version; empty for the default.
    pub policy_version: &'a str,
    /// Attributes by instance id, ids unique.
    pub instances: &'a [(&'a str, Map<'a>)],
    /// Requested scope; empty for the default.
    pub scope: &'a str,
}

/// `cerbos.request.v1.AuxData`: tokens as sent, unverified.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// The single token.
    pub jwt: Option<Token<'a>>,
    /// Named tokens, names unique.
    pub jwts: &'a [(&'a str, Token<'a>)],
}

/// One token.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Token<'a> {
    /// Compact JWS.
    pub token: &'a str,
    /// Key set to verify it with; empty for the only one.
    pub key_set_id: &'a str,
}

impl std::fmt::Debug for Token<'_> {
    /// Without the token: it is a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("key_set_id", &self.key_set_id).finish_non_exhaustive()
    }
}

/// `toolgate.v1.DecideRequest`
#[derive(Clone, Copy, Debug)]
pub struct Decide<'a> {
    /// Chosen by the caller; echoed.
    pub call_id: &'a str,
    /// The user on whose behalf.
    pub identity: Option<Identity<'a>>,
    /// The program that makes the call.
    pub agent: Option<Agent<'a>>,
    /// The tool.
    pub tool: Option<Tool<'a>>,
    /// Its arguments.
    pub arguments: Arguments<'a>,
    /// The session.
    pub session: Option<Session<'a>>,
    /// Free context.
    pub context: Map<'a>,
    /// Whether the reply carries the digest of the arguments.
    pub include_digest: bool,
    /// Whether the reply carries the trace.
    pub include_trace: bool,
}

impl Decide<'_> {
    /// A request with nothing set.
    pub const EMPTY: Decide<'static> = Decide {
        call_id: "",
        identity: None,
        agent: None,
        tool: None,
        arguments: Arguments::Absent,
        session: None,
        context: EMPTY,
        include_digest: false,
        include_trace: false,
    };
}

/// `toolgate.v1.PlanToolsRequest`
#[derive(Clone, Copy, Debug)]
pub struct PlanTools<'a> {
    /// The user on whose behalf.
    pub identity: Option<Identity<'a>>,
    /// The program that makes the calls.
    pub agent: Option<Agent<'a>>,
    /// The tools.
    pub tools: &'a [Tool<'a>],
    /// The session.
    pub session: Option<Session<'a>>,
    /// Free context.
    pub context: Map<'a>,
}

impl PlanTools<'_> {
    /// A request with nothing set.
    pub const EMPTY: PlanTools<'static> =
        PlanTools { identity: None, agent: None, tools: &[], session: None, context: EMPTY };
}

/// `toolgate.v1.Identity`
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Principal id.
    pub id: &'a str,
    /// Roles in order.
    pub roles: &'a [&'a str],
    /// Attributes.
    pub attr: Map<'a>,
    /// Dotted scope; empty for the default.
    pub scope: &'a str,
    /// Policy version; empty for the default.
    pub policy_version: &'a str,
}

/// `toolgate.v1.Agent`
#[derive(Clone, Copy, Debug)]
pub struct Agent<'a> {
    /// Agent id.
    pub id: &'a str,
    /// Roles of its own; with any, it is a principal of its own.
    pub roles: &'a [&'a str],
    /// Attributes.
    pub attr: Map<'a>,
    /// Ids it was delegated through, outermost first.
    pub chain: &'a [&'a str],
}

/// `toolgate.v1.Tool`
#[derive(Clone, Copy, Debug)]
pub struct Tool<'a> {
    /// Server name, such as `github`.
    pub server: &'a str,
    /// Tool name: the action.
    pub name: &'a str,
    /// What the tool says of itself; untrusted unless pinned.
    pub annotations: Map<'a>,
    /// The gateway verified the tool against a pinned manifest.
    pub pinned: bool,
}

/// `toolgate.v1.Session`
#[derive(Clone, Copy, Debug, Default)]
pub struct Session<'a> {
    /// Session id.
    pub id: &'a str,
    /// User of the session.
    pub user: &'a str,
    /// Labels such as `tainted`.
    pub labels: &'a [&'a str],
    /// What ran before, oldest first.
    pub calls: &'a [SessionCall<'a>],
}

/// An earlier call of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCall<'a> {
    /// Server name.
    pub server: &'a str,
    /// Tool name.
    pub name: &'a str,
}

/// The arguments of a tool call, in the form they came in.
#[derive(Clone, Copy, Debug)]
pub enum Arguments<'a> {
    /// None were sent.
    Absent,
    /// Raw JSON, not parsed yet: judged, and digested, byte for byte.
    Json(&'a [u8]),
    /// A JSON object as it was sent, and its members.
    Parsed {
        /// The bytes.
        raw: &'a [u8],
        /// What they say.
        map: Map<'a>,
    },
    /// A `google.protobuf.Struct`.
    Struct(Map<'a>),
}
