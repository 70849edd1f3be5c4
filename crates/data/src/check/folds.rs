//! Folds against the metadata and against each other.

use super::Checker;
use crate::folds::{files, fold_indices, folder, read_side};
use crate::{FindingKind, FoldImage};
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
            for side in [&train, &test].into_iter().flatten() {
                self.check_known(side);
            }
            if let (Some(train), Some(test)) = (&train, &test) {
                self.check_leakage(train, test);
            }
            tests.extend(test);
        }
        if !fold_indices.is_empty() {
            self.check_tests(&tests, tests.len() == fold_indices.len());
        }
    }

    fn read_side(&mut self, path: PathBuf) -> Option<Side> {
        match read_side(&path) {
            Ok(images) => Some(Side { path, images }),
            Err(error) => {
                self.result.findings.push(error.into());
                None
            }
        }
    }

    /// Images that the metadata do not have.
    fn check_known(&mut self, side: &Side) {
        let Some(known) = self.images.clone() else { return };
        for image in side.images.iter().filter(|image| !known.contains(&image.image_id)) {
            let message =
                format!("found the image `{}`; metadata.csv has no row for it", image.image_id);
            self.report(FindingKind::StaleRow, &side.path, message);
        }
    }

    /// Images, and patients, that are both in training and in test.
    fn check_leakage(&mut self, train: &Side, test: &Side) {
        let images: BTreeSet<&str> =
            train.images.iter().map(|image| image.image_id.as_str()).collect();
        let patients: BTreeMap<&str, &str> = train
            .images
            .iter()
            .filter(|image| !image.patient_id.is_empty())
            .map(|image| (image.patient_id.as_str(), image.image_id.as_str()))
            .collect();
        for FoldImage { image_id, patient_id } in &test.images {
            if images.contains(image_id.as_str()) {
                let message = format!("found the image `{image_id}`, which is also in training");
                self.report(FindingKind::Leakage, &test.path, message);
            } else if let Some(other) = patients.get(patient_id.as_str()) {
                let message = format!(
                    "found the image `{image_id}` of the patient `{patient_id}`, who is also in \
                     training, with the image `{other}`"
                );
                self.report(FindingKind::Leakage, &test.path, message);
            }
        }
    }

    /// Every image has to be tested once; that none is left out can be said of `complete` tests.
    fn check_tests(&mut self, tests: &[Side], complete: bool) {
        let mut tested: BTreeMap<&str, &PathBuf> = BTreeMap::new();
        for side in tests {
            for image in &side.images {
                if let Some(first) = tested.insert(&image.image_id, &side.path) {
                    let first = first.file_name().unwrap_or_default().display();
                    let message = format!(
                        "found the image `{}`, which is also in {first}; expected each image in \
                         one test fold",
                        image.image_id
                    );
                    self.report(FindingKind::WrongRow, &side.path, message);
                }
            }
        }
        let Some(images) = self.images.clone().filter(|_| complete) else { return };
        for image in images.iter().filter(|image| !tested.contains_key(image.as_str())) {
            let message =
                format!("found the image `{image}` in no test fold; expected it in one of them");
            self.report(FindingKind::Missing, &folder(self.root), message);
        }
    }
}
