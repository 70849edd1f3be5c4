//! `dermx dataset check`.

use crate::args::CheckArgs;
use crate::error::{CliError, CliResult};
use crate::output;
use crate::process::Process;
use crate::terminal::print;
use dermx_data::{
    AnnotationCheck, Dataset, Finding, FindingKind, ImageNames, Manifest, OutputFile, PatientTable,
    Patients, PhotoSet, check_annotated_photos, check_annotations, check_dataset, check_patients,
    check_photos, image_id,
};
use dermx_run::{photo_set, photo_set_of};
use dermx_score::to_json;
use dermx_work::{Failure, Watch};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Name of the photos of `--images`.
const IMAGES: &str = "images";
/// Findings of one kind that the text shows.
const MAX_SHOWN: usize = 20;

/// Prints what a data set's user should know about it.
///
/// # Errors
/// A file or folder of the arguments that cannot be read; after all was printed, findings with which
/// results would be wrong or could not be computed.
pub fn run(args: &CheckArgs, process: &Process) -> CliResult<()> {
    let check = Check::of(args, process.watch())?;
    match args.json {
        true => print(to_json(&check)?)?,
        false => print(check.text())?,
    }
    check.result()
}

/// What was checked and found; a count is absent where there was nothing to count.
#[derive(Debug, Default, Serialize)]
struct Check {
    /// Whether the annotations are those of the study, with masks and tables of their own.
    #[serde(skip)]
    is_study: bool,
    /// Counts of annotations, masks and rows; their findings stand in `findings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<AnnotationCheck>,
    /// Of each folder of photos.
    num_photos: BTreeMap<String, usize>,
    num_pairs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    patients: Option<PatientSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<ManifestSummary>,
    num_errors: usize,
    num_findings: BTreeMap<FindingKind, usize>,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct PatientSummary {
    num_patients: usize,
    num_photos_without_patient: usize,
}

#[derive(Debug, Serialize)]
struct ManifestSummary {
    num_files: usize,
    num_bytes: u64,
    hash: String,
}

impl Check {
    fn of(args: &CheckArgs, watch: Watch<'_>) -> CliResult<Self> {
        let manifest = args.write_manifest.as_ref();
        let manifest = manifest.map(|path| output::file(path, args.overwrite, &inputs(args)));
        let manifest = manifest.transpose()?;
        let (mut sets, mut patients) = photo_sets(args)?;
        let mut check = Self { is_study: true, ..Self::default() };
        if let Some(root) = &args.data {
            let mut annotations = match dermx_formats::is_dermx(root) {
                true => check_annotations(root)?,
                false => {
                    let dataset = dermx_formats::open(root)?;
                    let (images, own) = own_photos(&dataset, args);
                    sets.extend(images);
                    patients = Patients::new(root, own).with(&patients)?;
                    check.is_study = false;
                    check_dataset(&dataset)
                }
            };
            check.findings.append(&mut annotations.findings);
            for images in sets.iter_mut().filter(|set| set.name == IMAGES) {
                images.classes = diagnoses(images, &annotations);
            }
            check.annotations = Some(annotations);
        }
        check.add_photos(&sets, watch);
        if args.patients.is_some() || !patients.is_empty() && sets.len() > 1 {
            check.add_patients(args.patients.as_deref(), &patients, &sets)?;
        }
        if args.manifest.is_some() || args.write_manifest.is_some() {
            check.add_manifest(args, manifest.as_ref())?;
        }
        check.findings.sort();
        for finding in &check.findings {
            *check.num_findings.entry(finding.kind).or_default() += 1;
            check.num_errors += usize::from(finding.kind.is_error());
        }
        Ok(check)
    }

    /// Checks photos, and those of `--images` against the sizes of annotated images.
    fn add_photos(&mut self, sets: &[PhotoSet], watch: Watch<'_>) {
        let total = sets.iter().map(|set| set.photos.len()).sum();
        let progress = Mutex::new(watch.progress.start("photos", total, "img"));
        let photos = check_photos(sets, &|done, _| {
            // A poisoned lock would only cost a progress line.
            if let Ok(mut progress) = progress.lock() {
                progress.set(done, "");
            }
        });
        if let (Ok(progress), true) = (progress.into_inner(), total > 0) {
            progress.finish(&format!("{total} checked"));
        }
        let images = sets.iter().find(|set| set.name == IMAGES);
        // Elsewhere the photos are the images of the data set, whose sizes its outlines are in.
        if let (Some(images), Some(annotations), true) = (images, &self.annotations, self.is_study)
        {
            let findings = check_annotated_photos(&annotations.sizes, images, &photos);
            // Of what could not be read it cannot be said that it is about no photo.
            let is_unread = |one: &Finding| {
                let name = one.path.file_name().unwrap_or_default().to_string_lossy();
                one.kind == FindingKind::Extra
                    && annotations.unread_images.contains(&image_id(&name))
            };
            self.findings.extend(findings.into_iter().filter(|one| !is_unread(one)));
        }
        self.findings.extend(photos.findings);
        (self.num_photos, self.num_pairs) = (photos.num_photos, photos.num_pairs);
    }

    /// Checks whom photos show, as a table says, and the data sets themselves.
    fn add_patients(
        &mut self,
        table: Option<&Path>,
        own: &Patients,
        sets: &[PhotoSet],
    ) -> CliResult<()> {
        if sets.len() < 2 {
            return Err(usage("--patients needs two folders of photos: --split or --images"));
        }
        let table = table.map(PatientTable::read).transpose()?;
        let patients = check_patients(table.as_ref(), own, sets);
        self.findings.extend(patients.findings);
        self.patients = Some(PatientSummary {
            num_patients: patients.num_patients,
            num_photos_without_patient: patients.num_photos_without_patient,
        });
        Ok(())
    }

    fn add_manifest(&mut self, args: &CheckArgs, out: Option<&OutputFile>) -> CliResult<()> {
        let folder = args.folder.as_ref().or(args.data.as_ref());
        let folder = folder.ok_or_else(|| usage("a manifest needs --folder or --data"))?;
        let file = args.manifest.as_deref().or(args.write_manifest.as_deref());
        let found = Manifest::of_folder(folder, file)?;
        if let Some(path) = &args.manifest {
            self.findings.extend(Manifest::read(path)?.compare(&found, folder));
        }
        if let Some(out) = out {
            out.write(found.to_text().as_bytes())?;
        }
        self.manifest = Some(ManifestSummary {
            num_files: found.num_files(),
            num_bytes: found.num_bytes(),
            hash: found.hash().to_string(),
        });
        Ok(())
    }

    /// The counts, then the findings of each kind, errors first.
    fn text(&self) -> String {
        let mut lines = self.summary();
        for group in self.findings.chunk_by(|one, other| one.kind == other.kind) {
            let kind = group[0].kind;
            let errors = if kind.is_error() { " (error)" } else { "" };
            lines.push(format!("\n{}{errors}: {}", name(kind), group.len()));
            let shown = group.iter().take(MAX_SHOWN);
            lines.extend(shown.map(|one| format!("  {}: {}", one.path.display(), one.message)));
            if group.len() > MAX_SHOWN {
                lines.push(format!("  and {} more; --json lists all", group.len() - MAX_SHOWN));
            }
        }
        lines.join("\n") + "\n"
    }

    fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(found), false) = (&self.annotations, self.is_study) {
            lines.push(format!(
                "data set: {} images, {} of them with a gold class; {} readings of {} images",
                found.num_metadata_images,
                found.diagnoses.len(),
                found.num_evaluations,
                found.num_evaluated_images
            ));
        }
        if let (Some(found), true) = (&self.annotations, self.is_study) {
            lines.push(format!(
                "annotations: {} of {} files read, {} images, {} rows of metadata, {} folds",
                found.num_evaluations,
                found.num_annotation_files,
                found.num_evaluated_images,
                found.num_metadata_images,
                found.num_folds
            ));
            lines.push(format!(
                "masks: {} of {} equal their outlines; {} files, {} rows",
                found.masks_equal, found.masks_compared, found.num_mask_files, found.num_mask_rows
            ));
        }
        if !self.num_photos.is_empty() {
            let sets = self.num_photos.iter().map(|(name, number)| format!("{name} {number}"));
            let sets = sets.collect::<Vec<_>>().join(", ");
            lines.push(format!("photos: {sets}; {} pairs compared", self.num_pairs));
        }
        if let Some(PatientSummary { num_patients, num_photos_without_patient }) = &self.patients {
            lines.push(format!(
                "patients: {num_patients}; {num_photos_without_patient} photos without a patient"
            ));
        }
        if let Some(ManifestSummary { num_files, num_bytes, hash }) = &self.manifest {
            lines.push(format!("manifest: {num_files} files, {num_bytes} bytes, BLAKE3 {hash}"));
        }
        let num_others = self.findings.len() - self.num_errors;
        lines.push(format!("findings: {} errors, {num_others} others", self.num_errors));
        lines
    }

    /// Exit code 65 if there are errors.
    fn result(&self) -> CliResult<()> {
        let errors = self.num_findings.iter().filter(|(kind, _)| kind.is_error());
        let errors: Vec<String> =
            errors.map(|(kind, number)| format!("{number} {}", name(*kind))).collect();
        match errors.is_empty() {
            true => Ok(()),
            false => {
                let message = format!(
                    "results on these data would be wrong or cannot be computed: {}",
                    errors.join(", ")
                );
                Err(CliError::new(Failure::BadData, message))
            }
        }
    }
}

/// The files and folders that the arguments name, which no output may be.
fn inputs(args: &CheckArgs) -> Vec<&Path> {
    let given = [&args.data, &args.images, &args.patients, &args.folder];
    let given = given.into_iter().flatten().chain(args.splits.iter().map(|split| &split.folder));
    given.map(PathBuf::as_path).collect()
}

/// Whom photos show, as their data sets say.
type OwnPatients = BTreeMap<PathBuf, String>;

/// The photos that the arguments name: those of `--images`, and of each split, which is what `data.train` may be.
fn photo_sets(args: &CheckArgs) -> CliResult<(Vec<PhotoSet>, Patients)> {
    let mut sets: Vec<PhotoSet> = Vec::new();
    let mut patients = Patients::default();
    if let Some(folder) = &args.images {
        sets.push(PhotoSet::read(IMAGES, folder)?);
    }
    for split in &args.splits {
        let name = split.name.as_str();
        if sets.iter().any(|set| set.name == name) || name == IMAGES && args.data.is_some() {
            return Err(usage(format!("two sets of photos are called `{name}`; rename a --split")));
        }
        let (set, own) = photo_set(name, &split.folder)?;
        sets.push(set);
        patients = Patients::new(&split.folder, own).with(&patients)?;
    }
    Ok((sets, patients))
}

/// The photos of a data set that says where they are, unless the arguments name others.
fn own_photos(dataset: &Dataset, args: &CheckArgs) -> (Option<PhotoSet>, OwnPatients) {
    match args.images.is_none().then(|| photo_set_of(IMAGES, dataset)).flatten() {
        Some((set, patients)) => (Some(set), patients),
        None => (None, OwnPatients::new()),
    }
}

/// The gold standard of each annotated photo.
fn diagnoses(images: &PhotoSet, annotations: &AnnotationCheck) -> BTreeMap<PathBuf, String> {
    let names = ImageNames::of_ids(annotations.diagnoses.keys().map(String::as_str));
    let diagnoses: Vec<&String> = annotations.diagnoses.values().collect();
    let diagnosis = |path: &PathBuf| {
        let image_idx = names.find(&images.id(path)).ok()??;
        Some((path.clone(), diagnoses[image_idx].clone()))
    };
    images.photos.iter().filter_map(diagnosis).collect()
}

fn usage(message: impl Into<String>) -> CliError {
    CliError::new(Failure::Usage, message)
}

/// A kind in words.
fn name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Missing => "missing",
        FindingKind::Unreadable => "unreadable",
        FindingKind::SizeMismatch => "of another size",
        FindingKind::MaskDiffers => "mask unlike its outline",
        FindingKind::Leakage => "leakage",
        FindingKind::Contradiction => "contradiction",
        FindingKind::Changed => "changed",
        FindingKind::WrongRow => "wrong row",
        FindingKind::OtherSpelling => "other spelling",
        FindingKind::Extra => "not needed",
        FindingKind::StaleRow => "about no file",
        FindingKind::NotRead => "not read",
        FindingKind::Incomplete => "lacking what others have",
        FindingKind::OutsideImage => "outside of the image",
        FindingKind::NoArea => "outline without an area",
        FindingKind::UnknownLabel => "unknown label",
        FindingKind::Duplicate => "duplicate",
        FindingKind::NearDuplicate => "near duplicate",
    }
}
