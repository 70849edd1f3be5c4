//! `per_image.csv`: one line for each scored mask.

use crate::error::ScoreResult;
use dermx_data::{CsvLine, CsvTable, DataError};
use dermx_eval::{FuzzyScores, MapRow};
use dermx_table::csv;
use std::collections::BTreeSet;
use std::path::Path;

/// The name of the file.
pub const PER_IMAGE: &str = "per_image.csv";

/// The columns that every file has.
const COLUMNS: [&str; 7] =
    ["image_id", "rater", "characteristic", "f1", "sensitivity", "specificity", "mass"];

/// The text of the file; an undefined score is empty. Localization scores follow where they were
/// asked for.
pub fn per_image_csv(rows: &[MapRow]) -> Vec<u8> {
    let mut header = COLUMNS.map(str::to_string).to_vec();
    let first = rows.first().and_then(MapRow::localization);
    header.extend(first.iter().flatten().map(|(name, _)| name.to_string()));
    let record = |row: &MapRow| {
        let FuzzyScores { f1, sensitivity, specificity, mass, .. } = row.scores;
        let more = row.localization().into_iter().flatten().map(|(_, score)| score);
        let scores = [f1, sensitivity, specificity, mass].into_iter().chain(more);
        let names = [&row.image_id, &row.rater, &row.characteristic].map(String::clone);
        let text = |score: Option<f64>| score.map_or(String::new(), |score| score.to_string());
        names.into_iter().chain(scores.map(text)).collect::<Vec<String>>()
    };
    csv(std::iter::once(header).chain(rows.iter().map(record)))
}

/// Reads the scores that every file has back.
///
/// # Errors
/// No such file, one that is against the rules of [`CsvTable`], a column that is missing, a score that
/// is not a number, or a mask that has two rows.
pub fn read_per_image(path: &Path) -> ScoreResult<Vec<MapRow>> {
    let table = CsvTable::read(path)?;
    let places = table.positions(COLUMNS)?;
    let row = |row: &CsvLine| {
        let score = |column: usize| table.number(row, places[column]);
        let [image_id, rater, characteristic] =
            [0, 1, 2].map(|column| row.cells[places[column]].clone());
        let scores = FuzzyScores {
            f1: score(3)?,
            sensitivity: score(4)?,
            specificity: score(5)?,
            mass: score(6)?,
            ..FuzzyScores::default()
        };
        Ok(MapRow { image_id, rater, characteristic, scores, localization: None })
    };
    let rows: Vec<MapRow> = table.rows().iter().map(row).collect::<Result<_, DataError>>()?;
    let mut seen = BTreeSet::new();
    for (row, CsvLine { line, .. }) in rows.iter().zip(table.rows()) {
        let MapRow { image_id, rater, characteristic, .. } = row;
        if !seen.insert((image_id, rater, characteristic)) {
            let message = format!("found `{characteristic}` of `{rater}` for `{image_id}` again");
            return Err(table.invalid(*line, COLUMNS[0], message).into());
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::LocalizationScores;

    fn row(rater: &str, f1: Option<f64>) -> MapRow {
        let [image_id, rater, characteristic] = ["a,b", rater, "Plaque"].map(String::from);
        let scores = FuzzyScores { f1, mass: Some(1.0 / 3.0), ..FuzzyScores::default() };
        MapRow { image_id, rater, characteristic, scores, localization: None }
    }

    #[test]
    fn written_rows_read_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("per_image.csv");
        let mut rows = vec![row("derm1", Some(0.1 + 0.2)), row("derm2", None)];
        std::fs::write(&path, per_image_csv(&rows)).unwrap();
        assert_eq!(read_per_image(&path).unwrap(), rows);
        // Localization scores are for other programs.
        for row in &mut rows {
            row.localization =
                Some(LocalizationScores { auc: Some(0.5), ..LocalizationScores::default() });
        }
        let text = String::from_utf8(per_image_csv(&rows)).unwrap();
        assert!(text.lines().next().unwrap().ends_with("pointing,rank_accuracy,top_k_iou,auc"));
        assert!(text.lines().nth(1).unwrap().ends_with(",,,,0.5"), "{text}");
        std::fs::write(&path, text).unwrap();
        assert_eq!(read_per_image(&path).unwrap()[1], row("derm2", None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("per_image.csv");
        let message = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_per_image(&path).unwrap_err().to_string()
        };
        assert!(message("image_id,rater\n").contains("no column `characteristic`"));
        let header = COLUMNS.join(",");
        let found = message(&format!("{header}\na,r,Plaque,0.5,x,,\n"));
        assert!(found.contains("line 2, column `sensitivity`: found `x`"), "{found}");
        assert!(message(&format!("{header}\na,r,Plaque,nan,,,\n")).contains("`nan`"));
        let found = message(&format!("{header}\na,r,Plaque,0.5,,,\na,r,Plaque,,,,\n"));
        assert!(
            found.contains("line 3") && found.contains("`Plaque` of `r` for `a` again"),
            "{found}"
        );
    }
}
