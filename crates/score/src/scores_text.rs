//! The scores beyond Tables 5 and 6 as text.

use crate::score::{NUM_NOT_SCORED, NUM_WITHOUT_MAP, NUM_WITHOUT_MASK, NUM_WITHOUT_PREDICTION};
use crate::text_table::{TextTable, score_cell};
use dermx_eval::{EvalRecord, LocalizationTable, PartRecord, Score, UNION};

/// Names of the scores beyond Table 6, and the heads of their columns.
const LOCALIZATION: [(&str, &str); 6] = [
    ("pointing", "pointing"),
    ("rank_accuracy", "rank"),
    ("top_k_iou", "top-k IoU"),
    ("auc", "AUC"),
    ("iou", "fuzzy IoU"),
    ("negative_predictive_value", "NPV"),
];

/// How many images and masks were scored, a line each; and how many were not, and why.
pub fn counts(record: &EvalRecord) -> Vec<String> {
    let number = |key: &str| record.scoring.get(key).and_then(serde_json::Value::as_u64);
    let [Some(images), Some(masks), Some(unions)] =
        ["num_images", "num_mask_rows", "num_union_rows"].map(number)
    else {
        return Vec::new();
    };
    let mut lines =
        vec![format!("scored: {images} images, {masks} masks, {unions} unions of masks")];
    for (key, what) in [
        (NUM_WITHOUT_MASK, "of them have no mask: only their diagnosis is scored"),
        (NUM_WITHOUT_MAP, "more images have no heat map: their masks are not scored"),
        (NUM_WITHOUT_PREDICTION, "images have no prediction: their diagnosis is not scored"),
        (NUM_NOT_SCORED, "images of metadata.csv have no evaluation that counts: not scored"),
    ] {
        if let Some(number) = number(key).filter(|&number| number > 0) {
            lines.push(format!("{number} {what}"));
        }
    }
    lines
}

/// The second table of scores, with baselines and raters; nothing where it was not asked for.
pub fn localization(record: &EvalRecord) -> String {
    let baselines = record.localization_baselines.iter();
    let others = baselines
        .map(|(name, table)| (format!("{name} map"), table))
        .chain([("raters".to_string(), &record.localization_ceiling)]);
    let others: Vec<(String, &LocalizationTable)> = others.collect();
    if others.iter().all(|(_, table)| table.is_empty()) {
        return String::new();
    }
    let mut lines = vec![line("", &LOCALIZATION.map(|(_, head)| head.to_string()))];
    for (characteristic, scores) in &record.localization {
        lines.push(line(characteristic, &cells(scores)));
    }
    for (name, table) in others {
        if let Some(scores) = table.get(UNION) {
            lines.push(line(&format!("{UNION}, {name}"), &cells(scores)));
        }
    }
    format!("\n{}", lines.concat())
}

fn cells(scores: &std::collections::BTreeMap<String, Score>) -> [String; 6] {
    LOCALIZATION.map(|(name, _)| match scores.get(name) {
        Some(Score { mean: Some(mean), .. }) => format!("{mean:.3}"),
        _ => "undefined".to_string(),
    })
}

fn line(name: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>12}")).collect();
    format!("{name:<30}{cells}\n")
}

/// On what the maps lie; nothing where it was not asked for.
pub fn identification(record: &EvalRecord) -> String {
    if record.identification.is_empty() {
        return String::new();
    }
    let header = ["typical", "other", "outside"].map(str::to_string);
    let mut lines = vec![line("share of the map's mass on", &header)];
    for (name, shares) in &record.identification {
        let cells = [&shares.typical, &shares.other, &shares.outside].map(mean);
        lines.push(line(name, &cells));
    }
    format!(
        "\n{}(typical: outlines of characteristics typical of the gold disease; other: of others)\n",
        lines.concat()
    )
}

/// The union row of each part of the images; nothing where they were not asked for.
pub fn parts(record: &EvalRecord) -> String {
    if record.by.is_empty() {
        return String::new();
    }
    let header = ["images", "accuracy", "fuzzy F1", "sensitivity", "specificity", "mass"];
    let mut lines = vec![part_line(UNION, &header.map(str::to_string))];
    for (variable, parts) in &record.by {
        for (value, part) in parts {
            let mut cells = vec![part.images.to_string(), accuracy(part)];
            let scores = part.table_6.get(UNION).and_then(|row| row.scores.as_ref());
            cells.extend(match scores {
                Some(of) => [&of.f1, &of.sensitivity, &of.specificity, &of.mass].map(mean),
                None => [(); 4].map(|()| "too few".to_string()),
            });
            lines.push(part_line(&format!("{variable}: {value}"), &cells));
        }
    }
    format!("\n{}", lines.concat())
}

fn part_line(name: &str, cells: &[String]) -> String {
    // The second is the accuracy with its interval.
    let cell = |(idx, cell)| match idx {
        1 => format!("{cell:>24}"),
        _ => format!("{cell:>12}"),
    };
    let cells: String = cells.iter().enumerate().map(cell).collect();
    format!("{name:<36}{cells}\n")
}

fn accuracy(part: &PartRecord) -> String {
    let Some(accuracy) = &part.accuracy else { return String::new() };
    mean(accuracy) + &interval_text(accuracy.interval)
}

/// An interval as it stands behind its score; nothing without one.
pub fn interval_text(interval: Option<[f64; 2]>) -> String {
    interval.map_or(String::new(), |[low, high]| format!(" [{low:.3}, {high:.3}]"))
}

fn mean(score: &Score) -> String {
    score.mean.map_or("undefined".to_string(), |mean| format!("{mean:.3}"))
}

/// Every row of every part, for `by.csv`.
pub fn parts_table(record: &EvalRecord) -> TextTable {
    let header = ["variable", "value", "characteristic", "images", "f1", "sensitivity"];
    let mut table = TextTable::new(
        "by",
        "Table 6 on parts of the images",
        &[&header[..], &["specificity", "mass", "accuracy"]].concat(),
    );
    for (variable, parts) in &record.by {
        for (value, part) in parts {
            for (characteristic, row) in &part.table_6 {
                let scores = match &row.scores {
                    Some(of) => {
                        [&of.f1, &of.sensitivity, &of.specificity, &of.mass].map(score_cell)
                    }
                    None => [(); 4].map(|()| "too few".to_string()),
                };
                let names = [variable, value, characteristic].map(String::clone);
                let images = [row.images.to_string()];
                let accuracy = [part.accuracy.as_ref().map_or(String::new(), score_cell)];
                let cells = names.into_iter().chain(images).chain(scores).chain(accuracy);
                table.rows.push(cells.collect());
            }
        }
    }
    table
}
