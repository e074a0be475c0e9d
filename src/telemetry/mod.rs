//! What the process says about itself: logs and metrics. Counting on a request's path is a few atomic additions to
//! memory that the counting thread has nearly for itself; nothing is ever sent anywhere.

mod exposition;
mod log;
mod metrics;
mod trace;

pub use exposition::PolicyFacts;
pub use log::{LogFormat, start_log};
pub use metrics::{Metrics, Totals};
pub use trace::{Span, TraceError, Tracing};
