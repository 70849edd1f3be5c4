//! Number, size and form of what a mask outlines.

use crate::EvalError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number, size and form of the parts of a mask: what a score of a map may depend on, see [`crate::regression`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OutlineShape {
    /// Number of parts; pixels that touch, at a corner at least, are of one part. Outlines that overlap are one.
    pub num_parts: usize,
    /// Share of the pixels that is in the mask, from 0 to 1.
    pub area_share: f64,
    /// Longer side by shorter side of the smallest rectangle around the largest part, in any direction; from 1, as
    /// round or square as can be. `None` of an empty mask.
    pub elongation: Option<f64>,
    /// Share of that rectangle that the part leaves empty, from 0 to 1. `None` of an empty mask.
    pub irrectangularity: Option<f64>,
}

/// The shape of a mask; any value but 0 is inside.
///
/// Pixels are squares: one alone has a rectangle of 1 by 1. Of parts of equal size the first from the top counts, of
/// equal rectangles the squarest.
///
/// # Shapes
/// `mask` has `[height, width]` values, row by row.
///
/// # Errors
/// When a size is zero or the length is not that of the size.
///
/// # Source
/// Saporta et al., 2022, <https://doi.org/10.1038/s42256-022-00536-x> (CheXlocalize), who take the rectangle through
/// the centers of the outermost pixels, and count outlines as they were drawn. Parity with SciPy's
/// `ndimage.label` and OpenCV's `minAreaRect` of the pixels' corners.
pub fn outline_shape(mask: &[u8], [height, width]: [usize; 2]) -> Result<OutlineShape, EvalError> {
    if mask.is_empty() || Some(mask.len()) != height.checked_mul(width) {
        let message = format!("found {} pixels, expected {height}x{width}", mask.len());
        return Err(EvalError::new("mask", message));
    }
    let parts = parts(mask, width);
    let num_pixels: usize = parts.iter().map(Vec::len).sum();
    let largest =
        parts.iter().reduce(|one, other| if other.len() > one.len() { other } else { one });
    let rectangle = largest.and_then(|part| {
        let rectangle = smallest_rectangle(&hull(corners(part, width)))?;
        Some((rectangle, part.len() as f64))
    });
    Ok(OutlineShape {
        num_parts: parts.len(),
        area_share: num_pixels as f64 / mask.len() as f64,
        elongation: rectangle.map(|(rectangle, _)| rectangle.elongation),
        irrectangularity: rectangle
            .map(|(rectangle, num_pixels)| (1.0 - num_pixels / rectangle.area).max(0.0)),
    })
}

/// The pixels of each part.
fn parts(mask: &[u8], width: usize) -> Vec<Vec<usize>> {
    let mut is_left: Vec<bool> = mask.iter().map(|value| *value != 0).collect();
    let mut parts = Vec::new();
    for start in 0..mask.len() {
        if !is_left[start] {
            continue;
        }
        is_left[start] = false;
        let mut part = vec![start];
        let mut next = 0;
        while let Some(&pixel) = part.get(next) {
            next += 1;
            let (row, column) = (pixel / width, pixel % width);
            for row in row.saturating_sub(1)..=(row + 1).min(mask.len() / width - 1) {
                for column in column.saturating_sub(1)..=(column + 1).min(width - 1) {
                    let neighbour = row * width + column;
                    if std::mem::take(&mut is_left[neighbour]) {
                        part.push(neighbour);
                    }
                }
            }
        }
        parts.push(part);
    }
    parts
}

/// A corner of pixels: row and column.
type Point = [i64; 2];

/// The corners of a part's outermost pixels in each row, sorted.
fn corners(part: &[usize], width: usize) -> Vec<Point> {
    let mut rows: BTreeMap<i64, [i64; 2]> = BTreeMap::new();
    for pixel in part {
        let (row, column) = ((pixel / width) as i64, (pixel % width) as i64);
        let [first, last] = rows.entry(row).or_insert([column, column]);
        *first = column.min(*first);
        *last = column.max(*last);
    }
    let of_row = |(row, [first, last]): (i64, [i64; 2])| {
        [[row, first], [row, last + 1], [row + 1, first], [row + 1, last + 1]]
    };
    let mut corners: Vec<Point> = rows.into_iter().flat_map(of_row).collect();
    corners.sort_unstable();
    corners.dedup();
    corners
}

/// The corners of the convex hull of sorted points, around it.
///
/// # Source
/// Andrew, 1979, <https://doi.org/10.1016/0020-0190(79)90072-3>.
fn hull(sorted: Vec<Point>) -> Vec<Point> {
    let mut around = half_hull(sorted.iter().copied());
    around.extend(half_hull(sorted.into_iter().rev()));
    around
}

/// One side of the hull, without its last point.
fn half_hull(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut side: Vec<Point> = Vec::new();
    for point in points {
        while let [.., before, last] = side[..] {
            let turn = cross(minus(last, before), minus(point, before));
            if turn > 0 {
                break;
            }
            side.pop();
        }
        side.push(point);
    }
    side.pop();
    side
}

fn minus(one: Point, other: Point) -> Point {
    [one[0] - other[0], one[1] - other[1]]
}

fn cross(one: Point, other: Point) -> i64 {
    one[0] * other[1] - one[1] * other[0]
}

fn dot(one: Point, other: Point) -> i64 {
    one[0] * other[0] + one[1] * other[1]
}

#[derive(Clone, Copy)]
struct Rectangle {
    area: f64,
    elongation: f64,
}

/// The rectangle of the smallest area around a hull: one of its sides lies on one of the hull's.
///
/// # Source
/// Freeman and Shapira, 1975, <https://doi.org/10.1145/360881.360919>.
fn smallest_rectangle(hull: &[Point]) -> Option<Rectangle> {
    let ends = hull.iter().zip(hull.iter().cycle().skip(1));
    let rectangles = ends.map(|(&start, &end)| {
        let along = minus(end, start);
        // In units of the length of that side.
        let sides =
            [extent(hull, |point| dot(along, point)), extent(hull, |point| cross(along, point))]
                .map(|side| side as f64);
        let [shorter, longer] = [sides[0].min(sides[1]), sides[0].max(sides[1])];
        let unit = dot(along, along) as f64;
        Rectangle { area: longer * shorter / unit, elongation: longer / shorter }
    });
    rectangles.min_by(|one, other| {
        one.area.total_cmp(&other.area).then(one.elongation.total_cmp(&other.elongation))
    })
}

/// How far points lie apart.
fn extent(points: &[Point], place: impl Fn(Point) -> i64) -> i64 {
    let places = || points.iter().map(|&point| place(point));
    places().max().zip(places().min()).map_or(0, |(highest, lowest)| highest - lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rows: &[&str]) -> OutlineShape {
        let mask: Vec<u8> = rows.iter().flat_map(|row| row.bytes().map(|one| one - b'0')).collect();
        outline_shape(&mask, [rows.len(), rows[0].len()]).unwrap()
    }

    #[test]
    fn a_part_and_its_rectangle_by_hand() {
        // Two parts; the larger is 1 by 3.
        let found = shape(&["1110", "0000", "0001"]);
        assert_eq!((found.num_parts, found.area_share), (2, 4.0 / 12.0));
        assert_eq!((found.elongation, found.irrectangularity), (Some(3.0), Some(0.0)));
        // Three of four pixels: the square around them has area 4, the rectangle along the diagonal sides of
        // 2 sqrt(2) and 3 / sqrt(2), area 6.
        let found = shape(&["10", "11"]);
        assert_eq!((found.elongation, found.irrectangularity), (Some(1.0), Some(0.25)));
        // A diagonal of three pixels: sides sqrt(18) and sqrt(2), of the square 9.
        let found = shape(&["100", "010", "001"]);
        assert_eq!((found.num_parts, found.elongation), (1, Some(3.0)));
        assert_eq!(found.irrectangularity, Some(0.5));
        assert_eq!(shape(&["1"]).elongation, Some(1.0));
    }

    #[test]
    fn nothing_has_no_form_and_wrong_masks_are_named() {
        assert_eq!(shape(&["00", "00"]), OutlineShape::default());
        let error = outline_shape(&[1, 0], [2, 2]).unwrap_err().to_string();
        assert_eq!(error, "mask: found 2 pixels, expected 2x2");
        assert!(outline_shape(&[], [0, 3]).is_err());
    }
}
