//! The tables of an annotated data set.

use dermx_agreement::{
    AgreementChoices, AgreementTables, DIAGNOSIS, DatasetTables, Row, Rows, concepts, localisable,
};
use dermx_data::{Dataset, Reading, StudyCounts};
use dermx_eval::ClassScores;
use dermx_report::score_cell;
use dermx_study::study_table;
use dermx_table::{Cell, Column, Score, Table, by_name};
use serde::Serialize;

/// What stands in the place of scores of too few images.
const TOO_FEW: &str = "too few";

/// Counts of evaluations and images, which every table of agreement ends with.
const SUPPORT: [&str; 2] = ["evaluations", "images"];

/// Every table: counts, raters against the gold standard and each other, and the parts of the data set.
pub fn all_tables(tables: &DatasetTables, dataset: &Dataset) -> Vec<Table> {
    let mut all = vec![counts(tables, dataset), images(tables)];
    all.extend(agreement(&tables.agreement, tables, dataset, None));
    for (attribute, values) in &tables.by {
        for (value, part) in by_name(values) {
            all.extend(agreement(part, tables, dataset, Some((attribute, value))));
        }
    }
    // Raters that name no class have nothing to say of the diagnosis, and raters that mark nothing of places.
    all.retain(|table| !table.rows.is_empty());
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
    dataset: &Dataset,
    stratum: Option<(&str, &str)>,
) -> Vec<Table> {
    let stratum_text = stratum.map_or(String::new(), |(attribute, value)| {
        format!("; {attribute} {value}, {} images", part.num_images)
    });
    // `like` is the table whose choices apply.
    let table = |name: &str, title: &str, like: &str, columns: Vec<Column>| {
        let choices = tables.choices.get(like).map(describe).unwrap_or_default();
        let (name, start) = of_study(tables, name);
        let title = match start {
            "" => capital(title),
            start => format!("{start}{title}"),
        };
        let name = match stratum {
            Some((attribute, value)) => format!("{name}_{attribute}_{value}"),
            None => name.to_string(),
        };
        Table::new(name, format!("{title}{stratum_text}. {choices}"), columns)
    };
    let classes: Vec<&str> = dataset.schema().classes.iter().map(String::as_str).collect();
    let (concepts, localisable) = (concepts(dataset), localisable(dataset));
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
                "gold",
                "raters against the gold standard",
                "gold",
                columns(diagnosis, &["raters"]),
            ),
            &part.gold,
            &classes,
            |row| vec![row.units],
        ),
        with_rows(
            table(
                "diagnosis",
                "raters against each other, diagnosis",
                "diagnosis",
                columns(diagnosis, &pairs),
            ),
            &part.diagnosis,
            &classes,
            |row| vec![row.units, without_positive(row)],
        ),
        with_rows(
            table(
                "presence",
                "raters against each other, presence of characteristics",
                "presence",
                columns(characteristic, &pairs),
            ),
            &part.presence,
            &concepts,
            |row| vec![row.units, without_positive(row)],
        ),
        with_rows(
            table(
                "outlines",
                "raters against each other, outlines",
                "outlines",
                columns(characteristic, &["comparisons", "without_sensitivity"]),
            ),
            &part.outlines,
            &localisable,
            |row| vec![row.units, without_sensitivity(row)],
        ),
        beyond_chance(part, &concepts, |columns| {
            table("chance_corrected", "agreement beyond chance", "diagnosis", columns)
        }),
        with_rows(
            table(
                "leave_one_out_diagnosis",
                "each rater against the majority of the others, diagnosis",
                "diagnosis",
                columns(diagnosis, &left_out),
            ),
            &rater_out.diagnosis,
            &classes,
            |row| vec![row.units, undecided(row)],
        ),
        with_rows(
            table(
                "leave_one_out_presence",
                "each rater against the majority of the others, presence",
                "presence",
                columns(characteristic, &left_out),
            ),
            &rater_out.presence,
            &concepts,
            |row| vec![row.units, undecided(row)],
        ),
        with_rows(
            table(
                "leave_one_out_outlines",
                "each rater's outlines against the pixels that more than half of the others outlined",
                "outlines",
                columns(characteristic, &left_out),
            ),
            &rater_out.outlines,
            &localisable,
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
        let Some(row) = rows.get(*label) else { continue };
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

fn beyond_chance(
    part: &AgreementTables,
    concepts: &[&str],
    table: impl Fn(Vec<Column>) -> Table,
) -> Table {
    let mut table = table(vec![
        Column::text("label"),
        Column::score("cohen_kappa").label("Cohen's kappa").decimals(2),
        Column::count("pairs"),
        Column::count("undefined"),
        Column::number("fleiss_kappa").label("Fleiss' kappa").decimals(2),
        Column::count("images"),
        Column::mean_and_interval("krippendorff_alpha").label("Krippendorff's alpha").decimals(2),
    ]);
    for label in std::iter::once(&DIAGNOSIS).chain(concepts) {
        let Some(row) = part.chance_corrected.get(*label) else { continue };
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
        table.push(std::iter::once((*label).into()).chain(cells));
    }
    table
}

/// What the study counts, in its words.
fn study_counts(tables: &DatasetTables) -> Vec<(&'static str, usize)> {
    let counts = &tables.counts;
    vec![
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
    ]
}

/// What a data set of any kind holds. Of classes that raters name there are rows only where they do.
fn own_counts(tables: &DatasetTables, dataset: &Dataset) -> Vec<(&'static str, usize)> {
    let counts = &tables.counts;
    let with_gold = dataset.images().iter().filter(|image| image.gold_class().is_some());
    let several = dataset.images().iter().filter(|image| image.gold.len() > 1);
    let mut rows = vec![
        ("images", dataset.images().len()),
        ("images with one gold class", with_gold.count()),
        ("images with several gold classes", several.count()),
        ("readings", counts.evaluations),
        ("images that were read", counts.images),
        ("discarded readings", counts.discarded),
        ("accepted readings", counts.accepted_evaluations),
        ("images with an accepted reading", counts.accepted_images),
    ];
    if names_classes(dataset) {
        let named = dataset.readings().iter().filter(|one| !one.classes.is_empty());
        rows.extend([
            ("readings that name a class", named.count()),
            ("accepted readings that name several", counts.multi_diagnosis_evaluations),
            ("those that other raters do not settle", counts.multi_diagnosis_unresolved),
        ]);
    }
    if tables.files_skipped > 0 {
        rows.push(("readings left out (other images or rounds)", tables.files_skipped));
    }
    rows
}

/// Whether raters name classes of images.
pub fn names_classes(dataset: &Dataset) -> bool {
    let names = |one: &Reading| !one.classes.is_empty();
    dataset.schema().raters_name_classes || dataset.readings().iter().any(names)
}

fn counts(tables: &DatasetTables, dataset: &Dataset) -> Table {
    let columns = [Column::text("what"), Column::count("number")];
    let mut table = Table::new("counts", "Counts", columns);
    let rows = match tables.study {
        Some(_) => study_counts(tables),
        None => own_counts(tables, dataset),
    };
    for (label, number) in rows {
        table.push([label.into(), number.into()]);
    }
    for (name, tally) in &tables.attributes {
        for (value, number) in by_name(tally) {
            let value = if value.is_empty() { "no value" } else { value };
            table.push([format!("{name}: {value}").into(), (*number).into()]);
        }
    }
    table
}

/// Images by class, and of the study's by source, too.
fn images(tables: &DatasetTables) -> Table {
    let Some(StudyCounts { table_1, table_4_dermx, .. }) = &tables.study else {
        let columns = [Column::text("class"), Column::count("images")];
        let mut table = Table::new("images", "Images by gold class", columns);
        for (class, number) in &tables.images_per_class {
            table.push([class.into(), (*number).into()]);
        }
        return table;
    };
    let evaluations = tables.choices.get("images").map(|choices| word(&choices.evaluations));
    let (name, start) = of_study(tables, "images");
    let title = format!(
        "{start} and the DermX row of Table 4: images by source and gold standard. Evaluations: {}",
        evaluations.unwrap_or_default()
    );
    let classes: Vec<&String> = table_4_dermx.keys().collect();
    let counts = classes.iter().map(|class| Column::count(class));
    let mut table = Table::new(name, title, std::iter::once(Column::text("source")).chain(counts));
    let dermx = ("DermX (Table 4)".to_string(), table_4_dermx.clone());
    for (label, tally) in table_1.clone().into_iter().chain([dermx]) {
        let number = |class: &&String| Cell::from(tally.get(*class).copied().unwrap_or(0));
        table.push(std::iter::once(label.into()).chain(classes.iter().map(number)));
    }
    table
}

/// The name of a table, and what its title begins with: those of the study have numbers.
fn of_study<'a>(tables: &DatasetTables, name: &'a str) -> (&'a str, &'static str) {
    match tables.study.as_ref().and_then(|_| study_table(name)) {
        Some((name, start)) => (name, start),
        None => (name, ""),
    }
}

fn capital(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
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
