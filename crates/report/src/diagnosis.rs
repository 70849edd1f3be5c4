//! The tables of diagnosis beyond the classes' F1: the main scores, and what the probabilities say.

use crate::score_cell::{absent, shown_cell, told_interval};
use crate::score_text::{readable, spread_meaning};
use crate::table::diagnosis as by_class;
use dermx_eval::{
    Calibrated, Certainty, DiagnosisScores, EvalRecord, RankingScores, ReliabilityBin, Score,
};
use dermx_table::{Cell, Column, Table};
use std::iter::once;

/// What the scores of [`RankingScores`] are called, in their order.
const RANKING: [&str; 4] =
    ["AUROC", "AUPRC", "Sensitivity at specificity 0.95", "Sensitivity at specificity 0.80"];

/// Every table of the section: over all classes, by class, and what the probabilities say of each class.
pub fn tables(record: &EvalRecord) -> Vec<Table> {
    let tables = [main_table(record), by_class(record), ranking_table(record)];
    tables.into_iter().flatten().collect()
}

/// The scores over all classes with what they are called; none without predictions.
fn main_scores(diagnosis: &DiagnosisScores) -> Vec<(String, &Score)> {
    let mut scores = vec![
        ("Accuracy".to_owned(), &diagnosis.accuracy),
        ("Balanced accuracy".to_owned(), &diagnosis.balanced_accuracy),
        ("Macro F1".to_owned(), &diagnosis.macro_f1),
    ];
    let ranking = diagnosis.ranking.iter().flat_map(RankingScores::each);
    let names = RANKING.map(|name| format!("{name}, mean of the classes"));
    scores.extend(names.into_iter().zip(ranking));
    scores.extend(diagnosis.ece.iter().map(|ece| ("Calibration error (ECE)".to_owned(), ece)));
    scores.extend(diagnosis.certainty.iter().flat_map(certainty_scores));
    scores
}

fn certainty_scores(certainty: &Certainty) -> Vec<(String, &Score)> {
    let Certainty { micro, brier, nll, calibrated } = certainty;
    let mut scores = vec![
        ("AUROC, all pairs of image and class in one order (micro)", &micro.auroc),
        ("AUPRC, all pairs of image and class in one order (micro)", &micro.auprc),
        ("Brier score", brier),
        ("Negative log-likelihood, nats", nll),
    ];
    if let Some(Calibrated { temperature, nll, brier, ece }) = calibrated {
        scores.extend([
            ("Temperature of the validation photos", temperature),
            ("Calibration error with that temperature", ece),
            ("Brier score with that temperature", brier),
            ("Negative log-likelihood with that temperature, nats", nll),
        ]);
    }
    scores.into_iter().map(|(name, score)| (name.to_owned(), score)).collect()
}

/// The scores over all classes; `None` without predictions.
fn main_table(record: &EvalRecord) -> Option<Table> {
    let diagnosis = record.diagnosis.as_ref()?;
    let title = format!(
        "Diagnosis over all classes. {} In brackets: the 95 % interval over images. Of calibration \
         errors, Brier scores and log-likelihoods lower is better, of a temperature neither, of all else higher.",
        spread_meaning(record)
    );
    let columns = [Column::text("score").label("Score"), Column::score("value").label("Value")];
    let mut table = Table::new("diagnosis_main", title, columns);
    for (name, score) in main_scores(diagnosis) {
        table.push([name.into(), shown_cell(Some(score))]);
    }
    Some(table)
}

/// How well the probability of each class puts its images first; `None` without probabilities.
fn ranking_table(record: &EvalRecord) -> Option<Table> {
    let diagnosis = record.diagnosis.as_ref()?;
    let macro_means = diagnosis.ranking.as_ref()?;
    let title = format!(
        "What the probabilities say of each class against all others. {} In brackets: the bootstrap's 95 % \
         interval over images.",
        spread_meaning(record)
    );
    let scores = RankingScores::<Score>::NAMES.iter().zip(RANKING);
    let scores = scores.map(|(name, label)| Column::score(name).label(label));
    let delong = Column::mean_and_interval("auroc_delong").label("AUROC with DeLong's interval");
    let columns = once(Column::text("class").label("Class")).chain(scores).chain([delong]);
    let mut table = Table::new("diagnosis_probabilities", title, columns);
    for class in &record.classes {
        let Some(scores) = diagnosis.classes.get(class) else { continue };
        if let Some(ranking) = &scores.ranking {
            let cells = ranking.each().map(|score| shown_cell(Some(score)));
            let delong = delong_cell(ranking.auroc.mean, scores.auroc_delong);
            table.push(once(Cell::from(readable(class))).chain(cells).chain([delong]));
        }
    }
    table.push_summary(
        once("Mean of the classes".into())
            .chain(macro_means.each().map(|score| shown_cell(Some(score))))
            .chain([absent()]),
    );
    Some(table)
}

/// An interval of no width, as of a perfect order, says nothing.
fn delong_cell(auroc: Option<f64>, interval: Option<[f64; 2]>) -> Cell {
    let shown = auroc.zip(told_interval(interval));
    shown.map_or_else(absent, |(mean, interval)| {
        Cell::Score(dermx_table::Score {
            interval: Some(interval),
            ..dermx_table::Score::new(mean)
        })
    })
}

/// The bins of the calibration error, in full precision; no rows without probabilities.
pub fn reliability_table(record: &EvalRecord) -> Table {
    let columns = [
        Column::number("low"),
        Column::number("high"),
        Column::count("n"),
        Column::number("probability"),
        Column::mean_and_interval("accuracy"),
    ];
    let mut table = Table::new("reliability", "", columns);
    for bin in record.diagnosis.iter().flat_map(|one| &one.reliability) {
        let &ReliabilityBin { low, high, n, probability, accuracy, interval } = bin;
        let accuracy = match accuracy {
            Some(mean) => {
                Cell::Score(dermx_table::Score { interval, ..dermx_table::Score::new(mean) })
            }
            None => Cell::Undefined(String::new()),
        };
        table.push([low.into(), high.into(), n.into(), probability.into(), accuracy]);
    }
    table
}
