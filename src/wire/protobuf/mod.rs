//! Protobuf wire format → arena. What prost accepts is accepted with the same meaning, and what it refuses is refused,
//! but for the limits of [`Limits`], whose depth is larger than prost's.
//!
//! One pass. At the first item of a list those that follow are counted, so that every list gets one exact allocation;
//! what well-behaved encoders write is recognised first, and everything else that is valid takes the longer way.
//! Unknown fields are skipped, a scalar given twice keeps its last value, a message given twice is merged,
//! and of equal map keys the last one wins.

mod authzen;
mod check;
mod decide;
#[cfg(any(test, fuzzing))]
pub mod differ;
mod legacy;
mod reader;
mod value;

#[cfg(test)]
mod tests;

use bumpalo::Bump;

use super::authzen::{Evaluation, Evaluations};
use super::limits::Limits;
use super::message::{CheckResourceSet, CheckResources, Decide};

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A field runs past the end of its message.
    #[error("unexpected end of message")]
    Truncated,
    /// A number of more than 64 bits or ten bytes.
    #[error("invalid varint")]
    Varint,
    /// A field key that no message can have: number 0 or above 2^29-1, or a wire type that does not exist.
    #[error("invalid field key {0}")]
    Key(u64),
    /// A known field with another wire type than its own.
    #[error("field {field} has wire type {wire}")]
    WireType {
        /// Field number.
        field: u32,
        /// Wire type.
        wire: u8,
    },
    /// The end of a group that was not begun, or of another one.
    #[error("unexpected end of group {0}")]
    Group(u32),
    /// A string field that is not UTF-8.
    #[error("string field contains invalid UTF-8")]
    Utf8,
    /// Longer than [`Limits::bytes`].
    #[error("message of {len} bytes is larger than {max}")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Nested deeper than [`Limits::depth`].
    #[error("exceeded max depth")]
    TooDeep,
    /// Its decoded form would be larger than [`Limits::arena`].
    #[error("message has too many elements")]
    TooMany,
}

/// Decodes a `cerbos.request.v1.CheckResourcesRequest`.
pub fn check_resources<'a>(bytes: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<CheckResources<'a>, DecodeError> {
    Decoder::new(bytes, bump, limits)?.check_resources(bytes)
}

/// Decodes a `cerbos.request.v1.CheckResourceSetRequest`.
pub fn check_resource_set<'a>(
    bytes: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
) -> Result<CheckResourceSet<'a>, DecodeError> {
    Decoder::new(bytes, bump, limits)?.check_resource_set(bytes)
}

/// Decodes a `cerbos.request.v1.CheckResourceBatchRequest`.
pub fn check_resource_batch<'a>(
    bytes: &'a [u8],
    bump: &'a Bump,
    limits: Limits,
) -> Result<CheckResources<'a>, DecodeError> {
    Decoder::new(bytes, bump, limits)?.check_resource_batch(bytes)
}

/// Decodes an `authzen.authorization.v1.AccessEvaluationRequest`.
pub fn evaluation<'a>(bytes: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Evaluation<'a>, DecodeError> {
    Decoder::new(bytes, bump, limits)?.evaluation(bytes)
}

/// Decodes an `authzen.authorization.v1.AccessEvaluationBatchRequest`.
pub fn evaluations<'a>(bytes: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Evaluations<'a>, DecodeError> {
    Decoder::new(bytes, bump, limits)?.evaluations(bytes)
}

/// Decodes a `toolgate.v1.DecideRequest`.
pub fn decide<'a>(bytes: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<Decide<'a>, DecodeError> {
    Decoder::new(bytes, bump, limits)?.decide(bytes)
}

/// Decodes a `toolgate.v1.DecideBatchRequest` into its calls.
pub fn decide_batch<'a>(bytes: &'a [u8], bump: &'a Bump, limits: Limits) -> Result<&'a [Decide<'a>], DecodeError> {
    Decoder::new(bytes, bump, limits)?.decide_batch(bytes)
}

/// One message being decoded: the arena and what is left of the budget.
struct Decoder<'a> {
    bump: &'a Bump,
    depth: u32,
    budget: usize,
}

impl<'a> Decoder<'a> {
    fn new(bytes: &[u8], bump: &'a Bump, limits: Limits) -> Result<Self, DecodeError> {
        if bytes.len() > limits.bytes {
            return Err(DecodeError::TooLarge { len: bytes.len(), max: limits.bytes });
        }
        Ok(Self { bump, depth: limits.depth, budget: limits.arena })
    }

    /// `n` places in the arena.
    fn slots<T: Copy>(&mut self, n: usize, fill: T) -> Result<&'a mut [T], DecodeError> {
        self.charge(n, size_of::<T>())?;
        Ok(self.bump.alloc_slice_fill_copy(n, fill))
    }

    fn charge(&mut self, n: usize, size: usize) -> Result<(), DecodeError> {
        let cost = n.checked_mul(size).ok_or(DecodeError::TooMany)?;
        self.budget = self.budget.checked_sub(cost).ok_or(DecodeError::TooMany)?;
        Ok(())
    }
}
