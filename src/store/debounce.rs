//! When to read the directory after something was heard: once it has been quiet for a while, but not put off for ever
//! by a writer that never rests. Pure: the time is handed in.

use std::time::{Duration, Instant};

/// A change may be put off by at most this many quiet times.
const PATIENCE: u32 = 20;

/// Collects hints until they are due.
#[derive(Debug)]
pub(super) struct Debounce {
    quiet: Duration,
    heard: Option<(Instant, Instant)>,
}

impl Debounce {
    pub(super) fn new(quiet: Duration) -> Self {
        Self { quiet, heard: None }
    }

    /// Something changed at `now`.
    pub(super) fn hear(&mut self, now: Instant) {
        let first = self.heard.map_or(now, |(first, _)| first);
        self.heard = Some((first, now));
    }

    /// When the change is to be read, if one was heard.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.heard?;
        let quiet = last.checked_add(self.quiet);
        let latest = first.checked_add(self.quiet.saturating_mul(PATIENCE));
        match (quiet, latest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    /// The change is being read now.
    pub(super) fn clear(&mut self) {
        self.heard = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_quiet_but_not_for_ever() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut d = Debounce::new(Duration::from_millis(100));
        assert_eq!(d.due(), None);
        d.hear(at(0));
        assert_eq!(d.due(), Some(at(100)));
        d.hear(at(90));
        assert_eq!(d.due(), Some(at(190)));
        for ms in (100..3000).step_by(50) {
            d.hear(at(ms));
        }
        assert_eq!(d.due(), Some(at(2000)));
        d.clear();
        assert_eq!(d.due(), None);
        d.hear(at(5000));
        assert_eq!(d.due(), Some(at(5100)));
    }
}
