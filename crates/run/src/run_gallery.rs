//! The pictures of a run's report.

use crate::config::{Config, Target};
use crate::error::RunResult;
use crate::gallery::{Gallery, GalleryPhoto, GallerySource, MapFiles, Probable, mean_f1, probable};
use crate::label_gallery::label_gallery;
use crate::label_targets::set_name;
use crate::run_folder::SeedFolder;
use crate::test_set::TestSet;
use dermx_data::CsvTable;
use dermx_score::{PER_IMAGE, npy_file, read_predictions};
use std::collections::BTreeMap;
use std::path::Path;

/// Pictures of the first seed, each with the heat maps of `others`, which are named.
///
/// # Errors
/// Photos or heat maps that are missing or damaged.
pub fn run_gallery(
    config: &Config,
    run: &Path,
    others: &[(String, SeedFolder)],
) -> RunResult<Gallery> {
    let Some(&seed) = config.run.seeds.first() else { return Ok(Gallery::default()) };
    let folder = SeedFolder::of(run, seed);
    let test = TestSet::read(config)?;
    if config.train.is_multilabel() {
        return label_gallery(config, &folder, seed, &test);
    }
    let photos = photos(config, &test);
    let predicted = read_predictions(&folder.predictions())?;
    let predicted: BTreeMap<String, Probable> = predicted.into_iter().map(probable).collect();
    let source = GallerySource {
        dataset: &test.dataset,
        num_classes: config.data.classes.len(),
        maps: map_files(&folder, &photos)?,
        others: others
            .iter()
            .map(|(name, folder)| {
                let mut maps = map_files(folder, &photos)?;
                maps.retain(|_, file| file.exists());
                Ok((name.clone(), maps))
            })
            .collect::<RunResult<_>>()?,
        f1: mean_f1(&folder.path().join(PER_IMAGE))?,
        explained: match config.explain.target {
            Target::Gold => gold_probabilities(&folder.predictions(), &photos)?,
            Target::Predicted => predicted.clone(),
        },
        predicted,
        scoring: config.scoring_choices().maps,
        seed: Some(seed),
        photos,
    };
    source.gallery(config.report.num_gallery_images)
}

fn photos(config: &Config, test: &TestSet) -> Vec<GalleryPhoto> {
    let photos = test.photos.iter().zip(&test.gold);
    let photo = |((image_id, file), gold): (&(String, _), &Vec<usize>)| GalleryPhoto {
        image_id: image_id.clone(),
        file: std::path::PathBuf::clone(file),
        gold: set_name(&config.data.classes, gold),
    };
    photos.map(photo).collect()
}

/// The file of each photo's heat map, which may not be there.
fn map_files(folder: &SeedFolder, photos: &[GalleryPhoto]) -> RunResult<MapFiles> {
    let file = |one: &GalleryPhoto| {
        Ok((one.image_id.clone(), npy_file(&folder.heatmaps(), &one.image_id)?))
    };
    photos.iter().map(file).collect()
}

/// The gold class of each photo, with the probability that the file of predictions gives it, if any.
fn gold_probabilities(
    predictions: &Path,
    photos: &[GalleryPhoto],
) -> RunResult<BTreeMap<String, Probable>> {
    let gold = photos.iter().map(|one| (one.image_id.clone(), (one.gold.clone(), None)));
    let mut found: BTreeMap<String, Probable> = gold.collect();
    let table = CsvTable::read(predictions)?;
    let [image_idx] = table.positions(["image_id"])?;
    for row in table.rows() {
        if let Some((gold, probability)) = found.get_mut(&row.cells[image_idx])
            && let Some(column) = table.find_column(&format!("p_{gold}"))
        {
            *probability = table.number(row, column)?;
        }
    }
    Ok(found)
}
