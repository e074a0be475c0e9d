//! What a policy file says: plain data with places, and how it is decoded from YAML or JSON. Names, policy keys,
//! scopes, versions. Nothing derived: no compiled expressions, no index, no look-ups between policies.

mod decode;
mod decode_kinds;
mod decode_parts;
pub mod files;
pub mod model;
pub mod names;
mod semantics;
#[cfg(test)]
mod tests;
pub mod value;

pub use decode::{API_VERSION, decode_policy};
