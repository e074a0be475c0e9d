//! Who a request says it speaks for: the tokens that come with it (`auxData`), verified, as claims that policies can
//! read. A token that cannot be verified fails its whole request; what a caller learns is no more than that.
//!
//! No decision is made here. Nothing waits: key sets are read when the server starts or fetched beside the requests.

mod claims;
mod fetch;
mod keys;
pub mod os_user;
pub mod tailnet;
mod token;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use bumpalo::Bump;
use moka::sync::Cache;

pub use fetch::Refresh;

use crate::cel::value::Map;
use crate::engine::request::AuxData;
use crate::wire::message::{Token, Tokens};
use claims::Claims;
use keys::Keys;

/// Bytes of tokens that are remembered, with what their claims take.
const CACHE_BYTES: u64 = 32 << 20;
/// Most tokens of one request: each may cost a signature.
const MOST_TOKENS: usize = 64;
/// How long a verified token is remembered if nothing else is said.
pub const CACHE_TTL: Duration = Duration::from_secs(300);
/// How often a key set is fetched if nothing else is said.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(3600);

/// `auxData.jwt`
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where keys come from.
    pub key_sets: Vec<KeySet>,
    /// Believe every token.
    pub disable_verification: bool,
    /// How far clocks may differ.
    pub time_skew: Duration,
    /// How long a verified token is remembered; zero for not at all.
    pub cache_ttl: Duration,
}

/// A set of keys.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// What tokens name it by.
    pub id: String,
    /// Where it is.
    pub source: Source,
    /// Keys need not say their algorithm: any that goes with their type will do.
    pub optional_alg: bool,
    /// Keys and tokens need not say which key it is.
    pub optional_kid: bool,
}

/// Where a key set is.
#[derive(Clone)]
pub enum Source {
    /// A file, as PEM if it says so, or else as JWKS.
    File(PathBuf, Format),
    /// Bytes in the configuration.
    Data(Arc<[u8]>, Format),
    /// A JWKS at a URL, fetched this often; if nothing is said, as often as its server's cache headers say.
    Url(http::Uri, Option<Duration>),
}

/// How keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON Web Key Set, or one key.
    Jwks,
    /// PEM blocks.
    Pem,
}

impl std::fmt::Debug for Source {
    /// Without key material: a set may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, format) => f.debug_tuple("File").field(path).field(format).finish(),
            Self::Data(_, format) => f.debug_tuple("Data").field(format).finish_non_exhaustive(),
            Self::Url(url, interval) => f.debug_tuple("Url").field(&url.host()).field(interval).finish(),
        }
    }
}

/// Why a key set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key set `{id}` cannot be used: {reason}")]
pub struct KeyError {
    /// Which.
    pub id: String,
    /// Why, without anything of the keys themselves.
    pub reason: String,
}

/// A token was refused. Callers are not told why; a log may say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More tokens than anybody needs.
    #[error("more than {MOST_TOKENS} tokens")]
    TooMany,
    /// No such key set, or none was named and there is not exactly one.
    #[error("no key set of that name")]
    NoKeySet,
    /// The key set could not be fetched yet.
    #[error("the key set is not there yet")]
    NotLoaded,
    /// It is no signed token.
    #[error("not a token")]
    Malformed,
    /// No key of the set fits.
    #[error("no key for the token")]
    NoKey,
    /// The signature is not that of the key.
    #[error("wrong signature")]
    Signature,
    /// The claims are not as they must be.
    #[error("unusable claims")]
    Claims,
    /// Not valid any more, or not yet.
    #[error("expired, or not valid yet")]
    Time,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct Identity {
    sets: Vec<Set>,
    disable_verification: bool,
    skew: Duration,
    cache: Option<Cache<Known, Arc<Claims>>>,
}

/// A key set and what is known of its keys.
#[derive(Debug)]
struct Set {
    id: String,
    source: Source,
    rules: keys::Rules,
    /// Empty until a fetch succeeds.
    keys: Arc<ArcSwapOption<Keys>>,
}

/// A token under the keys it was verified with: new keys are asked anew.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Known {
    keys: u64,
    token: Box<str>,
}

impl Default for Identity {
    /// No keys: every token is refused.
    fn default() -> Self {
        Self { sets: Vec::new(), disable_verification: false, skew: Duration::ZERO, cache: None }
    }
}

impl Identity {
    /// How many verified tokens are remembered, about.
    #[must_use]
    pub fn remembered(&self) -> u64 {
        self.cache.as_ref().map_or(0, Cache::entry_count)
    }

    /// Reads the key sets that are at hand.
    ///
    /// # Errors
    /// Every set that cannot be read, or holds no keys that could be used.
    pub fn open(settings: &Settings) -> Result<Self, Vec<KeyError>> {
        let mut faults = Vec::new();
        let mut sets = Vec::new();
        for set in &settings.key_sets {
            let rules = keys::Rules { optional_alg: set.optional_alg, optional_kid: set.optional_kid };
            let read = match &set.source {
                Source::File(path, format) => {
                    keys::read_file(path).and_then(|bytes| Keys::parse(&bytes, *format, rules)).map(Some)
                }
                Source::Data(bytes, format) => Keys::parse(bytes, *format, rules).map(Some),
                Source::Url(..) => Ok(None),
            };
            match read {
                Ok(keys) => {
                    let keys = Arc::new(ArcSwapOption::from_pointee(keys));
                    sets.push(Set { id: set.id.clone(), source: set.source.clone(), rules, keys });
                }
                Err(reason) => faults.push(KeyError { id: set.id.clone(), reason }),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let remember = !settings.disable_verification && !settings.cache_ttl.is_zero();
        let cache = remember.then(|| {
            let weight = |known: &Known, claims: &Arc<Claims>| (known.token.len() + claims.size() + 256) as u32;
            Cache::builder().weigher(weight).max_capacity(CACHE_BYTES).time_to_live(settings.cache_ttl).build()
        });
        Ok(Self { sets, disable_verification: settings.disable_verification, skew: settings.time_skew, cache })
    }

    /// What keeps the key sets of URLs fresh, one each; to be run beside the requests.
    #[must_use]
    pub fn refreshes(&self) -> Vec<Refresh> {
        let remote = self.sets.iter().filter_map(|set| match &set.source {
            Source::Url(url, interval) => {
                Some(Refresh::new(&set.id, url.clone(), *interval, set.rules, Arc::clone(&set.keys)))
            }
            Source::File(..) | Source::Data(..) => None,
        });
        remote.collect()
    }

    /// Claims of all tokens of a request.
    ///
    /// # Errors
    /// If one of them cannot be verified.
    pub fn verify<'a>(&self, tokens: &Tokens<'a>, now: SystemTime, bump: &'a Bump) -> Result<AuxData<'a>, Refused> {
        if tokens.jwts.len() > MOST_TOKENS {
            return Err(Refused::TooMany);
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let jwt = match &tokens.jwt {
            Some(token) => self.claims(token, now)?.copy(bump),
            None => Map::Fields(&[]),
        };
        let mut jwts = bumpalo::collections::Vec::with_capacity_in(tokens.jwts.len(), bump);
        for (name, token) in tokens.jwts {
            jwts.push((*name, self.claims(token, now)?.copy(bump)));
        }
        Ok(AuxData { jwt, jwts: jwts.into_bump_slice() })
    }

    fn claims(&self, token: &Token<'_>, now: Duration) -> Result<Arc<Claims>, Refused> {
        self.valid(token, now).inspect_err(|refused| {
            // The caller is not told, so that the operator can be.
            tracing::debug!(key_set = token.key_set_id, %refused, "a token was refused");
        })
    }

    fn valid(&self, token: &Token<'_>, now: Duration) -> Result<Arc<Claims>, Refused> {
        if self.disable_verification {
            let claims = token::read(token.token)?;
            claims.check_times(now, self.skew)?;
            return Ok(Arc::new(claims));
        }
        let set = match (token.key_set_id, self.sets.as_slice()) {
            ("", [only]) => only,
            ("", _) => return Err(Refused::NoKeySet),
            (id, sets) => sets.iter().find(|set| set.id == id).ok_or(Refused::NoKeySet)?,
        };
        let keys = set.keys.load_full().ok_or(Refused::NotLoaded)?;
        let known = Known { keys: keys.id(), token: token.token.into() };
        if let Some((cache, claims)) = self.cache.as_ref().and_then(|c| Some((c, c.get(&known)?))) {
            // Remembered is that the signature is good; whether the token is still valid is asked each time.
            return match claims.check_times(now, self.skew) {
                Ok(()) => Ok(claims),
                Err(refused) => {
                    cache.invalidate(&known);
                    Err(refused)
                }
            };
        }
        let claims = Arc::new(token::verify(token.token, &keys, set.rules)?);
        claims.check_times(now, self.skew)?;
        if let Some(cache) = &self.cache {
            cache.insert(known, Arc::clone(&claims));
        }
        Ok(claims)
    }
}
