//! Vitiligo: flat, sharply outlined patches without pigment.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::finding::{Finding, Lesion};
use super::scene::Scene;
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let has_rim = random.chance(0.4);
    let num_patches = 2 + random.below(4);
    let patches = lesions(scene, random, num_patches, [0.08, 0.19], has_rim);
    let num_macules = random.below(9);
    let macules = lesions(scene, random, num_macules, [0.02, 0.045], has_rim);
    let mut findings = vec![
        Finding { terms: PATCH, attributes: PATCH_LOOKS, lesions: patches },
        Finding { terms: MACULE, attributes: MACULE_LOOKS, lesions: macules },
    ];
    if random.chance(0.15) {
        let hairs = white_hairs(scene, random, &findings[0].lesions);
        findings.push(Finding::new(LEUKOTRICHIA, &[], hairs));
    }
    findings
}

const PATCH: &[(&str, f64)] = &[("Patch", 0.93), ("Macule", 0.04)];
const PATCH_LOOKS: &[(&str, f64)] = &[
    ("Depigmented", 0.9),
    ("Well-circumscribed", 0.5),
    ("Normal-pigmentation-island", 0.35),
    ("Convex-margins", 0.25),
    ("White", 0.15),
];
const MACULE: &[(&str, f64)] = &[("Macule", 0.55), ("Patch", 0.3)];
const MACULE_LOOKS: &[(&str, f64)] = &[("Depigmented", 0.85), ("Well-circumscribed", 0.3)];
const LEUKOTRICHIA: &[(&str, f64)] = &[("Leukotrichia", 0.6)];

fn lesions(
    scene: &mut Scene,
    random: &mut Random,
    count: usize,
    [low, high]: [f64; 2],
    has_rim: bool,
) -> Vec<Lesion> {
    let mut lesions = Vec::new();
    for _ in 0..count {
        let radius = scene.side * random.uniform(low, high);
        let Some(spot) = scene.place(random, radius, 0.9) else { continue };
        let outline = Blob::random(random, spot, radius, 0.42, 1.9);
        let islands = draw_islands(scene, random, &outline);
        bleach(scene, &outline, &islands, has_rim);
        lesions.push(Lesion { outline, islands });
    }
    lesions
}

/// A few spots of normal skin well inside a large patch.
fn draw_islands(scene: &Scene, random: &mut Random, outline: &Blob) -> Vec<Blob> {
    if outline.radius < 0.07 * scene.side || random.chance(0.4) {
        return Vec::new();
    }
    (0..1 + random.below(4))
        .filter_map(|_| {
            let radius = outline.radius * random.uniform(0.08, 0.15);
            let spread = 0.3 * outline.radius;
            let center = outline.center.map(|value| value + random.normal(0.0, spread));
            let depth = outline.depth(center[0] as f32, center[1] as f32);
            (depth > 0.4).then(|| Blob::random(random, center, radius, 0.2, 1.4))
        })
        .collect()
}

fn bleach(scene: &mut Scene, outline: &Blob, islands: &[Blob], has_rim: bool) {
    const UNPIGMENTED: Color = [0.96, 0.89, 0.85];
    let white = mix(UNPIGMENTED, scene.skin, 0.12);
    let (border, side) = (2.0 / outline.radius as f32, scene.side as f32);
    let noise = &scene.noise;
    scene.canvas.paint_blob(outline, 1.4, |x, y, depth, below| {
        let ragged = depth + 0.12 * (noise.layers(x / side * 30.0, y / side * 30.0, 2) - 0.5);
        let rim = if has_rim { 0.3 * smoothstep(-0.3, 0.0, ragged) } else { 0.0 };
        let around = mix(below, tint(below, [0.7, 0.6, 0.55]), rim);
        let kept = islands
            .iter()
            .map(|island| smoothstep(-0.2, 0.2, island.depth(x, y)))
            .fold(0.0, f32::max);
        let body = smoothstep(-border, border, ragged) * (1.0 - kept);
        let surface = shade(white, 0.97 + 0.06 * noise.value(x * 0.3, y * 0.3));
        mix(around, surface, 0.92 * body)
    });
}

/// White hair growing out of some of the patches.
fn white_hairs(scene: &mut Scene, random: &mut Random, patches: &[Lesion]) -> Vec<Blob> {
    let mut tufts = Vec::new();
    for patch in patches.iter().take(2) {
        let tuft = Blob::circle(patch.outline.center, 0.6 * patch.outline.radius);
        for _ in 0..14 {
            let start = tuft.center.map(|value| value + random.normal(0.0, 0.25 * tuft.radius));
            let length = tuft.radius * random.uniform(0.3, 0.6);
            let end = [start[0] + length, start[1] - length * random.uniform(0.2, 0.8)];
            scene.canvas.stroke([start, [end[0], start[1]], end], 1.3, [0.99; 3], 0.9);
        }
        tufts.push(tuft);
    }
    tufts
}
