//! `tailnet`: where identities of a tailnet are looked up, and what they become; and `aperture` and `litellm`,
//! whose requests name their users.

use std::time::Duration;

use super::section::{Faults, Section};
use crate::protocols::gateway::{Network, TailnetSettings, TokenHash};
use crate::protocols::{aperture, litellm};

/// Where Tailscale's client listens on Linux.
const SOCKET: &str = "/var/run/tailscale/tailscaled.sock";
/// How long an answer of the daemon holds.
const TTL: Duration = Duration::from_secs(30);

/// The settings of the section `tailnet` of the whole configuration, if it is there.
pub(super) fn settings(root: &Section<'_>, faults: &Faults) -> Option<TailnetSettings> {
    let tree = root.get("tailnet")?;
    let s = root.section("tailnet");
    let mut proxies = Vec::new();
    for text in s.texts("proxies").unwrap_or_default() {
        match Network::parse(&text) {
            Ok(network) => proxies.push(network),
            Err(message) => faults.push(tree.fault("TG0902", message)),
        }
    }
    Some(TailnetSettings {
        socket: s.text("socket").unwrap_or_else(|| SOCKET.into()).into(),
        ttl: s.duration("cacheTTL", Duration::from_millis(1)).unwrap_or(TTL),
        policy_file: s.text("policyFile").map(Into::into),
        capability: s.text("capability").unwrap_or_default(),
        give_roles: s.texts("giveRoles").unwrap_or_default(),
        proxies,
    })
}

/// The settings of the section `aperture` of the whole configuration, if it is there.
pub(super) fn aperture(root: &Section<'_>, has_tailnet: bool, faults: &Faults) -> Option<aperture::Settings> {
    let tree = root.get("aperture")?;
    let s = root.section("aperture");
    let key = s.parsed("apiKeySha256", TokenHash::parse);
    if s.get("apiKeySha256").is_none() {
        faults.push(tree.fault("TG0902", "`aperture` needs `apiKeySha256`: without it anybody could ask for anybody"));
    }
    if !has_tailnet {
        faults.push(tree.fault("TG0902", "`aperture` needs the section `tailnet`, which says what its users may be"));
    }
    Some(aperture::Settings { key: key?, agent: s.text("agent").unwrap_or_else(|| "aperture".into()) })
}

/// The settings of the section `litellm` of the whole configuration, if it is there.
pub(super) fn litellm(root: &Section<'_>, faults: &Faults) -> Option<litellm::Settings> {
    let tree = root.get("litellm")?;
    let s = root.section("litellm");
    let key = s.parsed("apiKeySha256", TokenHash::parse);
    if s.get("apiKeySha256").is_none() {
        faults.push(tree.fault("TG0902", "`litellm` needs `apiKeySha256`: without it anybody could ask for anybody"));
    }
    let (give_roles, servers) = (s.texts("giveRoles").unwrap_or_default(), s.texts("servers").unwrap_or_default());
    Some(litellm::Settings { key: key?, give_roles, servers })
}
