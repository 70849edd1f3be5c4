//! Masks whose rows become columns, for formats that count pixels column by column.

use crate::{ImageSize, Mask};

impl Mask {
    /// The mask with rows and columns exchanged: its runs are those of this mask when its pixels are counted
    /// column by column.
    ///
    /// Time and memory are those of the runs before and after, and of the columns.
    pub fn transposed(&self) -> Self {
        let ImageSize { height, width } = self.size();
        let mut next = first_runs(self);
        let num_runs = next.pop().unwrap_or_default();
        let mut runs = vec![[0; 2]; num_runs];
        for_each_change(self, |row, [from, to], is_start| {
            for column in from..to {
                let place = &mut next[column as usize];
                runs[*place][usize::from(!is_start)] = column * height + row;
                *place += usize::from(!is_start);
            }
        });
        Self::from_sorted_runs(ImageSize::new(width, height), runs)
    }

    /// The number of runs in all columns together, which a run across columns counts in each.
    ///
    /// Stripes take few runs along them and very many across: this tells before they are built.
    pub fn num_runs_of_columns(&self) -> usize {
        first_runs(self).pop().unwrap_or_default()
    }
}

/// The place of the first run of each column among those of all columns; at the end, how many there are.
fn first_runs(mask: &Mask) -> Vec<usize> {
    let width = mask.size().width as usize;
    // How many more runs start in a column than in the one before.
    let mut more = vec![0_i64; width + 1];
    for_each_change(mask, |_, [from, to], is_start| {
        more[from as usize] += i64::from(is_start);
        more[to as usize] -= i64::from(is_start);
    });
    let (mut num, mut place) = (0, 0);
    let mut places = Vec::with_capacity(width + 1);
    for more in more {
        num += more;
        places.push(place);
        place += num as usize;
    }
    places
}

/// Calls `change(row, columns, is_start)` for all stretches of columns that are in the mask in `row` and were
/// not in the row above (a start) or the other way round (an end), row by row.
fn for_each_change(mask: &Mask, mut change: impl FnMut(u32, [u32; 2], bool)) {
    let (mut above, mut here): (Vec<[u32; 2]>, Vec<[u32; 2]>) = (Vec::new(), Vec::new());
    let mut row = 0;
    let mut finish = |row, above: &[_], here: &[_]| {
        for_each_difference(above, here, |columns| change(row, columns, false));
        for_each_difference(here, above, |columns| change(row, columns, true));
    };
    for (span_row, span) in spans(mask) {
        if span_row > row {
            finish(row, &above, &here);
            std::mem::swap(&mut above, &mut here);
            here.clear();
            if span_row > row + 1 {
                finish(row + 1, &above, &here);
                above.clear();
            }
            row = span_row;
        }
        here.push(span);
    }
    finish(row, &above, &here);
    finish(row + 1, &here, &[]);
}

/// The runs of a mask, cut where rows end: each row and its columns `[start, end)`.
fn spans(mask: &Mask) -> impl Iterator<Item = (u32, [u32; 2])> {
    let width = mask.size().width;
    mask.runs().iter().flat_map(move |&[start, end]| {
        (start / width..=(end - 1) / width).map(move |row| {
            let first = row * width;
            // The end of the last row of the largest image fits, of a row after it does not.
            (row, [start.max(first) - first, (end - first).min(width)])
        })
    })
}

/// Calls `part` with all parts of the sorted intervals `of` that no interval of `without` covers.
fn for_each_difference(of: &[[u32; 2]], without: &[[u32; 2]], mut part: impl FnMut([u32; 2])) {
    let mut next = 0;
    for &[mut start, end] in of {
        while let Some(&[from, to]) = without.get(next)
            && from < end
        {
            if start < from {
                part([start, from]);
            }
            start = start.max(to);
            if to > end {
                break; // It may cover the next one, too.
            }
            next += 1;
        }
        if start < end {
            part([start, end]);
        }
    }
}
