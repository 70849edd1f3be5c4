//! An annotated data set.

use crate::call::run;
use crate::refusal;
use dermx_data::{Mask, Reading};
use dermx_score::read_annotations;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Images, raters, and what each rater marked in each image.
#[pyclass(frozen, module = "dermx")]
pub struct Dataset(Arc<dermx_data::Dataset>);

impl Dataset {
    /// The data set itself.
    pub fn shared(&self) -> Arc<dermx_data::Dataset> {
        Arc::clone(&self.0)
    }

    fn reading(&self, image: &str, rater: &str) -> PyResult<&Reading> {
        if self.0.image(image).is_none() {
            return Err(refusal(format!(
                "{}: there is no image `{image}`",
                self.0.root().display()
            )));
        }
        let readings = self.0.readings_of(image);
        readings.iter().find(|one| one.rater == rater).ok_or_else(|| {
            let raters: Vec<&str> = readings.iter().map(|one| one.rater.as_str()).collect();
            let found = match raters.as_slice() {
                [] => "nobody read it".to_owned(),
                raters => format!("it was read by {}", raters.join(", ")),
            };
            refusal(format!("image `{image}`: `{rater}` did not read it; {found}"))
        })
    }
}

#[pymethods]
impl Dataset {
    /// Read the data set in a folder, as it is scored: images with a gold class, and of each rater the first round.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(Arc::new(run(py, |_| read_annotations(&path))?)))
    }

    /// What reports call it.
    #[getter]
    fn name(&self) -> &str {
        &self.0.schema().name
    }

    /// Ids of the images, sorted.
    #[getter]
    fn images(&self) -> Vec<&str> {
        self.0.images().iter().map(|image| image.image_id.as_str()).collect()
    }

    /// Gold classes, in the order of confusion matrices.
    #[getter]
    fn classes(&self) -> Vec<&str> {
        self.0.schema().classes.iter().map(String::as_str).collect()
    }

    /// What raters mark, in the order of tables.
    #[getter]
    fn concepts(&self) -> Vec<&str> {
        dermx_agreement::localisable(&self.0)
    }

    /// The raters, sorted.
    #[getter]
    fn raters(&self) -> Vec<&str> {
        self.0.raters().into_iter().collect()
    }

    /// The raters who read an image, sorted.
    fn raters_of(&self, image: &str) -> Vec<&str> {
        self.0.readings_of(image).iter().map(|one| one.rater.as_str()).collect()
    }

    /// The gold class of an image; none where it has none, or several.
    fn gold(&self, image: &str) -> PyResult<Option<&str>> {
        match self.0.image(image) {
            Some(image) => Ok(image.gold_class()),
            None => {
                Err(refusal(format!("{}: there is no image `{image}`", self.0.root().display())))
            }
        }
    }

    /// The pixels that a rater marked as a concept, in the size of the image.
    fn mask<'py>(
        &self,
        py: Python<'py>,
        image: &str,
        rater: &str,
        concept: &str,
    ) -> PyResult<Bound<'py, PyArray2<bool>>> {
        let reading = self.reading(image, rater)?;
        let known = self.concepts();
        if !known.contains(&concept) {
            let known = known.join(", ");
            return Err(refusal(format!("`{concept}` is not a concept; there are: {known}")));
        }
        let mask = self.0.mask(reading, concept).map_err(refusal)?;
        let mask = mask.unwrap_or_else(|| Mask::empty(reading.size));
        let inside = mask.to_dense().into_iter().map(|value| value != 0).collect();
        let [height, width] = [mask.size().height as usize, mask.size().width as usize];
        PyArray1::<bool>::from_vec(py, inside).reshape([height, width])
    }

    fn __len__(&self) -> usize {
        self.0.images().len()
    }

    fn __repr__(&self) -> String {
        format!(
            "<dermx.Dataset `{}`: {} images, {} classes, {} concepts, {} raters>",
            self.0.schema().name,
            self.0.images().len(),
            self.0.schema().classes.len(),
            self.concepts().len(),
            self.0.raters().len()
        )
    }
}
