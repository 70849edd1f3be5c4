//! The CPU kernels against plain loops in `f64`, on every instruction set, with any number of
//! threads.

mod conv;
mod norm;
mod pool;
mod random;
mod stream;
mod tokens;

use dermx_kernels::cpu::{InstructionSet, with_instruction_set};

/// How many random cases a test goes through: few under Miri, which takes minutes for a case.
const fn cases(num: usize) -> usize {
    if cfg!(miri) { num.div_ceil(100) } else { num }
}

/// Runs `f` with each instruction set that this machine has.
fn on_each_instruction_set(f: impl Fn()) {
    for set in InstructionSet::available() {
        with_instruction_set(set, &f);
    }
}

/// Asserts that `f` gives the same bits with 1 to 4 threads, on each instruction set.
fn same_bits_with_any_number_of_threads(f: impl Fn() -> Vec<f32> + Sync) {
    for set in InstructionSet::available() {
        let bits = |num_threads: usize| -> Vec<u32> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
            let values = pool.install(|| with_instruction_set(set, &f));
            values.iter().map(|value| value.to_bits()).collect()
        };
        let first = bits(1);
        for num_threads in 2..=4 {
            assert!(bits(num_threads) == first, "{set:?} with {num_threads} threads");
        }
    }
}

/// Asserts that `f` gives the same bits with all instruction sets that round a product and a sum once.
fn same_bits_with_all_vectors(f: impl Fn() -> Vec<f32>) {
    let bits = |set| -> Vec<u32> {
        with_instruction_set(set, &f).iter().map(|value| value.to_bits()).collect()
    };
    let sets = InstructionSet::available();
    for pair in sets[1..].windows(2) {
        assert!(bits(pair[0]) == bits(pair[1]), "{pair:?}");
    }
}

/// The distribution of a standard normal variable.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Asserts |found - expected| <= tolerance · (1 + |expected|) everywhere.
fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (idx, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(
            difference <= tolerance * (1.0 + expected.abs()),
            "{what} [{idx}]: {found}, expected {expected}"
        );
    }
}
