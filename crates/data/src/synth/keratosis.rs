//! Actinic keratosis: many small, gritty, scaly spots on sun-damaged skin.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::finding::Finding;
use super::scene::Scene;
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let sun = sun_damage(scene, random);
    let veins = if random.chance(0.5) { telangiectasia(scene, random) } else { Vec::new() };
    let num_spots = 4 + random.below(5);
    let crust: Color = mix([0.93, 0.88, 0.74], [0.66, 0.50, 0.30], random.uniform(0.0, 0.7) as f32);
    let mut spots = Vec::new();
    for _ in 0..num_spots {
        let radius = scene.side * random.uniform(0.055, 0.105);
        let Some(spot) = scene.place(random, radius, 1.1) else { continue };
        let lesion = Blob::random(random, spot, radius, 0.5, 1.6);
        gritty_spot(scene, &lesion, crust);
        spots.push(lesion);
    }
    vec![
        Finding::new(SCALE, SCALE_LOOKS, spots.clone()),
        Finding::new(BASE, BASE_LOOKS, spots),
        Finding::new(SUN, &[], sun),
        Finding::new(VEINS, &[], veins),
    ]
}

const SCALE: &[(&str, f64)] = &[("Scale", 0.92)];
const SCALE_LOOKS: &[(&str, f64)] =
    &[("White", 0.5), ("Rough", 0.4), ("Gritty", 0.3), ("Fine", 0.2), ("Yellow", 0.2)];
const BASE: &[(&str, f64)] = &[("Plaque", 0.6), ("Patch", 0.22), ("Papule", 0.08)];
const BASE_LOOKS: &[(&str, f64)] =
    &[("Red", 0.6), ("Poorly-circumscribed", 0.5), ("Rough", 0.35), ("Hyperkeratotic", 0.2)];
const SUN: &[(&str, f64)] = &[("Sun damage", 0.5)];
const VEINS: &[(&str, f64)] = &[("Telangiectasia", 0.35)];

/// Brown mottling with lentigines around every cluster of lesions.
fn sun_damage(scene: &mut Scene, random: &mut Random) -> Vec<Blob> {
    let brown = tint(scene.skin, [0.62, 0.47, 0.40]);
    let areas: Vec<Blob> = scene
        .foci()
        .to_vec()
        .into_iter()
        .take(2)
        .map(|focus| {
            let radius = scene.side * random.uniform(0.17, 0.25);
            Blob::random(random, focus, radius, 0.25, 1.6)
        })
        .collect();
    for area in &areas {
        let (side, noise) = (scene.side as f32, &scene.noise);
        scene.canvas.paint_blob(area, 1.6, |x, y, depth, below| {
            let [u, v] = [x / side, y / side];
            let blotch = smoothstep(0.42, 0.66, noise.layers(u * 17.0, v * 17.0 + 11.0, 4));
            mix(below, brown, 0.85 * blotch * smoothstep(-0.5, 0.2, depth))
        });
    }
    areas
}

fn telangiectasia(scene: &mut Scene, random: &mut Random) -> Vec<Blob> {
    let red = tint(scene.skin, [0.8, 0.25, 0.28]);
    let Some(&focus) = scene.foci().first() else { return Vec::new() };
    let area = Blob::circle(focus, scene.side * random.uniform(0.08, 0.13));
    for _ in 0..10 {
        let start = area.center.map(|value| value + random.normal(0.0, 0.5 * area.radius));
        let end = start.map(|value| value + random.normal(0.0, 0.5 * area.radius));
        let bend = start.map(|value| value + random.normal(0.0, 0.4 * area.radius));
        scene.canvas.stroke([start, bend, end], 1.3, red, 0.7);
    }
    vec![area]
}

/// Sand-like scale: high-contrast grains with dark gaps on a faintly red ground.
fn gritty_spot(scene: &mut Scene, lesion: &Blob, crust: Color) {
    let red = tint(scene.skin, [0.98, 0.60, 0.54]);
    let (side, noise) = (scene.side as f32, &scene.noise);
    scene.canvas.paint_blob(lesion, 1.7, |x, y, depth, below| {
        let [u, v] = [x / side, y / side];
        let ragged = depth + 0.5 * (noise.layers(u * 30.0, v * 30.0, 2) - 0.5);
        let ground = mix(below, red, 0.75 * smoothstep(-0.5, 0.1, ragged));
        let grit = noise.layers(u * 40.0, v * 40.0 + 5.0, 3);
        let grain = smoothstep(0.36, 0.5, grit);
        let body = smoothstep(-0.05, 0.18, ragged);
        let gap = mix(ground, tint(ground, [0.8, 0.62, 0.58]), body);
        let light = 0.5 + 0.9 * noise.layers(u * 40.0 + 3.0, v * 40.0, 3);
        mix(gap, shade(crust, light), 0.93 * body * grain)
    });
}
