//! The numbers that convolutions multiply.

use crate::cpu::Precision;
use crate::scoped::with_setting;
use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

/// Runs `f`; convolutions that this thread calls in it use `precision`. Their gradients use the same
/// precision, whenever they are computed. Burn's operations, which are used where there are no CPU
/// kernels, are not affected.
pub fn with_precision<T>(precision: Precision, f: impl FnOnce() -> T) -> T {
    with_setting(&CURRENT, precision, f)
}

/// The precision of the convolutions that this thread calls now.
pub(super) fn current() -> Precision {
    CURRENT.get()
}
