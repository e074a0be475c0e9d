//! Tokens of all kinds against key sets of all kinds. What is accepted and refused is what the reference was seen to
//! accept and refuse, but for the rows that say otherwise.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bumpalo::Bump;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use super::*;
use crate::cel::value::Value;
use crate::wire::encode::value_json;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/jwt/", $name))
    };
}

/// The time of all tests.
const NOW: u64 = 1_800_000_000;

fn signed(header: &str, payload: &str, key: &str) -> String {
    let (algorithm, key) = match key {
        "rs" => (Algorithm::RS256, EncodingKey::from_rsa_pem(data!("rs.private.pem")).unwrap()),
        "rs2" => (Algorithm::RS256, EncodingKey::from_rsa_pem(data!("rs2.private.pem")).unwrap()),
        "rs2-512" => (Algorithm::RS512, EncodingKey::from_rsa_pem(data!("rs2.private.pem")).unwrap()),
        "ps" => (Algorithm::PS256, EncodingKey::from_rsa_pem(data!("rs.private.pem")).unwrap()),
        "es" => (Algorithm::ES256, EncodingKey::from_ec_pem(data!("es.private.pem")).unwrap()),
        "ed" => (Algorithm::EdDSA, EncodingKey::from_ed_pem(data!("ed.private.pem")).unwrap()),
        "hs" => (Algorithm::HS256, EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef")),
        // The public key as a secret: the attack on verifiers that believe the header.
        "public" => (Algorithm::HS256, EncodingKey::from_secret(data!("rs.pem"))),
        other => panic!("{other}"),
    };
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, algorithm).unwrap())
}

fn set(id: &str, bytes: &[u8], format: Format, rules: &str) -> KeySet {
    KeySet {
        id: id.into(),
        source: Source::Data(bytes.into(), format),
        optional_alg: rules.contains('a'),
        optional_kid: rules.contains('k'),
    }
}

fn identity(key_sets: Vec<KeySet>) -> Identity {
    Identity::open(&Settings { key_sets, cache_ttl: CACHE_TTL, ..Settings::default() }).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The claims as JSON, or why there are none.
fn claims_at(identity: &Identity, token: &str, key_set_id: &str, now: u64) -> Result<String, Refused> {
    let bump = Bump::new();
    let tokens = Tokens { jwt: Some(Token { token, key_set_id }), jwts: &[] };
    let aux = identity.verify(&tokens, at(now), &bump)?;
    Ok(String::from_utf8(value_json(Value::Map(aux.jwt)).unwrap()).unwrap())
}

fn claims(identity: &Identity, token: &str) -> Result<String, Refused> {
    claims_at(identity, token, "", NOW)
}

const GOOD: &str = r#"{"sub":"s"}"#;

#[test]
fn keys_are_found_by_name_and_serve_their_own_algorithm_alone() {
    let token = |name: &str| match name {
        "ok" => signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs"),
        "nokid" => signed(r#"{"alg":"RS256"}"#, GOOD, "rs"),
        "emptykid" => signed(r#"{"alg":"RS256","kid":""}"#, GOOD, "rs2"),
        "wrongkid" => signed(r#"{"alg":"RS256","kid":"zz"}"#, GOOD, "rs"),
        "wrongkey" => signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs2"),
        "es" => signed(r#"{"alg":"ES256","kid":"e1"}"#, GOOD, "es"),
        "ed" => signed(r#"{"alg":"EdDSA","kid":"d1"}"#, GOOD, "ed"),
        "hs" => signed(r#"{"alg":"HS256","kid":"h1"}"#, GOOD, "hs"),
        "ps" => signed(r#"{"alg":"PS256","kid":"r1"}"#, GOOD, "ps"),
        "rs512" => signed(r#"{"alg":"RS512","kid":"r2"}"#, GOOD, "rs2-512"),
        "rs256on512" => signed(r#"{"alg":"RS256","kid":"r2"}"#, GOOD, "rs2"),
        "enc" => signed(r#"{"alg":"RS256","kid":"enc"}"#, GOOD, "rs2"),
        "dup1" => signed(r#"{"alg":"RS256","kid":"dup"}"#, GOOD, "rs"),
        "noalgkey" => signed(r#"{"alg":"RS256","kid":"noalg"}"#, GOOD, "rs2"),
        "confuse" => signed(r#"{"alg":"HS256","kid":"r1"}"#, GOOD, "public"),
        "none" => {
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"r1"}"#), URL_SAFE_NO_PAD.encode(GOOD))
        }
        "nosig" => {
            let whole = signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs");
            format!("{}.", whole.rsplit_once('.').unwrap().0)
        }
        other => panic!("{other}"),
    };
    let all = [
        "ok",
        "nokid",
        "emptykid",
        "wrongkid",
        "wrongkey",
        "es",
        "ed",
        "hs",
        "ps",
        "rs512",
        "rs256on512",
        "enc",
        "dup1",
        "noalgkey",
        "confuse",
        "none",
        "nosig",
    ];
    let sets: [(&str, &[u8], Format, &str, &[&str]); 8] = [
        ("keys", data!("keys.json"), Format::Jwks, "", &["ok", "es", "ed", "hs", "rs512"]),
        ("one key", data!("one.json"), Format::Jwks, "", &["ok"]),
        // Nothing says which key, nor what it is for.
        ("loose", data!("loose.json"), Format::Jwks, "ak", &["ok", "nokid", "wrongkid", "es", "ps", "dup1"]),
        ("keys, algorithms optional", data!("keys.json"), Format::Jwks, "a", &["ok", "es", "ed", "hs", "rs512"]),
        (
            "keys, names optional",
            data!("keys.json"),
            Format::Jwks,
            "k",
            &["ok", "nokid", "wrongkid", "es", "ed", "hs", "rs512", "dup1"],
        ),
        ("twice the same name", data!("dup.json"), Format::Jwks, "", &["dup1"]),
        ("one without an algorithm", data!("noalg.json"), Format::Jwks, "a", &["ok", "noalgkey"]),
        ("PEM", data!("two.pem"), Format::Pem, "ak", &["ok", "nokid", "wrongkid", "es", "ps", "dup1"]),
    ];
    for (name, bytes, format, rules, accepted) in sets {
        let identity = identity(vec![set("x", bytes, format, rules)]);
        for case in all {
            let answer = claims(&identity, &token(case));
            assert_eq!(answer.is_ok(), accepted.contains(&case), "{name}: {case}: {answer:?}");
        }
    }
}

#[test]
fn claims_have_the_reference_s_shapes() {
    let identity = identity(vec![set("x", data!("keys.json"), Format::Jwks, "")]);
    let header = r#"{"alg":"RS256","kid":"r1","typ":"weird"}"#;
    for (payload, expected) in [
        ("{}", Some("{}")),
        (
            r#"{"sub":"s","exp":1800003600.7,"iat":1799999990,"nbf":1799999989.8,"aud":"one","n":5,"f":1.5,"nul":null,
                "o":{"x":null,"y":[1,"a",null,{}]},"l":[],"b":true,"e":"","auth_time":1700000000}"#,
            Some(
                r#"{"aud":["one"],"auth_time":1700000000,"b":true,"e":"","exp":"2027-01-15T09:00:00Z","f":1.5,"iat":"2027-01-15T07:59:50Z","l":[],"n":5,"nbf":"2027-01-15T07:59:49Z","o":{"x":null,"y":[1,"a",null,{}]},"sub":"s"}"#,
            ),
        ),
        (r#"{"aud":["a","b"]}"#, Some(r#"{"aud":["a","b"]}"#)),
        (r#"{"aud":[]}"#, Some(r#"{"aud":[]}"#)),
        (r#"{"exp":"1800003600"}"#, Some(r#"{"exp":"2027-01-15T09:00:00Z"}"#)),
        (r#"{"exp":"2099-01-01T00:00:00Z"}"#, Some(r#"{"exp":"2099-01-01T00:00:00Z"}"#)),
        (r#"{"sub":"a","sub":"b"}"#, Some(r#"{"sub":"b"}"#)),
        (r#"{"exp":false}"#, None),
        (r#"{"exp":null}"#, None),
        (r#"{"exp":-5}"#, None),
        // The reference goes on to the year 31688740476.
        (r#"{"exp":1e18}"#, None),
        (r#"{"iat":"x"}"#, None),
        (r#"{"aud":5}"#, None),
        (r#"{"aud":["a",5]}"#, None),
        (r#"{"sub":5}"#, None),
        (r#"{"iss":5}"#, None),
        ("[1]", None),
        (r#""x""#, None),
        ("zzz", None),
    ] {
        let token = signed(header, payload, "rs");
        assert_eq!(claims(&identity, &token).ok().as_deref(), expected, "{payload}");
        // The same without verification.
        let believing = Identity::open(&Settings { disable_verification: true, ..Settings::default() }).unwrap();
        assert_eq!(claims_at(&believing, &token, "whatever", NOW).ok().as_deref(), expected, "{payload}");
    }
}

#[test]
fn times_are_checked_with_skew_and_on_every_use() {
    let token = |payload: &str| signed(r#"{"alg":"RS256","kid":"r1"}"#, payload, "rs");
    let strict = identity(vec![set("x", data!("keys.json"), Format::Jwks, "")]);
    let lenient = Identity::open(&Settings {
        key_sets: vec![set("x", data!("keys.json"), Format::Jwks, "")],
        time_skew: Duration::from_secs(200),
        cache_ttl: CACHE_TTL,
        ..Settings::default()
    })
    .unwrap();
    for (payload, ok, ok_with_skew) in [
        (r#"{"exp":1800000001}"#, true, true),
        (r#"{"exp":1800000000}"#, false, true),
        (r#"{"exp":1799999800}"#, false, false),
        (r#"{"nbf":1800000000}"#, true, true),
        (r#"{"nbf":1800000001}"#, false, true),
        (r#"{"nbf":1800000201}"#, false, false),
        (r#"{"iat":1800000100}"#, false, true),
        (r#"{"exp":0}"#, false, false),
    ] {
        let token = token(payload);
        assert_eq!(claims(&strict, &token).is_ok(), ok, "{payload}");
        assert_eq!(claims(&lenient, &token).is_ok(), ok_with_skew, "{payload}");
    }
    // A token that was verified before, and is remembered, expires all the same.
    let token = token(r#"{"exp":1800000100}"#);
    assert!(claims_at(&strict, &token, "", NOW).is_ok());
    let remembered = || strict.cache.as_ref().map(|c| c.iter().count());
    assert_eq!(remembered(), Some(3));
    assert_eq!(claims_at(&strict, &token, "", NOW + 100), Err(Refused::Time));
    assert_eq!(remembered(), Some(2));
}

#[test]
fn what_is_remembered_belongs_to_the_token_and_the_keys() {
    let identity =
        identity(vec![set("a", data!("keys.json"), Format::Jwks, ""), set("b", data!("dup.json"), Format::Jwks, "")]);
    let token = signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs");
    assert!(claims_at(&identity, &token, "a", NOW).is_ok());
    assert!(claims_at(&identity, &token, "a", NOW).is_ok());
    // Another set, where it was never verified.
    assert_eq!(claims_at(&identity, &token, "b", NOW), Err(Refused::NoKey));
    // The signature of one over the claims of another.
    let other = signed(r#"{"alg":"RS256","kid":"r1"}"#, r#"{"sub":"root"}"#, "rs");
    let (message, _) = other.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", token.rsplit_once('.').unwrap().1);
    assert_eq!(claims_at(&identity, &forged, "a", NOW), Err(Refused::Signature));
    // Keys that are gone verify nothing, whatever was verified with them.
    let fresh = Keys::parse(data!("dup.json"), Format::Jwks, keys::Rules::default()).unwrap();
    identity.sets[0].keys.store(Some(Arc::new(fresh)));
    assert_eq!(claims_at(&identity, &token, "a", NOW), Err(Refused::NoKey));
}

#[test]
fn key_sets_are_named_unless_there_is_one() {
    let token = signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs");
    let keys = |id: &str| set(id, data!("keys.json"), Format::Jwks, "");
    let url = KeySet { source: Source::Url("http://127.0.0.1:1/x".parse().unwrap(), None), ..keys("url") };
    let (none, one, more) = (Identity::default(), identity(vec![keys("a")]), identity(vec![keys("a"), url]));
    for (identity, id, expected) in [
        (&none, "", Some(Refused::NoKeySet)),
        (&none, "a", Some(Refused::NoKeySet)),
        (&one, "", None),
        (&one, "a", None),
        (&one, "b", Some(Refused::NoKeySet)),
        (&more, "", Some(Refused::NoKeySet)),
        (&more, "a", None),
        (&more, "url", Some(Refused::NotLoaded)),
    ] {
        assert_eq!(claims_at(identity, &token, id, NOW).err(), expected, "{id}");
    }
}

#[test]
fn one_bad_token_spoils_all() {
    let identity = identity(vec![set("a", data!("keys.json"), Format::Jwks, "")]);
    let good = signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs");
    let expired = signed(r#"{"alg":"RS256","kid":"r1"}"#, r#"{"exp":1}"#, "rs");
    let bump = Bump::new();
    let jwts = |last| [("x", Token { token: &good, key_set_id: "" }), ("y", Token { token: last, key_set_id: "a" })];
    let (both, one) = (jwts(&good), jwts(&expired));
    let aux = identity.verify(&Tokens { jwt: None, jwts: &both }, at(NOW), &bump).unwrap();
    assert_eq!(aux.jwts.iter().map(|(name, map)| (*name, map.len())).collect::<Vec<_>>(), [("x", 1), ("y", 1)]);
    assert!(aux.jwt.is_empty());
    let spoiled = identity.verify(&Tokens { jwt: None, jwts: &one }, at(NOW), &bump);
    assert_eq!(spoiled.err(), Some(Refused::Time));
}

#[test]
fn what_is_no_token_is_refused() {
    let identity = identity(vec![set("a", data!("keys.json"), Format::Jwks, "")]);
    let good = signed(r#"{"alg":"RS256","kid":"r1"}"#, GOOD, "rs");
    let long = "a".repeat(1 << 20);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let critical = signed(r#"{"alg":"RS256","kid":"r1","crit":["x"],"x":1}"#, GOOD, "rs");
    for token in [
        "",
        ".",
        "..",
        "...",
        "abc",
        "a.b",
        "a.b.c",
        &long,
        &deep,
        &format!("{good}.x"),
        &format!("{good}=="),
        &critical,
        &signed(&deep, GOOD, "rs"),
        &signed(r#"{"alg":"RS256","kid":1}"#, GOOD, "rs"),
        &signed("[]", GOOD, "rs"),
        &signed(r#"{"alg":"RS256","kid":"r1"}"#, &deep, "rs"),
        r#"{"payload":"e30","protected":"e30","signature":""}"#,
    ] {
        assert!(claims(&identity, token).is_err(), "{}", token.chars().take(80).collect::<String>());
    }
    assert!(claims(&identity, &format!(" {good}\n")).is_ok());
}

#[test]
fn bad_key_sets_are_refused_at_the_start_and_show_no_keys() {
    for (bytes, format, rules, reason) in [
        (&b"{\"keys\":["[..], Format::Jwks, "", "it is not JSON: EOF while parsing a list at line 1 column 9"),
        (b"{}", Format::Jwks, "", "it has no `keys`"),
        (b"{\"keys\":{}}", Format::Jwks, "", "`keys` is not a list"),
        (b"{\"keys\":[]}", Format::Jwks, "", "it holds no key that can verify a signature"),
        (b"{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"alg\":\"RS256\"}]}", Format::Jwks, "", "key 1 is malformed"),
        (
            b"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"kid\":\"a\",\"alg\":\"RS256\"}]}",
            Format::Jwks,
            "",
            "key 1 has an `alg` that its type cannot serve",
        ),
        (data!("noalg.json"), Format::Jwks, "", "key 2 has no `alg`"),
        (data!("nokid.json"), Format::Jwks, "", "key 2 has no `kid`"),
        (b"", Format::Pem, "ak", "it holds no key that can verify a signature"),
        (data!("rs.private.pem"), Format::Pem, "ak", "it holds a private key: give the public one"),
        (
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            Format::Pem,
            "ak",
            "it holds a block that is no public key",
        ),
    ] {
        let settings = Settings { key_sets: vec![set("k", bytes, format, rules)], ..Settings::default() };
        let faults = Identity::open(&settings).err().unwrap();
        assert_eq!(faults[0].to_string(), format!("key set `k` cannot be used: {reason}"));
        assert!(!format!("{settings:?}").contains("AAAA"));
    }
    let gone =
        KeySet { source: Source::File("/nowhere/keys.json".into(), Format::Jwks), ..set("g", b"", Format::Jwks, "") };
    let faults = Identity::open(&Settings { key_sets: vec![gone], ..Settings::default() }).err().unwrap();
    assert!(
        faults[0].to_string().starts_with("key set `g` cannot be used: cannot read `/nowhere/keys.json`: No such file")
    );
}
