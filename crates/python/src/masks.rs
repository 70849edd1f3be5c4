//! Masks in arrays: an annotated data set without files.

use dermx_data::{
    Concept, Dataset, Image, ImageSize, MaskBuilder, Reading, Region, Schema, Shape, image_id,
};
use dermx_eval::UNION;
use dermx_score::{ScoreError, ScoreResult};
use dermx_work::Watch;
use numpy::ndarray::{ArrayView2, ArrayView5, Axis};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// The axes of masks.
pub const AXES: [&str; 5] = ["images", "raters", "concepts", "height", "width"];

/// What messages call them.
pub const MASKS: &str = "masks";

/// The longest side, and the most pixels, that a photo may have.
const MAX_SIDE: usize = 65535;
const MAX_PIXELS: usize = 100_000_000;

/// What the places along the axes are called.
#[derive(Debug)]
pub struct Names {
    /// The data set.
    pub dataset: String,
    /// Its images.
    pub images: Vec<String>,
    /// Who marked them.
    pub raters: Vec<String>,
    /// What is marked.
    pub concepts: Vec<String>,
    /// The classes, in the order of matrices.
    pub classes: Vec<String>,
    /// Of each image the gold class, if it has one.
    pub gold: Vec<Option<String>>,
}

impl Names {
    /// Checks that each name stands for one thing.
    ///
    /// # Errors
    /// A name that is there twice or is taken.
    pub fn check(&self) -> ScoreResult<()> {
        for (called, names) in [("raters", &self.raters), ("concepts", &self.concepts)] {
            let mut seen = BTreeSet::new();
            if let Some(again) = names.iter().find(|name| !seen.insert(*name)) {
                let message = format!("found `{again}` twice; expected each name once");
                return Err(ScoreError::in_file(Path::new(called), message));
            }
        }
        if self.concepts.iter().any(|name| name == UNION) {
            let message = format!("`{UNION}` is what all that a rater marked is called; rename it");
            return Err(ScoreError::in_file(Path::new("concepts"), message));
        }
        let unknown = self.gold.iter().flatten().find(|class| !self.classes.contains(class));
        match unknown {
            None => Ok(()),
            Some(class) => {
                let classes = self.classes.join(", ");
                let message = format!("`{class}` is not a class; there are: {classes}");
                Err(ScoreError::in_file(Path::new("gold"), message))
            }
        }
    }
}

/// Checks that masks of \[height, width\] `size` can be had.
///
/// # Errors
/// More pixels than a photo may have.
pub fn check_size([height, width]: [usize; 2]) -> ScoreResult<()> {
    let is_small = height <= MAX_SIDE && width <= MAX_SIDE && height * width <= MAX_PIXELS;
    match is_small {
        true => Ok(()),
        false => Err(ScoreError::in_file(
            Path::new(MASKS),
            format!(
                "found {height}x{width} pixels (height x width); expected sides of at most {MAX_SIDE} and \
                 100 megapixels"
            ),
        )),
    }
}

/// The data set of `masks`, of which those of readings that `read` does not have say nothing. A mask without a pixel
/// says that its concept was not marked.
///
/// # Errors
/// Names that do not do, nothing that is marked, or a request to stop.
pub fn dataset(
    masks: ArrayView5<'_, u8>,
    read: Option<ArrayView2<'_, u8>>,
    names: &Names,
    watch: Watch<'_>,
) -> ScoreResult<Dataset> {
    names.check()?;
    let (_, _, _, height, width) = masks.dim();
    check_size([height, width])?;
    let has_read = |image_idx: usize, rater_idx: usize| {
        read.is_none_or(|read| read[[image_idx, rater_idx]] != 0)
    };
    let of_image = |builder: &mut MaskBuilder, image_idx: usize| -> ScoreResult<Vec<Reading>> {
        let raters = (0..names.raters.len()).filter(|&rater_idx| has_read(image_idx, rater_idx));
        let of_rater = |rater_idx: usize| {
            watch.check("score again")?;
            let masks = masks.index_axis(Axis(0), image_idx).index_axis_move(Axis(0), rater_idx);
            let size = ImageSize::new(height as u32, width as u32);
            let image = image_id(&names.images[image_idx]);
            let mut reading = Reading::new(image, &names.raters[rater_idx], size);
            for (mask, concept) in masks.axis_iter(Axis(0)).zip(&names.concepts) {
                add(builder, &mask);
                let mask = builder.finish(size);
                if !mask.is_empty() {
                    let shape = Shape::Mask(mask);
                    let concept = concept.clone();
                    reading.regions.push(Region { concept, attributes: Vec::new(), shape });
                }
            }
            // As files of masks have them.
            reading.regions.sort_by(|one, other| one.concept.cmp(&other.concept));
            Ok(reading)
        };
        raters.map(of_rater).collect()
    };
    let readings: Vec<ScoreResult<Vec<Reading>>> =
        (0..names.images.len()).into_par_iter().map_init(MaskBuilder::default, of_image).collect();
    let readings: ScoreResult<Vec<Vec<Reading>>> = readings.into_iter().collect();
    let readings = readings?.concat();
    if readings.iter().all(|reading| reading.regions.is_empty()) {
        let message = format!(
            "there is nothing to score maps with: nothing is marked in {} readings of {} images; expected a mask \
             with a pixel inside, of a rater who read the image",
            readings.len(),
            names.images.len()
        );
        return Err(ScoreError::in_file(Path::new(MASKS), message));
    }
    Ok(Dataset::new(Path::new("arrays"), schema(names), images(names), readings)?)
}

/// The pixels of a mask, without a copy where its rows lie in one piece.
fn add(builder: &mut MaskBuilder, mask: &ArrayView2<'_, u8>) {
    if let Some(whole) = mask.as_slice() {
        builder.push(whole);
        return;
    }
    for row in mask.rows() {
        match row.as_slice() {
            Some(row) => builder.push(row),
            None => builder.push(&row.to_vec()),
        }
    }
}

fn schema(names: &Names) -> Schema {
    let concept = |name: &String| Concept {
        name: name.clone(),
        group: String::new(),
        is_localisable: true,
        is_optional: false,
    };
    Schema {
        name: names.dataset.clone(),
        classes: names.classes.clone(),
        concepts: names.concepts.iter().map(concept).collect(),
        ..Schema::default()
    }
}

fn images(names: &Names) -> Vec<Image> {
    let image = |(name, gold): (&String, &Option<String>)| Image {
        image_id: image_id(name),
        file_name: name.clone(),
        gold: gold.iter().cloned().collect(),
        ..Image::default()
    };
    names.images.iter().zip(&names.gold).map(image).collect()
}
