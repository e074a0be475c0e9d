//! What a policy file says: plain data with places, and how it is decoded from YAML or JSON. Names, policy keys,
//! scopes, versions. Nothing derived: no compiled expressions, no index, no look-ups between policies.

pub mod model;
