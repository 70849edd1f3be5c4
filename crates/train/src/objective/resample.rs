//! Resizing as a product with two matrices, through which gradients pass.

/// How values between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resample {
    /// Between the two nearest centres of pixels (`align_corners=False`).
    Bilinear,
    /// `floor(i * from / to)`, PyTorch's "nearest".
    Nearest,
    /// The mean over the pixels that a new one touches, PyTorch's `adaptive_avg_pool2d`.
    Area,
}

impl Resample {
    /// The weight of each of `from` old places for each of `to` new ones, `[to, from]` in row-major order.
    pub fn matrix(self, from: usize, to: usize) -> Vec<f32> {
        let mut matrix = vec![0.0; to * from];
        for (place, row) in matrix.chunks_mut(from.max(1)).enumerate() {
            match self {
                Self::Bilinear => {
                    let scale = from as f64 / to as f64;
                    let center = ((place as f64 + 0.5) * scale - 0.5).max(0.0);
                    let low = (center as usize).min(from - 1);
                    let share = (center - low as f64) as f32;
                    row[low] += 1.0 - share;
                    row[(low + 1).min(from - 1)] += share;
                }
                Self::Nearest => row[place * from / to] = 1.0,
                Self::Area => {
                    let (first, end) = (place * from / to, ((place + 1) * from).div_ceil(to));
                    row[first..end].fill(1.0 / (end - first) as f32);
                }
            }
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::Resample::{Area, Bilinear, Nearest};

    #[test]
    fn rows_say_where_a_place_comes_from() {
        // Centres 0.25, 0.75, 1.25, 1.75 of the new pixels are at -0.25, 0.25, 0.75, 1.25 of the old ones'.
        assert_eq!(Bilinear.matrix(2, 4), [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]);
        assert_eq!(Nearest.matrix(2, 4), [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
        // New pixels touch the old ones 0 to 1, and 1 to 2.
        assert_eq!(Area.matrix(3, 2), [0.5, 0.5, 0.0, 0.0, 0.5, 0.5]);
        assert_eq!(Area.matrix(1, 1), [1.0]);
    }
}
