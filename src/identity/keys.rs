//! Key sets, read from JWKS or PEM: which algorithm each key is for, and which key a token may mean.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::Format;

/// Largest key set, from wherever it comes.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Most keys of a set.
const MAX_KEYS: usize = 1_000;

/// Ids given so far.
static IDS: AtomicU64 = AtomicU64::new(0);

/// What keys and tokens need not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    pub(super) optional_alg: bool,
    pub(super) optional_kid: bool,
}

/// The keys of a set.
pub(super) struct Keys {
    id: u64,
    digest: [u8; 32],
    keys: Vec<Key>,
}

/// One key.
pub(super) struct Key {
    kid: Option<String>,
    /// The algorithm it is for.
    pinned: Option<Algorithm>,
    /// Those that its type can serve.
    possible: Vec<Algorithm>,
    key: DecodingKey,
}

impl std::fmt::Debug for Keys {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("count", &self.keys.len()).finish_non_exhaustive()
    }
}

/// The bytes of a key file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let failed = |e: std::io::Error| format!("cannot read `{}`: {e}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// An algorithm by its name in headers and keys; `none` is none.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    name.parse().ok()
}

impl Keys {
    /// Reads a set. One key that cannot be used spoils all, so that it is noticed; keys of kinds that are unknown, or
    /// that are for encryption, are left out.
    pub(super) fn parse(bytes: &[u8], format: Format, rules: Rules) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(format!("it is larger than {MAX_BYTES} bytes"));
        }
        let keys = match format {
            Format::Jwks => jwks(bytes, rules)?,
            Format::Pem => pem(bytes)?,
        };
        if keys.is_empty() {
            return Err("it holds no key that can verify a signature".to_owned());
        }
        Ok(Self { id: IDS.fetch_add(1, Ordering::Relaxed), digest: Sha256::digest(bytes).into(), keys })
    }

    /// True if both were read from the same bytes.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Tells these keys from any read before or after.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The keys that a token may be signed with: those it names. If names are optional they do not matter.
    pub(super) fn candidates(&self, kid: Option<&str>, rules: Rules) -> impl Iterator<Item = &Key> {
        let kid = kid.filter(|k| !k.is_empty());
        self.keys.iter().filter(move |key| rules.optional_kid || (kid.is_some() && kid == key.kid.as_deref()))
    }
}

impl Key {
    /// Whether the key verifies signatures of this algorithm.
    pub(super) fn is_for(&self, algorithm: Algorithm, rules: Rules) -> bool {
        match self.pinned {
            Some(pinned) => pinned == algorithm,
            None => rules.optional_alg && self.possible.contains(&algorithm),
        }
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.key
    }
}

fn jwks(bytes: &[u8], rules: Rules) -> Result<Vec<Key>, String> {
    let document: Json = serde_json::from_slice(bytes).map_err(|e| format!("it is not JSON: {e}"))?;
    let all = match document.get("keys") {
        Some(Json::Array(all)) => all.iter().collect(),
        Some(_) => return Err("`keys` is not a list".to_owned()),
        None if document.get("kty").is_some() => vec![&document],
        None => return Err("it has no `keys`".to_owned()),
    };
    if all.len() > MAX_KEYS {
        return Err(format!("it has more than {MAX_KEYS} keys"));
    }
    let mut keys = Vec::new();
    for (i, document) in all.into_iter().enumerate() {
        let text = |name: &str| document.get(name).and_then(Json::as_str).filter(|t| !t.is_empty());
        let fault = |what: &str| Err(format!("key {} {what}", i + 1));
        if !matches!(text("kty"), Some("RSA" | "EC" | "OKP" | "oct")) {
            continue;
        }
        if text("use").is_some_and(|u| u != "sig") {
            continue;
        }
        let (kid, alg) = (text("kid"), text("alg"));
        if kid.is_none() && !rules.optional_kid {
            return fault("has no `kid`");
        }
        if alg.is_none() && !rules.optional_alg {
            return fault("has no `alg`");
        }
        let pinned = alg.and_then(algorithm);
        let curve = matches!(text("crv"), None | Some("P-256" | "P-384" | "Ed25519"));
        if !curve || (alg.is_some() && pinned.is_none()) {
            // Of a kind that we do not know; tokens signed with it find no key.
            continue;
        }
        // `alg` was read; what the library makes of names it does not know does not matter.
        let Ok(jwk) = serde_json::from_value::<Jwk>(document.clone()) else { return fault("is malformed") };
        let Ok(key) = DecodingKey::from_jwk(&jwk) else { return fault("is malformed") };
        let possible = possible(&jwk.algorithm, &key);
        if pinned.is_some_and(|a| !possible.contains(&a)) {
            return fault("has an `alg` that its type cannot serve");
        }
        keys.push(Key { kid: kid.map(str::to_owned), pinned, possible, key });
    }
    Ok(keys)
}

fn possible(parameters: &AlgorithmParameters, key: &DecodingKey) -> Vec<Algorithm> {
    match parameters {
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        _ => key.family().algorithms().to_vec(),
    }
}

/// Public keys and certificates are not told apart by their label alone: each block is tried as what it may be.
fn pem(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not PEM".to_owned())?;
    let mut keys = Vec::new();
    for block in text.split_inclusive("-----END ").collect::<Vec<_>>().windows(2) {
        let [before, after] = block else { continue };
        let Some(start) = before.rfind("-----BEGIN ") else { continue };
        let label_end = after.find('\n').unwrap_or(after.len());
        let whole = format!("{}{}", before.get(start..).unwrap_or(""), after.get(..label_end).unwrap_or(""));
        if whole.contains("PRIVATE KEY") {
            return Err("it holds a private key: give the public one".to_owned());
        }
        let key = key_of(whole.as_bytes()).ok_or("it holds a block that is no public key")?;
        if keys.len() >= MAX_KEYS {
            return Err(format!("it has more than {MAX_KEYS} keys"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn key_of(block: &[u8]) -> Option<Key> {
    let made = DecodingKey::from_rsa_pem(block)
        .or_else(|_| DecodingKey::from_ec_pem(block))
        .or_else(|_| DecodingKey::from_ed_pem(block))
        .ok()?;
    let possible = match made.family() {
        // The key does not tell its curve; a signature of the other one does not verify.
        family @ (AlgorithmFamily::Rsa | AlgorithmFamily::Ec | AlgorithmFamily::Ed) => family.algorithms().to_vec(),
        AlgorithmFamily::Hmac => return None,
    };
    Some(Key { kid: None, pinned: None, possible, key: made })
}
