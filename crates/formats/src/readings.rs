//! The readings of one image by several raters.

use crate::RawReading;
use dermx_data::ImageSize;
use std::collections::BTreeMap;
use std::path::Path;

/// Readings of one image in the order in which their raters come up.
#[derive(Debug)]
pub(crate) struct Readings<'a> {
    file: &'a Path,
    image: &'a str,
    size: Option<ImageSize>,
    places: BTreeMap<String, usize>,
    readings: Vec<RawReading>,
}

impl<'a> Readings<'a> {
    /// No reading yet.
    pub fn new(file: &'a Path, image: &'a str, size: Option<ImageSize>) -> Self {
        Self { file, image, size, places: BTreeMap::new(), readings: Vec::new() }
    }

    /// The reading of a rater, which is added where it is not there yet.
    pub fn of(&mut self, rater: &str) -> &mut RawReading {
        let place = match self.places.get(rater) {
            Some(&place) => place,
            None => {
                self.places.insert(rater.to_owned(), self.readings.len());
                self.readings.push(RawReading {
                    image: self.image.to_owned(),
                    rater: rater.to_owned(),
                    size: self.size,
                    labels: Vec::new(),
                    regions: Vec::new(),
                    file: self.file.to_path_buf(),
                });
                self.readings.len() - 1
            }
        };
        &mut self.readings[place]
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<RawReading> {
        self.readings
    }
}
