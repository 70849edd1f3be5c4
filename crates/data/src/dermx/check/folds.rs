//! Folds against the metadata and against each other.

use super::Checker;
use crate::folds::{files, fold_indices, folder, read_side};
use crate::{Finding, FindingKind, FoldImage, ImageNames};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// One file of a fold.
struct Side {
    path: PathBuf,
    images: Vec<FoldImage>,
}

impl Checker<'_> {
    /// Everything about folds; nothing without a folder of them.
    pub fn check_folds(&mut self) {
        let fold_indices = match fold_indices(self.root) {
            Ok(fold_indices) => fold_indices,
            Err(error) => return self.result.findings.push(error.into()),
        };
        self.result.num_folds = fold_indices.len();
        let mut tests = Vec::new();
        for &fold_idx in &fold_indices {
            let [train, test] = files(self.root, fold_idx).map(|path| self.read_side(path));
            let sides = [&train, &test];
            let unknown = sides.into_iter().flatten().flat_map(|side| self.unknown_images(side));
            let unknown: Vec<_> = unknown.collect();
            self.result.findings.extend(unknown);
            if let (Some(train), Some(test)) = (&train, &test) {
                self.result.findings.extend(leakage(train, test));
            }
            tests.extend(test);
        }
        self.result.findings.extend(tested_twice(&tests));
        // That an image is in no test can only be said of all tests.
        if !tests.is_empty() && tests.len() == fold_indices.len() {
            let untested = self.untested(&tests);
            self.result.findings.extend(untested);
        }
    }

    fn read_side(&mut self, path: PathBuf) -> Option<Side> {
        let read = read_side(&path).map_err(|error| self.result.findings.push(error.into()));
        let mut images = read.ok()?;
        // A fold may name folders, which the ids of the metadata do not have.
        let ids: Vec<&str> = self.images.iter().flatten().map(String::as_str).collect();
        let known = ImageNames::of_ids(ids.iter().copied());
        for image in &mut images {
            if let Ok(Some(idx)) = known.find(&image.image_id) {
                image.image_id = ids[idx].to_owned();
            }
        }
        Some(Side { images, path })
    }

    /// Images that the metadata do not have.
    fn unknown_images(&self, side: &Side) -> Vec<Finding> {
        let Some(known) = &self.images else { return Vec::new() };
        let unknown = side.images.iter().filter(|image| !known.contains(&image.image_id));
        let finding = |image: &FoldImage| {
            let message =
                format!("found the image `{}`; metadata.csv has no row for it", image.image_id);
            Finding::new(FindingKind::StaleRow, &side.path, message)
        };
        unknown.map(finding).collect()
    }

    /// Images of the metadata that are in no test.
    fn untested(&self, tests: &[Side]) -> Vec<Finding> {
        let Some(images) = &self.images else { return Vec::new() };
        let tested: BTreeSet<&str> = tests.iter().flat_map(Side::image_ids).collect();
        let finding = |image: &String| {
            let message =
                format!("found the image `{image}` in no test fold; expected it in one of them");
            Finding::new(FindingKind::Missing, &folder(self.root), message)
        };
        images.iter().filter(|image| !tested.contains(image.as_str())).map(finding).collect()
    }
}

impl Side {
    fn image_ids(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(|image| image.image_id.as_str())
    }
}

/// Images, and patients, that are both in training and in test.
fn leakage(train: &Side, test: &Side) -> Vec<Finding> {
    let images: BTreeSet<&str> = train.image_ids().collect();
    let known = train.images.iter().filter(|image| !image.patient_id.is_empty());
    let patients: BTreeMap<&str, &str> =
        known.map(|image| (image.patient_id.as_str(), image.image_id.as_str())).collect();
    let message = |FoldImage { image_id, patient_id }: &FoldImage| {
        if images.contains(image_id.as_str()) {
            return Some(format!("found the image `{image_id}`, which is also in training"));
        }
        patients.get(patient_id.as_str()).map(|other| {
            format!(
                "found the image `{image_id}` of the patient `{patient_id}`, who is also in \
                 training, with the image `{other}`"
            )
        })
    };
    let messages = test.images.iter().filter_map(message);
    messages.map(|message| Finding::new(FindingKind::Leakage, &test.path, message)).collect()
}

/// Images that are in two tests.
fn tested_twice(tests: &[Side]) -> Vec<Finding> {
    let mut tested: BTreeMap<&str, &PathBuf> = BTreeMap::new();
    let mut findings = Vec::new();
    for side in tests {
        for image_id in side.image_ids() {
            if let Some(first) = tested.insert(image_id, &side.path) {
                let first = first.file_name().unwrap_or_default().display();
                let message = format!(
                    "found the image `{image_id}`, which is also in {first}; expected each image \
                     in one test fold"
                );
                findings.push(Finding::new(FindingKind::WrongRow, &side.path, message));
            }
        }
    }
    findings
}
