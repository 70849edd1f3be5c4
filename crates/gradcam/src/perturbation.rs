//! Forward passes of images of which something is hidden.

use crate::Settings;
use crate::explainer::{ExplainError, Explainer, Heatmap, values};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Tensor, TensorData};

/// Hidden images that go through the network together.
const BATCH: usize = 16;

/// See [`crate::Method::ScoreCam`].
///
/// # Shapes
/// - `images`: `[batch, 3, height, width]`
/// - `features`: `[batch, channels, map height, map width]`
pub(crate) fn score_cam(
    explainer: &Explainer,
    images: &Tensor<4>,
    features: Tensor<4>,
    targets: &[usize],
) -> Result<Vec<Heatmap>, ExplainError> {
    let [_, num_channels, map_height, map_width] = features.dims();
    let [_, _, height, width] = images.dims();
    let device = images.device();
    let mut heatmaps = Vec::with_capacity(targets.len());
    for (image_idx, &target) in targets.iter().enumerate() {
        let image = images.clone().narrow(0, image_idx, 1);
        let maps = features.clone().narrow(0, image_idx, 1);
        let num_cells = map_height * map_width;
        let mut outputs = Vec::with_capacity(num_channels);
        // The masks of a batch at a time: those of all channels would be a gigabyte.
        for maps in values(maps.clone()).chunks(BATCH * num_cells) {
            let masks: Vec<f32> = maps
                .chunks_exact(num_cells)
                .flat_map(|map| mask(map, [map_height, map_width], [height, width]))
                .collect();
            let data = TensorData::new(masks, [maps.len() / num_cells, 1, height, width]);
            let hidden = image.clone() * Tensor::<4>::from_data(data, &device);
            outputs.extend(output(explainer, hidden, target)?);
        }
        let outputs = Tensor::<1>::from_data(TensorData::new(outputs, [num_channels]), &device);
        let alpha = softmax(outputs, 0).reshape([1, num_channels, 1, 1]);
        let values = values(relu((maps * alpha).sum_dim(1)));
        heatmaps.push(Heatmap { height: map_height, width: map_width, values });
    }
    Ok(heatmaps)
}

/// A feature map at the size of the image (bilinear, corners on corners), from 0 to 1.
fn mask(map: &[f32], [map_height, map_width]: [usize; 2], [height, width]: [usize; 2]) -> Vec<f32> {
    let rows = positions(map_height, height);
    let columns = positions(map_width, width);
    let mut mask = Vec::with_capacity(height * width);
    for &(top, down) in &rows {
        let bottom = (top + 1).min(map_height - 1);
        for &(left, along) in &columns {
            let right = (left + 1).min(map_width - 1);
            let at = |row: usize, column: usize| map[row * map_width + column];
            let upper = at(top, left) + (at(top, right) - at(top, left)) * along;
            let lower = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * along;
            mask.push(upper + (lower - upper) * down);
        }
    }
    let low = mask.iter().copied().fold(f32::INFINITY, f32::min);
    let high = mask.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    mask.iter_mut().for_each(|value| *value = (*value - low) / (high - low + 1e-8));
    mask
}

/// For each of `new_len` pixels the cell before it and how far it lies towards the next.
fn positions(len: usize, new_len: usize) -> Vec<(usize, f32)> {
    let step = if new_len > 1 { (len - 1) as f32 / (new_len - 1) as f32 } else { 0.0 };
    let position = |idx: usize| {
        let position = idx as f32 * step;
        let cell = (position as usize).min(len - 1);
        (cell, position - cell as f32)
    };
    (0..new_len).map(position).collect()
}

/// See [`crate::Method::Occlusion`].
///
/// # Shapes
/// - `images`: `[batch, 3, height, width]`
pub(crate) fn occlusion(
    explainer: &Explainer,
    images: &Tensor<4>,
    targets: &[usize],
    settings: &Settings,
) -> Result<Vec<Heatmap>, ExplainError> {
    let Settings { patch_px, stride_px, .. } = *settings;
    let [_, _, height, width] = images.dims();
    let [rows, columns] = [height, width].map(|side| starts(side, patch_px, stride_px));
    let num_patches = rows.len() * columns.len();
    let patch = |idx: usize| [rows[idx / columns.len()], columns[idx % columns.len()]];
    let cells = |[row, column]: [usize; 2]| {
        (row..(row + patch_px).min(height)).map(move |row| {
            let start = row * width + column;
            start..start + patch_px.min(width - column)
        })
    };
    let mut heatmaps = Vec::with_capacity(targets.len());
    for (image_idx, &target) in targets.iter().enumerate() {
        let image = images.clone().narrow(0, image_idx, 1);
        let whole = output(explainer, image.clone(), target)?[0];
        let mut sums = vec![(0.0_f32, 0.0_f32); height * width];
        for first in (0..num_patches).step_by(BATCH) {
            let batch = first..num_patches.min(first + BATCH);
            let mut masks = vec![1.0_f32; batch.len() * height * width];
            for (mask, idx) in masks.chunks_mut(height * width).zip(batch.clone()) {
                cells(patch(idx)).for_each(|run| mask[run].fill(0.0));
            }
            let data = TensorData::new(masks, [batch.len(), 1, height, width]);
            let hidden = image.clone() * Tensor::<4>::from_data(data, &image.device());
            for (hidden, idx) in output(explainer, hidden, target)?.iter().zip(batch) {
                let sums = &mut sums;
                for run in cells(patch(idx)) {
                    sums[run].iter_mut().for_each(|(sum, num)| {
                        *sum += whole - hidden;
                        *num += 1.0;
                    });
                }
            }
        }
        // Squares reach each other and both borders ([`Settings::check`]): every pixel has one.
        let values = sums.iter().map(|(sum, num)| (sum / num).max(0.0)).collect();
        heatmaps.push(Heatmap { height, width, values });
    }
    Ok(heatmaps)
}

/// Where squares start on a side: every `stride`, and so that the last ends where the side does.
fn starts(side: usize, patch: usize, stride: usize) -> Vec<usize> {
    let last = side.saturating_sub(patch);
    let mut starts: Vec<usize> = (0..last).step_by(stride).collect();
    starts.push(last);
    starts
}

/// The explained output of one class for each image.
fn output(
    explainer: &Explainer,
    images: Tensor<4>,
    target: usize,
) -> Result<Vec<f32>, ExplainError> {
    let targets = vec![target; images.dims()[0]];
    let logits = explainer.forward(images);
    Ok(values(explainer.outputs(logits, &targets)?))
}

#[cfg(test)]
mod tests {
    use super::{mask, starts};

    #[test]
    fn squares_cover_the_side() {
        assert_eq!(starts(10, 4, 3), [0, 3, 6]);
        assert_eq!(starts(10, 4, 4), [0, 4, 6]);
        assert_eq!(starts(3, 5, 2), [0]);
        for (side, patch) in (1..30).flat_map(|side| (1..35).map(move |patch| (side, patch))) {
            for stride in 1..=patch {
                let starts = starts(side, patch, stride);
                let is_covered = |pixel: &usize| {
                    starts.iter().any(|start| (*start..start + patch).contains(pixel))
                };
                assert!((0..side).all(|pixel| is_covered(&pixel)), "{side} {patch} {stride}");
            }
        }
    }

    #[test]
    fn a_feature_map_becomes_a_mask() {
        // Corners on corners: 0 2 / 4 6 over 3x3 is 0 1 2 / 2 3 4 / 4 5 6; divided by 6.
        let found = mask(&[0.0, 2.0, 4.0, 6.0], [2, 2], [3, 3]);
        for (found, expected) in found.iter().zip([0.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0]) {
            assert!((found - expected / 6.0).abs() < 1e-6, "{found}");
        }
        assert_eq!(mask(&[7.0], [1, 1], [1, 2]), [0.0, 0.0]);
    }
}
