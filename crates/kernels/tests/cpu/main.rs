//! The CPU kernels against plain loops in `f64`, on every instruction set, with any number of
//! threads.

mod conv;
mod norm;
mod pool;
mod random;
mod stream;

use dermx_kernels::cpu::{InstructionSet, with_instruction_set};

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

/// Asserts that `f` gives the same bits with AVX-512 and with AVX2, where the machine has both.
fn same_bits_with_both_vector_widths(f: impl Fn() -> Vec<f32>) {
    if InstructionSet::available().contains(&InstructionSet::Avx512) {
        let bits = |set| -> Vec<u32> {
            with_instruction_set(set, &f).iter().map(|value| value.to_bits()).collect()
        };
        assert!(bits(InstructionSet::Avx512) == bits(InstructionSet::Avx2));
    }
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
