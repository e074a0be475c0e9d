//! The step budget of one decision. Every node, loop item, compared element and produced character is charged here, so
//! that no expression runs longer or allocates more than the operator allows.

use std::cell::Cell;

use super::error::EvalError;

/// Steps a decision may take when nothing else is configured.
pub const DEFAULT_STEPS: u64 = 100_000;

/// How deep values may nest before comparing or printing them gives up. Requests and policies stay far below; only
/// chains of variables that wrap each other come here.
pub const MAX_VALUE_DEPTH: u32 = 400;

/// A counter that only goes down. Once empty it stays empty.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
    limit: u64,
    exhausted: Cell<bool>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_STEPS)
    }
}

impl Budget {
    /// A budget of `limit` steps.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { left: Cell::new(limit), limit, exhausted: Cell::new(false) }
    }

    /// Takes `steps`; an error, now and ever after, if that is more than is left.
    #[inline]
    pub fn charge<'a>(&self, steps: u64) -> Result<(), EvalError<'a>> {
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.exhaust()),
        }
    }

    /// Takes one step per element of something.
    #[inline]
    pub fn charge_len<'a>(&self, len: usize) -> Result<(), EvalError<'a>> {
        self.charge(len as u64)
    }

    #[cold]
    fn exhaust<'a>(&self) -> EvalError<'a> {
        self.left.set(0);
        self.exhausted.set(true);
        EvalError::BUDGET
    }

    /// True once a charge failed.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    /// Steps taken so far.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.limit.saturating_sub(self.left.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticks_when_empty() {
        let budget = Budget::new(3);
        assert!(budget.charge(2).is_ok());
        assert_eq!(budget.used(), 2);
        assert!(budget.charge(2).is_err());
        assert!(budget.charge(1).is_err(), "what was left is gone");
        assert!(budget.is_exhausted());
    }
}
