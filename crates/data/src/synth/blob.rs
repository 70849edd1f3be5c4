//! Star-shaped outlines: what a lesion is painted with and what a rater draws around.

use crate::Random;

const TABLE_LEN: usize = 256;

/// How a rater redraws an outline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Redraw {
    /// Factor on the radius.
    pub(super) scale: f64,
    /// Pixels added to the radius.
    pub(super) margin: f64,
    /// Bumps of a higher order than this are smoothed away.
    pub(super) max_order: u32,
    /// Displacement of the whole outline in pixels.
    pub(super) shift: [f64; 2],
}

/// The outline `r(t) = radius * (1 + sum_k a_k cos(k t + p_k))`, stretched along one axis.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) center: [f64; 2],
    pub(super) radius: f64,
    /// Direction of the long axis (cosine, sine).
    axis: [f64; 2],
    /// Square root of the ratio of the long to the short axis.
    stretch: f64,
    waves: Vec<Wave>,
    /// `r / radius` over the diamond angle, empty for a circle.
    table: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    order: u32,
    amplitude: f64,
    phase: f64,
}

impl Blob {
    pub(super) fn circle(center: [f64; 2], radius: f64) -> Self {
        Self {
            center,
            radius,
            axis: [1.0, 0.0],
            stretch: 1.0,
            waves: Vec::new(),
            table: Vec::new(),
        }
    }

    /// A random outline; `roughness` is the amplitude of its bumps (0 round, 0.4 very irregular),
    /// `max_ratio` the largest ratio of its axes.
    pub(super) fn random(
        random: &mut Random,
        center: [f64; 2],
        radius: f64,
        roughness: f64,
        max_ratio: f64,
    ) -> Self {
        let angle = random.uniform(0.0, std::f64::consts::TAU);
        let waves: Vec<Wave> = (2..10)
            .map(|order| Wave {
                order,
                amplitude: roughness * random.uniform(0.2, 1.0) / f64::from(order).sqrt() * 0.6,
                phase: random.uniform(0.0, std::f64::consts::TAU),
            })
            .collect();
        let table = (0..TABLE_LEN)
            .map(|index| {
                let [u, v] = diamond_direction(index as f64 * 4.0 / TABLE_LEN as f64);
                profile(&waves, u32::MAX, libm::atan2(v, u)) as f32
            })
            .collect();
        let stretch = random.uniform(1.0, max_ratio).sqrt();
        Self { center, radius, axis: [libm::cos(angle), libm::sin(angle)], stretch, waves, table }
    }

    /// 1 in the center, 0 on the outline, negative outside.
    pub(super) fn depth(&self, x: f32, y: f32) -> f32 {
        let [dx, dy] = [x - self.center[0] as f32, y - self.center[1] as f32];
        let [cos, sin] = self.axis.map(|value| value as f32);
        let stretch = self.stretch as f32;
        let [u, v] = [(dx * cos + dy * sin) / stretch, (dy * cos - dx * sin) * stretch];
        let distance = (u * u + v * v).sqrt();
        1.0 - distance / (self.radius as f32 * self.table_at(u, v))
    }

    /// A distance from the center that the outline never exceeds.
    pub(super) fn reach(&self) -> f64 {
        let bumps: f64 = self.waves.iter().map(|wave| wave.amplitude).sum();
        self.radius * self.stretch * (1.0 + bumps)
    }

    /// The outline as a closed ring of pixel coordinates, redrawn as `how` says.
    pub(super) fn ring(&self, how: Redraw) -> Vec<[f64; 2]> {
        let radius = (self.radius * how.scale + how.margin).max(1.5);
        let num_points = (radius * 1.3).clamp(12.0, 96.0) as usize;
        (0..num_points)
            .map(|index| {
                let angle = std::f64::consts::TAU * index as f64 / num_points as f64;
                let r = radius * profile(&self.waves, how.max_order, angle);
                let u = r * libm::cos(angle) * self.stretch;
                let v = r * libm::sin(angle) / self.stretch;
                let [cos, sin] = self.axis;
                [
                    self.center[0] + how.shift[0] + u * cos - v * sin,
                    self.center[1] + how.shift[1] + u * sin + v * cos,
                ]
            })
            .collect()
    }

    fn table_at(&self, u: f32, v: f32) -> f32 {
        if self.table.is_empty() {
            return 1.0;
        }
        let position = diamond_angle(u, v) * (TABLE_LEN as f32 / 4.0);
        let index = position as usize;
        let [low, high] = [self.table[index % TABLE_LEN], self.table[(index + 1) % TABLE_LEN]];
        low + (high - low) * (position - index as f32)
    }
}

fn profile(waves: &[Wave], max_order: u32, angle: f64) -> f64 {
    let bumps: f64 = waves
        .iter()
        .filter(|wave| wave.order <= max_order)
        .map(|wave| wave.amplitude * libm::cos(f64::from(wave.order) * angle + wave.phase))
        .sum();
    (1.0 + bumps).max(0.3)
}

/// A stand-in for the angle that needs no trigonometry: 0 to 4 once around the diamond
/// `|u| + |v| = 1`.
fn diamond_angle(u: f32, v: f32) -> f32 {
    let sum = u.abs() + v.abs();
    if sum == 0.0 {
        return 0.0;
    }
    match (u >= 0.0, v >= 0.0) {
        (true, true) => v / sum,
        (false, true) => 1.0 - u / sum,
        (false, false) => 2.0 - v / sum,
        (true, false) => 3.0 + u / sum,
    }
}

/// The point of the diamond at `angle`; the inverse of [`diamond_angle`].
fn diamond_direction(angle: f64) -> [f64; 2] {
    match angle {
        a if a < 1.0 => [1.0 - a, a],
        a if a < 2.0 => [1.0 - a, 2.0 - a],
        a if a < 3.0 => [a - 3.0, 2.0 - a],
        a => [a - 3.0, a - 4.0],
    }
}

#[cfg(test)]
mod tests {
    use super::{Blob, Redraw};
    use crate::Random;

    const AS_IS: Redraw = Redraw { scale: 1.0, margin: 0.0, max_order: u32::MAX, shift: [0.0; 2] };

    #[test]
    fn a_circle_has_depth_one_in_the_center_and_zero_on_the_outline() {
        let circle = Blob::circle([10.0, 20.0], 5.0);
        assert_eq!(circle.depth(10.0, 20.0), 1.0);
        assert_eq!(circle.depth(13.0, 24.0), 0.0); // 3-4-5
        assert_eq!(circle.depth(10.0, 30.0), -1.0);
    }

    #[test]
    fn the_ring_lies_where_the_painted_depth_is_zero() {
        for item in ["a", "b", "c", "d"] {
            let mut random = Random::new(0, "test", 0, item);
            let blob = Blob::random(&mut random, [200.0, 150.0], 60.0, 0.4, 2.0);
            for [x, y] in blob.ring(AS_IS) {
                // Zero but for the interpolation in the table of radii.
                assert!(blob.depth(x as f32, y as f32).abs() < 0.02);
                assert!(libm::hypot(x - 200.0, y - 150.0) <= blob.reach());
            }
        }
    }

    #[test]
    fn redrawing_scales_widens_and_shifts() {
        let circle = Blob::circle([0.0, 0.0], 10.0);
        let how = Redraw { scale: 1.5, margin: 2.0, shift: [3.0, 4.0], ..AS_IS };
        for [x, y] in circle.ring(how) {
            assert!((libm::hypot(x - 3.0, y - 4.0) - 17.0).abs() < 1e-9); // 1.5 * 10 + 2
        }
    }
}
