//! The decoder against prost: both take a message or neither does, and with the same meaning. For tests and the fuzz
//! target `decode` only.

mod generate;
mod same;

use bumpalo::Bump;
use prost::Message;

use super::{DecodeError, check_resources, decide, decide_batch};
use crate::proto::cerbos::request::v1::CheckResourcesRequest;
use crate::proto::toolgate::v1::{DecideBatchRequest, DecideRequest};
use crate::wire::limits::Limits;

/// Compares both decoders on the bytes as they are, read as each of the messages.
///
/// # Panics
/// When they differ.
pub fn raw(bytes: &[u8]) {
    let bump = Bump::new();
    let limits = Limits::default();
    verdict(bytes, check_resources(bytes, &bump, limits), CheckResourcesRequest::decode(bytes), same::check);
    verdict(bytes, decide(bytes, &bump, limits), DecideRequest::decode(bytes), same::decide);
    verdict(bytes, decide_batch(bytes, &bump, limits), DecideBatchRequest::decode(bytes), |ours, theirs| {
        ours.len() == theirs.calls.len() && ours.iter().zip(&theirs.calls).all(|(a, b)| same::decide(a, b))
    });
}

/// Compares both decoders on a message made from `entropy`: mostly well-formed, with the oddities that wire format
/// allows and some it does not.
///
/// # Panics
/// When they differ.
pub fn shaped(entropy: &[u8]) {
    raw(&generate::message(entropy));
}

fn verdict<A, B: std::fmt::Debug>(
    bytes: &[u8],
    ours: Result<A, DecodeError>,
    theirs: Result<B, prost::DecodeError>,
    same: impl Fn(&A, &B) -> bool,
) {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "decoded differently: {theirs:?} from {bytes:02x?}"),
        (Ok(_), Err(error)) => {
            assert!(error.to_string().contains("recursion limit"), "only prost refuses: {error}: {bytes:02x?}");
        }
        (Err(error), Ok(_)) => {
            assert!(
                matches!(error, DecodeError::TooDeep | DecodeError::TooMany),
                "only we refuse: {error}: {bytes:02x?}"
            );
        }
        (Err(_), Err(_)) => {}
    }
}
