//! The numbers that convolutions multiply.

use crate::cpu::Precision;
use crate::scoped::with_setting;
use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

/// Runs `f` with convolutions that this thread calls in it in `precision`; their gradients, whenever
/// they are computed, multiply the same kind of numbers. Burn's operations, which compute where the
/// CPU kernels do not, stay as they are.
pub fn with_precision<T>(precision: Precision, f: impl FnOnce() -> T) -> T {
    with_setting(&CURRENT, precision, f)
}

/// Of the convolutions that this thread calls now.
pub(super) fn current() -> Precision {
    CURRENT.get()
}
