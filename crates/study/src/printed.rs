//! PrintedComparison with printed tables.

use crate::error::{StudyError, StudyResult};
use dermx_data::json;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Printed table, ours, and the name of their comparison. The third part, if any, is the one row of
/// the printed table that we have.
const TABLES: [(&str, &str, Option<&str>, &str); 7] = [
    ("1", "table_1", None, "table_1"),
    ("2a", "table_2a", None, "table_2a"),
    ("2b", "table_2b", None, "table_2b"),
    ("3a", "table_3a", None, "table_3a"),
    ("3b", "table_3b", None, "table_3b"),
    ("4", "table_4_dermx", Some("DermX"), "table_4_dermx"),
    ("A1", "table_3a", None, "appendix_1"),
];

/// Number in the text and where it is in our tables.
const TEXT_NUMBERS: [(&str, &str); 12] = [
    ("evaluations", "/counts/evaluations"),
    ("images_evaluated", "/counts/images"),
    ("discarded_evaluations", "/counts/discarded"),
    ("multi_diagnosis_evaluations", "/counts/multi_diagnosis_unresolved"),
    ("remaining_evaluations", "/counts/accepted_minus_unresolved_evaluations"),
    ("remaining_images", "/counts/accepted_minus_unresolved_images"),
    ("skin_light", "/skin_tone/light"),
    ("skin_medium", "/skin_tone/medium"),
    ("skin_dark", "/skin_tone/dark"),
    ("age_young", "/age/young"),
    ("age_adult", "/age/adult"),
    ("age_elderly", "/age/elderly"),
];

/// How much of one printed table is found again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrintedComparison {
    /// The printed table.
    #[serde(skip)]
    pub table: String,
    /// Number of cells that equal ours when rounded as printed.
    pub matching: usize,
    /// Number of cells.
    pub cells: usize,
    /// The others, side by side.
    pub different: Vec<PrintedDifference>,
}

/// A cell that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrintedDifference {
    /// Row, score and part, such as `Papule.f1.mean`.
    pub cell: String,
    /// The printed value.
    pub printed: f64,
    /// Ours; none where we have no such cell.
    pub found: Option<f64>,
}

/// Reads a file of printed tables.
///
/// # Errors
/// No such file, no JSON, or no `tables` in it.
pub fn read_printed(path: &Path) -> StudyResult<Value> {
    let printed: Value = json::read(path)?;
    if !printed["tables"].is_object() {
        return Err(StudyError::invalid(path, "`tables` is not there; expected an object"));
    }
    Ok(printed)
}

/// Compares `ours` (the tables of an annotated data set as JSON) with `printed`; tables that
/// were not printed are left out.
pub fn compare_tables(ours: &Value, printed: &Value) -> Vec<PrintedComparison> {
    let mut comparisons = Vec::new();
    let mut text = PrintedComparison::new("text_counts");
    for (name, place) in TEXT_NUMBERS {
        if let Some(value) = printed["text_numbers"][name].as_f64() {
            text.cell(name, value, ours.pointer(place));
        }
    }
    comparisons.push(text);
    for (printed_name, table, row, name) in TABLES {
        let rows = &printed["tables"][printed_name]["rows"];
        let rows = row.map_or(rows, |row| &rows[row]);
        comparisons.push(compare_rows(name, &ours[table], rows));
    }
    comparisons.retain(|comparison| comparison.cells > 0);
    comparisons
}

/// Compares the rows `ours` with those of the printed table `name`.
pub fn compare_table(name: &str, ours: &Value, printed: &Value) -> PrintedComparison {
    compare_rows(name, ours, &printed["tables"][name]["rows"])
}

fn compare_rows(name: &str, ours: &Value, printed: &Value) -> PrintedComparison {
    let mut comparison = PrintedComparison::new(name);
    comparison.walk("", printed, Some(ours));
    comparison
}

impl PrintedComparison {
    fn new(table: &str) -> Self {
        Self { table: table.to_string(), matching: 0, cells: 0, different: Vec::new() }
    }

    /// Compares every number below `printed` with what has the same path below `ours`.
    fn walk(&mut self, path: &str, printed: &Value, ours: Option<&Value>) {
        match printed {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.walk(&path, value, ours.and_then(|ours| ours.get(key)));
                }
            }
            Value::Number(number) => self.cell(path, number.as_f64().unwrap_or(f64::NAN), ours),
            _ => {}
        }
    }

    fn cell(&mut self, cell: &str, printed: f64, ours: Option<&Value>) {
        let found = ours.and_then(Value::as_f64);
        self.cells += 1;
        // Counts are whole numbers, which rounding to two decimals leaves alone.
        if found.is_some_and(|found| format!("{found:.2}") == format!("{printed:.2}")) {
            self.matching += 1;
        } else {
            self.different.push(PrintedDifference { cell: cell.to_string(), printed, found });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PrintedDifference, compare_tables};
    use serde_json::json;

    #[test]
    fn cells_are_compared_as_they_are_printed() {
        let printed = json!({
            "text_numbers": {"evaluations": 3, "gpu": "two"},
            "tables": {
                "2a": {"rows": {"Acne": {"f1": {"mean": 0.98, "std": 0.01}, "printed_label": "A"}}},
                "4": {"rows": {"Training": {"Acne": 9}, "DermX": {"Acne": 2}}},
            },
        });
        let ours = json!({
            "counts": {"evaluations": 3},
            "table_2a": {"Acne": {"f1": {"mean": 0.9764, "std": 0.0151}}},
            "table_4_dermx": {},
        });
        let found = compare_tables(&ours, &printed);
        let numbers: Vec<(&str, usize, usize)> =
            found.iter().map(|one| (one.table.as_str(), one.matching, one.cells)).collect();
        assert_eq!(numbers, [("text_counts", 1, 1), ("table_2a", 1, 2), ("table_4_dermx", 0, 1)]);
        let std =
            PrintedDifference { cell: "Acne.f1.std".into(), printed: 0.01, found: Some(0.0151) };
        assert_eq!(found[1].different, [std]);
        assert_eq!(found[2].different[0].found, None);
    }
}
