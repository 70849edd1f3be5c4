//! What a run learns from and is validated on.

use crate::config::{self, Config, Leaks};
use crate::error::{RunError, RunResult};
use crate::label_targets::{self, set_name};
use crate::network::normalization;
use crate::outlines;
use crate::test_set::TestSet;
use crate::training_images::TrainingImages;
use dermx_data::{
    Finding, FindingKind, Fold, LabelledFolder, Manifest, Normalization, PatientTable, Patients,
    PhotoLook, Split, find_leaks, read_folds, split_by_list, split_fold, split_fraction,
};
use dermx_table::csv;
use dermx_train::{ConceptMasks, LabelledPhotos, Photos, Sets, Targets};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Leaks that an error names.
const MAX_SHOWN: usize = 20;

/// Photos with their classes.
#[derive(Debug)]
pub struct Part {
    /// Ids and classes.
    pub images: LabelledFolder,
    photos: Photos,
    class_idx: Vec<usize>,
    targets: Option<Targets>,
}

impl Part {
    fn open(config: &Config, images: LabelledFolder) -> RunResult<Self> {
        let items = images.images.iter().map(|image| (image.id.clone(), image.path.clone()));
        let photos = open_photos(config, items.collect())?;
        let class_idx = images.images.iter().map(|image| image.class_idx).collect();
        Ok(Self { images, photos, class_idx, targets: None })
    }

    fn labelled(&self) -> LabelledPhotos<'_> {
        let targets = self.targets.as_ref();
        LabelledPhotos { targets, ..LabelledPhotos::new(&self.photos, &self.class_idx) }
    }

    /// What each photo looks like, with its class.
    fn looks(&self) -> RunResult<Vec<PhotoLook>> {
        let looks = self.photos.looks()?.into_iter().zip(&self.class_idx);
        Ok(looks.map(|(look, &class_idx)| look.in_class(&self.images.classes[class_idx])).collect())
    }
}

/// Photos as the network takes them, kept as the configuration says.
///
/// # Errors
/// A photo that cannot be read, or a folder of decoded ones that cannot be written.
pub fn open_photos(config: &Config, items: Vec<(String, PathBuf)>) -> RunResult<Photos> {
    open_photos_with(config, items, normalization(&config.input.normalization)?)
}

/// As [`open_photos`], with another standardization.
///
/// # Errors
/// As of [`open_photos`].
pub fn open_photos_with(
    config: &Config,
    items: Vec<(String, PathBuf)>,
    normalization: Normalization,
) -> RunResult<Photos> {
    let (data, size) = (&config.data, config.input.size);
    Ok(match &data.decoded_cache {
        Some(folder) => Photos::open_decoded(items, size, normalization, data.cache, folder)?,
        None => Photos::open(items, size, normalization, data.cache)?,
    })
}

/// Which photos a table of patients is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Those of training and validation: the table is of a fold of them.
    Training,
    /// Those of the test, too.
    All,
}

/// The photos of a run.
#[derive(Debug)]
pub struct TrainingData {
    /// What is learned from.
    pub training: Part,
    /// What is scored after every epoch, if there is a split.
    pub validation: Option<Part>,
    /// The folder of the photos.
    pub root: PathBuf,
    /// Whom photos show, and which photos the table is about.
    patients: Option<(PatientTable, About)>,
    /// Whom training photos show as their data set says.
    own: BTreeMap<PathBuf, String>,
}

impl TrainingData {
    /// Lists the training photos and splits them; decodes them where they are kept.
    ///
    /// # Errors
    /// No photos, one that cannot be read, or a split that cannot be made.
    pub fn read(config: &Config) -> RunResult<Self> {
        label_targets::check(config)?;
        let TrainingImages { folder, root, patients: own, dataset, label_sets } =
            TrainingImages::read(&config.data, config.train.is_multilabel())?;
        let targets = |images: &LabelledFolder| match &label_sets {
            Some(sets) => Ok(Some(sets.targets(images))),
            None => outlines::targets(config, images, dataset.as_deref()),
        };
        let table = config.data.patients.as_deref().map(PatientTable::read).transpose()?;
        let own_patients = Patients::new(&config.data.train, own.clone());
        let of_photo = match &table {
            Some(table) => table.join(&named(&folder))?.0.with(&own_patients)?,
            None => own_patients,
        };
        let mut patients = table.map(|table| (table, About::All));
        let split = match &config.split {
            config::Split::None {} => {
                let mut training = Part::open(config, folder)?;
                training.targets = targets(&training.images)?;
                return Ok(Self { training, validation: None, root, patients, own });
            }
            config::Split::Fraction { seed, fraction } => {
                split_fraction(&folder, &of_photo, *fraction, *seed)
            }
            config::Split::KFold { seed, num_folds, fold } => {
                split_fold(&folder, &of_photo, *num_folds, *fold, *seed)
            }
            config::Split::Files { folds, fold } => {
                let fold = read_fold(folds, *fold)?;
                let of_fold = || PatientTable::of_fold(folds, &fold);
                patients = patients.or_else(|| of_fold().map(|table| (table, About::Training)));
                split_by_list(&folder, &fold, folds)?
            }
        };
        match &label_sets {
            Some(sets) => sets.check_split(&split)?,
            None => check_split(&split)?,
        }
        let parts = (Part::open(config, split.training), Part::open(config, split.validation));
        let (mut training, mut validation) = match parts {
            (Ok(training), Ok(validation)) => (training, validation),
            (Err(error), Err(other)) => return Err(error.and(&other)),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        training.targets = targets(&training.images)?;
        // Outlines are learned, and not validated with.
        validation.targets = label_sets.as_ref().map(|sets| sets.targets(&validation.images));
        Ok(Self { training, validation: Some(validation), root, patients, own })
    }

    /// Where experts outlined concepts in the training photos, if that is learned.
    pub fn concept_masks(&self) -> Option<&ConceptMasks> {
        self.training.targets.as_ref()?.masks.as_ref()
    }

    /// The files of all photos.
    pub fn files(&self) -> Vec<PathBuf> {
        let parts = std::iter::once(&self.training).chain(&self.validation);
        parts.flat_map(|part| &part.images.images).map(|image| image.path.clone()).collect()
    }

    /// Says that the photos have to be those of `manifest` whenever they are read.
    ///
    /// # Errors
    /// One that was read already is not.
    pub fn expect(&self, manifest: &Manifest) -> RunResult<()> {
        for part in std::iter::once(&self.training).chain(&self.validation) {
            part.photos.expect_files(|path| manifest.hash_of(&self.root, path))?;
        }
        Ok(())
    }

    /// The photos as `fit` takes them.
    pub fn sets(&self) -> Sets<'_> {
        Sets {
            training: self.training.labelled(),
            validation: self.validation.as_ref().map(Part::labelled),
        }
    }

    /// Looks for photos and patients that are in two of training, validation and test, and for
    /// photos in two classes. Warns of rows of the table of patients that are about no photo.
    ///
    /// # Errors
    /// A photo that cannot be read; a table of patients that may mean several photos; leaks and
    /// contradictions, where the configuration refuses them.
    pub fn check_leaks(&self, config: &Config, test: Option<&TestSet>) -> RunResult<()> {
        let patients = self.patients(test)?;
        if config.data.leaks == Leaks::Ignore {
            return Ok(());
        }
        let mut sets = vec![("training".to_string(), self.training.looks()?)];
        if let Some(validation) = &self.validation {
            sets.push(("validation".to_string(), validation.looks()?));
        }
        if let Some(test) = test {
            let looks = open_photos(config, test.photos.clone())?.looks()?.into_iter();
            let classes = test.gold.iter().map(|gold| set_name(&config.data.classes, gold));
            let looks = looks.zip(classes).map(|(look, class)| look.in_class(&class));
            sets.push(("test".to_string(), looks.collect()));
        }
        let leaks = find_leaks(sets, patients.as_ref());
        if leaks.is_empty() {
            return Ok(());
        }
        let message = match test.filter(|test| self.holds(test)) {
            Some(_) => same_photos_text(config),
            None => leaks_text(&leaks),
        };
        if config.data.leaks == Leaks::Refuse {
            return Err(RunError::bad_data(message));
        }
        tracing::warn!("{message}");
        Ok(())
    }

    /// Whether every photo of `test` is a file that is trained on or validated with.
    fn holds(&self, test: &TestSet) -> bool {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let parts = std::iter::once(&self.training).chain(&self.validation);
        let own: BTreeSet<PathBuf> =
            parts.flat_map(|part| &part.images.images).map(|image| real(&image.path)).collect();
        test.photos.iter().all(|(_, path)| own.contains(&real(path)))
    }

    /// Whom the photos of training, validation and test show.
    fn patients(&self, test: Option<&TestSet>) -> RunResult<Option<Patients>> {
        let Some((table, about)) = &self.patients else { return self.own_patients(test) };
        let of_test = test.filter(|_| *about == About::All);
        let parts = std::iter::once(&self.training).chain(&self.validation);
        let own = parts.flat_map(|part| named(&part.images));
        let of_test = of_test.into_iter().flat_map(|test| &test.photos);
        let of_test = of_test.map(|(id, path)| (id.as_str(), path.as_path()));
        // A photo that is in two of them is one photo.
        let ids: BTreeMap<&Path, &str> =
            of_test.chain(own).map(|(image_id, path)| (path, image_id)).collect();
        let photos: Vec<(&str, &Path)> = ids.into_iter().map(|(path, id)| (id, path)).collect();
        let (mut patients, joined) = table.join(&photos)?;
        if let Some(own) = self.own_patients(test)? {
            patients = patients.with(&own)?;
        }
        if let Some(warning) = joined.warning() {
            let note = if test.is_none() { " (test images were not looked at)" } else { "" };
            tracing::warn!("{warning}{note}");
        }
        Ok(Some(patients))
    }

    /// Whom photos show as the data sets of training and test say; `None` where they do not.
    ///
    /// # Errors
    /// One photo of two patients.
    fn own_patients(&self, test: Option<&TestSet>) -> RunResult<Option<Patients>> {
        let training = Patients::new(&self.root, self.own.clone());
        let Some(test) = test else {
            return Ok((!self.own.is_empty()).then_some(training));
        };
        let patient = |(id, path): &(String, PathBuf)| {
            Some((path.clone(), test.dataset.image(id)?.patient.clone()?))
        };
        let of_test: BTreeMap<PathBuf, String> = test.photos.iter().filter_map(patient).collect();
        let is_said = !self.own.is_empty() || !of_test.is_empty();
        let all = Patients::new(test.dataset.root(), of_test).with(&training)?;
        Ok(is_said.then_some(all))
    }

    /// The split as CSV: `image_id,class,part`.
    pub fn split_csv(&self) -> Vec<u8> {
        let mut records = vec![["image_id", "class", "part"].map(str::to_string).to_vec()];
        let parts = [("training", Some(&self.training)), ("validation", self.validation.as_ref())];
        for (name, part) in parts {
            for image in part.iter().flat_map(|part| &part.images.images) {
                let class = self.training.images.classes.get(image.class_idx);
                let class = class.cloned().unwrap_or_default();
                records.push(vec![image.id.clone(), class, name.to_string()]);
            }
        }
        csv(&records)
    }
}

fn read_fold(root: &Path, wanted: usize) -> RunResult<Fold> {
    let folds = read_folds(root)?;
    let known: Vec<String> = folds.iter().map(|fold| fold.fold_idx.to_string()).collect();
    folds.into_iter().find(|fold| fold.fold_idx == wanted).ok_or_else(|| {
        let message = format!("there is no fold {wanted}; found: {}", known.join(", "));
        let place = if root.is_file() { root.to_path_buf() } else { root.join("folds") };
        RunError::in_file(&place, message)
    })
}

/// Id and file of each photo.
fn named(folder: &LabelledFolder) -> Vec<(&str, &Path)> {
    folder.images.iter().map(|image| (image.id.as_str(), image.path.as_path())).collect()
}

/// A class that is not learned, or nothing to validate on, is a slip.
fn check_split(split: &Split) -> RunResult<()> {
    let bad = |message: String| Err(RunError::bad_data(format!("split: {message}")));
    if split.validation.images.is_empty() {
        return bad("no photo is left for validation; put more aside".to_string());
    }
    let counts = split.training.num_per_class();
    match std::iter::zip(&split.training.classes, counts).find(|(_, count)| *count == 0) {
        None => Ok(()),
        Some((class, _)) => {
            bad(format!("no photo of `{class}` is left for training; put fewer aside"))
        }
    }
}

/// In place of a leak for each photo.
fn same_photos_text(config: &Config) -> String {
    let shown = |path: Option<&Path>| path.unwrap_or(Path::new("")).display().to_string();
    format!(
        "every photo of data.test ({}) is also one of data.train ({}), so scores would say nothing of other photos; \
         name other photos as data.test, leave it out, or say data.leaks = \"warn\"",
        shown(config.data.test.as_deref()),
        shown(Some(&config.data.train))
    )
}

fn leaks_text(findings: &[Finding]) -> String {
    let (contradictions, leaks): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| finding.kind == FindingKind::Contradiction);
    let mut texts = Vec::new();
    if !leaks.is_empty() {
        texts.push(format!(
            "{} photos or patients are in two of training, validation and test, so scores would be \
             too good; remove one of each, name the patients with data.patients, or say \
             data.leaks = \"warn\":{}",
            leaks.len(),
            lines(&leaks)
        ));
    }
    if !contradictions.is_empty() {
        texts.push(format!(
            "{} photos are copies of photos of another class, so one of the labels is wrong; remove \
             the wrong one of each, or say data.leaks = \"warn\":{}",
            contradictions.len(),
            lines(&contradictions)
        ));
    }
    texts.join("\n")
}

/// The first of `findings`, one a line.
fn lines(findings: &[&Finding]) -> String {
    let shown = findings.iter().take(MAX_SHOWN);
    let shown: String =
        shown.map(|one| format!("\n  {}: {}", one.path.display(), one.message)).collect();
    match findings.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        num => format!("{shown}\n  and {num} more"),
    }
}
