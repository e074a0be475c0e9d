//! What a frame remembers: a table of cells in the arena that costs nothing until it is used.

use std::cell::{Cell, OnceCell};

use bumpalo::Bump;

const CHUNK: usize = 16;

type Chunk<'a, T> = &'a [Cell<Option<T>>];

/// `len` cells, made in chunks when first asked for.
#[derive(Debug)]
pub struct Memo<'a, T: Copy> {
    chunks: OnceCell<&'a [Cell<Option<Chunk<'a, T>>>]>,
    len: usize,
}

impl<'a, T: Copy> Memo<'a, T> {
    /// An empty table.
    pub fn new(len: usize) -> Self {
        Self { chunks: OnceCell::new(), len }
    }

    /// Cell `i`; `None` beyond the end.
    #[inline]
    pub fn cell(&self, i: u32, bump: &'a Bump) -> Option<&'a Cell<Option<T>>> {
        let i = i as usize;
        let chunks = match self.chunks.get() {
            Some(chunks) => *chunks,
            None => self.start(bump),
        };
        let slot = chunks.get(i / CHUNK)?;
        let chunk = match slot.get() {
            Some(chunk) => chunk,
            None => Self::fill(slot, bump),
        };
        chunk.get(i % CHUNK)
    }

    #[cold]
    fn start(&self, bump: &'a Bump) -> &'a [Cell<Option<Chunk<'a, T>>>] {
        self.chunks.get_or_init(|| bump.alloc_slice_fill_with(self.len.div_ceil(CHUNK), |_| Cell::new(None)))
    }

    #[cold]
    fn fill(slot: &Cell<Option<Chunk<'a, T>>>, bump: &'a Bump) -> Chunk<'a, T> {
        let chunk: Chunk<'a, T> = bump.alloc_slice_fill_with(CHUNK, |_| Cell::new(None));
        slot.set(Some(chunk));
        chunk
    }
}
