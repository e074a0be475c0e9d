//! Tests of the renaming: what is replaced, that nothing else is, and that it does not matter how bytes arrive.

use super::*;

const END_HEADERS: u8 = 0x4;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut all = length.get(1..).unwrap().to_vec();
    all.extend([kind, flags, 0, 0, 0, 1]);
    all.extend(payload);
    all
}

/// A field with a name both sides know, spelled out.
fn known(first: u8, value: &[u8]) -> Vec<u8> {
    let mut all = vec![first];
    if value.len() < 127 {
        all.push(u8::try_from(value.len()).unwrap());
    } else {
        all.extend([0x7f, u8::try_from((value.len() - 127) & 0x7f | 0x80).unwrap()]);
        all.push(u8::try_from((value.len() - 127) >> 7).unwrap());
    }
    all.extend(value);
    all
}

fn named(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut all = known(0x40, name);
    all.push(u8::try_from(value.len()).unwrap());
    all.extend(value);
    all
}

/// What becomes of a connection, in pieces of each size.
fn renamed(bytes: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    Renaming::default().receive(&mut whole);
    for size in [1, 2, 3, 7, 64] {
        let mut pieces = bytes.to_vec();
        let mut renaming = Renaming::default();
        pieces.chunks_mut(size).for_each(|piece| renaming.receive(piece));
        assert_eq!(pieces, whole, "in pieces of {size}");
    }
    whole
}

/// The fields of a request as gRPC's C core writes them.
fn spelled_out(authority: &[u8]) -> Vec<u8> {
    let mut block = named(b":path", b"/a.B/%2F");
    block.extend(known(0x40, b":authority"));
    block.extend(known(0x41, authority).get(1..).unwrap());
    block.extend([0x83, 0x86]);
    block.extend(named(b":authorita", b"%2F"));
    block.extend(named(b":authority2", b"%2F"));
    block.extend(named(b"te", b"trailers"));
    block
}

/// A connection with requests that name `authority`, among other fields and frames.
fn connection(authority: &[u8]) -> Vec<u8> {
    let mut block = vec![0x3f, 0xe1, 0x1f, 0x83, 0x86];
    block.extend(known(0x44, b"/a.B/C%2F"));
    block.extend(known(0x41, authority));
    block.extend(named(b":authority-like", b"%2F:"));
    block.extend(known(0x0f, b"").first());
    block.extend([0x30, 0x02, b'%', b'2']);
    block.extend([0xff, 0x80, 0x01, 0xbe]);
    let mut all = PREFACE.to_vec();
    all.extend(frame(4, 0, &[0; 6]));
    all.extend(frame(HEADERS, END_HEADERS, &block));
    all.extend(frame(HEADERS, END_HEADERS, &spelled_out(authority)));
    all.extend(frame(0, 1, b"A\x41\x03%2F"));
    all.extend(frame(HEADERS, END_HEADERS | PRIORITY, &[b"\0\0\0\0\x10".as_slice(), &block].concat()));
    let (one, two) = block.split_at(20);
    all.extend(frame(HEADERS, 0, one));
    all.extend(frame(CONTINUATION, END_HEADERS, two));
    all
}

#[test]
fn what_has_no_name_gets_one() {
    let long = [b"%2F".as_slice(), &[b'x'; 300]].concat();
    let long_after = [b"-2F".as_slice(), &[b'x'; 300]].concat();
    for (authority, name) in [
        (b"%2Ftmp%2Fpdp.sock".as_slice(), b"-2Ftmp-2Fpdp.sock".as_slice()),
        (b"/tmp/pdp.sock", b"-tmp-pdp.sock"),
        (b"127.0.0.1:1%2C127.0.0.1:2", b"127.0.0.1:1-2C127.0.0.1-2"),
        (b"a b\xff", b"a-b-"),
        (&long, &long_after),
    ] {
        let after = renamed(&connection(authority));
        assert_eq!(after, connection(name), "{}", String::from_utf8_lossy(authority));
        name.iter().copied().map(char::from).collect::<String>().parse::<http::uri::Authority>().unwrap();
    }
}

#[test]
fn names_are_let_by() {
    for name in ["localhost", "pdp.example:3593", "[::1]:3593", "127.0.0.1:3593", ""] {
        let connection = connection(name.as_bytes());
        assert_eq!(renamed(&connection), connection, "{name}");
    }
    // What is compressed once more, and what is no HTTP/2.
    let mut block = vec![0x41, 0x83];
    block.extend(b"%%%");
    let huffman = [PREFACE, &frame(HEADERS, END_HEADERS, &block)].concat();
    assert_eq!(renamed(&huffman), huffman);
    let http1 = b"PRI / HTTP/1.1\r\nHost: %2F\r\n\r\nA\x03%2F";
    assert_eq!(renamed(http1), http1);
}

#[test]
fn any_bytes_are_survived() {
    // A simple generator: what matters is that all states are reached with bytes that do not fit.
    let mut seed = 1_u64;
    for round in 0..2_000 {
        let mut bytes = connection(b"%2Fx");
        bytes.truncate(bytes.len() - round % 40);
        for _ in 0..4 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
            *bytes.get_mut(at).unwrap() = u8::try_from(seed >> 56).unwrap();
        }
        assert_eq!(renamed(&bytes).len(), bytes.len());
    }
}
