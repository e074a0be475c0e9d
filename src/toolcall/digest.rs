//! The SHA-256 of what was judged, by which an enforcement point can tell that it forwards the same: over the raw bytes
//! of JSON arguments, over the canonical form of a struct, over `{}` where none were sent.

use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use super::model::JudgedArguments;
use crate::cel::value::Value;

/// A digest, which displays as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of arguments.
    #[must_use]
    pub fn of(arguments: JudgedArguments<'_>) -> Self {
        Self(match arguments {
            JudgedArguments::Absent => Sha256::digest(b"{}").into(),
            JudgedArguments::Json(raw, _) => Sha256::digest(raw).into(),
            JudgedArguments::Struct(map) => Sha256::digest(canonical(Value::Map(map))).into(),
        })
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
