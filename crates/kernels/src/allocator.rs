//! What happens when the system has no more memory.

#![allow(unsafe_code, reason = "the contract of allocators")]

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator for a program's `#[global_allocator]`: where there is no more memory, it hands
/// the size asked for, in bytes, to a function that ends the program. The standard library would abort.
///
/// That function must not allocate: there is nothing left.
#[derive(Debug)]
pub struct CheckedAllocator {
    on_failure: fn(usize) -> !,
}

impl CheckedAllocator {
    /// An allocator that calls `on_failure`.
    pub const fn new(on_failure: fn(usize) -> !) -> Self {
        Self { on_failure }
    }

    fn checked(&self, pointer: *mut u8, num_bytes: usize) -> *mut u8 {
        if pointer.is_null() {
            (self.on_failure)(num_bytes);
        }
        pointer
    }
}

// SAFETY: every call is the system allocator's with the same arguments and the same result.
unsafe impl GlobalAlloc for CheckedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller has to keep is the same.
        self.checked(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        self.checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        self.checked(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::CheckedAllocator;
    use std::alloc::{GlobalAlloc, Layout};
    use std::hint::black_box;

    #[test]
    fn what_the_system_cannot_give_is_told_with_its_size() {
        let allocator = CheckedAllocator::new(|num_bytes| panic!("no {num_bytes} bytes"));
        let layout = Layout::from_size_align(64, 8).expect("a layout");
        // SAFETY: the layout is not empty, and each pointer is given back with its own.
        unsafe {
            let pointer = allocator.alloc_zeroed(layout);
            let grown = allocator.realloc(pointer, layout, 128);
            assert!((0..64).all(|idx| *grown.add(idx) == 0));
            let layout = Layout::from_size_align(128, 8).expect("a layout");
            allocator.dealloc(grown, layout);
        }
        // More than there are addresses.
        let num_bytes = isize::MAX as usize - 4096;
        let layout = Layout::from_size_align(num_bytes, 8).expect("a layout");
        for zeroed in [false, true] {
            let told = std::panic::catch_unwind(|| {
                // SAFETY: the layout is not empty; nothing is given.
                let pointer = unsafe {
                    if zeroed { allocator.alloc_zeroed(layout) } else { allocator.alloc(layout) }
                };
                // What nobody looks at is not asked for: the compiler leaves such a call out.
                black_box(pointer);
            });
            let message = told.expect_err("memory that is not there");
            assert_eq!(
                message.downcast_ref::<String>().expect("a message"),
                &format!("no {num_bytes} bytes")
            );
        }
    }
}
