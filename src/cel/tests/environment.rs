//! The environment of policies, as the tests of this room need it.

use super::super::env::{Env, Root, RootType};
use crate::engine::request::{PRINCIPAL, REQUEST, RESOURCE, RUNTIME};

/// Everything a condition can refer to.
pub fn policy_environment() -> Env {
    let roots = [
        ("request", RootType::Message(&REQUEST), 0),
        ("P", RootType::Message(&PRINCIPAL), 1),
        ("R", RootType::Message(&RESOURCE), 2),
        ("runtime", RootType::Message(&RUNTIME), 3),
        ("G", RootType::Globals, 4),
        ("globals", RootType::Globals, 4),
        ("V", RootType::Variables, 5),
        ("variables", RootType::Variables, 5),
        ("C", RootType::Constants, 6),
        ("constants", RootType::Constants, 6),
    ];
    Env::new(roots.into_iter().map(|(name, ty, index)| Root { name: name.into(), ty, index }).collect())
}
