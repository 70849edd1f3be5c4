//! Agreement beyond chance.

use crate::EvalError;

/// Cohen's kappa of two raters, `(p_o - p_e) / (1 - p_e)`.
///
/// `p_o` is the share of images with the same class, `p_e` what it would be if each rater gave
/// classes as often as they do, but at random. From -1 to 1; 0 is chance. `None` without images, or
/// when both always give the same class.
///
/// # Source
/// Cohen, 1960, <https://doi.org/10.1177/001316446002000104>.
pub fn cohen_kappa(pairs: &[(usize, usize)]) -> Option<f64> {
    let num_classes = pairs.iter().map(|&(one, other)| one.max(other) + 1).max()?;
    let num_images = pairs.len() as f64;
    let mut counts = vec![[0.0, 0.0]; num_classes];
    for &(one, other) in pairs {
        counts[one][0] += 1.0;
        counts[other][1] += 1.0;
    }
    let num_same = pairs.iter().filter(|(one, other)| one == other).count() as f64;
    let by_chance = counts.iter().map(|[one, other]| one * other).sum::<f64>() / num_images.powi(2);
    beyond_chance(num_same / num_images, by_chance)
}

/// Fleiss' kappa of images that were all judged by the same number of raters.
///
/// `(P - P_e) / (1 - P_e)` with `P` the mean over images of the share of agreeing pairs of raters,
/// and `P_e` the sum of the squared shares of the classes. Range as [`cohen_kappa`].
///
/// # Shapes
/// `counts[image][class]` is the number of raters who gave the class.
///
/// # Errors
/// When images have different numbers of raters, or fewer than two.
///
/// # Source
/// Fleiss, 1971, <https://doi.org/10.1037/h0031619>.
pub fn fleiss_kappa(counts: &[Vec<u64>]) -> Result<Option<f64>, EvalError> {
    let num_raters = counts.first().map_or(2, |image| image.iter().sum::<u64>());
    let is_wrong = |image: &Vec<u64>| image.iter().sum::<u64>() != num_raters;
    if let Some(image_idx) = counts.iter().position(is_wrong) {
        let message = format!("expected {num_raters} raters as for image 0");
        return Err(EvalError::new(format!("image {image_idx}"), message));
    }
    if num_raters < 2 {
        return Err(EvalError::new("image 0", "expected at least two raters"));
    }
    if counts.is_empty() {
        return Ok(None);
    }
    let num_images = counts.len() as f64;
    let num_pairs = (num_raters * (num_raters - 1)) as f64;
    let agreeing = |image: &Vec<u64>| image.iter().map(|&n| n * n.saturating_sub(1)).sum::<u64>();
    let observed = counts.iter().map(agreeing).sum::<u64>() as f64 / num_pairs / num_images;
    let shares = class_totals(counts).map(|total| total as f64 / num_images / num_raters as f64);
    Ok(beyond_chance(observed, shares.map(|share| share * share).sum()))
}

/// Krippendorff's alpha for classes without an order; images may have any number of raters, and
/// those with fewer than two do not count.
///
/// `1 - D_o / D_e`: of all pairs of judgements of one image, the share that differs, over the share
/// that would differ if judgements were dealt to images at random. 1 is agreement, 0 is chance.
/// `None` when no image has two judgements or all judgements are the same.
///
/// # Shapes
/// `counts[image][class]` is the number of raters who gave the class.
///
/// # Source
/// Krippendorff, 2011, <https://repository.upenn.edu/asc_papers/43>.
pub fn krippendorff_alpha(counts: &[Vec<u64>]) -> Option<f64> {
    let is_pairable = |image: &&Vec<u64>| image.iter().sum::<u64>() >= 2;
    let images: Vec<Vec<u64>> = counts.iter().filter(is_pairable).cloned().collect();
    let num_judgements = images.iter().flatten().sum::<u64>() as f64;
    let coinciding = |image: &Vec<u64>| {
        let num_raters = image.iter().sum::<u64>();
        let num_same: u64 = image.iter().map(|&n| n * n.saturating_sub(1)).sum();
        num_same as f64 / (num_raters - 1) as f64
    };
    let observed = 1.0 - images.iter().map(coinciding).sum::<f64>() / num_judgements;
    let same_by_chance: f64 =
        class_totals(&images).map(|total| total as f64 * (total as f64 - 1.0)).sum::<f64>()
            / (num_judgements * (num_judgements - 1.0));
    let expected = 1.0 - same_by_chance;
    (!images.is_empty() && expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Number of judgements of each class.
fn class_totals(counts: &[Vec<u64>]) -> impl Iterator<Item = u64> {
    let num_classes = counts.iter().map(Vec::len).max().unwrap_or(0);
    (0..num_classes).map(|class| counts.iter().filter_map(|image| image.get(class)).sum::<u64>())
}

fn beyond_chance(observed: f64, by_chance: f64) -> Option<f64> {
    (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance))
}

#[cfg(test)]
mod tests {
    use super::{cohen_kappa, fleiss_kappa, krippendorff_alpha};

    fn assert_close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn cohen_by_hand() {
        // Same in 3 of 4: p_o = 0.75. The first gives 0 twice, the second three times:
        // p_e = (2 * 3 + 2 * 1) / 16 = 0.5; kappa = 0.25 / 0.5.
        assert_close(cohen_kappa(&[(0, 0), (0, 0), (1, 1), (1, 0)]), 0.5);
        assert_eq!(cohen_kappa(&[]), None);
        assert_eq!(cohen_kappa(&[(1, 1), (1, 1)]), None);
    }

    #[test]
    fn fleiss_by_hand() {
        // Three raters: [3, 0] has 6 of 6 agreeing ordered pairs, [1, 2] has 2 of 6: P = 2/3.
        // Classes 4 and 2 of 6: P_e = 4/9 + 1/9 = 5/9; kappa = (1/9) / (4/9).
        assert_close(fleiss_kappa(&[vec![3, 0], vec![1, 2]]).unwrap(), 0.25);
        assert!(fleiss_kappa(&[vec![3, 0], vec![1, 1]]).is_err());
        assert!(fleiss_kappa(&[vec![1, 0]]).is_err());
        assert_eq!(fleiss_kappa(&[]).unwrap(), None);
    }

    #[test]
    fn krippendorff_by_hand() {
        // [2, 0], [1, 1] and a single judgement that does not count. n = 4, same 2 / 1 + 0 = 2:
        // D_o = 1 - 2/4. Totals 3 and 1: D_e = 1 - (3 * 2 + 0) / (4 * 3) = 0.5; alpha = 0.
        assert_close(krippendorff_alpha(&[vec![2, 0], vec![1, 1], vec![0, 1]]), 0.0);
        assert_eq!(krippendorff_alpha(&[vec![1, 0]]), None);
        assert_eq!(krippendorff_alpha(&[vec![2, 0], vec![3, 0]]), None);
    }
}
