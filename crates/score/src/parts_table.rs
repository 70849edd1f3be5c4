//! Parts of the images as a table.

use dermx_eval::{EvalRecord, Score};
use dermx_table::{self as table, Cell, Column, Table};
use std::iter::once;

/// The scores of every characteristic on every part of the images, for `by.csv`.
pub fn parts_table(record: &EvalRecord) -> Table {
    let names = ["variable", "value", "characteristic"].map(Column::text);
    let scores = ["f1", "sensitivity", "specificity", "mass"].map(Column::mean_and_std);
    let columns = names.into_iter().chain([Column::count("images")]).chain(scores);
    let columns = columns.chain([Column::mean_and_interval("accuracy")]);
    let mut table = Table::new("by", "Explanation scores on parts of the images", columns);
    for (variable, parts) in &record.by {
        for (value, part) in parts {
            for (characteristic, row) in &part.explanation {
                let scores = match &row.scores {
                    Some(of) => [&of.f1, &of.sensitivity, &of.specificity, &of.mass].map(cell),
                    None => [(); 4].map(|()| Cell::Undefined("too few".to_string())),
                };
                let accuracy = part.accuracy.as_ref().map_or(Cell::from(None), cell);
                let names = [variable, value, characteristic].map(Cell::from);
                let cells = names.into_iter().chain(once(row.images.into())).chain(scores);
                table.push(cells.chain([accuracy]));
            }
        }
    }
    table
}

fn cell(score: &Score) -> Cell {
    let Score { mean, std, interval, .. } = *score;
    let cell = |mean| table::Score { std, interval, ..table::Score::new(mean) };
    mean.map_or(Cell::from(None), |mean| cell(mean).into())
}
