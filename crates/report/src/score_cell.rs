//! Scores as cells of tables.

use crate::score_text::{ABSENT, counted};
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

/// As [`seeds_cell`], with no spread and no interval that says nothing; `–` without a score.
///
/// Seeds that all have the same mean, as those of a map without a network, have no spread to show.
pub fn shown_cell(score: Option<&Score>) -> Cell {
    let Some(score) = score else { return absent() };
    let mut means = score.seeds.iter().flatten();
    let is_of_equal_seeds = means.next().is_some_and(|first| means.all(|mean| mean == first));
    match seeds_cell(score) {
        Cell::Score(cell) => Cell::Score(table::Score {
            std: cell.std.filter(|_| !is_of_equal_seeds),
            interval: told_interval(cell.interval),
            ..cell
        }),
        cell => cell,
    }
}

/// An interval that says something. One of no width is what resampling gives where all images are alike,
/// as "1.000 to 1.000" of six images that are all right: there is none then.
pub fn told_interval(interval: Option<[f64; 2]>) -> Option<[f64; 2]> {
    interval.filter(|[low, high]| low < high)
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
        Column::mean_and_std("mass").label("Mass in mask"),
    ]
}

/// How the score reads outside of tables: `0.310 ± 0.020 [0.250, 0.370]`; `–` without one.
pub fn reading(score: Option<&Score>) -> Reading {
    Reading::new(&Column::score(""), &score.map_or_else(absent, seeds_cell))
}

/// The same on the page, where a spread has its number of seeds beside it: `0.310 ± 0.020 (3 seeds)
/// [0.250, 0.370]`.
pub fn shown_reading(score: Option<&Score>) -> Reading {
    let cell = shown_cell(score);
    let mut reading = Reading::new(&Column::score(""), &cell);
    if let (Some(score), Cell::Score(table::Score { std: Some(_), .. })) = (score, &cell) {
        let seeds = counted(score.seeds.iter().flatten().count(), "seed");
        reading.spread = match reading.spread.split_once(" [") {
            Some((std, interval)) => format!("{std} ({seeds}) [{interval}"),
            None => format!("{} ({seeds})", reading.spread),
        };
    }
    reading
}
