//! A table of agreement: its evidence, and its rows for any part of the images.

use crate::choices::AgreementChoices;
use crate::panel::{Panel, Records};
use crate::resamples::Bootstrap;
use crate::strata::Stratum;
use dermx_data::Reading;
use dermx_eval::{
    AgreementCounts, ClassScores, Evidence, Judgement, Pairs, mean, percentile_interval,
};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows by label.
pub type Rows<T = Row> = BTreeMap<String, T>;

/// A row of a table of agreement.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Row {
    /// Mean and spread over the units; none where there are too few images.
    #[serde(flatten)]
    pub scores: Option<ClassScores>,
    /// Whether too few images carry the label for a score.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub too_few: bool,
    /// Evaluations that carry the label.
    pub evaluations: usize,
    /// Images that carry it, by any evaluation or by the gold standard that the table compares with.
    pub images: usize,
    /// Number of units: raters, pairs of raters, or comparisons of two outlines.
    pub units: usize,
    /// Mean over the units of the share of images (or pixels) where both say the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_vs_rest_accuracy: Option<f64>,
    /// Tables 2b and 3a: pairs whose reference never gave the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs_without_positive_reference: Option<usize>,
    /// Table 3b: comparisons, under the name that they have where each pair counts in both orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered_pairs: Option<usize>,
    /// Leave-one-rater-out: evaluations without a majority of others to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<usize>,
}

/// Which part of the images, with which intervals.
pub(crate) struct Cut<'a> {
    /// The images; all without it.
    pub stratum: Option<&'a Stratum>,
    /// Intervals.
    pub bootstrap: Bootstrap,
    /// Rows whose label fewer images carry have no score.
    pub min_images: usize,
}

/// What sort of units a table is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gold,
    Pairs,
    Outlines,
    LeaveOneOut,
}

/// Everything that a table rests on.
pub(crate) struct TableEvidence<'a> {
    pub kind: Kind,
    pub records: Records<'a>,
    pub choices: AgreementChoices,
    pub rows: Vec<RowEvidence>,
}

pub(crate) struct RowEvidence {
    pub label: String,
    pub evidence: Evidence,
    /// For each image.
    pub support: Vec<Support>,
}

/// What one image contributes beside its counts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Support {
    pub num_evaluations: usize,
    pub is_positive: bool,
    pub num_undecided: usize,
}

impl Support {
    pub fn of(judgements: &[Judgement]) -> Self {
        let num_evaluations = judgements.iter().filter(|one| one.is_positive).count();
        Self { num_evaluations, is_positive: num_evaluations > 0, num_undecided: 0 }
    }
}

impl<'a> TableEvidence<'a> {
    /// Table 2a: each rater against the gold standard; images without one do not count.
    pub fn of_gold(panel: &Panel<'a>, choices: AgreementChoices, labels: &[&str]) -> Self {
        Self::new(Kind::Gold, panel, choices, labels, |label| gold_row(panel, label))
    }

    /// Tables 2b and 3a: raters against each other.
    pub fn of_pairs(
        panel: &Panel<'a>,
        choices: AgreementChoices,
        labels: &[&str],
        says: impl Fn(&Reading, &str) -> bool + Sync,
    ) -> Self {
        Self::new(Kind::Pairs, panel, choices, labels, |label| {
            let judgements = panel.judgements(|one| says(one, label));
            let support = judgements.iter().map(|image| Support::of(image)).collect();
            RowEvidence {
                label: label.to_string(),
                evidence: Evidence::of_pairs(&judgements, choices.pairs),
                support,
            }
        })
    }

    /// Each rater against the majority of the others.
    pub fn of_leave_one_out(
        panel: &Panel<'a>,
        choices: AgreementChoices,
        labels: &[&str],
        says: impl Fn(&Reading, &str) -> bool + Sync,
    ) -> Self {
        Self::new(Kind::LeaveOneOut, panel, choices, labels, |label| {
            let judgements = panel.judgements(|one| says(one, label));
            let (evidence, undecided) = Evidence::of_leave_one_out(&judgements);
            let support = judgements.iter().zip(undecided);
            let support = support
                .map(|(image, num_undecided)| Support { num_undecided, ..Support::of(image) })
                .collect();
            RowEvidence { label: label.to_string(), evidence, support }
        })
    }

    fn new(
        kind: Kind,
        panel: &Panel<'a>,
        choices: AgreementChoices,
        labels: &[&str],
        row: impl Fn(&str) -> RowEvidence + Sync,
    ) -> Self {
        let rows = labels.par_iter().map(|&label| row(label)).collect();
        Self { kind, records: panel.records(), choices, rows }
    }

    /// The rows for a part of the images.
    pub fn rows(&self, cut: &Cut<'_>) -> Rows {
        let image_idxs = self.records.image_idxs(cut.stratum);
        let resamples = cut.bootstrap.resamples(&image_idxs);
        let row =
            |row: &RowEvidence| (row.label.clone(), self.row(row, &image_idxs, &resamples, cut));
        self.rows.par_iter().map(row).collect()
    }

    fn row(
        &self,
        row: &RowEvidence,
        image_idxs: &[u32],
        resamples: &[Vec<u32>],
        cut: &Cut<'_>,
    ) -> Row {
        let support = || image_idxs.iter().map(|&image_idx| row.support[image_idx as usize]);
        let images = support().filter(|image| image.is_positive).count();
        let units = row.evidence.unit_counts(image_idxs);
        let accuracies: Vec<f64> = units.iter().filter_map(AgreementCounts::accuracy).collect();
        let is_without = |counts: &&AgreementCounts| counts.both + counts.only_reference == 0;
        let num_without_positive = units.iter().filter(is_without).count();
        let too_few = images < cut.min_images;
        Row {
            scores: (!too_few).then(|| self.scores(&row.evidence, image_idxs, resamples)),
            too_few,
            evaluations: support().map(|image| image.num_evaluations).sum(),
            images,
            units: units.len(),
            one_vs_rest_accuracy: mean(&accuracies).filter(|_| !too_few),
            pairs_without_positive_reference: (self.kind == Kind::Pairs)
                .then_some(num_without_positive),
            ordered_pairs: (self.kind == Kind::Outlines && self.choices.pairs == Pairs::Ordered)
                .then_some(units.len()),
            undecided: (self.kind == Kind::LeaveOneOut)
                .then(|| support().map(|image| image.num_undecided).sum()),
        }
    }

    fn scores(
        &self,
        evidence: &Evidence,
        image_idxs: &[u32],
        resamples: &[Vec<u32>],
    ) -> ClassScores {
        let AgreementChoices { zero_division, std, .. } = self.choices;
        let mut scores = evidence.scores(image_idxs, zero_division, std);
        let means = evidence.resampled_means(image_idxs, resamples, zero_division);
        let interval = |score_idx: usize| {
            percentile_interval(&means.iter().map(|means| means[score_idx]).collect::<Vec<_>>())
        };
        scores.f1.interval = interval(0);
        scores.sensitivity.interval = interval(1);
        scores.specificity.interval = interval(2);
        scores
    }
}

fn gold_row(panel: &Panel<'_>, label: &str) -> RowEvidence {
    let judgements = panel.judgements(|one| panel.names(one, label));
    let mut images = Vec::new();
    let mut support = Vec::new();
    for (image, judgements) in panel.images.iter().zip(judgements) {
        let Some(record) = image.record.filter(|record| !record.gold.is_empty()) else {
            images.push(Vec::new());
            support.push(Support::default());
            continue;
        };
        let is_gold = record.gold.iter().any(|class| class == label);
        let count = |one: &Judgement| {
            let mut counts = AgreementCounts::default();
            counts.add(is_gold, one.is_positive);
            (one.rater_idx, counts)
        };
        images.push(judgements.iter().map(count).collect());
        let of_raters = Support::of(&judgements);
        support.push(Support { is_positive: is_gold || of_raters.is_positive, ..of_raters });
    }
    RowEvidence { label: label.to_string(), evidence: Evidence::across_images(images), support }
}
