//! Circles as LabelMe fills them.

use crate::shapes::{self, SizeBudget};
use dermx_data::{ImageSize, Mask};

/// Longest side of the box around a circle, in pixels; with longer ones the numbers that are compared here
/// would not fit into 64 bits, and Pillow's do not.
const MAX_SIDE: i64 = 46_000;

/// The pixels of the circle around `center` with `rim` on its rim, both `[x, y]`, in an image of `size`.
///
/// The corners of the box around it lose their decimals, so that it may be an ellipse a pixel wider than
/// high; without width and height it has no pixel.
///
/// # Errors
/// A message when its box is larger than 46000 pixels or farther than 2^24 from the image, or when the
/// shapes of the file take too much memory.
///
/// # Source
/// `ImageDraw.ellipse` of Pillow with `fill=1, outline=1`, as labelme's `shape_to_mask` calls it.
pub(super) fn mask(
    center: [f64; 2],
    rim: [f64; 2],
    size: ImageSize,
    budget: &mut SizeBudget,
) -> Result<Mask, String> {
    let [dx, dy] = [0, 1].map(|axis| center[axis] - rim[axis]);
    let radius = (dx * dx + dy * dy).sqrt();
    let corners = [center.map(|value| value - radius), center.map(|value| value + radius)];
    let is_near = |value: &&f64| value.abs() <= shapes::MAX_COORDINATE;
    if let Some(far) = corners.iter().flatten().find(|value| !is_near(value)) {
        return Err(format!("found a circle that reaches to {far}; expected one near the image"));
    }
    let [[left, top], [right, bottom]] = corners.map(|corner| corner.map(|value| value as i64));
    let (a, b) = (right - left, bottom - top);
    if a.max(b) > MAX_SIDE {
        return Err(format!(
            "found a circle of {} pixels across; expected at most {MAX_SIDE}",
            a.max(b)
        ));
    }
    if a == 0 && b == 0 {
        return Ok(Mask::empty(size));
    }
    budget.take(((a + b) / 2 + 1) as u64)?;
    let (height, width) = (i64::from(size.height), i64::from(size.width));
    let run = |y: i64, x: i64| {
        let row = top + (b + y) / 2;
        let columns = [left + (a - x) / 2, left + (a + x) / 2 + 1].map(|one| one.clamp(0, width));
        let is_in = (0..height).contains(&row);
        is_in.then(|| columns.map(|column| (row * width + column) as u32))
    };
    let quarter = quarter(a, b);
    let above = quarter.iter().rev().filter_map(|&(y, x)| run(-y, x));
    // Where two rows are in the middle, the first of the quarter is the lower one.
    let below = quarter.iter().filter(|&&(y, _)| y > 0).filter_map(|&(y, x)| run(y, x));
    Ok(Mask::from_sorted_runs(size, above.chain(below)))
}

/// The rows of the lower right quarter of an ellipse around `(0, 0)` with radii `a` and `b`, from the middle
/// to the end, each with its last column. One pixel is a step of 2, so that centers lie between pixels.
///
/// The rim is followed from the right end `(a, 0 or 1)` to the lower one `(0 or 1, b)`: of the neighbours
/// below, below to the left, and to the left, the nearest to the curve comes next; of equal ones, the first.
fn quarter(a: i64, b: i64) -> Vec<(i64, i64)> {
    // How far a point is from the curve x^2 / a^2 + y^2 / b^2 = 1.
    let distance = |&(x, y): &(i64, i64)| (a * a * y * y + b * b * x * x - a * a * b * b).abs();
    let (mut point, last) = ((a, b % 2), (a % 2, b));
    let mut rows = vec![(point.1, point.0)];
    while point != last {
        let (x, y) = point;
        let neighbours = [(x, y + 2), (x - 2, y + 2), (x - 2, y)];
        let num = if x > 1 { 3 } else { 1 };
        point = neighbours[..num].iter().copied().min_by_key(distance).unwrap_or(last);
        if point.1 > y {
            rows.push((point.1, point.0));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn draw(center: [f64; 2], rim: [f64; 2], size: ImageSize) -> Result<Mask, String> {
        let mut budget = SizeBudget::new(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        mask(center, rim, size, &mut budget)
    }

    #[test]
    fn a_circle_of_radius_two_has_its_rim() {
        // Radii (4, 4) in half pixels. From (4, 0): below is (4, 2), 64 from 4^4; to its left (2, 2), 128;
        // so row 2 ends at 4. From there (2, 4) is 64 away and (4, 4) 256, (2, 2) 128: row 4 ends at 2.
        // The rows -2 to 2 then end at 1, 2, 2, 2, 1 pixels.
        //   . # # # .
        //   # # # # #
        //   # # # # #
        //   # # # # #
        //   . # # # .
        assert_eq!(quarter(4, 4), [(0, 4), (2, 4), (4, 2)]);
        let mask = draw([2.0, 2.0], [2.0, 0.0], ImageSize::new(5, 5)).unwrap();
        assert_eq!(mask.runs(), [[1, 4], [5, 20], [21, 24]]);
    }

    #[test]
    fn a_circle_is_cut_at_the_sides_of_the_image() {
        // The same around (0, 4): columns 0 to 2, rows 2 to 4 of an image of 5x3.
        let mask = draw([0.0, 4.0], [2.0, 4.0], ImageSize::new(5, 3)).unwrap();
        // Around 0, the left corner is -2, and the right 2.
        assert_eq!(mask.runs(), [[6, 8], [9, 15]]);
        let outside = draw([-9.0, 4.0], [-7.0, 4.0], ImageSize::new(5, 3)).unwrap();
        assert!(outside.is_empty());
    }

    #[test]
    fn a_circle_of_less_than_a_pixel_is_empty_and_a_huge_one_refused() {
        let size = ImageSize::new(9, 9);
        assert!(draw([4.5, 4.5], [4.7, 4.5], size).unwrap().is_empty());
        assert!(draw([4.5, 4.5], [4.5, 23_010.0], size).unwrap_err().contains("46011 pixels"));
        assert!(draw([4.5, 4.5], [1e300, 4.5], size).unwrap_err().contains("reaches to"));
        assert!(draw([0.0, 0.0], [22_999.0, 0.0], ImageSize::new(3, 3)).unwrap().area() == 9);
    }
}
