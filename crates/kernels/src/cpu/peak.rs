//! The largest number of operations that the machine can do.

use super::simd::{InstructionSet, Simd, for_each_instruction_set};
use rayon::prelude::*;

/// Chains of multiply-adds in registers: as many as hide the latency of one.
const CHAINS: usize = 12;

/// Runs `rounds` rounds of multiply-adds in registers on every thread of the pool; returns how many
/// floating-point operations that were, two for each multiply-add.
///
/// Divided by the time it took, this is an upper bound for every kernel.
pub fn multiply_adds(rounds: usize) -> f64 {
    let set = InstructionSet::current();
    let num_threads = rayon::current_num_threads();
    let sums: Vec<f32> = (0..num_threads)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let mut sum = 0.0;
            // SAFETY: `set` comes from `InstructionSet::current`.
            unsafe { chains_on(set, rounds, &mut sum) };
            sum
        })
        .collect();
    // The result has to be used, or the compiler would remove the computation.
    std::hint::black_box(sums);
    (2 * CHAINS * super::simd::width(set) * rounds * num_threads) as f64
}

for_each_instruction_set! {
    fn chains_on = chains(rounds: usize, sum: &mut f32)
}

#[inline(always)]
unsafe fn chains<S: Simd>(rounds: usize, sum: &mut f32) {
    // SAFETY: the caller's; the array has the lanes of a vector.
    unsafe {
        let (factor, summand) = (S::splat(0.5), S::splat(1.0));
        let mut values: [S::Vector; CHAINS] = std::array::from_fn(|idx| S::splat(idx as f32));
        for _ in 0..rounds {
            for value in &mut values {
                *value = S::fma(*value, factor, summand);
            }
        }
        let mut lanes = [0.0; 16];
        for value in values {
            S::store(lanes.as_mut_ptr(), value);
            *sum += lanes[0];
        }
    }
}
