//! Further tables: where maps are highest, parts of the images, other runs.

use crate::comparison::RATERS;
use crate::maps;
use crate::sanity;
use crate::score_cell::{absent, map_columns, score_cell, shown_cell, too_few};
use crate::score_text::{ABSENT, counted, readable, spread_meaning};
use dermx_eval::{Comparison, EvalRecord, MapScores, Paired, PairedTest, PartRecord, UNION};
use dermx_table::{Cell, Column, Score, Table, by_name};
use std::iter::once;

/// Names of the localization scores, and the heads of their columns.
const LOCALIZATION: [(&str, &str); 6] = [
    ("pointing", "Pointing game"),
    ("rank_accuracy", "Rank accuracy"),
    ("top_k_iou", "Top-k IoU"),
    ("auc", "AUC"),
    ("iou", "Fuzzy IoU"),
    ("negative_predictive_value", "NPV"),
];

/// All of them that the record has, without comparisons.
pub fn tables(record: &EvalRecord) -> Vec<Table> {
    let tables = [
        sanity::randomization(record),
        sanity::faithfulness(record),
        sanity::robustness(record),
        localization_table(record),
        identification_table(record),
        maps::complexity_table(record),
        maps::regression_table(record),
        parts_table(record),
    ];
    tables.into_iter().flatten().collect()
}

/// Where maps are highest, by characteristic; `None` where that was not scored.
pub fn localization_table(record: &EvalRecord) -> Option<Table> {
    let title = format!(
        "Where heat maps are highest, by characteristic. {} Rows count as above; the last ones are the \
         baselines and the raters on the union.",
        spread_meaning(record)
    );
    let scores = LOCALIZATION.map(|(name, label)| Column::mean_and_std(name).label(label));
    let columns = once(Column::text("characteristic").label("Characteristic")).chain(scores);
    let mut table = Table::new("localization", title, columns);
    let cells = |heading: String, scores: &MapScores| {
        let cells = LOCALIZATION.map(|(name, _)| shown_cell(scores.localization.get(name)));
        once(heading.into()).chain(cells)
    };
    let is_scored = |scores: &MapScores| !scores.localization.is_empty();
    let characteristics = record.explanation.iter().filter(|(name, _)| *name != UNION);
    for (name, scores) in characteristics.filter(|(_, scores)| is_scored(scores)) {
        table.push(cells(readable(name), scores));
    }
    let baselines = record.baselines.iter();
    let baselines = baselines.map(|(name, table)| (format!("{UNION}, {}", readable(name)), table));
    let raters = format!("{UNION}, {}", RATERS.to_lowercase());
    let unions = once((UNION.to_owned(), &record.explanation)).chain(baselines);
    for (heading, scores) in unions.chain([(raters, &record.ceiling)]) {
        if let Some(scores) = scores.get(UNION).filter(|scores| is_scored(scores)) {
            table.push_summary(cells(heading, scores));
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// On what the maps lie; `None` where that was not scored.
pub fn identification_table(record: &EvalRecord) -> Option<Table> {
    if record.identification.is_empty() {
        return None;
    }
    let title = format!(
        "On what the maps lie: shares of a map's mass on outlines of characteristics typical of the gold \
         class (at least half of the evaluations outline them), of other characteristics alone, and \
         outside. A map of ones gives the shares of the area. {}",
        spread_meaning(record)
    );
    let shares = [("typical", "Typical"), ("other", "Other"), ("outside", "Outside")];
    let shares = shares.map(|(name, label)| Column::mean_and_std(name).label(label));
    let columns = once(Column::text("map").label("Map")).chain(shares);
    let mut table = Table::new("identification", title, columns);
    for (name, shares) in &record.identification {
        let shares =
            [&shares.typical, &shares.other, &shares.outside].map(|score| shown_cell(Some(score)));
        table.push(once(readable(name).into()).chain(shares));
    }
    Some(table)
}

/// The union of each part of the images; `None` without parts.
pub fn parts_table(record: &EvalRecord) -> Option<Table> {
    if record.by.is_empty() {
        return None;
    }
    let title = format!(
        "Parts of the images: diagnosis, and heat maps against the union of each rater's outlines. {} \
         Behind an accuracy, its 95 % interval (Wilson's). \"Too few\" images say nothing about a part; \
         tables/by.csv has every characteristic.",
        spread_meaning(record)
    );
    let columns = [
        Column::text("part").label("Part"),
        Column::count("images").label("Images"),
        Column::score("accuracy").label("Accuracy"),
    ];
    let mut table = Table::new("by", title, columns.into_iter().chain(map_columns()));
    for (variable, parts) in &record.by {
        for (value, part) in by_name(parts) {
            let heading = format!("{}: {}", readable(variable), readable(value));
            table.push(once(heading.into()).chain(part_cells(part)));
        }
    }
    Some(table)
}

/// Every characteristic of each part of the images, with the spread over the rows.
pub fn parts_by_characteristic(record: &EvalRecord) -> Table {
    let names = ["variable", "value", "characteristic"].map(Column::text);
    let columns = names.into_iter().chain([Column::count("images")]).chain(map_columns());
    let columns = columns.chain([Column::mean_and_interval("accuracy")]);
    let mut table = Table::new("by", "Explanation scores on parts of the images", columns);
    for (variable, parts) in &record.by {
        for (value, part) in by_name(parts) {
            for (characteristic, row) in &part.explanation {
                let scores = match &row.scores {
                    Some(of) => {
                        [&of.f1, &of.sensitivity, &of.specificity, &of.mass].map(score_cell)
                    }
                    None => [(); 4].map(|()| too_few()),
                };
                let names = [variable, value, characteristic].map(Cell::from);
                let cells = names.into_iter().chain([row.images.into()]).chain(scores);
                table.push(cells.chain([part.accuracy.as_ref().map_or_else(absent, score_cell)]));
            }
        }
    }
    table
}

fn part_cells(part: &PartRecord) -> Vec<Cell> {
    let mut cells = vec![part.images.into(), shown_cell(part.accuracy.as_ref())];
    let scores = part.explanation.get(UNION).and_then(|row| row.scores.as_ref());
    cells.extend(match scores {
        Some(of) => [&of.f1, &of.sensitivity, &of.specificity, &of.mass]
            .map(|score| shown_cell(Some(score))),
        None => [(); 4].map(|()| too_few()),
    });
    cells
}

/// Each comparison as a table: every characteristic, the union, and accuracy.
pub fn comparison_tables(comparisons: &[Comparison]) -> Vec<Table> {
    comparisons.iter().zip(1..).map(|(one, number)| comparison_table(one, number)).collect()
}

fn comparison_table(comparison: &Comparison, number: usize) -> Table {
    let [first, second] = &comparison.sides;
    let title = format!(
        "{first} (A, {}) against {second} (B, {}). The unit is the image: its fuzzy F1 is the mean \
         over raters and seeds, its diagnosis the share of seeds that are right. Means over images, \
         their difference with its 95 % bootstrap interval over images, effect size, and two-sided p, \
         also after Holm's correction over all rows.",
        counted(comparison.seeds[0], "seed"),
        counted(comparison.seeds[1], "seed"),
    );
    let mean = |name, label| Column::number(name).label(label).decimals(3);
    let columns = [
        Column::text("score").label(""),
        Column::count("images").label("Images"),
        Column::count("unpaired").label("Unpaired"),
        mean("mean_first", "A"),
        mean("mean_second", "B"),
        Column::mean_and_interval("difference").label("A − B").signed(),
        Column::text("test").label("Test"),
        mean("effect", "Effect").signed(),
        Column::p("p"),
        Column::p("p_holm").label("p (Holm)"),
    ];
    let mut table = Table::new(format!("comparison_{number}"), title, columns);
    for (name, paired) in comparison.f1.iter().filter(|(name, _)| *name != UNION) {
        table.push(paired_cells(name, paired));
    }
    if let Some(paired) = comparison.f1.get(UNION) {
        table.push_summary(paired_cells(UNION, paired));
    }
    if let Some(paired) = &comparison.accuracy {
        table.push_summary(paired_cells("Accuracy", paired));
    }
    table
}

fn test(test: Option<PairedTest>) -> &'static str {
    match test {
        None => ABSENT,
        Some(PairedTest::Mcnemar) => "McNemar's exact",
        Some(PairedTest::SignedRank) => "Wilcoxon signed-rank",
        Some(PairedTest::Permutation) => "permutation of the mean",
    }
}

fn paired_cells(name: &str, paired: &Paired) -> [Cell; 10] {
    let number = |value: Option<f64>| Cell::number_or(value, ABSENT);
    let no_p = if paired.images == 0 { "no common image" } else { "no difference" };
    let difference = paired.difference.map_or_else(
        || number(None),
        |mean| Score { interval: paired.interval, ..Score::new(mean) }.into(),
    );
    [
        name.into(),
        paired.images.into(),
        paired.unpaired.into(),
        number(paired.first),
        number(paired.second),
        difference,
        test(paired.test).into(),
        number(paired.effect),
        Cell::p_or(paired.p, no_p),
        Cell::p_or(paired.p_holm, no_p),
    ]
}
