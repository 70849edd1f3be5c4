//! An allocator that counts.

use cpu_time::ThreadTime;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The most memory that reading a file may take, in bytes.
pub const MAX_BYTES: usize = 1 << 30;

/// The longest that reading a small file may take of the processor, whatever else the machine does: what takes longer
/// hangs.
pub const MAX_TIME: Duration = Duration::from_secs(5);

/// The system's allocator, and the bytes that are held.
pub struct Counted {
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl Counted {
    pub const fn new() -> Self {
        Self { held: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    fn add(&self, num_bytes: usize) {
        let held = self.held.fetch_add(num_bytes, Relaxed) + num_bytes;
        self.peak.fetch_max(held, Relaxed);
    }
}

// SAFETY: all is done by the system's allocator.
#[expect(unsafe_code, reason = "an allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        self.held.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, num_bytes: usize) -> *mut u8 {
        // The old and the new piece may be held together.
        self.add(num_bytes);
        self.held.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.realloc(at, layout, num_bytes) }
    }
}

/// One at a time: what others hold would count.
static ONE: Mutex<()> = Mutex::new(());

/// What `work` gives, and the most memory that was held meanwhile beyond what was before.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = crate::MEMORY.held.load(Relaxed);
    crate::MEMORY.peak.store(before, Relaxed);
    let result = work();
    let peak = crate::MEMORY.peak.load(Relaxed);
    (result, peak.saturating_sub(before))
}

/// What `work` gives, which takes neither more memory nor more time than reading a small file may.
#[track_caller]
pub fn bounded<T>(name: &str, work: impl Fn() -> T) -> T {
    let start = ThreadTime::now();
    let (result, num_bytes) = measured(work);
    let time = start.elapsed();
    assert!(num_bytes < MAX_BYTES, "{name}: took {num_bytes} bytes of memory");
    assert!(time < MAX_TIME, "{name}: took {time:?}");
    result
}

#[test]
fn memory_is_counted_whether_it_is_kept_or_not() {
    let (kept, num_bytes) = measured(|| {
        drop(vec![1_u8; 3 << 20]);
        vec![0_u8; 1 << 20]
    });
    assert_eq!(kept.len(), 1 << 20);
    assert!((3 << 20..4 << 20).contains(&num_bytes), "{num_bytes}");
}
