//! What a photo looks like, in a form that finds its copies among thousands of others.

use crate::{ImageSize, resize};
use image::RgbImage;
use std::array::from_fn;
use std::f64::consts::PI;

/// Side of the thumbnail, in cells.
const SIDE: usize = 64;
/// Side of a row of the summed-area table.
const TABLE: usize = SIDE + 1;
/// Side of the view that a hash is made from, in cells.
const HASHED: usize = 16;
/// Number of cosines along each axis of a hash.
const NUM_WAVES: usize = 8;
/// Number of ways to turn and mirror a photo.
pub(crate) const NUM_TURNS: usize = 8;
/// Where a window of a hash starts and ends along one axis.
const SPANS: [[f64; 2]; 7] =
    [[0.0, 1.0], [0.0, 0.9], [0.05, 0.95], [0.1, 1.0], [0.0, 0.8], [0.1, 0.9], [0.2, 1.0]];

/// A part of a photo: left, right, top and bottom edge as fractions of its sides.
pub(crate) type Window = [f64; 4];

/// The whole photo.
pub(crate) const WHOLE: Window = [0.0, 1.0, 0.0, 1.0];

/// A photo's luminance on a grid of 64 x 64 cells, and hashes of it and of windows in it.
///
/// A hash holds the signs of the 63 lowest cosines (8 x 8 without the mean) of a view of 16 x 16
/// cells. Mirroring changes the sign of the odd ones and turning exchanges the axes, so the hashes
/// of all 8 ways to turn a photo follow from one.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    /// Sums of the luminance over all cells above and to the left: any box is four look-ups.
    table: Vec<u32>,
    /// Hashes of the whole photo, turned in each way.
    pub(crate) turned: [u64; NUM_TURNS],
    /// Hashes of the windows in [`windows`].
    pub(crate) windows: Vec<u64>,
}

/// The windows that a [`Signature`] holds hashes of.
pub(crate) fn windows() -> impl Iterator<Item = Window> {
    let row = |[top, bottom]: [f64; 2]| SPANS.map(|[left, right]| [left, right, top, bottom]);
    SPANS.into_iter().flat_map(row)
}

impl Signature {
    /// The signature of `photo`.
    pub(crate) fn new(photo: &RgbImage) -> Self {
        let mut signature = Self { table: table(photo), turned: [0; NUM_TURNS], windows: vec![] };
        let waves = waves();
        signature.windows =
            windows().map(|window| hash(&signature.view::<HASHED>(window), &waves)).collect();
        let whole = signature.windows[0];
        signature.turned = from_fn(|turn| turned(whole, turn));
        signature
    }

    /// The mean luminance of `N` x `N` cells of `window`, by rows.
    pub(crate) fn view<const N: usize>(&self, [left, right, top, bottom]: Window) -> [[f32; N]; N] {
        let edge = |from: f64, to: f64, idx: usize| from + (to - from) * idx as f64 / N as f64;
        let corner = |x_idx, y_idx| self.sum_to(edge(left, right, x_idx), edge(top, bottom, y_idx));
        let area = (right - left) * (bottom - top) * (SIDE * SIDE) as f64 / (N * N) as f64;
        let mut above: Vec<f64> = (0..=N).map(|x| corner(x, 0)).collect();
        from_fn(|y| {
            let below: Vec<f64> = (0..=N).map(|x| corner(x, y + 1)).collect();
            let sum = |x: usize| below[x + 1] - below[x] - above[x + 1] + above[x];
            let row = from_fn(|x| (sum(x) / area) as f32);
            above = below;
            row
        })
    }

    /// The sum above and to the left of a point in fractions of the sides.
    fn sum_to(&self, x: f64, y: f64) -> f64 {
        let ((x_idx, x_part), (y_idx, y_part)) = (cell(x), cell(y));
        let at = |x_idx: usize, y_idx: usize| f64::from(self.table[y_idx * TABLE + x_idx]);
        let along = |y_idx| at(x_idx, y_idx) * (1.0 - x_part) + at(x_idx + 1, y_idx) * x_part;
        along(y_idx) * (1.0 - y_part) + along(y_idx + 1) * y_part
    }
}

/// The cell that holds a fraction of a side, and how far into it.
fn cell(fraction: f64) -> (usize, f64) {
    let place = fraction * SIDE as f64;
    let idx = (place as usize).min(SIDE - 1);
    (idx, place - idx as f64)
}

/// The summed-area table of 1000 times the luminance: at most 64 x 64 x 255,000, which fits.
fn table(photo: &RgbImage) -> Vec<u32> {
    let small = resize(photo, ImageSize::new(SIDE as u32, SIDE as u32));
    let mut table = vec![0; TABLE * TABLE];
    for y in 0..SIDE {
        let mut row_sum = 0;
        for x in 0..SIDE {
            let [red, green, blue] = small.get_pixel(x as u32, y as u32).0.map(u32::from);
            row_sum += 299 * red + 587 * green + 114 * blue;
            table[(y + 1) * TABLE + x + 1] = table[y * TABLE + x + 1] + row_sum;
        }
    }
    table
}

/// `cos(pi u (2 x + 1) / 32)` for each wave `u` and cell `x`.
fn waves() -> [[f32; HASHED]; NUM_WAVES] {
    let phase = |u: usize, x: usize| PI * (u * (2 * x + 1)) as f64 / (2 * HASHED) as f64;
    from_fn(|u| from_fn(|x| libm::cos(phase(u, x)) as f32))
}

/// Bit `8 v + u` says whether the cosine of `u` half waves across and `v` down is positive; the
/// mean's bit is 0.
fn hash(view: &[[f32; HASHED]; HASHED], waves: &[[f32; HASHED]; NUM_WAVES]) -> u64 {
    let dot =
        |a: &[f32; HASHED], b: &[f32; HASHED]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let mut bits = 0;
    for u in 0..NUM_WAVES {
        let across = view.each_ref().map(|row| dot(row, &waves[u]));
        for (v, wave) in waves.iter().enumerate() {
            let is_positive = dot(&across, wave) > 0.0 && (u, v) != (0, 0);
            bits |= u64::from(is_positive) << (8 * v + u);
        }
    }
    bits
}

/// The hash of a photo after `turn`: bit 0 mirrors left and right, bit 1 top and bottom, and then
/// bit 2 exchanges the axes.
fn turned(hash: u64, turn: usize) -> u64 {
    const ODD_ACROSS: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    const ODD_DOWN: u64 = 0xFF00_FF00_FF00_FF00;
    let mirrored = hash
        ^ if turn & 1 != 0 { ODD_ACROSS } else { 0 }
        ^ if turn & 2 != 0 { ODD_DOWN } else { 0 };
    match turn & 4 {
        0 => mirrored,
        _ => (0..64).fold(0, |bits, idx| bits | (mirrored >> idx & 1) << (idx % 8 * 8 + idx / 8)),
    }
}

/// A square view after `turn`, see [`Signature::turned`].
pub(crate) fn turned_view<const N: usize>(view: &[[f32; N]; N], turn: usize) -> [[f32; N]; N] {
    let place = |idx: usize, mirror: bool| if mirror { N - 1 - idx } else { idx };
    from_fn(|y| {
        from_fn(|x| {
            let (x, y) = if turn & 4 == 0 { (x, y) } else { (y, x) };
            view[place(y, turn & 2 != 0)][place(x, turn & 1 != 0)]
        })
    })
}
