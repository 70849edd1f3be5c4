//! Files broken at random.

use dermx_data::Random;

/// `bytes` after one to four of: a bit turned, a byte replaced, two bytes added, up to nine removed.
pub fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(damaged.len());
        match random.below(4) {
            0 => damaged[at] ^= 1 << random.below(8),
            1 => damaged[at] = [0x00, 0xFF, 0xD9, 0x01][random.below(4)],
            2 => drop(damaged.splice(at..at, [random.below(256) as u8, 0xFF])),
            _ => drop(damaged.drain(at..(at + 1 + random.below(9)).min(damaged.len()))),
        }
        if damaged.is_empty() {
            break;
        }
    }
    damaged
}
