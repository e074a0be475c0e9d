//! Key sets at URLs: fetched beside the requests, with limits, never through a redirect. What was fetched last stays in
//! use until the next fetch succeeds; before the first one, requests with such tokens are refused.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::keys::{Keys, MAX_BYTES, Rules};
use super::{Format, REFRESH_INTERVAL};

/// Longest fetch, connecting included.
const PATIENCE: Duration = Duration::from_secs(10);
/// First pause after a fetch that failed; doubles up to the longest.
const RETRY: Duration = Duration::from_secs(1);
/// Longest pause after a fetch that failed.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// What a server may ask for with its cache headers.
const BY_HEADERS: std::ops::RangeInclusive<u64> = 60..=86_400;

/// Keeps one key set fresh.
#[derive(Debug)]
pub struct Refresh {
    id: String,
    url: Uri,
    /// As configured; otherwise what the server's cache headers say.
    interval: Option<Duration>,
    rules: Rules,
    keys: Arc<ArcSwapOption<Keys>>,
}

impl Refresh {
    pub(super) fn new(
        id: &str,
        url: Uri,
        interval: Option<Duration>,
        rules: Rules,
        keys: Arc<ArcSwapOption<Keys>>,
    ) -> Self {
        Self { id: id.to_owned(), url, interval, rules, keys }
    }

    /// Fetches the set once; says how long it may be used.
    ///
    /// # Errors
    /// Why it could not be had. What was there stays.
    pub async fn fetch(&self) -> Result<Duration, String> {
        let fetched = tokio::time::timeout(PATIENCE, get(self.url.clone())).await;
        let (bytes, max_age) = fetched.map_err(|_| format!("no answer within {PATIENCE:?}"))??;
        let keys = Keys::parse(&bytes, Format::Jwks, self.rules)?;
        // The same keys again: what was verified with them stays verified.
        if !self.keys.load().as_ref().is_some_and(|known| known.same(&keys)) {
            self.keys.store(Some(Arc::new(keys)));
        }
        Ok(self.interval.or(max_age).unwrap_or(REFRESH_INTERVAL))
    }

    /// [`Refresh::fetch`], logged; says when to come again.
    pub async fn fetch_and_log(&self, failures: &mut u32) -> Duration {
        match self.fetch().await {
            Ok(pause) => {
                if std::mem::take(failures) > 0 {
                    tracing::info!(key_set = %self.id, "the key set was fetched again");
                }
                pause
            }
            Err(error) => {
                let usable = self.keys.load().is_some();
                tracing::warn!(key_set = %self.id, %error, usable, "a key set could not be fetched");
                let pause = RETRY.saturating_mul(1 << (*failures).min(6)).min(LONGEST_RETRY);
                *failures += 1;
                pause
            }
        }
    }

    /// Fetches again and again, for ever, after a first pause.
    pub async fn run(self, first: Duration, mut failures: u32) {
        let mut pause = first;
        loop {
            tokio::time::sleep(pause).await;
            pause = self.fetch_and_log(&mut failures).await;
        }
    }
}

/// The body of a `200 OK`, and for how long its headers let it be used.
async fn get(url: Uri) -> Result<(Bytes, Option<Duration>), String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .map_err(|e| e.to_string())?
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(url)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("toolgate/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let answer = client.request(request).await.map_err(|e| reasons(&e))?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the server answered {}", answer.status()));
    }
    let max_age = max_age(answer.headers());
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await.map_err(|e| e.to_string())?;
    Ok((body.to_bytes(), max_age))
}

/// An error and what is behind it.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let age = directives.split(',').find_map(|d| d.trim().strip_prefix("max-age="))?;
    let seconds: u64 = age.parse().ok()?;
    Some(Duration::from_secs(seconds.clamp(*BY_HEADERS.start(), *BY_HEADERS.end())))
}
