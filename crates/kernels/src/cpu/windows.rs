//! Square windows of feature maps, copied side by side.

use rayon::prelude::*;

/// Windows that tile feature maps, which are rolled by a shift before.
///
/// Where the side of a window is no divisor of a side of the maps, zeros follow below and at the right. Row
/// `y` of a window `wy` is then row `wy * side + y + shift` of the maps, counted round; and so are
/// columns.
///
/// # Shapes
///
/// Feature maps `[batch, height, width, channels]`, windows
/// `[batch, windows below each other, windows beside each other, side, side, channels]`, contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowShape {
    /// Images.
    pub batch: usize,
    /// Height and width of the feature maps.
    pub size: [usize; 2],
    /// Channels of a cell.
    pub channels: usize,
    /// Height and width of a window.
    pub side: usize,
    /// By how many rows and columns the maps are rolled up and to the left.
    pub shift: [usize; 2],
}

impl WindowShape {
    /// Windows below each other and beside each other.
    pub fn grid(&self) -> [usize; 2] {
        self.size.map(|side| side.div_ceil(self.side))
    }

    fn maps_len(&self) -> usize {
        self.batch * self.size[0] * self.size[1] * self.channels
    }

    /// Windows of all images.
    pub fn num_windows(&self) -> usize {
        self.batch * self.grid()[0] * self.grid()[1]
    }

    fn window_len(&self) -> usize {
        self.side * self.side * self.channels
    }

    fn check(&self, maps: usize, windows: usize) {
        assert!(self.side > 0, "{self:?}");
        assert_eq!(maps, self.maps_len(), "feature maps of {self:?}");
        assert_eq!(windows, self.num_windows() * self.window_len(), "windows of {self:?}");
    }

    /// The row (`axis` 0) or column (1) of the maps that is number `at` of a window; beyond the last where
    /// there is a zero.
    fn source(&self, axis: usize, window: usize, at: usize) -> usize {
        let padded = self.grid()[axis] * self.side;
        (window * self.side + at + self.shift[axis]) % padded
    }

    /// The window, and the place in it, of a row or column of the maps.
    fn target(&self, axis: usize, at: usize) -> [usize; 2] {
        let padded = self.grid()[axis] * self.side;
        let rolled = (at + padded - self.shift[axis] % padded) % padded;
        [rolled / self.side, rolled % self.side]
    }
}

/// The windows of feature maps.
///
/// # Shapes
///
/// Those of [`WindowShape`].
pub fn windows_forward(shape: &WindowShape, maps: &[f32], windows: &mut [f32]) {
    shape.check(maps.len(), windows.len());
    if windows.is_empty() {
        return;
    }
    let WindowShape { size: [height, width], channels, side, .. } = *shape;
    let [down, across] = shape.grid();
    windows.par_chunks_mut(shape.window_len()).enumerate().for_each(|(idx, window)| {
        let (image, window_y, window_x) =
            (idx / (down * across), idx / across % down, idx % across);
        for (at, cell) in window.chunks_exact_mut(channels).enumerate() {
            let y = shape.source(0, window_y, at / side);
            let x = shape.source(1, window_x, at % side);
            if y < height && x < width {
                let first = ((image * height + y) * width + x) * channels;
                cell.copy_from_slice(&maps[first..first + channels]);
            } else {
                cell.fill(0.0);
            }
        }
    });
}

/// Feature maps of their windows, without the zeros: what undoes [`windows_forward`], and its gradient,
/// since each cell is in one window.
///
/// # Shapes
///
/// Those of [`WindowShape`].
pub fn windows_backward(shape: &WindowShape, windows: &[f32], maps: &mut [f32]) {
    shape.check(maps.len(), windows.len());
    if maps.is_empty() {
        return;
    }
    let WindowShape { size: [height, width], channels, side, .. } = *shape;
    let [down, across] = shape.grid();
    maps.par_chunks_mut(width * channels).enumerate().for_each(|(row, cells)| {
        let (image, [window_y, y]) = (row / height, shape.target(0, row % height));
        for (column, cell) in cells.chunks_exact_mut(channels).enumerate() {
            let [window_x, x] = shape.target(1, column);
            let window = (image * down + window_y) * across + window_x;
            let first = ((window * side + y) * side + x) * channels;
            cell.copy_from_slice(&windows[first..first + channels]);
        }
    });
}
