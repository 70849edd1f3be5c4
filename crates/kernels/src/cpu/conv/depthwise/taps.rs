//! Which pixels a depthwise convolution reads, and where it writes.

/// A feature map that is read.
#[derive(Clone, Copy)]
pub(in crate::cpu::conv) struct Map<'a> {
    pub data: &'a [f32],
    pub size: [usize; 2],
}

/// The taps along one axis: position i reads i · step + distance for each of them.
#[derive(Clone)]
pub(in crate::cpu::conv) struct Taps {
    pub step: usize,
    /// Distance of the first tap; the others follow one by one.
    pub first: isize,
    /// Index in the kernel of each tap.
    pub kernel: Vec<usize>,
}

/// Positions that have the same taps, and where they are written: position (i, j) at pixel
/// (offset + i · step, offset + j · step).
pub(in crate::cpu::conv) struct Phase {
    pub grid: [usize; 2],
    pub rows: Taps,
    pub columns: Taps,
    pub offset: [usize; 2],
    pub step: [usize; 2],
}

impl Phase {
    pub fn num_taps(&self) -> usize {
        self.rows.kernel.len() * self.columns.kernel.len()
    }
}

/// A row of the source that a row of outputs reads.
#[derive(Clone, Copy)]
pub(super) struct TapRow {
    /// Its first value.
    pub source: *const f32,
    /// Offset of its weights, or of the sums of their gradients.
    pub weights: usize,
}

/// The rows of the source that row `i` of the phase in `image` reads; those beyond the border are left
/// out.
pub(super) fn row_taps(
    source: &Map<'_>,
    phase: &Phase,
    channels: usize,
    padded: usize,
    image: usize,
    i: usize,
) -> Vec<TapRow> {
    let [height, width] = source.size;
    let rows = 0..phase.rows.kernel.len();
    rows.filter_map(|tap| {
        let y = ((i * phase.rows.step) as isize + phase.rows.first + tap as isize) as usize;
        (y < height).then(|| {
            let row = &source.data[(image * height + y) * width * channels..][..width * channels];
            let weights = tap * phase.columns.kernel.len() * padded;
            TapRow { source: row.as_ptr(), weights }
        })
    })
    .collect()
}
