//! The pictures of a report: photo, what experts outlined, where the network looked.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use crate::run_folder::SeedFolder;
use crate::test_set::TestSet;
use dermx_data::{ImageSize, Mask, Reading, read_photo, resize};
use dermx_eval::{FuzzyScores, HeatmapScoring, PreparedMap, binary_scores};
use dermx_gradcam::{blend_heatmap, outline_mask};
use dermx_report::GalleryItem;
use dermx_score::{Prediction, npy_file, read_map, read_predictions};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Width of the pictures in pixels.
const WIDTH_PX: u32 = 320;

/// JPEG quality of the pictures, 1 to 100.
const QUALITY: u8 = 80;

/// Pictures of the first seed: the same number of each class, in the order of the image ids, each with
/// the heat maps of `others`, which are named.
///
/// # Errors
/// Photos or heat maps that are missing or damaged.
pub fn items(
    config: &Config,
    run: &Path,
    others: &[(String, SeedFolder)],
) -> RunResult<Vec<GalleryItem>> {
    let Some(&seed) = config.run.seeds.first() else { return Ok(Vec::new()) };
    let folder = SeedFolder::of(run, seed);
    let test = TestSet::read(&config.data)?;
    let predictions: BTreeMap<String, Prediction> = read_predictions(&folder.predictions())?
        .into_iter()
        .map(|prediction| (prediction.image_id.clone(), prediction))
        .collect();
    let chosen = choose(&test, config.data.classes.len(), config.report.num_gallery_images);
    let items: Vec<RunResult<GalleryItem>> = chosen
        .par_iter()
        .map(|&idx| item(config, &test, idx, seed, &folder, others, &predictions))
        .collect();
    items.into_iter().collect()
}

/// Indices of the shown images; only images that somebody outlined, unless nobody outlined any.
fn choose(test: &TestSet, num_classes: usize, num_images: usize) -> Vec<usize> {
    let per_class = num_images.div_ceil(num_classes.max(1));
    let mut left = vec![per_class; num_classes];
    let has_outline = |one: &Reading| one.inside().next().is_some();
    let is_any = test.dataset.readings().iter().any(has_outline);
    let is_outlined =
        |image_id: &str| !is_any || test.dataset.readings_of(image_id).iter().any(has_outline);
    let mut chosen = Vec::new();
    for (idx, (image_id, _)) in test.photos.iter().enumerate() {
        let left = &mut left[test.gold_idx[idx]];
        if *left > 0 && chosen.len() < num_images && is_outlined(image_id) {
            *left -= 1;
            chosen.push(idx);
        }
    }
    chosen
}

fn item(
    config: &Config,
    test: &TestSet,
    idx: usize,
    seed: u64,
    folder: &SeedFolder,
    others: &[(String, SeedFolder)],
    predictions: &BTreeMap<String, Prediction>,
) -> RunResult<GalleryItem> {
    let (image_id, file) = &test.photos[idx];
    let original = read_photo(file)?;
    let height_px = (WIDTH_PX * original.height() / original.width().max(1)).max(1);
    let size = ImageSize::new(height_px, WIDTH_PX);
    let photo = resize(&original, size);

    let outlines = test.dataset.readings_of(image_id).iter().filter_map(Reading::union_mask);
    let masks: Vec<Mask> = outlines.map(|mask| mask.resize_nearest(size)).collect();
    let num_raters = masks.len();
    let agreement = agreement(&masks);
    let experts = Mask::union_all(masks).unwrap_or_else(|| Mask::empty(size));

    let scoring = HeatmapScoring {
        size: [height_px as usize, WIDTH_PX as usize],
        normalize: config.evaluate.normalize,
        quantize: config.evaluate.quantize,
        border: config.evaluate.border,
    };
    let map = prepared_map(folder, image_id, &scoring)?;
    let runs = experts.runs().iter().map(|&[start, end]| start as usize..end as usize);
    let FuzzyScores { f1, mass, .. } = map.scores(runs)?;
    let is_marked = !experts.is_empty();

    let prediction = predictions.get(image_id);
    Ok(GalleryItem {
        image_id: image_id.clone(),
        gold: config.data.classes[test.gold_idx[idx]].clone(),
        seed,
        predicted: prediction.map(|prediction| prediction.predicted.clone()),
        probability: prediction.and_then(|prediction| prediction.probability),
        num_raters,
        union_f1: f1.filter(|_| is_marked),
        union_mass: mass.filter(|_| is_marked),
        photo_jpeg: jpeg(&photo)?,
        mask_overlay_jpeg: match is_marked {
            true => Some(jpeg_of(
                &outline_mask(photo.as_raw(), &experts.to_dense(), WIDTH_PX as usize),
                size,
            )?),
            false => None,
        },
        heatmap_overlay_jpeg: jpeg_of(&blend_heatmap(photo.as_raw(), &map.values()), size)?,
        agreement,
        other_heatmaps: others
            .iter()
            .filter(|(_, folder)| map_file(folder, image_id).is_ok_and(|file| file.exists()))
            .map(|(name, folder)| {
                let map = prepared_map(folder, image_id, &scoring)?;
                let blended = blend_heatmap(photo.as_raw(), &map.values());
                Ok((name.clone(), jpeg_of(&blended, size)?))
            })
            .collect::<RunResult<_>>()?,
    })
}

fn map_file(folder: &SeedFolder, image_id: &str) -> RunResult<PathBuf> {
    Ok(npy_file(&folder.heatmaps(), image_id)?)
}

fn prepared_map(
    folder: &SeedFolder,
    image_id: &str,
    scoring: &HeatmapScoring,
) -> RunResult<PreparedMap> {
    let path = map_file(folder, image_id)?;
    let map = read_map(&path)?.prepare(scoring);
    map.map_err(|error| RunError::in_file(&path, error))
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
