//! Files from others, broken or made to do harm: each is read or refused, without a panic, without much time
//! or memory, and without a file elsewhere.

mod bombs;
mod fuzz_targets;
mod hand_made;
mod memory;
mod mutations;
mod nesting;

/// Of all tests of this binary: how much memory is held, and the most that was.
#[global_allocator]
static MEMORY: memory::Counted = memory::Counted::new();
