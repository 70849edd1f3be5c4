//! Memory of the values that kernels write, as Burn sees it.

#![allow(unsafe_code, reason = "the contract of Burn's allocations")]

use crate::cpu::heap::{Block, MIN_LEN};
use burn::tensor::{AllocationProperty, Bytes};
use burn_std::{AccessError, AccessPolicy, AllocationController};
use std::mem::MaybeUninit;

/// `len` numbers that `write` has to set (before, they are arbitrary), and what it gives back.
pub(crate) fn filled<T>(len: usize, write: impl FnOnce(&mut [f32]) -> T) -> (Bytes, T) {
    let block = if len < MIN_LEN { None } else { Block::new(len) };
    let Some(mut block) = block else {
        let mut values = vec![0.0; len];
        let result = write(&mut values);
        return (Bytes::from_elems(values), result);
    };
    let result = write(block.as_mut_slice());
    // SAFETY: all bytes of a block are initialized.
    let bytes =
        unsafe { Bytes::from_controller(Box::new(Allocation(block)), len * size_of::<f32>()) };
    (bytes, result)
}

struct Allocation(Block);

impl AllocationController for Allocation {
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
        let values = self.0.as_mut_slice();
        let (start, len) = (values.as_mut_ptr().cast(), size_of_val(values));
        // SAFETY: the same bytes, borrowed for as long.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, len) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values = self.0.as_slice();
        // SAFETY: the same bytes, borrowed for as long.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn large_and_small_blocks_hold_what_was_written() {
        for len in [3, 1 << 19] {
            let (bytes, ()) = filled(len, |values| values.fill(1.5));
            assert_eq!(bytes.len(), 4 * len);
            assert!(bytes.chunks(4).all(|value| value == 1.5_f32.to_ne_bytes()));
            assert_eq!(bytes.clone(), bytes);
        }
    }
}
