//! Heat maps of images, with what describes and checks them.

use crate::config::SanityCheck;
use crate::error::{RunError, RunResult};
use crate::explanation::{Job, write_map};
use crate::images::Images;
use crate::label_maps::LabelMaps;
use crate::predict::predict;
use crate::{overlay, sanity};
use dermx_data::text::and_others;
use dermx_data::{CsvLine, CsvTable, cell_place, write_atomic};
use dermx_gradcam::{Explainer, Output};
use dermx_score::{FAITHFULNESS, ROBUSTNESS, to_json};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How scoring prepares a map, in words.
const SCORING: &str = "evaluate divides a map by its maximum, cuts it to 256 levels and resizes \
                       it bilinearly, unless told otherwise; eval.json says what was done";

/// The description that lies beside the maps.
const DESCRIPTION: &str = "heatmaps.json";

/// Whether [`explain`] writes the file of this name below its folder.
pub fn is_explanation(path: &Path) -> bool {
    let is_map = path.extension().is_some_and(|extension| extension == "npy");
    is_map || [DESCRIPTION, FAITHFULNESS, ROBUSTNESS].iter().any(|file| path == Path::new(file))
}

/// What [`explain`] writes beside the maps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// Checks of the maps.
    pub checks: &'a [SanityCheck],
    /// Whether each photo under its map is written, too: `<image_id>.png`.
    pub overlays: bool,
}

/// Writes the maps of `job` by `explainer` into the folder `out`, with `heatmaps.json` and `extras`; returns their
/// number. Without targets, a network of several labels an image has a map of each label that it gives, in
/// a folder of the label's name.
///
/// # Errors
/// Photos that cannot be read, a failed write, a request to stop; sanity checks of several labels.
pub fn explain(
    job: &Job<'_>,
    explainer: &Explainer,
    extras: Extras<'_>,
    out: &Path,
) -> RunResult<usize> {
    job.trained.check_explained(Output::Logit, extras.checks)?;
    if job.trained.thresholds.is_some() && job.targets.is_none() {
        let logits = predict(job.trained, job.images, job.batch_size, job.context)?;
        let given: Vec<Vec<usize>> = logits.iter().map(|one| job.trained.given(one)).collect();
        let LabelMaps { images, targets } =
            LabelMaps::new(job.images, &job.trained.classes, &given)?;
        let job = Job { images: &images, targets: Some(&targets), ..*job };
        return write_all(&job, explainer, extras, "each label that is given", out);
    }
    let target = if job.targets.is_some() { "given" } else { "predicted" };
    write_all(job, explainer, extras, target, out)
}

fn write_all(
    job: &Job<'_>,
    explainer: &Explainer,
    extras: Extras<'_>,
    target: &str,
    out: &Path,
) -> RunResult<usize> {
    let mut explained = BTreeMap::new();
    let (images, classes) = (job.images, &job.trained.classes);
    job.maps("explain", explainer, &mut |one| {
        write_map(out, &one)?;
        if extras.overlays {
            overlay::write(images, &one, out)?;
        }
        let class = classes.get(one.target).cloned().unwrap_or_default();
        // Six decimals: a longer number looks more certain than it is.
        let probability = (one.probability * 1e6).round() / 1e6;
        explained.insert(one.image_id.to_string(), ExplainedClass { class, probability });
        Ok(())
    })?;
    let description =
        MapDescription { images: explained, ..MapDescription::new(explainer, job.images, target) };
    description.write(out)?;
    sanity::run(extras.checks, job, explainer, out)?;
    Ok(images.ids().len())
}

/// Which class the map of an image explains.
#[derive(Debug, Serialize)]
pub struct ExplainedClass {
    /// Its name.
    pub class: String,
    /// The probability that the network gives it.
    pub probability: f64,
}

/// What the maps in a folder are.
#[derive(Debug, Serialize)]
pub struct MapDescription<'a> {
    /// The method that made them.
    pub method: &'a str,
    /// The explained layer; none where the image itself is explained.
    pub layer: Option<&'a str>,
    /// Whose logit was explained.
    pub target: &'a str,
    /// `[height, width]` of the network's input in pixels.
    pub input_size: [u32; 2],
    /// What the values are.
    pub values: &'static str,
    /// What scoring does before it compares a map with a mask.
    pub scoring: &'a str,
    /// The class that each image's map explains; in a run folder predictions.csv tells it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, ExplainedClass>,
}

impl<'a> MapDescription<'a> {
    /// Of the maps that `explainer` makes of `images`.
    fn new(explainer: &'a Explainer, images: &Images, target: &'a str) -> Self {
        Self {
            method: explainer.method().name(),
            layer: explainer.layer(),
            target,
            input_size: images.size().into(),
            values: "raw: non-negative, before normalization and resizing",
            scoring: SCORING,
            images: BTreeMap::new(),
        }
    }

    /// Writes it beside the maps in `folder`.
    fn write(&self, folder: &Path) -> RunResult<()> {
        Ok(write_atomic(&folder.join(DESCRIPTION), &to_json(self)?)?)
    }
}

/// Writes `heatmaps.json`.
///
/// # Errors
/// A failed write.
pub fn describe(
    explainer: &Explainer,
    images: &Images,
    target: &str,
    folder: &Path,
) -> RunResult<()> {
    MapDescription::new(explainer, images, target).write(folder)
}

/// The target of each image in the table `path`, from the columns `image_id` and `target` (class name or
/// number of `classes`).
///
/// # Errors
/// A table that cannot be read, an unknown class, an image without a target.
pub fn read_targets(path: &Path, images: &Images, classes: &[String]) -> RunResult<Vec<usize>> {
    let table = CsvTable::read(path)?;
    let [image_idx, target_idx] = table.positions(["image_id", "target"])?;
    let target = |row: &CsvLine| {
        let text = &row.cells[target_idx];
        let by_name = classes.iter().position(|class| class == text);
        by_name.or(text.parse().ok()).filter(|idx| *idx < classes.len()).ok_or_else(|| {
            let known = classes.join(", ");
            let message = format!("`{text}` is not a class; there are: {known}");
            table.invalid(row.line, "target", message)
        })
    };
    let targets: Vec<usize> = table.rows().iter().map(target).collect::<Result<_, _>>()?;
    let rows = table.rows().iter();
    let rows = rows.map(|row| (cell_place(row.line, "image_id"), row.cells[image_idx].as_str()));
    let joined = images.names().join(path, rows).checked()?;
    if let Some(warning) = joined.warning() {
        tracing::warn!("{warning}");
    }
    let missing = images.ids().iter().zip(&joined.row_of).filter(|(_, row)| row.is_none());
    let missing: Vec<&String> = missing.map(|(image_id, _)| image_id).collect();
    if let Some(first) = missing.first() {
        let others = and_others(missing.len(), images.ids().len());
        let message = format!("there is no target for image `{first}`{others}");
        return Err(RunError::in_file(path, message));
    }
    Ok(joined.row_of.iter().flatten().map(|&row| targets[row]).collect())
}
