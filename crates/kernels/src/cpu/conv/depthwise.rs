//! Depthwise convolution: vectors over channels, a register tile of neighbouring pixels of a row.

mod row;
mod taps;
mod weight;

use rayon::prelude::*;

use self::row::{Row, row_on};
use self::taps::row_taps;
pub(super) use self::taps::{Map, Phase, Taps};
pub(super) use self::weight::weight_gradient;
use crate::cpu::Epilogue;
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet};

/// Weights \[channel\]\[tap\] as \[tap\]\[channel\] for the taps of a phase, zeros beyond the last
/// channel.
fn pack(
    weight: &[f32],
    phase: &Phase,
    kernel_size: [usize; 2],
    channels: usize,
    padded: usize,
) -> Scratch {
    let mut packed = Scratch::new(phase.num_taps() * padded);
    packed.fill(0.0);
    let columns = phase.columns.kernel.len();
    for (idx, target) in packed.chunks_exact_mut(padded).enumerate() {
        let tap =
            phase.rows.kernel[idx / columns] * kernel_size[1] + phase.columns.kernel[idx % columns];
        for (channel, value) in target[..channels].iter_mut().enumerate() {
            *value = weight[channel * kernel_size[0] * kernel_size[1] + tap];
        }
    }
    packed
}

/// Writes all phases; `out` is a map of `size` with the source's channels.
#[allow(clippy::too_many_arguments, reason = "two maps, weights, epilogue and geometry")]
pub(super) fn run(
    set: InstructionSet,
    source: &Map<'_>,
    weight: &[f32],
    kernel_size: [usize; 2],
    channels: usize,
    phases: &[Phase],
    epilogue: &Epilogue<'_>,
    size: [usize; 2],
    out: &mut [f32],
) {
    let padded = channels.next_multiple_of(simd::width(set));
    let affine = super::direct::padded_affine(epilogue, 0, channels, simd::width(set));
    let batch = out.len() / (size[0] * size[1] * channels);
    assert_eq!(source.data.len(), batch * source.size[0] * source.size[1] * channels);
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == out.len()));
    let stream = simd::streams(out, channels);
    let shared = Shared(out.as_mut_ptr());
    for phase in phases {
        let weight = pack(weight, phase, kernel_size, channels, padded);
        assert!(
            phase.grid[0] == 0 || phase.offset[0] + (phase.grid[0] - 1) * phase.step[0] < size[0]
        );
        assert!(
            phase.grid[1] == 0 || phase.offset[1] + (phase.grid[1] - 1) * phase.step[1] < size[1]
        );
        let rows = batch * phase.grid[0];
        let rows_len = (rows / 64).clamp(1, 8);
        (0..rows.div_ceil(rows_len)).into_par_iter().with_max_len(1).for_each(|piece| {
            for row in piece * rows_len..rows.min((piece + 1) * rows_len) {
                let (image, i) = (row / phase.grid[0], row % phase.grid[0]);
                let y = phase.offset[0] + i * phase.step[0];
                let start = ((image * size[0] + y) * size[1] + phase.offset[1]) * channels;
                let taps = row_taps(source, phase, channels, padded, image, i);
                let args = Row {
                    taps: &taps,
                    weight: weight.as_ptr(),
                    padded,
                    width: source.size[1] as isize,
                    first: phase.columns.first,
                    num_columns: phase.columns.kernel.len(),
                    step: phase.columns.step,
                    len: phase.grid[1],
                    channels,
                    scale: affine.as_ptr(),
                    shift: affine[padded..].as_ptr(),
                    activation: epilogue.activation,
                    residual: epilogue
                        .residual
                        .map_or(std::ptr::null(), |residual| residual[start..].as_ptr()),
                    stream,
                    // SAFETY: a pixel of the map.
                    out: unsafe { shared.get().add(start) },
                    out_step: phase.step[1] * channels,
                };
                // SAFETY: each tap is a row of the source; weights, scale and shift are padded to
                // whole vectors; this row of the phase is written by this piece alone. `set` comes
                // from `InstructionSet::current`.
                unsafe { row_on(set, &args) };
            }
        });
    }
}
