//! The tables of an annotated data set.

use dermx_agreement::{
    AgreementChoices, AgreementTables, Attribute, DIAGNOSIS, DatasetTables, Row, Rows,
    characteristics, localisable,
};
use dermx_data::ontology::DIAGNOSES;
use dermx_eval::ClassScores;
use dermx_report::score_cell;
use dermx_table::{Cell, Column, Score, Table};
use serde::Serialize;

/// What stands in the place of scores of too few images.
pub const TOO_FEW: &str = "too few";

/// Counts of evaluations and images, which every table of agreement ends with.
const SUPPORT: [&str; 2] = ["evaluations", "images"];

/// Every table: counts, Tables 1 to 4, what the paper does not have, and the parts of the data set.
pub fn all_tables(tables: &DatasetTables) -> Vec<Table> {
    let mut all = vec![counts(tables), images(tables)];
    all.extend(agreement(&tables.agreement, tables, None));
    for (attribute, values) in &tables.by {
        for (value, part) in values {
            all.extend(agreement(part, tables, Some((*attribute, value))));
        }
    }
    if !tables.unknown_labels.is_empty() {
        let columns = [Column::text("label"), Column::count("uses")];
        let mut unknown = Table::new("unknown_labels", "Labels that no table counts", columns);
        for (label, uses) in &tables.unknown_labels {
            unknown.push([label.into(), (*uses).into()]);
        }
        all.push(unknown);
    }
    all
}

/// The tables of agreement over all images, or over a part of them.
fn agreement(
    part: &AgreementTables,
    tables: &DatasetTables,
    stratum: Option<(Attribute, &str)>,
) -> Vec<Table> {
    let stratum_text = stratum.map_or(String::new(), |(attribute, value)| {
        format!("; {} {value}, {} images", word(&attribute), part.num_images)
    });
    // `like` is the table whose choices apply.
    let table = |name: &str, title: &str, like: &str, columns: Vec<Column>| {
        let choices = tables.choices.get(like).map(describe).unwrap_or_default();
        let name = match stratum {
            Some((attribute, value)) => format!("{name}_{}_{value}", word(&attribute)),
            None => name.to_string(),
        };
        Table::new(name, format!("{title}{stratum_text}. {choices}"), columns)
    };
    let columns = |of: &str, more: &[&str]| {
        let f1 = Column::score("f1").label("F1");
        let scores = [f1, Column::score("sensitivity"), Column::score("specificity")];
        let scores = scores.map(|column| column.decimals(2));
        let counts = more.iter().chain(&SUPPORT).map(|name| Column::count(name));
        std::iter::once(Column::text(of)).chain(scores).chain(counts).collect::<Vec<_>>()
    };
    let (diagnosis, characteristic) = ("diagnosis", "characteristic");
    let pairs = ["pairs", "without_positive"];
    let left_out = ["units", "undecided"];
    let without_sensitivity =
        |row: &Row| row.scores.as_ref().map_or(0, |one| one.sensitivity.undefined);
    let without_positive = |row: &Row| row.pairs_without_positive_reference.unwrap_or(0);
    let undecided = |row: &Row| row.undecided.unwrap_or(0);
    let rater_out = &part.leave_one_rater_out;
    vec![
        with_rows(
            table(
                "table_2a",
                "Table 2a: raters against the gold standard",
                "table_2a",
                columns(diagnosis, &["raters"]),
            ),
            &part.table_2a,
            &DIAGNOSES,
            |row| vec![row.units],
        ),
        with_rows(
            table(
                "table_2b",
                "Table 2b: raters against each other, diagnosis",
                "table_2b",
                columns(diagnosis, &pairs),
            ),
            &part.table_2b,
            &DIAGNOSES,
            |row| vec![row.units, without_positive(row)],
        ),
        with_rows(
            table(
                "table_3a",
                "Table 3a and appendix Table 1: raters against each other, presence of characteristics",
                "table_3a",
                columns(characteristic, &pairs),
            ),
            &part.table_3a,
            &characteristics(),
            |row| vec![row.units, without_positive(row)],
        ),
        with_rows(
            table(
                "table_3b",
                "Table 3b: raters against each other, outlines",
                "table_3b",
                columns(characteristic, &["comparisons", "without_sensitivity"]),
            ),
            &part.table_3b,
            &localisable(),
            |row| vec![row.units, without_sensitivity(row)],
        ),
        beyond_chance(part, |columns| {
            table("chance_corrected", "Agreement beyond chance", "table_2b", columns)
        }),
        with_rows(
            table(
                "leave_one_out_diagnosis",
                "Each rater against the majority of the others, diagnosis",
                "table_2b",
                columns(diagnosis, &left_out),
            ),
            &rater_out.diagnosis,
            &DIAGNOSES,
            |row| vec![row.units, undecided(row)],
        ),
        with_rows(
            table(
                "leave_one_out_presence",
                "Each rater against the majority of the others, presence",
                "table_3a",
                columns(characteristic, &left_out),
            ),
            &rater_out.presence,
            &characteristics(),
            |row| vec![row.units, undecided(row)],
        ),
        with_rows(
            table(
                "leave_one_out_outlines",
                "Each rater's outlines against the pixels that more than half of the others outlined",
                "table_3b",
                columns(characteristic, &left_out),
            ),
            &rater_out.outlines,
            &localisable(),
            |row| vec![row.units, undecided(row)],
        ),
    ]
}

/// The table with a row for each label: scores, what `counts` says, and the support.
fn with_rows(
    mut table: Table,
    rows: &Rows,
    labels: &[&str],
    counts: impl Fn(&Row) -> Vec<usize>,
) -> Table {
    for label in labels {
        let Some(row) = rows.get(label) else { continue };
        let scores = scores(row.scores.as_ref());
        let counts = counts(row).into_iter().chain([row.evaluations, row.images]).map(Cell::from);
        table.push([(*label).into()].into_iter().chain(scores).chain(counts));
    }
    table
}

/// The three scores of a class.
fn scores(scores: Option<&ClassScores>) -> [Cell; 3] {
    match scores {
        Some(scores) => [&scores.f1, &scores.sensitivity, &scores.specificity].map(score_cell),
        None => [(); 3].map(|()| Cell::Undefined(TOO_FEW.to_string())),
    }
}

fn beyond_chance(part: &AgreementTables, table: impl Fn(Vec<Column>) -> Table) -> Table {
    let mut table = table(vec![
        Column::text("label"),
        Column::score("cohen_kappa").label("Cohen's kappa").decimals(2),
        Column::count("pairs"),
        Column::count("undefined"),
        Column::number("fleiss_kappa").label("Fleiss' kappa").decimals(2),
        Column::count("images"),
        Column::mean_and_interval("krippendorff_alpha").label("Krippendorff's alpha").decimals(2),
    ]);
    for label in [vec![DIAGNOSIS], characteristics()].concat() {
        let Some(row) = part.chance_corrected.get(label) else { continue };
        let cells = if row.too_few {
            [TOO_FEW, "", "", TOO_FEW, "", TOO_FEW].map(|why| Cell::Undefined(why.to_string()))
        } else {
            let alpha = row.krippendorff_alpha.map_or_else(
                || Cell::from(None),
                |mean| Score { interval: row.krippendorff_interval, ..Score::new(mean) }.into(),
            );
            [
                score_cell(&row.cohen_kappa),
                row.cohen_kappa.n.into(),
                row.cohen_kappa.undefined.into(),
                row.fleiss_kappa.into(),
                row.fleiss_images.into(),
                alpha,
            ]
        };
        table.push(std::iter::once(label.into()).chain(cells));
    }
    table
}

fn counts(tables: &DatasetTables) -> Table {
    let columns = [Column::text("what"), Column::count("number")];
    let mut table = Table::new("counts", "Counts", columns);
    let counts = &tables.counts;
    for (label, number) in [
        ("evaluations", counts.evaluations),
        ("images", counts.images),
        ("discarded evaluations", counts.discarded),
        ("accepted evaluations", counts.accepted_evaluations),
        ("accepted images", counts.accepted_images),
        ("evaluations with several diagnoses", counts.multi_diagnosis_evaluations),
        ("those that other raters do not settle", counts.multi_diagnosis_unresolved),
        ("evaluations with a single diagnosis", counts.single_evaluations),
        ("images with such an evaluation", counts.single_images),
        ("evaluations left out (other images or rounds)", tables.files_skipped),
    ] {
        table.push([label.into(), number.into()]);
    }
    for (name, tally) in [("skin tone", &tables.skin_tone), ("age", &tables.age)] {
        for (value, number) in tally {
            table.push([format!("{name}: {value}").into(), (*number).into()]);
        }
    }
    table
}

fn images(tables: &DatasetTables) -> Table {
    let evaluations = tables.choices.get("table_1").map(|choices| word(&choices.evaluations));
    let title = format!(
        "Table 1 and the DermX row of Table 4: images by source and gold standard. Evaluations: {}",
        evaluations.unwrap_or_default()
    );
    let columns = std::iter::once(Column::text("source")).chain(DIAGNOSES.map(Column::count));
    let mut table = Table::new("table_1", title, columns);
    let dermx = ("DermX (Table 4)".to_string(), tables.table_4_dermx.clone());
    for (label, tally) in tables.table_1.clone().into_iter().chain([dermx]) {
        let number = |class: &str| Cell::from(tally.get(class).copied().unwrap_or(0));
        table.push(std::iter::once(label.into()).chain(DIAGNOSES.map(number)));
    }
    table
}

/// What a table counts and how, in words.
fn describe(choices: &AgreementChoices) -> String {
    let resolution = choices.resolution.map_or("native".to_string(), |size| size.to_string());
    format!(
        "Evaluations: {}; several diagnoses: {}; pairs: {}; one empty outline: {}; 0/0: {}; \
         standard deviation: {}; resolution: {resolution}",
        word(&choices.evaluations),
        word(&choices.several_diagnoses),
        word(&choices.pairs),
        word(&choices.one_empty),
        word(&choices.zero_division),
        word(&choices.std),
    )
}

/// The name of a choice, as on the command line.
fn word(choice: &impl Serialize) -> String {
    serde_json::to_value(choice)
        .ok()
        .and_then(|value| value.as_str().map(str::to_string))
        .unwrap_or_default()
}
