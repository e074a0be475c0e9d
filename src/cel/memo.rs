//! What a frame remembers: a table of cells in the arena that costs nothing until it is used.

use std::cell::{Cell, OnceCell};

use bumpalo::Bump;

/// Cells that are made together on first use: as many as most policies need.
const FIRST: usize = 48;
const CHUNK: usize = 16;

type Chunk<'a, T> = &'a [Cell<Option<T>>];

/// `len` cells: the first [`FIRST`] side by side, the others in chunks, each made when first asked for.
#[derive(Debug)]
pub struct Memo<'a, T: Copy> {
    first: Cell<Chunk<'a, T>>,
    chunks: OnceCell<&'a [Cell<Option<Chunk<'a, T>>>]>,
    len: usize,
}

impl<'a, T: Copy> Memo<'a, T> {
    /// An empty table.
    pub fn new(len: usize) -> Self {
        Self { first: Cell::new(&[]), chunks: OnceCell::new(), len }
    }

    /// Number of cells.
    pub fn size(&self) -> usize {
        self.len
    }

    /// What cell `i` holds, if anything.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub fn known(&self, i: u32) -> Option<T> {
        match self.first.get().get(i as usize) {
            Some(cell) => cell.get(),
            None if (i as usize) < FIRST => None,
            None => self.chunks.get()?.get(i as usize / CHUNK)?.get()?.get(i as usize % CHUNK)?.get(),
        }
    }

    /// Cell `i`; `None` beyond the end.
    #[inline]
    pub fn cell(&self, i: u32, bump: &'a Bump) -> Option<&'a Cell<Option<T>>> {
        match self.first.get().get(i as usize) {
            Some(cell) => Some(cell),
            None => self.make(i as usize, bump),
        }
    }

    #[inline(never)]
    fn make(&self, i: usize, bump: &'a Bump) -> Option<&'a Cell<Option<T>>> {
        if i < FIRST {
            let first: Chunk<'a, T> = bump.alloc_slice_fill_with(self.len.min(FIRST), |_| Cell::new(None));
            self.first.set(first);
            return first.get(i);
        }
        let chunks =
            self.chunks.get_or_init(|| bump.alloc_slice_fill_with(self.len.div_ceil(CHUNK), |_| Cell::new(None)));
        let slot = chunks.get(i / CHUNK)?;
        let chunk = slot.get().unwrap_or_else(|| {
            let chunk: Chunk<'a, T> = bump.alloc_slice_fill_with(CHUNK, |_| Cell::new(None));
            slot.set(Some(chunk));
            chunk
        });
        chunk.get(i % CHUNK)
    }
}
