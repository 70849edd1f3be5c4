//! The real data set against the numbers of the paper; `DERMX_DATA` names its root.

use crate::fixture;

use dermx_data::{
    Cohort, Dataset, FindingKind, MaskLayout, Selection, check_annotations, describe,
};
use serde_json::{Value, json};
use std::ffi::OsStr;

/// The data set, or `None` with a loud note when `DERMX_DATA` is not set.
fn real() -> Option<Dataset> {
    let root = fixture::real_root()?;
    Some(dermx_data::dermx::read(&root).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn real_cohorts_have_the_published_sizes() {
    let Some(dataset) = real() else { return };
    let sizes = [Cohort::All, Cohort::Discarded, Cohort::Accepted, Cohort::Single]
        .map(|cohort| (dataset.cohort(cohort).count(), dataset.cohort_images(cohort).len()));
    assert_eq!(sizes[0], (1698, 566));
    assert_eq!(sizes[1].0, 411);
    assert_eq!(sizes[2], (1287, 526));
    assert_eq!(sizes[3], (1277, 525));
    assert!(dataset.images_without_metadata().is_empty());
    assert!(dataset.has_mask_files());
}

#[test]
fn real_description_has_the_published_counts_and_tables() {
    let Some(dataset) = real() else { return };
    let found = serde_json::to_value(describe(&dataset)).unwrap();
    let expected: Value = serde_json::from_str(include_str!("dermx_conformance.json")).unwrap();
    for (key, expected) in expected.as_object().unwrap() {
        assert_eq!(found[key], *expected, "{key}");
    }
}

#[test]
fn real_labels_have_the_published_counts() {
    let Some(dataset) = real() else { return };
    let found = serde_json::to_value(describe(&dataset).ontology).unwrap();
    assert_eq!(
        found["classes"],
        json!({
            "Psoriasis": 320, "Acne": 282, "Vitiligo": 238, "Actinic keratosis": 221,
            "Viral warts": 197, "Seborrheic dermatitis": 190,
        })
    );
    assert_eq!(found["discard"], json!({"Other-disease": 273, "Low-quality": 135}));
    assert_eq!(
        found["non_localisable"],
        json!({
            "Seborrheic region": 353, "Light skin": 350, "Exposed areas": 307, "Elderly": 233,
            "Young": 199, "Male": 199, "Acral distribution": 180, "Female": 129,
            "Symmetrical": 123, "Palmo-plantar distribution": 94, "Extensor sites": 91,
            "Periorificial": 34, "Dark skin": 33, "Köbnerization": 23, "Intertriginous": 13,
        })
    );
    assert_eq!(
        found["basic"],
        json!({
            "Plaque": 742, "Scale": 684, "Papule": 488, "Patch": 418, "Pustule": 200,
            "Macule": 127, "Nodule": 63,
        })
    );
    assert_eq!(
        found["additional"],
        json!({
            "Open comedo": 203, "Scar": 140, "Closed comedo": 136, "Sun damage": 135,
            "Dermatoglyph disruption": 92, "Thrombosed capillaries": 70, "Telangiectasia": 26,
            "Cyst": 23, "Leukotrichia": 15,
        })
    );
    assert_eq!(
        found["attributes"],
        json!({
            "Red": 1028, "Well-circumscribed": 849, "White": 641, "Hyperkeratotic": 506,
            "Rough": 449, "Poorly-circumscribed": 446, "Indurated": 439, "Thick": 412,
            "Depigmented": 298, "Round": 290, "Convex-margins": 264, "Fine": 203, "Yellow": 180,
            "Greasy": 148, "Skin-coloured": 120, "Hard": 116, "Thin": 109,
            "Normal-pigmentation-island": 108, "Gritty": 104, "Flat-surface": 97,
            "Hyper-pigmented": 83, "Salmon-pink": 65, "Hypo-pigmented": 21, "Halo": 7,
        })
    );
    assert_eq!(found["unknown"], json!({}));
}

/// Raster against PNG for every mask, and nothing else to find but two outlines outside of their images.
#[test]
fn real_annotations_pass_the_check_with_every_mask_bit_for_bit() {
    let Some(root) = fixture::real_root() else { return };
    let check = check_annotations(&root).unwrap();
    let found = check.findings.iter().map(|one| (one.kind, one.path.file_stem().unwrap()));
    let outside = ["derm3_acne-face-4-4--WatermarkedWyJXYXRlcm1hcmtlZCJd", "derm4_017317HB"];
    assert!(found.eq(outside.map(|name| (FindingKind::OutsideImage, OsStr::new(name)))));
    assert_eq!((check.masks_compared, check.masks_equal), (3562, 3562));
    assert_eq!((check.num_mask_files, check.num_mask_rows), (3562, 3562));
    assert_eq!((check.num_annotation_files, check.num_evaluations), (1698, 1698));
    assert_eq!((check.num_evaluated_images, check.num_metadata_images), (566, 566));
    assert_eq!(check.mask_layout, Some(MaskLayout::ByInstance));
}

#[test]
fn real_selection_of_the_study_is_everything() {
    let Some(dataset) = real() else { return };
    let selected = dataset.clone().select(Selection::default());
    assert_eq!(selected.num_left_out(), 0);
    assert!(selected.readings() == dataset.readings());
}

/// As of the releases before data sets of other studies were read.
#[test]
fn real_hash_is_that_of_earlier_versions() {
    let Some(dataset) = real() else { return };
    assert_eq!(
        dataset.content_hash().to_hex().as_str(),
        "d0c984453385fd22b9e6ed63380ad7a4c407134e9126203b7a072abb607708f9"
    );
}
