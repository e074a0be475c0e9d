//! What the process says about itself: logs, metrics and, if the environment asks for them, traces. Counting on a
//! request's path is a few atomic additions to memory that the counting thread has nearly for itself. But for traces
//! nothing is ever sent anywhere.

mod exposition;
mod kinds;
mod log;
mod metrics;
mod process;
mod trace;

pub use exposition::{AuditFacts, PolicyFacts};
pub use log::{LogFormat, start_log};
pub use metrics::{Metrics, Totals, Work};
pub use trace::{Span, TraceError, Tracing};
