//! Bytes broken at random.

use dermx_data::Random;

/// Flips, replaces, removes, cuts, doubles and splices bytes; some are those that the format is made of.
pub fn mutated(bytes: &[u8], others: &[&[u8]], special: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(2) {
        if bytes.is_empty() {
            break;
        }
        let start = random.below(bytes.len());
        let end = (start + 1 + random.below(40)).min(bytes.len());
        match random.below(16) {
            0..=2 => bytes[start] ^= 1 << random.below(8),
            3 | 4 => bytes[start] = special[random.below(special.len())],
            5 | 6 => {
                if let Some(digit) = bytes[start..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + random.below(10) as u8;
                }
            }
            7 | 8 => drop(bytes.drain(start..end)),
            9 => bytes.truncate(start),
            10 => bytes.extend_from_within(start..),
            11 | 12 => {
                let piece = bytes[start..end].to_vec();
                let at = random.below(bytes.len());
                drop(bytes.splice(at..at, piece));
            }
            13 => {
                let other = others[random.below(others.len())];
                let from = random.below(other.len());
                let piece = other[from..(from + 60).min(other.len())].to_vec();
                drop(bytes.splice(start..end, piece));
            }
            14 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
            _ => bytes.insert(start, 0xff),
        }
    }
    bytes
}
