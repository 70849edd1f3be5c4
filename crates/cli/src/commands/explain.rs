//! `dermx explain`.

use crate::args::ExplainArgs;
use crate::error::{CliError, CliResult, ExitKind};
use crate::explanation::Job;
use crate::heatmaps::{self, Description};
use crate::images::Images;
use crate::network::TrainedNetwork;
use crate::sanity;
use crate::terminal::print;
use dermx_data::{CsvLine, CsvTable, cell_place};
use dermx_gradcam::Explainer;
use std::path::Path;

/// How scoring prepares a map, in words.
const SCORING: &str = "evaluate divides a map by its maximum, cuts it to 256 levels and resizes \
                       it bilinearly, unless told otherwise; eval.json says what was done";

/// Writes heat maps.
///
/// # Errors
/// Settings that make no sense, a network, images or targets that cannot be read, or an output folder
/// in use.
pub fn run(args: &ExplainArgs) -> CliResult<()> {
    args.settings().check()?;
    let device = args.backend.backend.open()?;
    let trained = TrainedNetwork::open(&args.network, &device)?;
    let images = Images::open(&args.images, &trained)?;
    let layer = args.layer.as_deref();
    let explainer = Explainer::new(&trained.network, args.method, args.settings(), layer)?;
    let targets = match &args.targets {
        Some(path) => Some(read_targets(path, &images, &trained.classes)?),
        None => None,
    };
    new_folder(&args.out)?;
    let target = if targets.is_some() { "given" } else { "predicted" };
    let job = Job {
        trained: &trained,
        images: &images,
        targets: targets.as_deref(),
        batch_size: args.batch,
        device: &device,
    };
    job.write_maps("explain", &explainer, &args.out)?;
    describe(&explainer, &images, target, &args.out)?;
    sanity::run(&args.sanity, &job, &explainer, &args.out)?;
    print(format!("{}: {} heat maps\n", args.out.display(), images.ids().len()))
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
) -> CliResult<()> {
    let description = Description {
        method: explainer.method().name(),
        layer: explainer.layer(),
        target,
        input_size: images.size().into(),
        values: "raw: non-negative, before normalization and resizing",
        scoring: SCORING,
    };
    heatmaps::write_description(folder, &description)
}

/// Makes `folder`, which must be new or empty.
fn new_folder(folder: &Path) -> CliResult<()> {
    std::fs::create_dir_all(folder).map_err(|error| CliError::io(folder, &error))?;
    let mut entries = std::fs::read_dir(folder).map_err(|error| CliError::io(folder, &error))?;
    if entries.next().is_some() {
        let message = format!("{}: the folder is in use; choose another --out", folder.display());
        return Err(CliError::new(ExitKind::Locked, message));
    }
    Ok(())
}

/// The target of each image, from the columns `image_id` and `target` (class name or number).
fn read_targets(path: &Path, images: &Images, classes: &[String]) -> CliResult<Vec<usize>> {
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
    if let [first, others @ ..] = &missing[..] {
        let message = format!(
            "there is no target for image `{first}` and {} others of {}",
            others.len(),
            images.ids().len()
        );
        return Err(CliError::bad_data(path, message));
    }
    Ok(joined.row_of.iter().flatten().map(|&row| targets[row]).collect())
}
