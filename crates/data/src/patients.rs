//! Which patient each photo shows, and patients on both sides of a split.

use crate::csv_table::{invalid_cell, read_rows};
use crate::metadata::image_id_of;
use crate::{DataError, Finding, FindingKind, PhotoSet, file, photo_set};
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
    let header = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = if header.contains(&b';') { b';' } else { b',' };
    let has_files = String::from_utf8_lossy(header).contains("current_filename");
    let image_column = if has_files { "current_filename" } else { "image_id" };
    let mut patients = Patients::new();
    for row in read_rows(path, separator, [image_column, "patient_id"])? {
        let [image_id, patient] = row.cells.each_ref().map(|cell| cell.trim());
        let image_id = image_id_of(image_id);
        let invalid = |message: String| Err(invalid_cell(path, row.line, image_column, message));
        if image_id.is_empty() {
            return invalid("found no image; expected an image id".to_owned());
        }
        if patient.is_empty() {
            continue;
        }
        match patients.insert(image_id.to_owned(), patient.to_owned()) {
            Some(other) if other != patient => {
                return invalid(format!(
                    "found the image `{image_id}` for patient `{patient}`, but before for \
                     `{other}`; expected one patient an image"
                ));
            }
            _ => {}
        }
    }
    if patients.is_empty() {
        return Err(DataError::invalid(path, "", "found no patient; expected one a row"));
    }
    Ok(patients)
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
