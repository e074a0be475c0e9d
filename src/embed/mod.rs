//! The PDP in a program of one's own: a policy directory opened, calls decided in process, without a socket between.
//!
//! A gateway written in Rust gets here what the server gives, by the same code: a decision from one snapshot and one clock
//! reading, budgets and limits, panics caught and answered with an error, hot reload that never applies half a change.
//! What may not enter: anything that decides. A [`Call`] becomes the message that the protocols decode to, and the reply
//! an owned [`Answer`].

mod answer;
mod builder;
mod call;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

pub use answer::{Answer, CallError, Output};
pub use builder::{Builder, OpenError};
pub use call::{Agent, Call, Identity};

use crate::protocols;
use crate::service::{Failure, Service};
use crate::store::{Outcome, Status};
use crate::wire::encode;
use bumpalo::collections::Vec as BumpVec;

/// A policy decision point in process. Cheap to clone; all clones share policies, caches and metrics.
///
/// ```
/// use toolgate::{Call, Identity, Pdp, Verdict};
///
/// let pdp = Pdp::open("policies")?;
/// let answer = pdp.decide(&Call {
///     identity: Identity { id: "alice", roles: &["agent"], ..Identity::default() },
///     server: "filesystem",
///     tool: "write_file",
///     arguments: br#"{"path": "/etc/passwd", "content": "x"}"#,
///     ..Call::default()
/// })?;
/// assert_eq!(answer.verdict, Verdict::Deny);
/// assert!(!answer.is_allowed() && answer.rule == "write-path");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pdp {
    service: Arc<Service>,
}

impl Pdp {
    /// Opens a policy directory with the defaults: our semantics, hot reload, the server's limits.
    ///
    /// # Errors
    /// Everything that is wrong with the policies; a PDP never starts on a broken set.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::builder(directory).open()
    }

    /// The same with options.
    pub fn builder(directory: impl Into<PathBuf>) -> Builder {
        Builder::new(directory.into())
    }

    /// Decides one call. Takes microseconds, waits for nothing, and may be called from any number of threads.
    ///
    /// # Errors
    /// What keeps the call from being decided: a part that is missing, JSON that is none, a limit, a defect of ours.
    /// Treat every error as a denial.
    pub fn decide(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        self.service.answer(|turn| {
            let asked = call.read(turn.bump, turn.settings.wire)?;
            Ok(Answer::own(&protocols::decide(turn, &asked)?))
        })
    }

    /// Decides several calls under one snapshot and one clock reading, in order. What is wrong with one of them is in its
    /// own answer, as [`Answer::error`], and its verdict a denial.
    ///
    /// # Errors
    /// If there are more than the limit allows.
    pub fn decide_all(&self, calls: &[Call<'_>]) -> Result<Vec<Answer>, Failure> {
        self.service.answer(|turn| {
            turn.limit_calls(calls.len())?;
            let mut answers = BumpVec::with_capacity_in(calls.len(), turn.bump);
            for call in calls {
                answers.push(match call.read(turn.bump, turn.settings.wire) {
                    Ok(asked) => protocols::decide_one_of(turn, &asked),
                    Err(failure) => protocols::refused(turn, call.call_id, &failure),
                });
            }
            Ok(answers.iter().map(Answer::own).collect())
        })
    }

    /// Answers the JSON of one call, as `POST /v1/decide` does.
    ///
    /// # Errors
    /// As [`Pdp::decide`].
    pub fn decide_json(&self, question: &[u8]) -> Result<Vec<u8>, Failure> {
        protocols::decide_json(&self.service, question)
    }

    /// Answers a `toolgate.v1.DecideRequest` in protobuf with a `DecideResponse`, as gRPC does.
    ///
    /// # Errors
    /// As [`Pdp::decide`].
    pub fn decide_protobuf(&self, question: &[u8]) -> Result<bytes::Bytes, Failure> {
        self.service.answer(|turn| {
            let asked = crate::wire::protobuf::decide(question, turn.bump, turn.settings.wire)?;
            Ok(encode::decide(&protocols::decide(turn, &asked)?))
        })
    }

    /// Answers the JSON of a Cerbos `CheckResources` request, as `POST /api/check/resources` does.
    ///
    /// # Errors
    /// What keeps the request from being decided.
    pub fn check_resources_json(&self, question: &[u8]) -> Result<Vec<u8>, Failure> {
        protocols::check_resources_json(&self.service, question)
    }

    /// Answers the JSON of a list of tools, as `POST /v1/plan/tools` does: which of them may be used at all.
    ///
    /// # Errors
    /// What keeps the request from being planned.
    pub fn plan_tools_json(&self, question: &[u8]) -> Result<Vec<u8>, Failure> {
        protocols::plan_tools_json(&self.service, question)
    }

    /// Answers the JSON of a Cerbos `PlanResources` request, as `POST /api/plan/resources` does.
    ///
    /// # Errors
    /// What keeps the request from being planned.
    pub fn plan_resources_json(&self, question: &[u8]) -> Result<Vec<u8>, Failure> {
        protocols::plan_resources_json(&self.service, question)
    }

    /// The revision of the policies that decide now.
    #[must_use]
    pub fn revision(&self) -> Box<str> {
        self.service.store().snapshot().revision.clone()
    }

    /// How the policies are doing: since when they serve, and what is wrong with the directory, if anything.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.service.store().status()
    }

    /// Reads the directory now. Blocks for as long as it takes; not for an async task.
    pub fn reload(&self) -> Outcome {
        self.service.store().reload()
    }

    /// Hears of every new status: another revision, a set that cannot be used, one that is in order again. Works with and
    /// without an async runtime.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Status>> {
        self.service.store().subscribe()
    }

    /// The service behind it, for what the protocols do besides: metrics, an [`crate::protocols::App`] to serve.
    #[must_use]
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }
}
