//! Large buffers.
//!
//! A training step writes gigabytes of feature maps and gradients and frees them again. The system's
//! allocator gives blocks of that size back to the kernel, which clears each page anew at its next
//! use; here they stay with the process, on huge pages where there are any.

use std::collections::BTreeMap;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Fewer numbers are left to the allocator.
pub(crate) const MIN_LEN: usize = 1 << 18;

const PAGE: usize = 4096;
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;
/// Addresses reserved at once; memory is taken only when it is written. In one range there is a place
/// for any size, so that hardly more is taken than is in use.
#[cfg(target_pointer_width = "64")]
const RANGE: usize = 1 << 36;
#[cfg(not(target_pointer_width = "64"))]
const RANGE: usize = 1 << 28;
/// The same where addresses are rationed.
const SMALL_RANGE: usize = 1 << 26;

static HEAP: Mutex<Heap> = Mutex::new(Heap { free: BTreeMap::new(), in_use: 0, peak: 0 });

fn heap() -> MutexGuard<'static, Heap> {
    // No code of a caller runs while it is locked.
    HEAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most bytes in use at a time since the last call.
pub fn take_peak_bytes() -> usize {
    let mut heap = heap();
    let in_use = heap.in_use;
    std::mem::replace(&mut heap.peak, in_use)
}

/// Free memory by address, with its length; never unmapped. Neighbours are joined.
struct Heap {
    free: BTreeMap<usize, usize>,
    in_use: usize,
    peak: usize,
}

impl Heap {
    /// The address of `len` bytes: of the free pieces that suffice the smallest is cut.
    fn take(&mut self, len: usize) -> Option<usize> {
        let fitting = self.free.iter().filter(|(_, free)| **free >= len);
        let found = fitting.min_by_key(|(_, free)| **free).map(|(start, free)| (*start, *free));
        let (start, free) = match found {
            Some(found) => found,
            None => reserve(RANGE.max(len)).or_else(|| reserve(SMALL_RANGE.max(len)))?,
        };
        self.free.remove(&start);
        if free > len {
            self.free.insert(start + len, free - len);
        }
        self.in_use += len;
        self.peak = self.peak.max(self.in_use);
        Some(start)
    }

    fn give(&mut self, start: usize, len: usize) {
        self.in_use -= len;
        let (mut start, mut len) = (start, len);
        if let Some(next) = self.free.remove(&(start + len)) {
            len += next;
        }
        let before = self.free.range(..start).next_back();
        if let Some((&before, &free)) = before.filter(|(before, free)| *before + *free == start) {
            (start, len) = (before, len + free);
        }
        self.free.insert(start, len);
    }
}

/// Reserves nothing on other systems: their allocators are used.
#[cfg(not(target_os = "linux"))]
fn reserve(_len: usize) -> Option<(usize, usize)> {
    None
}

/// Address and length of at least `len` new bytes, all zero.
#[cfg(target_os = "linux")]
fn reserve(len: usize) -> Option<(usize, usize)> {
    // Room to begin with a huge page, and one page that is never used, so that no two pieces
    // of different mappings are neighbours.
    let mapped = len.checked_next_multiple_of(HUGE_PAGE)? + HUGE_PAGE + PAGE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new private mapping at an address that the kernel chooses touches no other.
    let start = unsafe { libc::mmap(ptr::null_mut(), mapped, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return None;
    }
    let aligned = start.expose_provenance().next_multiple_of(HUGE_PAGE);
    let len = len.next_multiple_of(HUGE_PAGE);
    let first = ptr::with_exposed_provenance_mut(aligned);
    // SAFETY: the range lies within the mapping; it is advice, and a refusal changes nothing.
    unsafe { libc::madvise(first, len, libc::MADV_HUGEPAGE) };
    Some((aligned, len))
}

/// Numbers in a piece of the heap of whole pages, with one owner.
pub(crate) struct Block {
    start: NonNull<f32>,
    len: usize,
}

// SAFETY: a block owns its numbers, as a `Vec` does.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// `len` arbitrary numbers; `None` if the system maps no more memory.
    pub fn new(len: usize) -> Option<Self> {
        let start = heap().take(bytes(len)?)?;
        let start = NonNull::new(ptr::with_exposed_provenance_mut(start))?;
        Some(Self { start, len })
    }

    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: the block is mapped, begins with a page, is ours alone, and its bytes are zero or
        // what was written before, which are numbers either way.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above, and `self` is borrowed for as long.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// What a block of `len` numbers takes of the heap.
fn bytes(len: usize) -> Option<usize> {
    len.checked_mul(size_of::<f32>())?.checked_next_multiple_of(PAGE)
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(bytes) = bytes(self.len) {
            heap().give(self.start.as_ptr().expose_provenance(), bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Heap};
    use std::collections::BTreeMap;

    #[test]
    fn the_smallest_piece_that_suffices_is_cut_and_neighbours_are_joined() {
        let mut heap = Heap { free: BTreeMap::from([(100, 50), (200, 20)]), in_use: 0, peak: 0 };
        assert_eq!(heap.take(20), Some(200));
        assert_eq!(heap.take(10), Some(100));
        assert_eq!(heap.take(15), Some(110));
        assert_eq!(heap.free, BTreeMap::from([(125, 25)]));
        heap.give(100, 10);
        heap.give(200, 20);
        assert_eq!(heap.free, BTreeMap::from([(100, 10), (125, 25), (200, 20)]));
        heap.give(110, 15);
        assert_eq!(heap.free, BTreeMap::from([(100, 50), (200, 20)]));
        assert_eq!((heap.in_use, heap.peak), (0, 45));
    }

    #[test]
    fn blocks_do_not_overlap_and_are_used_again() {
        let len = (2 << 20) + 1;
        let mut blocks: Vec<Block> = (0..4).filter_map(|_| Block::new(len)).collect();
        for (value, block) in blocks.iter_mut().enumerate() {
            block.as_mut_slice().fill(value as f32);
        }
        for (value, block) in blocks.iter().enumerate() {
            assert_eq!(block.as_slice().len(), len);
            assert!(block.as_slice().iter().all(|&found| found == value as f32));
        }
        let starts: Vec<usize> = blocks.iter().map(|block| block.start.addr().get()).collect();
        assert_eq!(starts.len(), 4);
        drop(blocks);
        let again = Block::new(len).expect("a block");
        assert!(starts.contains(&again.start.addr().get()));
    }
}
