//! `hooks`: what the hooks of coding agents get, and where they ask.

use std::time::Duration;

use super::section::{Faults, Section};
use super::{Address, Hooks};
use crate::protocols::hooks::{NoOpinion, OnAllow, Settings};

/// The settings of a section `hooks`.
pub(super) fn settings(s: &Section<'_>, faults: &Faults) -> Hooks {
    let listen = s.parsed("listenAddr", Address::parse);
    if let (Some(address), Some(tree)) = (listen.as_ref().filter(|a| !a.is_local()), s.get("listenAddr")) {
        let message = format!("`{address}` can be reached from other machines, and hooks ask from this one");
        faults.push(
            tree.fault("TG0906", message).with_help("listen on a Unix socket, such as `unix:/run/toolgate/hooks.sock`"),
        );
    }
    let servers = s.pairs("mcpServers");
    if let (true, Some(tree)) = (servers.iter().any(|(_, name)| name.is_empty()), s.get("mcpServers")) {
        faults.push(tree.fault("TG0902", format!("`{}` has a server without a name", s.path("mcpServers"))));
    }
    let defaults = Settings::default();
    let settings = Settings {
        no_opinion: s
            .choice("noOpinion", &[("deny", NoOpinion::Deny), ("pass", NoOpinion::Pass)])
            .unwrap_or(defaults.no_opinion),
        on_allow: s
            .choice("onAllow", &[("allow", OnAllow::Allow), ("pass", OnAllow::Pass)])
            .unwrap_or(defaults.on_allow),
        results: s.boolean("results").unwrap_or(defaults.results),
        servers,
        deadline: s.duration("deadline", Duration::from_millis(1)).unwrap_or(defaults.deadline),
    };
    Hooks { listen, settings }
}
