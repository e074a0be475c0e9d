//! Metrics as Prometheus reads them; the one place that names `prometheus-client`. Names are the reference's where the
//! meaning is the same.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::metrics::{BATCH_BOUNDS, BOUNDS, Metrics, REFERENCE_BOUNDS, Totals};
use super::process;

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
    /// Policies that take part in decisions.
    pub policies: usize,
    /// Tokens that are remembered as verified.
    pub tokens: u64,
}

/// What metrics say about the audit log, if there is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFacts {
    /// Rows that wait to be written.
    pub waiting: usize,
    /// Bytes of them.
    pub waiting_bytes: usize,
    /// Rows written: of calls, of decisions.
    pub written: [u64; 2],
    /// Rows lost.
    pub lost: [u64; 2],
    /// It cannot be written at the moment.
    pub failing: bool,
}

type NoLabels = [(&'static str, &'static str); 0];

impl Metrics {
    /// The content type of [`Metrics::render`].
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Everything there is to say now.
    #[must_use]
    pub fn render(&self, policies: PolicyFacts, audit: Option<AuditFacts>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape {
            totals: self.totals(),
            kinds: self.kinds.totals(),
            policies,
            audit,
        }));
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &registry);
        out
    }
}

#[derive(Debug)]
struct Scrape {
    totals: Totals,
    kinds: Vec<(Box<str>, [u64; 2])>,
    policies: PolicyFacts,
    audit: Option<AuditFacts>,
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
        self.engine(to)?;
        self.policies(to)?;
        self.audit(to)?;
        for (name, help, grows, value) in process::figures() {
            if grows {
                counter_of(to, name, help)?.encode_counter::<NoLabels, _, u64>(&value, None)?;
            } else {
                gauge_of(to, name, help)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

impl Scrape {
    fn engine(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Answers of the engine by kind of resource; the kind is empty where no policy speaks of it";
        let mut by_kind = counter_of(to, "toolgate_engine_decisions", help)?;
        for (kind, counts) in &self.kinds {
            for (effect, count) in ["allow", "deny"].iter().zip(counts) {
                let labels = [("kind", &**kind), ("effect", *effect)];
                by_kind.encode_family(&labels)?.encode_counter::<NoLabels, _, u64>(count, None)?;
            }
        }
        for (name, help, (counts, nanos)) in [
            (
                "cerbos_dev_engine_check_latency_milliseconds",
                "Time to answer a request for decisions",
                self.totals.checks,
            ),
            ("cerbos_dev_engine_plan_latency_milliseconds", "Time to produce a query plan", self.totals.plans),
        ] {
            let bound = |b: &u64| if *b == u64::MAX { f64::INFINITY } else { *b as f64 / 1e6 };
            let buckets: Vec<(f64, u64)> = REFERENCE_BOUNDS.iter().map(bound).zip(counts).collect();
            to.encode_descriptor(name, help, None, MetricType::Histogram)?
                .encode_family(&[("status", "success")])?
                .encode_histogram::<NoLabels>(nanos as f64 / 1e6, counts.iter().sum(), &buckets, None)?;
        }
        let (counts, sum) = self.totals.batches;
        let bound = |b: &u64| if *b == u64::MAX { f64::INFINITY } else { *b as f64 };
        let buckets: Vec<(f64, u64)> = BATCH_BOUNDS.iter().map(bound).zip(counts).collect();
        let help = "Batch size distribution of check requests";
        to.encode_descriptor("cerbos_dev_engine_check_batch_size", help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabels>(sum as f64, counts.iter().sum(), &buckets, None)
    }

    fn audit(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(audit) = self.audit else { return Ok(()) };
        for (name, help, counts) in [
            ("toolgate_audit_entries_written", "Rows of the audit log that were written", audit.written),
            ("toolgate_audit_entries_lost", "Rows of the audit log that were not written", audit.lost),
            ("cerbos_dev_audit_error_count", "Rows of the audit log that were not written", audit.lost),
        ] {
            let mut family = counter_of(to, name, help)?;
            for (kind, count) in ["access", "decision"].iter().zip(counts) {
                family.encode_family(&[("kind", *kind)])?.encode_counter::<NoLabels, _, u64>(&count, None)?;
            }
        }
        for (name, help, value) in [
            ("toolgate_audit_queue_entries", "Rows that wait to be written", audit.waiting),
            ("toolgate_audit_queue_bytes", "Bytes that wait to be written", audit.waiting_bytes),
            ("toolgate_audit_failing", "1 while the audit log cannot be written", usize::from(audit.failing)),
        ] {
            gauge_of(to, name, help)?.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }

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
        let count = i64::try_from(policies.policies).unwrap_or(i64::MAX);
        gauge_of(to, "cerbos_dev_index_entry_count", "Number of entries in the index")?.encode_gauge(&count)?;
        let tokens = i64::try_from(policies.tokens).unwrap_or(i64::MAX);
        gauge_of(to, "cerbos_dev_cache_live_objects", "Number of live objects in the cache")?
            .encode_family(&[("kind", "jwt")])?
            .encode_gauge(&tokens)?;
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
    use crate::telemetry::Work;
    use crate::wire::reply::Verdict;

    #[test]
    fn a_scrape_has_every_metric() {
        let metrics = Metrics::default();
        metrics.verdict(Verdict::Allow);
        metrics.verdict(Verdict::Deny);
        metrics.answered(Duration::from_nanos(700), Work::Checks(2));
        metrics.answered(Duration::from_secs(2), Work::Plans);
        let facts = PolicyFacts {
            revision: "abc".into(),
            loaded_at: UNIX_EPOCH,
            refreshed_at: UNIX_EPOCH + Duration::from_millis(5),
            degraded: true,
            polls: 3,
            sync_errors: 2,
            policies: 7,
            tokens: 1,
        };
        let audit = AuditFacts { waiting: 1, waiting_bytes: 2, written: [3, 4], lost: [5, 6], failing: true };
        let text = metrics.render(facts, Some(audit));
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
            "cerbos_dev_engine_check_latency_milliseconds_bucket{le=\"0.01\",status=\"success\"} 1",
            "cerbos_dev_engine_check_latency_milliseconds_count{status=\"success\"} 1",
            "cerbos_dev_engine_plan_latency_milliseconds_bucket{le=\"2000.0\",status=\"success\"} 1",
            "cerbos_dev_engine_check_batch_size_bucket{le=\"2.0\"} 1",
            "cerbos_dev_engine_check_batch_size_sum 2.0",
            "cerbos_dev_index_entry_count 7",
            "cerbos_dev_cache_live_objects{kind=\"jwt\"} 1",
            "cerbos_dev_audit_error_count_total{kind=\"decision\"} 6",
            "toolgate_audit_entries_written_total{kind=\"access\"} 3",
            "toolgate_audit_queue_bytes 2",
            "toolgate_audit_failing 1",
            "process_cpu_seconds_total",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
