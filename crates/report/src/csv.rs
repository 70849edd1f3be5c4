//! Every table as CSV: a row for each number, in full precision.

use crate::input::ReportInput;
use dermx_eval::{
    Comparison, CountedConfusions, EvalRecord, MapScores, MapTable, PairedTest, Score, UNION,
};

/// What the network's own maps are called beside the baselines.
const NETWORK: &str = "network";

/// A CSV file in the making.
struct Csv(String);

impl Csv {
    fn new(header: &[&str]) -> Self {
        let mut csv = Self(String::new());
        csv.row(header);
        csv
    }

    /// A table of [scores](Self::score), each named by `keys` and its own name.
    fn of_scores(keys: &[&str]) -> Self {
        const SCORE: [&str; 7] = ["score", "mean", "std", "n", "undefined", "low", "high"];
        Self::new(&[keys, &SCORE].concat())
    }

    fn row(&mut self, fields: &[impl AsRef<str>]) {
        let fields: Vec<String> = fields.iter().map(|field| quote(field.as_ref())).collect();
        self.0 += &fields.join(",");
        self.0.push('\n');
    }

    fn score(&mut self, keys: &[&str], score: &Score) {
        let mut fields: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        fields.extend([number(score.mean), number(score.std)]);
        fields.extend([score.n.to_string(), score.undefined.to_string()]);
        let [low, high] = score.interval.map_or([None; 2], |bounds| bounds.map(Some));
        fields.extend([number(low), number(high)]);
        self.row(&fields);
    }
}

/// RFC 4180: quotes around what holds a separator, and quotes doubled.
fn quote(field: &str) -> String {
    if !field.contains([',', '"', '\n', '\r']) {
        return field.to_owned();
    }
    format!("\"{}\"", field.replace('"', "\"\""))
}

fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or(String::new(), |value| value.to_string())
}

/// Every table as (path, text); tables without rows are left out.
pub fn files(input: &ReportInput) -> Vec<(String, String)> {
    let files = [
        ("run", run(input)),
        ("summary", summary(input)),
        ("curves", curves(input)),
        ("diagnosis", diagnosis(input)),
        ("confusion", confusion(input)),
        ("explanation", explanation(input)),
        ("randomization", randomization(input)),
        ("faithfulness", faithfulness(input)),
        ("localization", localization(input)),
        ("by", by(input)),
        ("comparisons", comparisons(input)),
        ("gallery", gallery(input)),
    ];
    let with_rows = files.into_iter().filter(|(_, csv)| csv.0.lines().count() > 1);
    with_rows.map(|(name, csv)| (format!("tables/{name}.csv"), csv.0)).collect()
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

fn run(input: &ReportInput) -> Csv {
    let mut csv = Csv::new(&["key", "value"]);
    for (key, value) in &input.run_facts {
        csv.row(&[key, value]);
    }
    for (key, value) in &input.evaluation.scoring {
        csv.row(&[&format!("scoring.{key}"), &value.to_string()]);
    }
    csv
}

fn summary(input: &ReportInput) -> Csv {
    let mut csv = Csv::of_scores(&["seed", "map"]);
    for (seed, record) in records(input) {
        if let Some(diagnosis) = &record.diagnosis {
            csv.score(&[&seed, NETWORK, "accuracy"], &diagnosis.accuracy);
            csv.score(&[&seed, NETWORK, "balanced_accuracy"], &diagnosis.balanced_accuracy);
            csv.score(&[&seed, NETWORK, "macro_f1"], &diagnosis.macro_f1);
        }
        for (map, table) in map_tables(record) {
            if let Some(union) = table.get(UNION) {
                csv.score(&[&seed, map, "union_f1"], &union.f1);
                csv.score(&[&seed, map, "union_mass"], &union.mass);
            }
        }
    }
    csv
}

/// The network's table, each baseline's, and that of the raters among themselves.
fn map_tables(record: &EvalRecord) -> impl Iterator<Item = (&str, &MapTable)> {
    let baselines = record.baselines.iter().map(|(name, table)| (name.as_str(), table));
    std::iter::once((NETWORK, &record.explanation))
        .chain(baselines)
        .chain([("raters", &record.ceiling)])
}

fn curves(input: &ReportInput) -> Csv {
    let mut csv = Csv::new(&[
        "seed",
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "learning_rate",
    ]);
    for seed in &input.per_seed {
        for point in &seed.curves {
            csv.row(&[
                seed.seed.to_string(),
                point.epoch.to_string(),
                number(Some(point.train_loss)),
                number(Some(point.train_accuracy)),
                number(point.validation_loss),
                number(point.validation_accuracy),
                number(Some(point.learning_rate)),
            ]);
        }
    }
    csv
}

fn diagnosis(input: &ReportInput) -> Csv {
    let mut csv = Csv::of_scores(&["seed", "class"]);
    for (seed, record) in records(input) {
        for (class, scores) in record.diagnosis.iter().flat_map(|one| &one.classes) {
            csv.score(&[&seed, class, "f1"], &scores.f1);
            csv.score(&[&seed, class, "sensitivity"], &scores.sensitivity);
            csv.score(&[&seed, class, "specificity"], &scores.specificity);
        }
    }
    csv
}

fn confusion(input: &ReportInput) -> Csv {
    let mut csv = Csv::new(&["seed", "gold", "predicted", "images"]);
    for CountedConfusions { seed, classes, counts } in input.evaluation.confusion_matrices() {
        let seed = seed.map_or(String::new(), |seed| seed.to_string());
        for (gold, row) in classes.iter().zip(counts) {
            for (predicted, count) in classes.iter().zip(row) {
                csv.row(&[&seed, gold, predicted, &count.to_string()]);
            }
        }
    }
    csv
}

fn explanation(input: &ReportInput) -> Csv {
    let mut csv = Csv::of_scores(&["seed", "map", "characteristic"]);
    for (seed, record) in records(input) {
        for (map, table) in map_tables(record) {
            for (name, scores) in table {
                map_scores(&mut csv, &[&seed, map, name], scores);
            }
        }
    }
    csv
}

fn map_scores(csv: &mut Csv, keys: &[&str], scores: &MapScores) {
    let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
    for (name, score) in
        [("f1", f1), ("sensitivity", sensitivity), ("specificity", specificity), ("mass", mass)]
    {
        csv.score(&[keys, &[name]].concat(), score);
    }
}

fn randomization(input: &ReportInput) -> Csv {
    let mut csv = Csv::of_scores(&["seed", "random"]);
    for (seed, record) in records(input) {
        for (name, scores) in &record.randomization {
            map_scores(&mut csv, &[&seed, name], &scores.union);
            csv.score(&[&seed, name, "rank_correlation"], &scores.rank_correlation);
        }
    }
    csv
}

fn faithfulness(input: &ReportInput) -> Csv {
    let mut csv = Csv::of_scores(&["seed", "map"]);
    for (seed, record) in records(input) {
        for (map, scores) in &record.faithfulness {
            csv.score(&[&seed, map, "deletion"], &scores.deletion);
            csv.score(&[&seed, map, "insertion"], &scores.insertion);
            csv.score(&[&seed, map, "road"], &scores.road);
        }
    }
    csv
}

fn localization(input: &ReportInput) -> Csv {
    let mut csv = Csv::of_scores(&["seed", "map", "characteristic"]);
    for (seed, record) in records(input) {
        for (map, table) in map_tables(record) {
            for (name, scores) in table {
                for (score_name, score) in &scores.localization {
                    csv.score(&[&seed, map, name, score_name], score);
                }
            }
        }
    }
    csv
}

/// Rows with too few images have their number of images and no score.
fn by(input: &ReportInput) -> Csv {
    let keys = ["seed", "variable", "value", "characteristic", "images", "score"];
    let mut csv =
        Csv::new(&[&keys[..], &["mean", "std", "n", "undefined", "low", "high"]].concat());
    for (seed, record) in records(input) {
        for (variable, parts) in &record.by {
            for (value, part) in parts {
                if let Some(accuracy) = &part.accuracy {
                    let images = part.images.to_string();
                    csv.score(&[&seed, variable, value, "", &images, "accuracy"], accuracy);
                }
                for (name, row) in &part.explanation {
                    let images = row.images.to_string();
                    let keys: [&str; 5] = [&seed, variable, value, name, &images];
                    let Some(scores) = &row.scores else {
                        csv.row(&[&keys[..], &["too few", "", "", "", "", "", ""]].concat());
                        continue;
                    };
                    for (score_name, score) in [
                        ("f1", &scores.f1),
                        ("sensitivity", &scores.sensitivity),
                        ("specificity", &scores.specificity),
                        ("mass", &scores.mass),
                    ] {
                        csv.score(&[&keys[..], &[score_name]].concat(), score);
                    }
                }
            }
        }
    }
    csv
}

fn comparisons(input: &ReportInput) -> Csv {
    let mut csv = Csv::new(&[
        "first",
        "second",
        "score",
        "characteristic",
        "unit",
        "seeds_first",
        "seeds_second",
        "images",
        "unpaired",
        "mean_first",
        "mean_second",
        "difference",
        "low",
        "high",
        "test",
        "effect",
        "p",
        "p_holm",
    ]);
    for Comparison { sides: [first, second], seeds, unit, f1, accuracy } in
        &input.evaluation.comparisons
    {
        let rows = f1.iter().map(|(name, paired)| ("f1", name.as_str(), paired));
        for (score, name, of) in rows.chain(accuracy.iter().map(|of| ("accuracy", "", of))) {
            let names = [first, second, score, name].map(str::to_owned);
            let counts =
                [seeds[0], seeds[1], of.images, of.unpaired].map(|count| count.to_string());
            let [low, high] = of.interval.map_or([None; 2], |bounds| bounds.map(Some));
            let means = [of.first, of.second, of.difference, low, high].map(number);
            let test = match of.test {
                None => "",
                Some(PairedTest::Mcnemar) => "mcnemar",
                Some(PairedTest::SignedRank) => "signed_rank",
                Some(PairedTest::Permutation) => "permutation",
            };
            let tested = [of.effect, of.p, of.p_holm].map(number);
            let row = [
                &names[..],
                std::slice::from_ref(unit),
                &counts,
                &means,
                &[test.to_owned()],
                &tested,
            ];
            csv.row(&row.concat());
        }
    }
    csv
}

fn gallery(input: &ReportInput) -> Csv {
    let mut csv = Csv::new(&[
        "image_id",
        "seed",
        "gold",
        "predicted",
        "probability",
        "num_raters",
        "union_f1",
        "union_mass",
        "agreement",
    ]);
    for item in &input.gallery {
        csv.row(&[
            item.image_id.clone(),
            item.seed.to_string(),
            item.gold.clone(),
            item.predicted.clone().unwrap_or_default(),
            number(item.probability),
            item.num_raters.to_string(),
            number(item.union_f1),
            number(item.union_mass),
            number(item.agreement),
        ]);
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_separators_are_quoted() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.row(&["x,y", "say \"hi\""]);
        assert_eq!(csv.0, "a,b\n\"x,y\",\"say \"\"hi\"\"\"\n");
    }

    #[test]
    fn undefined_numbers_are_empty_fields() {
        let mut csv = Csv::new(&["score"]);
        csv.score(&["f1"], &Score { mean: Some(f64::NAN), undefined: 3, ..Score::default() });
        assert_eq!(csv.0, "score\nf1,,,0,3,,\n");
    }
}
