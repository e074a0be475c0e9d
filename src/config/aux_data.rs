//! `auxData.jwt`: key sets and how tokens are verified.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::section::{Faults, Section};
use crate::identity::{CACHE_TTL, Format, KeySet, Settings, Source};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The settings of a section `auxData`.
pub(super) fn settings(s: &Section<'_>, faults: &Faults) -> Settings {
    let jwt = s.section("jwt");
    let mut key_sets: Vec<KeySet> = Vec::new();
    for (section, tree) in jwt.sections("keySets") {
        let Some(set) = key_set(&section, tree, faults) else { continue };
        if key_sets.iter().any(|known| known.id == set.id) {
            let message = format!("key set `{}` is defined twice", set.id);
            faults.push(tree.fault("TG0902", message));
        }
        key_sets.push(set);
    }
    Settings {
        key_sets,
        disable_verification: jwt.boolean("disableVerification").unwrap_or(false),
        time_skew: jwt.duration("acceptableTimeSkew", Duration::ZERO).unwrap_or_default(),
        cache_ttl: jwt.duration("cacheTTL", Duration::ZERO).unwrap_or(CACHE_TTL),
    }
}

fn key_set(s: &Section<'_>, tree: &super::tree::Tree, faults: &Faults) -> Option<KeySet> {
    let fault = |message: String| {
        faults.push(tree.fault("TG0902", message));
        None
    };
    let insecure = s.section("insecure");
    let (optional_alg, optional_kid) = (insecure.boolean("optionalAlg"), insecure.boolean("optionalKid"));
    let (has_local, has_remote) = (s.get("local").is_some(), s.get("remote").is_some());
    let (local, remote) = (s.section("local"), s.section("remote"));
    let format = if local.boolean("pem").unwrap_or(false) { Format::Pem } else { Format::Jwks };
    let file = local.text("file").map(|f| Source::File(PathBuf::from(f), format));
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| "the key data is not base64".to_owned());
    let data = local.parsed("data", decode).map(|d| Source::Data(d.into(), format));
    let url = remote.parsed("url", url);
    let interval = remote.duration("refreshInterval", SECOND.min(10 * MILLISECOND));
    let remote = url.map(|url| Source::Url(url, interval));
    let id = s.text("id").filter(|id| !id.is_empty());
    let Some(id) = id else { return fault("a key set needs an `id`".to_owned()) };
    if has_local == has_remote {
        return fault(format!("key set `{id}` must have exactly one of `local` and `remote`"));
    }
    let source = match (file, data, remote) {
        (Some(source), None, None) | (None, Some(source), None) | (None, None, Some(source)) => source,
        (None, None, None) if has_remote => return fault(format!("key set `{id}` needs `remote.url`")),
        _ => return fault(format!("key set `{id}` must have exactly one of `local.file` and `local.data`")),
    };
    let (optional_alg, optional_kid) = (optional_alg.unwrap_or(false), optional_kid.unwrap_or(false));
    if format == Format::Pem && !(optional_alg && optional_kid) {
        return fault(format!(
            "key set `{id}` is PEM, whose keys name neither themselves nor their algorithm: it needs \
             `insecure.optionalAlg` and `insecure.optionalKid`"
        ));
    }
    Some(KeySet { id, source, optional_alg, optional_kid })
}

fn url(text: &str) -> Result<http::Uri, String> {
    let parsed: Option<http::Uri> = text.parse().ok();
    let web = |u: &http::Uri| matches!(u.scheme_str(), Some("http" | "https")) && u.host().is_some();
    parsed.filter(web).ok_or_else(|| "expected a URL such as `https://example.com/.well-known/jwks.json`".to_owned())
}
