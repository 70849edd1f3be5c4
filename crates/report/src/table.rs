//! The tables of the page: diagnosis, explanation, seeds.

use crate::input::ReportInput;
use crate::score_cell::{absent, shown_cell, told_interval};
use crate::score_text::{ABSENT, count_range, counted, readable, spread_meaning};
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
        let scores = [&scores.f1, &scores.sensitivity, &scores.specificity]
            .map(|score| shown_cell(Some(score)));
        table.push([readable(class).into(), images.into()].into_iter().chain(scores));
    }
    let macro_f1 = shown_cell(Some(&diagnosis.macro_f1));
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

/// Explanations by characteristic: skill first, then the network's scores, then what they are compared
/// with; `None` without maps.
pub fn explanation(input: &ReportInput) -> Option<Table> {
    let record = &input.evaluation;
    if record.explanation.is_empty() {
        return None;
    }
    let skill_meaning = match record.skill.is_empty() {
        true => "",
        false => {
            "Skill: 0 is the best map without a network, 1 the raters, all on the images that two raters or more \
             outlined; in brackets its 95 % interval over images, in bold where all of it is above 0. "
        }
    };
    let title = format!(
        "Heat maps against experts' masks by characteristic. {skill_meaning}{} A row counts one mask \
         of one rater in one image.",
        spread_meaning(record)
    );
    let of_network = [
        ("f1", "F1"),
        ("sensitivity", "Sensitivity"),
        ("specificity", "Specificity"),
        ("mass", "Mass in mask"),
    ];
    let of_network = of_network.map(|(name, label)| {
        Column::mean_and_std(&format!("network_{name}")).label(label).group("Network")
    });
    let mut columns = vec![Column::text("characteristic").label("Characteristic")];
    if has_skill(record) {
        columns.push(Column::score("skill").label("Skill"));
    }
    columns.extend(of_network);
    for (name, group) in COMPARED {
        let label = |key: &str, label: String| {
            Column::number(&format!("{key}_{name}")).label(label).group(group).decimals(3)
        };
        columns.extend(record.baselines.keys().map(|key| label(key, readable(key))));
        if !record.ceiling.is_empty() {
            columns.push(label("raters", "Raters".to_owned()));
        }
    }
    columns.extend([
        Column::count("rows").label("Rows"),
        Column::text("undefined").label("Undefined"),
    ]);
    let mut table = Table::new("explanation", title, columns);
    for name in record.explanation.keys().filter(|name| *name != UNION) {
        table.push(once(readable(name).into()).chain(map_cells(input, name)));
    }
    if record.explanation.contains_key(UNION) {
        table.push_summary(once(UNION.into()).chain(map_cells(input, UNION)));
    }
    Some(table)
}

/// The scores that baselines and raters are shown with beside the network, and the heading over them.
const COMPARED: [(&str, &str); 2] =
    [("f1", "F1, for comparison"), ("mass", "Mass in mask, for comparison")];

/// Raters without a skill are raters below every baseline; without raters there is no skill.
fn has_skill(record: &EvalRecord) -> bool {
    !record.ceiling.is_empty()
}

fn map_cells(input: &ReportInput, name: &str) -> Vec<Cell> {
    let record = &input.evaluation;
    let network = record.explanation.get(name);
    let mut cells = Vec::new();
    if has_skill(record) {
        cells.push(skill_cell(record.skill.get(name).map(|relative| &relative.skill)));
    }
    let of_network = |pick: fn(&MapScores) -> &Score| shown_cell(network.map(pick));
    cells.extend([
        of_network(|s| &s.f1),
        of_network(|s| &s.sensitivity),
        of_network(|s| &s.specificity),
        of_network(|s| &s.mass),
    ]);
    let compared: [fn(&MapScores) -> &Score; 2] = [|s| &s.f1, |s| &s.mass];
    for pick in compared {
        let raters = Some(&record.ceiling).filter(|ceiling| !ceiling.is_empty());
        let tables = record.baselines.values().chain(raters);
        cells.extend(tables.map(|table| mean_cell(table.get(name).map(pick))));
    }
    let (rows, undefined) = row_counts(input, name);
    cells.extend([rows.into(), undefined.into()]);
    cells
}

/// The skill, in bold where its whole interval is above the best baseline.
fn skill_cell(skill: Option<&Score>) -> Cell {
    match shown_cell(skill) {
        Cell::Score(score) => {
            let is_best = score.interval.is_some_and(|[low, _]| low > 0.0);
            Cell::Score(dermx_table::Score { is_best, ..score })
        }
        cell => cell,
    }
}

/// The mean alone.
fn mean_cell(score: Option<&Score>) -> Cell {
    match shown_cell(score) {
        Cell::Score(score) => {
            Cell::Score(dermx_table::Score { std: None, interval: None, ..score })
        }
        cell => cell,
    }
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
    let title = format!(
        "Spread over {}, by n − 1 and by n, and the interval of the mean over other test images: \
         Wilson's of the accuracy, the bootstrap's of the others.",
        counted(record.seeds.len(), "seed")
    );
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
        let [low, high] =
            told_interval(score.interval).map_or([None; 2], |bounds| bounds.map(Some));
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
        table.push(once(seed.seed.to_string().into()).chain(scores.map(shown_cell)));
    }
    Some(table)
}
