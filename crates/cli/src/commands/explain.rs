//! `dermx explain`.

use crate::args::ExplainArgs;
use crate::error::{CliError, CliResult, ExitKind};
use crate::heatmaps::{self, Description};
use crate::images::Images;
use crate::network::TrainedNetwork;
use crate::progress::Progress;
use crate::sanity;
use crate::stop;
use crate::terminal::print;
use burn::tensor::{Device, Tensor};
use dermx_data::Random;
use dermx_gradcam::Explainer;
use dermx_train::argmax;
use std::collections::BTreeMap;
use std::ops::Range;
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
    let job = Job {
        trained: &trained,
        images: &images,
        targets: targets.as_deref(),
        batch_size: args.batch,
        device: &device,
    };
    job.write_maps(&explainer, &args.out)?;
    describe(&explainer, &images, target, &args.out)?;
    sanity::run(&args.sanity, &job, &explainer, &args.out)?;
    print(format!("{}: {} heat maps\n", args.out.display(), images.ids().len()))
}

/// Which images are explained for which network and class.
#[derive(Debug)]
pub struct Job<'a> {
    /// The network, in whose place an explainer may explain another with the same layers.
    pub trained: &'a TrainedNetwork,
    /// The images.
    pub images: &'a Images,
    /// The class of each image; without, the one that `trained` predicts.
    pub targets: Option<&'a [usize]>,
    /// Images a step.
    pub batch_size: usize,
    /// Where it is computed.
    pub device: &'a Device,
}

impl Job<'_> {
    /// Writes the heat map of every image into `folder`.
    ///
    /// # Errors
    /// A photo that cannot be read, a failed write, or a request to stop.
    pub fn write_maps(&self, explainer: &Explainer, folder: &Path) -> CliResult<()> {
        self.trained.check_size(self.images.size())?;
        let start = Instant::now();
        let total = self.images.ids().len();
        let mut progress = Progress::new("explain", total, "img");
        for range in self.images.batches(self.batch_size) {
            stop::check("the heat maps are not complete")?;
            let batch = self.images.batch(range.clone(), self.device)?;
            let targets = self.targets_of(range.clone(), &batch);
            // Each image has a stream of its own, so that the batch makes no difference.
            let ids = &self.images.ids()[range.clone()];
            let mut streams: Vec<Random> =
                ids.iter().map(|id| Random::new(0, "explanation noise", 0, id)).collect();
            let mut noise = |idx: usize| streams[idx].normal(0.0, 1.0) as f32;
            let explanation = explainer.explain(batch, &targets, &mut noise)?;
            for (idx, heatmap) in range.clone().zip(&explanation.heatmaps) {
                heatmaps::write_npy(folder, &self.images.ids()[idx], heatmap)?;
            }
            let images_per_s = range.end as f64 / start.elapsed().as_secs_f64();
            progress.set(range.end, format!("{images_per_s:.1} img/s"));
        }
        progress.finish(&format!("{total} heat maps in {:.1} s", start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// The explained class of each image of `batch`.
    pub fn targets_of(&self, range: Range<usize>, batch: &Tensor<4>) -> Vec<usize> {
        match self.targets {
            Some(targets) => targets[range].to_vec(),
            None => predicted(self.trained, batch.clone()),
        }
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

fn predicted(trained: &TrainedNetwork, batch: Tensor<4>) -> Vec<usize> {
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
