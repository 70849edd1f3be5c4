//! Every table for programs, as CSV: a row for each score, in full precision.

use crate::diagnosis::reliability_table;
use crate::gallery::{joined, key_of};
use crate::input::ReportInput;
use dermx_eval::{
    Calibrated, Certainty, ClassScores, Comparison, CountedConfusions, EvalRecord, MapScores,
    MapTable, PairedTest, RankingScores, Score, UNION,
};
use dermx_table::{Cell, Column, Table, by_name};
use std::iter::once;

/// What the network's own maps are called beside the baselines.
const NETWORK: &str = "network";

/// Takes the keys of a score, its name the last of them, and the score.
type Push<'a> = &'a mut dyn FnMut(&[&str], &Score);

/// A table with a row for each score that `scores` finds in a record, of each seed and over all.
fn of_scores(
    name: &str,
    keys: &[&str],
    input: &ReportInput,
    scores: impl Fn(&EvalRecord, Push<'_>),
) -> Table {
    let names = ["seed"].iter().chain(keys).chain(&["score"]).map(|key| Column::text(key));
    let numbers = [
        Column::number("mean"),
        Column::number("std"),
        Column::count("n"),
        Column::count("undefined"),
        Column::number("low"),
        Column::number("high"),
    ];
    let mut table = Table::new(name, "", names.chain(numbers));
    for (seed, record) in records(input) {
        scores(record, &mut |keys, score| {
            let keys = once(seed.as_str()).chain(keys.iter().copied()).map(Cell::from);
            let Score { mean, std, n, undefined, interval, .. } = *score;
            let [low, high] = interval.map_or([None; 2], |bounds| bounds.map(Some));
            let numbers: [Cell; 6] =
                [mean.into(), std.into(), n.into(), undefined.into(), low.into(), high.into()];
            table.push(keys.chain(numbers));
        });
    }
    table
}

/// Every table as (path, bytes); tables without rows are left out.
pub fn files(input: &ReportInput) -> Vec<(String, Vec<u8>)> {
    let tables = [
        run(input),
        summary(input),
        curves(input),
        diagnosis(input),
        reliability_table(&input.evaluation),
        confusion(input),
        explanation(input),
        randomization(input),
        faithfulness(input),
        robustness(input),
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
    of_scores("summary", &["map"], input, |record, push| {
        if let Some(diagnosis) = &record.diagnosis {
            push(&[NETWORK, "accuracy"], &diagnosis.accuracy);
            push(&[NETWORK, "balanced_accuracy"], &diagnosis.balanced_accuracy);
            push(&[NETWORK, "macro_f1"], &diagnosis.macro_f1);
            push_ranking(push, &[NETWORK], diagnosis.ranking.as_ref());
            diagnosis.ece.iter().for_each(|ece| push(&[NETWORK, "ece"], ece));
            diagnosis.certainty.iter().for_each(|of| push_certainty(push, of));
        }
        for (map, scores) in map_tables(record) {
            if let Some(union) = scores.get(UNION) {
                push(&[map, "union_f1"], &union.f1);
                push(&[map, "union_mass"], &union.mass);
            }
        }
    })
}

/// The network's table, each baseline's, and that of the raters among themselves.
fn map_tables(record: &EvalRecord) -> impl Iterator<Item = (&str, &MapTable)> {
    let baselines = record.baselines.iter().map(|(name, table)| (name.as_str(), table));
    once((NETWORK, &record.explanation)).chain(baselines).chain([("raters", &record.ceiling)])
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

fn diagnosis(input: &ReportInput) -> Table {
    of_scores("diagnosis", &["class"], input, |record, push| {
        let classes = record.diagnosis.iter().flat_map(|one| &one.classes);
        for (class, ClassScores { f1, sensitivity, specificity, ranking, .. }) in classes {
            push(&[class, "f1"], f1);
            push(&[class, "sensitivity"], sensitivity);
            push(&[class, "specificity"], specificity);
            push_ranking(push, &[class], ranking.as_ref());
        }
    })
}

fn push_certainty(push: Push<'_>, certainty: &Certainty) {
    let Certainty { micro, brier, nll, calibrated } = certainty;
    for (name, score) in RankingScores::<Score>::NAMES.into_iter().zip(micro.each()) {
        push(&[NETWORK, &format!("micro_{name}")], score);
    }
    push(&[NETWORK, "brier"], brier);
    push(&[NETWORK, "nll"], nll);
    if let Some(Calibrated { temperature, nll, brier, ece }) = calibrated {
        push(&[NETWORK, "temperature"], temperature);
        push(&[NETWORK, "calibrated_ece"], ece);
        push(&[NETWORK, "calibrated_brier"], brier);
        push(&[NETWORK, "calibrated_nll"], nll);
    }
}

fn push_ranking(push: Push<'_>, keys: &[&str], ranking: Option<&RankingScores<Score>>) {
    let scores = ranking.into_iter().flat_map(RankingScores::each);
    for (name, score) in RankingScores::<Score>::NAMES.into_iter().zip(scores) {
        push(&[keys, &[name]].concat(), score);
    }
}

fn confusion(input: &ReportInput) -> Table {
    let columns = ["seed", "gold", "predicted"].map(Column::text);
    let mut table =
        Table::new("confusion", "", columns.into_iter().chain([Column::count("images")]));
    for CountedConfusions { seed, classes, counts } in input.evaluation.confusion_matrices() {
        let seed = seed.map_or(String::new(), |seed| seed.to_string());
        for (gold, row) in classes.iter().zip(counts) {
            for (predicted, count) in classes.iter().zip(row) {
                table.push([(&seed).into(), gold.into(), predicted.into(), (*count).into()]);
            }
        }
    }
    table
}

fn explanation(input: &ReportInput) -> Table {
    of_scores("explanation", &["map", "characteristic"], input, |record, push| {
        for (map, rows) in map_tables(record) {
            rows.iter().for_each(|(name, scores)| push_map(push, &[map, name], scores));
        }
    })
}

fn push_map(push: Push<'_>, keys: &[&str], scores: &MapScores) {
    let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
    for (name, score) in
        [("f1", f1), ("sensitivity", sensitivity), ("specificity", specificity), ("mass", mass)]
    {
        push(&[keys, &[name]].concat(), score);
    }
}

fn randomization(input: &ReportInput) -> Table {
    of_scores("randomization", &["random"], input, |record, push| {
        for (name, scores) in &record.randomization {
            push_map(push, &[name], &scores.union);
            push(&[name, "rank_correlation"], &scores.rank_correlation);
        }
    })
}

fn faithfulness(input: &ReportInput) -> Table {
    of_scores("faithfulness", &["map"], input, |record, push| {
        for (map, scores) in &record.faithfulness {
            push(&[map, "deletion"], &scores.deletion);
            push(&[map, "insertion"], &scores.insertion);
            push(&[map, "road"], &scores.road);
        }
    })
}

fn robustness(input: &ReportInput) -> Table {
    of_scores("robustness", &["map"], input, |record, push| {
        for (map, scores) in &record.robustness {
            push(&[map, "max_sensitivity"], &scores.max_sensitivity);
            push(&[map, "avg_sensitivity"], &scores.avg_sensitivity);
            push(&[map, "local_lipschitz"], &scores.local_lipschitz);
            push(&[map, "infidelity"], &scores.infidelity);
        }
    })
}

fn localization(input: &ReportInput) -> Table {
    of_scores("localization", &["map", "characteristic"], input, |record, push| {
        for (map, rows) in map_tables(record) {
            for (name, scores) in rows {
                let scores = scores.localization.iter();
                scores.for_each(|(score, of)| push(&[map, name, score], of));
            }
        }
    })
}

/// Rows with too few images have their number of images and no score.
fn by(input: &ReportInput) -> Table {
    let keys = ["variable", "value", "characteristic", "images"];
    of_scores("by", &keys, input, |record, push| {
        let parts = record.by.iter().flat_map(|(variable, parts)| {
            by_name(parts).into_iter().map(move |(value, part)| (variable, value, part))
        });
        for (variable, value, part) in parts {
            if let Some(accuracy) = &part.accuracy {
                let images = part.images.to_string();
                push(&[variable, value, "", &images, "accuracy"], accuracy);
            }
            for (name, row) in &part.explanation {
                let images = row.images.to_string();
                let keys = [variable, value, name, &images];
                match &row.scores {
                    Some(scores) => push_map(push, &keys.map(String::as_str), scores),
                    None => push(&[variable, value, name, &images, "too few"], &Score::default()),
                }
            }
        }
    })
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
        Column::text("explained"),
        Column::number("explained_probability"),
        Column::text("chosen"),
        Column::count("num_raters"),
        Column::number("union_f1"),
        Column::number("union_mass"),
        Column::number("agreement"),
    ];
    let mut table = Table::new("gallery", "", columns);
    for item in &input.gallery {
        table.push([
            (&item.image_id).into(),
            item.seed.map(|seed| seed.to_string()).unwrap_or_default().into(),
            (&item.gold).into(),
            item.predicted.as_deref().unwrap_or_default().into(),
            item.probability.into(),
            item.explained.as_deref().unwrap_or_default().into(),
            item.explained_probability.into(),
            joined(item, " ", key_of).into(),
            item.raters.len().into(),
            item.union_f1.into(),
            item.union_mass.into(),
            item.agreement.into(),
        ]);
    }
    table
}
