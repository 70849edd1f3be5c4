//! The photos of the benchmark.

use dermx_data::Random;
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

const HEIGHT: u16 = 1500;
const WIDTH: u16 = 2000;
const QUALITY: u8 = 90;
const NUM_SPOTS: usize = 60;

/// A kind of photo.
pub struct Kind {
    pub name: &'static str,
    pub sampling: SamplingFactor,
    /// Standard deviation of the noise, in gray levels.
    pub noise: f64,
}

/// Colors in full resolution as photo editors write them, and in quarter resolution as cameras do,
/// which also leave more noise.
pub const KINDS: [Kind; 2] = [
    Kind { name: "4:4:4, noise 2", sampling: SamplingFactor::R_4_4_4, noise: 2.0 },
    Kind { name: "4:2:0, noise 4", sampling: SamplingFactor::R_4_2_0, noise: 4.0 },
];

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

/// Skin of uneven light with spots and a sensor's noise, as a JPEG of 1500 x 2000 and quality 90.
pub fn jpeg(kind: &Kind) -> Result<Vec<u8>, EncodingError> {
    let mut random = Random::new(0, "benchmark", 0, "photo");
    let spots: Vec<Spot> = (0..NUM_SPOTS).map(|_| Spot::draw(&mut random)).collect();
    let mut pixels = Vec::new();
    for (y, x) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (f64::from(y), f64::from(x)))) {
        let light = 25.0 * ((x / 290.0).sin() + (y / 170.0).cos());
        let redness: f64 = spots.iter().map(|spot| spot.redness * spot.cover(x, y)).sum();
        let skin = [175.0, 130.0 - redness, 112.0 - redness];
        pixels.extend(skin.map(|value| (value + light + random.normal(0.0, kind.noise)) as u8));
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(kind.sampling);
    encoder.encode(&pixels, WIDTH, HEIGHT, ColorType::Rgb)?;
    Ok(bytes)
}
