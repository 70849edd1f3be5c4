//! Maps that never saw a network: what an explanation has to beat.

/// A Gaussian at the image center, for photos that show their subject in the middle.
///
/// `exp(-((y - (h-1)/2) / (h/4))^2 / 2 - ((x - (w-1)/2) / (w/4))^2 / 2)`: peak 1 at the center,
/// a standard deviation of a quarter of each side.
///
/// # Shapes
/// `size` is \[height, width\]; the map comes row by row.
pub fn centre_gaussian(size: [usize; 2]) -> Vec<f32> {
    let [height, width] = size.map(gaussian_profile);
    height.iter().flat_map(|row| width.iter().map(move |column| (row * column) as f32)).collect()
}

fn gaussian_profile(len: usize) -> Vec<f64> {
    let center = (len as f64 - 1.0) / 2.0;
    let sigma = len as f64 / 4.0;
    (0..len)
        .map(|idx| {
            let distance = (idx as f64 - center) / sigma;
            libm::exp(-distance * distance / 2.0)
        })
        .collect()
}

/// A map that points everywhere at once.
///
/// # Shapes
/// `size` is \[height, width\].
pub fn uniform_ones(size: [usize; 2]) -> Vec<f32> {
    vec![1.0; size[0] * size[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaussian_has_its_peak_at_the_center_and_a_sigma_of_a_quarter() {
        // 5 x 9: center (2, 4), sigma (1.25, 2.25); at (0, 4) exp(-(2/1.25)^2 / 2) = exp(-1.28)
        let map = centre_gaussian([5, 9]);
        assert_eq!(map.len(), 45);
        assert_eq!(map[2 * 9 + 4], 1.0);
        assert!((map[4] - 0.278_037_3).abs() < 1e-6);
        // at (2, 0) exp(-(4/2.25)^2 / 2) = exp(-1.580247)
        assert!((map[2 * 9] - 0.205_924_3).abs() < 1e-6);
        assert_eq!(map[0], map[44]);
    }

    #[test]
    fn even_sizes_have_their_center_between_pixels() {
        // 2 x 4: center (0.5, 1.5), sigma (0.5, 1): exp(-1/2 - 0.25/2) next to the center
        let map = centre_gaussian([2, 4]);
        assert!((map[1] - 0.535_261_4).abs() < 1e-6);
        assert_eq!([map[1], map[2]], [map[5], map[6]]);
    }

    #[test]
    fn uniform_map_is_one_everywhere() {
        assert_eq!(uniform_ones([2, 3]), vec![1.0; 6]);
    }
}
