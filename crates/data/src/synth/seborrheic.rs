//! Seborrheic dermatitis: ill-defined red patches with greasy yellow scale.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::finding::Finding;
use super::scene::Scene;
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let redness = random.uniform(0.55, 0.9) as f32;
    let yellow: Color = mix([0.97, 0.86, 0.50], [0.90, 0.72, 0.36], random.unit() as f32);
    let mut patches = Vec::new();
    let mut scales = Vec::new();
    for _ in 0..2 + random.below(3) {
        let radius = scene.side * random.uniform(0.1, 0.19);
        let Some(spot) = scene.place(random, radius, 0.85) else { continue };
        let patch = Blob::random(random, spot, radius, 0.4, 2.4);
        redden(scene, &patch, redness);
        let mut scale = patch.clone();
        scale.radius *= random.uniform(0.75, 0.95);
        grease(scene, &scale, yellow);
        patches.push(patch);
        scales.push(scale);
    }
    vec![Finding::new(PATCH, PATCH_LOOKS, patches), Finding::new(SCALE, SCALE_LOOKS, scales)]
}

const PATCH: &[(&str, f64)] = &[("Plaque", 0.6), ("Patch", 0.32)];
const PATCH_LOOKS: &[(&str, f64)] = &[("Red", 0.85), ("Poorly-circumscribed", 0.6)];
const SCALE: &[(&str, f64)] = &[("Scale", 0.8)];
const SCALE_LOOKS: &[(&str, f64)] =
    &[("Yellow", 0.5), ("Greasy", 0.5), ("Fine", 0.4), ("White", 0.3), ("Thin", 0.1)];

fn redden(scene: &mut Scene, patch: &Blob, redness: f32) {
    let red = tint(scene.skin, [1.02, 0.62, 0.52]);
    let (side, noise) = (scene.side as f32, &scene.noise);
    scene.canvas.paint_blob(patch, 1.7, |x, y, depth, below| {
        let ragged = depth + 0.9 * (noise.layers(x / side * 11.0, y / side * 11.0, 3) - 0.5);
        mix(below, red, redness * smoothstep(-0.55, 0.35, ragged))
    });
}

/// Small loose flakes, each with a wet glint.
fn grease(scene: &mut Scene, area: &Blob, yellow: Color) {
    let (side, noise) = (scene.side as f32, &scene.noise);
    scene.canvas.paint_blob(area, 1.2, |x, y, depth, below| {
        let [u, v] = [x / side * 34.0, y / side * 34.0];
        let (nearest, _) = noise.cells(u, v);
        let density = noise.layers(x / side * 9.0 + 70.0, y / side * 9.0, 2);
        let size = 0.55 * smoothstep(0.25, 0.7, density) * smoothstep(-0.1, 0.3, depth);
        let flake = smoothstep(size, size - 0.15, nearest);
        let glint = smoothstep(0.16, 0.08, nearest) * flake;
        let scaled = mix(below, shade(yellow, 0.85 + 0.3 * noise.value(u, v)), 0.85 * flake);
        mix(scaled, [1.0, 0.99, 0.92], 0.8 * glint)
    });
}
