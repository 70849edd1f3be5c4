//! The tables of several labels an image.

use crate::score_cell::{absent, shown_cell};
use crate::score_text::{readable, spread_meaning};
use dermx_eval::{EvalRecord, LabelRecord, Score};
use dermx_table::{Cell, Column, Table};
use std::iter::once;

/// The tables: over all labels, and by label; none where an image has one class.
pub fn tables(record: &EvalRecord) -> Vec<Table> {
    record
        .labels
        .iter()
        .flat_map(|labels| [main_table(record, labels), by_label(record, labels)])
        .collect()
}

/// The scores over all labels with what they are called.
fn main_scores(labels: &LabelRecord) -> [(&'static str, &Score); 9] {
    [
        ("Micro F1", &labels.micro_f1),
        ("Macro F1", &labels.macro_f1),
        ("F1 of an image's labels, mean", &labels.sample_f1),
        ("All labels right", &labels.subset_accuracy),
        ("Hamming loss", &labels.hamming_loss),
        ("AUROC, mean of the labels", &labels.macro_ranking.auroc),
        ("AUPRC, mean of the labels", &labels.macro_ranking.auprc),
        ("AUROC, all labels together", &labels.micro_ranking.auroc),
        ("AUPRC, all labels together", &labels.micro_ranking.auprc),
    ]
}

/// What brackets hold.
const INTERVALS: &str = "In brackets: the 95 % interval over images.";

fn main_table(record: &EvalRecord, labels: &LabelRecord) -> Table {
    let title = format!(
        "Several labels an image, {} images. {} {INTERVALS} For all but the Hamming loss, higher is better.",
        labels.images,
        spread_meaning(record)
    );
    let columns = [Column::text("score").label("Score"), Column::score("value").label("Value")];
    let mut table = Table::new("labels_main", title, columns);
    for (name, score) in main_scores(labels) {
        table.push([name.into(), shown_cell(Some(score))]);
    }
    table
}

/// The labels by name, with how well each was predicted.
pub fn by_label(record: &EvalRecord, labels: &LabelRecord) -> Table {
    let title = format!("By label. {} {INTERVALS}", spread_meaning(record));
    let scores = ["F1", "Sensitivity", "Specificity", "AUROC", "AUPRC"];
    let scores = scores.map(|label| Column::score(&label.to_lowercase()).label(label));
    let columns = [Column::text("label").label("Label"), Column::count("images").label("Images")];
    let mut table = Table::new("labels", title, columns.into_iter().chain(scores));
    let rows = record.classes.iter().filter_map(|name| Some((name, labels.labels.get(name)?)));
    for (name, row) in rows {
        let one = &row.scores;
        let ranking = one.ranking.as_ref();
        let ranking =
            [ranking.map(|ranking| &ranking.auroc), ranking.map(|ranking| &ranking.auprc)];
        let cells = [Some(&one.f1), Some(&one.sensitivity), Some(&one.specificity)];
        let cells = cells.into_iter().chain(ranking).map(shown_cell);
        table.push([Cell::from(readable(name)), row.positives.into()].into_iter().chain(cells));
    }
    let means = [&labels.macro_ranking.auroc, &labels.macro_ranking.auprc];
    let summary = [shown_cell(Some(&labels.macro_f1)), absent(), absent()];
    let summary = summary.into_iter().chain(means.map(|score| shown_cell(Some(score))));
    table.push_summary(once("Mean of the labels".into()).chain(once(absent())).chain(summary));
    table
}

#[cfg(test)]
mod tests {
    use super::tables;
    use dermx_eval::{EvalRecord, LabelRecord, LabelRow, Score};

    #[test]
    fn labels_have_a_row_each_in_the_order_of_the_classes() {
        let half = Score { mean: Some(0.5), n: 4, ..Score::default() };
        let mut labels =
            LabelRecord { images: 4, macro_f1: half.clone(), ..LabelRecord::default() };
        for (name, positives) in [("crust", 3), ("scale", 1)] {
            let mut row = LabelRow { positives, ..LabelRow::default() };
            row.scores.f1 = half.clone();
            row.scores.sensitivity.undefined = 4;
            labels.labels.insert(name.to_owned(), row);
        }
        let classes = ["scale", "crust"].map(str::to_owned).into();
        let record = EvalRecord { classes, labels: Some(labels), ..EvalRecord::default() };
        let [main, by_label] = &tables(&record)[..] else { panic!("two tables") };
        assert!(main.markdown().contains("| Macro F1 | 0.500 |"), "{}", main.markdown());
        let text = by_label.markdown();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        // Below the names of the columns.
        assert!(rows[2].starts_with("| scale | 1 | 0.500 | undefined (4) |"), "{text}");
        assert!(rows[3].starts_with("| crust | 3 | 0.500 |"), "{text}");
        assert!(tables(&EvalRecord::default()).is_empty());
    }
}
