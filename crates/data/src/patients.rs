//! Which patient each photo shows, and patients on both sides of a split.

use crate::metadata::{self, image_id_of};
use crate::{DataError, Finding, FindingKind, PhotoSet, file, photo_set};
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;
use std::path::Path;

/// Image id to patient.
pub type Patients = BTreeMap<String, String>;

/// What [`check_patients`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientCheck {
    /// Number of patients with a photo in any set.
    pub num_patients: usize,
    /// Number of photos whose patient the table does not tell.
    pub num_photos_without_patient: usize,
    /// Patients in more than one set (`Leakage`) and rows about no photo (`StaleRow`), sorted.
    pub findings: Vec<Finding>,
}

/// Reads a CSV file with the columns `patient_id` and `image_id` or `current_filename`, separated
/// by `,` or `;`; rows without a patient are skipped.
///
/// # Errors
/// When the file cannot be read; with its line: a missing column, a row of another length, text
/// that is not UTF-8, a row without an image, an image of two patients; or no patient at all.
pub fn read_patients(path: &Path) -> Result<Patients, DataError> {
    let bytes = file::read(path)?;
    let refused = |error| metadata::refused(path, &bytes, &error);
    let header = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let delimiter = if header.contains(&b';') { b';' } else { b',' };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(bytes.as_slice());
    let (image_idx, patient_idx) = columns(path, reader.headers().map_err(refused)?)?;
    let mut patients = Patients::new();
    for row in reader.records() {
        let row = row.map_err(refused)?;
        let place = || format!("line {}", metadata::line(&bytes, row.position()));
        let cell = |idx: usize| row.get(idx).unwrap_or_default().trim();
        let (image_id, patient) = (image_id_of(cell(image_idx)), cell(patient_idx));
        if image_id.is_empty() {
            return Err(DataError::invalid(path, place(), "found no image; expected an image id"));
        }
        if patient.is_empty() {
            continue;
        }
        match patients.insert(image_id.to_owned(), patient.to_owned()) {
            Some(other) if other != patient => {
                let message = format!(
                    "found the image `{image_id}` for patient `{patient}`, but before for \
                     `{other}`; expected one patient an image"
                );
                return Err(DataError::invalid(path, place(), message));
            }
            _ => {}
        }
    }
    if patients.is_empty() {
        return Err(DataError::invalid(path, "", "found no patient; expected one a row"));
    }
    Ok(patients)
}

/// The positions of the columns of images and of patients.
fn columns(path: &Path, header: &StringRecord) -> Result<(usize, usize), DataError> {
    let position = |column: &str| header.iter().position(|name| name == column);
    let image = position("image_id").or_else(|| position("current_filename"));
    image.zip(position("patient_id")).ok_or_else(|| {
        let found: Vec<&str> = header.iter().collect();
        let message = format!(
            "found the columns {}; expected `patient_id`, and `image_id` or `current_filename`",
            found.join(", ")
        );
        DataError::invalid(path, "line 1", message)
    })
}

/// Looks for patients with photos in more than one set; `table` is the file of `patients`.
///
/// A photo's id is its file name without extension.
pub fn check_patients(table: &Path, patients: &Patients, sets: &[PhotoSet]) -> PatientCheck {
    let mut stale = patients.clone();
    let mut num_photos_without_patient = 0;
    let mut photos: BTreeMap<&str, BTreeMap<&str, Vec<&Path>>> = BTreeMap::new();
    for set in sets {
        for path in &set.photos {
            let image_id = photo_set::image_id_of(path);
            stale.remove(&image_id);
            match patients.get(&image_id) {
                Some(patient) => {
                    photos.entry(patient).or_default().entry(&set.name).or_default().push(path);
                }
                None => num_photos_without_patient += 1,
            }
        }
    }
    let leaks = photos.iter().filter(|(_, sets)| sets.len() > 1);
    let mut findings: Vec<Finding> = leaks
        .map(|(patient, sets)| {
            let message = format!("patient `{patient}` is in {}", places(sets));
            Finding::new(FindingKind::Leakage, table, message)
        })
        .collect();
    findings.extend(stale.keys().map(|image_id| {
        let message = format!("the image `{image_id}` is in none of the folders of photos");
        Finding::new(FindingKind::StaleRow, table, message)
    }));
    findings.sort();
    PatientCheck { num_patients: photos.len(), num_photos_without_patient, findings }
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
