//! Forward passes of images of which something is hidden.

use crate::error::ExplainError;
use crate::heatmap::Heatmap;
use crate::host::values;
use crate::method::Settings;
use crate::probe::Probe;
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Tensor, TensorData};

/// See [`crate::Method::ScoreCam`].
///
/// # Shapes
/// - `images`: `[batch, 3, height, width]`
/// - `features`: `[batch, channels, map height, map width]`
pub(crate) fn score_cam(
    probe: &Probe,
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
        let (pixels, map_values) = (values(image.clone()), values(maps.clone()));
        // One mask at a time: those of all channels would be a gigabyte.
        let hidden = map_values
            .chunks_exact(map_height * map_width)
            .map(|map| masked(&pixels, &mask(map, [map_height, map_width], [height, width])));
        let outputs = probe.outputs_of_changed(&image, target, hidden)?;
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
    for &Position { cell: top, share: down } in &rows {
        let bottom = (top + 1).min(map_height - 1);
        for &Position { cell: left, share: along } in &columns {
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

/// Where a pixel lies between two cells of a feature map.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// The cell before it.
    cell: usize,
    /// Its share of the way to the next cell.
    share: f32,
}

/// Positions of `new_len` pixels among `len` cells.
fn positions(len: usize, new_len: usize) -> Vec<Position> {
    let step = if new_len > 1 { (len - 1) as f32 / (new_len - 1) as f32 } else { 0.0 };
    let position = |idx: usize| {
        let position = idx as f32 * step;
        let cell = (position as usize).min(len - 1);
        Position { cell, share: position - cell as f32 }
    };
    (0..new_len).map(position).collect()
}

/// See [`crate::Method::Occlusion`].
///
/// # Shapes
/// - `images`: `[batch, 3, height, width]`
pub(crate) fn occlusion(
    probe: &Probe,
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
        let pixels = values(image.clone());
        let whole = values(probe.outputs(probe.forward(image.clone()), &[target])?)[0];
        let hidden = (0..num_patches).map(|idx| {
            let mut mask = vec![1.0_f32; height * width];
            cells(patch(idx)).for_each(|run| mask[run].fill(0.0));
            masked(&pixels, &mask)
        });
        let outputs = probe.outputs_of_changed(&image, target, hidden)?;
        let mut falls = vec![Fall::default(); height * width];
        for (idx, hidden) in outputs.into_iter().enumerate() {
            for run in cells(patch(idx)) {
                falls[run].iter_mut().for_each(|fall| fall.add(whole - hidden));
            }
        }
        // Squares reach each other and both borders ([`Settings::check`]): every pixel has one.
        let values = falls.iter().map(Fall::positive_mean).collect();
        heatmaps.push(Heatmap { height, width, values });
    }
    Ok(heatmaps)
}

/// How much the output falls when squares cover a pixel.
#[derive(Debug, Clone, Copy, Default)]
struct Fall {
    sum: f32,
    num_squares: f32,
}

impl Fall {
    fn add(&mut self, fall: f32) {
        self.sum += fall;
        self.num_squares += 1.0;
    }

    fn positive_mean(&self) -> f32 {
        (self.sum / self.num_squares).max(0.0)
    }
}

/// The planes of an image, each multiplied with `mask`.
fn masked(planes: &[f32], mask: &[f32]) -> Vec<f32> {
    let planes = planes.chunks_exact(mask.len());
    planes.flat_map(|plane| plane.iter().zip(mask).map(|(value, kept)| value * kept)).collect()
}

/// Where squares start on a side: every `stride`, and so that the last ends where the side does.
fn starts(side: usize, patch: usize, stride: usize) -> Vec<usize> {
    let last = side.saturating_sub(patch);
    let mut starts: Vec<usize> = (0..last).step_by(stride).collect();
    starts.push(last);
    starts
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
