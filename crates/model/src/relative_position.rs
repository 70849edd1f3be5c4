//! Places in a table of relative positions.

/// For each two cells of a square window of `side` rows and columns, the row that their distance has in a
/// table of all distances: cell by cell, and for each the other cells.
///
/// Both cells are counted row by row. For distances `y` and `x` of the first cell from the second the row is
/// `(y + side - 1) * (2 * side - 1) + x + side - 1`.
///
/// # Source
/// Torchvision, `define_relative_position_index` in `torchvision/models/swin_transformer.py`.
pub(crate) fn relative_positions(side: usize) -> Vec<i32> {
    let cells = || (0..side).flat_map(|row| (0..side).map(move |column| [row, column]));
    let mut all = Vec::with_capacity(side.pow(4));
    for one in cells() {
        for other in cells() {
            let [y, x] = [0, 1].map(|axis| one[axis] + side - 1 - other[axis]);
            all.push((y * (2 * side - 1) + x) as i32);
        }
    }
    all
}

/// The side of the windows whose table has that many rows.
pub(crate) fn window_side(num_rows: usize) -> usize {
    num_rows.isqrt().div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::{relative_positions, window_side};

    #[test]
    fn positions_by_hand() {
        // Cells 0 1 over 2 3; rows of the table are distances (-1, -1), (-1, 0), (-1, 1), (0, -1) ...
        let expected = [4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4];
        assert_eq!(relative_positions(2), expected);
        assert_eq!(window_side(9), 2);
        assert_eq!(window_side(169), 7);
        assert_eq!(relative_positions(7).into_iter().max(), Some(168));
    }
}
