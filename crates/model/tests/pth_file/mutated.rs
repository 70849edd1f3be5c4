//! Files with random damage: each is read or refused, without a panic and without much memory.
//!
//! `DERMX_MUTATIONS=full` tries 50 000 instead of 2000.

use crate::{golden, read_bytes};
use std::fs;

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// `bytes` with one to eight bits flipped, bytes overwritten with telling values, parts removed,
/// repeated or moved.
fn mutate(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(7) {
            0..=2 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            3 if !bytes.is_empty() => {
                let value = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
                let end = (at + [1, 2, 4, 8][random.below(4)]).min(bytes.len());
                bytes[at..end].fill(value);
            }
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ => bytes.truncate(bytes.len() - random.below(bytes.len() / 16)),
        }
    }
    bytes
}

#[test]
fn files_with_random_damage_are_read_or_refused() {
    let is_full = std::env::var("DERMX_MUTATIONS").is_ok_and(|value| value == "full");
    let num_mutations = if is_full { 50_000 } else { 2000 };
    let files = ["zip.pth", "legacy.pth", "checkpoint.pth", "expected.safetensors"];
    let mut num_refused = 0;
    for idx in 0..num_mutations {
        let whole = fs::read(golden(files[idx % files.len()])).expect("reads");
        let bytes = mutate(whole, &mut Random(idx as u64));
        match read_bytes(&bytes) {
            Ok(weights) => {
                let num_values: usize = weights.values().map(|tensor| tensor.values.len()).sum();
                assert!(num_values <= 1 << 20, "mutation {idx}: {num_values} values");
            }
            Err(_) => num_refused += 1,
        }
    }
    assert!(num_refused > num_mutations / 4, "{num_refused} of {num_mutations} were refused");
}
