//! Acne: many small comedones, papules and pustules.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::finding::Finding;
use super::scene::Scene;
use crate::Random;

/// Paints the lesions and tells what they are.
pub(super) fn paint(scene: &mut Scene, random: &mut Random) -> Vec<Finding> {
    let redness = random.uniform(0.6, 1.0) as f32;
    let [nodules, papules, pustules] =
        [random.below(4), 8 + random.below(16), 4 + random.below(12)];
    let [open, closed, scars] = [random.below(16), random.below(10), random.below(8)];
    vec![
        Finding::new(NODULE, NODULE_LOOKS, papule(scene, random, nodules, [0.035, 0.055], redness)),
        Finding::new(PUSTULE, PUSTULE_LOOKS, pustule(scene, random, pustules, redness)),
        Finding::new(PAPULE, PAPULE_LOOKS, papule(scene, random, papules, [0.014, 0.03], redness)),
        Finding::new(OPEN, &[], open_comedo(scene, random, open)),
        Finding::new(CLOSED, &[], closed_comedo(scene, random, closed)),
        Finding::new(SCAR, &[], scar(scene, random, scars)),
    ]
}

const NODULE: &[(&str, f64)] = &[("Nodule", 0.55), ("Papule", 0.2), ("Cyst", 0.15)];
const NODULE_LOOKS: &[(&str, f64)] = &[("Red", 0.5), ("Indurated", 0.4), ("Round", 0.2)];
const PUSTULE: &[(&str, f64)] = &[("Pustule", 0.72), ("Papule", 0.16)];
const PUSTULE_LOOKS: &[(&str, f64)] =
    &[("Yellow", 0.4), ("Round", 0.3), ("Well-circumscribed", 0.3), ("White", 0.2)];
const PAPULE: &[(&str, f64)] = &[("Papule", 0.8), ("Pustule", 0.06), ("Macule", 0.05)];
const PAPULE_LOOKS: &[(&str, f64)] =
    &[("Red", 0.6), ("Well-circumscribed", 0.4), ("Round", 0.4), ("Indurated", 0.2)];
const OPEN: &[(&str, f64)] = &[("Open comedo", 0.72), ("Closed comedo", 0.06)];
const CLOSED: &[(&str, f64)] = &[("Closed comedo", 0.5), ("Papule", 0.08), ("Open comedo", 0.05)];
const SCAR: &[(&str, f64)] = &[("Scar", 0.6), ("Macule", 0.1)];

/// Places up to `count` round lesions with radii (in sides) in `[low, high]`.
fn scatter(
    scene: &mut Scene,
    random: &mut Random,
    count: usize,
    [low, high]: [f64; 2],
) -> Vec<Blob> {
    (0..count)
        .filter_map(|_| {
            let radius = scene.side * random.uniform(low, high);
            let spot = scene.place(random, radius, 1.15)?;
            Some(Blob::random(random, spot, radius, 0.12, 1.3))
        })
        .collect()
}

fn papule(
    scene: &mut Scene,
    random: &mut Random,
    count: usize,
    radii: [f64; 2],
    redness: f32,
) -> Vec<Blob> {
    let lesions = scatter(scene, random, count, radii);
    for lesion in &lesions {
        bump(scene, lesion, redness);
    }
    lesions
}

fn pustule(scene: &mut Scene, random: &mut Random, count: usize, redness: f32) -> Vec<Blob> {
    const PUS: Color = [0.97, 0.93, 0.72];
    let lesions = scatter(scene, random, count, [0.017, 0.03]);
    for lesion in &lesions {
        bump(scene, lesion, redness);
        let head = random.uniform(0.35, 0.5) as f32;
        scene.canvas.paint_blob(lesion, 1.0, |_, _, depth, below| {
            mix(below, PUS, 0.95 * smoothstep(head, head + 0.2, depth))
        });
    }
    lesions
}

/// A red dome with a halo and a highlight toward the upper left.
fn bump(scene: &mut Scene, lesion: &Blob, redness: f32) {
    let [cx, cy] = lesion.center.map(|value| value as f32);
    let radius = lesion.radius as f32;
    let red = tint(scene.skin, [1.0, 0.42, 0.40]);
    scene.canvas.paint_blob(lesion, 1.8, |x, y, depth, below| {
        let halo = 0.35 * smoothstep(-0.8, 0.0, depth);
        let body = smoothstep(-0.12, 0.25, depth);
        let colored = mix(below, red, redness * (halo + 0.6 * body).min(0.92));
        let slant = ((cx - x) + (cy - y)) / radius;
        shade(colored, 1.0 + 0.22 * slant * body * (1.0 - 0.6 * depth.max(0.0)))
    });
}

fn open_comedo(scene: &mut Scene, random: &mut Random, count: usize) -> Vec<Blob> {
    const PLUG: Color = [0.07, 0.055, 0.05];
    let lesions = scatter(scene, random, count, [0.008, 0.0135]);
    for lesion in &lesions {
        scene.canvas.paint_blob(lesion, 1.4, |_, _, depth, below| {
            let rim = shade(below, 1.0 + 0.1 * smoothstep(-0.4, 0.0, depth));
            mix(rim, PLUG, 0.9 * smoothstep(0.0, 0.4, depth))
        });
    }
    lesions
}

fn closed_comedo(scene: &mut Scene, random: &mut Random, count: usize) -> Vec<Blob> {
    let lesions = scatter(scene, random, count, [0.009, 0.015]);
    let pale = mix(scene.skin, [0.98, 0.94, 0.86], 0.6);
    for lesion in &lesions {
        let [cx, cy] = lesion.center.map(|value| value as f32);
        let radius = lesion.radius as f32;
        scene.canvas.paint_blob(lesion, 1.3, |x, y, depth, below| {
            let body = smoothstep(-0.1, 0.4, depth);
            let slant = ((cx - x) + (cy - y)) / radius;
            shade(mix(below, pale, 0.7 * body), 1.0 + 0.15 * slant * body)
        });
    }
    lesions
}

/// A dent: lit from the other side than a bump, and a little pale or brown.
fn scar(scene: &mut Scene, random: &mut Random, count: usize) -> Vec<Blob> {
    let lesions = scatter(scene, random, count, [0.012, 0.022]);
    let faded = tint(scene.skin, [0.88, 0.74, 0.7]);
    for lesion in &lesions {
        let [cx, cy] = lesion.center.map(|value| value as f32);
        let radius = lesion.radius as f32;
        scene.canvas.paint_blob(lesion, 1.2, |x, y, depth, below| {
            let body = smoothstep(0.0, 0.4, depth);
            let slant = ((x - cx) + (y - cy)) / radius;
            shade(mix(below, faded, 0.6 * body), 1.0 + 0.25 * slant * body)
        });
    }
    lesions
}
