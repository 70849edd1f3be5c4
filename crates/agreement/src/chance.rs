//! Agreement beyond chance.

use crate::panel::{Panel, Records};
use crate::table::{Cut, Rows};
use dermx_data::Reading;
use dermx_eval::{Score, cohen_kappa, fleiss_kappa, krippendorff_alpha, percentile_interval};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// The row with the gold classes.
pub const DIAGNOSIS: &str = "Diagnosis";

/// Agreement beyond chance: 1 is agreement, 0 is chance.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ChanceCorrectedRow {
    /// Whether too few images carry the label for a score.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub too_few: bool,
    /// Images that carry the label.
    pub images: usize,
    /// Cohen's kappa over the unordered pairs of raters who share images; mean and population
    /// standard deviation.
    pub cohen_kappa: Score,
    /// Fleiss' kappa over the images that the most raters judged.
    pub fleiss_kappa: Option<f64>,
    /// Number of those images.
    pub fleiss_images: usize,
    /// Krippendorff's alpha over all images.
    pub krippendorff_alpha: Option<f64>,
    /// Its 95 % bootstrap interval, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krippendorff_interval: Option<[f64; 2]>,
}

/// What rows of agreement beyond chance rest on.
pub(crate) struct ChanceEvidence<'a> {
    pub records: Records<'a>,
    pub rows: Vec<ClassEvidence>,
}

/// The class that every evaluation gives, image by image.
pub(crate) struct ClassEvidence {
    label: String,
    num_classes: usize,
    /// For each image the numbers of rater and class.
    images: Vec<Vec<(usize, usize)>>,
    /// Classes from this one on say that an image carries the label.
    first_positive: usize,
}

impl ClassEvidence {
    /// Classes of evaluations; those without one do not count.
    pub fn of_classes(
        panel: &Panel<'_>,
        label: &str,
        num_classes: usize,
        class: impl Fn(&Reading) -> Option<usize>,
    ) -> Self {
        let judge = |&(rater_idx, one): &(usize, &Reading)| Some((rater_idx, class(one)?));
        let images = panel.images.iter();
        let images =
            images.map(|image| image.evaluations.iter().filter_map(judge).collect()).collect();
        Self { label: label.to_string(), num_classes, images, first_positive: 0 }
    }

    /// Yes and no as classes.
    pub fn of_presence(panel: &Panel<'_>, label: &str, says: impl Fn(&Reading) -> bool) -> Self {
        let class = |one: &Reading| Some(usize::from(says(one)));
        Self { first_positive: 1, ..Self::of_classes(panel, label, 2, class) }
    }

    /// The row for a part of the images.
    fn row(
        &self,
        image_idxs: &[u32],
        resamples: &[Vec<u32>],
        min_images: usize,
    ) -> ChanceCorrectedRow {
        let images = || image_idxs.iter().map(|&image_idx| &self.images[image_idx as usize]);
        let is_positive = |image: &&Vec<(usize, usize)>| {
            image.iter().any(|(_, class)| *class >= self.first_positive)
        };
        let num_images = images().filter(is_positive).count();
        if num_images < min_images {
            let too_few = true;
            return ChanceCorrectedRow { too_few, images: num_images, ..Default::default() };
        }
        let counts = self.counts(image_idxs);
        let num_raters = |count: &Vec<u64>| count.iter().sum::<u64>();
        let most = counts.iter().map(num_raters).max().unwrap_or(0);
        let complete: Vec<Vec<u64>> =
            counts.iter().filter(|count| num_raters(count) == most).cloned().collect();
        let alphas: Vec<Option<f64>> =
            resamples.iter().map(|images| krippendorff_alpha(&self.counts(images))).collect();
        ChanceCorrectedRow {
            too_few: false,
            images: num_images,
            cohen_kappa: Score::over_population(&self.cohen_kappas(image_idxs)),
            // One rater an image is not an error of the data: there is no agreement to speak of.
            fleiss_kappa: fleiss_kappa(&complete).ok().flatten(),
            fleiss_images: complete.len(),
            krippendorff_alpha: krippendorff_alpha(&counts),
            krippendorff_interval: percentile_interval(&alphas),
        }
    }

    /// For each image, how many raters gave each class.
    fn counts(&self, image_idxs: &[u32]) -> Vec<Vec<u64>> {
        let count = |&image_idx: &u32| {
            let mut count = vec![0; self.num_classes];
            self.images[image_idx as usize].iter().for_each(|(_, class)| count[*class] += 1);
            count
        };
        image_idxs.iter().map(count).collect()
    }

    fn cohen_kappas(&self, image_idxs: &[u32]) -> Vec<Option<f64>> {
        let mut by_pair: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
        for &image_idx in image_idxs {
            let image = &self.images[image_idx as usize];
            for (place, (rater, class)) in image.iter().enumerate() {
                for (other, other_class) in &image[place + 1..] {
                    by_pair.entry((*rater, *other)).or_default().push((*class, *other_class));
                }
            }
        }
        by_pair.values().map(|pairs| cohen_kappa(pairs)).collect()
    }
}

impl ChanceEvidence<'_> {
    /// The rows for a part of the images.
    pub fn rows(&self, cut: &Cut<'_>) -> Rows<ChanceCorrectedRow> {
        let image_idxs = self.records.image_idxs(cut.stratum);
        let resamples = cut.bootstrap.resamples(&image_idxs);
        let row = |one: &ClassEvidence| {
            (one.label.clone(), one.row(&image_idxs, &resamples, cut.min_images))
        };
        self.rows.par_iter().map(row).collect()
    }
}
