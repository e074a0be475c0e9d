//! One arena a thread, used over and over. A request takes it, fills it and gives it back empty.

use std::cell::Cell;

use bumpalo::Bump;

/// An arena that grew beyond this is let go, so that one large request does not hold its memory for ever.
const KEEP_BYTES: usize = 1 << 20;
/// Capacity of a fresh arena: enough for an ordinary request.
const FRESH_BYTES: usize = 64 << 10;

thread_local! {
    static SPARE: Cell<Option<Bump>> = const { Cell::new(None) };
}

/// Runs `work` with an empty arena. If `work` panics the arena is dropped with whatever is in it.
pub(super) fn with_arena<T>(work: impl FnOnce(&Bump) -> T) -> T {
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    let mut bump = spare.unwrap_or_else(|| Bump::with_capacity(FRESH_BYTES));
    let result = work(&bump);
    if bump.allocated_bytes() <= KEEP_BYTES {
        bump.reset();
        // During a thread's end there is nowhere to put it.
        let _ = SPARE.try_with(|s| s.set(Some(bump)));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_is_reused_unless_it_grew() {
        let place = |size: usize| with_arena(|b| b.alloc_slice_fill_copy(size, 0_u8).as_ptr() as usize);
        let first = place(10);
        assert_eq!(place(10), first);
        with_arena(|_| {
            // Within a request another one gets another arena.
            assert_ne!(place(10), first);
        });
        with_arena(|b| {
            b.alloc_slice_fill_copy(KEEP_BYTES, 0_u8);
        });
        assert!(SPARE.with(|s| s.take().is_none()));
    }
}
