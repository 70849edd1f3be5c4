//! Pillow's rule.

use crate::polygon::Rows;
use crate::{ImageSize, Mask, Ring};
use std::collections::HashMap;

/// The pixels of `rings` by the rule of Pillow: each ring by itself, the union of them.
///
/// 1. Vertices are cut towards zero to whole pixels.
/// 2. A level edge sets the pixels between its ends, and these.
/// 3. In each row, the other edges that touch it are cut, in single precision. An edge that ends in the row
///    counts twice, but in the lowest row of the ring once.
/// 4. Where two slanted edges start at one pixel (in the lowest row: end), and both leave it to one side by
///    more than a pixel, the cut of the later one moves to that side, beside the nearer of the two in the
///    row below (above): a sharp corner stays joined.
/// 5. The cuts, sorted, pair up (even-odd); the pixels between are set, the left end rounded with halves up
///    and the right end with halves down, both seen from zero.
///
/// A ring of one vertex has no pixel. Vertices lie within 2^30 pixels of the origin, and are moved there.
///
/// # Source
/// `ImageDraw.polygon(fill=1, outline=1)` of Pillow 13.0 in a one-bit image, which gives the same pixels; as
/// the outline has the colour of the inside, it is not drawn by itself.
pub fn pil(rings: &[Ring], size: ImageSize) -> Mask {
    if size.num_pixels() == 0 {
        return Mask::empty(size);
    }
    let mut runs = Vec::new();
    for ring in rings {
        push_runs(ring, size, &mut runs);
    }
    runs.sort_unstable();
    Mask::from_sorted_runs(size, runs)
}

/// Farthest vertex.
const FARTHEST: f64 = (1 << 30) as f64;

/// An edge that is not level.
struct Edge {
    /// The vertex that comes first in the ring, `[x, y]`.
    start: [i64; 2],
    /// First and last row.
    rows: [i64; 2],
    /// Columns a row.
    slope: f32,
}

impl Edge {
    fn new(start: [i64; 2], end: [i64; 2]) -> Self {
        let rows = [start[1].min(end[1]), start[1].max(end[1])];
        let slope = (end[0] - start[0]) as f32 / (end[1] - start[1]) as f32;
        Self { start, rows, slope }
    }

    fn x_at(&self, row: i64) -> f32 {
        (row - self.start[1]) as f32 * self.slope + self.start[0] as f32
    }
}

fn push_runs(ring: &[[f64; 2]], size: ImageSize, runs: &mut Vec<[u32; 2]>) {
    let vertices: Vec<[i64; 2]> =
        ring.iter().map(|vertex| vertex.map(|v| v.clamp(-FARTHEST, FARTHEST) as i64)).collect();
    let closing = match vertices[..] {
        [first, .., last] if first != last => Some((last, first)),
        _ => None,
    };
    let all = vertices.windows(2).map(|pair| (pair[0], pair[1])).chain(closing);
    let (level, slanted): (Vec<_>, Vec<_>) = all.partition(|(start, end)| start[1] == end[1]);
    for ([x, y], [other_x, _]) in level {
        push_run(y, [x.min(other_x), x.max(other_x)], size, runs);
    }
    let edges: Vec<Edge> = slanted.into_iter().map(|(start, end)| Edge::new(start, end)).collect();

    let last_row = vertices.iter().map(|vertex| vertex[1]).max().unwrap_or_default();
    let in_image = |edge: &Edge| {
        let [top, bottom] = edge.rows;
        top.max(0)..=bottom.min(i64::from(size.height) - 1)
    };
    let rows = || edges.iter().flat_map(in_image);
    let (Some(first), Some(last)) = (rows().min(), rows().max()) else { return };
    let crossed = (0..).zip(&edges).flat_map(|(edge_idx, edge)| {
        in_image(edge).map(move |row| ((row - first) as u32, edge_idx))
    });
    let crossing = Rows::<u32>::new((last - first + 1) as u32, crossed.collect());
    let (mut cuts, mut corners) = (Vec::new(), HashMap::new());
    for row in first..=last {
        let crossing = crossing.row((row - first) as u32).iter();
        let crossing = crossing.map(|&edge_idx| &edges[edge_idx as usize]);
        cut(row, row >= last_row, crossing, &mut corners, &mut cuts);
        for cuts in cuts.as_chunks().0 {
            let &[left, right] = cuts;
            push_run(row, [round_up(left), round_down(right)], size, runs);
        }
    }
}

/// The sorted cuts of a row with the edges that touch it, in the order of the ring.
fn cut<'a>(
    row: i64,
    is_last: bool,
    edges: impl Iterator<Item = &'a Edge>,
    corners: &mut HashMap<i64, &'a Edge>,
    cuts: &mut Vec<f32>,
) {
    cuts.clear();
    corners.clear();
    for edge in edges {
        let mut x = edge.x_at(row);
        if row == edge.rows[1] && !is_last {
            cuts.push(x);
        } else if edge.rows.contains(&row) && edge.slope != 0.0 {
            // The first edge at a corner waits for the others there.
            let other = *corners.entry(x.round() as i64).or_insert(edge);
            if !std::ptr::eq(other, edge) {
                let beside = if is_last { row - 1 } else { row + 1 };
                x = joined(x, [edge.x_at(beside), other.x_at(beside)]);
            }
        }
        cuts.push(x);
    }
    cuts.sort_unstable_by(f32::total_cmp);
}

/// The cut of a corner at `x`, whose edges are at `beside` in the row beside.
fn joined(x: f32, beside: [f32; 2]) -> f32 {
    if beside.iter().all(|&other| x > other + 1.0) {
        beside[0].max(beside[1]).round() + 1.0
    } else if beside.iter().all(|&other| x < other - 1.0) {
        beside[0].min(beside[1]).round() - 1.0
    } else {
        x
    }
}

/// To the nearest whole number, halves away from zero; the sum is rounded to single precision only on the
/// right of zero.
fn round_up(x: f32) -> i64 {
    match x >= 0.0 {
        true => (x + 0.5).floor() as i64,
        false => -((f64::from(-x) + 0.5).floor() as i64),
    }
}

/// To the nearest whole number, halves towards zero; the sum is rounded to single precision only on the
/// right of zero.
fn round_down(x: f32) -> i64 {
    match x >= 0.0 {
        true => (x - 0.5).ceil() as i64,
        false => -((f64::from(-x) - 0.5).ceil() as i64),
    }
}

/// Adds the pixels of a row from one column to another, both included, that are in the image.
fn push_run(row: i64, [left, right]: [i64; 2], size: ImageSize, runs: &mut Vec<[u32; 2]>) {
    let (height, width) = (i64::from(size.height), i64::from(size.width));
    let (left, right) = (left.max(0), right.min(width - 1));
    if (0..height).contains(&row) && left <= right {
        runs.push([left, right + 1].map(|x| (row * width + x) as u32));
    }
}
