//! Whether heat maps stay as they are when their images change a little, and whether their mass says how much the
//! probability falls without a part of the image: `robustness.csv` beside the maps.

use crate::error::{RunError, RunResult};
use crate::explanation::Job;
use crate::sanity::Others;
use dermx_data::{Random, write_atomic};
use dermx_gradcam::{Explainer, Robustness, infidelity};
use dermx_score::{ROBUSTNESS, ROBUSTNESS_COLUMNS};
use dermx_table::csv;
use std::path::Path;

/// Writes how robust the maps that `explainer` wrote into `folder` are; beside them noise and a Gaussian in the middle,
/// which never move.
///
/// # Errors
/// A photo or map that cannot be read, numbers that are not finite, a failed write, or a request to stop.
pub fn check(job: &Job<'_>, explainer: &Explainer, folder: &Path) -> RunResult<()> {
    let others = Others::new(job);
    let ids = job.images.ids();
    let mut records = vec![ROBUSTNESS_COLUMNS.map(str::to_string).to_vec()];
    let mut progress = job.context.start("robustness", ids.len(), "img");
    for (idx, image_id) in ids.iter().enumerate() {
        job.context.check("the robustness of the heat maps is not complete")?;
        let image = job.images.batch(idx..idx + 1, job.context.device())?;
        let target = job.targets_of(idx..idx + 1, &image)?[0];
        // As for the map itself: each copy has the stream of its photo.
        let stream = || {
            let mut stream = Random::new(0, "explanation noise", 0, image_id);
            move || stream.normal(0.0, 1.0) as f32
        };
        let mut changes = Random::new(0, "robustness noise", 0, image_id);
        let uniform = &mut || changes.unit() as f32;
        let moved = explainer.robustness(&image, target, job.batch_size, uniform, &stream)?;
        let still = Robustness {
            max_sensitivity: Some(0.0),
            avg_sensitivity: Some(0.0),
            local_lipschitz: Some(0.0),
        };
        let maps = others.with_map_of(image_id, folder)?;
        let values: Vec<&[f32]> = maps.iter().map(|(_, map)| map.as_slice()).collect();
        let mut places = Random::new(0, "infidelity squares", 0, image_id);
        let below = &mut |num: usize| places.below(num);
        let infidelities = infidelity(&job.trained.network, &image, target, &values, below)?;
        for (((name, _), robustness), infidelity) in
            maps.iter().zip([moved, still, still]).zip(infidelities)
        {
            let scores = scores(image_id, robustness, infidelity)?;
            records.push([vec![image_id.clone(), (*name).to_string()], scores].concat());
        }
        progress.set(idx + 1, "");
    }
    progress.finish(&format!("robustness of {} heat maps", ids.len()));
    Ok(write_atomic(&folder.join(ROBUSTNESS), &csv(&records))?)
}

/// The cells of a map; an undefined score is empty.
fn scores(
    image_id: &str,
    robustness: Robustness,
    infidelity: Option<f64>,
) -> RunResult<Vec<String>> {
    let Robustness { max_sensitivity, avg_sensitivity, local_lipschitz } = robustness;
    let scores = [max_sensitivity, avg_sensitivity, local_lipschitz, infidelity];
    if scores.iter().flatten().any(|score| !score.is_finite()) {
        let message = format!(
            "image `{image_id}`: its robustness is not finite: {scores:?}; the network's logits are not, with noise on \
             the image or without a part of it"
        );
        return Err(RunError::internal(message));
    }
    Ok(scores.map(|score| score.map_or(String::new(), |score| format!("{score:.12}"))).to_vec())
}
