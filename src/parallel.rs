//! The same work over many items on several threads, with results in the order of the items. Results never depend on how many threads there are.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Hears how many of how many items are done.
pub type Progress<'p> = &'p (dyn Fn(usize, usize) + Sync);

/// Threads to use if nobody says otherwise.
#[must_use]
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).max(2)
}

/// `work` for each of `items`, in order.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    progress: Option<Progress<'_>>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    map_with(items, threads, progress, || (), |(), item| work(item))
}

/// The same where each thread has something of its own to work with.
pub fn map_with<T: Sync, R: Send, S>(
    items: &[T],
    threads: usize,
    progress: Option<Progress<'_>>,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        let mut own = start();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else { return };
            let result = work(&mut own, item);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(tell) = progress {
                tell(done, items.len());
            }
        }
    };
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        worker();
    } else {
        // a panic in a worker is one here: a scope passes it on
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(worker);
            }
        });
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_whatever_the_number_of_threads() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [1, 2, 7, 200] {
            let heard = AtomicUsize::new(0);
            let tell = |done: usize, all: usize| {
                assert!(done <= all);
                heard.fetch_add(1, Ordering::Relaxed);
            };
            assert_eq!(map(&items, threads, Some(&tell), |i| i * 2), items.iter().map(|i| i * 2).collect::<Vec<_>>());
            assert_eq!(heard.into_inner(), 100);
        }
        assert!(map(&[], 2, None, |i: &usize| *i).is_empty());
    }
}
