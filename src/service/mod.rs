//! One request, whatever protocol it came by: a turn gets one snapshot, one clock reading and one arena, decodes,
//! is checked against the limits, decides, and encodes. [`failure`] says what becomes of everything that goes wrong.
//!
//! What may not enter: transports, wire formats (they come in as closures), verdicts of its own. Nothing here locks,
//! waits, writes or logs, but for a panic that was caught, and what [`crate::identity`] remembers of tokens.

mod arena;
pub mod failure;
mod ids;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use bumpalo::Bump;
use tokio::sync::watch;

pub use failure::{Code, Denial, Failure};
pub use ids::Id;

use crate::cel::value::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::request::{AuxData, Request};
use crate::engine::{Params, Seen, Semantics, Wants, decide, decide_seen};
use crate::identity::Identity;
use crate::plan::{Plan, plan};
use crate::store::{Snapshot, Store};
use crate::telemetry::{Metrics, PolicyFacts};
use crate::toolcall::explain::Redaction;
use crate::wire::limits::Limits;
use crate::wire::message::Tokens;
use crate::wire::reply::Verdict;

/// What a service is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What decisions depend on.
    pub params: Params,
    /// What one message may cost.
    pub wire: Limits,
    /// Actions that may be asked about one resource.
    pub max_actions: usize,
    /// Resources of a request, or calls of a batch.
    pub max_resources: usize,
    /// What stands before a server's name in the kind of a tool call.
    pub kind_prefix: String,
    /// The name of the semantics, for people.
    pub semantics: &'static str,
    /// Values that traces do not show.
    pub redaction: Redaction,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            params: Params::default(),
            wire: Limits::default(),
            max_actions: 50,
            max_resources: 50,
            kind_prefix: "mcp::".into(),
            semantics: "toolgate",
            redaction: Redaction::new(&[]),
        }
    }
}

/// Decides requests from the policies of a store.
#[derive(Debug)]
pub struct Service {
    store: Store,
    settings: Settings,
    identity: Identity,
    metrics: Metrics,
    draining: watch::Sender<bool>,
}

/// What one request works with, from its first byte to its last.
pub struct Turn<'a> {
    /// Where everything of this request lives.
    pub bump: &'a Bump,
    /// The policies: the same for all of this request.
    pub snapshot: &'a Snapshot,
    /// The settings.
    pub settings: &'a Settings,
    /// The one clock reading.
    pub now: SystemTime,
    identity: &'a Identity,
    metrics: &'a Metrics,
}

impl Service {
    /// A service over a store.
    #[must_use]
    pub fn new(store: Store, settings: Settings) -> Self {
        let identity = Identity::default();
        Self { store, settings, identity, metrics: Metrics::default(), draining: watch::Sender::new(false) }
    }

    /// The same service, with keys to verify tokens.
    #[must_use]
    pub fn with_identity(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// What verifies tokens.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Answers one request. `answer` decodes, decides and encodes; what it gives may not hold on to the turn.
    ///
    /// # Errors
    /// What keeps the request from being decided, a panic included.
    pub fn answer<T>(&self, answer: impl FnOnce(&Turn<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let now = SystemTime::now();
        let snapshot = self.store.snapshot();
        let work = |bump: &Bump| {
            let (settings, identity, metrics) = (&self.settings, &self.identity, &self.metrics);
            let turn = Turn { bump, snapshot: &snapshot, settings, now, identity, metrics };
            answer(&turn)
        };
        let result = catch_unwind(AssertUnwindSafe(|| arena::with_arena(work))).unwrap_or_else(|_| {
            self.metrics.panicked();
            tracing::error!(revision = %snapshot.revision, "a decision panicked and was answered with an error");
            Err(Failure::Panicked)
        });
        match &result {
            Ok(_) => self.metrics.decided(now.elapsed().unwrap_or_default()),
            Err(_) => self.metrics.refused(),
        }
        result
    }

    /// Where policies come from.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Metrics as Prometheus reads them.
    #[must_use]
    pub fn render_metrics(&self) -> String {
        let status = self.store.status();
        self.metrics.render(PolicyFacts {
            revision: status.revision.clone(),
            loaded_at: status.loaded_at,
            refreshed_at: status.refreshed_at,
            degraded: status.failure.is_some(),
            polls: status.polls,
            sync_errors: status.sync_errors,
        })
    }

    /// From now on the service is not healthy, though it goes on deciding what still comes.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// True once [`Service::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Tells when [`Service::drain`] is called.
    #[must_use]
    pub fn on_drain(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }
}

impl<'a> Turn<'a> {
    /// Checks the number of resources, or calls, of a request.
    ///
    /// # Errors
    /// If there are more than may be.
    pub fn limit_resources(&self, count: usize) -> Result<(), Failure> {
        let limit = self.settings.max_resources;
        if count > limit { Err(Failure::TooManyResources { count, limit }) } else { Ok(()) }
    }

    /// Checks the number of calls of a batch.
    ///
    /// # Errors
    /// If there are more than may be.
    pub fn limit_calls(&self, count: usize) -> Result<(), Failure> {
        let limit = self.settings.max_resources;
        if count > limit { Err(Failure::TooManyCalls { count, limit }) } else { Ok(()) }
    }

    /// Checks the number of actions asked about one resource.
    ///
    /// # Errors
    /// If there are more than may be.
    pub fn limit_actions(&self, count: usize) -> Result<(), Failure> {
        let limit = self.settings.max_actions;
        if count > limit { Err(Failure::TooManyActions { count, limit }) } else { Ok(()) }
    }

    /// The claims of the tokens that came with a request.
    ///
    /// # Errors
    /// If one of the tokens cannot be verified. The caller is not told why.
    pub fn claims(&self, tokens: Option<&Tokens<'a>>) -> Result<AuxData<'a>, Failure> {
        let Some(tokens) = tokens.filter(|t| t.jwt.is_some() || !t.jwts.is_empty()) else { return Ok(AuxData::EMPTY) };
        self.identity.verify(tokens, self.now, self.bump).map_err(|_| Failure::AuxData)
    }

    /// Decides one request.
    #[must_use]
    pub fn decide(&self, request: &Request<'a>, wants: Wants) -> Decision<'a> {
        decide(&self.snapshot.table, &self.settings.params, request, Some(timestamp(self.now)), wants, self.bump)
    }

    /// Plans one request; with `explain`, says what was worked out and why.
    ///
    /// # Errors
    /// If there is no plan.
    pub fn plan(&self, request: &Request<'a>, explain: bool) -> Result<Plan<'a>, Failure> {
        self.plan_with(request, &[], explain)
    }

    /// The same where the attributes named by `maps` are maps that hold nobody knows what.
    ///
    /// # Errors
    /// If there is no plan.
    pub fn plan_with(&self, request: &Request<'a>, maps: &[&'a str], explain: bool) -> Result<Plan<'a>, Failure> {
        let (params, now) = (&self.settings.params, Some(timestamp(self.now)));
        let planned = plan(&self.snapshot.table, params, request, maps, now, explain, self.bump);
        planned.map_err(|why| match params.semantics {
            Semantics::Safe => Failure::NoPlan(why),
            Semantics::Cerbos | Semantics::CerbosStrict => Failure::PlanFailed,
        })
    }

    /// Decides one request and keeps what was asked on the way.
    #[must_use]
    pub fn decide_seen(&self, request: &Request<'a>) -> (Decision<'a>, &'a [Seen<'a>]) {
        decide_seen(&self.snapshot.table, &self.settings.params, request, Some(timestamp(self.now)), self.bump)
    }

    /// Counts the answers of a decision that go out as they are.
    pub fn count_effects(&self, decision: &Decision<'_>) {
        for action in decision.actions {
            self.metrics.effect(action.effect);
        }
    }

    /// Counts one verdict about a tool call.
    pub fn count(&self, verdict: Verdict) {
        self.metrics.verdict(verdict);
    }

    /// Counts one of several questions that could not be decided.
    pub fn count_refused(&self) {
        self.metrics.refused();
    }

    /// A new id for this turn.
    #[must_use]
    pub fn new_id(&self) -> Id {
        Id::new(self.now)
    }
}

/// A system time as expressions see it: in UTC. A clock before 1970 reads as 1970.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: since.subsec_nanos(),
        offset_minutes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::CompileOptions;

    fn service() -> Service {
        let store = Store::in_memory(Vec::new(), &CompileOptions::default()).unwrap();
        Service::new(store, Settings::default())
    }

    #[test]
    fn a_panic_is_an_error_and_the_next_request_is_served() {
        let service = service();
        let caught: Result<(), Failure> = service.answer(|turn| {
            turn.bump.alloc(1);
            panic!("as intended by this test");
        });
        assert_eq!(caught, Err(Failure::Panicked));
        assert_eq!(service.answer(|_| Ok(1)), Ok(1));
        let metrics = service.render_metrics();
        assert!(metrics.contains("toolgate_panics_total 1") && metrics.contains("toolgate_refused_requests_total 1"));
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let service = service();
        let _ = service.answer(|turn| {
            assert_eq!(turn.limit_resources(50), Ok(()));
            assert_eq!(turn.limit_resources(51), Err(Failure::TooManyResources { count: 51, limit: 50 }));
            assert_eq!(turn.limit_actions(50), Ok(()));
            assert_eq!(turn.limit_actions(51), Err(Failure::TooManyActions { count: 51, limit: 50 }));
            assert_eq!(turn.limit_calls(51), Err(Failure::TooManyCalls { count: 51, limit: 50 }));
            Ok(())
        });
    }
}
