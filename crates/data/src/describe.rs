//! What a data set holds: counts, the tables that need no score, and the labels in use.

use crate::ontology::{DIAGNOSES, TermKind, kind_of};
use crate::{Cohort, DermxDataset, Evaluation, ImageRecord};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A count per name.
type Tally = BTreeMap<String, usize>;

/// The counts of a data set, ready to be written as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The raters, sorted.
    pub raters: Vec<String>,
    /// Evaluations and images by cohort.
    pub counts: Counts,
    /// Table 1: images of the cohort `single` by source data set and gold-standard diagnosis.
    pub table_1: BTreeMap<String, Tally>,
    /// The DermX row of Table 4: the column sums of Table 1.
    pub table_4_dermx: Tally,
    /// Images by skin tone, over all rows of the metadata.
    pub skin_tone: Tally,
    /// Images by age, over all rows of the metadata.
    pub age: Tally,
    /// Images by gold-standard diagnosis, over all rows of the metadata.
    pub metadata_images_per_class: Tally,
    /// How many evaluated images have no row in the metadata.
    pub images_without_metadata: usize,
    /// Evaluations of images that have no row in the metadata.
    pub evaluations_without_metadata: usize,
    /// How many images of the metadata nobody evaluated.
    pub images_without_evaluation: usize,
    /// Outlines of which no part lies in the image, see [`Instance::is_outside`](crate::Instance).
    pub outlines_outside: usize,
    /// What lies in `annotations/`, `masks/` and `folds/` and is not read, see
    /// [`DermxDataset::not_read`].
    pub not_read: Vec<PathBuf>,
    /// Evaluations by round of annotation, see [`Evaluation::round`].
    pub evaluations_per_round: BTreeMap<u32, usize>,
    /// Whether the published mask files are there.
    pub has_mask_files: bool,
    /// Uses of each label by kind (`diagnosis`, `discard`, `non_localisable`, `basic`,
    /// `additional`, `later`, `attributes`, `unknown`): tags per evaluation, outlines and
    /// attributes per instance.
    pub ontology: BTreeMap<&'static str, Tally>,
    /// Uses of other spellings of a label, see [`Evaluation::respelled`].
    pub respelled: Tally,
}

/// Evaluations and images by cohort.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counts {
    /// All evaluations.
    pub evaluations: usize,
    /// Evaluated images.
    pub images: usize,
    /// How many images have so many evaluations.
    pub evaluations_per_image: BTreeMap<usize, usize>,
    /// Evaluations with a discard tag.
    pub with_discard_tag: usize,
    /// Evaluations with the tag `Other-disease`.
    pub other_disease_tag: usize,
    /// Evaluations with the tag `Low-quality`.
    pub low_quality_tag: usize,
    /// Evaluations with neither a diagnosis nor a discard tag.
    pub without_any_diagnosis_tag: usize,
    /// Evaluations of the cohort `discarded`.
    pub discarded: usize,
    /// Evaluations of the cohort `accepted`.
    pub accepted_evaluations: usize,
    /// Images of the cohort `accepted`.
    pub accepted_images: usize,
    /// Accepted evaluations with several diagnoses.
    pub multi_diagnosis_evaluations: usize,
    /// Those among them that the other raters do not settle: not exactly one of the diagnoses is
    /// also named in another accepted evaluation of the image.
    pub multi_diagnosis_unresolved: usize,
    /// Evaluations of the cohort `single`.
    pub single_evaluations: usize,
    /// Images of the cohort `single`.
    pub single_images: usize,
    /// Accepted evaluations without the unresolved ones.
    pub accepted_minus_unresolved_evaluations: usize,
    /// Images of the accepted evaluations without the unresolved ones.
    pub accepted_minus_unresolved_images: usize,
    /// How many images two raters have in common.
    pub shared_images_per_rater_pair: SharedImages,
}

/// How many images two raters both accepted, over the unordered pairs of raters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedImages {
    /// The number of pairs.
    pub pairs: usize,
    /// The least images of a pair; `None` without a pair.
    pub min: Option<usize>,
    /// The median; the mean of the middle two when the number of pairs is even.
    pub median: Option<f64>,
    /// The most images of a pair.
    pub max: Option<usize>,
    /// The number of pairs without a common image.
    pub zero: usize,
}

/// Counts what `dataset` holds.
///
/// # Source
/// The counts in the text, Table 1 and the DermX row of Table 4 of the DermX paper (2021).
pub fn describe(dataset: &DermxDataset) -> Description {
    let (images, evaluations) = (dataset.images(), dataset.evaluations());
    let single = dataset.cohort_images(Cohort::Single);
    let single: Vec<&ImageRecord> =
        images.iter().filter(|image| single.contains(image.image_id.as_str())).collect();
    let (table_1, table_4_dermx) = images_by_source(dataset, &single);
    Description {
        raters: dataset.raters().into_iter().map(str::to_owned).collect(),
        counts: counts(dataset),
        table_1,
        table_4_dermx,
        skin_tone: tally(images.iter().map(|image| image.skin_tone.as_str())),
        age: tally(images.iter().map(|image| image.age.as_str())),
        metadata_images_per_class: tally_diagnoses(images),
        images_without_metadata: dataset.images_without_metadata().len(),
        images_without_evaluation: dataset.images_without_evaluation().len(),
        outlines_outside: evaluations.iter().map(|one| one.outside().count()).sum(),
        not_read: dataset.not_read().to_vec(),
        evaluations_without_metadata: evaluations
            .iter()
            .filter(|one| dataset.image(&one.image_id).is_none())
            .count(),
        evaluations_per_round: count_by(evaluations.iter().map(Evaluation::round)),
        has_mask_files: dataset.has_mask_files(),
        ontology: ontology(evaluations),
        respelled: tally(evaluations.iter().flat_map(|one| &one.respelled).map(String::as_str)),
    }
}

/// `images` by source data set and gold-standard diagnosis, zeros included, and the column sums.
///
/// # Source
/// Table 1 and the DermX row of Table 4 of the DermX paper (2021).
pub fn images_by_source(
    dataset: &DermxDataset,
    images: &[&ImageRecord],
) -> (BTreeMap<String, Tally>, Tally) {
    let sources: BTreeSet<&str> =
        dataset.images().iter().map(|image| image.dataset.as_str()).collect();
    let row =
        |source: &str| tally_diagnoses(images.iter().filter(|one| one.dataset == source).copied());
    let rows = sources.into_iter().map(|source| (source.to_owned(), row(source))).collect();
    (rows, tally_diagnoses(images.iter().copied()))
}

pub(crate) fn tally<'a>(names: impl IntoIterator<Item = &'a str>) -> Tally {
    count_by(names.into_iter().map(str::to_owned))
}

fn count_by<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// Images per diagnosis, zeros included.
fn tally_diagnoses<'a>(images: impl IntoIterator<Item = &'a ImageRecord>) -> Tally {
    let mut tally: Tally = DIAGNOSES.map(|diagnosis| (diagnosis.to_owned(), 0)).into();
    for image in images {
        *tally.entry(image.diagnosis.clone()).or_default() += 1;
    }
    tally
}

fn counts(dataset: &DermxDataset) -> Counts {
    let evaluations = dataset.evaluations();
    let count =
        |rule: &dyn Fn(&Evaluation) -> bool| evaluations.iter().filter(|one| rule(one)).count();
    let has_tag = |tag: &str| count(&|one| one.discards.iter().any(|discard| discard == tag));
    let of_cohort = |cohort: Cohort| count(&|one| cohort.contains(one));
    let multiple = |one: &Evaluation| one.is_accepted() && !one.is_single();
    let unresolved =
        |one: &Evaluation| multiple(one) && !is_settled(one, dataset.evaluations_of(&one.image_id));
    let kept: BTreeSet<&str> = dataset
        .cohort(Cohort::Accepted)
        .filter(|one| !unresolved(one))
        .map(|one| one.image_id.as_str())
        .collect();
    let of_images = evaluations.chunk_by(|a, b| a.image_id == b.image_id);
    Counts {
        evaluations: evaluations.len(),
        images: dataset.cohort_images(Cohort::All).len(),
        evaluations_per_image: count_by(of_images.map(<[Evaluation]>::len)),
        with_discard_tag: count(&|one| !one.discards.is_empty()),
        other_disease_tag: has_tag("Other-disease"),
        low_quality_tag: has_tag("Low-quality"),
        without_any_diagnosis_tag: count(&|one| {
            one.diagnoses.is_empty() && one.discards.is_empty()
        }),
        discarded: of_cohort(Cohort::Discarded),
        accepted_evaluations: of_cohort(Cohort::Accepted),
        accepted_images: dataset.cohort_images(Cohort::Accepted).len(),
        multi_diagnosis_evaluations: count(&multiple),
        multi_diagnosis_unresolved: count(&unresolved),
        single_evaluations: of_cohort(Cohort::Single),
        single_images: dataset.cohort_images(Cohort::Single).len(),
        accepted_minus_unresolved_evaluations: count(&|one| one.is_accepted() && !unresolved(one)),
        accepted_minus_unresolved_images: kept.len(),
        shared_images_per_rater_pair: shared_images(dataset),
    }
}

/// Whether exactly one diagnosis of `evaluation` is also named by another rater of the image, in an
/// accepted evaluation of `of_image`; a rater's other rounds do not count.
pub fn is_settled(evaluation: &Evaluation, of_image: &[Evaluation]) -> bool {
    let is_other =
        |other: &&Evaluation| other.is_accepted() && other.person() != evaluation.person();
    let others = of_image.iter().filter(is_other);
    let named: BTreeSet<&String> = others.flat_map(|other| &other.diagnoses).collect();
    evaluation.diagnoses.iter().filter(|diagnosis| named.contains(diagnosis)).count() == 1
}

fn shared_images(dataset: &DermxDataset) -> SharedImages {
    let mut images: BTreeMap<&str, BTreeSet<&str>> =
        dataset.raters().into_iter().map(|rater| (rater, BTreeSet::new())).collect();
    for evaluation in dataset.cohort(Cohort::Accepted) {
        images.entry(&evaluation.rater).or_default().insert(&evaluation.image_id);
    }
    let images: Vec<_> = images.into_values().collect();
    let pairs = images.iter().enumerate().flat_map(|(rater_idx, first)| {
        images.iter().skip(rater_idx + 1).map(|second| first.intersection(second).count())
    });
    let mut shared: Vec<usize> = pairs.collect();
    shared.sort_unstable();
    let middle = shared.get(shared.len().saturating_sub(1) / 2).zip(shared.get(shared.len() / 2));
    SharedImages {
        pairs: shared.len(),
        min: shared.first().copied(),
        median: middle.map(|(low, high)| (low + high) as f64 / 2.0),
        max: shared.last().copied(),
        zero: shared.iter().filter(|&&count| count == 0).count(),
    }
}

fn ontology(evaluations: &[Evaluation]) -> BTreeMap<&'static str, Tally> {
    let zeros = |kind: TermKind| kind.labels().iter().map(|&label| (label.to_owned(), 0)).collect();
    let mut ontology: BTreeMap<&str, Tally> =
        TermKind::ALL.into_iter().map(|kind| (block(Some(kind)), zeros(kind))).collect();
    ontology.insert(block(None), Tally::new());
    for label in evaluations.iter().flat_map(Evaluation::labels) {
        let tally = ontology.entry(block(kind_of(label))).or_default();
        *tally.entry(label.to_owned()).or_default() += 1;
    }
    ontology
}

/// The name of the block of [`Description::ontology`] for labels of `kind`.
fn block(kind: Option<TermKind>) -> &'static str {
    match kind {
        Some(TermKind::Diagnosis) => "diagnosis",
        Some(TermKind::Discard) => "discard",
        Some(TermKind::NonLocalisable) => "non_localisable",
        Some(TermKind::Basic) => "basic",
        Some(TermKind::Additional) => "additional",
        Some(TermKind::Later) => "later",
        Some(TermKind::Attribute) => "attributes",
        None => "unknown",
    }
}
