//! Scores for the terminal.

use dermx_eval::{EvalRecord, MapScores, Score, SeedAgreement, UNION};
use dermx_run::{Tested, Trained, Validated, comparisons_text};
use dermx_score::{counts, identification, interval_text, localization, parts};
use std::fmt::Write;

/// The scores as a table for the terminal.
pub fn summary(record: &EvalRecord) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{}", record.notice);
    counts(record).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    if let (Some(accuracy), Some(macro_f1)) = (&record.accuracy, &record.macro_f1) {
        let [accuracy, macro_f1] = [accuracy, macro_f1].map(with_interval);
        let _ = writeln!(out, "\naccuracy {accuracy}   macro-F1 {macro_f1}");
        out.push_str(&seeds_text(record));
        let _ = writeln!(out, "{:<26}{:>16}{:>32}{:>32}", "", "F1", "sensitivity", "specificity");
        for (class, scores) in &record.table_5 {
            let shares = [&scores.sensitivity, &scores.specificity].map(with_interval);
            let cells = [text(&scores.f1), shares[0].clone(), shares[1].clone()];
            let _ = writeln!(out, "{class:<26}{:>16}{:>32}{:>32}", cells[0], cells[1], cells[2]);
        }
    }
    let header = ["fuzzy F1", "sensitivity", "specificity", "mass in mask"];
    let _ = write!(out, "\n{:<26}", "");
    header.iter().for_each(|name| out.push_str(&format!("{name:>16}")));
    out.push('\n');
    for (characteristic, scores) in &record.table_6 {
        out.push_str(&map_line(characteristic, scores));
    }
    for (baseline, table) in &record.baselines {
        if let Some(scores) = table.get(UNION) {
            out.push_str(&map_line(&format!("{UNION}, {baseline} map"), scores));
        }
    }
    if let Some(scores) = record.ceiling.get(UNION) {
        out.push_str(&map_line(&format!("{UNION}, raters"), scores));
    }
    out.push_str(&relative_text(record));
    out.push_str(&localization(record));
    out.push_str(&identification(record));
    out.push_str(&parts(record));
    out.push_str(&comparisons_text(&record.comparisons));
    out
}

/// What a run came to.
pub fn trained_text(trained: &Trained) -> String {
    match &trained.tested {
        None => {
            let seeds = trained.validated.iter().map(validated_text);
            format!("{}: trained\n{}", trained.folder.display(), seeds.collect::<String>())
        }
        Some(Tested { record, page }) => {
            format!("{}\nreport: {}\n", summary(record), page.display())
        }
    }
}

/// What a seed scores on the validation photos.
fn validated_text(validated: &Validated) -> String {
    let Validated { seed, epoch, scores } = validated;
    format!(
        "seed {seed}, epoch {epoch}, validation photos: loss {:.3}   accuracy {:.3}   macro-F1 {:.3}\n",
        scores.loss, scores.accuracy, scores.macro_f1
    )
}

/// Which seeds collapsed, and how far the seeds agree.
fn seeds_text(record: &EvalRecord) -> String {
    let collapsed: Vec<String> =
        record.collapsed.iter().flatten().map(|(seed, _)| seed.to_string()).collect();
    let mut text = match collapsed.is_empty() {
        true => String::new(),
        false => format!("collapsed seeds: {}\n", collapsed.join(", ")),
    };
    if let Some(SeedAgreement {
        unanimous: Some(unanimous),
        unanimous_interval,
        fleiss_kappa,
        ..
    }) = record.seed_agreement
    {
        let kappa = fleiss_kappa.map_or("undefined".to_string(), |kappa| format!("{kappa:.3}"));
        let share = format!("{unanimous:.3}{}", interval_text(unanimous_interval));
        text += &format!("all seeds say the same of {share} of the images, kappa {kappa}\n");
    }
    text
}

/// Where the maps stand between what a map without a network and what raters reach.
fn relative_text(record: &EvalRecord) -> String {
    let Some(union) = record.relative.get(UNION) else { return String::new() };
    let baseline = union.best_baseline.as_deref().unwrap_or("of each seed");
    format!(
        "\n{UNION}, fuzzy F1: skill {} (0: best map without a network, {baseline}; 1: raters among \
         themselves)\n",
        with_interval(&union.skill),
    )
}

fn with_interval(score: &Score) -> String {
    text(score) + &interval_text(score.interval)
}

fn map_line(name: &str, scores: &MapScores) -> String {
    let cells = [&scores.f1, &scores.sensitivity, &scores.specificity, &scores.mass].map(text);
    let cells: String = cells.iter().map(|cell| format!("{cell:>16}")).collect();
    format!("{name:<26}{cells}\n")
}

/// A score as mean, with the spread over seeds where there are several.
fn text(score: &Score) -> String {
    match (score.mean, score.std) {
        (None, _) => "undefined".to_string(),
        (Some(mean), Some(std)) if score.seeds.len() > 1 => format!("{mean:.3} +- {std:.3}"),
        (Some(mean), _) => format!("{mean:.3}"),
    }
}
