//! The tables of the page: diagnosis, explanation, seeds.

use crate::comparison::RATERS;
use crate::input::ReportInput;
use crate::score_cell::{absent, seeds_cell, seeds_cell_or_absent};
use crate::score_text::{ABSENT, count_range, defined, readable, spread_meaning};
use dermx_eval::{EvalRecord, MapScores, MapTable, Score, UNION};
use dermx_table::{Cell, Column, Table};
use std::iter::once;

/// Diagnosis by class; `None` without predictions.
pub fn diagnosis(record: &EvalRecord) -> Option<Table> {
    let diagnosis = record.diagnosis.as_ref().filter(|one| !one.classes.is_empty())?;
    let title = format!(
        "Diagnosis by class. {} In brackets: the 95 % interval over images, Wilson's of shares \
         of images, the bootstrap's of F1.",
        spread_meaning(record)
    );
    let columns = [
        Column::text("class").label("Class"),
        Column::count("images").label("Images"),
        Column::score("f1").label("F1"),
        Column::score("sensitivity").label("Sensitivity"),
        Column::score("specificity").label("Specificity"),
    ];
    let mut table = Table::new("diagnosis", title, columns);
    let listed = record.classes.iter().filter(|class| diagnosis.classes.contains_key(*class));
    let others = diagnosis.classes.keys().filter(|class| !record.classes.contains(class));
    for class in listed.chain(others) {
        let Some(scores) = diagnosis.classes.get(class) else { continue };
        let images = count_range(&class_images(record, class));
        let scores = [&scores.f1, &scores.sensitivity, &scores.specificity].map(seeds_cell);
        table.push([readable(class).into(), images.into()].into_iter().chain(scores));
    }
    let macro_f1 = seeds_cell(&diagnosis.macro_f1);
    table.push_summary([
        "Macro (mean of the classes)".into(),
        absent(),
        macro_f1,
        absent(),
        absent(),
    ]);
    Some(table)
}

/// Number of gold images of the class in each confusion matrix.
fn class_images(record: &EvalRecord, class: &String) -> Vec<u64> {
    let rows = record.confusion_matrices().iter().filter_map(|matrix| {
        let class_idx = matrix.classes.iter().position(|name| name == class)?;
        matrix.counts.get(class_idx)
    });
    rows.map(|row| row.iter().sum()).collect()
}

/// Explanations by characteristic, the network beside each baseline; `None` without maps.
pub fn explanation(input: &ReportInput) -> Option<Table> {
    let record = &input.evaluation;
    if record.explanation.is_empty() {
        return None;
    }
    let title = format!(
        "Heat maps against experts' masks by characteristic. {} A row counts one mask \
         of one rater in one image. Bold: the highest mean of network and baselines.",
        spread_meaning(record)
    );
    let score = |map: &str, group: &str, name: &str, label: &str| {
        Column::mean_and_std(&format!("{map}_{name}")).label(label).group(group)
    };
    let of_network = [
        ("f1", "F1"),
        ("sensitivity", "Sensitivity"),
        ("specificity", "Specificity"),
        ("mass", "Mass"),
    ];
    let of_others = [("f1", "F1"), ("mass", "Mass")];
    let mut columns = vec![
        Column::text("characteristic").label("Characteristic"),
        Column::count("rows").label("Rows"),
        Column::text("undefined").label("Undefined"),
    ];
    columns.extend(of_network.map(|(name, label)| score("network", "Network", name, label)));
    for map in record.baselines.keys() {
        columns.extend(of_others.map(|(name, label)| score(map, &readable(map), name, label)));
    }
    if !record.ceiling.is_empty() {
        columns.extend(of_others.map(|(name, label)| score("raters", RATERS, name, label)));
        columns.push(Column::score("skill").label("Skill"));
    }
    let mut table = Table::new("explanation", title, columns);
    for name in record.explanation.keys().filter(|name| *name != UNION) {
        table.push(once(readable(name).into()).chain(map_cells(input, name)));
    }
    if record.explanation.contains_key(UNION) {
        table.push_summary(once(UNION.into()).chain(map_cells(input, UNION)));
    }
    Some(table)
}

fn map_cells(input: &ReportInput, name: &str) -> Vec<Cell> {
    let record = &input.evaluation;
    let network = record.explanation.get(name);
    let rivals: Vec<Option<&MapScores>> =
        record.baselines.values().map(|table| table.get(name)).collect();
    let best = |pick: fn(&MapScores) -> &Score| best_mean(network, &rivals, pick);
    let (best_f1, best_mass) = (best(|s| &s.f1), best(|s| &s.mass));
    let cell = |scores: Option<&MapScores>, pick: fn(&MapScores) -> &Score, best: Option<f64>| {
        match seeds_cell_or_absent(scores.map(pick)) {
            Cell::Score(score) => {
                let is_best = best == Some(score.mean);
                Cell::Score(dermx_table::Score { is_best, ..score })
            }
            cell => cell,
        }
    };
    let (rows, undefined) = row_counts(input, name);
    let mut cells = vec![
        rows.into(),
        undefined.into(),
        cell(network, |s| &s.f1, best_f1),
        cell(network, |s| &s.sensitivity, None),
        cell(network, |s| &s.specificity, None),
        cell(network, |s| &s.mass, best_mass),
    ];
    for rival in &rivals {
        cells.extend([cell(*rival, |s| &s.f1, best_f1), cell(*rival, |s| &s.mass, best_mass)]);
    }
    if !record.ceiling.is_empty() {
        let raters = record.ceiling.get(name);
        cells.extend([cell(raters, |s| &s.f1, None), cell(raters, |s| &s.mass, None)]);
        let relative = record.skill.get(name);
        cells.push(seeds_cell_or_absent(relative.map(|relative| &relative.skill)));
    }
    cells
}

/// The largest mean, if there are two to choose from.
fn best_mean(
    network: Option<&MapScores>,
    rivals: &[Option<&MapScores>],
    pick: fn(&MapScores) -> &Score,
) -> Option<f64> {
    let all = std::iter::once(&network).chain(rivals).flatten();
    let means: Vec<f64> = all.filter_map(|scores| defined(pick(scores))).collect();
    let best = means.iter().copied().max_by(f64::total_cmp);
    best.filter(|_| means.len() > 1)
}

/// Number of rows of one network, and which of its scores were undefined how often.
fn row_counts(input: &ReportInput, name: &str) -> (String, String) {
    let tables: Vec<&MapTable> = match (input.per_seed.is_empty(), input.evaluation.seeds.len()) {
        (false, _) => input.per_seed.iter().map(|seed| &seed.record.explanation).collect(),
        (true, 0 | 1) => vec![&input.evaluation.explanation],
        _ => Vec::new(),
    };
    let scores: Vec<&MapScores> = tables.into_iter().filter_map(|table| table.get(name)).collect();
    let count = |pick: fn(&MapScores) -> usize| -> Vec<u64> {
        scores.iter().map(|scores| pick(scores) as u64).collect()
    };
    let rows = count_range(&count(|s| s.f1.n + s.f1.undefined));
    let undefined = [
        ("F1", count(|s| s.f1.undefined)),
        ("sensitivity", count(|s| s.sensitivity.undefined)),
        ("specificity", count(|s| s.specificity.undefined)),
        ("mass", count(|s| s.mass.undefined)),
    ];
    let some = undefined.iter().filter(|(_, counts)| counts.iter().any(|count| *count > 0));
    let some: Vec<String> =
        some.map(|(score, counts)| format!("{score} {}", count_range(counts))).collect();
    match (scores.is_empty(), some.is_empty()) {
        (true, _) => (rows, ABSENT.to_owned()),
        (false, true) => (rows, "0".to_owned()),
        (false, false) => (rows, some.join(", ")),
    }
}

/// Diagnosis over the seeds, with each measure of its spread; `None` below two seeds.
pub fn over_seeds(record: &EvalRecord) -> Option<Table> {
    let diagnosis = record.diagnosis.as_ref().filter(|_| record.seeds.len() > 1)?;
    let main = [
        ("Accuracy", &diagnosis.accuracy),
        ("Balanced accuracy", &diagnosis.balanced_accuracy),
        ("Macro F1", &diagnosis.macro_f1),
    ];
    let main = main.into_iter().map(|(name, score)| (name.to_owned(), score));
    let classes = record.classes.iter().filter_map(|class| {
        Some((format!("F1 of {}", readable(class)), &diagnosis.classes.get(class)?.f1))
    });
    let rows: Vec<(String, &Score)> = main.chain(classes).collect();
    let title = "Spread over seeds, by n − 1 and by n, and the interval of the mean over other test \
                 images: Wilson's of the accuracy, the bootstrap's of the others.";
    let number = |name, label| Column::number(name).label(label).decimals(3);
    let columns = [
        Column::text("score").label("Score"),
        number("mean", "Mean"),
        number("std", "Sample std"),
        number("population_std", "Population std"),
        number("low", "95 % low"),
        number("high", "95 % high"),
    ];
    let mut table = Table::new("over_seeds", title, columns);
    for (name, score) in rows {
        let [low, high] = score.interval.map_or([None; 2], |bounds| bounds.map(Some));
        let numbers = [score.mean, score.std, score.population_std, low, high];
        let numbers = numbers.map(|number| Cell::number_or(number, ABSENT));
        table.push(once(name.into()).chain(numbers));
    }
    Some(table)
}

/// The main scores of each seed; `None` below two seeds.
pub fn by_seed(input: &ReportInput) -> Option<Table> {
    if input.per_seed.len() < 2 {
        return None;
    }
    let columns = [
        Column::text("seed").label("Seed"),
        Column::score("accuracy").label("Accuracy"),
        Column::score("macro_f1").label("Macro F1"),
        Column::score("union_f1").label("Union F1"),
        Column::score("union_mass").label("Union mass"),
    ];
    let mut table = Table::new("by_seed", "The main scores of each seed.", columns);
    for seed in &input.per_seed {
        let union = seed.record.explanation.get(UNION);
        let diagnosis = seed.record.diagnosis.as_ref();
        let scores = [
            diagnosis.map(|one| &one.accuracy),
            diagnosis.map(|one| &one.macro_f1),
            union.map(|scores| &scores.f1),
            union.map(|scores| &scores.mass),
        ];
        table.push(once(seed.seed.to_string().into()).chain(scores.map(seeds_cell_or_absent)));
    }
    Some(table)
}
