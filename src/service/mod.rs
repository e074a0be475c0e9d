//! One request, whatever protocol it came by: a turn gets one snapshot, one clock reading and one arena, decodes,
//! is checked against the limits, decides, and encodes. [`failure`] says what becomes of everything that goes wrong.
//!
//! Every decision is put down for the audit log here, if there is one: protocols have nothing to do for it but to say
//! what the request says of itself ([`Turn::describe`]) and, of a tool call, what its verdict is
//! ([`Turn::conclude`]).
//!
//! What may not enter: transports, wire formats (they come in as closures), verdicts of its own. Nothing here locks,
//! waits, writes or logs, but for a panic that was caught, and what [`crate::identity`] remembers of tokens.

mod ambient;
mod arena;
pub mod failure;
mod ids;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bumpalo::Bump;
use tokio::sync::watch;

pub use ambient::Ambient;
pub use failure::{Code, Denial, Failure};
pub use ids::Id;

use crate::audit::{About, Audit, Record, ToolFacts};
use crate::cel::value::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::request::{AuxData, Request};
use crate::engine::{Params, Seen, Semantics, Wants, decide, decide_seen, policies_of};
use crate::identity::Identity;
use crate::plan::{Plan, plan};
use crate::store::{Snapshot, Store};
use crate::telemetry::{AuditFacts, Metrics, PolicyFacts, Span, Tracing, Work};
use crate::toolcall::Reason;
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
    audit: Option<Arc<Audit>>,
    tracing: Option<Arc<Tracing>>,
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
    /// Where decisions are put down, if they are.
    record: Option<&'a Record<'a>>,
    span: Option<&'a Span>,
    work: &'a Cell<Work>,
    call: Cell<Option<Id>>,
    /// The call's id is a decision's.
    identified: Cell<bool>,
}

impl Service {
    /// A service over a store.
    #[must_use]
    pub fn new(store: Store, settings: Settings) -> Self {
        let identity = Identity::default();
        let (metrics, draining) = (Metrics::default(), watch::Sender::new(false));
        Self { store, settings, identity, metrics, audit: None, tracing: None, draining }
    }

    /// The same service, with keys to verify tokens.
    #[must_use]
    pub fn with_identity(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// The same service, with an audit log.
    #[must_use]
    pub fn with_audit(self, audit: Arc<Audit>) -> Self {
        Self { audit: Some(audit), ..self }
    }

    /// The same service, with spans of its calls.
    #[must_use]
    pub fn with_tracing(self, tracing: Arc<Tracing>) -> Self {
        Self { tracing: Some(tracing), ..self }
    }

    /// What spans of calls are made with, if they are.
    #[must_use]
    pub fn tracing(&self) -> Option<&Arc<Tracing>> {
        self.tracing.as_ref()
    }

    /// The audit log, if there is one.
    #[must_use]
    pub fn audit(&self) -> Option<&Arc<Audit>> {
        self.audit.as_ref()
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
        let asked = Cell::new(Work::default());
        let work = |bump: &Bump| {
            let (settings, identity, metrics) = (&self.settings, &self.identity, &self.metrics);
            let turn = |record, span, call| Turn {
                work: &asked,
                bump,
                snapshot: &snapshot,
                settings,
                now,
                identity,
                metrics,
                record,
                span,
                call: Cell::new(call),
                identified: Cell::new(false),
            };
            if self.audit.is_none() && self.tracing.is_none() {
                return answer(&turn(None, None, None));
            }
            let ambient = Ambient::current();
            let span = ambient.span.as_ref();
            let Some(audit) = &self.audit else { return answer(&turn(None, span, None)) };
            if audit.is_down() {
                return Err(Failure::Unaudited);
            }
            let own = ambient.caller.as_ref().filter(|_| !ambient.in_parts).map(|c| Id::from_bytes(c.id()));
            let id = own.unwrap_or_else(|| Id::new(now));
            let record = Record::new(audit, ambient.caller.clone(), id.bytes(), &snapshot.revision);
            let answered = answer(&turn(Some(&record), span, Some(id)))?;
            let _writing = span.map(|s| s.child("audit.WriteDecisionLog"));
            record.finish().map_err(|_| Failure::Unaudited)?;
            Ok(answered)
        };
        let result = catch_unwind(AssertUnwindSafe(|| arena::with_arena(work))).unwrap_or_else(|_| {
            self.metrics.panicked();
            tracing::error!(revision = %snapshot.revision, "a decision panicked and was answered with an error");
            Err(Failure::Panicked)
        });
        match &result {
            Ok(_) => self.metrics.answered(now.elapsed().unwrap_or_default(), asked.get()),
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
        let facts = PolicyFacts {
            revision: status.revision.clone(),
            loaded_at: status.loaded_at,
            refreshed_at: status.refreshed_at,
            degraded: status.failure.is_some(),
            polls: status.polls,
            sync_errors: status.sync_errors,
            policies: self.store.snapshot().policies,
            tokens: self.identity.remembered(),
        };
        let audit = self.audit.as_ref().map(|audit| {
            let facts = audit.facts();
            AuditFacts {
                waiting: facts.waiting,
                waiting_bytes: facts.waiting_bytes,
                written: facts.written,
                lost: facts.lost,
                failing: facts.failing,
            }
        });
        self.metrics.render(facts, audit)
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
        let _extracting = self.span.map(|s| s.child("aux_data.Extract"));
        self.identity.verify(tokens, self.now, self.bump).map_err(|_| Failure::AuxData)
    }

    /// Decides one request.
    #[must_use]
    pub fn decide(&self, request: &Request<'a>, wants: Wants) -> Decision<'a> {
        let snapshot = self.snapshot;
        let decision = self.judge(request, wants);
        self.work.set(self.work.get().and_a_check());
        self.metrics.decided(&snapshot.table, &snapshot.revision, request.resource.kind, &decision);
        decision
    }

    fn judge(&self, request: &Request<'a>, wants: Wants) -> Decision<'a> {
        let (table, params, now) = (&self.snapshot.table, &self.settings.params, Some(timestamp(self.now)));
        let _checking = self.checking(request);
        let Some(record) = self.recorded() else { return decide(table, params, request, now, wants, self.bump) };
        let wants = Wants { derived_roles: true, policies: true, ..wants };
        let decision = decide(table, params, request, now, wants, self.bump);
        note(record, request, &decision);
        decision
    }

    /// A span for a decision, if the call has one.
    fn checking(&self, request: &Request<'_>) -> Option<Span> {
        let span = self.span?.child("engine.Check");
        span.set("cerbos.request.resource_id", request.resource.id.to_owned());
        span.set("cerbos.policy.name", request.resource.kind.to_owned());
        Some(span)
    }

    /// Notes for the audit log what the request says of itself. Comes before its questions are decided.
    pub fn describe(&self, about: &About<'_>) {
        if let Some(record) = self.record {
            record.describe(about);
        }
        if let Some(span) = self.span.filter(|_| !about.request_id.is_empty()) {
            span.set("cerbos.request.id", about.request_id.to_owned());
        }
    }

    /// Notes for the audit log the verdict on a tool call, to which the questions belong that were decided since the
    /// last one.
    pub fn conclude(&self, id: Id, facts: &ToolFacts<'_>) {
        if let Some(record) = self.recorded() {
            record.tool_call(id.bytes(), facts);
        }
    }

    /// Notes for the audit log that a part of the request could not be decided.
    pub fn conclude_refused(&self, id: Id, call_id: &str, failure: &Failure) {
        if let Some(record) = self.recorded() {
            record.refused(id.bytes(), call_id, &failure.to_string());
        }
    }

    /// Whether decisions are put down for the audit log.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded().is_some()
    }

    fn recorded(&self) -> Option<&'a Record<'a>> {
        self.record.filter(|r| r.keeps_decisions())
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
        self.work.set(Work::Plans);
        let _planning = self.span.map(|s| s.child("engine.Plan"));
        let planned = plan(&self.snapshot.table, params, request, maps, now, explain, self.bump);
        if let (Some(record), Ok(plan)) = (self.recorded(), &planned) {
            record.plan(request, plan, policies_of(&self.snapshot.table, params, request, self.bump));
        }
        planned.map_err(|why| match params.semantics {
            Semantics::Safe => Failure::NoPlan(why),
            Semantics::Cerbos | Semantics::CerbosStrict => Failure::PlanFailed,
        })
    }

    /// Decides one request and keeps what was asked on the way.
    #[must_use]
    pub fn decide_seen(&self, request: &Request<'a>) -> (Decision<'a>, &'a [Seen<'a>]) {
        let (snapshot, params, now) = (self.snapshot, &self.settings.params, Some(timestamp(self.now)));
        let _checking = self.checking(request);
        let (decision, seen) = decide_seen(&snapshot.table, params, request, now, self.bump);
        if let Some(record) = self.recorded() {
            note(record, request, &decision);
        }
        self.work.set(self.work.get().and_a_check());
        self.metrics.decided(&snapshot.table, &snapshot.revision, request.resource.kind, &decision);
        (decision, seen)
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

    /// The id of the call, by which its rows in the audit log are found. The same for all of this turn.
    #[must_use]
    pub fn call_id(&self) -> Id {
        let id = self.call.get().unwrap_or_else(|| self.new_id());
        self.call.set(Some(id));
        id
    }

    /// The id of the next decision about a tool call: that of the call for the first, and new ones for others.
    #[must_use]
    pub fn decision_id(&self) -> Id {
        if self.identified.replace(true) { self.new_id() } else { self.call_id() }
    }

    /// A new id for a part of this turn.
    #[must_use]
    pub fn new_id(&self) -> Id {
        Id::new(self.now)
    }
}

/// Keeps a decision for the audit log.
fn note<'a>(record: &Record<'a>, request: &Request<'a>, decision: &Decision<'a>) {
    record.check(request, decision, |n| {
        let result = decision.actions.get(n);
        result.map_or_else(String::new, |result| Reason { request, decision, result }.to_string())
    });
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
