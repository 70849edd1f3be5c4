//! The cards at the top: the main scores, beside what needs no network, and the raters'.

use crate::comparison::RATERS;
use crate::score_cell::{shown_cell, shown_reading};
use crate::score_text::{counted, decimal, defined, readable};
use dermx_eval::{
    ConfusionMatrix, DiagnosisScores, EvalRecord, LabelRecord, MapScores, MapTable, Score, UNION,
    diagnosis_scores,
};
use dermx_table::{Cell, Column, Reading, Table};
use serde::Serialize;

/// One number of the summary, beside the baselines where there are some.
#[derive(Debug, Serialize)]
pub struct Card {
    label: &'static str,
    value: String,
    spread: String,
    #[serde(skip)]
    cell: Cell,
    detail: String,
    bars: Vec<Bar>,
    strip: Option<Strip>,
}

#[derive(Debug, Serialize)]
struct Bar {
    label: String,
    text: String,
    #[serde(skip)]
    cell: Cell,
    percent: String,
    is_network: bool,
}

impl Bar {
    fn new(label: impl Into<String>, score: &Score, is_network: bool) -> Self {
        Self {
            label: label.into(),
            text: shown_reading(Some(score)).line(),
            cell: shown_cell(Some(score)),
            percent: percent(defined(score).unwrap_or(0.0)),
            is_network,
        }
    }
}

/// What the network's bar is called.
const NETWORK: &str = "Network";

/// The mean of each seed on a line from 0 to 1.
#[derive(Debug, Serialize)]
struct Strip {
    text: String,
    percents: Vec<String>,
}

/// Accuracy and macro F1, and fuzzy F1 and mass of the union row. Where only predictions or only maps were scored,
/// there are no cards of the others.
pub fn cards(record: &EvalRecord) -> Vec<Card> {
    let of_diagnosis = [
        diagnosis_card("Accuracy", record, |scores| &scores.accuracy),
        diagnosis_card("Macro F1", record, |scores| &scores.macro_f1),
    ];
    let of_maps = [
        map_card("Heat map: fuzzy F1", record, |scores| &scores.f1),
        map_card("Heat map: mass in mask", record, |scores| &scores.mass),
    ];
    if let Some(labels) = &record.labels {
        return label_cards(record, labels).into();
    }
    match (record.diagnosis.is_some(), record.explanation.contains_key(UNION)) {
        (true, false) => of_diagnosis.into(),
        (false, true) => of_maps.into(),
        _ => of_diagnosis.into_iter().chain(of_maps).collect(),
    }
}

impl Card {
    fn new(
        label: &'static str,
        score: Option<&Score>,
        detail: String,
        bars: Vec<Bar>,
        strip: Option<Strip>,
    ) -> Self {
        let Reading { text: value, spread, .. } = shown_reading(score);
        Self { label, value, spread, cell: shown_cell(score), detail, bars, strip }
    }
}

/// The cards as a table, with the baselines' numbers below the network's.
pub fn card_table(cards: &[Card]) -> Table {
    let columns = [
        Column::text("score").label("Score"),
        Column::score("value").label("Value"),
        Column::text("of").label("Of"),
    ];
    let mut table = Table::new("summary", "", columns);
    for Card { label, cell, detail, bars, .. } in cards {
        table.push([(*label).into(), cell.clone(), detail.into()]);
        for Bar { label: map, cell, .. } in bars.iter().filter(|bar| !bar.is_network) {
            table.push([format!("{label}, {map}").into(), cell.clone(), "for comparison".into()]);
        }
    }
    table
}

fn diagnosis_card(
    label: &'static str,
    record: &EvalRecord,
    pick: fn(&DiagnosisScores) -> &Score,
) -> Card {
    let score = record.diagnosis.as_ref().map(pick);
    let matrix = record.confusion_matrices().first();
    let images = matrix.map(|matrix| matrix.counts.iter().flatten().sum::<u64>());
    let images = images.map(|count| counted(count as usize, "image"));
    let classes = format!("{} classes", record.classes.len());
    let detail = match (score, images) {
        (None, _) => "No predictions were scored.".to_owned(),
        (Some(_), Some(images)) => format!("{images}, {classes}, {}", over(record)),
        (Some(_), None) => format!("{classes}, {}", over(record)),
    };
    let chance = most_frequent(record).map(|scores| pick(&scores).clone());
    let bars = match (score, chance) {
        (Some(score), Some(chance)) => vec![
            Bar::new(NETWORK, score, true),
            Bar::new("Always the most frequent class", &chance, false),
        ],
        _ => Vec::new(),
    };
    Card::new(label, score, detail, bars, score.and_then(strip))
}

/// Macro F1 and the mean AUROC of several labels an image.
fn label_cards(record: &EvalRecord, labels: &LabelRecord) -> [Card; 2] {
    let images = counted(labels.images, "image");
    let detail = format!("{images}, {}, {}", counted(labels.labels.len(), "label"), over(record));
    [("Macro F1", &labels.macro_f1), ("Mean AUROC of the labels", &labels.macro_ranking.auroc)]
        .map(|(name, score)| Card::new(name, Some(score), detail.clone(), Vec::new(), strip(score)))
}

/// The scores of whoever says of every image that it is of the class of most.
fn most_frequent(record: &EvalRecord) -> Option<DiagnosisScores> {
    let counts = &record.confusion_matrices().first()?.counts;
    let sizes: Vec<u64> = counts.iter().map(|row| row.iter().sum()).collect();
    // Of equal classes the first, as everywhere.
    let class_idx = (0..sizes.len()).rev().max_by_key(|&idx| sizes[idx])?;
    let mut rows = vec![vec![0; sizes.len()]; sizes.len()];
    for (row, size) in rows.iter_mut().zip(&sizes) {
        row[class_idx] = *size;
    }
    let mut scores =
        diagnosis_scores(&ConfusionMatrix::from_rows(rows).ok()?, &record.classes).ok()?;
    // It is known without a network, and compared with the network's interval.
    for score in [&mut scores.accuracy, &mut scores.macro_f1] {
        score.interval = None;
    }
    Some(scores)
}

fn map_card(label: &'static str, record: &EvalRecord, pick: fn(&MapScores) -> &Score) -> Card {
    let bar = |name: String, table: &MapTable, is_network: bool| {
        Some(Bar::new(name, pick(table.get(UNION)?), is_network))
    };
    let score = record.explanation.get(UNION).map(pick);
    let baselines = record.baselines.iter();
    let mut bars = vec![bar(NETWORK.to_owned(), &record.explanation, true)];
    bars.extend(baselines.map(|(name, table)| bar(readable(name), table, false)));
    bars.push(bar(RATERS.to_owned(), &record.ceiling, false));
    let detail = match score {
        None => "No heat maps were scored.".to_owned(),
        Some(_) => format!("Union of each rater's masks, {}", over(record)),
    };
    Card::new(label, score, detail, bars.into_iter().flatten().collect(), None)
}

fn strip(score: &Score) -> Option<Strip> {
    let means: Vec<f64> = score.seeds.iter().flatten().copied().filter(|m| m.is_finite()).collect();
    if means.len() < 2 {
        return None;
    }
    let low = means.iter().copied().min_by(f64::total_cmp)?;
    let high = means.iter().copied().max_by(f64::total_cmp)?;
    Some(Strip {
        text: format!("{} to {}", decimal(low), decimal(high)),
        percents: means.into_iter().map(percent).collect(),
    })
}

/// A share of [0, 1] for a style attribute.
fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share.clamp(0.0, 1.0))
}

fn over(record: &EvalRecord) -> String {
    match record.seeds.len() {
        0 if record.explanation.is_empty() => "one set of predictions".to_owned(),
        0 => "one set of maps".to_owned(),
        count => counted(count, "seed"),
    }
}
