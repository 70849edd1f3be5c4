//! What the seeds say together: which collapsed, and how far they agree.

use crate::score_text::{counted, decimal, decimal_or_undefined};
use dermx_eval::{Collapse, EvalRecord, SeedAgreement};

/// A sentence on each seed whose training may have failed.
pub fn failures(record: &EvalRecord) -> Vec<String> {
    let is_single = record.seeds.len() < 2;
    let collapsed = record.diagnosis.iter().filter_map(|one| one.collapsed.as_ref()).flatten();
    collapsed
        .map(|(seed, signs)| {
            let signs: Vec<String> = signs.iter().map(sign).collect();
            let included = if is_single { "" } else { " Means over the seeds include it." };
            format!("Seed {seed} may have failed to train: {}.{included}", signs.join("; "))
        })
        .collect()
}

/// Sentences on several seeds; none on a single one.
pub fn remarks(record: &EvalRecord) -> Vec<String> {
    let several = record.diagnosis.as_ref().filter(|_| record.seeds.len() > 1);
    let Some(diagnosis) = several else { return Vec::new() };
    let mut remarks = Vec::new();
    if diagnosis.collapsed.as_ref().is_some_and(|collapsed| collapsed.is_empty()) {
        remarks.push(format!("None of {} failed to train.", counted(record.seeds.len(), "seed")));
    }
    if let Some(SeedAgreement { num_images, unanimous, unanimous_interval, fleiss_kappa }) =
        diagnosis.seed_agreement
    {
        let interval = unanimous_interval
            .map(|[low, high]| format!(" (95 %: {} to {})", decimal(low), decimal(high)));
        remarks.push(format!(
            "All seeds name the same diagnosis, right or wrong, for a share of {}{} of {}; beyond \
             chance (Fleiss' kappa) they agree by {}.",
            decimal_or_undefined(unanimous),
            interval.unwrap_or_default(),
            counted(num_images, "image"),
            decimal_or_undefined(fleiss_kappa)
        ));
    }
    remarks
}

fn sign(sign: &Collapse) -> String {
    match *sign {
        Collapse::FewClasses { predicted, gold } => format!(
            "its predictions are as mixed as {predicted:.1} equally frequent classes, the gold \
             classes as {gold:.1}"
        ),
        Collapse::Chance { accuracy, by_chance, p_value } => format!(
            "its accuracy of {} cannot be told from {} by chance (p = {p_value:.2})",
            decimal(accuracy),
            decimal(by_chance)
        ),
    }
}
