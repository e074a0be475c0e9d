//! A compact JWS: three parts, a header that names algorithm and key, and a signature by that key with exactly the
//! algorithm that the key is for. What the token itself says about algorithms decides nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto;
use serde_json::Value as Json;

use super::Refused;
use super::claims::Claims;
use super::keys::{Keys, Rules, algorithm};

/// A token in its parts.
struct Parts<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    /// What is signed.
    message: &'t str,
}

fn split(token: &str) -> Result<Parts<'_>, Refused> {
    // As the reference has it, white space around a token is nothing.
    let token = token.trim_ascii();
    let (message, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refused::Malformed)?;
    if payload.contains('.') {
        return Err(Refused::Malformed);
    }
    Ok(Parts { header, payload, signature, message })
}

fn decode(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)
}

/// The claims of a token nobody verifies.
pub(super) fn read(token: &str) -> Result<Claims, Refused> {
    let parts = split(token)?;
    let Ok(Json::Object(_)) = serde_json::from_slice(&decode(parts.header)?) else { return Err(Refused::Malformed) };
    Claims::parse(&decode(parts.payload)?)
}

/// The claims of a token that one of the keys has signed.
pub(super) fn verify(token: &str, keys: &Keys, rules: Rules) -> Result<Claims, Refused> {
    let parts = split(token)?;
    let header: Json = serde_json::from_slice(&decode(parts.header)?).map_err(|_| Refused::Malformed)?;
    // Extensions that must be understood are not.
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err(Refused::Malformed);
    }
    let named = header.get("alg").and_then(Json::as_str).and_then(algorithm).ok_or(Refused::NoKey)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Json::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(Refused::Malformed),
    };
    let mut refused = Refused::NoKey;
    for key in keys.candidates(kid, rules) {
        if !key.is_for(named, rules) {
            continue;
        }
        refused = Refused::Signature;
        if is_signed(&parts, key.decoding(), named) {
            return Claims::parse(&decode(parts.payload)?);
        }
    }
    Err(refused)
}

fn is_signed(parts: &Parts<'_>, key: &jsonwebtoken::DecodingKey, algorithm: Algorithm) -> bool {
    crypto::verify(parts.signature, parts.message.as_bytes(), key, algorithm).unwrap_or(false)
}
