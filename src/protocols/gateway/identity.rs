//! Who makes a call, from what the transport knows. The sources are asked in the order of the configuration: the first
//! whose evidence is there decides, and evidence that cannot be believed refuses the call instead of being passed over.
//! Arguments, and whatever a model wrote, are not among the evidence.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use ipnet::IpNet;

use super::caller::{Evidence, Sender};
use super::claims::{Mapping, give, look_up, push};
use super::local::{self, By, Tailnet, TokenHash};
use crate::cel::value::{List, Map, Value};
use crate::identity::tailnet::WhoisError;
use crate::service::Turn;
use crate::wire::map::sort;
use crate::wire::message::{Agent, EMPTY, Identity, Token, Tokens};

/// A source of identities.
#[derive(Clone, Debug)]
pub enum Source {
    /// A token that came along as `Authorization: Bearer`, verified here.
    Jwt {
        /// The header it comes in.
        header: String,
        /// The key set, if there are several.
        key_set: String,
        /// Whom it must be for: one of these. Empty if it may be for anybody.
        audience: Vec<String>,
        /// Who must have issued it: one of these, if any are named.
        issuers: Vec<String>,
        /// Which claims mean what.
        mapping: Mapping,
    },
    /// Claims of a token that a gateway has verified and hands over as metadata.
    Claims {
        /// The metadata's namespace.
        namespace: String,
        /// The key in it under which the claims are; empty if they are the namespace's values themselves.
        key: String,
        /// Which claims mean what.
        mapping: Mapping,
    },
    /// The SPIFFE id of a client certificate that was verified where TLS ends.
    Spiffe {
        /// Trust domains that are believed.
        trust_domains: Vec<String>,
        /// Roles that everybody has who is identified so.
        give_roles: Vec<String>,
    },
    /// Headers that a proxy sets, believed only from its addresses.
    Headers(Headers),
    /// The holder of a token, known by its SHA-256.
    Token {
        /// Of the token.
        hash: TokenHash,
        /// The holder's id.
        id: String,
        /// The holder's roles.
        roles: Vec<String>,
    },
    /// The user of this machine that is at the other end of a Unix socket.
    OsUser {
        /// Roles that every user has.
        give_roles: Vec<String>,
        /// Roles by group.
        group_roles: Vec<(String, String)>,
    },
    /// A device of the tailnet, or its user.
    Tailnet(By),
    /// One identity for everybody on a Unix socket.
    Static {
        /// Its id.
        id: String,
        /// Its roles.
        roles: Vec<String>,
        /// Users (numbers) that may be it; any if none is named.
        uids: Vec<u32>,
    },
}

/// Headers that make an identity.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// From whom they are believed.
    pub from: Vec<Network>,
    /// The header with the id.
    pub id: String,
    /// The header with roles, separated by commas.
    pub roles: Option<String>,
    /// Headers that become attributes, by the attribute's name.
    pub attr: Vec<(String, String)>,
    /// The header with the agent's id.
    pub agent: Option<String>,
    /// Roles that everybody has who is identified so.
    pub give_roles: Vec<String>,
}

/// Whose headers are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Senders of these addresses.
    Addresses(IpNet),
    /// Senders on our Unix socket.
    Unix,
    /// A gateway that hands headers over and does not say from whom it has them: it must strip those of clients.
    Gateway,
}

impl Network {
    /// Reads an address, a network (`10.0.0.0/8`), `unix` or `gateway`.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "unix" => Ok(Self::Unix),
            "gateway" => Ok(Self::Gateway),
            _ => {
                let address = || text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
                text.parse().ok().or_else(address).map(Self::Addresses).ok_or_else(|| {
                    format!("`{text}` is no sender: expected an address, a network such as `10.0.0.0/8`, `unix` or `gateway`")
                })
            }
        }
    }

    pub(super) fn has(&self, sender: Sender) -> bool {
        match (self, sender) {
            (Self::Addresses(net), Sender::Address(address)) => net.contains(&address.to_canonical()),
            (Self::Unix, Sender::Unix) | (Self::Gateway, Sender::Gateway) => true,
            _ => false,
        }
    }
}

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocols) struct Who<'a> {
    /// The user.
    pub(in crate::protocols) identity: Identity<'a>,
    /// The program it acts through.
    pub(in crate::protocols) agent: Option<Agent<'a>>,
    /// The session's id; empty if it is not known.
    pub(in crate::protocols) session: &'a str,
    /// The name of the source: policies see it as `R.attr.context.identity_source`.
    pub(in crate::protocols) source: &'static str,
}

/// Why nobody could be identified. Displays as what the caller may know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::protocols) enum Unknown {
    /// No source is configured.
    #[error("no source of identities is configured (`adapters.identity`)")]
    NoSource,
    /// No source found anything.
    #[error("the request comes without an identity")]
    Nobody,
    /// A token that cannot be verified, or is not for us.
    #[error("the token was refused")]
    Token,
    /// A header that cannot be read.
    #[error("header `{0}` is there more than once, or is no text")]
    Header(String),
    /// A header that several could have been joined to.
    #[error("header `{0}` holds a comma: it could be several")]
    Joined(String),
    /// A header from somebody who may not send it.
    #[error("header `{0}` does not come from a trusted proxy")]
    Untrusted(String),
    /// A certificate of an unknown trust domain.
    #[error("the client certificate names no trusted SPIFFE id")]
    Certificate,
    /// A claim that must be there.
    #[error("claim `{0}` is missing")]
    NoClaim(String),
    /// A claim of the wrong type.
    #[error("claim `{0}` is not a text or a list of texts")]
    Claim(String),
    /// A user that this machine does not know.
    #[error("user {0} of this machine has no name in /etc/passwd")]
    OsUser(u32),
    /// The tailnet's daemon gives no answer.
    #[error("{0}")]
    Tailnet(WhoisError),
    /// Nobody without roles can be allowed anything.
    #[error("the identity has no roles")]
    NoRoles,
}

/// Identifies who makes a call.
///
/// # Errors
/// If nobody can be identified, or what identifies them is not to be believed: the call must be refused.
pub(in crate::protocols) fn identify<'a>(
    turn: &Turn<'a>,
    sources: &'a [Source],
    evidence: &Evidence<'a>,
) -> Result<Who<'a>, Unknown> {
    identify_in(turn, sources, None, evidence)
}

/// The same where there may be a tailnet.
///
/// # Errors
/// As above.
pub(in crate::protocols) fn identify_in<'a>(
    turn: &Turn<'a>,
    sources: &'a [Source],
    tailnet: Option<&Tailnet>,
    evidence: &Evidence<'a>,
) -> Result<Who<'a>, Unknown> {
    if sources.is_empty() {
        return Err(Unknown::NoSource);
    }
    for source in sources {
        if let Some(who) = source.find(turn, tailnet, evidence)? {
            return Ok(who);
        }
    }
    Err(Unknown::Nobody)
}

impl Source {
    /// The identity, if the evidence that this source goes by is there.
    fn find<'a>(
        &'a self,
        turn: &Turn<'a>,
        tailnet: Option<&Tailnet>,
        evidence: &Evidence<'a>,
    ) -> Result<Option<Who<'a>>, Unknown> {
        match self {
            Self::Jwt { header, key_set, audience, issuers, mapping } => {
                let Some(value) = one(evidence, header)? else { return Ok(None) };
                let token = bearer(header, value).ok_or(Unknown::Token)?;
                let tokens = Tokens { jwt: Some(Token { token, key_set_id: key_set }), jwts: &[] };
                let claims = turn.claims(Some(&tokens)).map_err(|_| Unknown::Token)?.jwt;
                if !is_for_us(claims, audience, issuers) {
                    return Err(Unknown::Token);
                }
                mapping.apply(claims, "jwt", turn.bump).map(Some)
            }
            Self::Claims { namespace, key, mapping } => {
                let found = match evidence.metadata.get_str(namespace) {
                    Some(Value::Map(map)) if key.is_empty() => Some(Value::Map(map)),
                    Some(Value::Map(map)) => look_up(map, key),
                    _ => None,
                };
                match found {
                    None => Ok(None),
                    Some(Value::Map(claims)) if claims.is_empty() => Ok(None),
                    Some(Value::Map(claims)) => mapping.apply(claims, "claims", turn.bump).map(Some),
                    Some(_) => Err(Unknown::Claim(key.clone())),
                }
            }
            Self::Spiffe { trust_domains, give_roles } => spiffe(trust_domains, give_roles, evidence.uris, turn.bump),
            Self::Headers(headers) => headers.find(evidence, turn.bump),
            Self::Token { hash, id, roles } => {
                let sent = one(evidence, "authorization")?.and_then(|value| bearer("authorization", value));
                Ok(local::token(hash, id, roles, sent, turn.bump))
            }
            Self::OsUser { give_roles, group_roles } => {
                local::os_user(give_roles, group_roles, evidence.caller, turn.bump)
            }
            Self::Tailnet(by) => {
                // The configuration says that there is one.
                let Some(tailnet) = tailnet else { return Err(Unknown::NoSource) };
                match (by, &evidence.caller.peer) {
                    (By::Headers, _) => tailnet.by_headers(evidence, turn.bump),
                    (By::Whois, None) => Ok(None),
                    (By::Whois, Some(Ok(peer))) => tailnet.who(peer, "tailnet", turn.bump).map(Some),
                    (By::Whois, Some(Err(why))) => Err(Unknown::Tailnet(why.clone())),
                }
            }
            Self::Static { id, roles, uids } => {
                let caller = evidence.caller;
                let may = caller.unix && (uids.is_empty() || caller.uid.is_some_and(|uid| uids.contains(&uid)));
                Ok(may.then(|| {
                    let mut list = BumpVec::new_in(turn.bump);
                    give(roles, &mut list, turn.bump);
                    who(id, list.into_bump_slice(), EMPTY, "static")
                }))
            }
        }
    }
}

impl Headers {
    fn find<'a>(&'a self, evidence: &Evidence<'a>, bump: &'a Bump) -> Result<Option<Who<'a>>, Unknown> {
        let Some(id) = one(evidence, &self.id)?.map(str::trim).filter(|id| !id.is_empty()) else { return Ok(None) };
        if id.contains(',') {
            return Err(Unknown::Joined(self.id.clone()));
        }
        if !self.from.iter().any(|network| network.has(evidence.sender)) {
            return Err(Unknown::Untrusted(self.id.clone()));
        }
        let mut roles = BumpVec::new_in(bump);
        if let Some(header) = &self.roles {
            let listed = one(evidence, header)?.unwrap_or("");
            listed.split(',').for_each(|role| push(role.trim(), &mut roles));
        }
        give(&self.give_roles, &mut roles, bump);
        if roles.is_empty() {
            return Err(Unknown::NoRoles);
        }
        let mut attr: BumpVec<'_, (&str, Value<'a>)> = BumpVec::new_in(bump);
        for (name, header) in &self.attr {
            if let Some(value) = one(evidence, header)? {
                attr.push((name, Value::String(value)));
            }
        }
        let attr = attr.into_bump_slice_mut();
        sort(attr);
        let agent = match &self.agent {
            None => None,
            Some(header) => one(evidence, header)?.filter(|id| !id.is_empty()),
        };
        let agent = agent.map(|id| Agent { id, roles: &[], attr: EMPTY, chain: &[] });
        Ok(Some(Who { agent, ..who(id, roles.into_bump_slice(), Map::Fields(attr), "headers") }))
    }
}

fn who<'a>(id: &'a str, roles: &'a [&'a str], attr: Map<'a>, source: &'static str) -> Who<'a> {
    let identity = Identity { id, roles, attr, scope: "", policy_version: "" };
    Who { identity, agent: None, session: "", source }
}

fn one<'a>(evidence: &Evidence<'a>, name: &str) -> Result<Option<&'a str>, Unknown> {
    evidence.headers.one(name).map_err(|_| Unknown::Header(name.to_owned()))
}

/// The token of a header: of `Authorization`, what follows `Bearer`; of another, all of it.
fn bearer<'a>(header: &str, value: &'a str) -> Option<&'a str> {
    if !header.eq_ignore_ascii_case("authorization") {
        return Some(value.trim());
    }
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A token that never expires, or was made for somebody else, is not to be believed.
fn is_for_us(claims: Map<'_>, audience: &[String], issuers: &[String]) -> bool {
    let one_of = |value: Option<Value<'_>>, wanted: &[String]| match value {
        Some(Value::String(text)) => wanted.iter().any(|w| w == text),
        Some(Value::List(list)) => list.iter().any(|v| matches!(v, Value::String(t) if wanted.iter().any(|w| w == t))),
        _ => false,
    };
    claims.get_str("exp").is_some()
        && (audience.is_empty() || one_of(claims.get_str("aud"), audience))
        && (issuers.is_empty() || one_of(claims.get_str("iss"), issuers))
}

fn spiffe<'a>(
    trust_domains: &[String],
    give_roles: &[String],
    uris: &'a [&'a str],
    bump: &'a Bump,
) -> Result<Option<Who<'a>>, Unknown> {
    let mut ids = uris.iter().filter_map(|uri| Some((*uri, uri.strip_prefix("spiffe://")?)));
    let (id, rest) = match (ids.next(), ids.next()) {
        (None, _) if uris.is_empty() => return Ok(None),
        // A SPIFFE certificate names exactly one.
        (None, _) | (Some(_), Some(_)) => return Err(Unknown::Certificate),
        (Some(found), None) => found,
    };
    let (domain, path) = rest.split_once('/').unwrap_or((rest, ""));
    if path.is_empty() || !trust_domains.iter().any(|d| d == domain) {
        return Err(Unknown::Certificate);
    }
    let mut roles = BumpVec::new_in(bump);
    give(give_roles, &mut roles, bump);
    let parts = bump.alloc_slice_fill_iter(path.split('/').collect::<Vec<_>>());
    let attr =
        bump.alloc([("trust_domain", Value::String(domain)), ("spiffe_path", Value::List(List::Strings(parts)))]);
    Ok(Some(who(id, roles.into_bump_slice(), Map::Fields(attr), "spiffe")))
}
