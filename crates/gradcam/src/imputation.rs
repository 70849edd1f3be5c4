//! Filling in pixels from the ones around them.

/// A pixel beside another, and its share in the other's value.
struct Neighbour {
    /// Rows from the other to it.
    down: isize,
    /// Columns from the other to it.
    right: isize,
    weight: f64,
}

/// Weight of each neighbour: a sixth of those that share a side, a twelfth of those at a corner.
const NEIGHBOURS: [Neighbour; 8] = [
    Neighbour { down: -1, right: -1, weight: 1.0 / 12.0 },
    Neighbour { down: -1, right: 0, weight: 1.0 / 6.0 },
    Neighbour { down: -1, right: 1, weight: 1.0 / 12.0 },
    Neighbour { down: 0, right: -1, weight: 1.0 / 6.0 },
    Neighbour { down: 0, right: 1, weight: 1.0 / 6.0 },
    Neighbour { down: 1, right: -1, weight: 1.0 / 12.0 },
    Neighbour { down: 1, right: 0, weight: 1.0 / 6.0 },
    Neighbour { down: 1, right: 1, weight: 1.0 / 12.0 },
];

/// Where the residual is this much smaller than the right-hand side, the values are good enough.
const TOLERANCE: f64 = 1e-6;

/// Steps of the solver at most; a few dozens are usual.
const MAX_STEPS: usize = 2000;

/// Makes each pixel of `plane` where `is_removed` the weighted mean of its neighbours in the image.
///
/// Solves `x_i = sum_n w_n x_n / sum_n w_n` for all removed pixels together, by conjugate gradients
/// (Hestenes and Stiefel, 1952) from a guess that an image pyramid gives. A plane without a pixel to
/// start from becomes zero.
///
/// # Shapes
/// `plane` and `is_removed` are `[height, width]`, row-major.
///
/// # Source
/// Rong et al., 2022, <https://arxiv.org/abs/2202.00449>, section 5.2.
pub(crate) fn impute(plane: &mut [f32], size: [usize; 2], is_removed: &[bool]) {
    if is_removed.iter().all(|&removed| removed) {
        plane.fill(0.0);
        return;
    }
    let system = System::new(size, is_removed);
    let known: Vec<f64> = plane
        .iter()
        .zip(is_removed)
        .map(|(&value, &removed)| if removed { 0.0 } else { f64::from(value) })
        .collect();
    let guess = pyramid_guess(&known, size, is_removed);
    let solution = system.solve(&known, &guess);
    for ((value, solved), &removed) in plane.iter_mut().zip(&solution).zip(is_removed) {
        if removed {
            *value = *solved as f32;
        }
    }
}

/// `A x = b`: one equation for each removed pixel, on a grid with a border of zeros.
struct System {
    size: [usize; 2],
    /// Sum of the weights of the neighbours in the image, for removed pixels; 0 for others.
    diagonal: Vec<f64>,
}

impl System {
    fn new(size: [usize; 2], is_removed: &[bool]) -> Self {
        let ones = vec![1.0; size[0] * size[1]];
        let sums = neighbour_sums(&padded(&ones, size), size);
        let pairs = sums.iter().zip(is_removed);
        let diagonal = pairs.map(|(&sum, &removed)| if removed { sum } else { 0.0 }).collect();
        Self { size, diagonal }
    }

    /// `A x` for an `x` that is 0 where nothing was removed.
    fn apply(&self, x: &[f64]) -> Vec<f64> {
        let sums = neighbour_sums(&padded(x, self.size), self.size);
        self.on_removed(|idx| self.diagonal[idx] * x[idx] - sums[idx])
    }

    fn on_removed(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        let value = |(idx, &diagonal): (usize, &f64)| if diagonal > 0.0 { value(idx) } else { 0.0 };
        self.diagonal.iter().enumerate().map(value).collect()
    }

    fn solve(&self, known: &[f64], guess: &[f64]) -> Vec<f64> {
        let sums = neighbour_sums(&padded(known, self.size), self.size);
        let b = self.on_removed(|idx| sums[idx]);
        let mut x = self.on_removed(|idx| guess[idx]);
        let image = self.apply(&x);
        let mut residual: Vec<f64> = b.iter().zip(&image).map(|(b, image)| b - image).collect();
        let goal = TOLERANCE * TOLERANCE * dot(&b, &b);
        let scaled = |residual: &[f64]| self.on_removed(|idx| residual[idx] / self.diagonal[idx]);
        let mut scaled_residual = scaled(&residual);
        let mut direction = scaled_residual.clone();
        let mut energy = dot(&residual, &scaled_residual);
        for _ in 0..MAX_STEPS {
            if dot(&residual, &residual) <= goal {
                break;
            }
            let image = self.apply(&direction);
            let step = energy / dot(&direction, &image);
            add(&mut x, step, &direction);
            add(&mut residual, -step, &image);
            scaled_residual = scaled(&residual);
            let new_energy = dot(&residual, &scaled_residual);
            let share = new_energy / energy;
            energy = new_energy;
            for (direction, scaled) in direction.iter_mut().zip(&scaled_residual) {
                *direction = scaled + share * *direction;
            }
        }
        x
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn add(sum: &mut [f64], factor: f64, values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

/// `values` with a border of zeros.
fn padded(values: &[f64], [height, width]: [usize; 2]) -> Vec<f64> {
    let mut padded = vec![0.0; (height + 2) * (width + 2)];
    for (row, values) in values.chunks_exact(width).enumerate() {
        let start = (row + 1) * (width + 2) + 1;
        padded[start..start + width].copy_from_slice(values);
    }
    padded
}

/// The weighted sum of the neighbours of each pixel.
fn neighbour_sums(padded: &[f64], [height, width]: [usize; 2]) -> Vec<f64> {
    let mut sums = vec![0.0; height * width];
    for (row, sums) in sums.chunks_exact_mut(width).enumerate() {
        for Neighbour { down, right, weight } in NEIGHBOURS {
            let start = (row + 1).wrapping_add_signed(down) * (width + 2);
            let start = (start + 1).wrapping_add_signed(right);
            let neighbours = &padded[start..start + width];
            sums.iter_mut().zip(neighbours).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    sums
}

/// Removed pixels take the mean of what is left in the smallest square of 2, 4, 8, ... pixels that
/// has something left.
fn pyramid_guess(values: &[f64], size: [usize; 2], is_removed: &[bool]) -> Vec<f64> {
    if !is_removed.contains(&true) {
        return values.to_vec();
    }
    let [height, width] = size;
    let coarse_size = size.map(|side| side.div_ceil(2));
    let coarse_idx = |idx: usize| (idx / width / 2) * coarse_size[1] + idx % width / 2;
    let mut sums = vec![(0.0, 0.0); coarse_size[0] * coarse_size[1]];
    for idx in (0..height * width).filter(|&idx| !is_removed[idx]) {
        let (sum, num) = &mut sums[coarse_idx(idx)];
        *sum += values[idx];
        *num += 1.0;
    }
    let is_empty: Vec<bool> = sums.iter().map(|&(_, num)| num == 0.0).collect();
    let means: Vec<f64> = sums.iter().map(|&(sum, num): &(f64, f64)| sum / num.max(1.0)).collect();
    let coarse = pyramid_guess(&means, coarse_size, &is_empty);
    let value = |idx: usize| if is_removed[idx] { coarse[coarse_idx(idx)] } else { values[idx] };
    (0..height * width).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::impute;

    #[test]
    fn one_pixel_takes_the_weighted_mean_of_its_neighbours() {
        let mut plane = [1.0, 2.0, 3.0, 4.0, 9.0, 6.0, 7.0, 8.0, 10.0];
        let mut is_removed = [false; 9];
        is_removed[4] = true;
        impute(&mut plane, [3, 3], &is_removed);
        // (1 + 3 + 7 + 10) / 12 + (2 + 4 + 6 + 8) / 6
        assert!((plane[4] - (21.0 / 12.0 + 20.0 / 6.0)).abs() < 1e-5, "{plane:?}");
        // At the corner only three neighbours are in the image.
        let mut plane = [9.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0];
        is_removed = [true, false, false, false, false, false, false, false, false];
        impute(&mut plane, [3, 3], &is_removed);
        assert!((plane[0] - (2.0 / 6.0 + 4.0 / 6.0 + 5.0 / 12.0) / (5.0 / 12.0)).abs() < 1e-5);
    }

    #[test]
    fn what_is_linear_from_top_to_bottom_is_found_again() {
        // Rows of equal values are harmonic as long as the first and the last are there.
        let [height, width] = [40, 30];
        let row = |idx: usize| (idx / width) as f32;
        let is_removed: Vec<bool> = (0..height * width)
            .map(|idx| !(1..height - 1).contains(&(idx / width)))
            .map(|edge| !edge)
            .collect();
        let mut plane: Vec<f32> =
            (0..height * width).map(|idx| if is_removed[idx] { -5.0 } else { row(idx) }).collect();
        impute(&mut plane, [height, width], &is_removed);
        for (idx, &value) in plane.iter().enumerate() {
            assert!((value - row(idx)).abs() < 1e-2, "{idx}: {value}");
        }
    }

    #[test]
    fn with_nothing_left_all_is_zero() {
        let mut plane = [3.0; 4];
        impute(&mut plane, [2, 2], &[true; 4]);
        assert_eq!(plane, [0.0; 4]);
    }
}
