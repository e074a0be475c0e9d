//! Identities of this machine and its tailnet: users on a Unix socket, holders of a configured token, devices that the
//! tailnet's daemon or a proxy in front of us vouches for. What must be looked up is looked up before a request is
//! decided ([`resolved`]).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::caller::{Caller, Evidence};
use super::claims::{give, push};
use super::identity::{Network, Source, Unknown, Who};
use crate::cel::value::{List, Map, Value};
use crate::identity::os_user::OsUser;
use crate::identity::tailnet::{Daemon, Peer, PolicyFile, WhoisError};
use crate::wire::json;
use crate::wire::limits::Limits;
use crate::wire::map::sort;
use crate::wire::message::{EMPTY, Identity};

const LOGIN: &str = "tailscale-user-login";
const NAME: &str = "tailscale-user-name";
const CAPABILITIES: &str = "tailscale-app-capabilities";

/// Settings of identities from a tailnet.
#[derive(Clone, Debug)]
pub struct TailnetSettings {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// How long its answers hold.
    pub ttl: Duration,
    /// The tailnet policy file, if groups and tags are to be read from it.
    pub policy_file: Option<PathBuf>,
    /// The capability whose grants become attributes and roles; empty for none.
    pub capability: String,
    /// Roles that everybody has who is identified so.
    pub give_roles: Vec<String>,
    /// Proxies whose headers are believed.
    pub proxies: Vec<Network>,
}

/// A tailnet: its settings, its daemon, its groups.
#[derive(Debug)]
pub struct Tailnet {
    settings: TailnetSettings,
    daemon: Daemon,
    groups: Option<PolicyFile>,
}

impl Tailnet {
    /// Opens what the settings name.
    ///
    /// # Errors
    /// If the policy file cannot be read.
    pub fn open(settings: TailnetSettings) -> Result<Self, String> {
        let groups = settings.policy_file.as_deref().map(PolicyFile::open).transpose()?;
        let daemon = Daemon::new(settings.socket.clone(), settings.ttl);
        Ok(Self { settings, daemon, groups })
    }

    /// The identity of a device, or of its user.
    pub(in crate::protocols) fn who<'a>(
        &self,
        peer: &Peer,
        source: &'static str,
        bump: &'a Bump,
    ) -> Result<Who<'a>, Unknown> {
        let tags: Vec<&str> = match &self.groups {
            None => peer.tags.iter().map(String::as_str).collect(),
            Some(file) => file.with(|g| peer.tags.iter().map(String::as_str).filter(|t| g.declares(t)).collect()),
        };
        let groups: Vec<String> = match &self.groups {
            Some(file) if !peer.login.is_empty() => file.with(|g| g.of(&peer.login).map(str::to_owned).collect()),
            _ => Vec::new(),
        };
        let grants = match peer.capabilities.get(&self.settings.capability) {
            None | Some(Json::Null) => &[][..],
            Some(Json::Array(grants)) if grants.iter().all(Json::is_object) => grants.as_slice(),
            Some(_) => return Err(Unknown::Claim(self.settings.capability.clone())),
        };
        let mut roles = BumpVec::new_in(bump);
        for role in tags.iter().copied().chain(groups.iter().map(String::as_str)) {
            push(bump.alloc_str(role), &mut roles);
        }
        for grant in grants {
            match grant.get("roles") {
                None | Some(Json::Null) => {}
                Some(Json::Array(named)) if named.iter().all(Json::is_string) => {
                    named.iter().filter_map(Json::as_str).for_each(|role| push(bump.alloc_str(role), &mut roles));
                }
                Some(_) => return Err(Unknown::Claim(format!("{}.roles", self.settings.capability))),
            }
        }
        give(&self.settings.give_roles, &mut roles, bump);
        if roles.is_empty() {
            return Err(Unknown::NoRoles);
        }
        let id: &'a str = match (peer.login.as_str(), peer.node.as_str()) {
            ("", "") => bump.alloc_str(&peer.node_id),
            ("", node) => bump.alloc_str(node),
            (login, _) => bump.alloc_str(login),
        };
        if id.is_empty() {
            return Err(Unknown::Nobody);
        }
        let list = |texts: Vec<&str>| {
            let texts = texts.into_iter().map(|t| -> &'a str { bump.alloc_str(t) });
            Value::List(List::Strings(BumpVec::from_iter_in(texts, bump).into_bump_slice()))
        };
        let mut attr: BumpVec<'a, (&'a str, Value<'a>)> = BumpVec::new_in(bump);
        for (name, text) in
            [("login", &peer.login), ("name", &peer.name), ("node", &peer.node), ("node_id", &peer.node_id)]
        {
            if !text.is_empty() {
                attr.push((name, Value::String(bump.alloc_str(text))));
            }
        }
        attr.push(("tags", list(tags)));
        attr.push(("groups", list(groups.iter().map(String::as_str).collect())));
        let grants = Json::Array(grants.to_vec()).to_string();
        let grants = json::value(bump.alloc_slice_copy(grants.as_bytes()), bump, Limits::default());
        attr.push(("grants", grants.map_err(|_| Unknown::Claim(self.settings.capability.clone()))?));
        let attr = attr.into_bump_slice_mut();
        sort(attr);
        let identity =
            Identity { id, roles: roles.into_bump_slice(), attr: Map::Fields(attr), scope: "", policy_version: "" };
        Ok(Who { identity, agent: None, session: "", source })
    }

    /// What a proxy says in headers of the user it serves.
    pub(super) fn by_headers<'a>(&self, evidence: &Evidence<'a>, bump: &'a Bump) -> Result<Option<Who<'a>>, Unknown> {
        let one = |name: &str| evidence.headers.one(name).map_err(|_| Unknown::Header(name.to_owned()));
        let (login, capabilities) = (one(LOGIN)?.unwrap_or(""), one(CAPABILITIES)?.unwrap_or(""));
        if login.is_empty() && capabilities.is_empty() {
            return Ok(None);
        }
        if !self.settings.proxies.iter().any(|p| p.has(evidence.sender)) {
            return Err(Unknown::Untrusted(LOGIN.to_owned()));
        }
        // A tagged device has capabilities and no name: nobody can tell which it is.
        if login.is_empty() {
            return Err(Unknown::Nobody);
        }
        let bad = || Unknown::Header(CAPABILITIES.to_owned());
        let capabilities = if capabilities.is_empty() {
            serde_json::Map::new()
        } else {
            // Strictly first: of a capability that stands twice, nobody knows which counts.
            json::value(capabilities.as_bytes(), bump, Limits::default()).map_err(|_| bad())?;
            let Ok(Json::Object(map)) = serde_json::from_str(capabilities) else { return Err(bad()) };
            map
        };
        let name = one(NAME)?.unwrap_or("").to_owned();
        let peer = Peer { login: login.to_owned(), name, capabilities, ..Peer::default() };
        self.who(&peer, "tailnet", bump).map(Some)
    }
}

/// The caller with what must be looked up for the sources of identities: it waits, and is done before a request is
/// decided.
pub(in crate::protocols) async fn resolved(
    caller: &Arc<Caller>,
    sources: &[Source],
    tailnet: Option<&Tailnet>,
) -> Arc<Caller> {
    let user = match caller.uid.filter(|_| sources.iter().any(|s| matches!(s, Source::OsUser { .. }))) {
        Some(uid) => OsUser::look_up(uid).map(Arc::new),
        None => None,
    };
    let whois = sources.iter().any(|s| matches!(s, Source::Tailnet(By::Whois)));
    let peer = match (tailnet, caller.address) {
        (Some(tailnet), Some(address)) if whois && !address.is_loopback() => {
            match tailnet.daemon.whois(SocketAddr::new(address, caller.port)).await {
                Err(WhoisError::Nobody) => None,
                other => Some(other),
            }
        }
        _ => None,
    };
    if user.is_none() && peer.is_none() {
        return Arc::clone(caller);
    }
    Arc::new(Caller { user, peer, ..Caller::clone(caller) })
}

/// How a tailnet identity is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The daemon is asked who has the caller's address.
    Whois,
    /// A proxy says it in headers.
    Headers,
}

/// The user of this machine at the other end of a Unix socket.
pub(super) fn os_user<'a>(
    give_roles: &'a [String],
    group_roles: &'a [(String, String)],
    caller: &Caller,
    bump: &'a Bump,
) -> Result<Option<Who<'a>>, Unknown> {
    let (Some(uid), user) = (caller.uid, &caller.user) else { return Ok(None) };
    let Some(user) = user else { return Err(Unknown::OsUser(uid)) };
    let mut roles = BumpVec::new_in(bump);
    for (group, role) in group_roles {
        if user.groups.contains(group) {
            push(role, &mut roles);
        }
    }
    give(give_roles, &mut roles, bump);
    if roles.is_empty() {
        return Err(Unknown::NoRoles);
    }
    let groups = user.groups.iter().map(|g| -> &'a str { bump.alloc_str(g) });
    let groups = BumpVec::from_iter_in(groups, bump).into_bump_slice();
    let attr = bump.alloc([("groups", Value::List(List::Strings(groups))), ("uid", Value::Double(f64::from(uid)))]);
    let id = bump.alloc_str(&user.name);
    let identity =
        Identity { id, roles: roles.into_bump_slice(), attr: Map::Fields(attr), scope: "", policy_version: "" };
    Ok(Some(Who { identity, agent: None, session: "", source: "os-user" }))
}

/// A token that is known by its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash")
    }
}

impl TokenHash {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || "expected the SHA-256 of a token, as `printf %s TOKEN | sha256sum` prints it".to_owned();
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(refuse());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refuse())?;
            *byte = pair
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then(|| u8::from_str_radix(pair, 16).ok())
                .flatten()
                .ok_or_else(refuse)?;
        }
        Ok(Self(hash))
    }

    /// Whether it is this token's. What is compared are hashes: how long that takes tells nothing of the token.
    #[must_use]
    pub fn is_of(&self, token: &str) -> bool {
        !token.is_empty() && <[u8; 32]>::from(Sha256::digest(token.as_bytes())) == self.0
    }
}

/// The holder of a configured token.
pub(super) fn token<'a>(
    hash: &TokenHash,
    id: &'a str,
    roles: &[String],
    sent: Option<&str>,
    bump: &'a Bump,
) -> Option<Who<'a>> {
    match sent {
        Some(sent) if hash.is_of(sent) => {
            let mut list = BumpVec::new_in(bump);
            give(roles, &mut list, bump);
            let identity = Identity { id, roles: list.into_bump_slice(), attr: EMPTY, scope: "", policy_version: "" };
            Some(Who { identity, agent: None, session: "", source: "token" })
        }
        // It may be another's, or a JWT. Who holds none of them ends as nobody.
        _ => None,
    }
}
