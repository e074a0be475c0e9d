//! The generator of `tests/differential`: stores and requests from a seed.

#[path = "../../../../tests/differential/attrs.rs"]
pub mod attrs;
#[path = "../../../../tests/differential/cel/mod.rs"]
pub mod cel;
#[path = "../../../../tests/differential/features.rs"]
pub mod features;
#[path = "../../../../tests/differential/requests.rs"]
pub mod requests;
#[path = "../../../../tests/differential/rng.rs"]
pub mod rng;
#[path = "../../../../tests/differential/store/mod.rs"]
pub mod store;
#[path = "../../../../tests/differential/tokens.rs"]
pub mod tokens;
#[path = "../../../../tests/differential/yaml.rs"]
pub mod yaml;
