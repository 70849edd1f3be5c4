//! Everything that can be said against the annotations of a data set.

mod folds;
mod masks;

use crate::dataset::sorted;
use crate::dermx::mask_files::MaskLayout;
use crate::dermx::ontology::{TermKind, kind_of, usual_spelling};
use crate::dermx::strays::{self, AnnotationFolder};
use crate::dermx::{metadata_file, read_all, size_messages};
use crate::describe::tally;
use crate::image_id::composed;
use crate::suggestion::did_you_mean;
use crate::{DataError, Finding, FindingKind, Image, ImageSize, Reading, metadata};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was checked, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AnnotationCheck {
    /// The annotation files.
    pub num_annotation_files: usize,
    /// Those that could be read.
    pub num_evaluations: usize,
    /// The images that they are about.
    pub num_evaluated_images: usize,
    /// The rows of the metadata.
    pub num_metadata_images: usize,
    /// How the masks are divided into files; `None` without mask files.
    pub mask_layout: Option<MaskLayout>,
    /// The mask files, and whatever else is in their folder.
    pub num_mask_files: usize,
    /// The mask files that were compared with the outlines.
    pub masks_compared: usize,
    /// Those among them that are equal, pixel by pixel.
    pub masks_equal: usize,
    /// The rows of the table of masks.
    pub num_mask_rows: usize,
    /// The folds.
    pub num_folds: usize,
    /// Uses of labels that the ontology does not have.
    pub unknown_labels: BTreeMap<String, usize>,
    /// Uses of other spellings of a label.
    pub respelled_labels: BTreeMap<String, usize>,
    /// What was found, sorted by kind, file and message.
    pub findings: Vec<Finding>,
    /// The size of each image of which an annotation could be read.
    #[serde(skip)]
    pub sizes: BTreeMap<String, ImageSize>,
    /// The diagnosis of each image of the metadata.
    #[serde(skip)]
    pub diagnoses: BTreeMap<String, String>,
    /// The images of annotation files that could not be read.
    #[serde(skip)]
    pub unread_images: BTreeSet<String>,
}

impl AnnotationCheck {
    /// The findings that make results wrong or impossible, see [`FindingKind::is_error`].
    pub fn num_errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.kind.is_error()).count()
    }
}

/// What the parts of a check share.
struct Checker<'a> {
    root: &'a Path,
    /// Sorted by image and rater.
    evaluations: Vec<Reading>,
    /// `RATER_IMAGE` of the annotation files that could not be read.
    unread: BTreeSet<String>,
    /// The images of the metadata; `None` when it could not be read.
    images: Option<BTreeSet<String>>,
    result: AnnotationCheck,
}

/// Checks annotations, metadata, masks with their table, and folds against each other.
///
/// Unlike [`dermx::read`](crate::dermx::read) it goes on after the first problem. Of
/// a table that cannot be read the first bad place is found. The result does not depend on the
/// number of threads.
///
/// # Errors
/// Only when there is nothing to check: no folder, or no annotation file in it.
pub fn check_annotations(root: &Path) -> Result<AnnotationCheck, DataError> {
    let folder = AnnotationFolder::list(root)?;
    let mut checker = Checker::read(root, &folder.files);
    checker.check_strays(folder);
    checker.check_images();
    checker.check_sizes();
    checker.check_labels();
    checker.check_outlines();
    checker.check_masks();
    checker.check_folds();
    let Checker { evaluations, unread, mut result, .. } = checker;
    result.sizes = evaluations.into_iter().map(|one| (one.image_id, one.size)).collect();
    let image = |stem: &String| Some(stem.split_once('_')?.1.to_owned());
    result.unread_images = unread.iter().filter_map(image).collect();
    result.findings.sort_unstable();
    Ok(result)
}

impl<'a> Checker<'a> {
    /// Reads annotations and metadata.
    fn read(root: &'a Path, files: &[PathBuf]) -> Self {
        let mut result =
            AnnotationCheck { num_annotation_files: files.len(), ..AnnotationCheck::default() };
        let mut evaluations = Vec::new();
        let mut unread = BTreeSet::new();
        for (path, read) in files.iter().zip(read_all(files)) {
            match read {
                Ok(evaluation) => evaluations.push(evaluation),
                Err(error) => {
                    unread.extend(path.file_stem().and_then(|stem| stem.to_str()).map(composed));
                    result.findings.push(error.into());
                }
            }
        }
        let images = match metadata_file(root).and_then(|path| metadata::read(&path)) {
            Ok(images) => {
                let gold = |image: Image| Some((image.gold_class()?.to_owned(), image.image_id));
                let diagnoses = images.into_iter().filter_map(gold);
                result.diagnoses = diagnoses.map(|(class, id)| (id, class)).collect();
                Some(result.diagnoses.keys().cloned().collect())
            }
            Err(error) => {
                result.findings.push(error.into());
                None
            }
        };
        Self { root, evaluations: sorted(evaluations), unread, images, result }
    }

    /// What looks like an annotation but is not read, and what nothing reads.
    fn check_strays(&mut self, AnnotationFolder { refused, others, .. }: AnnotationFolder) {
        let finding = |(path, message): (PathBuf, String)| {
            Finding::new(FindingKind::Unreadable, &path, message)
        };
        self.result.findings.extend(refused.into_iter().map(finding));
        match strays::find(self.root, others) {
            Ok(paths) => self.result.findings.extend(paths.iter().map(|path| {
                Finding::new(FindingKind::Extra, path, "is not read; nothing needs it here")
            })),
            Err(error) => self.result.findings.push(error.into()),
        }
    }

    /// Outlines of which no part lies in the image.
    fn check_outlines(&mut self) {
        for one in &self.evaluations {
            let path = self.annotations().join(one.stem() + ".json");
            self.result.findings.extend(one.outside().map(|(idx, instance)| {
                let message = format!(
                    "outline {} of `{}` lies outside of the image of {} (height x width); it has no \
                     pixel and is not scored",
                    idx + 1,
                    instance.concept,
                    one.size
                );
                Finding::new(FindingKind::OutsideImage, &path, message)
            }));
        }
    }

    /// Images of the metadata that nobody evaluated, and evaluated images without metadata.
    fn check_images(&mut self) {
        let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for one in &self.evaluations {
            files.entry(&one.image_id).or_default().push(one.stem() + ".json");
        }
        self.result.num_evaluations = self.evaluations.len();
        self.result.num_evaluated_images = files.len();
        let Some(images) = &self.images else { return };
        self.result.num_metadata_images = images.len();
        let findings = [self.unevaluated(images, &files), self.without_metadata(images, &files)];
        self.result.findings.extend(findings.into_iter().flatten());
    }

    fn unevaluated(
        &self,
        images: &BTreeSet<String>,
        files: &BTreeMap<&str, Vec<String>>,
    ) -> Vec<Finding> {
        let unread = self.unread.iter().filter_map(|stem| Some(stem.split_once('_')?.1));
        let evaluated: BTreeSet<&str> = files.keys().copied().chain(unread).collect();
        let missing = images.iter().filter(|image| !evaluated.contains(image.as_str()));
        let finding = |image: &String| {
            let message = format!(
                "found no evaluation of the image `{image}`; metadata.csv has a row for it"
            );
            Finding::new(FindingKind::Missing, &self.annotations(), message)
        };
        missing.map(finding).collect()
    }

    fn without_metadata(
        &self,
        images: &BTreeSet<String>,
        files: &BTreeMap<&str, Vec<String>>,
    ) -> Vec<Finding> {
        let extra = files.iter().filter(|(image, _)| !images.contains(**image));
        let finding = |(image, files): (&&str, &Vec<String>)| {
            let message = format!(
                "found evaluations of the image `{image}` ({}), but no row in metadata.csv; \
                 without a gold standard it is in no table",
                files.len()
            );
            Finding::new(FindingKind::Extra, &self.annotations().join(&files[0]), message)
        };
        extra.map(finding).collect()
    }

    fn annotations(&self) -> PathBuf {
        self.root.join("annotations")
    }

    fn check_sizes(&mut self) {
        let differences = size_messages(self.root, &self.evaluations);
        let findings = differences
            .map(|(path, message)| Finding::new(FindingKind::SizeMismatch, &path, message));
        self.result.findings.extend(findings);
    }

    /// Labels that are unknown or spelled in another way: one finding each, in the first file.
    fn check_labels(&mut self) {
        let mut first: BTreeMap<&str, String> = BTreeMap::new();
        let (mut unknown, mut respelled) = (Vec::new(), Vec::new());
        for one in &self.evaluations {
            let start = (unknown.len(), respelled.len());
            unknown.extend(one.labels().filter(|label| kind_of(label).is_none()));
            respelled.extend(one.respelled.iter().map(String::as_str));
            for &label in unknown[start.0..].iter().chain(&respelled[start.1..]) {
                first.entry(label).or_insert_with(|| one.stem() + ".json");
            }
        }
        self.result.unknown_labels = tally(unknown);
        self.result.respelled_labels = tally(respelled);
        let findings = first
            .iter()
            .map(|(label, file)| self.label_finding(label, &self.annotations().join(file)));
        let findings: Vec<_> = findings.collect();
        self.result.findings.extend(findings);
    }

    fn label_finding(&self, label: &str, path: &Path) -> Finding {
        let uses = |tally: &BTreeMap<String, usize>| tally.get(label).copied().unwrap_or(0);
        let times = |count: usize| format!("{count} {}", if count == 1 { "time" } else { "times" });
        if let Some(usual) = usual_spelling(label) {
            let times = times(uses(&self.result.respelled_labels));
            let message = format!("found `{label}` {times}, first here; it is read as `{usual}`");
            return Finding::new(FindingKind::OtherSpelling, path, message);
        }
        let known: Vec<&str> =
            TermKind::ALL.iter().flat_map(|kind| kind.labels()).copied().collect();
        let message = format!(
            "found `{label}`{} {}, first here; expected a label of the ontology; it is kept, but \
             no table has it",
            did_you_mean(label, &known),
            times(uses(&self.result.unknown_labels))
        );
        Finding::new(FindingKind::UnknownLabel, path, message)
    }
}
