//! Which map, and which prediction, is of which image of a data set.

use crate::error::ScoreResult;
use crate::left_out::more;
use crate::map_source::{MapFolder, MapSource};
use crate::predictions::{Prediction, Predictions};
use dermx_data::{Dataset, ImageNames, Joined, cell_place};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which map is of which image.
pub struct JoinedMaps {
    /// The name of the map by image id.
    pub by_image: BTreeMap<String, String>,
    joined: Joined,
}

impl JoinedMaps {
    /// The map of each image of `dataset` that has one.
    ///
    /// # Errors
    /// An image with two maps.
    pub fn new(dataset: &Dataset, maps: &dyn MapSource) -> ScoreResult<Self> {
        let names = maps.names();
        let rows = names.iter().map(|&name| (maps.place(name).display().to_string(), name));
        let joined = image_names(dataset).join(&maps.all(), rows);
        if let Some(problem) = joined.problems.first() {
            return Err(problem.clone().into());
        }
        let images = dataset.images().iter().zip(&joined.row_of);
        let found = images.filter_map(|(image, row)| Some((image.image_id.clone(), (*row)?)));
        let by_image = found.map(|(image_id, row)| (image_id, names[row].to_string())).collect();
        Ok(Self { by_image, joined })
    }

    /// Warns of maps of other images.
    pub fn warn(&self) {
        if let Some((first, _)) = self.joined.unmatched.first() {
            tracing::warn!(
                "{} of {} heat maps are of no image of the data set and are not scored: {first}{}",
                self.joined.unmatched.len(),
                self.joined.num_rows(),
                more(self.joined.unmatched.len())
            );
        }
    }

    /// The maps of other images, as the middle of a message about one that is missing: it may be one of them.
    pub fn unused(&self) -> String {
        let Some((_, first)) = self.joined.unmatched.first() else { return String::new() };
        let (num, all) = (self.joined.unmatched.len(), self.joined.num_rows());
        format!("; {num} of {all} maps are named as no image is: `{first}`{}", more(num))
    }
}

/// The file of the map of each image of `dataset` that has one.
///
/// # Errors
/// An image with two maps.
pub fn map_files(dataset: &Dataset, maps: &MapFolder) -> ScoreResult<BTreeMap<String, PathBuf>> {
    let by_image = JoinedMaps::new(dataset, maps)?.by_image.into_iter();
    Ok(by_image.map(|(image_id, name)| (image_id, maps.place(&name))).collect())
}

impl Predictions {
    /// Those of images of `dataset`, with the ids that the images have there; and a warning of the others.
    ///
    /// # Errors
    /// Two predictions of one image, predictions of other images only.
    pub fn of_images(&self, dataset: &Dataset) -> ScoreResult<(Self, Option<String>)> {
        let Self { path, rows, classes, calibration } = self;
        let named = rows.iter().map(|one| (cell_place(one.line, "image_id"), &*one.image_id));
        let joined = image_names(dataset).join(path, named).checked()?;
        let images = dataset.images().iter().zip(&joined.row_of);
        let known = images.filter_map(|(image, row)| {
            let image_id = image.image_id.clone();
            Some(Prediction { image_id, ..rows[(*row)?].clone() })
        });
        let (path, classes) = (path.clone(), classes.clone());
        let rows = known.collect();
        Ok((Self { path, rows, classes, calibration: *calibration }, joined.warning()))
    }
}

/// What tables may call the images of the metadata, in their order.
fn image_names(dataset: &Dataset) -> ImageNames {
    ImageNames::of_ids(dataset.images().iter().map(|image| image.image_id.as_str()))
}
