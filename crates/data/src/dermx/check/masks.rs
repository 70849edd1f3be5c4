//! Mask files against outlines, and the table of masks against both.

use super::Checker;
use crate::csv_table::{CsvRow, read_rows};
use crate::dermx::mask_files::{
    MaskFile, MaskFiles, MaskLayout, TABLE_COLUMNS, size_message, stem, table, usual_class,
};
use crate::image_id::composed;
use crate::{DataError, Finding, FindingKind, Mask, Reading, polygon};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

impl Checker<'_> {
    /// Everything about masks; nothing without a folder of them.
    pub fn check_masks(&mut self) {
        match MaskFiles::list(self.root, &self.evaluations) {
            Ok(None) => {}
            Ok(Some(files)) => {
                self.result.mask_layout = Some(files.layout());
                self.result.num_mask_files = files.names().len();
                self.compare_masks(&files);
                self.check_table(&files);
            }
            Err(error) => self.result.findings.push(error.into()),
        }
    }

    /// Every file that has to be there against its outlines; the others are not needed.
    fn compare_masks(&mut self, files: &MaskFiles) {
        let compared: Vec<(String, Result<(), Finding>)> = self
            .evaluations
            .par_iter()
            .flat_map_iter(|evaluation| compare_evaluation(files, evaluation))
            .collect();
        let mut needed = BTreeSet::new();
        for (name, outcome) in compared {
            needed.insert(name);
            self.result.masks_equal += usize::from(outcome.is_ok());
            let differs = |one: &Finding| one.kind == FindingKind::MaskDiffers;
            let is_compared = outcome.as_ref().err().is_none_or(differs);
            self.result.masks_compared += usize::from(is_compared);
            self.result.findings.extend(outcome.err());
        }
        for name in files.names().filter(|name| !needed.contains(*name)) {
            if !self.is_of_unread(name) {
                let message = "found a file that no outline needs";
                let finding = Finding::new(FindingKind::Extra, &files.path(name), message);
                self.result.findings.push(finding);
            }
        }
    }

    /// Whether a file belongs to annotations that could not be read, so that nothing can be said.
    fn is_of_unread(&self, name: &str) -> bool {
        name.match_indices('_').any(|(end, _)| self.unread.contains(&name[..end]))
    }

    fn check_table(&mut self, files: &MaskFiles) {
        let path = table(self.root);
        let rows = match read_table(&path) {
            Ok(rows) => rows,
            Err(error) => return self.result.findings.push(error.into()),
        };
        self.result.num_mask_rows = rows.len();
        let of_stem: HashMap<String, &Reading> =
            self.evaluations.iter().map(|one| (one.stem(), one)).collect();
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        let mut findings = Vec::new();
        for row in &rows {
            let [_, mask_id, _] = &row.cells;
            let mut wrong = self.wrong_cells(files, &of_stem, row);
            if let Some(first) = lines.insert(mask_id, row.line) {
                let message = format!("found the mask `{mask_id}` again, after line {first}");
                wrong.push((FindingKind::WrongRow, 1, message));
            }
            findings.extend(wrong.into_iter().map(|(kind, column_idx, message)| {
                let column = TABLE_COLUMNS[column_idx];
                let message = format!("line {}, column `{column}`: {message}", row.line);
                Finding::new(kind, &path, message)
            }));
        }
        if files.layout() == MaskLayout::ByInstance {
            findings.extend(missing_rows(&path, &self.evaluations, &lines));
        }
        self.result.findings.extend(findings);
    }

    /// What is wrong with a row, and in which column.
    fn wrong_cells(
        &self,
        files: &MaskFiles,
        of_stem: &HashMap<String, &Reading>,
        row: &CsvRow<3>,
    ) -> Vec<(FindingKind, usize, String)> {
        let [stem, mask_id, class] = &row.cells;
        let Some(evaluation) = of_stem.get(stem) else {
            let message = format!("found `{stem}`; there is no such annotation file");
            let is_stale = !self.unread.contains(stem);
            return is_stale.then_some((FindingKind::StaleRow, 0, message)).into_iter().collect();
        };
        let mut wrong = Vec::new();
        if !files.contains(&format!("{mask_id}.png")) {
            let message = format!("found `{mask_id}`; there is no such mask file");
            wrong.push((FindingKind::StaleRow, 1, message));
        }
        if let Err(message) = check_class(files.layout(), evaluation, mask_id, class) {
            wrong.push((FindingKind::WrongRow, 2, message));
        }
        wrong
    }
}

/// Each file that the evaluation needs, and what is wrong with it.
fn compare_evaluation(
    files: &MaskFiles,
    evaluation: &Reading,
) -> Vec<(String, Result<(), Finding>)> {
    let compared = evaluation.concepts().into_iter().flat_map(|characteristic| {
        let needed = files.files_of(evaluation, characteristic).into_iter();
        needed.map(move |file| {
            let outcome = compare(files, evaluation, characteristic, &file);
            (file.name, outcome)
        })
    });
    compared.collect()
}

fn compare(
    files: &MaskFiles,
    evaluation: &Reading,
    characteristic: &str,
    file: &MaskFile,
) -> Result<(), Finding> {
    let found = files.read(&file.name)?;
    let path = files.path(&file.name);
    if found.size() != evaluation.size {
        let message = size_message(found.size(), evaluation.size);
        return Err(Finding::new(FindingKind::SizeMismatch, &path, message));
    }
    let instances = evaluation.regions.iter().enumerate().filter(|&(idx, one)| {
        one.concept == characteristic && file.instance_idx.is_none_or(|of| of == idx)
    });
    // As the annotation tool draws them, which leaves a line on the rim of outlines outside of the image.
    let drawn = instances.clone().map(|(_, one)| polygon::rasterize(one.rings(), evaluation.size));
    let inside = instances.map(|(_, one)| one.mask(evaluation.size));
    let or_empty = |mask: Option<Mask>| mask.unwrap_or_else(|| Mask::empty(evaluation.size));
    let expected = or_empty(Mask::union_all(drawn));
    if found == expected || found == or_empty(Mask::union_all(inside)) {
        return Ok(());
    }
    let (num_found, num_expected) = (found.area(), expected.area());
    let num_different = num_found + num_expected - 2 * found.intersection_area(&expected);
    let message = format!(
        "found {num_found} pixels; expected the {num_expected} inside the outlines of \
         `{characteristic}`; {num_different} differ"
    );
    Err(Finding::new(FindingKind::MaskDiffers, &path, message))
}

fn read_table(path: &Path) -> Result<Vec<CsvRow<3>>, DataError> {
    if !path.is_file() {
        let message = "found no such file; expected the table of the masks";
        return Err(DataError::missing(path, message));
    }
    let mut rows = read_rows(path, TABLE_COLUMNS)?;
    // Ids are compared with file names.
    for [image_id, mask_id, _] in rows.iter_mut().map(|row| &mut row.cells) {
        (*image_id, *mask_id) = (composed(image_id), composed(mask_id));
    }
    Ok(rows)
}

/// The class of a row against that of its instance; where masks are by class, the numbers in
/// `mask_id` are those of an earlier state, so any outlined class is right.
fn check_class(
    layout: MaskLayout,
    evaluation: &Reading,
    mask_id: &str,
    class: &str,
) -> Result<(), String> {
    let class = usual_class(class);
    let file = evaluation.stem();
    let number = mask_id.strip_prefix(&file).and_then(|rest| rest.strip_prefix('_'));
    let instance = number.and_then(|number| evaluation.regions.get(number.parse::<usize>().ok()?));
    let expected = match (layout, instance) {
        (MaskLayout::ByInstance, Some(instance)) => [instance.concept.as_str()].into(),
        _ => evaluation.concepts(),
    };
    // The cells of a table are trimmed.
    if expected.iter().any(|one| one.trim() == class) {
        return Ok(());
    }
    let expected = expected.into_iter().collect::<Vec<_>>().join("` or `");
    Err(format!("found `{class}`; expected `{expected}` as in {file}.json"))
}

/// A finding for each outlined instance that has no row.
fn missing_rows(
    path: &Path,
    evaluations: &[Reading],
    lines: &BTreeMap<&str, usize>,
) -> Vec<Finding> {
    let mask_ids = evaluations
        .iter()
        .flat_map(|one| (0..one.regions.len()).map(move |instance_idx| stem(one, instance_idx)));
    let missing = mask_ids.filter(|mask_id| !lines.contains_key(mask_id.as_str()));
    let message = |mask_id| format!("found no row for the mask `{mask_id}`");
    missing.map(|mask_id| Finding::new(FindingKind::Missing, path, message(mask_id))).collect()
}
