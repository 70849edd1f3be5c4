//! Further tables: where maps are highest, parts of the images, other runs.

use crate::comparison::RATERS;
use crate::sanity;
use crate::score_text::{ABSENT, counted, decimal, readable};
use crate::table::{Cell, Table};
use dermx_eval::{
    Comparison, EvalRecord, MapScores, MapTable, Paired, PairedTest, PartRecord, UNION,
};

/// Names of the localization scores, and the heads of their columns.
const LOCALIZATION: [(&str, &str); 6] = [
    ("pointing", "Pointing game"),
    ("rank_accuracy", "Rank accuracy"),
    ("top_k_iou", "Top-k IoU"),
    ("auc", "AUC"),
    ("iou", "Fuzzy IoU"),
    ("negative_predictive_value", "NPV"),
];

/// All of them that the record has.
pub fn tables(record: &EvalRecord) -> Vec<Table> {
    let tables = [
        sanity::randomization(record),
        sanity::faithfulness(record),
        localization(record),
        identification(record),
        parts(record),
    ];
    let mut tables: Vec<Table> = tables.into_iter().flatten().collect();
    tables.extend(record.comparisons.iter().map(comparison));
    tables
}

fn localization(record: &EvalRecord) -> Option<Table> {
    if record.explanation.values().all(|scores| scores.localization.is_empty()) {
        return None;
    }
    let caption = "Where heat maps are highest, by characteristic. Rows count as above; the last ones are the baselines and the raters on the union."
        .to_owned();
    let labels: Vec<&str> =
        std::iter::once("Characteristic").chain(LOCALIZATION.map(|(_, head)| head)).collect();
    let mut table = Table::new(caption, &[("", &labels)]);
    let cells = |scores: &MapScores| {
        LOCALIZATION.map(|(name, _)| Cell::score(scores.localization.get(name))).into()
    };
    for (name, scores) in record.explanation.iter().filter(|(name, _)| *name != UNION) {
        table.push(&readable(name), cells(scores), false);
    }
    let baselines = record.baselines.iter();
    let union = |name: String, table: &MapTable| Some((name, table.get(UNION)?.clone()));
    let rows = std::iter::once(union(UNION.to_owned(), &record.explanation))
        .chain(baselines.map(|(name, table)| union(format!("{UNION}, {}", readable(name)), table)))
        .chain([union(format!("{UNION}, {}", RATERS.to_lowercase()), &record.ceiling)]);
    for (name, scores) in rows.flatten().filter(|(_, scores)| !scores.localization.is_empty()) {
        table.push(&name, cells(&scores), true);
    }
    Some(table)
}

fn identification(record: &EvalRecord) -> Option<Table> {
    if record.identification.is_empty() {
        return None;
    }
    let caption = "On what the maps lie: shares of a map's mass on outlines of characteristics \
                   typical of the gold disease (at least half of the evaluations outline them), of \
                   other characteristics alone, and outside. A map of ones gives the shares of the \
                   area."
        .to_owned();
    let mut table = Table::new(caption, &[("", &["Map", "Typical", "Other", "Outside"])]);
    for (name, shares) in &record.identification {
        let cells = [&shares.typical, &shares.other, &shares.outside];
        table.push(&readable(name), cells.map(|score| Cell::score(Some(score))).into(), false);
    }
    Some(table)
}

fn parts(record: &EvalRecord) -> Option<Table> {
    if record.by.is_empty() {
        return None;
    }
    let caption =
        "Parts of the images: diagnosis, and heat maps against the union of each rater's \
                   outlines. Under an accuracy, its 95 % interval (Wilson's). \"Too few\" images say \
                   nothing about a part; tables/by.csv has every characteristic."
            .to_owned();
    let labels = ["Part", "Images", "Accuracy", "F1", "Sensitivity", "Specificity", "Mass"];
    let mut table = Table::new(caption, &[("", &labels)]);
    for (variable, parts) in &record.by {
        for (value, part) in parts {
            let heading = format!("{}: {}", readable(variable), readable(value));
            table.push(&heading, part_cells(part), false);
        }
    }
    Some(table)
}

fn part_cells(part: &PartRecord) -> Vec<Cell> {
    let mut cells = vec![Cell::text(part.images.to_string()), Cell::share(part.accuracy.as_ref())];
    let scores = part.explanation.get(UNION).and_then(|row| row.scores.as_ref());
    cells.extend(match scores {
        Some(of) => [&of.f1, &of.sensitivity, &of.specificity, &of.mass]
            .map(|score| Cell::score(Some(score))),
        None => [(); 4].map(|()| Cell::text("too few")),
    });
    cells
}

fn comparison(comparison: &Comparison) -> Table {
    let [first, second] = &comparison.sides;
    let caption = format!(
        "{first} (A, {}) against {second} (B, {}). The unit is the image: its fuzzy F1 is the mean \
         over raters and seeds, its diagnosis the share of seeds that are right. Means over images, \
         their difference with its 95 % bootstrap interval over images, effect size, and two-sided p, \
         also after Holm's correction.",
        counted(comparison.seeds[0], "seed"),
        counted(comparison.seeds[1], "seed"),
    );
    let labels = ["", "Images", "A", "B", "A − B", "Test", "Effect", "p", "p (Holm)"];
    let mut table = Table::new(caption, &[("", &labels)]);
    for (name, paired) in comparison.f1.iter().filter(|(name, _)| *name != UNION) {
        table.push(&readable(name), paired_cells(paired), false);
    }
    if let Some(paired) = comparison.f1.get(UNION) {
        table.push(UNION, paired_cells(paired), true);
    }
    if let Some(paired) = &comparison.accuracy {
        table.push("Accuracy", paired_cells(paired), true);
    }
    table
}

fn test(test: Option<PairedTest>) -> &'static str {
    match test {
        None => ABSENT,
        Some(PairedTest::Mcnemar) => "McNemar, exact",
        Some(PairedTest::SignedRank) => "Wilcoxon, signed rank",
        Some(PairedTest::Permutation) => "permutation of the mean",
    }
}

fn paired_cells(paired: &Paired) -> Vec<Cell> {
    let number = |value: Option<f64>| value.map_or(ABSENT.to_owned(), decimal);
    let p = |p: Option<f64>| match p {
        None if paired.images == 0 => "no common image".to_owned(),
        None => ABSENT.to_owned(),
        Some(p) if p < 0.001 => "below 0.001".to_owned(),
        Some(p) => decimal(p),
    };
    let interval =
        paired.interval.map(|[low, high]| format!("[{}, {}]", decimal(low), decimal(high)));
    vec![
        Cell::text(paired.images.to_string()),
        Cell::text(number(paired.first)),
        Cell::text(number(paired.second)),
        Cell::with_spread(number(paired.difference), interval.unwrap_or_default()),
        Cell::text(test(paired.test)),
        Cell::text(number(paired.effect)),
        Cell::text(p(paired.p)),
        Cell::text(p(paired.p_holm)),
    ]
}
