//! Ranks and their correlation.

/// The rank of each value from 1; equal values share the mean of their ranks.
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let end = start + order[start..].iter().take_while(|&&idx| values[idx] == value).count();
        let rank = (start + end + 1) as f64 / 2.0;
        order[start..end].iter().for_each(|&idx| ranks[idx] = rank);
        start = end;
    }
    ranks
}

/// Spearman's rank correlation: Pearson's correlation of the [`mid_ranks`].
///
/// From -1 to 1, 1 for the same order. `None` where the lengths differ or one side is constant.
/// Values are finite.
pub fn rank_correlation(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.len() != other.len() || one.is_empty() {
        return None;
    }
    let middle = (one.len() + 1) as f64 / 2.0;
    let centered = |values: &[f64]| -> Vec<f64> {
        mid_ranks(values).into_iter().map(|rank| rank - middle).collect()
    };
    let (one, other) = (centered(one), centered(other));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let scale = (dot(&one, &one) * dot(&other, &other)).sqrt();
    (scale > 0.0).then(|| dot(&one, &other) / scale)
}

#[cfg(test)]
mod tests {
    use super::{mid_ranks, rank_correlation};

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(mid_ranks(&[3.0, 1.0, 3.0, 2.0, -0.0, 0.0]), [5.5, 3.0, 5.5, 4.0, 1.5, 1.5]);
        assert!(mid_ranks(&[]).is_empty());
    }

    #[test]
    fn correlation_is_that_of_the_ranks() {
        assert_eq!(rank_correlation(&[1.0, 2.0, 9.0], &[0.1, 0.2, 0.3]), Some(1.0));
        assert_eq!(rank_correlation(&[1.0, 2.0, 9.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        // scipy.stats.spearmanr([1, 2, 2, 4], [3, 1, 4, 4]): ranks 1 2.5 2.5 4 and 2 1 3.5 3.5,
        // (-1.5 * -0.5 + 0 + 0 + 1.5 * 1) / sqrt(4.5 * 4.5)
        let found = rank_correlation(&[1.0, 2.0, 2.0, 4.0], &[3.0, 1.0, 4.0, 4.0]).unwrap();
        assert!((found - 0.5).abs() < 1e-15, "{found}");
        assert_eq!(rank_correlation(&[1.0, 2.0], &[5.0, 5.0]), None);
        assert_eq!(rank_correlation(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(rank_correlation(&[], &[]), None);
    }
}
