//! Contenders timed in one process: short rounds in turn, so that what disturbs the machine disturbs all of them, and
//! the median of the rounds.

#![cfg_attr(not(feature = "engines"), allow(dead_code, reason = "only rows in process have contenders"))]

use std::time::Instant;

/// One way to do the same work. The argument counts up: the n-th piece of work.
pub struct Contender<'c> {
    pub name: &'static str,
    work: Box<dyn FnMut(usize) + 'c>,
    pieces: usize,
}

/// What one contender took.
pub struct Taken {
    pub name: &'static str,
    /// Median over the rounds, nanoseconds a piece.
    pub nanos: f64,
}

const ROUNDS: usize = 9;
/// A round is long enough for the clock, and short enough to be between two disturbances.
const ROUND_NANOS: u128 = 20_000_000;

impl<'c> Contender<'c> {
    /// The name, and the work on the n-th piece.
    pub fn new(name: &'static str, work: impl FnMut(usize) + 'c) -> Self {
        Self { name, work: Box::new(work), pieces: 0 }
    }

    fn round(&mut self, pieces: usize) -> f64 {
        let start = Instant::now();
        for n in 0..pieces {
            (self.work)(n);
        }
        start.elapsed().as_nanos() as f64 / pieces as f64
    }
}

/// Has the contenders work in turn.
pub fn race(mut contenders: Vec<Contender<'_>>) -> Vec<Taken> {
    for contender in &mut contenders {
        let each = contender.round(512).max(1.0);
        contender.pieces = ((ROUND_NANOS as f64 / each) as usize).max(512);
    }
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, rounds) in contenders.iter_mut().zip(&mut rounds) {
            rounds.push(contender.round(contender.pieces));
        }
    }
    contenders.iter().zip(rounds).map(|(c, r)| Taken { name: c.name, nanos: median(r) }).collect()
}

/// The middle of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
