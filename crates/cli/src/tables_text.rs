//! The tables of an annotated data set as text.

use dermx_agreement::{
    AgreementTables, Attribute, Choices, DIAGNOSIS, DatasetTables, Row, Rows, characteristics,
    localisable,
};
use dermx_data::ontology::DIAGNOSES;
use dermx_score::{TextTable, interval, score_cell, scores_cells};
use serde::Serialize;

const SCORES: [&str; 4] = ["", "F1", "sensitivity", "specificity"];

/// Every table: counts, Tables 1 to 4, what the paper does not have, and the parts of the data set.
pub fn text_tables(tables: &DatasetTables) -> Vec<TextTable> {
    let mut texts = vec![counts(tables), images(tables)];
    texts.extend(agreement(&tables.agreement, tables, None));
    for (attribute, values) in &tables.by {
        for (value, part) in values {
            texts.extend(agreement(part, tables, Some((*attribute, value))));
        }
    }
    if !tables.unknown_labels.is_empty() {
        let mut unknown =
            TextTable::new("unknown_labels", "Labels that no table counts", &["", "uses"]);
        let row = |(label, uses): (&String, &usize)| vec![label.clone(), uses.to_string()];
        unknown.rows = tables.unknown_labels.iter().map(row).collect();
        texts.push(unknown);
    }
    texts
}

/// The tables of agreement over all images, or over a part of them.
fn agreement(
    part: &AgreementTables,
    tables: &DatasetTables,
    stratum: Option<(Attribute, &str)>,
) -> Vec<TextTable> {
    let choices = |table: &str| tables.choices.get(table).map(describe).unwrap_or_default();
    let stratum_text = stratum.map_or(String::new(), |(attribute, value)| {
        format!("; {} {value}, {} images", name_of(attribute), part.num_images)
    });
    let table = |name: &str, title: &str, like: &str, more: &[&str]| {
        let name = match stratum {
            Some((attribute, value)) => format!("{name}_{}_{value}", name_of(attribute)),
            None => name.to_string(),
        };
        let title = format!("{title}{stratum_text}. {}", choices(like));
        TextTable::new(&name, title, &[&SCORES[..], more].concat())
    };
    let pairs = ["pairs", "without a positive", "evaluations", "images"];
    let left_out = ["units", "undecided", "evaluations", "images"];
    let rater_out = &part.leave_one_rater_out;
    vec![
        rows(
            table(
                "table_2a",
                "Table 2a: raters against the gold standard",
                "table_2a",
                &["raters", "evaluations", "images"],
            ),
            &part.table_2a,
            &DIAGNOSES,
            |row| vec![row.units, row.evaluations, row.images],
        ),
        rows(
            table("table_2b", "Table 2b: raters against each other, diagnosis", "table_2b", &pairs),
            &part.table_2b,
            &DIAGNOSES,
            pair_counts,
        ),
        rows(
            table(
                "table_3a",
                "Table 3a and appendix Table 1: raters against each other, presence of characteristics",
                "table_3a",
                &pairs,
            ),
            &part.table_3a,
            &characteristics(),
            pair_counts,
        ),
        rows(
            table(
                "table_3b",
                "Table 3b: raters against each other, outlines",
                "table_3b",
                &["comparisons", "without sensitivity", "evaluations", "images"],
            ),
            &part.table_3b,
            &localisable(),
            |row| {
                let undefined = row.scores.as_ref().map_or(0, |one| one.sensitivity.undefined);
                vec![row.units, undefined, row.evaluations, row.images]
            },
        ),
        beyond_chance(part, table("chance_corrected", "Agreement beyond chance", "table_2b", &[])),
        rows(
            table(
                "leave_one_out_diagnosis",
                "Each rater against the majority of the others, diagnosis",
                "table_2b",
                &left_out,
            ),
            &rater_out.diagnosis,
            &DIAGNOSES,
            left_out_counts,
        ),
        rows(
            table(
                "leave_one_out_presence",
                "Each rater against the majority of the others, presence",
                "table_3a",
                &left_out,
            ),
            &rater_out.presence,
            &characteristics(),
            left_out_counts,
        ),
        rows(
            table(
                "leave_one_out_outlines",
                "Each rater's outlines against the pixels that more than half of the others outlined",
                "table_3b",
                &left_out,
            ),
            &rater_out.outlines,
            &localisable(),
            left_out_counts,
        ),
    ]
}

fn rows(
    mut table: TextTable,
    rows: &Rows,
    labels: &[&str],
    numbers: impl Fn(&Row) -> Vec<usize>,
) -> TextTable {
    for label in labels {
        let Some(row) = rows.get(label) else { continue };
        let mut cells = vec![label.to_string()];
        cells.extend(scores_cells(row.scores.as_ref()));
        cells.extend(numbers(row).iter().map(ToString::to_string));
        table.rows.push(cells);
    }
    table
}

fn pair_counts(row: &Row) -> Vec<usize> {
    let without = row.pairs_without_positive_reference.unwrap_or(0);
    vec![row.units, without, row.evaluations, row.images]
}

fn left_out_counts(row: &Row) -> Vec<usize> {
    vec![row.units, row.undecided.unwrap_or(0), row.evaluations, row.images]
}

fn beyond_chance(part: &AgreementTables, mut table: TextTable) -> TextTable {
    let header = [
        "",
        "Cohen's kappa",
        "pairs",
        "undefined",
        "Fleiss' kappa",
        "images",
        "Krippendorff's alpha",
    ];
    table.header = header.map(str::to_string).to_vec();
    let number = |value: Option<f64>| value.map_or("undefined".to_string(), |v| format!("{v:.2}"));
    for label in [vec![DIAGNOSIS], characteristics()].concat() {
        let Some(row) = part.chance_corrected.get(label) else { continue };
        let mut cells = vec![label.to_string()];
        if row.too_few {
            cells.extend(["too few", "", "", "too few", "", "too few"].map(str::to_string));
        } else {
            cells.extend([
                score_cell(&row.cohen_kappa),
                row.cohen_kappa.n.to_string(),
                row.cohen_kappa.undefined.to_string(),
                number(row.fleiss_kappa),
                row.fleiss_images.to_string(),
                number(row.krippendorff_alpha) + &interval(row.krippendorff_interval),
            ]);
        }
        table.rows.push(cells);
    }
    table
}

fn counts(tables: &DatasetTables) -> TextTable {
    let mut table = TextTable::new("counts", "Counts", &["", "number"]);
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
        table.rows.push(vec![label.to_string(), number.to_string()]);
    }
    for (name, tally) in [("skin tone", &tables.skin_tone), ("age", &tables.age)] {
        for (value, number) in tally {
            table.rows.push(vec![format!("{name}: {value}"), number.to_string()]);
        }
    }
    table
}

fn images(tables: &DatasetTables) -> TextTable {
    let evaluations = tables.choices.get("table_1").map(|choices| word(&choices.evaluations));
    let title = format!(
        "Table 1 and the DermX row of Table 4: images by source and gold standard. Evaluations: {}",
        evaluations.unwrap_or_default()
    );
    let mut table = TextTable::new("table_1", title, &[&[""], &DIAGNOSES[..]].concat());
    let dermx = ("DermX (Table 4)".to_string(), tables.table_4_dermx.clone());
    for (label, tally) in tables.table_1.clone().into_iter().chain([dermx]) {
        let number = |class: &&str| tally.get(*class).copied().unwrap_or(0).to_string();
        table.rows.push([vec![label], DIAGNOSES.iter().map(number).collect()].concat());
    }
    table
}

/// What a table counts and how, in words.
fn describe(choices: &Choices) -> String {
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

fn name_of(attribute: Attribute) -> String {
    word(&attribute)
}
