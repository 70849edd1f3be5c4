//! The photo of the benchmark.

use dermx_data::Random;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageResult, Rgb, RgbImage};

const HEIGHT: u32 = 1500;
const WIDTH: u32 = 2000;
const QUALITY: u8 = 90;
const NUM_SPOTS: usize = 60;
/// Standard deviation of the noise, in gray levels.
const NOISE: f64 = 2.0;

/// A lesion: center and radius in pixels, and how much redder than the skin.
struct Spot {
    center: [f64; 2],
    radius: f64,
    redness: f64,
}

impl Spot {
    fn draw(random: &mut Random) -> Self {
        Self {
            center: [WIDTH, HEIGHT].map(|side| random.uniform(0.0, f64::from(side))),
            radius: random.uniform(20.0, 160.0),
            redness: random.uniform(20.0, 70.0),
        }
    }

    /// 1 inside, 0 outside, with a soft edge of 6 pixels.
    fn cover(&self, x: f64, y: f64) -> f64 {
        let distance = (x - self.center[0]).hypot(y - self.center[1]);
        ((self.radius - distance) / 6.0 + 0.5).clamp(0.0, 1.0)
    }
}

/// Skin of uneven light with spots and a sensor's noise, as a JPEG of quality 90.
pub fn jpeg() -> ImageResult<Vec<u8>> {
    let mut random = Random::new(0, "benchmark", 0, "photo");
    let spots: Vec<Spot> = (0..NUM_SPOTS).map(|_| Spot::draw(&mut random)).collect();
    let photo = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let noise = random.normal(0.0, NOISE);
        let (x, y) = (f64::from(x), f64::from(y));
        let light = 25.0 * ((x / 290.0).sin() + (y / 170.0).cos()) + noise;
        let redness: f64 = spots.iter().map(|spot| spot.redness * spot.cover(x, y)).sum();
        let skin = [175.0 + light, 130.0 + light - redness, 112.0 + light - redness];
        Rgb(skin.map(|value| value as u8))
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&photo)?;
    Ok(bytes)
}
