//! Images drawn with replacement.

use dermx_data::Random;
use rayon::prelude::*;
use serde::Serialize;

/// How intervals are found: by the percentile bootstrap over images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// Number of resamples; 0 for no intervals.
    pub num_resamples: usize,
    /// The same seed gives the same intervals.
    pub seed: u64,
}

impl Bootstrap {
    /// As many of `image_idxs` as there are, drawn with replacement, for each resample.
    pub fn resamples(&self, image_idxs: &[u32]) -> Vec<Vec<u32>> {
        // Each with numbers of its own, so that threads change nothing.
        (0..self.num_resamples)
            .into_par_iter()
            .map(|resample_idx| {
                let mut random = Random::new(self.seed, "bootstrap", resample_idx as u64, "");
                let draw = |_: &u32| image_idxs[random.below(image_idxs.len())];
                image_idxs.iter().map(draw).collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Bootstrap;

    #[test]
    fn resamples_are_drawn_with_replacement_and_by_seed() {
        let images = [3, 5, 8, 13, 21, 34, 55, 89];
        let bootstrap = Bootstrap { num_resamples: 20, seed: 1 };
        let resamples = bootstrap.resamples(&images);
        assert_eq!(resamples.len(), 20);
        assert!(resamples.iter().all(|resample| resample.len() == 8));
        assert!(resamples.iter().flatten().all(|image| images.contains(image)));
        // Eight different ones of eight: 8! / 8^8 = 0.24 %.
        let num_permutations = resamples
            .iter()
            .filter(|resample| images.iter().all(|image| resample.contains(image)))
            .count();
        assert!(num_permutations <= 1);
        assert_eq!(bootstrap.resamples(&images), resamples);
        assert_ne!(Bootstrap { seed: 2, ..bootstrap }.resamples(&images), resamples);
        assert!(bootstrap.resamples(&[]).iter().all(Vec::is_empty));
    }
}
