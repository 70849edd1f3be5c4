//! Randomness as a pure function of what it is for.
//!
//! Every stream is named by (seed, purpose, epoch, item), so a draw does not depend on the number
//! of threads or on what was drawn before, and a resumed run draws what an undisturbed one draws.
//! The distributions are written out here because those of `rand` may change between versions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A portable random stream (ChaCha8): the same values on every machine.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream named by `seed`, `purpose` (for example `"augment"`), `epoch` and `item`
    /// (for example an image id).
    pub fn new(seed: u64, purpose: &str, epoch: u64, item: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(&epoch.to_le_bytes());
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(item.as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// A uniform value in `[0, 1)`, with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fills `values` with uniform bits.
    pub fn fill(&mut self, values: &mut [u32]) {
        // All bytes of a piece at once: word by word costs as much as drawing.
        let mut bytes = [0; 1024];
        for piece in values.chunks_mut(bytes.len() / 4) {
            let bytes = &mut bytes[..4 * piece.len()];
            self.0.fill_bytes(bytes);
            for (value, bytes) in piece.iter_mut().zip(bytes.as_chunks().0) {
                *value = u32::from_le_bytes(*bytes);
            }
        }
    }

    /// A uniform value in `[low, high)`; `low` when the interval is empty.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A uniform integer in `0..count`; 0 when `count` is 0.
    ///
    /// Multiply-shift; the bias is below `count / 2^64`.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }

    /// `true` with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A normal value (Box-Muller, with `libm` for portability).
    pub fn normal(&mut self, mean: f64, std: f64) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        mean + std * radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// A value of the symmetric beta distribution with both parameters `alpha` (positive):
    /// `X / (X + Y)` with `X` and `Y` from the gamma distribution of shape `alpha`.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        // Of logarithms, because small shapes draw values that no float holds.
        let difference = self.log_gamma(alpha) - self.log_gamma(alpha);
        1.0 / (1.0 + libm::exp(-difference))
    }

    /// The logarithm of a gamma value: Marsaglia and Tsang, 2000, of shape `shape + 1`, times
    /// `U^(1 / shape)`.
    fn log_gamma(&mut self, shape: f64) -> f64 {
        let d = shape + 1.0 - 1.0 / 3.0;
        loop {
            let x = self.normal(0.0, 1.0);
            let v = (1.0 + x / libm::sqrt(9.0 * d)).powi(3);
            let u = 1.0 - self.unit();
            if v > 0.0 && libm::log(u) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
                return libm::log(d * v) + libm::log(1.0 - self.unit()) / shape;
            }
        }
    }

    /// One of `items`, uniformly; `None` when there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Fisher-Yates shuffle in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn streams_are_pinned_for_ever() {
        let mut random = Random::new(0, "test", 1, "image");
        let first: Vec<usize> = (0..4).map(|_| random.below(1000)).collect();
        assert_eq!(first, [596, 449, 545, 242]);
    }

    #[test]
    fn a_piece_of_a_stream_is_the_same_in_one_go_and_in_two() {
        let mut whole = [0; 700];
        Random::new(0, "test", 1, "image").fill(&mut whole);
        let mut parts = [0; 700];
        let mut random = Random::new(0, "test", 1, "image");
        let (head, tail) = parts.split_at_mut(301);
        random.fill(head);
        random.fill(tail);
        assert_eq!(whole, parts);
        // 596 of 1000, as pinned above, is the high half of the first 64 bits.
        assert_eq!((u64::from(whole[1]) * 1000) >> 32, 596);
    }

    #[test]
    fn a_stream_depends_on_every_part_of_its_name() {
        let names = [
            (0, "a", 0, "x"),
            (1, "a", 0, "x"),
            (0, "b", 0, "x"),
            (0, "a", 1, "x"),
            (0, "a", 0, "y"),
            (0, "ax", 0, ""),
        ];
        let draws: std::collections::BTreeSet<u64> =
            names.iter().map(|&(s, p, e, i)| Random::new(s, p, e, i).unit().to_bits()).collect();
        assert_eq!(draws.len(), names.len());
    }

    #[test]
    fn normal_has_its_mean_and_std() {
        let mut random = Random::new(3, "test", 0, "");
        let draws: Vec<f64> = (0..20_000).map(|_| random.normal(2.0, 3.0)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let std = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0).sqrt();
        assert!((mean - 2.0).abs() < 0.1 && (std - 3.0).abs() < 0.1, "{mean} {std}");
    }

    #[test]
    fn beta_has_its_mean_and_variance() {
        for alpha in [0.01, 0.2, 1.0, 4.0] {
            let mut random = Random::new(5, "test", 0, "");
            let draws: Vec<f64> = (0..20_000).map(|_| random.beta(alpha)).collect();
            assert!(draws.iter().all(|value| (0.0..=1.0).contains(value)));
            let mean = draws.iter().sum::<f64>() / 20_000.0;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            // 1 / (4 (2 alpha + 1)); five standard deviations of the mean are below 0.018.
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.018, "{alpha}: {mean}");
            assert!((variance - expected).abs() < 0.005, "{alpha}: {variance} {expected}");
        }
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..50).collect();
        Random::new(0, "test", 0, "").shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
