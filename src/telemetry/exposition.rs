//! Metrics as Prometheus reads them; the one place that names `prometheus-client`. Names are the reference's where the
//! meaning is the same.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::metrics::{BOUNDS, Metrics, Totals};

/// What metrics say about the policies that serve.
#[derive(Clone, Debug)]
pub struct PolicyFacts {
    /// Their revision.
    pub revision: Box<str>,
    /// When they were loaded.
    pub loaded_at: SystemTime,
    /// When the store was last seen to hold just them.
    pub refreshed_at: SystemTime,
    /// What is in the store cannot be loaded.
    pub degraded: bool,
    /// Times the store was read.
    pub polls: u64,
    /// Times what was read could not be loaded.
    pub sync_errors: u64,
}

type NoLabels = [(&'static str, &'static str); 0];

impl Metrics {
    /// The content type of [`Metrics::render`].
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Everything there is to say now.
    #[must_use]
    pub fn render(&self, policies: PolicyFacts) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape { totals: self.totals(), policies }));
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &registry);
        out
    }
}

#[derive(Debug)]
struct Scrape {
    totals: Totals,
    policies: PolicyFacts,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut encoder;
        let totals = &self.totals;
        let mut verdicts = counter_of(to, "toolgate_decisions", "Decisions by verdict")?;
        for (verdict, count) in ["allow", "deny", "ask"].iter().zip(totals.verdicts) {
            verdicts.encode_family(&[("verdict", *verdict)])?.encode_counter::<NoLabels, _, u64>(&count, None)?;
        }
        counter(to, "toolgate_refused_requests", "Requests answered with an error", totals.refusals)?;
        counter(to, "toolgate_panics", "Defects that were caught and answered with an error", totals.panics)?;
        let help = "Time to decode, decide and encode one request";
        let buckets: Vec<(f64, u64)> = BOUNDS
            .iter()
            .zip(totals.buckets)
            .map(|(bound, n)| (if *bound == u64::MAX { f64::INFINITY } else { *bound as f64 / 1e9 }, n))
            .collect();
        to.encode_descriptor("toolgate_decision_duration_seconds", help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabels>(totals.nanos as f64 / 1e9, totals.buckets.iter().sum(), &buckets, None)?;
        self.policies(to)
    }
}

impl Scrape {
    fn policies(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let policies = &self.policies;
        gauge_of(to, "toolgate_policy_revision", "The policy revision that serves, as a label")?
            .encode_family(&[("revision", &*policies.revision)])?
            .encode_gauge(&1_i64)?;
        let age = SystemTime::now().duration_since(policies.loaded_at).unwrap_or_default();
        let help = "Time since the policies that serve were loaded";
        gauge_of(to, "toolgate_policy_age_seconds", help)?.encode_gauge(&age.as_secs_f64())?;
        let help = "1 while what is in the store cannot be loaded";
        let degraded = i64::from(policies.degraded);
        gauge_of(to, "toolgate_policy_degraded", help)?.encode_gauge(&degraded)?;
        let driver = [("driver", "disk")];
        for (name, help, value) in [
            ("cerbos_dev_store_poll_count", "Times the store was read", policies.polls),
            ("cerbos_dev_store_sync_error_count", "Times what was read could not be loaded", policies.sync_errors),
        ] {
            let mut family = counter_of(to, name, help)?;
            family.encode_family(&driver)?.encode_counter::<NoLabels, _, u64>(&value, None)?;
        }
        let refreshed = policies.refreshed_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let help = "When the store was last seen to be what serves, in Unix milliseconds";
        gauge_of(to, "cerbos_dev_store_last_successful_refresh", help)?
            .encode_family(&driver)?
            .encode_gauge(&i64::try_from(refreshed).unwrap_or(i64::MAX))
    }
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    counter_of(to, name, help)?.encode_counter::<NoLabels, _, u64>(&value, None)
}

fn counter_of<'s>(
    to: &'s mut DescriptorEncoder<'_>,
    name: &'s str,
    help: &str,
) -> Result<MetricEncoder<'s>, fmt::Error> {
    to.encode_descriptor(name, help, None, MetricType::Counter)
}

fn gauge_of<'s>(to: &'s mut DescriptorEncoder<'_>, name: &'s str, help: &str) -> Result<MetricEncoder<'s>, fmt::Error> {
    to.encode_descriptor(name, help, None, MetricType::Gauge)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::reply::Verdict;

    #[test]
    fn a_scrape_has_every_metric() {
        let metrics = Metrics::default();
        metrics.verdict(Verdict::Allow);
        metrics.verdict(Verdict::Deny);
        metrics.decided(Duration::from_nanos(700));
        metrics.decided(Duration::from_secs(2));
        let text = metrics.render(PolicyFacts {
            revision: "abc".into(),
            loaded_at: UNIX_EPOCH,
            refreshed_at: UNIX_EPOCH + Duration::from_millis(5),
            degraded: true,
            polls: 3,
            sync_errors: 2,
        });
        for line in [
            "toolgate_decisions_total{verdict=\"allow\"} 1",
            "toolgate_decisions_total{verdict=\"ask\"} 0",
            "toolgate_refused_requests_total 0",
            "toolgate_panics_total 0",
            "toolgate_decision_duration_seconds_bucket{le=\"5e-7\"} 0",
            "toolgate_decision_duration_seconds_bucket{le=\"1.0\"} 1",
            "toolgate_decision_duration_seconds_bucket{le=\"+Inf\"} 2",
            "toolgate_decision_duration_seconds_count 2",
            "toolgate_policy_revision{revision=\"abc\"} 1",
            "toolgate_policy_degraded 1",
            "cerbos_dev_store_poll_count_total{driver=\"disk\"} 3",
            "cerbos_dev_store_sync_error_count_total{driver=\"disk\"} 2",
            "cerbos_dev_store_last_successful_refresh{driver=\"disk\"} 5",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
