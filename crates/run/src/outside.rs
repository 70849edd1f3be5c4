//! Reports of what another program made: maps, predictions, or both, scored on a data set.

use crate::config::NUM_GALLERY_IMAGES;
use crate::error::RunResult;
use crate::gallery::{Gallery, GalleryPhoto, GallerySource, Probable, mean_f1, probable};
use crate::labels::labels;
use crate::photos::photos;
use crate::report::{is_report, write_files};
use crate::run_folder::REPORT;
use dermx_data::{Dataset, Existing, Image, OutputFolder, Selection};
use dermx_eval::{EvalRecord, HeatmapScoring};
use dermx_gradcam::color_scale;
use dermx_report::{ReportInput, render};
use dermx_score::{MapFolder, PER_IMAGE, Predictions, counts, map_files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was scored, as the user named it.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    /// The data set.
    pub data: &'a Path,
    /// The folder of the maps, if maps were scored.
    pub heatmaps: Option<&'a Path>,
    /// The table of predictions, if there was one.
    pub predictions: Option<&'a Path>,
    /// The folder of the photos; without, where the data set says that they are.
    pub images: Option<&'a Path>,
    /// How the maps were prepared for scoring.
    pub scoring: HeatmapScoring,
}

/// Writes the report of `record`, which is of `scored`, into the folder `report` of the scores in `out`; the path
/// of the page. A report that is there already is replaced.
///
/// # Errors
/// Photos that are damaged, or an output folder that cannot be written to.
pub fn write_outside_report(
    scored: Outside<'_>,
    record: &EvalRecord,
    out: &Path,
) -> RunResult<PathBuf> {
    let owns = |path: &Path| is_report(&Path::new(REPORT).join(path));
    let folder = OutputFolder::open(&out.join(REPORT), Existing::Replace, &[], owns)?;
    write_files(render(&input(scored, record, out)?)?.files, &folder.path())?;
    let page = folder.place().join("index.html");
    folder.finish()?;
    Ok(page)
}

fn input(scored: Outside<'_>, record: &EvalRecord, out: &Path) -> RunResult<ReportInput> {
    let Outside { data, heatmaps, predictions, .. } = scored;
    let called = match (heatmaps, predictions) {
        (Some(maps), _) => labels(&[maps])?.concat(),
        (None, Some(table)) => table.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        (None, None) => String::new(),
    };
    let shown = |path: &Path| path.display().to_string();
    let facts = [
        ("Heat maps", heatmaps.map(shown)),
        ("Predictions", predictions.map(shown)),
        ("Data set", Some(shown(data))),
        ("dermx", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut notes = Vec::new();
    if heatmaps.is_some() {
        notes.push(
            "The heat maps are of another program: which network and class they explain, and how, is not \
             known here."
                .to_owned(),
        );
    }
    notes.extend(counts(record));
    let gallery = match heatmaps {
        Some(maps) => gallery(scored, maps, out, &mut notes)?,
        None => Gallery::default(),
    };
    Ok(ReportInput {
        title: format!("{called}, tested on {}", record.dataset.name),
        run_facts: facts.collect(),
        evaluation: record.clone(),
        gallery: gallery.items,
        gallery_choice: gallery.choice,
        color_scale: color_scale(),
        notes,
        ..ReportInput::default()
    })
}

/// Pictures of the maps in the folder `maps`, whose scores are in `out`; a note where photos are missing.
fn gallery(
    scored: Outside<'_>,
    maps: &Path,
    out: &Path,
    notes: &mut Vec<String>,
) -> RunResult<Gallery> {
    let dataset = dermx_formats::open(scored.data)?.select(Selection::default());
    let maps = map_files(&dataset, &MapFolder::open(maps)?)?;
    let files = photos(&dataset, scored.images)?;
    let num_missing = maps.keys().filter(|image_id| !files.contains_key(image_id.as_str())).count();
    if num_missing > 0 {
        notes.push(format!(
            "Photos of {num_missing} of {} images with a heat map were not found, so they are not in the gallery; \
             --images names the folder of the photos.",
            maps.len()
        ));
    }
    let shown = dataset.images().iter().filter(|image| maps.contains_key(&image.image_id));
    let photo = |image: &Image| {
        Some(GalleryPhoto {
            image_id: image.image_id.clone(),
            file: files.get(image.image_id.as_str())?.clone(),
            gold: image.gold_class().unwrap_or_default().to_owned(),
        })
    };
    let source = GallerySource {
        photos: shown.filter_map(photo).collect(),
        num_classes: dataset.schema().classes.len(),
        maps,
        others: Vec::new(),
        f1: mean_f1(&out.join(PER_IMAGE))?,
        predicted: predicted(&dataset, scored.predictions)?,
        explained: BTreeMap::new(),
        scoring: scored.scoring,
        seed: None,
        dataset: &dataset,
    };
    if source.photos.is_empty() {
        return Ok(Gallery::default());
    }
    source.gallery(NUM_GALLERY_IMAGES)
}

/// The class that each image is predicted to be of.
fn predicted(
    dataset: &Dataset,
    predictions: Option<&Path>,
) -> RunResult<BTreeMap<String, Probable>> {
    let Some(predictions) = predictions else { return Ok(BTreeMap::new()) };
    // Scoring has warned of the others.
    let (known, _) = Predictions::read(predictions)?.of_images(dataset)?;
    Ok(known.rows.into_iter().map(probable).collect())
}
