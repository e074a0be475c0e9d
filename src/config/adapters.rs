//! `adapters`: where the adapters for gateways and agents take identities from.

use std::time::Duration;

use super::section::{Faults, Section};
use super::tree::Tree;
use crate::protocols::gateway::{
    Adapters, AgentGateway, By, DEADLINE, Envoy, HeaderSource, Mapping, Network, Source, TokenHash,
};
use crate::wire::validate::RESERVED_ATTRIBUTE;

const MILLISECOND: Duration = Duration::from_millis(1);
/// The sources there are, by the key that chooses one.
const SOURCES: &[&str] = &["jwt", "claims", "spiffe", "headers", "token", "osUser", "tailnet", "static"];

/// The settings of a section `adapters`.
pub(super) fn settings(s: &Section<'_>, has_tailnet: bool, faults: &Faults) -> Adapters {
    let mut identity = Vec::new();
    for (section, tree) in s.sections("identity") {
        identity.extend(source(&section, tree, faults));
        if let (Some(Source::Tailnet(_)), false) = (identity.last(), has_tailnet) {
            faults.push(tree.fault("TG0902", "a source `tailnet` needs the section `tailnet`"));
        }
    }
    Adapters {
        identity,
        deadline: s.duration("deadline", MILLISECOND).unwrap_or(DEADLINE),
        envoy: envoy(&s.section("envoy")),
        authzen_server: s.section("authzen").text("server").filter(|server| !server.is_empty()),
        agentgateway: AgentGateway { results: s.section("agentgateway").boolean("results").unwrap_or(false) },
    }
}

fn envoy(s: &Section<'_>) -> Envoy {
    let choice = |key, strict, other| s.choice(key, &[(strict, false), (other, true)]).unwrap_or(false);
    Envoy {
        server: s.text("server").filter(|server| !server.is_empty()),
        batches: choice("batches", "refuse", "judge"),
        without_arguments: choice("withoutArguments", "refuse", "judge"),
        http_denials: choice("denials", "jsonrpc", "http"),
    }
}

fn source(s: &Section<'_>, tree: &Tree, faults: &Faults) -> Option<Source> {
    let chosen: Vec<&'static str> = SOURCES.iter().copied().filter(|key| s.get(key).is_some()).collect();
    let [kind] = chosen.as_slice() else {
        let message = format!("a source of identities must have exactly one of `{}`", SOURCES.join("`, `"));
        faults.push(tree.fault("TG0902", message));
        return None;
    };
    let section = s.section(kind);
    let at = Place { section: &section, tree, faults };
    match *kind {
        "jwt" => jwt(&at),
        "claims" => Some(Source::Claims {
            namespace: at.needed("namespace")?,
            key: section.text("key").unwrap_or_default(),
            mapping: mapping(&at)?,
        }),
        "spiffe" => {
            let trust_domains = at.some_texts("trustDomains")?;
            Some(Source::Spiffe { trust_domains, give_roles: at.some_texts("giveRoles")? })
        }
        "headers" => headers(&at),
        "token" => Some(Source::Token {
            hash: section.parsed("sha256", TokenHash::parse).or_else(|| at.refuse("needs `sha256`"))?,
            id: at.needed("id")?,
            roles: at.some_texts("roles")?,
        }),
        "osUser" => {
            let source = Source::OsUser {
                give_roles: section.texts("giveRoles").unwrap_or_default(),
                group_roles: section.pairs("groupRoles"),
            };
            if section.get("giveRoles").is_none() && section.get("groupRoles").is_none() {
                return at.refuse("needs `giveRoles` or `groupRoles`: nobody without roles can be allowed anything");
            }
            Some(source)
        }
        "tailnet" => {
            let by = section.choice("by", &[("whois", By::Whois), ("headers", By::Headers)]);
            Some(Source::Tailnet(by.or_else(|| at.refuse("needs `by`: `whois` or `headers`"))?))
        }
        _ => {
            let uids = section.texts("uids").unwrap_or_default().iter().map(|uid| uid.parse().ok()).collect();
            let Some(uids) = uids else { return at.refuse("`uids` must be numbers of users") };
            Some(Source::Static { id: at.needed("id")?, roles: at.some_texts("roles")?, uids })
        }
    }
}

fn jwt(at: &Place<'_, '_>) -> Option<Source> {
    let s = at.section;
    let audience = s.texts("audience").unwrap_or_default();
    let any = s.boolean("anyAudience").unwrap_or(false);
    if audience.is_empty() != any {
        return at.refuse(
            "needs `audience`: whom tokens must be for (or, to believe tokens made for others, `anyAudience: true`)",
        );
    }
    Some(Source::Jwt {
        header: s.text("header").unwrap_or_else(|| "authorization".into()).to_ascii_lowercase(),
        key_set: s.text("keySet").unwrap_or_default(),
        audience,
        issuers: s.texts("issuers").unwrap_or_default(),
        mapping: mapping(at)?,
    })
}

fn headers(at: &Place<'_, '_>) -> Option<Source> {
    let s = at.section;
    let mut from = Vec::new();
    for text in at.some_texts("from")? {
        match Network::parse(&text) {
            Ok(network) => from.push(network),
            Err(message) => return at.refuse(&message),
        }
    }
    let lower = |name: String| name.to_ascii_lowercase();
    let source = HeaderSource {
        from,
        id: lower(at.needed("id")?),
        roles: s.text("roles").map(lower),
        attr: at.attributes()?.into_iter().map(|(name, header)| (name, lower(header))).collect(),
        agent: s.text("agent").map(lower),
        give_roles: s.texts("giveRoles").unwrap_or_default(),
    };
    if source.roles.is_none() && source.give_roles.is_empty() {
        return at.refuse("needs `roles` or `giveRoles`: nobody without roles can be allowed anything");
    }
    Some(Source::Headers(source))
}

fn mapping(at: &Place<'_, '_>) -> Option<Mapping> {
    let s = at.section;
    let mapping = Mapping {
        id: s.text("id").unwrap_or_else(|| "sub".into()),
        roles: s.texts("roles").unwrap_or_default(),
        give_roles: s.texts("giveRoles").unwrap_or_default(),
        attr: at.attributes()?,
        agent: s.text("agent"),
        agent_roles: s.texts("agentRoles").unwrap_or_default(),
        session: s.text("session"),
    };
    if mapping.roles.is_empty() && mapping.give_roles.is_empty() {
        return at.refuse("needs `roles` or `giveRoles`: nobody without roles can be allowed anything");
    }
    if !mapping.agent_roles.is_empty() && mapping.agent.is_none() {
        return at.refuse("has `agentRoles` and no `agent`");
    }
    Some(mapping)
}

/// A source and where it stands.
struct Place<'s, 't> {
    section: &'s Section<'t>,
    tree: &'s Tree,
    faults: &'s Faults,
}

impl Place<'_, '_> {
    fn refuse<T>(&self, what: &str) -> Option<T> {
        let path = self.section.path("");
        self.faults.push(self.tree.fault("TG0902", format!("`{}` {what}", path.trim_end_matches('.'))));
        None
    }

    fn needed(&self, key: &'static str) -> Option<String> {
        match self.section.text(key).filter(|text| !text.is_empty()) {
            Some(text) => Some(text),
            None => self.refuse(&format!("needs `{key}`")),
        }
    }

    fn some_texts(&self, key: &'static str) -> Option<Vec<String>> {
        match self.section.texts(key).filter(|all| !all.is_empty()) {
            Some(all) => Some(all),
            None => self.refuse(&format!("needs `{key}`, a list of texts")),
        }
    }

    fn attributes(&self) -> Option<Vec<(String, String)>> {
        let pairs = self.section.pairs("attr");
        if pairs.iter().any(|(name, _)| name == RESERVED_ATTRIBUTE) {
            return self.refuse(&format!("attribute `{RESERVED_ATTRIBUTE}` is reserved for the agent of a call"));
        }
        Some(pairs)
    }
}
