//! Bare skin and what lies behind it.

use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::scene::{Age, Scene, Site};
use crate::Random;

/// How the surface of the skin looks besides its color.
struct Surface {
    mottling: f32,
    pores: f32,
    /// Strength, direction (cosine, sine) and spacing of wrinkles or ridges.
    lines: f32,
    direction: [f32; 2],
    spacing: f32,
}

/// Covers the canvas with the skin of the scene.
pub(super) fn paint_skin(scene: &mut Scene, random: &mut Random) {
    let side = scene.side as f32;
    let surface = draw_surface(scene, random);
    let base = scene.skin;
    let flushed = tint(base, [1.02, 0.86, 0.84]);
    let noise = &scene.noise;
    scene.canvas.paint(|x, y, _| {
        let [u, v] = [x / side, y / side];
        let flush = noise.layers(u * 4.0, v * 4.0, 3) * surface.mottling;
        let fine = noise.value(x * 0.45, y * 0.45) - 0.5;
        let pore = noise.value(u * 55.0 + 9.0, v * 55.0) - 0.5;
        let warp = 0.2 * noise.layers(u * 3.0 + 40.0, v * 3.0, 2);
        let [cos, sin] = surface.direction;
        let line = triangle((u * cos + v * sin + warp) / surface.spacing);
        let light = 1.0
            + surface.pores * (0.6 * fine + pore)
            + surface.lines * (line - 0.5) * (0.5 + noise.value(u * 9.0, v * 9.0))
            + 0.16 * (noise.layers(u * 2.0, v * 2.0 + 31.0, 3) - 0.5);
        shade(mix(base, flushed, flush), light)
    });
}

/// Puts cloth or a dark room where the skin ends, and rounds the skin off toward its edge.
pub(super) fn paint_background(scene: &mut Scene, random: &mut Random) {
    const CLOTHS: [Color; 8] = [
        [0.08, 0.08, 0.09],
        [0.16, 0.30, 0.55],
        [0.20, 0.48, 0.40],
        [0.86, 0.86, 0.84],
        [0.62, 0.16, 0.18],
        [0.55, 0.55, 0.58],
        [0.78, 0.66, 0.45],
        [0.45, 0.25, 0.45],
    ];
    let cloth = random.pick(&CLOTHS).copied().unwrap_or([0.1; 3]);
    let cloth = cloth.map(|value| (f64::from(value) + random.uniform(-0.08, 0.08)) as f32);
    let rounding = random.uniform(0.2, 0.5) as f32;
    let side = scene.side as f32;
    let depth_map: Vec<f32> = depths(scene);
    let (noise, width) = (&scene.noise, scene.canvas.size.width as usize);
    scene.canvas.paint(|x, y, color| {
        let depth = depth_map[y as usize * width + x as usize];
        if depth > 0.3 * side {
            return color;
        }
        let wobble = 0.02 * side * (noise.value(x / side * 8.0, y / side * 8.0 + 3.0) - 0.5);
        let weave = 0.5 * triangle(x * 0.21) + 0.5 * triangle(y * 0.23);
        let fold = noise.layers(x / side * 5.0 + 20.0, y / side * 5.0, 3);
        let back = shade(cloth, 0.55 + 0.7 * fold + 0.08 * weave);
        let round = 1.0 - rounding * (1.0 - smoothstep(-0.02, 0.25, depth / side));
        mix(back, shade(color, round), smoothstep(-1.5, 1.5, depth + wobble))
    });
}

fn depths(scene: &Scene) -> Vec<f32> {
    let size = scene.canvas.size;
    (0..size.num_pixels())
        .map(|index| {
            let [x, y] = [index % size.width as usize, index / size.width as usize];
            scene.skin_depth([x as f64, y as f64]) as f32
        })
        .collect()
}

fn draw_surface(scene: &Scene, random: &mut Random) -> Surface {
    let angle = random.uniform(0.0, std::f64::consts::TAU);
    let (lines, spacing) = match (scene.site, scene.age) {
        (Site::Palm, _) => (random.uniform(0.10, 0.2), random.uniform(0.014, 0.02)),
        (_, Age::Elderly) => (random.uniform(0.03, 0.09), random.uniform(0.03, 0.06)),
        _ => (random.uniform(0.0, 0.03), random.uniform(0.02, 0.05)),
    };
    Surface {
        mottling: random.uniform(0.1, 1.0) as f32,
        pores: random.uniform(0.03, 0.1) as f32,
        lines: lines as f32,
        direction: [libm::cos(angle) as f32, libm::sin(angle) as f32],
        spacing: spacing as f32,
    }
}

/// A wave between 0 and 1 with period 1.
fn triangle(x: f32) -> f32 {
    let part = x - x.floor();
    1.0 - (2.0 * part - 1.0).abs()
}
