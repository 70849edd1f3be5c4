//! Things on a photo that are no lesion of the diagnosis; equally frequent for all of them.

use super::blob::Blob;
use super::canvas::{Color, mix, shade, smoothstep, tint};
use super::scene::{Scene, Site};
use crate::Random;

/// Moles, freckles and facial features: below the lesions, which keep clear of the large ones.
pub(super) fn paint_below(scene: &mut Scene, random: &mut Random) {
    if random.chance(0.3) {
        freckles(scene, random);
    }
    for _ in 0..random.below(4) {
        mole(scene, random);
    }
    if scene.site == Site::Face && random.chance(0.7) {
        for _ in 0..1 + random.below(2) {
            facial_feature(scene, random);
        }
    }
}

/// Hair and a ruler: above everything.
pub(super) fn paint_above(scene: &mut Scene, random: &mut Random) {
    if random.chance(0.55) {
        hair(scene, random);
    }
    if random.chance(0.15) {
        ruler(scene, random);
    }
}

fn freckles(scene: &mut Scene, random: &mut Random) {
    let brown = tint(scene.skin, [0.72, 0.58, 0.5]);
    for _ in 0..10 + random.below(50) {
        let spot = scene.anywhere(random);
        let radius = scene.side * random.uniform(0.003, 0.007);
        scene.canvas.dab(spot, radius, brown, random.uniform(0.2, 0.6) as f32);
    }
}

fn mole(scene: &mut Scene, random: &mut Random) {
    let radius = scene.side * random.uniform(0.006, 0.016);
    let Some(spot) = scene.place_anywhere(random, radius) else { return };
    let brown = tint(scene.skin, [0.45, 0.33, 0.3]);
    let outline = Blob::random(random, spot, radius, 0.15, 1.3);
    scene.canvas.paint_blob(&outline, 1.2, |_, _, depth, below| {
        mix(below, brown, 0.85 * smoothstep(-0.1, 0.3, depth))
    });
}

/// A closed eye with its brow, or lips.
fn facial_feature(scene: &mut Scene, random: &mut Random) {
    let radius = scene.side * random.uniform(0.05, 0.08);
    let Some(spot) = scene.place_anywhere(random, 1.3 * radius) else { return };
    if random.chance(0.6) {
        closed_eye(scene, random, spot, radius);
    } else {
        lips(scene, random, spot, radius);
    }
}

fn closed_eye(scene: &mut Scene, random: &mut Random, [x, y]: [f64; 2], radius: f64) {
    let socket = Blob::random(random, [x, y], 1.2 * radius, 0.06, 1.6);
    scene.canvas.paint_blob(&socket, 1.5, |_, _, depth, below| {
        shade(below, 1.0 - 0.28 * smoothstep(-0.4, 0.5, depth))
    });
    let lid = [[x - radius, y], [x, y + 0.5 * radius], [x + radius, y]];
    scene.canvas.stroke(lid, 0.12 * radius, [0.10, 0.07, 0.06], 0.95);
    for _ in 0..9 {
        let along = random.uniform(-0.8, 0.8);
        let start = [x + along * radius, y + 0.25 * radius * (1.0 - along * along)];
        let end = [start[0] + 0.2 * along * radius, start[1] + 0.28 * radius];
        scene.canvas.stroke([start, start, end], 1.5, [0.10, 0.07, 0.06], 0.8);
    }
    brow(scene, random, [x, y - 1.1 * radius], 1.1 * radius);
}

fn lips(scene: &mut Scene, random: &mut Random, [x, y]: [f64; 2], radius: f64) {
    let red = tint(scene.skin, [0.90, 0.58, 0.58]);
    let reach = 1.1 * radius;
    for (height, opacity) in [(-0.3, 0.75), (0.3, 0.9)] {
        let sag = y + height * radius * random.uniform(1.2, 1.8);
        let lip = [[x - reach, y], [x, sag], [x + reach, y]];
        scene.canvas.stroke(lip, 0.5 * radius, red, opacity);
    }
    let gap = [[x - reach, y], [x, y + 0.1 * radius], [x + reach, y]];
    scene.canvas.stroke(gap, 0.08 * radius, [0.18, 0.09, 0.08], 0.8);
}

fn brow(scene: &mut Scene, random: &mut Random, [x, y]: [f64; 2], half_length: f64) {
    for _ in 0..26 {
        let along = random.uniform(-1.0, 1.0);
        let lift = 0.3 * half_length * (along * along - random.uniform(0.0, 0.5));
        let start = [x + along * half_length, y + lift];
        let end = [start[0] + 0.3 * half_length, start[1] - 0.1 * half_length];
        scene.canvas.stroke([start, [end[0], start[1]], end], 1.7, [0.12, 0.08, 0.06], 0.7);
    }
}

fn hair(scene: &mut Scene, random: &mut Random) {
    let color: Color = match random.below(3) {
        0 => [0.08, 0.06, 0.05],
        1 => [0.35, 0.22, 0.13],
        _ => [0.55, 0.5, 0.46],
    };
    let angle = random.uniform(0.0, std::f64::consts::TAU);
    let thickness = random.uniform(0.8, 1.8);
    for _ in 0..3 + random.below(22) {
        let start = scene.anywhere(random);
        let length = scene.side * random.uniform(0.08, 0.35);
        let turn = angle + random.normal(0.0, 0.35);
        let end = [start[0] + length * libm::cos(turn), start[1] + length * libm::sin(turn)];
        let sag = 0.25 * length * random.uniform(-1.0, 1.0);
        let bend = [0.5 * (start[0] + end[0]) + sag, 0.5 * (start[1] + end[1]) - sag];
        scene.canvas.stroke([start, bend, end], thickness, color, 0.75);
    }
}

/// A paper ruler along the top or bottom edge.
fn ruler(scene: &mut Scene, random: &mut Random) {
    let thickness = (scene.side * random.uniform(0.06, 0.11)) as f32;
    let height = scene.canvas.size.height as f32;
    let at_top = random.chance(0.5);
    let pitch = (scene.side * random.uniform(0.02, 0.035)) as f32;
    scene.canvas.paint(|x, y, below| {
        let inset = if at_top { y } else { height - 1.0 - y };
        if inset > thickness {
            return below;
        }
        let mark = (x / pitch).floor();
        let is_long = (mark / 5.0).floor() * 5.0 == mark;
        let length = if is_long { 0.55 } else { 0.3 } * thickness;
        let is_mark = x - mark * pitch < 1.5 && thickness - inset < length;
        if is_mark { [0.12; 3] } else { [0.9, 0.89, 0.85] }
    });
}
