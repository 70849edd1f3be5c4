//! The pictures of a report: photo, what experts outlined, where the network looked.

use crate::config::{Config, Target};
use crate::dataset_page::rater_colors;
use crate::error::{RunError, RunResult};
use crate::gallery_choice::{candidates, choose, in_words};
use crate::run_folder::SeedFolder;
use crate::test_set::TestSet;
use dermx_data::{CsvTable, ImageSize, Mask, read_photo, resize};
use dermx_eval::{FuzzyScores, HeatmapScoring, PreparedMap, UNION, binary_scores};
use dermx_gradcam::{blend_heatmap, draw_outlines};
use dermx_report::{Chosen, GalleryItem, RaterOutline, Rgb};
use dermx_score::{PER_IMAGE, Prediction, npy_file, read_map, read_per_image, read_predictions};
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

/// What pictures of one seed are made of.
struct Source<'a> {
    config: &'a Config,
    test: &'a TestSet,
    seed: u64,
    folder: SeedFolder,
    others: &'a [(String, SeedFolder)],
    predictions: BTreeMap<String, Prediction>,
    /// By image the probability of its gold class.
    gold_probabilities: BTreeMap<String, f64>,
    /// The color of each rater's outlines, the same in all photos.
    colors: BTreeMap<&'a str, Rgb>,
}

/// Pictures of the first seed, each with the heat maps of `others`, which are named; see [`choose`].
///
/// # Errors
/// Photos or heat maps that are missing or damaged.
pub fn gallery(config: &Config, run: &Path, others: &[(String, SeedFolder)]) -> RunResult<Gallery> {
    let Some(&seed) = config.run.seeds.first() else { return Ok(Gallery::default()) };
    let folder = SeedFolder::of(run, seed);
    let test = TestSet::read(&config.data)?;
    let predictions = folder.predictions();
    let source = Source {
        config,
        test: &test,
        seed,
        others,
        predictions: read_predictions(&predictions)?
            .into_iter()
            .map(|prediction| (prediction.image_id.clone(), prediction))
            .collect(),
        gold_probabilities: gold_probabilities(&predictions)?,
        colors: rater_colors(&test.dataset),
        folder,
    };
    let candidates = candidates(&test, &mean_f1(&source.folder)?);
    let chosen = choose(&candidates, config.data.classes.len(), config.report.num_gallery_images);
    let items: Vec<RunResult<GalleryItem>> =
        chosen.par_iter().map(|(idx, reasons)| item(&source, *idx, reasons)).collect();
    Ok(Gallery {
        choice: in_words(&chosen, candidates.len(), seed),
        items: items.into_iter().collect::<RunResult<_>>()?,
    })
}

/// The mean F1 of each image over its raters, of the network of the seed; none without scores of maps.
fn mean_f1(folder: &SeedFolder) -> RunResult<BTreeMap<String, f64>> {
    let path = folder.path().join(PER_IMAGE);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let mut by_image: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in read_per_image(&path)?.into_iter().filter(|row| row.characteristic == UNION) {
        by_image.entry(row.image_id).or_default().extend(row.scores.f1);
    }
    let means = by_image.into_iter().filter_map(|(id, f1)| Some((id, dermx_eval::mean(&f1)?)));
    Ok(means.collect())
}

/// By image the probability that the file of predictions gives its gold class; none where it has no such column.
fn gold_probabilities(path: &Path) -> RunResult<BTreeMap<String, f64>> {
    let table = CsvTable::read(path)?;
    let [image_idx] = table.positions(["image_id"])?;
    let Some(gold_idx) = table.find_column("gold") else { return Ok(BTreeMap::new()) };
    let mut found = BTreeMap::new();
    for row in table.rows() {
        if let Some(column) = table.find_column(&format!("p_{}", row.cells[gold_idx]))
            && let Some(probability) = table.number(row, column)?
        {
            found.insert(row.cells[image_idx].clone(), probability);
        }
    }
    Ok(found)
}

fn item(source: &Source<'_>, idx: usize, reasons: &[Chosen]) -> RunResult<GalleryItem> {
    let Source { config, test, folder, .. } = source;
    let (image_id, file) = &test.photos[idx];
    let original = read_photo(file)?;
    let height_px = (WIDTH_PX * original.height() / original.width().max(1)).max(1);
    let size = ImageSize::new(height_px, WIDTH_PX);
    let photo = resize(&original, size);

    let readings = test.dataset.readings_of(image_id).iter();
    let outlined = readings.filter_map(|one| Some((one.rater.as_str(), one.union_mask()?)));
    let (raters, masks): (Vec<RaterOutline>, Vec<Mask>) =
        outlined.map(|(rater, mask)| (source.drawn(rater), mask.resize_nearest(size))).unzip();
    let agreement = agreement(&masks);
    let drawn: Vec<(Vec<u8>, Rgb)> =
        masks.iter().zip(&raters).map(|(mask, one)| (mask.to_dense(), one.color)).collect();
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

    let prediction = source.predictions.get(image_id);
    let gold = config.data.classes[test.gold_idx[idx]].clone();
    let (explained, explained_probability) = match config.explain.target {
        Target::Gold => (Some(gold.clone()), source.gold_probabilities.get(image_id).copied()),
        Target::Predicted => (
            prediction.map(|one| one.predicted.clone()),
            prediction.and_then(|one| one.probability),
        ),
    };
    Ok(GalleryItem {
        image_id: image_id.clone(),
        gold,
        seed: source.seed,
        predicted: prediction.map(|prediction| prediction.predicted.clone()),
        probability: prediction.and_then(|prediction| prediction.probability),
        explained,
        explained_probability,
        chosen: reasons.to_vec(),
        raters,
        union_f1: f1.filter(|_| is_marked),
        union_mass: mass.filter(|_| is_marked),
        photo_jpeg: jpeg(&photo)?,
        mask_overlay_jpeg: match is_marked {
            true => Some(jpeg_of(&draw_outlines(photo.as_raw(), &drawn, WIDTH_PX as usize), size)?),
            false => None,
        },
        heatmap_overlay_jpeg: jpeg_of(&blend_heatmap(photo.as_raw(), &map.values()), size)?,
        agreement,
        other_heatmaps: source
            .others
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

impl Source<'_> {
    /// The rater with the color of the outlines.
    fn drawn(&self, rater: &str) -> RaterOutline {
        let color = self.colors.get(rater).copied().unwrap_or_default();
        RaterOutline { rater: rater.to_owned(), color }
    }
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
