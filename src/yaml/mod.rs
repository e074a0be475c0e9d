//! YAML and JSON text to a [`Node`] tree with byte spans, under a budget, by the reference's scalar rules; and typed
//! decoding of such a tree that collects every fault of a file instead of stopping at the first.
//!
//! Knows nothing of policies, suites or configuration: what fields there are and what they mean is the caller's
//! business. The parser crate is named in `events` alone.

mod anchors;
mod check;
mod decode;
mod events;
mod load;
mod node;
mod offsets;
mod path;
mod places;
mod read;
mod repair;
mod scalar;
mod suggest;
#[cfg(test)]
mod tests;
mod tree;

pub use check::{ListRule, Pattern, Read, TextRule, path_of};
pub use decode::{Decoder, Object};
pub use load::{LIMITS, Limits, parse};
pub use node::{Entry, Integer, Key, KeyFault, Kind, Mapping, Node, Resolved, Scalar, Style};
pub use path::{go_quote, quote_name};
pub use suggest::closest;
