//! What a frame remembers: a table of cells in the arena that costs nothing until it is used.

use std::cell::{Cell, OnceCell};

use bumpalo::Bump;

/// Cells that are made together on first use: as many as most policies need.
const FIRST: usize = 48;
const CHUNK: usize = 16;

type Chunk<'a, T> = &'a [Cell<Option<T>>];

/// As many cells as whoever fills them says: the first [`FIRST`] side by side, the others in chunks, each made when first
/// written to. How many is no part of it: there is one of these in each frame, and each field takes time to write.
#[derive(Debug)]
pub struct Memo<'a, T: Copy> {
    first: Cell<Chunk<'a, T>>,
    chunks: OnceCell<&'a [OnceCell<Chunk<'a, T>>]>,
}

impl<'a, T: Copy> Memo<'a, T> {
    /// An empty table.
    #[inline]
    pub fn new() -> Self {
        Self { first: Cell::new(&[]), chunks: OnceCell::new() }
    }

    /// What cell `i` holds, if anything.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub fn known(&self, i: u32) -> Option<T> {
        match self.first.get().get(i as usize) {
            Some(cell) => cell.get(),
            None if (i as usize) < FIRST => None,
            None => self.known_far(i as usize),
        }
    }

    /// The same, for the first cells alone.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub fn near(&self, i: u32) -> Option<T> {
        self.first.get().get(i as usize)?.get()
    }

    #[cold]
    fn known_far(&self, i: usize) -> Option<T> {
        self.chunks.get()?.get(i / CHUNK)?.get()?.get(i % CHUNK)?.get()
    }

    /// Fills cell `i` of `len`, which is always the same; nothing beyond the end.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub fn set(&self, i: u32, value: T, len: usize, bump: &'a Bump) {
        match self.first.get().get(i as usize) {
            Some(cell) => cell.set(Some(value)),
            None => self.set_first(i as usize, value, len, bump),
        }
    }

    #[inline(never)]
    fn set_first(&self, i: usize, value: T, len: usize, bump: &'a Bump) {
        let cell = if i < FIRST {
            self.first.set(bump.alloc_slice_fill_with(len.min(FIRST), |_| Cell::new(None)));
            self.first.get().get(i)
        } else {
            let far = || &*bump.alloc_slice_fill_with(len.div_ceil(CHUNK), |_| OnceCell::new());
            let make = || &*bump.alloc_slice_fill_with(CHUNK, |_| Cell::new(None));
            self.chunks.get_or_init(far).get(i / CHUNK).and_then(|chunk| chunk.get_or_init(make).get(i % CHUNK))
        };
        if let Some(cell) = cell {
            cell.set(Some(value));
        }
    }
}
