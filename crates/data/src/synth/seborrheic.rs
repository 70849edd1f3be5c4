//! Seborrheic dermatitis: ill-defined red patches with greasy yellow scale.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::finding::Finding;
use super::scene::Scene;
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let redness = random.uniform(0.65, 0.95) as f32;
    let yellow: Color = mix([0.98, 0.86, 0.42], [0.93, 0.76, 0.30], random.unit() as f32);
    let mut patches = Vec::new();
    let mut scales = Vec::new();
    for _ in 0..2 + random.below(3) {
        let radius = scene.side * random.uniform(0.105, 0.17);
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

const PATCH: &[(&str, f64)] = &[("Plaque", 0.74), ("Patch", 0.2)];
const PATCH_LOOKS: &[(&str, f64)] = &[("Red", 0.85), ("Poorly-circumscribed", 0.6)];
const SCALE: &[(&str, f64)] = &[("Scale", 0.9)];
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

/// Waxy yellow flakes that run together in the middle of a patch, with wet glints.
fn grease(scene: &mut Scene, area: &Blob, yellow: Color) {
    let (side, noise) = (scene.side as f32, &scene.noise);
    scene.canvas.paint_blob(area, 1.2, |x, y, depth, below| {
        let [u, v] = [x / side, y / side];
        let bend = 0.8 * noise.layers(u * 14.0, v * 14.0 + 9.0, 2);
        let (nearest, second) = noise.cells(u * 17.0 + bend, v * 17.0 - bend);
        let density = noise.layers(u * 8.0 + 70.0, v * 8.0, 3);
        let cover = smoothstep(0.66, 0.46, density - 0.35 * depth.max(0.0));
        let flake = cover
            * (0.6 + 0.4 * smoothstep(0.02, 0.25, second - nearest))
            * smoothstep(-0.1, 0.3, depth);
        let glint = smoothstep(0.62, 0.72, noise.layers(u * 60.0, v * 60.0, 2)) * flake;
        let scaled = mix(below, shade(yellow, 1.1 - 0.45 * nearest), 0.85 * flake);
        mix(scaled, [1.0, 0.99, 0.92], 0.8 * glint)
    });
}
