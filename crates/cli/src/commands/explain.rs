//! `dermx explain`.

use crate::args::ExplainArgs;
use crate::error::{CliError, CliResult, ExitKind};
use crate::heatmaps::{self, Description};
use crate::images::Images;
use crate::network::TrainedNetwork;
use crate::progress::Progress;
use crate::stop;
use crate::terminal::print;
use burn::tensor::Device;
use dermx_data::Random;
use dermx_gradcam::Explainer;
use dermx_train::argmax;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// How scoring prepares a map, in words.
const SCORING: &str = "evaluate divides a map by its maximum, cuts it to 256 levels and resizes \
                       it bilinearly, unless told otherwise; eval.json says what was done";

/// Writes heat maps.
///
/// # Errors
/// A network, images or targets that cannot be read, or an output folder in use.
pub fn run(args: &ExplainArgs) -> CliResult<()> {
    let device = Device::flex();
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
    explain(&explainer, &trained, &images, targets.as_deref(), args.batch, &device, &args.out)?;
    describe(&explainer, &images, target, &args.out)?;
    print(format!("{}: {} heat maps\n", args.out.display(), images.ids().len()))
}

/// Writes the heat map of every image into `folder`: of the class `targets[i]`, or of the
/// predicted class when there are no targets.
///
/// # Errors
/// A photo that cannot be read, a failed write, or a request to stop.
pub fn explain(
    explainer: &Explainer,
    trained: &TrainedNetwork,
    images: &Images,
    targets: Option<&[usize]>,
    batch_size: usize,
    device: &Device,
    folder: &Path,
) -> CliResult<()> {
    trained.check_size(images.size())?;
    let start = Instant::now();
    let total = images.ids().len();
    let mut progress = Progress::new("explain", total, "img");
    for range in images.batches(batch_size) {
        stop::check("the heat maps are not complete")?;
        let batch = images.batch(range.clone(), device)?;
        let targets: Vec<usize> = match targets {
            Some(targets) => targets[range.clone()].to_vec(),
            None => predicted(trained, batch.clone()),
        };
        // Each image has a stream of its own, so that the batch makes no difference.
        let ids = &images.ids()[range.clone()];
        let mut streams: Vec<Random> =
            ids.iter().map(|id| Random::new(0, "explanation noise", 0, id)).collect();
        let mut noise = |idx: usize| streams[idx].normal(0.0, 1.0) as f32;
        let explanation = explainer.explain(batch, &targets, &mut noise)?;
        for (idx, heatmap) in range.clone().zip(&explanation.heatmaps) {
            heatmaps::write_npy(folder, &images.ids()[idx], heatmap)?;
        }
        let images_per_s = range.end as f64 / start.elapsed().as_secs_f64();
        progress.set(range.end, format!("{images_per_s:.1} img/s"));
    }
    progress.finish(&format!("{total} heat maps in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
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

fn predicted(trained: &TrainedNetwork, batch: burn::tensor::Tensor<4>) -> Vec<usize> {
    let output = trained.network.forward(batch);
    let num_classes = output.dims()[1];
    let values: Vec<f32> = output.into_data().iter::<f32>().collect();
    values.chunks(num_classes).map(argmax).collect()
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
    let mut reader =
        csv::Reader::from_path(path).map_err(|error| CliError::bad_data(path, error))?;
    let headers = reader.headers().map_err(|error| CliError::bad_data(path, error))?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|header| header.trim() == name)
            .ok_or_else(|| CliError::bad_data(path, format!("there is no column `{name}`")))
    };
    let (image_column, target_column) = (column("image_id")?, column("target")?);
    let mut targets = BTreeMap::new();
    for (row_idx, record) in reader.records().enumerate() {
        let record = record.map_err(|error| CliError::bad_data(path, error))?;
        let text = record.get(target_column).unwrap_or("").trim();
        let by_name = classes.iter().position(|class| class == text);
        let class_idx = by_name.or(text.parse().ok()).filter(|idx| *idx < classes.len());
        let class_idx = class_idx.ok_or_else(|| {
            let known = classes.join(", ");
            let message =
                format!("row {}: `{text}` is not a class; there are: {known}", row_idx + 2);
            CliError::bad_data(path, message)
        })?;
        targets.insert(record.get(image_column).unwrap_or("").trim().to_string(), class_idx);
    }
    let target_of = |image_id: &String| {
        targets.get(image_id).copied().ok_or_else(|| {
            CliError::bad_data(path, format!("there is no target for image `{image_id}`"))
        })
    };
    images.ids().iter().map(target_of).collect()
}
