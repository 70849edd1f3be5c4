//! `dermx predict`.

use crate::args::PredictArgs;
use crate::error::CliResult;
use crate::images::Images;
use crate::network::{TrainedNetwork, finite_logits};
use crate::predictions::{Logits, to_csv};
use crate::progress::Progress;
use crate::stop;
use crate::terminal::print;
use burn::module::Module;
use burn::tensor::Device;
use dermx_train::write_atomic;
use std::time::Instant;

/// Writes class probabilities.
///
/// # Errors
/// A network or images that cannot be read.
pub fn run(args: &PredictArgs) -> CliResult<()> {
    let device = args.backend.backend.open()?;
    let trained = TrainedNetwork::open(&args.network, &device)?;
    let images = Images::open(&args.images, &trained)?;
    let logits = predict(&trained, &images, args.batch, &device)?;
    let rows: Vec<Logits> = images
        .ids()
        .iter()
        .zip(logits)
        .map(|(image_id, values)| Logits { image_id: image_id.clone(), gold: None, values })
        .collect();
    write_atomic(&args.out, &to_csv(&rows, &trained.classes, args.logits)?)?;
    print(format!("{}: {} images\n", args.out.display(), rows.len()))
}

/// The logits of every image, `[images.ids().len()][num_classes]`, in inference mode.
///
/// # Errors
/// A photo that cannot be read, logits that are not finite, or a request to stop.
pub fn predict(
    trained: &TrainedNetwork,
    images: &Images,
    batch_size: usize,
    device: &Device,
) -> CliResult<Vec<Vec<f32>>> {
    trained.check_size(images.size())?;
    let network = trained.network.valid();
    let start = Instant::now();
    let mut progress = Progress::new("predict", images.ids().len(), "img");
    let mut logits: Vec<Vec<f32>> = Vec::with_capacity(images.ids().len());
    for range in images.batches(batch_size) {
        stop::check("nothing was written")?;
        let output = network.forward(images.batch(range.clone(), device)?);
        logits.extend(finite_logits(output, &images.ids()[range])?);
        let images_per_s = logits.len() as f64 / start.elapsed().as_secs_f64();
        progress.set(logits.len(), format!("{images_per_s:.1} img/s"));
    }
    let seconds = start.elapsed().as_secs_f64();
    progress.finish(&format!("{} images in {seconds:.1} s", logits.len()));
    Ok(logits)
}
