//! The published masks: PNG files, and the table that names them.

use crate::dermx::ontology::{TermKind, kind_of, usual_spelling};
use crate::image_id::composed;
use crate::{DataError, ImageSize, Mask, Reading, file};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The columns of the table.
pub(crate) const TABLE_COLUMNS: [&str; 3] = ["image_id", "mask_id", "class_name"];

/// How a release divides its masks into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskLayout {
    /// 2021: `RATER_IMAGE_NNNNN.png`, one file per outlined instance.
    ByInstance,
    /// 2023: `RATER_IMAGE_Class.png`, one file for all instances of a class, beside left-overs of
    /// the other layout. The class may have `_` for a space, and any known spelling.
    ByClass,
}

/// The names of the mask files of a data set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MaskFiles {
    folder: PathBuf,
    /// The names on disk by the name in Unicode's composed form, which is looked for.
    names: BTreeMap<String, String>,
    /// By `RATER_IMAGE` and class, the names of the files by class: several where a class is spelled in
    /// several ways.
    by_class: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// A file that holds, or ought to hold, an outlined characteristic.
pub(crate) struct MaskFile {
    pub name: String,
    /// The only instance in it; `None` for all of the characteristic.
    pub instance_idx: Option<usize>,
}

impl MaskFiles {
    /// Lists the folder `root/masks/masks`; `None` when there is none.
    pub fn list(root: &Path, evaluations: &[Reading]) -> Result<Option<Self>, DataError> {
        let folder = folder(root);
        if !folder.is_dir() {
            return Ok(None);
        }
        let listed = file::list(&folder)?.into_iter();
        let named = listed.map(|entry| (composed(&entry.name), entry.name));
        let names: BTreeMap<String, String> = named.collect();
        let of_stem: HashMap<String, &Reading> =
            evaluations.iter().map(|one| (one.stem(), one)).collect();
        let mut by_class: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
        for name in names.keys() {
            if let Some((stem, class)) = split_by_class(name, &of_stem) {
                by_class.entry(stem).or_default().entry(class).or_default().push(name.clone());
            }
        }
        Ok(Some(Self { folder, names, by_class }))
    }

    /// By class as soon as one file is named so.
    pub fn layout(&self) -> MaskLayout {
        match self.by_class.is_empty() {
            true => MaskLayout::ByInstance,
            false => MaskLayout::ByClass,
        }
    }

    /// Every name in the folder, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(self.names.get(name).map_or(name, String::as_str))
    }

    /// The files of an outlined characteristic: that of the class or, where there is none, those of
    /// the instances.
    pub fn files_of(&self, evaluation: &Reading, characteristic: &str) -> Vec<MaskFile> {
        let stem = evaluation.stem();
        let by_class = self.by_class.get(&stem).and_then(|classes| classes.get(characteristic));
        if let Some(names) = by_class {
            let file = |name: &String| MaskFile { name: name.clone(), instance_idx: None };
            return names.iter().map(file).collect();
        }
        let indexed: Vec<MaskFile> = (0..evaluation.regions.len())
            .filter(|&idx| evaluation.regions[idx].concept == characteristic)
            .map(|idx| MaskFile { name: name(evaluation, idx), instance_idx: Some(idx) })
            .collect();
        let is_left_over = |file: &MaskFile| self.contains(&file.name);
        match self.layout() == MaskLayout::ByInstance || indexed.iter().any(is_left_over) {
            true => indexed,
            false => {
                vec![MaskFile { name: format!("{stem}_{characteristic}.png"), instance_idx: None }]
            }
        }
    }

    /// Reads one of the files, of whatever size.
    ///
    /// # Errors
    /// When the file is not there or is no mask, see [`Mask::read_png`].
    pub fn read(&self, name: &str) -> Result<Mask, DataError> {
        let path = self.path(name);
        if !self.contains(name) {
            let message = "found no such mask; expected one for what the rater outlined (the \
                           outlines in the annotation file give the same pixels)";
            return Err(DataError::missing(&path, message));
        }
        Mask::read_png(&path)
    }

    /// The pixels in any file of `characteristic`; `None` when the rater outlined none in the image.
    ///
    /// # Errors
    /// See [`MaskFiles::read`]; also a mask that is not as large as the image.
    pub fn mask(
        &self,
        evaluation: &Reading,
        characteristic: &str,
    ) -> Result<Option<Mask>, DataError> {
        if !evaluation.inside().any(|one| one.concept == characteristic) {
            return Ok(None);
        }
        let is_outside = |idx| evaluation.outside().any(|(outside_idx, _)| outside_idx == idx);
        let mut masks = Vec::new();
        for MaskFile { name, instance_idx } in self.files_of(evaluation, characteristic) {
            if instance_idx.is_some_and(is_outside) {
                continue;
            }
            let mask = self.read(&name)?;
            if mask.size() != evaluation.size {
                let message = size_message(mask.size(), evaluation.size);
                return Err(DataError::invalid(&self.path(&name), "", message));
            }
            masks.push(mask);
        }
        Ok(Mask::union_all(masks))
    }

    /// Checks that every outlined instance has its file; the files are not opened.
    ///
    /// Masks by class are not checked: the release of 2023 lacks some.
    ///
    /// # Errors
    /// Names the first file that is missing, and how many are.
    pub fn check(&self, evaluations: &[Reading]) -> Result<(), DataError> {
        if self.layout() == MaskLayout::ByClass {
            return Ok(());
        }
        let expected = evaluations.iter().flat_map(|evaluation| {
            (0..evaluation.regions.len()).map(|instance_idx| name(evaluation, instance_idx))
        });
        let mut missing = expected.filter(|name| !self.contains(name));
        let Some(first) = missing.next() else { return Ok(()) };
        let message = format!(
            "found no such mask, and {} more are missing; expected one PNG per outlined annotation \
             (or no folder `masks/masks` at all: the polygons suffice)",
            missing.count()
        );
        Err(DataError::missing(&self.path(&first), message))
    }
}

/// `RATER_IMAGE` and the class, in its usual spelling, in `RATER_IMAGE_Class.png`.
///
/// Image ids may hold `_`, too, so the longest start that is an evaluation counts. What is no
/// label of an outline is another file.
fn split_by_class(name: &str, of_stem: &HashMap<String, &Reading>) -> Option<(String, String)> {
    let name = name.strip_suffix(".png")?;
    name.rmatch_indices('_').find_map(|(end, _)| {
        let evaluation = of_stem.get(&name[..end])?;
        let class = usual_class(&name[end + 1..]);
        let is_class = kind_of(&class).is_some_and(TermKind::is_localisable)
            || evaluation.concepts().contains(class.as_str());
        is_class.then(|| (name[..end].to_owned(), class))
    })
}

/// A class in its usual spelling, with spaces for `_`.
pub(crate) fn usual_class(name: &str) -> String {
    let class = name.replace('_', " ");
    usual_spelling(&class).map_or(class, str::to_owned)
}

/// What to say of a mask that is not as large as its image.
pub(crate) fn size_message(found: ImageSize, expected: ImageSize) -> String {
    format!("found {found} (height x width); expected {expected}, the size of the image")
}

/// The folder of the PNG files below the root of the data set.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("masks").join("masks")
}

/// The table below the root of the data set.
pub(crate) fn table(root: &Path) -> PathBuf {
    root.join("masks").join("instance_mask_annotations.csv")
}

/// `RATER_IMAGE_NNNNN.png`, the file name of an instance by its position in
/// [`Reading::regions`].
pub fn name(evaluation: &Reading, instance_idx: usize) -> String {
    stem(evaluation, instance_idx) + ".png"
}

/// The name of an instance's file without `.png`, the `mask_id` of the table.
pub(crate) fn stem(evaluation: &Reading, instance_idx: usize) -> String {
    format!("{}_{instance_idx:05}", evaluation.stem())
}

/// Writes `root/masks/masks/*.png` and `root/masks/instance_mask_annotations.csv`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_mask_files(root: &Path, evaluations: &[Reading]) -> Result<(), DataError> {
    let folder = folder(root);
    file::create_folder(&folder)?;
    let write = |evaluation: &Reading| {
        evaluation.regions.iter().enumerate().try_for_each(|(instance_idx, instance)| {
            let path = folder.join(name(evaluation, instance_idx));
            instance.mask(evaluation.size).write_png(&path)
        })
    };
    let written: Vec<_> = evaluations.par_iter().map(write).collect();
    written.into_iter().collect::<Result<(), _>>()?;
    write_table(&table(root), evaluations)
}

/// The table; its column `image_id` holds `RATER_IMAGE`, as in the release.
fn write_table(path: &Path, evaluations: &[Reading]) -> Result<(), DataError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = evaluations.iter().flat_map(|evaluation| {
        evaluation.regions.iter().enumerate().map(|(instance_idx, instance)| {
            let mask_id = stem(evaluation, instance_idx);
            [evaluation.stem(), mask_id, instance.concept.clone()]
        })
    });
    let header = TABLE_COLUMNS.map(str::to_owned);
    for row in std::iter::once(header).chain(rows) {
        writer
            .write_record(row)
            .map_err(|error| DataError::invalid(path, "", error.to_string()))?;
    }
    let bytes =
        writer.into_inner().map_err(|error| DataError::invalid(path, "", error.to_string()))?;
    file::write(path, &bytes)
}
