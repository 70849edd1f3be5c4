//! Viral warts: rough, domed nodules with black dots of clotted capillaries.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep};
use super::finding::Finding;
use super::scene::{Scene, Site};
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let horn = mix(scene.skin, [0.88, 0.82, 0.72], random.uniform(0.2, 0.6) as f32);
    let (num_large, num_small) = (2 + random.below(3), random.below(6));
    let large = warts(scene, random, horn, num_large, [0.075, 0.13]);
    let small = warts(scene, random, horn, num_small, [0.03, 0.05]);
    let all: Vec<Blob> = large.iter().chain(&small).cloned().collect();
    let mut findings = vec![
        Finding::new(LARGE, LOOKS, large.clone()),
        Finding::new(SMALL, LOOKS, small),
        Finding::new(CAPILLARIES, &[], large),
    ];
    if scene.site == Site::Palm {
        findings.push(Finding::new(RIDGES, &[], all));
    }
    findings
}

const LARGE: &[(&str, f64)] = &[("Plaque", 0.5), ("Papule", 0.34), ("Nodule", 0.12)];
const SMALL: &[(&str, f64)] = &[("Papule", 0.85)];
const LOOKS: &[(&str, f64)] = &[
    ("Hyperkeratotic", 0.6),
    ("Rough", 0.5),
    ("Well-circumscribed", 0.5),
    ("Skin-coloured", 0.35),
    ("Round", 0.2),
];
const CAPILLARIES: &[(&str, f64)] = &[("Thrombosed capillaries", 0.5)];
const RIDGES: &[(&str, f64)] = &[("Dermatoglyph disruption", 0.6)];

fn warts(
    scene: &mut Scene,
    random: &mut Random,
    horn: Color,
    count: usize,
    [low, high]: [f64; 2],
) -> Vec<Blob> {
    let mut lesions = Vec::new();
    for _ in 0..count {
        let radius = scene.side * random.uniform(low, high);
        let Some(spot) = scene.place(random, radius, 1.02) else { continue };
        let lesion = Blob::random(random, spot, radius, 0.16, 1.35);
        nodule(scene, &lesion, horn);
        capillaries(scene, random, &lesion);
        lesions.push(lesion);
    }
    lesions
}

/// A dome of knobs, lit from the upper left, with a shadow on the other side.
fn nodule(scene: &mut Scene, lesion: &Blob, horn: Color) {
    let [cx, cy] = lesion.center.map(|value| value as f32);
    let (radius, side) = (lesion.radius as f32, scene.side as f32);
    let noise = &scene.noise;
    let knob_scale = 5.5 / radius.max(0.06 * side);
    scene.canvas.paint_blob(lesion, 1.5, |x, y, depth, below| {
        let slant = ((cx - x) + (cy - y)) / radius;
        let cast = smoothstep(-0.4, 0.0, depth) * smoothstep(0.0, -1.2, slant);
        let ground = shade(below, 1.0 - 0.4 * cast);
        let body = smoothstep(-0.03, 0.06, depth);
        let warp = 0.7 * noise.layers(x * knob_scale * 1.3, y * knob_scale * 1.3, 2);
        let (nearest, second) = noise.cells(x * knob_scale + warp, y * knob_scale - warp);
        let knob = smoothstep(0.0, 0.45, second - nearest);
        let grain = noise.layers(x * 0.35, y * 0.35, 2) - 0.5;
        let dome = 1.0 + 0.35 * slant * (1.0 - 0.5 * depth.max(0.0));
        let rough = 0.62 + 0.42 * knob - 0.12 * nearest + 0.35 * grain;
        mix(ground, shade(horn, dome * rough), 0.95 * body)
    });
}

fn capillaries(scene: &mut Scene, random: &mut Random, lesion: &Blob) {
    let num_dots = 5 + random.below(11);
    for _ in 0..num_dots {
        let spot = lesion.center.map(|value| value + random.normal(0.0, 0.36 * lesion.radius));
        if lesion.depth(spot[0] as f32, spot[1] as f32) < 0.15 {
            continue;
        }
        let radius = lesion.radius * random.uniform(0.06, 0.1);
        scene.canvas.dab(spot, radius.max(1.2), [0.10, 0.03, 0.03], 0.92);
    }
}
