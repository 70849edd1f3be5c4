//! From a rater's polygons to the published masks, bit for bit.

use crate::mask::{NearestColumns, nearest_indices};
use crate::{ImageSize, Mask, Ring};

/// The mask of `rings`, each a closed line of `[x, y]` vertices with pixel centers at integers.
///
/// 1. Each vertex is clipped to `[0, width - 1] x [0, height - 1]` and rounded, ties to even.
/// 2. In each row `y`, the edges of all rings with `y_min <= y < y_max` are cut; the cuts, sorted,
///    pair up (even-odd), and the pixels from `ceil(left)` to `floor(right)` are set.
/// 3. Every edge is drawn on top as a Bresenham line from left to right, halves rounded towards its
///    left end, so the rims of holes belong to the mask. A slanted edge leaves out its right end:
///    usually another edge or step 2 sets that pixel, but not always.
///
/// # Source
/// `upolygon.draw_polygon` of V7, who make Darwin, the annotation tool of the study; this rule
/// gives the same pixels, and all 3562 published masks.
pub fn rasterize(rings: &[Ring], size: ImageSize) -> Mask {
    if size.num_pixels() == 0 {
        return Mask::empty(size);
    }
    let rows: Vec<u32> = (0..size.height).collect();
    let spans = spans(rings, size, &rows).into_iter();
    Mask::from_sorted_runs(size, spans.map(|(row, span)| span.map(|x| row * size.width + x)))
}

/// The mask of `rings` resized to `new_size`, the same as that of [`rasterize`] resized by
/// [`Mask::resize_nearest`]; rows that resizing leaves out are not drawn.
pub fn rasterize_nearest(rings: &[Ring], size: ImageSize, new_size: ImageSize) -> Mask {
    if size.num_pixels() == 0 {
        return Mask::empty(new_size);
    }
    let rows = nearest_indices(size.height, new_size.height);
    let columns = NearestColumns::new(size.width, new_size.width);
    let spans = spans(rings, size, &rows).into_iter();
    let run = |(row, span): (u32, [u32; 2])| columns.of(span).map(|x| row * new_size.width + x);
    Mask::from_sorted_runs(new_size, spans.map(run))
}

/// The columns and the rows of the image that each edge of `rings` crosses, each summed: what drawing them
/// takes.
pub(crate) fn num_crossed(rings: &[Ring], size: ImageSize) -> [u64; 2] {
    let edges = edges(rings, size);
    [0, 1].map(|axis| edges.iter().map(|[a, b]| a[axis].abs_diff(b[axis])).sum())
}

/// Whether no point inside `rings` or on them lies in the image, whose pixels reach half a pixel beyond
/// their centers.
///
/// No edge crosses the image, and the image is not inside the rings (even-odd).
pub fn is_outside(rings: &[Ring], size: ImageSize) -> bool {
    let far = [size.width, size.height].map(|length| f64::from(length) - 0.5);
    let is_in = |point: &[f64; 2]| {
        std::iter::zip(point, far).all(|(&value, far)| -0.5 < value && value < far)
    };
    // Nearly always so, and seen at once.
    if rings.iter().flatten().any(is_in) {
        return false;
    }
    let edges = || rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().cycle().skip(1)));
    let center = far.map(|far| (far - 0.5) / 2.0);
    let is_around = |&(a, b): &(&[f64; 2], &[f64; 2])| is_right_of(center, *a, *b);
    !edges().any(|(a, b)| is_crossed(*a, *b, far)) && edges().filter(is_around).count() % 2 == 0
}

/// Whether the line from `a` to `b` has a point between -0.5 and `far`, on both axes.
fn is_crossed(a: [f64; 2], b: [f64; 2], far: [f64; 2]) -> bool {
    // The part of the line, from 0 to 1, that lies between the sides.
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    for axis in 0..2 {
        let (from, step) = (a[axis], b[axis] - a[axis]);
        if step == 0.0 {
            if from <= -0.5 || from >= far[axis] {
                return false;
            }
            continue;
        }
        let sides = [(-0.5 - from) / step, (far[axis] - from) / step];
        start = start.max(sides[0].min(sides[1]));
        end = end.min(sides[0].max(sides[1]));
    }
    start < end
}

/// Whether a line from `point` to the right cuts the edge from `a` to `b`.
fn is_right_of([x, y]: [f64; 2], a: [f64; 2], b: [f64; 2]) -> bool {
    (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
}

/// The spans `[start, end)` of columns in each of `rows`, by the place of the row in `rows`, which
/// are in order and may repeat; sorted, and not joined.
fn spans(rings: &[Ring], size: ImageSize, rows: &[u32]) -> Vec<(u32, [u32; 2])> {
    let mut is_taken = vec![false; size.height as usize];
    for &row in rows {
        is_taken[row as usize] = true;
    }
    let edges = edges(rings, size);
    let mut cuts = Rows::new(size.height, cuts(&edges, &is_taken));
    let outline = Rows::new(size.height, outline(&edges, &is_taken));
    let mut spans = Vec::with_capacity(outline.items.len() + cuts.items.len() / 2);
    for (place, &row) in (0..).zip(rows) {
        let cuts = cuts.row_mut(row);
        cuts.sort_unstable_by(f64::total_cmp);
        let first = spans.len();
        spans.extend(cuts.as_chunks().0.iter().map(|cuts| (place, filled_span(cuts))));
        spans.extend(outline.row(row).iter().map(|&span| (place, span)));
        spans[first..].sort_unstable();
    }
    spans
}

/// A clipped and rounded vertex, `[x, y]`.
type Point = [i64; 2];

/// The edges of all rings, closing edges included.
fn edges(rings: &[Ring], size: ImageSize) -> Vec<[Point; 2]> {
    let round =
        |value: f64, len: u32| value.clamp(0.0, f64::from(len - 1)).round_ties_even() as i64;
    let point = |&[x, y]: &[f64; 2]| [round(x, size.width), round(y, size.height)];
    let mut edges = Vec::new();
    for ring in rings {
        let points = ring.iter().map(point);
        edges.extend(points.clone().zip(points.cycle().skip(1)).map(|(from, to)| [from, to]));
    }
    edges
}

/// Where each edge cuts each row of its half-open range that is taken: `(row, x)`.
///
/// The quotient is exact enough: with sizes below 2^16, different cuts differ by 2^-32 or more.
fn cuts(edges: &[[Point; 2]], is_taken: &[bool]) -> Vec<(u32, f64)> {
    let mut cuts = Vec::new();
    for &[a, b] in edges {
        let [[x0, y0], [x1, y1]] = if a[1] <= b[1] { [a, b] } else { [b, a] };
        let height = y1 - y0;
        for y in (y0..y1).filter(|&y| is_taken[y as usize]) {
            let numerator = x0 * height + (y - y0) * (x1 - x0);
            cuts.push((y as u32, numerator as f64 / height as f64));
        }
    }
    cuts
}

fn filled_span(&[left, right]: &[f64; 2]) -> [u32; 2] {
    [left.ceil() as u32, right.floor() as u32 + 1]
}

/// The Bresenham line of each edge, as half-open spans of the rows that are taken:
/// `(row, [start, end])`.
fn outline(edges: &[[Point; 2]], is_taken: &[bool]) -> Vec<(u32, [u32; 2])> {
    let mut spans = Vec::new();
    let mut add = |row: i64, span: [i64; 2]| {
        if is_taken[row as usize] {
            spans.push((row as u32, span.map(|x| x as u32)));
        }
    };
    for &[a, b] in edges {
        let [[left, y], [right, end_y]] = if a[0] <= b[0] { [a, b] } else { [b, a] };
        let (width, height) = (right - left, (end_y - y).abs());
        let down = (end_y - y).signum();
        let is_slanted = width > 0 && height > 0;
        let num_steps = width.max(height) + i64::from(!is_slanted);
        if height > width {
            for step in 0..num_steps {
                let x = left + minor_steps(step, width, height);
                add(y + down * step, [x, x + 1]);
            }
        } else {
            let mut start = 0;
            for row in 0..=height {
                let is_last = row == height;
                let end = if is_last { num_steps } else { first_step(row + 1, height, width) };
                add(y + down * row, [left + start, left + end]);
                start = end;
            }
        }
    }
    spans
}

/// Steps along the minor axis after `step` of `major` steps: `step * minor / major`, halves down.
fn minor_steps(step: i64, minor: i64, major: i64) -> i64 {
    (2 * step * minor + major - 1) / (2 * major)
}

/// The first of `major` steps at which [`minor_steps`] reaches `row`, from 1 to `minor`.
fn first_step(row: i64, minor: i64, major: i64) -> i64 {
    // step * minor / major > row - 1/2
    (2 * row - 1) * major / (2 * minor) + 1
}

/// Items grouped by image row (a counting sort; most rows hold two to four).
pub(crate) struct Rows<T> {
    /// The items of row `y` are `items[starts[y]..starts[y + 1]]`.
    starts: Vec<usize>,
    items: Vec<T>,
}

impl<T: Copy + Default> Rows<T> {
    pub fn new(num_rows: u32, entries: Vec<(u32, T)>) -> Self {
        let mut starts = vec![0; num_rows as usize + 2];
        for &(row, _) in &entries {
            starts[row as usize + 2] += 1;
        }
        for row in 2..starts.len() {
            starts[row] += starts[row - 1];
        }
        // Each start moves up while its row is filled, and ends where the next row starts.
        let mut items = vec![T::default(); entries.len()];
        for (row, item) in entries {
            let next = &mut starts[row as usize + 1];
            items[*next] = item;
            *next += 1;
        }
        Self { starts, items }
    }

    pub fn row(&self, row: u32) -> &[T] {
        &self.items[self.starts[row as usize]..self.starts[row as usize + 1]]
    }

    fn row_mut(&mut self, row: u32) -> &mut [T] {
        &mut self.items[self.starts[row as usize]..self.starts[row as usize + 1]]
    }
}
