//! Who is photographed, where on the body, and where there is room for lesions.

use super::canvas::{Canvas, Color, distance, mix};
use super::noise::Noise;
use crate::{ImageSize, Random};

/// Skin tone, as metadata.csv spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Light,
    Medium,
    Dark,
}

/// The part of the body in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    Face,
    Trunk,
    Limb,
    /// Palm or sole, with visible ridges (dermatoglyphs).
    Palm,
}

/// Age group, as metadata.csv spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Young,
    Adult,
    Elderly,
}

impl Tone {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Medium => "medium",
            Self::Dark => "dark",
        }
    }
}

impl Age {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Young => "young",
            Self::Adult => "adult",
            Self::Elderly => "elderly",
        }
    }
}

/// Where the skin ends: `normal . (p - center) = offset - bend * t^2`, `t` along the edge.
struct Edge {
    normal: [f64; 2],
    offset: f64,
    bend: f64,
}

/// One photo under way.
pub(super) struct Scene {
    pub(super) canvas: Canvas,
    pub(super) noise: Noise,
    pub(super) tone: Tone,
    pub(super) site: Site,
    pub(super) age: Age,
    pub(super) female: bool,
    /// Skin color before texture.
    pub(super) skin: Color,
    /// Geometric mean of the sides in pixels: the unit of length for everything painted.
    pub(super) side: f64,
    edges: Vec<Edge>,
    foci: Vec<[f64; 2]>,
    spread: f64,
    placed: Vec<([f64; 2], f64)>,
}

impl Scene {
    /// A scene at `site` with skin but nothing on it.
    pub(super) fn new(random: &mut Random, site: Site, age: Age) -> Self {
        let size = draw_size(random);
        let [height, width] = [f64::from(size.height), f64::from(size.width)];
        let side = (height * width).sqrt();
        let tone = match random.unit() {
            t if t < 0.5 => Tone::Light,
            t if t < 0.82 => Tone::Medium,
            _ => Tone::Dark,
        };
        let mut scene = Self {
            canvas: Canvas::new(size),
            noise: Noise::new(random),
            tone,
            site,
            age,
            female: random.chance(0.5),
            skin: draw_skin(random, tone),
            side,
            edges: draw_edges(random, site, side),
            foci: Vec::new(),
            spread: random.uniform(0.14, 0.3) * side,
            placed: Vec::new(),
        };
        for _ in 0..1 + random.below(3) {
            let focus = scene.draw_focus(random);
            scene.foci.push(focus);
        }
        scene
    }

    /// Room for something of the given reach (pixels), on skin, `gap` times clear of what is there
    /// already; `None` when the picture is full.
    pub(super) fn place(&mut self, random: &mut Random, reach: f64, gap: f64) -> Option<[f64; 2]> {
        for attempt in 0..80 {
            let focus = *random.pick(&self.foci)?;
            let spread = self.spread * (1.0 + f64::from(attempt) / 40.0);
            let spot = [random.normal(focus[0], spread), random.normal(focus[1], spread)];
            let is_clear = self
                .placed
                .iter()
                .all(|&(other, radius)| distance(other, spot) > gap * (reach + radius));
            if is_clear && self.fits(spot, reach) {
                self.placed.push((spot, reach));
                return Some(spot);
            }
        }
        None
    }

    /// As [`Scene::place`], anywhere on the picture.
    pub(super) fn place_anywhere(&mut self, random: &mut Random, reach: f64) -> Option<[f64; 2]> {
        for _ in 0..40 {
            let spot = self.anywhere(random);
            let is_clear =
                self.placed.iter().all(|&(other, radius)| distance(other, spot) > reach + radius);
            if is_clear && self.fits(spot, reach) {
                self.placed.push((spot, reach));
                return Some(spot);
            }
        }
        None
    }

    /// Centers of the clusters that lesions form.
    pub(super) fn foci(&self) -> &[[f64; 2]] {
        &self.foci
    }

    /// Any point of the picture.
    pub(super) fn anywhere(&self, random: &mut Random) -> [f64; 2] {
        let size = self.canvas.size;
        [random.uniform(0.0, f64::from(size.width)), random.uniform(0.0, f64::from(size.height))]
    }

    /// How many pixels inside the skin a point is (negative: background).
    pub(super) fn skin_depth(&self, [x, y]: [f64; 2]) -> f64 {
        let size = self.canvas.size;
        let [dx, dy] = [x - 0.5 * f64::from(size.width), y - 0.5 * f64::from(size.height)];
        let depth_at = |edge: &Edge| {
            let along = dy * edge.normal[0] - dx * edge.normal[1];
            let across = dx * edge.normal[0] + dy * edge.normal[1];
            edge.offset - edge.bend * along * along / self.side - across
        };
        self.edges.iter().map(depth_at).fold(f64::INFINITY, f64::min)
    }

    fn fits(&self, spot: [f64; 2], reach: f64) -> bool {
        let size = self.canvas.size;
        let inset = 0.6 * reach;
        let inside = |value: f64, length: u32| value > inset && value < f64::from(length) - inset;
        inside(spot[0], size.width)
            && inside(spot[1], size.height)
            && self.skin_depth(spot) > 1.1 * reach
    }

    fn draw_focus(&self, random: &mut Random) -> [f64; 2] {
        for _ in 0..60 {
            let spot = self.anywhere(random);
            if self.fits(spot, 0.12 * self.side) {
                return spot;
            }
        }
        [0.5 * f64::from(self.canvas.size.width), 0.5 * f64::from(self.canvas.size.height)]
    }
}

fn draw_size(random: &mut Random) -> ImageSize {
    const LONG_SIDES: [f64; 6] = [320.0, 352.0, 400.0, 448.0, 500.0, 560.0];
    let long = random.pick(&LONG_SIDES).copied().unwrap_or(400.0);
    let short = (long * random.uniform(0.72, 1.0)) as u32;
    if random.chance(0.72) {
        ImageSize::new(short, long as u32)
    } else {
        ImageSize::new(long as u32, short)
    }
}

fn draw_skin(random: &mut Random, tone: Tone) -> Color {
    let [pale, deep]: [Color; 2] = match tone {
        Tone::Light => [[0.90, 0.72, 0.62], [0.80, 0.61, 0.50]],
        Tone::Medium => [[0.76, 0.56, 0.43], [0.62, 0.43, 0.32]],
        Tone::Dark => [[0.50, 0.34, 0.25], [0.36, 0.235, 0.18]],
    };
    mix(pale, deep, random.unit() as f32)
}

fn draw_edges(random: &mut Random, site: Site, side: f64) -> Vec<Edge> {
    let angle = random.uniform(0.0, std::f64::consts::TAU);
    let normal = [libm::cos(angle), libm::sin(angle)];
    let mut edges = Vec::new();
    if random.chance(0.6) {
        let (offset, bend) = (random.uniform(0.22, 0.5) * side, random.uniform(-0.1, 0.5));
        edges.push(Edge { normal, offset, bend });
    }
    if site == Site::Limb && random.chance(0.6) {
        let (offset, bend) = (random.uniform(0.3, 0.45) * side, random.uniform(-0.1, 0.2));
        edges.push(Edge { normal: normal.map(|value| -value), offset, bend });
    }
    edges
}
