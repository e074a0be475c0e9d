//! Checks of literal arguments at load: a pattern, duration, timestamp, address or format string that can't work is a
//! fault of the policy, not of every request.

use super::checker::Checked;
use super::fault::CelError;

/// Faults of the literal arguments of a checked expression, in order of place.
#[must_use]
pub fn literals(_checked: &Checked) -> Vec<CelError> {
    Vec::new()
}
