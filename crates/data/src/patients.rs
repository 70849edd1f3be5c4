//! Which patient each photo shows, and patients on both sides of a split.

use crate::csv_table::{CsvLine, CsvTable, cell_place};
use crate::folder::id_below;
use crate::{DataError, Finding, FindingKind, Fold, ImageNames, Joined, PhotoSet};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A table of patients as it was read; which photos its rows are about, [`PatientTable::join`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientTable {
    path: PathBuf,
    rows: Vec<PatientRow>,
}

/// What one row says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PatientRow {
    /// Where it stands in the file.
    place: String,
    /// What it calls the photo.
    name: String,
    /// Empty where it is not known.
    patient: String,
}

/// Whom photos show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patients {
    table: PathBuf,
    /// By the file of the photo.
    of_photo: BTreeMap<PathBuf, String>,
}

/// What [`check_patients`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientCheck {
    /// Number of patients with a photo in any set.
    pub num_patients: usize,
    /// Number of photos whose patient the table does not tell.
    pub num_photos_without_patient: usize,
    /// Patients in more than one set (`Leakage`), rows that contradict others or may be about several
    /// photos, a table about no photo (`WrongRow`), and rows about no photo (`StaleRow`), sorted.
    pub findings: Vec<Finding>,
}

impl PatientTable {
    /// Reads a CSV file with the columns `patient_id` and `image_id` or `current_filename`; see
    /// [`CsvTable`] for the rules. The patient may be empty.
    ///
    /// # Errors
    /// When the file cannot be read or is against the rules, a missing column, or no patient at all.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let table = CsvTable::read(path)?;
        let image_column = match table.find_column("current_filename") {
            Some(_) => "current_filename",
            None => "image_id",
        };
        let [image_idx, patient_idx] = table.positions([image_column, "patient_id"])?;
        let row = |CsvLine { line, cells }: &CsvLine| PatientRow {
            place: cell_place(*line, image_column),
            name: cells[image_idx].clone(),
            patient: cells[patient_idx].clone(),
        };
        let rows: Vec<PatientRow> = table.rows().iter().map(row).collect();
        if rows.iter().all(|row| row.patient.is_empty()) {
            return Err(DataError::invalid(path, "", "found no patient; expected one a row"));
        }
        Ok(Self { path: path.to_path_buf(), rows })
    }

    /// What a fold says of patients, if anything; `path` names where the fold is from.
    pub fn of_fold(path: &Path, fold: &Fold) -> Option<Self> {
        let images = fold.train.iter().chain(&fold.test);
        let row = |image: &crate::FoldImage| PatientRow {
            place: format!("fold {}", fold.fold_idx),
            name: image.image_id.clone(),
            patient: image.patient_id.clone(),
        };
        let rows: Vec<PatientRow> = images.map(row).collect();
        let has_patients = rows.iter().any(|row| !row.patient.is_empty());
        has_patients.then(|| Self { path: path.to_path_buf(), rows })
    }

    /// Whom each of `photos` shows, and which rows are about none of them.
    ///
    /// # Errors
    /// With its line: a row that names no photo or may be about several, two rows about one photo (also
    /// if they say the same); or no row about any photo.
    pub fn join(&self, photos: &[(&str, &Path)]) -> Result<(Patients, Joined), DataError> {
        let joined = self.joined(photos).checked()?;
        Ok((self.patients(photos, &joined), joined))
    }

    fn joined(&self, photos: &[(&str, &Path)]) -> Joined {
        let rows = self.rows.iter().map(|row| (row.place.clone(), row.name.as_str()));
        ImageNames::of_photos(photos.iter().copied()).join(&self.path, rows)
    }

    fn patients(&self, photos: &[(&str, &Path)], joined: &Joined) -> Patients {
        let known = photos.iter().zip(&joined.row_of).filter_map(|((_, path), row_idx)| {
            let patient = &self.rows[(*row_idx)?].patient;
            (!patient.is_empty()).then(|| (path.to_path_buf(), patient.clone()))
        });
        Patients { table: self.path.clone(), of_photo: known.collect() }
    }
}

impl Patients {
    /// Whom the photo in this file shows.
    pub fn of(&self, photo: &Path) -> Option<&str> {
        self.of_photo.get(photo).map(String::as_str)
    }

    /// These patients of these photos' files; `table` names where that is from.
    pub fn new(table: &Path, of_photo: BTreeMap<PathBuf, String>) -> Self {
        Self { table: table.to_path_buf(), of_photo }
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.of_photo.is_empty()
    }

    /// These, and those that `other` says.
    ///
    /// # Errors
    /// A photo of which both say another patient.
    pub fn with(mut self, other: &Self) -> Result<Self, DataError> {
        for (photo, patient) in &other.of_photo {
            let known = self.of_photo.entry(photo.clone()).or_insert_with(|| patient.clone());
            if known != patient {
                let message = format!(
                    "says that {} shows the patient `{known}`, and {} says `{patient}`; expected one patient",
                    photo.display(),
                    other.table.display()
                );
                return Err(DataError::invalid(&self.table, "", message));
            }
        }
        Ok(self)
    }

    /// Patients with photos in more than one of `sets`.
    pub(crate) fn leaks(&self, sets: &[PhotoSet]) -> Vec<Finding> {
        let leaks = self.by_set(sets).into_iter().filter(|(_, sets)| sets.len() > 1);
        leaks
            .map(|(patient, sets)| {
                let message = format!("patient `{patient}` is in {}", places(&sets));
                Finding::new(FindingKind::Leakage, &self.table, message)
            })
            .collect()
    }

    /// The photos of each patient by set.
    fn by_set<'a>(
        &'a self,
        sets: &'a [PhotoSet],
    ) -> BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Path>>> {
        let mut photos: BTreeMap<&str, BTreeMap<&str, Vec<&Path>>> = BTreeMap::new();
        for set in sets {
            for path in &set.photos {
                if let Some(patient) = self.of(path) {
                    photos.entry(patient).or_default().entry(&set.name).or_default().push(path);
                }
            }
        }
        photos
    }
}

/// Looks for patients with photos in more than one set, whom a table or the data sets themselves (`own`) name.
pub fn check_patients(
    table: Option<&PatientTable>,
    own: &Patients,
    sets: &[PhotoSet],
) -> PatientCheck {
    let (patients, mut findings) = match table {
        None => (own.clone(), Vec::new()),
        Some(table) => of_table(table, own, sets),
    };
    findings.extend(patients.leaks(sets));
    findings.sort();
    let all = sets.iter().flat_map(|set| &set.photos);
    PatientCheck {
        num_patients: patients.by_set(sets).len(),
        num_photos_without_patient: all.filter(|path| patients.of(path).is_none()).count(),
        findings,
    }
}

/// The patients of a table, and those of `own` where it names none, with what is wrong in the table.
fn of_table(table: &PatientTable, own: &Patients, sets: &[PhotoSet]) -> (Patients, Vec<Finding>) {
    // A photo that is in two sets is one photo.
    let mut ids: BTreeMap<&Path, String> = BTreeMap::new();
    for (set, path) in sets.iter().flat_map(|set| set.photos.iter().map(move |path| (set, path))) {
        if let Ok(id) = id_below(&set.root, path) {
            ids.entry(path).or_insert(id);
        }
    }
    let photos: Vec<(&str, &Path)> = ids.iter().map(|(path, id)| (id.as_str(), *path)).collect();
    let joined = table.joined(&photos);
    let patients = table.patients(&photos, &joined);
    let (patients, conflict) = match patients.clone().with(own) {
        Ok(all) => (all, None),
        Err(conflict) => (patients, Some(conflict)),
    };
    let wrong = joined.problems.iter().cloned().chain(joined.no_match()).chain(conflict);
    let wrong = wrong.map(|DataError { path, place, message, .. }| {
        let place = if place.is_empty() { place } else { place + ": " };
        Finding::new(FindingKind::WrongRow, &path, place + &message)
    });
    let mut findings: Vec<Finding> = wrong.collect();
    findings.extend(joined.unmatched.iter().map(|(place, name)| {
        let message = format!("{place}: the image `{name}` is in none of the folders of photos");
        Finding::new(FindingKind::StaleRow, &table.path, message)
    }));
    (patients, findings)
}

/// The sets of a patient, each with its first photo.
fn places(sets: &BTreeMap<&str, Vec<&Path>>) -> String {
    let place = |(name, photos): (&&str, &Vec<&Path>)| {
        let first = photos.first().map_or(String::new(), |path| path.display().to_string());
        match photos.len() {
            1 => format!("`{name}` ({first})"),
            num => format!("`{name}` ({first} and {} more)", num - 1),
        }
    };
    sets.iter().map(place).collect::<Vec<_>>().join(" and in ")
}
