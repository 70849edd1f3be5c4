//! COCO's rule.

use crate::{ImageSize, Mask, Ring};

/// The pixels of `rings` by the rule of COCO: each ring by itself, the union of them.
///
/// 1. The vertices are put on a grid five times as fine: `5 v + 0.5`, cut towards zero.
/// 2. Each edge visits the points of that grid one by one along its longer side; the other coordinate is
///    the line's plus 0.5, cut towards zero.
/// 3. Where an edge steps over the middle of a column, from `5 c + 2` to `5 c + 3` or back, it crosses the
///    column at the upper of its two points: at `(y + 0.5) / 5 - 0.5`, raised to a whole row in the image.
/// 4. In each column, crossings pair up from the top (even-odd): the pixels from the first on and before
///    the second belong to the ring.
///
/// A ring of one or two vertices has no pixel. Vertices lie within 2^30 / 5 pixels of the origin, and are
/// moved there. Edges take time for the columns that they cross, and columns for their pixels.
///
/// # Source
/// `rleFrPoly` of pycocotools, which gives the same pixels.
pub fn coco(rings: &[Ring], size: ImageSize) -> Mask {
    if size.num_pixels() == 0 {
        return Mask::empty(size);
    }
    let (mut runs, mut crossings) = (Vec::new(), Vec::new());
    for ring in rings {
        crossings.clear();
        let points = ring.iter().map(|vertex| vertex.map(on_fine_grid));
        for (from, to) in points.clone().zip(points.cycle().skip(1)) {
            push_crossings(from, to, size, &mut crossings);
        }
        crossings.sort_unstable();
        runs.extend_from_slice(crossings.as_chunks().0);
    }
    runs.sort_unstable();
    // Runs along columns are those of the image with rows and columns exchanged.
    Mask::from_sorted_runs(ImageSize::new(size.width, size.height), runs).transposed()
}

/// Farthest point of the fine grid.
const FARTHEST: f64 = (1 << 30) as f64;

fn on_fine_grid(value: f64) -> i64 {
    (5.0 * value + 0.5).clamp(-FARTHEST, FARTHEST) as i64
}

/// Where the edge crosses the middles of columns, as pixels counted column by column.
fn push_crossings(a: [i64; 2], b: [i64; 2], size: ImageSize, crossings: &mut Vec<u32>) {
    let is_flat = a[0].abs_diff(b[0]) >= a[1].abs_diff(b[1]);
    let along = usize::from(!is_flat);
    let (from, to) = if a[along] <= b[along] { (a, b) } else { (b, a) };
    let length = to[along] - from[along];
    let slope = (to[1 - along] - from[1 - along]) as f64 / length as f64;
    // The other coordinate after some steps along the edge.
    let across = |steps: i64| (from[1 - along] as f64 + slope * steps as f64 + 0.5) as i64;
    let (left, right) = (a[0].min(b[0]), a[0].max(b[0]));
    let first = (left - 2 + 4).div_euclid(5).max(0);
    let last = (right - 3).div_euclid(5).min(i64::from(size.width) - 1);
    for column in first..=last {
        let middle = 5 * column + 2;
        let y = if is_flat {
            let steps = middle - from[0];
            across(steps).min(across(steps + 1))
        } else {
            let is_before = |steps| match from[0] < to[0] {
                true => across(steps) <= middle,
                false => across(steps) > middle,
            };
            from[1] + first_after(length, is_before) - 1
        };
        let row = ((y as f64 + 0.5) / 5.0 - 0.5).clamp(0.0, f64::from(size.height)).ceil();
        crossings.push(column as u32 * size.height + row as u32);
    }
}

/// The first of the steps from 1 to `length` that is not before the middle.
fn first_after(length: i64, is_before: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (1, length);
    while low < high {
        let step = low.midpoint(high);
        if is_before(step) { low = step + 1 } else { high = step }
    }
    low
}
