//! The decoder against prost on generated messages, and what prost has no opinion on: limits.

use bumpalo::Bump;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn agrees_with_prost_on_shaped_messages(entropy in prop::collection::vec(any::<u8>(), 0..600)) {
        differ::shaped(&entropy);
    }

    #[test]
    fn agrees_with_prost_on_noise(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        differ::raw(&bytes);
    }
}

#[test]
fn halves_of_a_merged_message_are_each_well_formed() {
    // The first `resource` is cut within a field that the second would complete.
    let halves = [0x12, 0x02, 0x69, 0x64, 0x12, 0x07, 0x61, 0x69, 0x64, 0x69, 0x64, 0x69, 0x64];
    let message = delimited(0x22, halves.to_vec());
    assert_eq!(check_resources(&message, &Bump::new(), Limits::default()).map(|_| ()), Err(DecodeError::Truncated));
    differ::raw(&message);
}

fn delimited(key: u8, mut body: Vec<u8>) -> Vec<u8> {
    let mut out = vec![key];
    prost::encoding::encode_varint(body.len() as u64, &mut out);
    out.append(&mut body);
    out
}

/// A request whose principal has one attribute of `levels` nested lists.
fn nested(levels: usize) -> Vec<u8> {
    let mut value = vec![0x20, 1];
    for _ in 0..levels {
        value = delimited(0x32, delimited(0x0a, value));
    }
    delimited(0x1a, delimited(0x22, delimited(0x12, value)))
}

#[test]
fn depth_is_bounded_above_what_prost_takes() {
    for (levels, accepted) in [(1, true), (48, true), (127, true), (128, false), (5000, false)] {
        let bytes = nested(levels);
        let got = check_resources(&bytes, &Bump::new(), Limits::default()).map(|_| ());
        assert_eq!(got, if accepted { Ok(()) } else { Err(DecodeError::TooDeep) }, "{levels} levels");
    }
}

#[test]
fn deepest_message_fits_a_small_stack() {
    let decode = || check_resources(&nested(127), &Bump::new(), Limits::default()).is_ok();
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(decode).unwrap();
    assert!(thread.join().unwrap());
}

#[test]
fn size_limit_is_exact() {
    let bytes = nested(3);
    let limits = |bytes| Limits::default().with_bytes(bytes);
    assert!(check_resources(&bytes, &Bump::new(), limits(bytes.len())).is_ok());
    let refused = check_resources(&bytes, &Bump::new(), limits(bytes.len() - 1)).map(|_| ());
    assert_eq!(refused, Err(DecodeError::TooLarge { len: bytes.len(), max: bytes.len() - 1 }));
}

#[test]
fn small_elements_cannot_claim_unbounded_memory() {
    // Empty resource entries: two bytes on the wire, many more in the arena.
    let bytes = [0x22, 0x00].repeat(2 << 20);
    let bump = Bump::new();
    assert_eq!(check_resources(&bytes, &bump, Limits::default()).map(|_| ()), Err(DecodeError::TooMany));
    // Two halves of a struct at each of many levels: every level is joined anew.
    let mut bytes = vec![0_u8; 1 << 20]; // not a valid value, which is only found out at the bottom
    for _ in 0..100 {
        let value = [vec![0x32, 0], delimited(0x32, bytes)].concat();
        bytes = delimited(0x0a, value);
    }
    let bump = Bump::new();
    let message = delimited(0x32, delimited(0x0a, delimited(0x12, delimited(0x32, bytes))));
    assert!(decide(&message, &bump, Limits::default()).is_err());
    assert!(bump.allocated_bytes() < 130 << 20, "{}", bump.allocated_bytes());
}

#[test]
fn an_ordinary_message_takes_one_chunk() {
    let bytes = nested(10);
    let bump = Bump::with_capacity(crate::wire::limits::arena_hint(bytes.len()));
    let before = bump.allocated_bytes();
    check_resources(&bytes, &bump, Limits::default()).unwrap();
    assert_eq!(bump.allocated_bytes(), before);
}
