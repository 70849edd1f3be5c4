//! Every reader of files that others wrote, each as a [`Target`]: files to start from, and what reading any
//! bytes in their place has to keep to.
//!
//! The bodies are here once. `cargo fuzz` runs each from a file in `fuzz/fuzz_targets`, and the tests of this
//! crate run all of them on files that [`mutated`] broke at random.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a promise that is not kept has to end the test or the fuzzer"
)]

mod mutate;
mod target;
mod targets;

pub use mutate::mutated;
pub use target::{Group, Outcome, Target};
pub use targets::targets;

use std::cell::RefCell;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Reads `data` as the target `name` does; the body of a fuzz target.
///
/// # Panics
/// When there is no such target, or the reader broke a promise.
pub fn fuzz(name: &str, data: &[u8]) {
    thread_local! {
        static FOLDERS: RefCell<BTreeMap<&'static str, TempDir>> = const { RefCell::new(BTreeMap::new()) };
    }
    let all = targets();
    let target = all.iter().find(|target| target.name == name).expect("a target of that name");
    FOLDERS.with_borrow_mut(|folders| {
        let folder = folders.entry(target.name).or_insert_with(|| {
            let folder = tempfile::tempdir().unwrap();
            (target.prepare)(folder.path());
            folder
        });
        target.run(folder.path(), data);
    });
}
