//! Memory of the values that kernels write.
//!
//! A training step writes gigabytes of feature maps and gradients and frees them again. The system's
//! allocator gives blocks of that size back to the kernel, which clears each page anew at its next
//! use; here they stay with the process, on huge pages where there are any.

use burn::tensor::Bytes;

/// Smaller blocks are left to the allocator.
const MIN_BYTES: usize = 1 << 20;

/// `num_values` numbers that `write` sets, all of them; what they are before is anything.
pub(crate) fn filled(num_values: usize, write: impl FnOnce(&mut [f32])) -> Bytes {
    #[cfg(target_os = "linux")]
    if num_values * size_of::<f32>() >= MIN_BYTES
        && let Some(block) = heap::Block::new(num_values * size_of::<f32>())
    {
        return block.filled(write);
    }
    owned(num_values, write)
}

/// The same in memory of the allocator, which a caller of Burn can take over without a copy.
pub(crate) fn owned(num_values: usize, write: impl FnOnce(&mut [f32])) -> Bytes {
    let mut values = vec![0.0; num_values];
    write(&mut values);
    Bytes::from_elems(values)
}

/// The most bytes of feature maps in use at a time since the last call, besides those that the
/// allocator knows of.
pub fn take_peak_bytes() -> usize {
    #[cfg(target_os = "linux")]
    return heap::take_peak();
    #[cfg(not(target_os = "linux"))]
    0
}

#[cfg(target_os = "linux")]
mod heap {
    #![allow(unsafe_code)]

    use burn::tensor::{AllocationProperty, Bytes};
    use burn_std::{AccessError, AccessPolicy, AllocationController};
    use std::collections::BTreeMap;
    use std::mem::MaybeUninit;
    use std::ptr::{self, NonNull};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    const PAGE: usize = 4096;
    const HUGE_PAGE: usize = 2 << 20;
    /// Addresses reserved at a time; memory is taken only when it is written.
    const CHUNK: usize = 1 << 30;

    static HEAP: Mutex<Heap> = Mutex::new(Heap { free: BTreeMap::new(), in_use: 0, peak: 0 });

    fn heap() -> MutexGuard<'static, Heap> {
        // No code of a caller runs while it is locked.
        HEAP.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take_peak() -> usize {
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
                None => reserve(CHUNK.max(len)).or_else(|| reserve(len))?,
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
            if let Some((&before, &free)) = before.filter(|(before, free)| *before + *free == start)
            {
                (start, len) = (before, len + free);
            }
            self.free.insert(start, len);
        }
    }

    /// Address and length of at least `len` new bytes, all zero.
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

    /// A piece of the heap that nobody else has.
    pub struct Block {
        start: NonNull<u8>,
        /// Bytes asked for.
        len: usize,
    }

    impl Block {
        /// `None` if the system has no memory left to map.
        pub fn new(len: usize) -> Option<Self> {
            let start = heap().take(taken(len))?;
            let start = NonNull::new(ptr::with_exposed_provenance_mut(start))?;
            Some(Self { start, len })
        }

        pub fn filled(self, write: impl FnOnce(&mut [f32])) -> Bytes {
            let (start, len) = (self.start.cast::<f32>(), self.len);
            // SAFETY: the block is mapped, begins with a page, is ours alone, and its bytes are zero
            // or what was written before, which are numbers either way.
            let values =
                unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len / size_of::<f32>()) };
            write(values);
            // SAFETY: all bytes are initialized, as above.
            unsafe { Bytes::from_controller(Box::new(self), len) }
        }
    }

    /// What a block of `len` bytes takes of the heap.
    fn taken(len: usize) -> usize {
        len.next_multiple_of(PAGE)
    }

    impl Drop for Block {
        fn drop(&mut self) {
            heap().give(self.start.as_ptr().expose_provenance(), taken(self.len));
        }
    }

    impl AllocationController for Block {
        fn alloc_align(&self) -> usize {
            align_of::<u128>()
        }

        fn property(&self) -> AllocationProperty {
            AllocationProperty::Other
        }

        unsafe fn memory_mut(
            &mut self,
            _policy: AccessPolicy,
        ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
            let start = self.start.cast().as_ptr();
            // SAFETY: the block is mapped and ours alone, and `self` is borrowed for as long.
            Ok(unsafe { std::slice::from_raw_parts_mut(start, self.len) })
        }

        fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
            // SAFETY: as above; nobody writes while `self` is borrowed.
            Ok(unsafe { std::slice::from_raw_parts(self.start.cast().as_ptr(), self.len) })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::{Block, Heap};
        use std::collections::BTreeMap;

        #[test]
        fn the_smallest_piece_that_suffices_is_cut_and_neighbours_are_joined() {
            let mut heap =
                Heap { free: BTreeMap::from([(100, 50), (200, 20)]), in_use: 0, peak: 0 };
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
            let len = 8 << 20;
            let blocks: Vec<Block> = (0..4).filter_map(|_| Block::new(len)).collect();
            let mut starts: Vec<usize> =
                blocks.iter().map(|block| block.start.as_ptr().addr()).collect();
            starts.sort_unstable();
            assert_eq!(starts.len(), 4);
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= len));
            drop(blocks);
            let again = Block::new(len).expect("a block");
            assert!(starts.contains(&again.start.as_ptr().addr()));
            let bytes = again.filled(|values| values.fill(1.5));
            assert_eq!(bytes.len(), len);
            assert_eq!(bytes[..4], 1.5_f32.to_ne_bytes());
        }
    }
}
