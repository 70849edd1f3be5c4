//! Settings of a thread that hold while a function runs.

use std::cell::Cell;
use std::thread::LocalKey;

/// Runs `f` while `setting` is `value`; afterwards, also when `f` panics, it is what it was.
pub(crate) fn with_setting<V: Copy, T>(
    setting: &'static LocalKey<Cell<V>>,
    value: V,
    f: impl FnOnce() -> T,
) -> T {
    struct Restore<V: Copy + 'static>(&'static LocalKey<Cell<V>>, V);
    impl<V: Copy> Drop for Restore<V> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(setting, setting.replace(value));
    f()
}
