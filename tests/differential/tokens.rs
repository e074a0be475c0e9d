//! Tokens that requests carry: signed with the keys of `tests/data/jwt`, by claims from small pools, and some that must
//! be refused. Signatures that depend on luck (ECDSA) are left out, so that a seed gives the same bytes each time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value as Json, json};

use super::attrs;
use super::rng::Rng;

/// 2100-01-01: no test runs so late.
const LATER: i64 = 4_102_444_800;
/// 2023-11-14.
const BEFORE: i64 = 1_700_000_000;

/// The tokens of one store.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Entries of `auxData` that are accepted.
    pub good: Vec<Json>,
    /// Those that are not.
    pub bad: Vec<Json>,
}

fn encoded(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn sign(header: &Json, claims: &Json, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap_or_default();
    format!("{message}.{signature}")
}

/// A token signed by one of the keys of `keys.json`.
fn signed(rng: &mut Rng, claims: &Json) -> String {
    let rsa = |pem: &[u8]| EncodingKey::from_rsa_pem(pem).unwrap_or_else(|_| EncodingKey::from_secret(b""));
    let (kid, name, key, algorithm) = match rng.below(4) {
        0 => ("r1", "RS256", rsa(include_bytes!("../data/jwt/rs.private.pem")), Algorithm::RS256),
        1 => ("r2", "RS512", rsa(include_bytes!("../data/jwt/rs2.private.pem")), Algorithm::RS512),
        2 => {
            let pem = include_bytes!("../data/jwt/ed.private.pem");
            let key = EncodingKey::from_ed_pem(pem).unwrap_or_else(|_| EncodingKey::from_secret(b""));
            ("d1", "EdDSA", key, Algorithm::EdDSA)
        }
        _ => ("h1", "HS256", EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef"), Algorithm::HS256),
    };
    sign(&json!({"alg": name, "typ": "JWT", "kid": kid}), claims, &key, algorithm)
}

fn claims(rng: &mut Rng) -> Json {
    let mut map = Map::new();
    map.insert("sub".into(), json!(rng.word(&["u1", "u2", "alice", "hr", "é"])));
    let optional: [(&str, Json); 14] = [
        ("iss", json!(rng.word(&["acme", "ops", "https://login.example.com"]))),
        ("team", json!(rng.word(&["hr", "eng", "ops", "acme.hr"]))),
        ("aud", json!(rng.word(&["acme", "hr"]))),
        ("exp", json!(LATER)),
        ("iat", json!(BEFORE)),
        ("nbf", json!(BEFORE + 1)),
        ("jti", json!("t-1")),
        ("level", attrs::number(rng)),
        ("groups", json!([attrs::string(rng), attrs::string(rng)])),
        ("admin", json!(rng.chance(50))),
        ("nope", Json::Null),
        ("home", json!({"owner": "u1", "depth": 2, "labels": ["hr"], "none": null})),
        ("extra", attrs::any(rng, 2)),
        ("a-b", json!("hr")),
    ];
    for (name, value) in optional {
        if rng.chance(70) {
            map.insert(name.into(), value);
        }
    }
    if rng.chance(30) {
        map.insert("aud".into(), json!(["acme", attrs::string(rng)]));
    }
    if rng.chance(10) {
        map.insert(rng.word(&["team", "level", "groups", "admin"]).into(), attrs::any(rng, 1));
    }
    Json::Object(map)
}

/// Claims that spoil a token, with verification or without.
fn spoiled(rng: &mut Rng) -> Json {
    let mut claims = claims(rng);
    let (name, value) = rng
        .pick(&[
            ("exp", json!(BEFORE)),
            ("nbf", json!(LATER)),
            ("iat", json!(LATER)),
            ("exp", json!("soon")),
            ("exp", json!([])),
            ("sub", json!(5)),
            ("iss", json!(true)),
            ("jti", json!({})),
            ("aud", json!(5)),
            ("aud", json!(["a", 1])),
        ])
        .clone();
    claims[name] = value;
    claims
}

impl Tokens {
    /// Tokens, and the `auxData` of both sides' configuration.
    pub fn new(rng: &mut Rng) -> (Self, Json) {
        let file = |name: &str| format!("{}/tests/data/jwt/{name}", env!("CARGO_MANIFEST_DIR"));
        let keys = json!({"id": "keys", "local": {"file": file("keys.json")}});
        let pem = json!({
            "id": "pem", "local": {"file": file("rs.pem"), "pem": true},
            "insecure": {"optionalAlg": true, "optionalKid": true},
        });
        let roll = rng.below(10);
        let mut jwt = match roll {
            0..5 => json!({"keySets": [keys]}),
            5..9 => json!({"keySets": [keys, pem]}),
            _ => json!({"keySets": [keys], "disableVerification": true}),
        };
        if rng.chance(20) {
            jwt["acceptableTimeSkew"] = json!("60s");
        }
        let mut tokens = Self::default();
        for _ in 0..5 {
            let claims = claims(rng);
            let mut entry = json!({"token": signed(rng, &claims)});
            if (5..9).contains(&roll) || rng.chance(30) {
                entry["keySetId"] = json!("keys");
            }
            tokens.good.push(entry);
        }
        for _ in 0..3 {
            let claims = spoiled(rng);
            tokens.bad.push(json!({"token": signed(rng, &claims), "keySetId": "keys"}));
        }
        let claims = claims(rng);
        let token = signed(rng, &claims);
        let unsigned = format!("{}.{}.", encoded(&json!({"alg": "none"})), encoded(&claims));
        let secret = EncodingKey::from_secret(b"guess");
        let forged = sign(&json!({"alg": "HS256", "kid": "h1"}), &claims, &secret, Algorithm::HS256);
        let confused = sign(&json!({"alg": "HS256", "kid": "r1"}), &claims, &secret, Algorithm::HS256);
        let broken = ["x.y.z".to_owned(), "x".to_owned(), format!("{token}x.y")];
        for token in broken.into_iter().chain([unsigned, forged, confused]) {
            tokens.bad.push(json!({"token": token, "keySetId": "keys"}));
        }
        tokens.bad.push(json!({"token": token, "keySetId": "nosuch"}));
        (tokens, json!({ "jwt": jwt }))
    }

    /// `auxData` for one request.
    pub fn aux_data(&self, rng: &mut Rng) -> Option<Json> {
        if self.good.is_empty() || rng.chance(25) {
            return None;
        }
        let bad = rng.chance(4);
        let one = |rng: &mut Rng| rng.pick(if bad { &self.bad } else { &self.good }).clone();
        if rng.chance(70) {
            return Some(json!({"jwt": one(rng)}));
        }
        let mut jwts = json!({"user": one(rng)});
        if rng.chance(60) {
            jwts["svc"] = rng.pick(&self.good).clone();
        }
        Some(json!({ "jwts": jwts }))
    }
}
