//! The pictures of a report: photo, what experts outlined, where the network looked.

use crate::dataset_page::rater_colors;
use crate::error::{RunError, RunResult};
use crate::gallery_choice::{candidates, choose, in_words};
use dermx_data::{Dataset, ImageSize, Mask, read_photo, resize};
use dermx_eval::{FuzzyScores, HeatmapScoring, PreparedMap, UNION, binary_scores};
use dermx_gradcam::{blend_heatmap, draw_outlines};
use dermx_report::{Chosen, GalleryItem, RaterOutline, Rgb};
use dermx_score::{Prediction, read_map, read_per_image};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Width of the pictures in pixels.
const WIDTH_PX: u32 = 400;

/// JPEG quality of the pictures, 1 to 100.
const QUALITY: u8 = 80;

/// The photos of a report.
#[derive(Debug, Default)]
pub struct Gallery {
    /// Them, in the order to show.
    pub items: Vec<GalleryItem>,
    /// How they were chosen, in words.
    pub choice: String,
}

/// A photo that may be shown.
#[derive(Debug)]
pub struct GalleryPhoto {
    /// Its image.
    pub image_id: String,
    /// The photo.
    pub file: PathBuf,
    /// The gold class; empty without one.
    pub gold: String,
}

/// A class, and its probability if that is known.
pub type Probable = (String, Option<f64>);

/// The file of the heat map of each image.
pub type MapFiles = BTreeMap<String, PathBuf>;

/// What pictures of one network, or of maps of another program, are made of.
#[derive(Debug)]
pub struct GallerySource<'a> {
    /// What the experts outlined.
    pub dataset: &'a Dataset,
    /// The photos that may be shown; each has a heat map.
    pub photos: Vec<GalleryPhoto>,
    /// Number of classes.
    pub num_classes: usize,
    /// The heat maps.
    pub maps: MapFiles,
    /// Those of others, each with a name.
    pub others: Vec<(String, MapFiles)>,
    /// The F1 of each image, see [`mean_f1`].
    pub f1: BTreeMap<String, f64>,
    /// The class that each image is predicted to be of.
    pub predicted: BTreeMap<String, Probable>,
    /// The class that each heat map explains.
    pub explained: BTreeMap<String, Probable>,
    /// How heat maps are prepared; their size is that of the picture.
    pub scoring: HeatmapScoring,
    /// The seed of the network.
    pub seed: Option<u64>,
}

impl GallerySource<'_> {
    /// The pictures of `num_images` photos, see [`choose`].
    ///
    /// # Errors
    /// Photos or heat maps that are missing or damaged.
    pub fn gallery(&self, num_images: usize) -> RunResult<Gallery> {
        // The color of each rater's outlines is the same in all photos.
        let colors = rater_colors(self.dataset);
        let candidates = candidates(self.dataset, &self.photos, &self.f1);
        let chosen = choose(&candidates, self.num_classes, num_images);
        let items: Vec<RunResult<GalleryItem>> = chosen
            .par_iter()
            .map(|(idx, reasons)| self.item(&self.photos[*idx], reasons, &colors))
            .collect();
        Ok(Gallery {
            choice: in_words(&chosen, candidates.len(), self.seed),
            items: items.into_iter().collect::<RunResult<_>>()?,
        })
    }

    fn item(
        &self,
        photo: &GalleryPhoto,
        reasons: &[Chosen],
        colors: &BTreeMap<&str, Rgb>,
    ) -> RunResult<GalleryItem> {
        let GalleryPhoto { image_id, file, gold } = photo;
        let original = read_photo(file)?;
        let height_px = (WIDTH_PX * original.height() / original.width().max(1)).max(1);
        let size = ImageSize::new(height_px, WIDTH_PX);
        let photo = resize(&original, size);

        let drawn = |rater: &str| RaterOutline {
            rater: rater.to_owned(),
            color: colors.get(rater).copied().unwrap_or_default(),
        };
        let readings = self.dataset.readings_of(image_id).iter();
        let outlined = readings.filter_map(|one| Some((one.rater.as_str(), one.union_mask()?)));
        let (raters, masks): (Vec<RaterOutline>, Vec<Mask>) =
            outlined.map(|(rater, mask)| (drawn(rater), mask.resize_nearest(size))).unzip();
        let agreement = agreement(&masks);
        let drawn: Vec<(Vec<u8>, Rgb)> =
            masks.iter().zip(&raters).map(|(mask, one)| (mask.to_dense(), one.color)).collect();
        let experts = Mask::union_all(masks).unwrap_or_else(|| Mask::empty(size));

        let scoring =
            HeatmapScoring { size: [height_px as usize, WIDTH_PX as usize], ..self.scoring };
        let overlay =
            |map: &PreparedMap| jpeg_of(&blend_heatmap(photo.as_raw(), &map.values()), size);
        let missing = || RunError::internal(format!("there is no heat map of `{image_id}`"));
        let map = prepared_map(self.maps.get(image_id).ok_or_else(missing)?, &scoring)?;
        let runs = experts.runs().iter().map(|&[start, end]| start as usize..end as usize);
        let FuzzyScores { f1, mass, .. } = map.scores(runs)?;
        let is_marked = !experts.is_empty();

        let (predicted, probability) = self.predicted.get(image_id).cloned().unzip();
        let (explained, explained_probability) = self.explained.get(image_id).cloned().unzip();
        Ok(GalleryItem {
            image_id: image_id.clone(),
            gold: gold.clone(),
            seed: self.seed,
            predicted,
            probability: probability.flatten(),
            explained,
            explained_probability: explained_probability.flatten(),
            chosen: reasons.to_vec(),
            raters,
            union_f1: f1.filter(|_| is_marked),
            union_mass: mass.filter(|_| is_marked),
            photo_jpeg: jpeg(&photo)?,
            mask_overlay_jpeg: match is_marked {
                true => {
                    Some(jpeg_of(&draw_outlines(photo.as_raw(), &drawn, WIDTH_PX as usize), size)?)
                }
                false => None,
            },
            heatmap_overlay_jpeg: overlay(&map)?,
            agreement,
            other_heatmaps: self
                .others
                .iter()
                .filter_map(|(name, maps)| Some((name, maps.get(image_id)?)))
                .map(|(name, file)| Ok((name.clone(), overlay(&prepared_map(file, &scoring)?)?)))
                .collect::<RunResult<_>>()?,
        })
    }
}

/// The image of a prediction, with the class that it names.
pub fn probable(prediction: Prediction) -> (String, Probable) {
    (prediction.image_id, (prediction.predicted, prediction.probability))
}

/// The mean F1 of each image over its raters, from the table `per_image`; none without that table.
///
/// # Errors
/// A table that is damaged.
pub fn mean_f1(per_image: &Path) -> RunResult<BTreeMap<String, f64>> {
    if !per_image.exists() {
        return Ok(BTreeMap::new());
    }
    let mut by_image: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in read_per_image(per_image)?.into_iter().filter(|row| row.characteristic == UNION) {
        by_image.entry(row.image_id).or_default().extend(row.scores.f1);
    }
    let means = by_image.into_iter().filter_map(|(id, f1)| Some((id, dermx_eval::mean(&f1)?)));
    Ok(means.collect())
}

fn prepared_map(path: &Path, scoring: &HeatmapScoring) -> RunResult<PreparedMap> {
    let map = read_map(path)?.prepare(scoring);
    map.map_err(|error| RunError::in_file(path, error))
}

/// Mean F1 of the masks, two by two.
fn agreement(masks: &[Mask]) -> Option<f64> {
    let pairs = masks.iter().enumerate().flat_map(|(idx, one)| {
        masks[idx + 1..].iter().map(move |other| {
            let both = one.intersection_area(other);
            binary_scores(both, one.area(), other.area(), one.size().num_pixels()).f1
        })
    });
    let defined: Vec<f64> = pairs.flatten().collect();
    dermx_eval::mean(&defined)
}

fn jpeg(photo: &RgbImage) -> RunResult<Vec<u8>> {
    jpeg_of(photo.as_raw(), ImageSize::new(photo.height(), photo.width()))
}

/// The picture of `size` with these pixels (red, green, blue, row by row) as a JPEG file.
pub fn jpeg_of(pixels: &[u8], size: ImageSize) -> RunResult<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(pixels, size.width, size.height, ExtendedColorType::Rgb8)
        .map_err(|error| RunError::internal(error.to_string()))?;
    Ok(bytes)
}
