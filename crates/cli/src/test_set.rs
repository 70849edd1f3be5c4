//! The photos of an annotated test set.

use crate::config::DataSection;
use crate::error::{CliError, CliResult, ExitKind};
use dermx_data::{DermxDataset, Selection, list_photos};
use std::path::PathBuf;

/// An annotated test set with a photo for every image of its metadata.
#[derive(Debug)]
pub struct TestSet {
    /// The annotations.
    pub dataset: DermxDataset,
    /// Id and file of each photo, in the order of the ids.
    pub photos: Vec<(String, PathBuf)>,
    /// Index of each photo's gold class.
    pub gold_idx: Vec<usize>,
}

impl TestSet {
    /// Reads annotations and finds the photos.
    ///
    /// # Errors
    /// A data set that cannot be read, an image without a photo, or a gold class that is not one of
    /// the configuration's.
    pub fn read(data: &DataSection) -> CliResult<Self> {
        let dataset = DermxDataset::read(&data.test)?.select(Selection::default());
        let files = list_photos(&data.test_images)?;
        let images = dataset.images();
        let missing = images.iter().filter(|image| !files.contains_key(&image.image_id));
        let missing: Vec<&str> = missing.map(|image| image.file_name.as_str()).collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "{}: there is no photo `{first}`, and {} others of {} are missing, too; see \
                 datasets/README.md for where DermX's photos come from",
                data.test_images.display(),
                missing.len() - 1,
                images.len()
            );
            return Err(CliError::new(ExitKind::MissingInput, message));
        }
        let gold = |diagnosis: &String| {
            data.classes.iter().position(|class| class == diagnosis).ok_or_else(|| {
                let message = format!(
                    "diagnosis `{diagnosis}` is not in data.classes ({})",
                    data.classes.join(", ")
                );
                CliError::bad_data(&data.test.join("metadata.csv"), message)
            })
        };
        let gold_idx: CliResult<Vec<usize>> =
            images.iter().map(|image| gold(&image.diagnosis)).collect();
        let photos = images
            .iter()
            .filter_map(|image| {
                let file = files.get(&image.image_id)?;
                Some((image.image_id.clone(), file.clone()))
            })
            .collect();
        let gold_idx = gold_idx?;
        Ok(Self { dataset, photos, gold_idx })
    }

    /// The files of the photos.
    pub fn files(&self) -> Vec<PathBuf> {
        self.photos.iter().map(|(_, path)| path.clone()).collect()
    }
}
