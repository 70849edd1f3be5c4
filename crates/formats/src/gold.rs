//! Gold classes, patients and attributes of images.

use crate::dataset_file::{DatasetFile, Empty, Labels, LabelsFrom};
use crate::join::{Found, Images};
use dermx_data::text::{MAX_EXCERPT, shortened};
use dermx_data::{
    CsvLine, CsvTable, DataError, Finding, FindingKind, Image, class_idx_of, did_you_mean,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Gold classes, patients and attributes of images, by place.
#[derive(Default)]
pub(crate) struct Gold {
    pub classes: BTreeMap<usize, Vec<String>>,
    /// Images that show none of the classes.
    without_class: BTreeSet<usize>,
    patients: BTreeMap<usize, String>,
    attributes: BTreeMap<usize, BTreeMap<String, String>>,
    pub attribute_names: Vec<String>,
    /// What was found in the table.
    pub notes: Vec<Finding>,
}

/// The table of gold classes, patients and attributes, and where its columns are.
pub(crate) struct LabelsTable {
    table: CsvTable,
    image_idx: usize,
    classes: Classes,
    patient_idx: Option<usize>,
    attributes: Vec<(String, usize)>,
}

/// What a row says of the classes of its image.
enum Classes {
    /// Nothing.
    None,
    /// The names of them, in this cell.
    Names { idx: usize, separator: String, is_empty_none: bool },
    /// 1 or 0 in the cell of each class.
    Columns(Vec<(String, usize)>),
}

impl Classes {
    /// Those of a row; whether it is known that there are no others.
    fn of(
        &self,
        table: &CsvTable,
        row: &CsvLine,
    ) -> Result<Option<(Vec<String>, bool)>, DataError> {
        Ok(match self {
            Self::None => None,
            Self::Names { idx, separator, is_empty_none } => {
                let names = row.cells[*idx].split(separator.as_str()).map(str::trim);
                let names = names.filter(|class| !class.is_empty()).map(str::to_owned);
                Some((names.collect(), *is_empty_none))
            }
            Self::Columns(columns) => {
                let mut names = Vec::new();
                for (name, idx) in columns {
                    match row.cells[*idx].to_ascii_lowercase().as_str() {
                        "1" | "1.0" | "true" => names.push(name.clone()),
                        "0" | "0.0" | "false" => {}
                        other => {
                            let other = shortened(other, MAX_EXCERPT);
                            let message = format!("found `{other}`; expected 1 or 0");
                            return Err(table.invalid(row.line, name, message));
                        }
                    }
                }
                Some((names, true))
            }
        })
    }
}

impl LabelsTable {
    /// # Errors
    /// A table that cannot be read; all columns that it does not have.
    pub fn read(path: &Path, labels: &Labels) -> Result<Self, DataError> {
        let table = CsvTable::read(path)?;
        let image = labels.image.as_deref().unwrap_or("image");
        let has_cells = labels.separator.is_some() || labels.empty.is_some();
        let class = labels.class.as_deref().or(has_cells.then_some("class"));
        let patient = labels.patient.as_deref();
        let attributes = labels.attributes.iter().map(String::as_str);
        let columns = labels.columns.iter().map(String::as_str);
        let names = std::iter::once(image).chain(class).chain(columns.clone());
        let names = names.chain(patient).chain(attributes);
        let names: Vec<&str> = names.collect();
        let mut found = table.positions_of(&names)?.into_iter();
        let image_idx = found.next().unwrap_or_default();
        let class_idx = match (class, labels.from) {
            (Some(_), _) => found.next(),
            // A table may be about patients and attributes alone.
            (None, Some(_)) => None,
            (None, None) => table.find_column("class").filter(|_| labels.columns.is_empty()),
        };
        let columns: Vec<(String, usize)> =
            columns.map(str::to_owned).zip(found.by_ref()).collect();
        let classes = match class_idx {
            Some(idx) => Classes::Names {
                idx,
                separator: labels.separator.clone().unwrap_or_else(|| "|".to_owned()),
                is_empty_none: labels.empty == Some(Empty::NoClass),
            },
            None if columns.is_empty() => Classes::None,
            None => Classes::Columns(columns),
        };
        let patient_idx = patient.and_then(|_| found.next());
        let attributes = labels.attributes.iter().cloned().zip(found).collect();
        Ok(Self { table, image_idx, classes, patient_idx, attributes })
    }

    /// What it calls its images.
    pub fn images(&self) -> Vec<String> {
        self.table.rows().iter().map(|row| row.cells[self.image_idx].clone()).collect()
    }
}

impl Gold {
    /// # Errors
    /// Rows that may be about several images or are about none at all, a class that is none of those that the data set
    /// names.
    pub fn new(
        root: &Path,
        file: &DatasetFile,
        labels: &Labels,
        table: Option<LabelsTable>,
        images: &mut Images,
        found: &Found,
    ) -> Result<Self, DataError> {
        let source = table.as_ref().map_or_else(|| root.into(), |one| one.table.path().to_owned());
        let mut gold = match table {
            Some(table) => Self::of_table(&table, images)?,
            None => Self::default(),
        };
        let annotated = found.annotations.images.iter().any(|image| !image.gold.is_empty());
        let from = labels.from.or(match (&labels.file, annotated) {
            (Some(_), _) => None,
            (None, true) => Some(LabelsFrom::Annotations),
            (None, false) => Some(LabelsFrom::Folders),
        });
        match from {
            Some(LabelsFrom::Annotations) => {
                for image in &found.annotations.images {
                    if let Some(idx) = images.find(root, "", &image.name)?
                        && !image.gold.is_empty()
                    {
                        gold.classes.insert(idx, image.gold.clone());
                    }
                }
            }
            Some(LabelsFrom::Folders) => gold.classes = of_folders(images),
            None => {}
        }
        for class in gold.classes.values_mut().flatten() {
            if let Some((_, usual)) = file.spellings.iter().find(|(other, _)| other == class) {
                usual.clone_into(class);
            }
        }
        if !file.classes.is_empty() {
            gold.check(
                &source,
                &file.classes,
                images,
                labels.from.is_some() || labels.file.is_some(),
            )?;
        }
        Ok(gold)
    }

    fn of_table(labels: &LabelsTable, images: &Images) -> Result<Self, DataError> {
        let LabelsTable { table, image_idx, classes, patient_idx, attributes } = labels;
        let rows = table.rows().iter();
        let places = rows
            .map(|row| (dermx_data::cell_place(row.line, "image"), row.cells[*image_idx].as_str()));
        let joined = images.names.join(table.path(), places).checked()?;
        let stale = joined.warning();
        let stale = stale.map(|text| Finding::new(FindingKind::StaleRow, table.path(), text));
        let mut gold = Self {
            attribute_names: attributes.iter().map(|(name, _)| name.clone()).collect(),
            notes: stale.into_iter().collect(),
            ..Self::default()
        };
        for (idx, row) in joined.row_of.iter().enumerate() {
            let Some(row) = row.and_then(|row| table.rows().get(row)) else { continue };
            if let Some((names, is_all)) = classes.of(table, row)? {
                if names.is_empty() && is_all {
                    gold.without_class.insert(idx);
                }
                gold.classes.insert(idx, names);
            }
            if let Some(patient) = patient_idx.map(|idx| &row.cells[idx])
                && !patient.is_empty()
            {
                gold.patients.insert(idx, patient.clone());
            }
            // An empty cell tells nothing.
            let values = attributes.iter().filter(|(_, idx)| !row.cells[*idx].is_empty());
            let values = values.map(|(name, idx)| (name.clone(), row.cells[*idx].clone()));
            gold.attributes.insert(idx, values.collect());
        }
        Ok(gold)
    }

    /// Brings classes to the spelling of `classes`. One that is none of them is an error where the data set says
    /// where classes are from; else (folders that were taken for classes) it is none.
    fn check(
        &mut self,
        source: &Path,
        classes: &[String],
        images: &Images,
        is_said: bool,
    ) -> Result<(), DataError> {
        let known: Vec<&str> = classes.iter().map(String::as_str).collect();
        for (idx, gold) in &mut self.classes {
            for class in gold.iter_mut() {
                match class_idx_of(class, classes) {
                    Some(class_idx) => classes[class_idx].clone_into(class),
                    None if is_said => {
                        let message = format!(
                            "the image `{}` has the class `{class}`{}; there are {}",
                            images.ids[*idx],
                            did_you_mean(class, &known),
                            classes.join(", ")
                        );
                        return Err(DataError::invalid(source, "", message));
                    }
                    None => class.clear(),
                }
            }
            gold.retain(|class| !class.is_empty());
        }
        Ok(())
    }

    /// An image with what is known of it.
    pub fn image(&self, idx: usize, id: &str, images: &Images) -> Image {
        Image {
            image_id: id.to_owned(),
            file_name: images.file_names[idx].clone(),
            photo: images.photos.get(id).cloned(),
            gold: self.classes.get(&idx).cloned().unwrap_or_default(),
            is_without_class: self.without_class.contains(&idx),
            patient: self.patients.get(&idx).cloned(),
            attributes: self.attributes.get(&idx).cloned().unwrap_or_default(),
        }
    }
}

/// The first folder of each photo as its class, if each photo is in one.
fn of_folders(images: &Images) -> BTreeMap<usize, Vec<String>> {
    let class = |(idx, id): (usize, &String)| {
        let (folder, _) = id.split_once('/')?;
        Some((idx, vec![folder.to_owned()]))
    };
    if images.photos.is_empty() || !images.ids.iter().all(|id| id.contains('/')) {
        return BTreeMap::new();
    }
    images.ids.iter().enumerate().filter_map(class).collect()
}
