//! Who is who in a tailnet: what the local daemon says of an address, and what the policy file says of a user. Knows no
//! request: what comes of a [`Peer`] for policies is the adapters' business.

mod hujson;
mod policy;
mod whois;

use serde_json::{Map, Value};

pub use policy::{Groups, PolicyFile};
pub use whois::{Daemon, WhoisError};

/// A device of the tailnet, and its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The user; empty for a tagged device.
    pub login: String,
    /// The user's name for people; may be empty.
    pub name: String,
    /// The device's name; may be empty.
    pub node: String,
    /// The device's stable id; may be empty.
    pub node_id: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What grants give it: lists of objects by capability.
    pub capabilities: Map<String, Value>,
}
