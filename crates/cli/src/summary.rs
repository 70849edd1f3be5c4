//! Scores for the terminal.

use dermx_eval::{Comparison, DiagnosisScores, EvalRecord, MapScores, SeedAgreement, UNION};
use dermx_report::{
    NO_CEILING, comparison_tables, diagnosis_table, identification_table, label_table,
    localization_table, map_columns, parts_table, readable, reading, seeds_cell,
};
use dermx_run::{Tested, Trained, Validated};
use dermx_score::counts;
use dermx_table::{Column, Reading, Score, Table};
use std::iter::once;

/// The scores for the terminal.
pub fn summary(record: &EvalRecord) -> String {
    let mut out = format!("{}\n", record.notice);
    counts(record).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    if let Some(diagnosis) = &record.diagnosis {
        let [accuracy, macro_f1] =
            [&diagnosis.accuracy, &diagnosis.macro_f1].map(|one| reading(Some(one)).line());
        out += &format!("\naccuracy {accuracy}   macro-F1 {macro_f1}\n");
        out += &probabilities_text(diagnosis);
        out += &seeds_text(diagnosis);
    }
    out += &labels_text(record);
    let titled = |title: &str, table: Option<Table>| {
        table.map(|table| Table { title: title.to_string(), ..table })
    };
    let tables = [titled("Diagnosis", diagnosis_table(record)), explanation(record)];
    out += &terminal(tables.into_iter().flatten());
    out += &relative_text(record);
    let tables = [
        titled("Where maps are highest", localization_table(record)),
        titled(
            "Share of the maps' mass on outlines of characteristics",
            identification_table(record),
        ),
        titled("Parts of the images, scores of the union", parts_table(record)),
    ];
    out += &terminal(tables.into_iter().flatten());
    out + &comparisons_text(&record.comparisons)
}

/// The scores of several labels an image, where there are some.
fn labels_text(record: &EvalRecord) -> String {
    let Some(labels) = &record.labels else { return String::new() };
    let line = |score| reading(Some(score)).line();
    format!(
        "\n{} images   macro-F1 {}   micro-F1 {}   all labels right {}   AUROC {}\n\n{}",
        labels.images,
        line(&labels.macro_f1),
        line(&labels.micro_f1),
        line(&labels.subset_accuracy),
        line(&labels.macro_ranking.auroc),
        Table { title: "Labels".to_string(), ..label_table(record, labels) }.terminal()
    )
}

/// Comparisons of runs for the terminal.
pub fn comparisons_text(comparisons: &[Comparison]) -> String {
    terminal(comparison_tables(comparisons))
}

/// Each table after an empty line.
fn terminal(tables: impl IntoIterator<Item = Table>) -> String {
    tables.into_iter().map(|table| format!("\n{}", table.terminal())).collect()
}

/// Maps against masks by characteristic, and on the union what maps without a network and raters
/// reach.
fn explanation(record: &EvalRecord) -> Option<Table> {
    let [f1, sensitivity, specificity, mass] = map_columns();
    let columns = [f1.label("Fuzzy F1"), sensitivity, specificity, mass.label("Mass in mask")];
    let columns = once(Column::text("characteristic").label("")).chain(columns);
    let mut table = Table::new("explanation", "Heat maps against masks", columns);
    let cells = |name: String, scores: &MapScores| {
        let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
        once(name.into()).chain([f1, sensitivity, specificity, mass].map(seeds_cell))
    };
    for (characteristic, scores) in &record.explanation {
        table.push(cells(characteristic.clone(), scores));
    }
    let baselines = record.baselines.iter();
    let others = baselines
        .map(|(name, table)| (format!("{UNION}, {}", readable(name)), table))
        .chain([(format!("{UNION}, raters"), &record.ceiling)]);
    for (name, scores) in others {
        scores
            .get(UNION)
            .into_iter()
            .for_each(|scores| table.push_summary(cells(name.clone(), scores)));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What a run came to.
pub fn trained_text(trained: &Trained) -> String {
    let seeds: String = trained.validated.iter().map(validated_text).collect();
    match &trained.tested {
        None => format!(
            "{}: trained\n{seeds}not tested: there is no data.test, or --no-eval was given\n",
            trained.folder.display()
        ),
        Some(Tested { record, page }) => {
            let gap = if seeds.is_empty() { "" } else { "\n" };
            format!("{seeds}{gap}{}\nreport: {}\n", summary(record), page.display())
        }
    }
}

/// What a seed scores on the validation photos, of which epoch, and whether it ended early.
fn validated_text(validated: &Validated) -> String {
    let Validated { seed, epoch, num_epochs, num_planned, scores } = validated;
    let mut text = format!(
        "seed {seed}, epoch {epoch}, validation photos: loss {:.3}   accuracy {:.3}   macro-F1 {:.3}\n",
        scores.loss, scores.accuracy, scores.macro_f1
    );
    if num_epochs < num_planned {
        text += &format!("seed {seed}: ended early, after epoch {num_epochs} of {num_planned}\n");
    }
    if epoch < num_epochs {
        text +=
            &format!("seed {seed}: kept the weights of epoch {epoch}, the best of {num_epochs}\n");
    }
    text
}

/// What the probabilities score, where there are some.
fn probabilities_text(diagnosis: &DiagnosisScores) -> String {
    let Some(ranking) = &diagnosis.ranking else { return String::new() };
    let [auroc, auprc, ece] = [Some(&ranking.auroc), Some(&ranking.auprc), diagnosis.ece.as_ref()]
        .map(|one| reading(one).line());
    format!("AUROC {auroc}   AUPRC {auprc}   calibration error {ece}\n")
}

/// Which seeds collapsed, and how far the seeds agree.
fn seeds_text(diagnosis: &DiagnosisScores) -> String {
    let collapsed: Vec<String> =
        diagnosis.collapsed.iter().flatten().map(|(seed, _)| seed.to_string()).collect();
    let mut text = match collapsed.is_empty() {
        true => String::new(),
        false => format!(
            "seed {} may have failed to train: no better than chance, or few classes predicted\n",
            collapsed.join(", ")
        ),
    };
    if let Some(SeedAgreement {
        unanimous: Some(unanimous),
        unanimous_interval,
        fleiss_kappa,
        ..
    }) = diagnosis.seed_agreement
    {
        let number = |score: Score| Reading::new(&Column::score(""), &score.into()).line();
        let kappa = fleiss_kappa.map_or("undefined".to_string(), |kappa| number(Score::new(kappa)));
        let share = number(Score { interval: unanimous_interval, ..Score::new(unanimous) });
        text += &format!("all seeds say the same of {share} of the images, kappa {kappa}\n");
    }
    text
}

/// Where the maps stand between what a map without a network and what raters reach.
fn relative_text(record: &EvalRecord) -> String {
    let Some(union) = record.skill.get(UNION) else {
        return match record.explanation.contains_key(UNION) {
            true => format!("\n{UNION}, fuzzy F1: no skill; {NO_CEILING}\n"),
            false => String::new(),
        };
    };
    let baseline = union.best_baseline.as_deref();
    let baseline = baseline.map_or_else(|| "of each seed".to_string(), readable);
    format!(
        "\n{UNION}, fuzzy F1: skill {} (0: no better than the best map without a network, {baseline}; 1: as good \
         as the raters, each scored against the others; from the {} images that let two raters be compared)\n",
        reading(Some(&union.skill)).line(),
        union.images,
    )
}
