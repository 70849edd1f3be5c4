//! What can be said against a data set that could be read.

use crate::describe::tally;
use crate::image_id::folded;
use crate::suggestion::did_you_mean;
use crate::{AnnotationCheck, Dataset, Finding, FindingKind, ImageSize, Reading, Region, Shape};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Counts a data set of any format, and finds what was [noted](Dataset::notes) while it was read, outlines outside of
/// their images or without an area, labels that its schema does not have, labels and raters that differ only in case
/// or white space, classes without an image, images of several classes, and images without a gold class or a reading
/// where others have one.
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
    let mut findings = outlines(dataset);
    findings.extend_from_slice(dataset.notes());
    findings.extend(labels(dataset, &check.unknown_labels));
    findings.extend(incomplete(dataset));
    findings.sort_unstable();
    check.findings = findings;
    check
}

/// How far, in pixels, a vertex may lie outside of its image: at the rim a hand slips.
const SLIP: f64 = 1.0;

/// Outlines that lie outside of their image, wholly or in part, and regions without an area.
fn outlines(dataset: &Dataset) -> Vec<Finding> {
    let of_reading = |one: &Reading| -> Vec<Finding> {
        let finding = |(region_idx, region): (usize, &Region)| {
            let (kind, what) = outline(region, one.size)?;
            let message = format!(
                "an outline of `{}` by `{}` (number {} of the image `{}`, {} height x width) {what}",
                region.concept,
                one.rater,
                region_idx + 1,
                one.image_id,
                one.size
            );
            Some(Finding::new(kind, dataset.root(), message))
        };
        one.regions.iter().enumerate().filter_map(finding).collect()
    };
    dataset.readings().par_iter().flat_map_iter(of_reading).collect()
}

/// What is odd about an outline in an image of `size`, if anything.
fn outline(region: &Region, size: ImageSize) -> Option<(FindingKind, &'static str)> {
    let sides = [size.width, size.height].map(f64::from);
    let is_off = |value: &f64, side: f64| *value < -SLIP || *value > side + SLIP;
    let leaves = |[x, y]: &[f64; 2]| is_off(x, sides[0]) || is_off(y, sides[1]);
    if region.is_outside(size) {
        let what = "lies outside of the image; it has no pixel and is not scored";
        return Some((FindingKind::OutsideImage, what));
    }
    if let Shape::Polygon { rings, .. } = &region.shape
        && rings.iter().any(|ring| ring.len() < 3)
    {
        return Some((FindingKind::NoArea, "has fewer than three corners"));
    }
    if region.rings().iter().flatten().any(leaves) {
        let what = "lies in part outside of the image; that part has no pixel";
        return Some((FindingKind::OutsideImage, what));
    }
    region.mask(size).is_empty().then_some((FindingKind::NoArea, "has no pixel"))
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
    let labels = twins(known.iter().copied()).into_iter().map(|names| {
        format!(
            "`{names}` differ only in case or white space and are different labels; [spellings] joins them"
        )
    });
    let raters = twins(dataset.raters().into_iter()).into_iter().map(|names| {
        format!("`{names}` differ only in case or white space and are different raters")
    });
    let alike = labels.chain(raters);
    let alike = alike.map(|text| Finding::new(FindingKind::OtherSpelling, dataset.root(), text));
    not_known.chain(alike).collect()
}

/// Names that are one but for case and white space, joined for a message.
fn twins<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut alike: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        let words: Vec<String> = name.split_whitespace().map(folded).collect();
        alike.entry(words.concat()).or_default().insert(name);
    }
    let twins = alike.into_values().filter(|names| names.len() > 1);
    twins.map(|names| names.into_iter().collect::<Vec<_>>().join("` and `")).collect()
}

/// Classes without an image, and images that lack what others have.
fn incomplete(dataset: &Dataset) -> Vec<Finding> {
    let images = dataset.images();
    let found: BTreeSet<&String> = images.iter().flat_map(|image| &image.gold).collect();
    let missing = |message: String| Finding::new(FindingKind::Missing, dataset.root(), message);
    let incomplete =
        |message: String| Finding::new(FindingKind::Incomplete, dataset.root(), message);
    let empty = dataset.schema().classes.iter().filter(|class| !found.contains(class));
    let mut findings: Vec<Finding> =
        empty.map(|class| missing(format!("no image is of the class `{class}`"))).collect();
    let counted = |what: &str, ids: &[&str]| {
        let rest = if ids.len() > 1 { ", ..." } else { "" };
        format!("{} of {} images {what}: `{}`{rest}", ids.len(), images.len(), ids[0])
    };
    let with_gold = |is_meant: fn(usize) -> bool| -> Vec<&str> {
        let meant = images.iter().filter(|image| is_meant(image.gold.len()));
        meant.map(|image| image.image_id.as_str()).collect()
    };
    let unread = dataset.images_without_evaluation();
    for (ids, what) in [
        (with_gold(|num| num == 0), "have no gold class and are not tested on"),
        (unread, "were read by nobody"),
    ] {
        // What no image has is no part of the data set.
        if !ids.is_empty() && ids.len() < images.len() {
            findings.push(incomplete(counted(what, &ids)));
        }
    }
    let several = with_gold(|num| num > 1);
    if !several.is_empty() {
        findings
            .push(incomplete(counted("have several gold classes and are not tested on", &several)));
    }
    findings
}
