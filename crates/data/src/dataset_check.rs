//! What can be said against a data set that could be read.

use crate::describe::tally;
use crate::image_id::folded;
use crate::suggestion::did_you_mean;
use crate::{AnnotationCheck, Dataset, Finding, FindingKind};
use std::collections::{BTreeMap, BTreeSet};

/// Counts a data set of any format, and finds outlines outside of their images, labels that its schema does not have
/// or that differ only in case, classes without an image, and images without a gold class or a reading where
/// others have one.
pub fn check_dataset(dataset: &Dataset) -> AnnotationCheck {
    let (images, readings) = (dataset.images(), dataset.readings());
    let schema = dataset.schema();
    let gold = images
        .iter()
        .filter_map(|image| Some((image.image_id.clone(), image.gold_class()?.to_owned())));
    let unknown = readings.iter().flat_map(|one| one.unknown_labels(schema));
    let mut check = AnnotationCheck {
        num_annotation_files: readings.len(),
        num_evaluations: readings.len(),
        num_evaluated_images: readings.chunk_by(|a, b| a.image_id == b.image_id).count(),
        num_metadata_images: images.len(),
        unknown_labels: tally(unknown),
        respelled_labels: tally(readings.iter().flat_map(|one| &one.respelled).map(String::as_str)),
        sizes: readings.iter().map(|one| (one.image_id.clone(), one.size)).collect(),
        diagnoses: gold.collect(),
        ..AnnotationCheck::default()
    };
    let mut findings = outside(dataset);
    findings.extend(labels(dataset, &check.unknown_labels));
    findings.extend(incomplete(dataset));
    findings.sort_unstable();
    check.findings = findings;
    check
}

/// Outlines of which no part lies in the image.
fn outside(dataset: &Dataset) -> Vec<Finding> {
    let of_reading = |one: &crate::Reading| -> Vec<Finding> {
        let message = |concept: &str| {
            format!(
                "an outline of `{concept}` by `{}` lies outside of the image `{}` of {} (height x width); it \
                 has no pixel and is not scored",
                one.rater, one.image_id, one.size
            )
        };
        let outside = one.outside().map(|(_, region)| message(&region.concept));
        outside.map(|text| Finding::new(FindingKind::OutsideImage, dataset.root(), text)).collect()
    };
    dataset.readings().iter().flat_map(of_reading).collect()
}

/// Labels that the schema does not have, and those that are the same but for case.
fn labels(dataset: &Dataset, unknown: &BTreeMap<String, usize>) -> Vec<Finding> {
    let schema = dataset.schema();
    let known: Vec<&str> = schema.labels().collect();
    let not_known = unknown.iter().map(|(label, uses)| {
        let message = format!(
            "found `{label}`{} {uses} times; it is no class and no concept of the data set",
            did_you_mean(label, &known)
        );
        Finding::new(FindingKind::UnknownLabel, dataset.root(), message)
    });
    let mut alike: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for &label in &known {
        alike.entry(folded(label)).or_default().insert(label);
    }
    let twins = alike.into_values().filter(|labels| labels.len() > 1).map(|labels| {
        let names = labels.into_iter().collect::<Vec<_>>().join("` and `");
        let message = format!(
            "`{names}` differ only in case and are different labels; [spellings] joins them"
        );
        Finding::new(FindingKind::OtherSpelling, dataset.root(), message)
    });
    not_known.chain(twins).collect()
}

/// Classes without an image, and images that lack what others have.
fn incomplete(dataset: &Dataset) -> Vec<Finding> {
    let images = dataset.images();
    let found: BTreeSet<&String> = images.iter().flat_map(|image| &image.gold).collect();
    let missing = |message: String| Finding::new(FindingKind::Missing, dataset.root(), message);
    let stale = |message: String| Finding::new(FindingKind::StaleRow, dataset.root(), message);
    let empty = dataset.schema().classes.iter().filter(|class| !found.contains(class));
    let mut findings: Vec<Finding> =
        empty.map(|class| missing(format!("no image is of the class `{class}`"))).collect();
    let counted = |what: &str, ids: Vec<&str>| {
        let some_have = !ids.is_empty() && ids.len() < images.len();
        some_have
            .then(|| format!("{} of {} images {what}: `{}`, ...", ids.len(), images.len(), ids[0]))
    };
    let without_class = images.iter().filter(|image| image.gold.is_empty());
    let without_class = without_class.map(|image| image.image_id.as_str()).collect();
    findings.extend(counted("have no gold class", without_class).map(stale));
    findings.extend(counted("were read by nobody", dataset.images_without_evaluation()).map(stale));
    findings
}
