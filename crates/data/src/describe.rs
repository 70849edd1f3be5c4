//! What a data set holds: counts, the tables that need no score, and the labels in use.

use crate::dermx::StudyCounts;
use crate::schema::{LabelKind, Schema, Study};
use crate::{Cohort, Dataset, Image, Reading};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A count per name.
pub(crate) type Tally = BTreeMap<String, usize>;

/// The counts of a data set, ready to be written as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// What the data set is called.
    pub name: String,
    /// The raters, sorted.
    pub raters: Vec<String>,
    /// Readings and images by cohort.
    pub counts: Counts,
    /// The tables of the study, of its releases only.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub study: Option<StudyCounts>,
    /// Images by attribute and value.
    pub attributes: BTreeMap<String, Tally>,
    /// Images by gold class; those of several count for each.
    #[serde(rename = "metadata_images_per_class")]
    pub images_per_class: Tally,
    /// Images of the data set, read or not.
    #[serde(rename = "metadata_images")]
    pub num_images: usize,
    /// Images without a gold class.
    pub images_without_class: usize,
    /// Images with several gold classes.
    pub images_of_several_classes: usize,
    /// How many evaluated images have no row in the metadata.
    pub images_without_metadata: usize,
    /// Evaluations of images that have no row in the metadata.
    pub evaluations_without_metadata: usize,
    /// How many images of the metadata nobody evaluated.
    pub images_without_evaluation: usize,
    /// Regions of which no part lies in the image, see [`Region::is_outside`](crate::Region).
    pub outlines_outside: usize,
    /// What lies in `annotations/`, `masks/` and `folds/` and is not read, see
    /// [`Dataset::not_read`].
    pub not_read: Vec<PathBuf>,
    /// Evaluations by round of annotation, see [`Reading::round`].
    pub evaluations_per_round: BTreeMap<u32, usize>,
    /// Whether the published mask files are there.
    pub has_mask_files: bool,
    /// Uses of each label by kind (`diagnosis`, `discard`, each group of concepts, `attributes`, `unknown`):
    /// labels of the image once a reading, concepts and attributes once a region.
    pub ontology: BTreeMap<String, Tally>,
    /// Uses of other spellings of a label, see [`Reading::respelled`].
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
    /// Those with each such label.
    #[serde(skip_serializing_if = "Tally::is_empty")]
    pub discards: Tally,
    /// The same in a release of the study, under the names of its reference.
    #[serde(flatten)]
    pub study_discards: Tally,
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
/// Of DermX, the counts in the text, Table 1 and the DermX row of Table 4 of its paper (2021).
pub fn describe(dataset: &Dataset) -> Description {
    let (images, readings) = (dataset.images(), dataset.readings());
    let single = dataset.cohort_images(Cohort::Single);
    let single: Vec<&Image> =
        images.iter().filter(|image| single.contains(image.image_id.as_str())).collect();
    let schema = dataset.schema();
    let attribute = |name: &String| (name.clone(), tally_attribute(images, name));
    Description {
        name: schema.name.clone(),
        raters: dataset.raters().into_iter().map(str::to_owned).collect(),
        counts: counts(dataset),
        study: schema.study.map(|Study::Dermx| StudyCounts::of(dataset, &single)),
        attributes: schema.image_attributes.iter().map(attribute).collect(),
        images_per_class: tally_classes(schema, images),
        num_images: images.len(),
        images_of_several_classes: images.iter().filter(|image| image.gold.len() > 1).count(),
        images_without_class: images.iter().filter(|image| image.gold.is_empty()).count(),
        images_without_metadata: dataset.images_without_metadata().len(),
        images_without_evaluation: dataset.images_without_evaluation().len(),
        outlines_outside: readings.iter().map(|one| one.outside().count()).sum(),
        not_read: dataset.not_read().to_vec(),
        evaluations_without_metadata: readings
            .iter()
            .filter(|one| dataset.image(&one.image_id).is_none())
            .count(),
        evaluations_per_round: count_by(readings.iter().map(|one| one.round)),
        has_mask_files: dataset.has_mask_files(),
        ontology: ontology(schema, readings),
        respelled: tally(readings.iter().flat_map(|one| &one.respelled).map(String::as_str)),
    }
}

/// Images by the value of an attribute.
pub(crate) fn tally_attribute(images: &[Image], name: &str) -> Tally {
    tally(images.iter().map(|image| image.attribute(name)))
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

/// Images per class, zeros included.
pub(crate) fn tally_classes<'a>(
    schema: &Schema,
    images: impl IntoIterator<Item = &'a Image>,
) -> Tally {
    let mut tally: Tally = schema.classes.iter().map(|class| (class.clone(), 0)).collect();
    for class in images.into_iter().flat_map(|image| &image.gold) {
        *tally.entry(class.clone()).or_default() += 1;
    }
    tally
}

/// `other_disease_tag` for `Other-disease`.
fn study_key(label: &str) -> String {
    label.to_lowercase().replace('-', "_") + "_tag"
}

fn counts(dataset: &Dataset) -> Counts {
    let evaluations = dataset.readings();
    let count =
        |rule: &dyn Fn(&Reading) -> bool| evaluations.iter().filter(|one| rule(one)).count();
    let has_tag = |tag: &str| count(&|one| one.discards.iter().any(|discard| discard == tag));
    let schema = dataset.schema();
    let discards = |key: fn(&str) -> String, is_study: bool| -> Tally {
        let labels = schema.discards.iter().filter(|_| schema.study.is_some() == is_study);
        labels.map(|label| (key(label), has_tag(label))).collect()
    };
    let of_cohort = |cohort: Cohort| count(&|one| cohort.contains(one));
    let multiple = |one: &Reading| one.is_accepted() && !one.is_single();
    let unresolved =
        |one: &Reading| multiple(one) && !is_settled(one, dataset.readings_of(&one.image_id));
    let kept: BTreeSet<&str> = dataset
        .cohort(Cohort::Accepted)
        .filter(|one| !unresolved(one))
        .map(|one| one.image_id.as_str())
        .collect();
    let of_images = evaluations.chunk_by(|a, b| a.image_id == b.image_id);
    Counts {
        evaluations: evaluations.len(),
        images: dataset.cohort_images(Cohort::All).len(),
        evaluations_per_image: count_by(of_images.map(<[Reading]>::len)),
        with_discard_tag: count(&|one| !one.discards.is_empty()),
        discards: discards(|label| label.to_owned(), false),
        study_discards: discards(study_key, true),
        without_any_diagnosis_tag: count(&|one| one.classes.is_empty() && one.discards.is_empty()),
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
pub fn is_settled(evaluation: &Reading, of_image: &[Reading]) -> bool {
    let is_other = |other: &&Reading| other.is_accepted() && other.person != evaluation.person;
    let others = of_image.iter().filter(is_other);
    let named: BTreeSet<&String> = others.flat_map(|other| &other.classes).collect();
    evaluation.classes.iter().filter(|diagnosis| named.contains(diagnosis)).count() == 1
}

fn shared_images(dataset: &Dataset) -> SharedImages {
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

fn ontology(schema: &Schema, readings: &[Reading]) -> BTreeMap<String, Tally> {
    let zeros = |labels: &[String]| labels.iter().map(|label| (label.clone(), 0)).collect();
    let mut ontology: BTreeMap<String, Tally> = [
        (CLASSES, zeros(&schema.classes)),
        (DISCARDS, zeros(&schema.discards)),
        (ATTRIBUTES, zeros(&schema.region_attributes)),
        (UNKNOWN, Tally::new()),
    ]
    .map(|(block, labels)| (block.to_owned(), labels))
    .into();
    for concept in &schema.concepts {
        let block = ontology.entry(group(&concept.group)).or_default();
        block.insert(concept.name.clone(), 0);
    }
    for label in readings.iter().flat_map(Reading::labels) {
        let block = match schema.kind_of(label) {
            Some(LabelKind::Class) => CLASSES.to_owned(),
            Some(LabelKind::Discard) => DISCARDS.to_owned(),
            Some(LabelKind::Attribute) => ATTRIBUTES.to_owned(),
            Some(LabelKind::Concept) => {
                group(schema.concept(label).map_or("", |concept| &concept.group))
            }
            None => UNKNOWN.to_owned(),
        };
        *ontology.entry(block).or_default().entry(label.to_owned()).or_default() += 1;
    }
    ontology
}

/// Blocks of [`Description::ontology`].
const CLASSES: &str = "classes";
const DISCARDS: &str = "discard";
const ATTRIBUTES: &str = "attributes";
const UNKNOWN: &str = "unknown";

/// The block of a group of concepts, which has no name of another block.
fn group(name: &str) -> String {
    match name {
        "" => "concepts".to_owned(),
        CLASSES | DISCARDS | ATTRIBUTES | UNKNOWN => format!("concepts: {name}"),
        name => name.to_owned(),
    }
}
