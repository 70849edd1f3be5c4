//! The tables of the DermX paper that the annotations alone give.

use dermx_data::ontology::{ADDITIONAL_TERMS, BASIC_TERMS, DIAGNOSES, NON_LOCALISABLE};
use dermx_data::{Cohort, Counts, DermxDataset, Evaluation, Mask, describe};
use dermx_eval::{
    AgreementCounts, ClassScores, Judgement, OneVsRest, PairAgreement, Score, Spread,
    class_scores_over, cohen_kappa, fleiss_kappa, krippendorff_alpha, mean, pair_agreement,
};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A table of scores by row label.
pub type Rows<T> = BTreeMap<&'static str, T>;

/// Every table, at full precision.
#[derive(Debug, Serialize)]
pub struct DatasetTables {
    /// The images that count: `"metadata"`, those with a row in metadata.csv.
    pub scope: &'static str,
    /// Evaluations of other images, and of repeated rounds.
    pub files_skipped: usize,
    /// What was outlined.
    pub masks: MaskCounts,
    /// The raters, sorted.
    pub raters: Vec<String>,
    /// Evaluations and images by cohort.
    pub counts: Counts,
    /// Images of the cohort `single` by source and gold diagnosis.
    pub table_1: BTreeMap<String, BTreeMap<String, usize>>,
    /// The DermX row of Table 4.
    pub table_4_dermx: BTreeMap<String, usize>,
    /// Images by skin tone, over the metadata.
    pub skin_tone: BTreeMap<String, usize>,
    /// Images by age, over the metadata.
    pub age: BTreeMap<String, usize>,
    /// Images by gold diagnosis, over the metadata.
    pub metadata_images_per_class: BTreeMap<String, usize>,
    /// Raters against the gold standard. Cohort `accepted`.
    pub table_2a: Rows<GoldRow>,
    /// Accuracy of each rater. Cohort `accepted`.
    pub accuracy_per_rater: BTreeMap<String, Option<f64>>,
    /// Accuracy over all evaluations. Cohort `accepted`.
    pub accuracy_pooled: Option<f64>,
    /// Raters against each other, diagnosis. Cohort `accepted`.
    pub table_2b: Rows<DiagnosisPairRow>,
    /// Raters against each other, presence of characteristics; also appendix Table 1. Cohort
    /// `accepted`.
    pub table_3a: Rows<PresenceRow>,
    /// Raters against each other, outlines of characteristics. Cohort `single`.
    pub table_3b: Rows<OutlineRow>,
    /// Agreement beyond chance on the diagnosis ([`DIAGNOSIS`]) and on the presence of each
    /// characteristic; not in the paper. Cohort `accepted`.
    pub chance_corrected: Rows<ChanceCorrectedRow>,
}

/// The row of [`DatasetTables::chance_corrected`] with the six diagnoses as classes.
pub const DIAGNOSIS: &str = "Diagnosis";

/// Agreement beyond chance: 1 is agreement, 0 is chance.
#[derive(Debug, Serialize)]
pub struct ChanceCorrectedRow {
    /// Cohen's kappa over the unordered pairs of raters who share images; mean and population
    /// standard deviation.
    pub cohen_kappa: Score,
    /// Fleiss' kappa over the images that the most raters accepted.
    pub fleiss_kappa: Option<f64>,
    /// Number of those images.
    pub fleiss_images: usize,
    /// Krippendorff's alpha over all images.
    pub krippendorff_alpha: Option<f64>,
}

/// Outlines of all evaluations.
#[derive(Debug, Serialize)]
pub struct MaskCounts {
    /// Outlined instances with a mask file; 0 where masks come from outlines alone.
    pub files_linked: usize,
    /// Outlined (evaluation, characteristic) pairs.
    pub eval_class_masks: usize,
}

/// A row of Table 2a: unit rater, population standard deviation.
#[derive(Debug, Serialize)]
pub struct GoldRow {
    /// Scores over the raters.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// Mean over the raters of the share of evaluations that agree on yes or no.
    pub one_vs_rest_accuracy: Option<f64>,
}

/// A row of Table 2b: unit ordered pair of raters, population standard deviation, 0/0 := 0.
#[derive(Debug, Serialize)]
pub struct DiagnosisPairRow {
    /// Scores over the pairs.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// Pairs whose reference never named the diagnosis: their F1 and sensitivity are zeros.
    pub pairs_without_positive_reference: usize,
}

/// A row of Table 3a, as of Table 2b.
#[derive(Debug, Serialize)]
pub struct PresenceRow {
    /// Scores over the pairs.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// Accepted evaluations with the characteristic.
    pub evaluations: usize,
    /// Images of those.
    pub images: usize,
    /// Pairs whose reference never named the characteristic.
    pub pairs_without_positive_reference: usize,
}

/// A row of Table 3b: unit (image, ordered pair of raters), sample standard deviation.
#[derive(Debug, Serialize)]
pub struct OutlineRow {
    /// Scores over the units.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// Number of units: pairs of which at least one rater outlined the characteristic.
    pub ordered_pairs: usize,
}

impl DatasetTables {
    /// Computes every table of `dataset` with the paper's choices; images without a row in
    /// metadata.csv, and repeated rounds, have to be [left out](DermxDataset::select) of it.
    ///
    /// # Source
    /// Jalaboi et al., 2021; definitions that give its printed numbers were found on the data.
    pub fn new(dataset: &DermxDataset) -> Self {
        let description = describe(dataset);
        let accepted: Vec<&Evaluation> = dataset.cohort(Cohort::Accepted).collect();
        let named: Vec<Named<'_>> = accepted.iter().filter_map(|one| named(dataset, one)).collect();
        let pooled = AgreementCounts::accuracy;
        Self {
            scope: "metadata",
            files_skipped: dataset.num_left_out(),
            masks: MaskCounts::of(dataset),
            raters: description.raters,
            counts: description.counts,
            table_1: description.table_1,
            table_4_dermx: description.table_4_dermx,
            skin_tone: description.skin_tone,
            age: description.age,
            metadata_images_per_class: description.metadata_images_per_class,
            table_2a: rows(&DIAGNOSES, |diagnosis| gold_row(&named, diagnosis)),
            accuracy_per_rater: by_rater(&named)
                .into_iter()
                .map(|(rater, named)| (rater.to_string(), pooled(&right_or_wrong(&named))))
                .collect(),
            accuracy_pooled: pooled(&right_or_wrong(&named.iter().collect::<Vec<_>>())),
            table_2b: rows(&DIAGNOSES, |diagnosis| diagnosis_row(&accepted, diagnosis)),
            table_3a: rows(&characteristics(), |name| presence_row(&accepted, name)),
            table_3b: outline_rows(dataset),
            chance_corrected: chance_corrected_rows(&accepted),
        }
    }
}

impl MaskCounts {
    fn of(dataset: &DermxDataset) -> Self {
        let evaluations = dataset.evaluations();
        let num_instances = evaluations.iter().map(|one| one.instances.len()).sum();
        Self {
            files_linked: if dataset.has_mask_files() { num_instances } else { 0 },
            eval_class_masks: evaluations.iter().map(|one| one.characteristics().len()).sum(),
        }
    }
}

/// Characteristics in the order of appendix Table 1.
pub fn characteristics() -> Vec<&'static str> {
    [&NON_LOCALISABLE[..], &BASIC_TERMS, &ADDITIONAL_TERMS].concat()
}

/// Localisable characteristics in the order of Table 3b.
pub fn localisable() -> Vec<&'static str> {
    [&BASIC_TERMS[..], &ADDITIONAL_TERMS].concat()
}

fn rows<T: Send>(labels: &[&'static str], row: impl Fn(&'static str) -> T + Sync) -> Rows<T> {
    labels.par_iter().map(|&label| (label, row(label))).collect()
}

/// An evaluation's one diagnosis beside the gold standard.
struct Named<'a> {
    rater: &'a str,
    diagnosis: &'a str,
    gold: &'a str,
}

/// Of several diagnoses the alphabetically first counts.
fn named<'a>(dataset: &'a DermxDataset, evaluation: &'a Evaluation) -> Option<Named<'a>> {
    Some(Named {
        rater: &evaluation.rater,
        diagnosis: evaluation.diagnoses.first()?,
        gold: &dataset.image(&evaluation.image_id)?.diagnosis,
    })
}

fn by_rater<'a, 'b>(named: &'b [Named<'a>]) -> BTreeMap<&'a str, Vec<&'b Named<'a>>> {
    let mut raters: BTreeMap<&str, Vec<&Named<'_>>> = BTreeMap::new();
    for one in named {
        raters.entry(one.rater).or_default().push(one);
    }
    raters
}

/// Right and wrong diagnoses, as counts whose accuracy is the share of right ones.
fn right_or_wrong(named: &[&Named<'_>]) -> AgreementCounts {
    let mut counts = AgreementCounts::default();
    named.iter().for_each(|one| counts.add(true, one.diagnosis == one.gold));
    counts
}

fn gold_row(named: &[Named<'_>], diagnosis: &str) -> GoldRow {
    let raters: Vec<AgreementCounts> = by_rater(named)
        .into_values()
        .map(|named| {
            let mut counts = AgreementCounts::default();
            for one in named {
                counts.add(one.gold == diagnosis, one.diagnosis == diagnosis);
            }
            counts
        })
        .collect();
    let units: Vec<OneVsRest> = raters.iter().map(AgreementCounts::scores).collect();
    let accuracies: Vec<f64> = raters.iter().filter_map(AgreementCounts::accuracy).collect();
    GoldRow {
        scores: class_scores_over(&units, Spread::Population),
        one_vs_rest_accuracy: mean(&accuracies),
    }
}

fn agreement(evaluations: &[&Evaluation], says: impl Fn(&Evaluation) -> bool) -> PairAgreement {
    let judgements: Vec<Judgement<'_>> = evaluations
        .iter()
        .map(|one| Judgement { rater: &one.rater, image: &one.image_id, is_positive: says(one) })
        .collect();
    pair_agreement(&judgements)
}

fn diagnosis_row(accepted: &[&Evaluation], diagnosis: &str) -> DiagnosisPairRow {
    let PairAgreement { scores, num_without_positive } =
        agreement(accepted, |one| one.diagnoses.first().is_some_and(|first| first == diagnosis));
    DiagnosisPairRow { scores, pairs_without_positive_reference: num_without_positive }
}

fn presence_row(accepted: &[&Evaluation], characteristic: &str) -> PresenceRow {
    let with: Vec<&&Evaluation> = accepted.iter().filter(|one| one.has(characteristic)).collect();
    let images: BTreeSet<&str> = with.iter().map(|one| one.image_id.as_str()).collect();
    let PairAgreement { scores, num_without_positive } =
        agreement(accepted, |one| one.has(characteristic));
    PresenceRow {
        scores,
        evaluations: with.len(),
        images: images.len(),
        pairs_without_positive_reference: num_without_positive,
    }
}

fn chance_corrected_rows(accepted: &[&Evaluation]) -> Rows<ChanceCorrectedRow> {
    let diagnosis = |one: &Evaluation| {
        let first = one.diagnoses.first();
        first.and_then(|first| DIAGNOSES.iter().position(|known| known == first)).unwrap_or(0)
    };
    let mut rows = rows(&characteristics(), |name| {
        chance_corrected_row(accepted, 2, |one| usize::from(one.has(name)))
    });
    rows.insert(DIAGNOSIS, chance_corrected_row(accepted, DIAGNOSES.len(), diagnosis));
    rows
}

/// Agreement on a class below `num_classes` that every evaluation gives.
fn chance_corrected_row(
    accepted: &[&Evaluation],
    num_classes: usize,
    class: impl Fn(&Evaluation) -> usize,
) -> ChanceCorrectedRow {
    let mut by_pair: BTreeMap<(&str, &str), Vec<(usize, usize)>> = BTreeMap::new();
    let mut counts = Vec::new();
    // Evaluations are sorted by image and rater.
    for image in accepted.chunk_by(|one, other| one.image_id == other.image_id) {
        let mut count = vec![0; num_classes];
        for (idx, one) in image.iter().enumerate() {
            count[class(one)] += 1;
            for other in &image[idx + 1..] {
                let pair = by_pair.entry((one.rater.as_str(), other.rater.as_str())).or_default();
                pair.push((class(one), class(other)));
            }
        }
        counts.push(count);
    }
    let kappas: Vec<Option<f64>> = by_pair.values().map(|pairs| cohen_kappa(pairs)).collect();
    let num_raters = |count: &Vec<u64>| count.iter().sum::<u64>();
    let most = counts.iter().map(num_raters).max().unwrap_or(0);
    let complete: Vec<Vec<u64>> =
        counts.iter().filter(|count| num_raters(count) == most).cloned().collect();
    ChanceCorrectedRow {
        cohen_kappa: Score::over_population(&kappas),
        // One rater an image is not an error of the data: there is no agreement to speak of.
        fleiss_kappa: fleiss_kappa(&complete).ok().flatten(),
        fleiss_images: complete.len(),
        krippendorff_alpha: krippendorff_alpha(&counts),
    }
}

/// Table 3b: masks are compared at their own size; who outlined nothing has an empty mask; pairs
/// of two empty masks are left out.
fn outline_rows(dataset: &DermxDataset) -> Rows<OutlineRow> {
    let images: Vec<&str> = dataset.cohort_images(Cohort::Single).into_iter().collect();
    let units: Vec<(&'static str, OneVsRest)> =
        images.par_iter().flat_map_iter(|image_id| outline_units(dataset, image_id)).collect();
    let row = |label| {
        let units: Vec<OneVsRest> =
            units.iter().filter(|(found, _)| *found == label).map(|(_, unit)| *unit).collect();
        OutlineRow { scores: class_scores_over(&units, Spread::Sample), ordered_pairs: units.len() }
    };
    rows(&localisable(), row)
}

fn outline_units(dataset: &DermxDataset, image_id: &str) -> Vec<(&'static str, OneVsRest)> {
    let evaluations = dataset.evaluations_of(image_id);
    let single: Vec<&Evaluation> = evaluations.iter().filter(|one| one.is_single()).collect();
    let mut units = Vec::new();
    for characteristic in localisable() {
        let masks: Vec<Option<Mask>> = single.iter().map(|one| one.mask(characteristic)).collect();
        for (reference_idx, reference) in masks.iter().enumerate() {
            for (other_idx, other) in masks.iter().enumerate() {
                let is_pair = reference_idx != other_idx;
                if is_pair && let Some(counts) = overlap(reference.as_ref(), other.as_ref()) {
                    units.push((characteristic, counts.scores()));
                }
            }
        }
    }
    units
}

/// Pixels in one mask, in both, in neither; `None` when there is no mask at all.
fn overlap(reference: Option<&Mask>, other: Option<&Mask>) -> Option<AgreementCounts> {
    let num_pixels = reference.or(other)?.size().num_pixels();
    let area = |mask: Option<&Mask>| mask.map_or(0, Mask::area);
    let both = match (reference, other) {
        (Some(reference), Some(other)) => reference.intersection_area(other),
        _ => 0,
    };
    let [only_reference, only_other] = [area(reference) - both, area(other) - both];
    Some(AgreementCounts {
        both: both as u64,
        only_reference: only_reference as u64,
        only_other: only_other as u64,
        neither: (num_pixels - both - only_reference - only_other) as u64,
    })
}
