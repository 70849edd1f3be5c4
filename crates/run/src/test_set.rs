//! The photos of an annotated test set.

use crate::config::DataSection;
use crate::error::{RunError, RunResult};
use dermx_data::{DataError, Dataset, Image, ImageNames, Selection, list_photos, read_photo};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// An annotated test set with a photo for every image of its metadata.
#[derive(Debug)]
pub struct TestSet {
    /// The annotations.
    pub dataset: Dataset,
    /// Id and file of each photo, in the order of the ids.
    pub photos: Vec<(String, PathBuf)>,
    /// Index of each photo's gold class.
    pub gold_idx: Vec<usize>,
    /// Number of photos of no image in the metadata, and one of them.
    others: (usize, Option<String>),
}

impl TestSet {
    /// Reads annotations and finds the photos.
    ///
    /// # Errors
    /// A data set that cannot be read, an image without a photo or with several that may be meant, or a
    /// gold class that is not one of the configuration's.
    pub fn read(data: &DataSection) -> RunResult<Self> {
        let (test, test_images) = data.test_set()?;
        let dataset = Dataset::read(test)?.select(Selection::default());
        let files: Vec<(String, PathBuf)> = list_photos(test_images)?.into_iter().collect();
        let names = files.iter().map(|(id, path)| (id.as_str(), path.as_path()));
        let names = ImageNames::of_photos(names);
        let images = dataset.images();
        let found: Vec<Option<usize>> = images
            .iter()
            .map(|image| find_photo(&names, image))
            .collect::<Result<_, String>>()
            .map_err(|message| RunError::in_file(test_images, message))?;
        let missing = images.iter().zip(&found).filter(|(_, found)| found.is_none());
        let missing: Vec<&str> = missing.map(|(image, _)| image.file_name.as_str()).collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "{}: there is no photo `{first}`, and {} others of {} are missing, too; see \
                 datasets/README.md for where DermX's photos come from",
                test_images.display(),
                missing.len() - 1,
                images.len()
            );
            return Err(RunError::missing_input(message));
        }
        let gold = |diagnosis: &String| {
            data.classes.iter().position(|class| class == diagnosis).ok_or_else(|| {
                let message = format!(
                    "diagnosis `{diagnosis}` is not in data.classes ({})",
                    data.classes.join(", ")
                );
                RunError::in_file(&test.join("metadata.csv"), message)
            })
        };
        let gold_idx: RunResult<Vec<usize>> =
            images.iter().map(|image| gold(&image.diagnosis)).collect();
        let photos = images
            .iter()
            .zip(&found)
            .filter_map(|(image, found)| {
                let (_, file) = files.get((*found)?)?;
                Some((image.image_id.clone(), file.clone()))
            })
            .collect();
        let gold_idx = gold_idx?;
        let is_found: BTreeSet<usize> = found.into_iter().flatten().collect();
        let mut others = (0..files.len()).filter(|idx| !is_found.contains(idx));
        let first = others.next().map(|idx| files[idx].1.display().to_string());
        let others = (files.len() - is_found.len(), first);
        Ok(Self { dataset, photos, gold_idx, others })
    }

    /// Warns of photos of no image in the metadata.
    pub fn warn_of_others(&self) {
        if let (num, Some(first)) = &self.others {
            tracing::warn!(
                "{num} of {} photos are of no image in metadata.csv and are not used: {first}{}",
                num + self.photos.len(),
                if *num > 1 { ", ..." } else { "" }
            );
        }
    }

    /// Reads every photo once, so that one that cannot be read is known before the work begins.
    ///
    /// # Errors
    /// The first of them.
    pub fn check_photos(&self) -> RunResult<()> {
        let read = |(_, path): &(String, PathBuf)| read_photo(path).map(drop);
        let results: Vec<Result<(), DataError>> = self.photos.par_iter().map(read).collect();
        Ok(results.into_iter().collect::<Result<(), _>>()?)
    }

    /// The files of the photos.
    pub fn files(&self) -> Vec<PathBuf> {
        self.photos.iter().map(|(_, path)| path.clone()).collect()
    }
}

/// The photo of an image: by the file name in the metadata, which may have folders, or by its id.
fn find_photo(names: &ImageNames, image: &Image) -> Result<Option<usize>, String> {
    match names.find(&image.file_name)? {
        None => names.find(&image.image_id),
        found => Ok(found),
    }
}
