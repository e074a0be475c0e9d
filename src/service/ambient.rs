//! What surrounds a call and is no part of its question: who calls, for the audit log, and the span it belongs to. It
//! travels with the task that serves the call, so that no protocol has to hand it on.

use std::sync::Arc;

use crate::audit::Caller;
use crate::telemetry::Span;

tokio::task_local! {
    static AMBIENT: Ambient;
}

/// What surrounds a call.
#[derive(Clone, Debug, Default)]
pub struct Ambient {
    /// Who calls, if there is an audit log.
    pub caller: Option<Arc<Caller>>,
    /// The span of the call, if there is one that is wanted.
    pub span: Option<Span>,
    /// The call has many parts, and each is a question of its own.
    pub in_parts: bool,
}

impl Ambient {
    /// What surrounds the running task; nothing outside of a call.
    #[must_use]
    pub fn current() -> Self {
        AMBIENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Serves a call within.
    pub async fn serve<F: Future>(self, call: F) -> F::Output {
        AMBIENT.scope(self, call).await
    }

    /// Does something within, at once.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        AMBIENT.sync_scope(self.clone(), work)
    }
}
