//! All tests of the CPU kernels, random shapes included, where no byte beside an allocation can
//! be read or written: each begins right after a page that no access is allowed to, or ends right
//! before one. A kernel that leaves its slices ends the process with a segmentation fault.

#![cfg(all(target_os = "linux", not(miri)))]
#![allow(unsafe_code, reason = "an allocator of pages")]

#[path = "../cpu/mod.rs"]
mod cpu;

use std::alloc::{GlobalAlloc, Layout, System};
use std::os::unix::process::ExitStatusExt;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static FENCED: Fenced = Fenced;

struct Fenced;

const PAGE: usize = 4096;

/// Smaller allocations hold no feature maps.
const MIN_SIZE: usize = 4;

fn is_fenced(layout: &Layout) -> bool {
    layout.size() >= MIN_SIZE && layout.align() <= PAGE
}

/// Pages of an allocation without those beside it.
fn num_pages(layout: &Layout) -> usize {
    layout.size().div_ceil(PAGE)
}

// SAFETY: memory comes from a mapping of its own, with the size and the alignment that were asked for,
// and goes back when it is freed.
unsafe impl GlobalAlloc for Fenced {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        static NUM_ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
        if !is_fenced(&layout) {
            // SAFETY: the caller's.
            return unsafe { System.alloc(layout) };
        }
        let num_pages = num_pages(&layout);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping touches no other; the pages whose protection changes are within it.
        unsafe {
            let len = (num_pages + 2) * PAGE;
            let start = libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0);
            if start == libc::MAP_FAILED {
                return ptr::null_mut();
            }
            let first = start.cast::<u8>().add(PAGE);
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            if libc::mprotect(first.cast(), num_pages * PAGE, protection) != 0 {
                return ptr::null_mut();
            }
            // At the start of its pages or at their end, by a multiplicative hash.
            let number = NUM_ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            let at_end = number.wrapping_mul(0x9e37_79b9) >> 31 & 1 == 1;
            let unused = num_pages * PAGE - layout.size();
            first.add(if at_end { unused / layout.align() * layout.align() } else { 0 })
        }
    }

    unsafe fn dealloc(&self, allocation: *mut u8, layout: Layout) {
        if !is_fenced(&layout) {
            // SAFETY: the caller's.
            return unsafe { System.dealloc(allocation, layout) };
        }
        let first = allocation.map_addr(|address| address / PAGE * PAGE - PAGE);
        // SAFETY: the mapping is this allocation's alone.
        unsafe { libc::munmap(first.cast(), (num_pages(&layout) + 2) * PAGE) };
    }
}

#[test]
fn an_access_beside_an_allocation_ends_the_process() {
    let program = std::env::current_exe().expect("this test");
    let arguments = ["--ignored", "--exact", "reads_beside_an_allocation"];
    let status = std::process::Command::new(program).args(arguments).output().expect("runs").status;
    assert_eq!(status.signal(), Some(libc::SIGSEGV));
}

#[test]
#[ignore = "ends the process, and is called by another test"]
fn reads_beside_an_allocation() {
    for _ in 0..64 {
        let values = vec![0.5_f32; 1024];
        // SAFETY: none, which is what the test is about; both pages are mapped without access.
        unsafe {
            std::hint::black_box(values.as_ptr().add(1024).read_volatile());
            std::hint::black_box(values.as_ptr().wrapping_sub(1).read_volatile());
        }
    }
}
