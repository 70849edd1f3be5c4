//! Buffers that are used again and again: fresh memory costs a page fault for every 4 KiB.
//!
//! A thread keeps its small ones; large ones come from the heap that all threads share.

use super::heap::{Block, MIN_LEN};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Floats in a cache line.
const ALIGNMENT: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of arbitrary contents that starts on a cache line.
pub(super) struct Scratch {
    buffer: Buffer,
    start: usize,
    len: usize,
}

enum Buffer {
    Thread(Vec<f32>),
    Heap(Block),
}

impl Scratch {
    pub(super) fn new(len: usize) -> Self {
        match if len < MIN_LEN { None } else { Block::new(len) } {
            Some(block) => Self { buffer: Buffer::Heap(block), start: 0, len },
            None => Self::of_thread(len),
        }
    }

    /// The smallest free buffer of this thread that is long enough, else the largest, grown.
    fn of_thread(len: usize) -> Self {
        let needed = len + ALIGNMENT;
        let mut buffer = FREE.with_borrow_mut(|free| {
            let fits = |idx: &usize| free[*idx].len() >= needed;
            let best = (0..free.len()).filter(fits).min_by_key(|&idx| free[idx].len());
            let best = best.or_else(|| (0..free.len()).max_by_key(|&idx| free[idx].len()));
            best.map_or_else(Vec::new, |idx| free.swap_remove(idx))
        });
        if buffer.len() < needed {
            buffer = vec![0.0; needed];
        }
        let misplaced = buffer.as_ptr() as usize / size_of::<f32>() % ALIGNMENT;
        let start = (ALIGNMENT - misplaced) % ALIGNMENT;
        Self { buffer: Buffer::Thread(buffer), start, len }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Buffer::Thread(buffer) = &mut self.buffer {
            let buffer = std::mem::take(buffer);
            FREE.with_borrow_mut(|free| free.push(buffer));
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        let buffer = match &self.buffer {
            Buffer::Thread(buffer) => buffer.as_slice(),
            Buffer::Heap(block) => block.as_slice(),
        };
        &buffer[self.start..][..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        let buffer = match &mut self.buffer {
            Buffer::Thread(buffer) => buffer.as_mut_slice(),
            Buffer::Heap(block) => block.as_mut_slice(),
        };
        &mut buffer[self.start..][..self.len]
    }
}

/// A pointer that tasks share, each using elements of its own or only reading.
#[derive(Clone, Copy)]
pub(super) struct Shared<T>(pub(super) T);

// SAFETY: whoever goes through the pointer has to see to it that no two tasks use the same element
// while one of them writes it.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T: Copy> Shared<T> {
    /// The pointer; a method, so that closures capture the whole.
    pub(super) fn get(self) -> T {
        self.0
    }
}
