//! Contrast and brightness. Plain arithmetic on whole slices, which compilers turn into vectors: all is
//! inlined into the caller, which is compiled for each kind of processor.

/// Values that are looked at together.
const NUM_LANES: usize = 16;
/// Adding and taking away 2^23 rounds a value below it to a whole number.
const ROUNDING: f32 = 8_388_608.0;

/// Stretches the values so that they span 0 to 255.
#[inline(always)]
pub fn stretch(values: &mut [f32]) {
    let min = fold(values, f32::INFINITY, |a, b| if b < a { b } else { a });
    let range = fold(values, f32::NEG_INFINITY, |a, b| if b > a { b } else { a }) - min;
    let divisor = if range > 0.0 { range } else { 1.0 };
    for value in values {
        *value = (*value - min) / divisor * 255.0;
    }
}

/// Multiplies by `brightness` as 8-bit image editors do: both factors and product are cut to bytes.
#[inline(always)]
pub fn dim(values: &mut [f32], brightness: f32) {
    for value in values {
        let product = brightness * floor(*value);
        // What is above 255 may be too large to be rounded.
        *value = floor(if product < 255.0 { product } else { 255.0 });
    }
}

/// The whole part of a value in `0..2^22`.
#[inline(always)]
fn floor(value: f32) -> f32 {
    let rounded = (value + ROUNDING) - ROUNDING;
    rounded - if rounded > value { 1.0 } else { 0.0 }
}

#[inline(always)]
fn fold(values: &[f32], start: f32, choose: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<NUM_LANES>();
    let mut lanes = [start; NUM_LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = choose(*lane, value);
        }
    }
    lanes.iter().chain(rest).fold(start, |best, &value| choose(best, value))
}

#[cfg(test)]
mod tests {
    use super::{dim, stretch};

    #[test]
    fn every_byte_and_brightness_is_cut_as_bytes_are() {
        for step in 0..=300 {
            let brightness = step as f32 / 100.0;
            for quarter in 0..=1020 {
                let value = quarter as f32 / 4.0;
                let mut values = [value];
                dim(&mut values, brightness);
                assert_eq!(values[0], f32::from((brightness * f32::from(value as u8)) as u8));
            }
        }
    }

    #[test]
    fn the_extremes_are_found_wherever_they_are() {
        for (low, high) in [(0, 39), (17, 3), (38, 37)] {
            let mut values = [100.0; 40];
            (values[low], values[high]) = (50.0, 150.0);
            stretch(&mut values);
            // (100 - 50) / (150 - 50) * 255 = 127.5
            let expected = |idx| {
                if idx == low {
                    0.0
                } else if idx == high {
                    255.0
                } else {
                    127.5
                }
            };
            assert!((0..40).all(|idx| values[idx] == expected(idx)));
        }
    }

    #[test]
    fn one_value_alone_has_no_contrast() {
        let mut values = [7.0; 5];
        stretch(&mut values);
        assert_eq!(values, [0.0; 5]);
    }
}
