//! Lighting and camera: everything that changes a photo's colors without changing the skin.

use super::canvas::{Color, mix, smoothstep};
use super::scene::Scene;
use crate::Random;

/// Shadows, colored light, vignette, focus, contrast and sensor noise over the finished scene.
pub(super) fn expose(scene: &mut Scene, random: &mut Random, blur_passes: usize) {
    shadow(scene, random);
    scene.canvas.blur(blur_passes);
    let camera = Camera::draw(random);
    let [height, width] = [scene.canvas.size.height as f32, scene.canvas.size.width as f32];
    let grain = 0.5 * camera.grain;
    scene.canvas.paint(|x, y, color| {
        let [u, v] = [x / width - 0.5, y / height - 0.5];
        let slope = 1.0 + camera.slope[0] * u + camera.slope[1] * v;
        let vignette = 1.0 - camera.vignette * 2.0 * (u * u + v * v);
        let speck = (random.unit() + random.unit() - 1.0) as f32 * grain;
        camera.develop(color, slope * vignette, speck)
    });
}

struct Camera {
    gains: Color,
    slope: [f32; 2],
    vignette: f32,
    contrast: f32,
    saturation: f32,
    grain: f32,
}

impl Camera {
    fn draw(random: &mut Random) -> Self {
        let exposure = random.uniform(0.78, 1.2);
        let warmth = random.uniform(-0.12, 0.12);
        let green = random.uniform(-0.04, 0.04);
        let angle = random.uniform(0.0, std::f64::consts::TAU);
        let slope = random.uniform(0.0, 0.35);
        Self {
            gains: [1.0 + warmth, 1.0 + green, 1.0 - warmth].map(|gain| (gain * exposure) as f32),
            slope: [(slope * libm::cos(angle)) as f32, (slope * libm::sin(angle)) as f32],
            vignette: random.uniform(0.0, 0.4) as f32,
            contrast: random.uniform(0.88, 1.2) as f32,
            saturation: random.uniform(0.8, 1.25) as f32,
            grain: random.uniform(0.02, 0.06) as f32,
        }
    }

    fn develop(&self, color: Color, light: f32, speck: f32) -> Color {
        let gray = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2];
        let saturated = mix([gray; 3], color, self.saturation);
        [0, 1, 2].map(|c| {
            let lit = saturated[c] * self.gains[c] * light;
            soft_clip((lit - 0.45) * self.contrast + 0.45) + speck
        })
    }
}

/// Leaves values below 0.8 alone and bends the rest toward 1, as film does.
fn soft_clip(value: f32) -> f32 {
    let over = value - 0.8;
    if over <= 0.0 { value } else { 0.8 + over / (1.0 + over / 0.2) }
}

fn shadow(scene: &mut Scene, random: &mut Random) {
    if !random.chance(0.3) {
        return;
    }
    let angle = random.uniform(0.0, std::f64::consts::TAU);
    let normal = [libm::cos(angle) as f32, libm::sin(angle) as f32];
    let [x_edge, y_edge] = scene.anywhere(random).map(|value| value as f32);
    let (side, noise) = (scene.side as f32, &scene.noise);
    let (softness, darkness) =
        (random.uniform(0.03, 0.2) as f32 * side, random.uniform(0.2, 0.4) as f32);
    scene.canvas.paint(|x, y, color| {
        let across = (x - x_edge) * normal[0] + (y - y_edge) * normal[1];
        let wobble = 0.15 * side * (noise.value(x / side * 3.0 + 50.0, y / side * 3.0) - 0.5);
        let amount = darkness * smoothstep(-softness, softness, across + wobble);
        color.map(|value| value * (1.0 - amount))
    });
}
