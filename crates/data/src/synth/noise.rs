//! Smooth noise that gives skin, scale and cloth their texture.

use crate::Random;

const PERIOD: usize = 64;

/// A lattice of random values, repeated every 64 cells and interpolated in between.
pub(super) struct Noise {
    values: Vec<f32>,
}

impl Noise {
    pub(super) fn new(random: &mut Random) -> Self {
        Self { values: (0..PERIOD * PERIOD).map(|_| random.unit() as f32).collect() }
    }

    /// Value noise in `[0, 1]`, one lattice cell per unit.
    pub(super) fn value(&self, x: f32, y: f32) -> f32 {
        let ([x_cell, y_cell], [x_part, y_part]) = split(x, y);
        let [u, v] = [ease(x_part), ease(y_part)];
        let top = lerp(self.at(x_cell, y_cell), self.at(x_cell + 1, y_cell), u);
        let bottom = lerp(self.at(x_cell, y_cell + 1), self.at(x_cell + 1, y_cell + 1), u);
        lerp(top, bottom, v)
    }

    /// `octaves` layers of value noise, each of half the scale and half the weight, in `[0, 1]`.
    pub(super) fn layers(&self, x: f32, y: f32, octaves: usize) -> f32 {
        let (mut sum, mut weight, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
        for octave in 0..octaves {
            // The shift keeps the lattices of the octaves from lining up.
            let shift = 17.3 * octave as f32;
            sum += weight * self.value(x * scale + shift, y * scale - shift);
            total += weight;
            weight *= 0.5;
            scale *= 2.0;
        }
        sum / total
    }

    /// Cellular (Worley) noise: distances to the nearest and second nearest of one random point
    /// per unit cell.
    pub(super) fn cells(&self, x: f32, y: f32) -> (f32, f32) {
        let ([x_cell, y_cell], _) = split(x, y);
        let (mut nearest, mut second) = (f32::MAX, f32::MAX);
        for cy in y_cell - 1..=y_cell + 1 {
            for cx in x_cell - 1..=x_cell + 1 {
                let dx = cx as f32 + self.at(cx, cy) - x;
                let dy = cy as f32 + self.at(cx + 31, cy + 17) - y;
                let distance = (dx * dx + dy * dy).sqrt();
                second = second.min(distance.max(nearest));
                nearest = nearest.min(distance);
            }
        }
        (nearest, second)
    }

    fn at(&self, x: i32, y: i32) -> f32 {
        // The period is a power of two.
        let wrap = |cell: i32| cell as usize & (PERIOD - 1);
        self.values[wrap(y) * PERIOD + wrap(x)]
    }
}

fn split(x: f32, y: f32) -> ([i32; 2], [f32; 2]) {
    let cells = [floor(x), floor(y)];
    (cells, [x - cells[0] as f32, y - cells[1] as f32])
}

/// `x.floor()` for an `x` that an `i32` can hold; without SSE 4.1 that is a call of the C library.
fn floor(x: f32) -> i32 {
    let towards_zero = x as i32;
    towards_zero - i32::from(towards_zero as f32 > x)
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}
