//! Psoriasis: sharply outlined red plaques under silvery scale.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::finding::Finding;
use super::scene::Scene;
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let look = Look::draw(scene, random);
    let num_plaques = 2 + random.below(4);
    let plaques = plaques(scene, random, &look, num_plaques, [0.075, 0.17]);
    let num_drops = if random.chance(0.4) { 2 + random.below(6) } else { 0 };
    let drops = self::plaques(scene, random, &look, num_drops, [0.025, 0.04]);
    let scales = plaques.clone();
    vec![
        Finding::new(PLAQUE, PLAQUE_LOOKS, plaques),
        Finding::new(SCALE, SCALE_LOOKS, scales),
        Finding::new(PAPULE, PAPULE_LOOKS, drops),
    ]
}

const PLAQUE: &[(&str, f64)] = &[("Plaque", 0.93), ("Patch", 0.04)];
const PLAQUE_LOOKS: &[(&str, f64)] = &[
    ("Red", 0.8),
    ("Well-circumscribed", 0.7),
    ("Indurated", 0.5),
    ("Hyperkeratotic", 0.4),
    ("Convex-margins", 0.3),
];
const SCALE: &[(&str, f64)] = &[("Scale", 0.92)];
const SCALE_LOOKS: &[(&str, f64)] = &[("White", 0.85), ("Thick", 0.5), ("Rough", 0.2)];
const PAPULE: &[(&str, f64)] = &[("Papule", 0.5), ("Plaque", 0.3)];
const PAPULE_LOOKS: &[(&str, f64)] = &[("Red", 0.7), ("Well-circumscribed", 0.4)];

struct Look {
    red: Color,
    silver: Color,
    /// Share of a plaque that is covered by scale.
    cover: f32,
}

impl Look {
    fn draw(scene: &Scene, random: &mut Random) -> Self {
        let depth = random.uniform(0.0, 0.16) as f32;
        Self {
            red: tint(scene.skin, [0.98 - depth, 0.50 - depth, 0.48 - depth]),
            silver: mix([0.95, 0.94, 0.93], scene.skin, random.uniform(0.0, 0.2) as f32),
            cover: random.uniform(0.42, 0.62) as f32,
        }
    }
}

fn plaques(
    scene: &mut Scene,
    random: &mut Random,
    look: &Look,
    count: usize,
    [low, high]: [f64; 2],
) -> Vec<Blob> {
    let mut lesions = Vec::new();
    for _ in 0..count {
        let radius = scene.side * random.uniform(low, high);
        let Some(spot) = scene.place(random, radius, 0.95) else { continue };
        let lesion = Blob::random(random, spot, radius, 0.22, 1.7);
        plaque(scene, &lesion, look);
        lesions.push(lesion);
    }
    lesions
}

fn plaque(scene: &mut Scene, lesion: &Blob, look: &Look) {
    let (side, radius) = (scene.side as f32, lesion.radius as f32);
    let border = 2.0 / radius;
    let noise = &scene.noise;
    scene.canvas.paint_blob(lesion, 1.15, |x, y, depth, below| {
        let [u, v] = [x / side, y / side];
        let body =
            smoothstep(-border, border, depth + 0.06 * (noise.value(u * 40.0, v * 40.0) - 0.5));
        let ground = shade(look.red, 0.9 + 0.25 * noise.layers(u * 24.0, v * 24.0, 2));
        let raised =
            shade(mix(below, ground, 0.93 * body), 1.0 - 0.12 * smoothstep(0.25, 0.0, depth.abs()));
        let flake = noise.layers(u * 17.0 + 5.0, v * 17.0, 4);
        let bend = 0.9 * noise.value(u * 20.0, v * 20.0 + 7.0);
        let (nearest, second) = noise.cells(u * 22.0 + bend, v * 30.0 - bend);
        let scale = smoothstep(1.0 - look.cover - 0.07, 1.0 - look.cover + 0.07, flake)
            * smoothstep(0.08, 0.2, depth)
            * (0.35 + 0.65 * smoothstep(0.0, 0.14, second - nearest));
        let grain = 0.78 + 0.22 * noise.value(x * 0.6, y * 0.6) + 0.16 * (1.0 - nearest);
        mix(raised, shade(look.silver, grain), 0.95 * scale)
    });
}
