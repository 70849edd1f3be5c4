//! Scores as cells of tables.

use crate::score_text::ABSENT;
use dermx_eval::Score;
use dermx_table as table;
use dermx_table::{Cell, Column, Reading};

/// The score with all that is known of it; where there is no mean, whether there was nothing to score
/// (`–`) or how many values were undefined.
pub fn score_cell(score: &Score) -> Cell {
    // Rows, of which there are more than seeds.
    let num_undefined = score.undefined.max(score.undefined_rows);
    let Some(mean) = score.mean.filter(|mean| mean.is_finite()) else {
        return Cell::Undefined(match (num_undefined, score.mean) {
            (0, None) => ABSENT.to_owned(),
            (0, Some(_)) => "undefined".to_owned(),
            (count, _) => format!("undefined ({count})"),
        });
    };
    let Score { std, interval, .. } = *score;
    Cell::Score(table::Score { std, interval, num_undefined, ..table::Score::new(mean) })
}

/// As [`score_cell`], with no spread but that over seeds: the spread over images or masks of one network
/// is another thing.
pub fn seeds_cell(score: &Score) -> Cell {
    match score_cell(score) {
        Cell::Score(cell) if score.seeds.is_empty() => {
            Cell::Score(table::Score { std: None, ..cell })
        }
        cell => cell,
    }
}

/// As [`seeds_cell`]; `–` without a score.
pub fn seeds_cell_or_absent(score: Option<&Score>) -> Cell {
    score.map_or_else(absent, seeds_cell)
}

/// There is nothing to show.
pub fn absent() -> Cell {
    Cell::Undefined(ABSENT.to_owned())
}

/// There are too few images for a score.
pub fn too_few() -> Cell {
    Cell::Undefined("too few".to_owned())
}

/// The columns of a map's scores against masks.
pub fn map_columns() -> [Column; 4] {
    [
        Column::mean_and_std("f1").label("F1"),
        Column::mean_and_std("sensitivity").label("Sensitivity"),
        Column::mean_and_std("specificity").label("Specificity"),
        Column::mean_and_std("mass").label("Mass"),
    ]
}

/// How the score reads outside of tables: `0.310 ± 0.020 [0.250, 0.370]`; `–` without one.
pub fn reading(score: Option<&Score>) -> Reading {
    Reading::new(&Column::score(""), &seeds_cell_or_absent(score))
}
