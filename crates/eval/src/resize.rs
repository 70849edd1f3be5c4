//! Resizing of soft maps, in float64.

use crate::Border;

/// For each output position of a side: the input positions that it is made of, and their weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taps {
    /// The taps of position i are `taps[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    taps: Vec<(usize, f64)>,
}

/// Standard deviations after which the antialiasing Gaussian is cut off.
const TRUNCATE: f64 = 4.0;

/// How a side of `from` pixels is brought to `to` pixels, both above zero: bilinearly with half-pixel
/// centers, blurred first when the side shrinks.
///
/// Output i samples the input at `(i + 0.5) * from / to - 0.5`. A side that shrinks by the factor
/// f is blurred with a Gaussian of `sigma = (f - 1) / 2`, cut at 4 sigma and normalized.
///
/// # Source
/// Parity with scikit-image `resize(image, to, order=1)` on float images.
pub(crate) fn axis_taps(from: usize, to: usize, border: Border) -> Taps {
    let factor = from as f64 / to as f64;
    let kernel = gaussian_kernel((factor - 1.0) / 2.0);
    let mut taps = Taps { starts: Vec::with_capacity(to + 1), taps: Vec::with_capacity(2 * to) };
    taps.starts.push(0);
    for idx in 0..to {
        let position = (idx as f64 + 0.5) * factor - 0.5;
        let low = position.floor();
        let high_weight = position - low;
        let ends = [(low as isize, 1.0 - high_weight), (low as isize + 1, high_weight)];
        for (center, weight) in ends.into_iter().filter(|&(_, weight)| weight > 0.0) {
            taps.taps.extend(blurred(center, weight, &kernel, from, border));
        }
        taps.starts.push(taps.taps.len());
    }
    taps
}

impl Taps {
    /// Number of output positions.
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The taps of the output position `idx`.
    pub fn of(&self, idx: usize) -> &[(usize, f64)] {
        &self.taps[self.starts[idx]..self.starts[idx + 1]]
    }

    /// Whether a side of `from` pixels stays as it is.
    fn change_nothing(&self, from: usize) -> bool {
        self.len() == from && (0..from).all(|idx| self.of(idx) == [(idx, 1.0)])
    }
}

/// Resizes each row of `width` values.
pub(crate) fn along_width(values: Vec<f64>, width: usize, columns: &Taps) -> Vec<f64> {
    if columns.change_nothing(width) {
        return values;
    }
    let mut resized = Vec::with_capacity(values.len() / width * columns.len());
    for row in values.chunks_exact(width) {
        let at = |idx| columns.of(idx).iter().map(|&(idx, weight)| weight * row[idx]).sum::<f64>();
        resized.extend((0..columns.len()).map(at));
    }
    resized
}

/// Resizes each column of `values`, which holds rows of `width` values.
pub(crate) fn along_height(values: &[f64], width: usize, rows: &Taps) -> Vec<f64> {
    let mut resized = vec![0.0; rows.len() * width];
    for (row_idx, row) in resized.chunks_exact_mut(width).enumerate() {
        for &(idx, weight) in rows.of(row_idx) {
            for (sum, value) in row.iter_mut().zip(&values[idx * width..]) {
                *sum += weight * value;
            }
        }
    }
    resized
}

/// Taps of the blurred input at `center`, each times `weight`.
fn blurred(
    center: isize,
    weight: f64,
    kernel: &[f64],
    len: usize,
    border: Border,
) -> impl Iterator<Item = (usize, f64)> {
    let center = inside(center, len, border) as isize;
    let radius = (kernel.len() / 2) as isize;
    (-radius..=radius)
        .zip(kernel)
        .map(move |(offset, tap)| (inside(center + offset, len, border), weight * tap))
}

/// A Gaussian that sums to one; a single 1 where there is nothing to blur.
fn gaussian_kernel(sigma: f64) -> Vec<f64> {
    if sigma <= 0.0 {
        return vec![1.0];
    }
    let radius = (TRUNCATE * sigma + 0.5) as i64;
    let weights: Vec<f64> = (-radius..=radius)
        .map(|offset| libm::exp(-0.5 / (sigma * sigma) * (offset * offset) as f64))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The index that stands in for one that may lie outside.
fn inside(idx: isize, len: usize, border: Border) -> usize {
    let last = len as isize - 1;
    let idx = match border {
        Border::Clamp => idx.clamp(0, last),
        Border::Mirror if last == 0 => 0,
        Border::Mirror => last - (last - idx.rem_euclid(2 * last)).abs(),
    };
    idx as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resize(values: &[f64], from: [usize; 2], to: [usize; 2], border: Border) -> Vec<f64> {
        let [rows, columns] = [0, 1].map(|side| axis_taps(from[side], to[side], border));
        along_height(&along_width(values.to_vec(), from[1], &columns), to[1], &rows)
    }

    #[test]
    fn doubling_two_values_mirrors_at_the_border() {
        // positions -.25, .25, .75, 1.25; mirrored: 1 -> index -1, so .25 * 1 + .75 * 0 = .25
        assert_eq!(resize(&[0.0, 1.0], [1, 2], [1, 4], Border::Mirror), [0.25, 0.25, 0.75, 0.75]);
        assert_eq!(resize(&[0.0, 1.0], [1, 2], [1, 4], Border::Clamp), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(resize(&[0.0, 1.0], [2, 1], [4, 1], Border::Mirror), [0.25, 0.25, 0.75, 0.75]);
    }

    #[test]
    fn same_size_changes_nothing() {
        let values = [0.1, 0.7, 0.3, 0.9, 0.2, 0.4];
        assert_eq!(resize(&values, [2, 3], [2, 3], Border::Mirror), values);
    }

    #[test]
    fn shrinking_blurs_first() {
        // 2 -> 1: sigma .5, radius 2, kernel exp(-2 d^2) = k(0) 1, k(1) .135335, k(2) .000335463;
        // position .5 is the mean of both pixels, and the blur of 0 1 mirrored is symmetric: .5
        let shrunk = resize(&[0.0, 1.0], [1, 2], [1, 1], Border::Mirror);
        assert!((shrunk[0] - 0.5).abs() < 1e-15);
        // 3 -> 1: sigma 1, radius 4; 0 1 0 mirrored puts 1 at odd offsets from pixel 1's even ones:
        // the blurred middle is the sum of the even taps, (1 + 2 e^-2 + 2 e^-8) / (that + 2 e^-.5 + 2 e^-4.5)
        let shrunk = resize(&[0.0, 1.0, 0.0], [1, 3], [1, 1], Border::Mirror);
        let even = 1.0 + 2.0 * (-2f64).exp() + 2.0 * (-8f64).exp();
        let odd = 2.0 * (-0.5f64).exp() + 2.0 * (-4.5f64).exp();
        assert!((shrunk[0] - even / (even + odd)).abs() < 1e-15);
    }

    #[test]
    fn mirror_reaches_beyond_one_period() {
        let mirrored: Vec<_> = (-4..=6).map(|idx| inside(idx, 3, Border::Mirror)).collect();
        assert_eq!(mirrored, [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(inside(-7, 1, Border::Mirror), 0);
        assert_eq!(inside(-7, 3, Border::Clamp), 0);
    }
}
