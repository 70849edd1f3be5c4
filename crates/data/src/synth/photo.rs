//! One finished photo with everything there is to know about it.

use super::disease::Disease;
use super::finding::Finding;
use super::scene::{Age, Scene, Site, Tone};
use super::{distractor, light, skin};
use crate::{ImageSize, Random};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

const JPEG_QUALITY: u8 = 88;

/// How readily raters discard a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Few do.
    Clear,
    /// About every second rater does.
    Hard,
    /// All do.
    Hopeless,
}

/// A photo and the truth behind it.
pub(super) struct Photo {
    pub(super) size: ImageSize,
    rgb: Vec<u8>,
    pub(super) findings: Vec<Finding>,
    pub(super) tone: Tone,
    pub(super) site: Site,
    pub(super) age: Age,
    pub(super) female: bool,
    pub(super) doubt: Doubt,
    /// Out of focus, so that `Low-quality` is the reason for discarding it.
    pub(super) is_blurred: bool,
}

impl Photo {
    /// Paints one photo of `disease`.
    pub(super) fn new(disease: &Disease, random: &mut Random) -> Self {
        let doubt = draw_doubt(random);
        let is_blurred = doubt != Doubt::Clear && random.chance(0.35);
        let (site, age) = disease.draw_setting(random);
        let mut scene = Scene::new(random, site, age);
        skin::paint_skin(&mut scene, random);
        distractor::paint_below(&mut scene, random);
        let mut findings = (disease.paint)(&mut scene, random);
        findings.retain(|finding| !finding.lesions.is_empty());
        skin::paint_background(&mut scene, random);
        distractor::paint_above(&mut scene, random);
        let blur_passes = if is_blurred { 6 } else { random.below(4) };
        light::expose(&mut scene, random, blur_passes);
        Self {
            size: scene.canvas.size,
            rgb: scene.canvas.to_rgb8(),
            findings,
            tone: scene.tone,
            site,
            age,
            female: scene.female,
            doubt,
            is_blurred,
        }
    }

    /// The photo as a JPEG file.
    pub(super) fn to_jpeg(&self) -> Result<Vec<u8>, image::ImageError> {
        let mut bytes = Vec::new();
        let ImageSize { height, width } = self.size;
        JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode(
            &self.rgb,
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(bytes)
    }
}

fn draw_doubt(random: &mut Random) -> Doubt {
    match random.unit() {
        p if p < 0.05 => Doubt::Hopeless,
        p if p < 0.30 => Doubt::Hard,
        _ => Doubt::Clear,
    }
}
