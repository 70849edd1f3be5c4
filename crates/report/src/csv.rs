//! Every table for programs, as CSV: a row for each score, in full precision.

use crate::input::ReportInput;
use dermx_eval::{Comparison, EvalRecord, MapScores, MapTable, PairedTest, Score, UNION};
use dermx_table::{Cell, Column, Table};

/// What the network's own maps are called beside the baselines.
const NETWORK: &str = "network";

/// A table with a row for each score, named by `keys` and its own name.
fn of_scores(name: &str, keys: &[&str]) -> Table {
    let keys = keys.iter().map(|key| Column::text(key));
    Table::new(name, "", keys.chain([Column::text("score")]).chain(score_columns()))
}

fn score_columns() -> [Column; 6] {
    [
        Column::number("mean"),
        Column::number("std"),
        Column::count("n"),
        Column::count("undefined"),
        Column::number("low"),
        Column::number("high"),
    ]
}

fn push_score(table: &mut Table, keys: &[&str], score: &Score) {
    let [low, high] = score.interval.map_or([None; 2], |bounds| bounds.map(Some));
    let counts = [score.n, score.undefined].map(Cell::from);
    let numbers = [score.mean, score.std].into_iter().map(Cell::from).chain(counts);
    let numbers = numbers.chain([low, high].map(Cell::from));
    table.push(keys.iter().copied().map(Cell::from).chain(numbers));
}

/// Every table as (path, bytes); tables without rows are left out.
pub fn files(input: &ReportInput) -> Vec<(String, Vec<u8>)> {
    let tables = [
        run(input),
        summary(input),
        curves(input),
        table_5(input),
        confusion(input),
        table_6(input),
        randomization(input),
        faithfulness(input),
        localization(input),
        by(input),
        comparisons(input),
        gallery(input),
    ];
    let with_rows = tables.into_iter().filter(|table| !table.rows.is_empty());
    with_rows.map(|table| (format!("tables/{}.csv", table.name), table.csv())).collect()
}

/// Each record with the seed that it is of; `all` over several.
fn records(input: &ReportInput) -> Vec<(String, &EvalRecord)> {
    let label = match input.evaluation.seeds.as_slice() {
        [seed] => seed.to_string(),
        _ => "all".to_owned(),
    };
    let mut records = vec![(label, &input.evaluation)];
    if input.per_seed.len() > 1 {
        let seeds = input.per_seed.iter();
        records.extend(seeds.map(|seed| (seed.seed.to_string(), &seed.record)));
    }
    records
}

fn run(input: &ReportInput) -> Table {
    let mut table = Table::new("run", "", ["key", "value"].map(Column::text));
    for (key, value) in &input.run_facts {
        table.push([key, value].map(Cell::from));
    }
    for (key, value) in &input.evaluation.scoring {
        table.push([format!("scoring.{key}"), value.to_string()].map(Cell::from));
    }
    table
}

fn summary(input: &ReportInput) -> Table {
    let mut table = of_scores("summary", &["seed", "map"]);
    for (seed, record) in records(input) {
        for (name, score) in [("accuracy", &record.accuracy), ("macro_f1", &record.macro_f1)] {
            if let Some(score) = score {
                push_score(&mut table, &[&seed, NETWORK, name], score);
            }
        }
        for (map, scores) in map_tables(record) {
            if let Some(union) = scores.get(UNION) {
                push_score(&mut table, &[&seed, map, "union_f1"], &union.f1);
                push_score(&mut table, &[&seed, map, "union_mass"], &union.mass);
            }
        }
    }
    table
}

/// The network's table, each baseline's, and that of the raters among themselves.
fn map_tables(record: &EvalRecord) -> impl Iterator<Item = (&str, &MapTable)> {
    let baselines = record.baselines.iter().map(|(name, table)| (name.as_str(), table));
    std::iter::once((NETWORK, &record.table_6))
        .chain(baselines)
        .chain([("raters", &record.ceiling)])
}

fn curves(input: &ReportInput) -> Table {
    let numbers =
        ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate"];
    let columns =
        ["seed", "epoch"].map(Column::text).into_iter().chain(numbers.map(Column::number));
    let mut table = Table::new("curves", "", columns);
    for seed in &input.per_seed {
        for point in &seed.curves {
            let keys = [seed.seed.to_string(), point.epoch.to_string()].map(Cell::from);
            let numbers = [
                Some(point.train_loss),
                Some(point.train_accuracy),
                point.validation_loss,
                point.validation_accuracy,
                Some(point.learning_rate),
            ];
            table.push(keys.into_iter().chain(numbers.map(Cell::from)));
        }
    }
    table
}

fn table_5(input: &ReportInput) -> Table {
    let mut table = of_scores("table_5", &["seed", "class"]);
    for (seed, record) in records(input) {
        for (class, scores) in &record.table_5 {
            push_score(&mut table, &[&seed, class, "f1"], &scores.f1);
            push_score(&mut table, &[&seed, class, "sensitivity"], &scores.sensitivity);
            push_score(&mut table, &[&seed, class, "specificity"], &scores.specificity);
        }
    }
    table
}

fn confusion(input: &ReportInput) -> Table {
    let record = &input.evaluation;
    let columns = ["seed", "gold", "predicted"].map(Column::text);
    let mut table =
        Table::new("confusion", "", columns.into_iter().chain([Column::count("images")]));
    for (network_idx, matrix) in record.confusion_matrices.iter().enumerate() {
        let seed = record.seeds.get(network_idx).map_or(String::new(), u64::to_string);
        for (gold, row) in record.classes.iter().zip(matrix) {
            for (predicted, count) in record.classes.iter().zip(row) {
                table.push([(&seed).into(), gold.into(), predicted.into(), (*count).into()]);
            }
        }
    }
    table
}

fn table_6(input: &ReportInput) -> Table {
    let mut table = of_scores("table_6", &["seed", "map", "characteristic"]);
    for (seed, record) in records(input) {
        for (map, rows) in map_tables(record) {
            for (name, scores) in rows {
                map_scores(&mut table, &[&seed, map, name], scores);
            }
        }
    }
    table
}

fn map_scores(table: &mut Table, keys: &[&str], scores: &MapScores) {
    let MapScores { f1, sensitivity, specificity, mass } = scores;
    for (name, score) in
        [("f1", f1), ("sensitivity", sensitivity), ("specificity", specificity), ("mass", mass)]
    {
        push_score(table, &[keys, &[name]].concat(), score);
    }
}

fn randomization(input: &ReportInput) -> Table {
    let mut table = of_scores("randomization", &["seed", "random"]);
    for (seed, record) in records(input) {
        for (name, scores) in &record.randomization {
            map_scores(&mut table, &[&seed, name], &scores.union);
            push_score(&mut table, &[&seed, name, "rank_correlation"], &scores.rank_correlation);
        }
    }
    table
}

fn faithfulness(input: &ReportInput) -> Table {
    let mut table = of_scores("faithfulness", &["seed", "map"]);
    for (seed, record) in records(input) {
        for (map, scores) in &record.faithfulness {
            push_score(&mut table, &[&seed, map, "deletion"], &scores.deletion);
            push_score(&mut table, &[&seed, map, "insertion"], &scores.insertion);
            push_score(&mut table, &[&seed, map, "road"], &scores.road);
        }
    }
    table
}

fn localization(input: &ReportInput) -> Table {
    let mut table = of_scores("localization", &["seed", "map", "characteristic"]);
    for (seed, record) in records(input) {
        let baselines = record.localization_baselines.iter();
        let tables = std::iter::once((NETWORK, &record.localization))
            .chain(baselines.map(|(name, table)| (name.as_str(), table)))
            .chain([("raters", &record.localization_ceiling)]);
        for (map, rows) in tables {
            for (name, scores) in rows {
                for (score_name, score) in scores {
                    push_score(&mut table, &[&seed, map, name, score_name], score);
                }
            }
        }
    }
    table
}

/// Rows with too few images have their number of images and no score.
fn by(input: &ReportInput) -> Table {
    let mut table = of_scores("by", &["seed", "variable", "value", "characteristic", "images"]);
    for (seed, record) in records(input) {
        for (variable, parts) in &record.by {
            for (value, part) in parts {
                if let Some(accuracy) = &part.accuracy {
                    let images = part.images.to_string();
                    push_score(
                        &mut table,
                        &[&seed, variable, value, "", &images, "accuracy"],
                        accuracy,
                    );
                }
                for (name, row) in &part.table_6 {
                    let images = row.images.to_string();
                    let keys: [&str; 5] = [&seed, variable, value, name, &images];
                    let Some(scores) = &row.scores else {
                        table.push(keys.into_iter().chain(["too few"]).map(Cell::from));
                        continue;
                    };
                    for (score_name, score) in [
                        ("f1", &scores.f1),
                        ("sensitivity", &scores.sensitivity),
                        ("specificity", &scores.specificity),
                        ("mass", &scores.mass),
                    ] {
                        push_score(&mut table, &[&keys[..], &[score_name]].concat(), score);
                    }
                }
            }
        }
    }
    table
}

fn comparisons(input: &ReportInput) -> Table {
    let names = ["first", "second", "score", "characteristic", "unit"].map(Column::text);
    let counts = ["seeds_first", "seeds_second", "images", "unpaired"].map(Column::count);
    let means = ["mean_first", "mean_second", "difference", "low", "high"].map(Column::number);
    let tested = [Column::number("effect"), Column::p("p"), Column::p("p_holm")];
    let columns = names.into_iter().chain(counts).chain(means);
    let columns = columns.chain([Column::text("test")]).chain(tested);
    let mut table = Table::new("comparisons", "", columns);
    for Comparison { sides: [first, second], seeds, unit, f1, accuracy } in
        &input.evaluation.comparisons
    {
        let rows = f1.iter().map(|(name, paired)| ("f1", name.as_str(), paired));
        for (score, name, of) in rows.chain(accuracy.iter().map(|of| ("accuracy", "", of))) {
            let names = [first, second, score, name, unit].map(Cell::from);
            let counts = [seeds[0], seeds[1], of.images, of.unpaired].map(Cell::from);
            let [low, high] = of.interval.map_or([None; 2], |bounds| bounds.map(Some));
            let means = [of.first, of.second, of.difference, low, high].map(Cell::from);
            let test = match of.test {
                None => "",
                Some(PairedTest::Mcnemar) => "mcnemar",
                Some(PairedTest::SignedRank) => "signed_rank",
                Some(PairedTest::Permutation) => "permutation",
            };
            let tested = [of.effect, of.p, of.p_holm].map(Cell::from);
            let cells = names.into_iter().chain(counts).chain(means);
            table.push(cells.chain([test.into()]).chain(tested));
        }
    }
    table
}

fn gallery(input: &ReportInput) -> Table {
    let columns = [
        Column::text("image_id"),
        Column::text("seed"),
        Column::text("gold"),
        Column::text("predicted"),
        Column::number("probability"),
        Column::count("num_raters"),
        Column::number("union_f1"),
        Column::number("union_mass"),
        Column::number("agreement"),
    ];
    let mut table = Table::new("gallery", "", columns);
    for item in &input.gallery {
        table.push([
            (&item.image_id).into(),
            item.seed.to_string().into(),
            (&item.gold).into(),
            item.predicted.as_deref().unwrap_or_default().into(),
            item.probability.into(),
            item.num_raters.into(),
            item.union_f1.into(),
            item.union_mass.into(),
            item.agreement.into(),
        ]);
    }
    table
}
